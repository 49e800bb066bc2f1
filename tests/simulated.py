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


def moved(x, k):
    """Rows of a value at places that come out of a computation."""
    n = x.shape[0]
    return tf.gather(x, tf.cast(tf.argsort(tf.reshape(x, [n, -1])[:, 0]) * k % n, tf.int32))


def scattered(x, k):
    """Rows of a value added to others."""
    n = x.shape[0]
    return tf.tensor_scatter_nd_add(x, (tf.range(n) * k % n)[:, None], tf.sin(x))


def multiplied(x, k):
    """A product of matrices in the shape of one of them."""
    m = tf.reshape(x, [x.shape[0], -1])
    return tf.reshape(tf.tanh(m @ tf.matmul(m, m, transpose_a=True)), x.shape)


def either(x, y):
    """One of two values, as it comes out."""
    return tf.cond(tf.reduce_sum(x) > 0.1, lambda: x * 2.0, lambda: y)


UNARY = [tf.tanh, tf.abs, tf.square, tf.sigmoid, lambda x: x * 0.5, lambda x: tf.reverse(x, [-1])]
UNARY += [
    tf.nn.softmax,
    lambda x: tf.concat([x[1:], tf.exp(-tf.abs(x[:1]))], 0),
    lambda x: tf.where(x > 0, x, -1.0),
]
BINARY = [tf.add, tf.multiply, tf.maximum, tf.subtract, either]
FOLDS = [tf.reduce_sum, tf.reduce_max, tf.reduce_mean, tf.reduce_min, tf.math.reduce_std]
MOVES = [moved, scattered, multiplied, lambda x, k: tf.cumsum(x, k % len(x.shape)), lambda x, k: tf.sort(x)]


@pytest.mark.parametrize("seed", range(16))
def test_random_programs(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 4)))
    values = [rng.standard_normal(shape).astype(np.float32) for _ in range(3)]
    choices = rng.integers(0, 1000, (12, 4))

    def f(*xs):
        known = list(xs)
        for kind, a, b, op in choices:
            x, y = known[a % len(known)], known[b % len(known)]
            if kind % 4 == 0:
                known.append(UNARY[op % len(UNARY)](x))
            elif kind % 4 == 1:
                known.append(BINARY[op % len(BINARY)](x, y))
            elif kind % 4 == 2:
                known.append(x - FOLDS[op % len(FOLDS)](x, int(a) % len(shape), keepdims=True))
            else:
                known.append(MOVES[op % len(MOVES)](x, 1 + int(a) % 5))
        return known[-1], known[-4], tf.reduce_sum(tf.abs(known[-2]) + 1.0)

    agree(f"seed {seed}", f, values, lanes=4)
