"""Kernels that are written by hand, on the simulator of cards, held against what their rows give.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import numpy as np
import pytest
from grid_kernels import KERNELS
from grids import eager, narrow, planned, simulated
from test_compiled_table import same

import nbtape as tf
from nbtape.compile.card import draw, normal
from nbtape.compile.card.actions import HostCall
from nbtape.compile.settings import Settings
from nbtape.kernels import philox, ziggurat
from nbtape.ops.sampler import OpStream

NARROW = "sort, the largest of many, running sums, running products, places of values, where, unique but nan"
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::nbtape.core.memory.HostWarning")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels(name, monkeypatch):
    monkeypatch.setattr(Settings, "deterministic", True)
    f, *values = KERNELS[name]
    tf.random.set_seed(1)
    expected = eager(f, values)
    tf.random.set_seed(1)
    for wanted, found in zip(expected, simulated(f, values, lanes=2, most=2), strict=True):
        same(wanted, found, name, rounding=100)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("name", NARROW.split(", "))
def test_kernels_of_narrow_numbers(name, dtype):
    f, *values = KERNELS[name]
    values = narrow(values, dtype.as_numpy_dtype)
    assert not any(isinstance(action, HostCall) for action in planned(f, values).actions)
    for wanted, found in zip(eager(f, values), simulated(f, values, lanes=2, most=2), strict=True):
        same(wanted, found, name, rounding=4)


def test_parts_that_normal_numbers_run_over_are_made_to_fit(monkeypatch):
    """With parts of one half word, and half of the numbers taking two of them."""
    monkeypatch.setattr(normal, "_EACH", 1)
    monkeypatch.setattr(ziggurat, "CORE", ziggurat.CORE // 2)
    words, wanted = np.zeros(8, np.int64), np.empty(40, np.float32)
    philox.start(words, 3, 7, 0, 0, 8)
    ziggurat.normal(words, None, wanted, 40)
    seed = np.array([3, 7], np.int32)
    (found,) = simulated(lambda seed: tf.random.stateless_normal([40], seed), [seed], lanes=2, most=2)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_leaves_the_common_stream_where_numpy_would(seed):
    tf.random.set_seed(seed)
    stream, rng = OpStream("uniform"), np.random.default_rng(seed)
    generator = stream.next()
    for _ in range(20):
        each, count = int(rng.choice([4, 8])), int(rng.integers(0, 20))
        before = generator.bit_generator.state
        wanted = generator.random(count, np.float32 if each == 8 else np.float64)
        after = generator.bit_generator.state
        generator.bit_generator.state = before
        words = draw.taken(stream, count, each)
        at = philox.half_at if each == 8 else philox.word_at
        assert [philox.fraction(at(words, i)) for i in range(count)] == wanted.tolist()
        found = generator.random(5, np.float32).tolist()
        generator.bit_generator.state = after
        assert found == generator.random(5, np.float32).tolist()
