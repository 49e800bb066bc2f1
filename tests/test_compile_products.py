"""Products of matrices are right in tiles and by BLAS, whatever their sizes and wherever they lie."""

from dataclasses import replace

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.planning import (
    divide,
    multiply,
)
from nbtape.compile.planning.control import Loop
from nbtape.compile.planning.layout import Buffer, dense
from nbtape.compile.planning.multiply import blocks_of
from nbtape.compile.planning.plan import Launch, plan_of
from nbtape.compile.planning.tiles import vector_bytes
from nbtape.compile.running.host import Host
from nbtape.compile.running.steps import GEMM
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.passes import optimise
from nbtape.graph.program import Program, Step, Value, program_of

tiled = pytest.mark.skipif(vector_bytes() < 64, reason="tiles are for CPUs with vectors of 64 bytes")

# m, n, k: those of a train step, even and odd ones, of few rows, of few columns, and with a large matrix
TILED = [
    (32, 128, 784),
    (784, 128, 32),
    (33, 127, 301),
    (97, 63, 400),
    (1, 1024, 1024),
    (3, 700, 513),
    (5, 63, 7001),
    (2000, 30, 40),
    (1100, 1000, 1),
    (64, 256, 1200),
    (16, 2048, 300),
]
BLAS = [(16, 64, 64), (1, 1, 1), (512, 512, 512), (4000, 10, 100), (15, 1030, 1030), (32, 8192, 70)]


def value(array):
    return Value(Spec(array.shape, array.dtype))


def planned(a, b, **attrs):
    """The plan of a product, and how it is made: in tiles, or by BLAS."""
    xs = [value(a), value(b)]
    y = Value(o.matmul.infer(*[x.spec for x in xs], **attrs))
    plan = plan_of(Program(xs, [y], [Step(o.matmul, tuple(xs), attrs, (y,))]))
    kernels = {action.kernel.text for action in plan.actions if isinstance(action, Launch)}
    return plan, "blas" if kernels & set(GEMM.values()) else "tiles"


def multiplied(a, b, **attrs):
    return Host(planned(a, b, **attrs)[0], bare=True).run([a, b])[0]


def matrices(m, n, k, dtype=np.float32):
    rng = np.random.default_rng(m + n + k)
    return [rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n))]


def close(got, a, b):
    """Whether a product is as close to that of float64 as its dtype allows."""
    wanted = np.matmul(a.astype(np.float64), b.astype(np.float64))
    assert got.dtype == a.dtype and got.shape == wanted.shape
    bound = np.matmul(np.abs(a), np.abs(b)) * np.finfo(a.dtype).eps * (2 + np.sqrt(a.shape[-1]))
    assert (np.abs(got - wanted) <= bound).all()


@tiled
@pytest.mark.parametrize("sizes", TILED)
def test_products_that_blas_would_copy_are_made_in_tiles(sizes):
    a, b = matrices(*sizes)
    assert planned(a, b)[1] == "tiles"
    close(multiplied(a, b), a, b)


