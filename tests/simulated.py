"""Programs on the simulator of cards, held against what they give op by op.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import numpy as np
import pytest
import test_table as table
from grids import IDS, PROGRAMS, TABLE, eager, planned, simulated
from test_compiled_table import Call, elementwise, is_array, same, samples_by_file

import nbtape as tf
from nbtape.compile import device
from nbtape.compile.card.actions import HostCall
from nbtape.compile.card.control import walk
from nbtape.compile.card.host import CardHost
from nbtape.compile.fusion.group import NATIVE
from nbtape.core.kernel import Reduce, Scalar
from nbtape.ops.shape import ranked

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def agree(name, f, values, lanes=8, most=3):
    for wanted, found in zip(eager(f, values), simulated(f, values, lanes, most), strict=True):
        same(wanted, found, name, rounding=100)


def test_it_is_the_simulator():
    assert device.SIMULATED


@pytest.mark.parametrize("grid", [{}, {"lanes": 16, "most": 1}], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, grid):
    f, *values = PROGRAMS[name]
    agree(name, f, values, **grid)


def test_folds_give_the_same_at_each_run():
    f, *values = PROGRAMS["folded every way"]
    first, second = [[y.tobytes() for y in simulated(f, values)] for _ in range(2)]
    assert first == second


@pytest.mark.parametrize("shapes", [[(5, 7)] * 3, [(3, 1), (4,), (2, 1, 1)]], ids=str)
def test_elementwise_rows(shapes):
    rng = np.random.default_rng(0)

    def draw(domains):
        xs = [table.drawn(d, shape, rng) for d, shape in zip(domains, shapes)]
        return [ranked(x.astype(np.float32)) if x.dtype == np.float64 else x for x in xs]

    for call in elementwise(draw):
        called(call)


@pytest.mark.parametrize("calls", samples_by_file())
def test_samples(calls):
    """What is pointwise or a fold runs on the card; other rows do, or the host does them."""
    for call in calls:
        called(call)


def called(call: Call):
    values = [x for x in call.args if is_array(x)]

    def f(*tensors):
        given = iter(tensors)
        return call.value([next(given) if is_array(x) else x for x in call.args])

    tf.random.set_seed(0)
    wanted = eager(f, values)
    tf.random.set_seed(0)
    plan = planned(f, values, lanes=1, most=2)  # many threads take much time here
    if any(isinstance(action, HostCall) for action in walk(plan.actions)):
        if isinstance(call.row.kernel, Scalar | Reduce):
            assert not {x.dtype for x in (*values, *wanted)} <= NATIVE, call.name
        return  # the host would do as it has done
    for y, z in zip(wanted, CardHost(plan).run(values), strict=True):
        same(y, np.asarray(z), call.name, rounding=100)


def test_an_index_out_of_range_is_told_with_the_users_line():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        simulated(lambda t, i: tf.gather(t, i), [TABLE, IDS + 3])
    assert "indices[0] = 4 is not in [0, 4)" in str(raised.value) and "simulated.py" in str(raised.value)


UNARY = [tf.tanh, tf.abs, tf.square, tf.sigmoid, lambda x: x * 0.5, lambda x: tf.reverse(x, [-1])]
BINARY = [tf.add, tf.multiply, tf.maximum, tf.subtract]
FOLDS = [tf.reduce_sum, tf.reduce_max, tf.reduce_mean, tf.reduce_min]


@pytest.mark.parametrize("seed", range(10))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 4)))
    values = [rng.standard_normal(shape).astype(np.float32) for _ in range(3)]
    choices = rng.integers(0, 1000, (12, 4))

    def f(*xs):
        known = list(xs)
        for kind, a, b, op in choices:
            x, y = known[a % len(known)], known[b % len(known)]
            if kind % 3 == 0:
                known.append(UNARY[op % len(UNARY)](x))
            elif kind % 3 == 1:
                known.append(BINARY[op % len(BINARY)](x, y))
            else:
                known.append(x - FOLDS[op % len(FOLDS)](x, int(a) % len(shape), keepdims=True))
        return known[-1], known[-4], tf.reduce_sum(tf.abs(known[-2]) + 1.0)

    agree(f"seed {seed}", f, values, lanes=4)