@tiled
@pytest.mark.parametrize("sizes", BLAS)
def test_other_products_are_made_by_blas(sizes):
    a, b = matrices(*sizes)
    assert planned(a, b)[1] == "blas"
    close(multiplied(a, b), a, b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("sizes", [TILED[0], TILED[2], (64, 256, 300), BLAS[0]])
def test_operands_may_be_transposed(sizes, transpose_a, transpose_b, dtype):
    a, b = matrices(*sizes, dtype)
    given = [np.ascontiguousarray(x.T) if turn else x for x, turn in ((a, transpose_a), (b, transpose_b))]
    attrs = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    close(multiplied(*given, **attrs), a, b)
    if sizes != BLAS[0] and vector_bytes() == 64:
        assert planned(*given, **attrs)[1] == ("blas" if transpose_b else "tiles")


@pytest.mark.parametrize("shapes", [((3, 40, 200), (3, 200, 150)), ((2, 3, 40, 200), (200, 150))])
def test_products_come_in_batches(shapes):
    rng = np.random.default_rng(0)
    a, b = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    close(multiplied(a, b), a, b)


def test_operands_may_be_parts_of_other_arrays():
    """Rows far apart, columns first: as slices and transposes leave them."""
    whole_a, whole_b = matrices(100, 300, 320)
    xs = [value(whole_a), value(whole_b)]
    cut = {"begin": (7, 3)}
    a, b = Value(Spec((90, 300), np.float32)), Value(Spec((300, 200), np.float32))
    turned, y = Value(Spec((300, 90), np.float32)), Value(Spec((90, 200), np.float32))
    steps = [
        Step(o.slice, (xs[0],), {**cut, "size": (90, 300)}, (a,)),
        Step(o.slice, (xs[1],), {**cut, "size": (300, 200)}, (b,)),
        Step(o.transpose, (a,), {"perm": (1, 0)}, (turned,)),
        Step(o.matmul, (turned, b), {"transpose_a": True, "transpose_b": False}, (y,)),
    ]
    (got,) = Host(plan_of(Program(xs, [y], steps)), bare=True).run([whole_a, whole_b])
    close(got, whole_a[7:97, 3:303], whole_b[7:307, 3:203])


@pytest.mark.parametrize("strange", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("sizes", [TILED[2], BLAS[0]])
def test_what_is_not_finite_survives(sizes, strange):
    a, b = matrices(*sizes)
    a[3, 5] = b[7, 9] = strange
    with np.errstate(invalid="ignore"):
        got, wanted = multiplied(a, b), np.matmul(a, b)
    assert not np.isfinite(wanted).all()
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("sizes", [(256, 128, 784), (403, 64, 900), (2048, 16, 600), (600, 600, 600)])
def test_parts_of_a_large_product_make_each_row_once(sizes, transposed, monkeypatch):
    monkeypatch.setattr(divide, "THREADS", 4)
    monkeypatch.setattr(divide, "_PART", 10_000)
    a, b = matrices(*sizes)
    given = np.ascontiguousarray(a.T) if transposed else a
    attrs = {"transpose_a": transposed, "transpose_b": False}
    plan = planned(given, b, **attrs)[0]
    (parts,) = [action.parts for action in plan.actions if len(getattr(action, "parts", ())) > 1]
    assert sum(word.value for part in parts for word in part if word.name == "m") == sizes[0]
    close(multiplied(given, b, **attrs), a, b)


@tiled
@pytest.mark.parametrize("sizes", [(64, 256, 500), (32, 512, 500), (67, 256, 500), (64, 250, 500)])
def test_sums_in_several_goes_add_nothing_twice(sizes, monkeypatch):
    """Tiles that overlap would: where columns do, and in the rows that are left over, all is summed at one
    go.
    """
    monkeypatch.setattr(multiply, "_FAR", 100)
    m, n, k = sizes
    a, b, y = [dense(Buffer(0, np.dtype(np.float32)), shape) for shape in ((k, m), (k, n), (m, n))]
    a = replace(a, shape=(m, k), strides=(1, m))
    blocks = blocks_of(a, b, y)
    assert blocks is not None
    assert (blocks.deep < k) == (n % blocks.tiles.width == 0) == (n != 250)
    whole_a, whole_b = matrices(*sizes)
    attrs = {"transpose_a": True, "transpose_b": False}
    close(multiplied(np.ascontiguousarray(whole_a.T), whole_b, **attrs), whole_a, whole_b)


@tiled
def test_other_sizes_need_no_new_kernel():
    texts = []
    for sizes in [(32, 128, 784), (24, 128, 784), (33, 192, 500), (300, 128, 64)]:
        plan = planned(*matrices(*sizes))[0]
        texts.append({action.kernel.text for action in plan.actions if isinstance(action, Launch)})
    assert all(text == texts[0] for text in texts)


@pytest.mark.parametrize("shape", [(4, 8), (2, 4, 8)])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_a_loop_finds_the_matrix_of_its_products_turned_as_they_read_it(transpose_b, shape):
    """And other steps of the loop find it as it was."""
    rng = np.random.default_rng(0)
    x, w = [rng.standard_normal(shape).astype(np.float32) for shape in (shape, (8, 8))]

    def repeat(x, w):
        _, y = tf.while_loop(
            lambda i, y: i < 3,
            lambda i, y: (i + 1, tf.matmul(y, w, transpose_b=transpose_b) / 4 + y[0] * w[:4]),
            (0, x),
        )
        return y

    program = optimise(program_of(tf.function(repeat).get_concrete_function(x, w).graph))
    plan = plan_of(program)
    (loop,) = [action for action in plan.actions if isinstance(action, Loop)]
    told = [word.value for action in loop.body for word in action.kernel.words if word.name == "transpose_b"]
    assert told == [0]
    wanted, turned = x, w.T if transpose_b else w
    for _ in range(3):
        wanted = wanted @ turned / 4 + wanted[0] * w[:4]
    np.testing.assert_allclose(Host(plan, bare=True).run([x, w])[0], wanted, rtol=1e-4, atol=1e-5)
