"""The CPU kernels against plain NumPy, against their own transposes, and against central differences."""

import itertools

import ml_dtypes
import numpy as np
import pytest

from nbtape.core.crew import crew, native
from nbtape.kernels.cpu.conv import conv, conv_input_grad, conv_kernel_grad
from nbtape.kernels.cpu.depthwise import depthwise, depthwise_input_grad, depthwise_kernel_grad
from nbtape.kernels.cpu.optim import adam, momentum, sgd
from nbtape.kernels.cpu.pool import avg_pool, avg_pool_grad, max_pool, max_pool_grad, max_pool_index
from nbtape.kernels.cpu.scan import (
    cumlogsumexp,
    cummax,
    cummin,
    cumprod,
    cumprod_grad,
    cumsum,
    recurrence,
    scan_loop,
)
from nbtape.kernels.cpu.scatter import scatter_add, scatter_rows, segment_reduce

TOLERANCE = {"e": 2e-2, "E": 5e-2, "f": 2e-5, "d": 1e-12}
NAN, INF = np.nan, np.inf
DIRECTIONS = [
    {"exclusive": exclusive, "reverse": reverse}
    for exclusive, reverse in itertools.product((False, True), repeat=2)
]

# input shape, kernel size, then strides, padding and dilations
GEOMETRIES = [
    ((2, 7, 3), (3,), (1,), ((1, 1),), (1,)),
    ((2, 8, 3), (2,), (3,), ((0, 2),), (2,)),
    ((2, 5, 6, 2), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    ((1, 7, 6, 3), (3, 2), (2, 1), ((0, 1), (1, 0)), (1, 2)),
    ((2, 4, 5, 3), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    ((2, 4, 5, 3), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    ((2, 4, 5, 3), (1, 1), (1, 1), ((0, 1), (0, 0)), (1, 1)),
    ((1, 3, 4, 1), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1)),
    ((1, 4, 5, 4, 2), (2, 3, 2), (2, 1, 1), ((0, 1), (1, 1), (0, 0)), (1, 1, 2)),
]


def random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(got, wanted):
    """Compare shape, dtype and values, as exactly as the dtype allows."""
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    tolerance = TOLERANCE.get(got.dtype.char, 0)
    got, wanted = (a.astype(np.float64) for a in (got, wanted))
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def differences(f, x, step=1e-5):
    """Give the gradient of the number f(x) by central differences."""
    gradient = np.empty_like(x)
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        gradient[at] = (f(up) - f(down)) / (2 * step)
    return gradient


def near(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-7)


def taps_of(x, size, strides, padding, dilations, fill):
    """Yield each tap of a window with the cells of x that it reads, one for each cell of the output."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    dims = list(zip(padded.shape[1:-1], size, strides, dilations, strict=True))
    out = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in dims]
    for tap in np.ndindex(*size):
        steps = zip(tap, out, dims, strict=True)
        yield tap, padded[:, *[slice(t * d, t * d + (n - 1) * s + 1, s) for t, n, (_, _, s, d) in steps]]


def plain_conv(x, k, strides, padding, dilations):
    return sum(cells @ k[tap] for tap, cells in taps_of(x, k.shape[:-2], strides, padding, dilations, 0))


def plain_depthwise(x, k, strides, padding, dilations):
    taps = taps_of(x, k.shape[:-2], strides, padding, dilations, 0)
    y = sum(cells[..., None] * k[tap] for tap, cells in taps)
    return y.reshape(*y.shape[:-2], -1)


def windows(x, size, strides, padding, fill):
    """Stack what each window holds along a new first axis."""
    return np.stack([cells for _, cells in taps_of(x, size, strides, padding, (1,) * len(size), fill)])


def geometry(strides, padding, dilations):
    return {"strides": strides, "padding": padding, "dilations": dilations}


CONVOLUTIONS = {
    "conv": (conv, conv_input_grad, conv_kernel_grad, plain_conv),
    "depthwise": (depthwise, depthwise_input_grad, depthwise_kernel_grad, plain_depthwise),
}


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("shape, size, strides, padding, dilations", GEOMETRIES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_and_its_gradients_agree_with_plain_numpy(
    name, shape, size, strides, padding, dilations, outputs
):
    forward, input_grad, kernel_grad, plain = CONVOLUTIONS[name]
    x, k = random(shape), random((*size, shape[-1], outputs), seed=1)
    where = geometry(strides, padding, dilations)
    y = forward(x, k, **where)
    close(y, plain(x, k, strides, padding, dilations))
    g = random(y.shape, seed=2)
    dx, dk = input_grad(g, k, input_shape=x.shape, **where), kernel_grad(x, g, kernel_shape=k.shape, **where)
    near(dx, differences(lambda x: np.sum(g * plain(x, k, strides, padding, dilations)), x))
    near(dk, differences(lambda k: np.sum(g * plain(x, k, strides, padding, dilations)), k))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_gives_the_dtype_it_was_given(name, dtype):
    forward, input_grad, kernel_grad, plain = CONVOLUTIONS[name]
    x, k = random((2, 5, 6, 2), dtype), random((3, 2, 2, 3), dtype, seed=1)
    where = geometry((1, 2), ((1, 1), (0, 1)), (1, 1))
    y = forward(x, k, **where)
    wanted = plain(x.astype(np.float64), k.astype(np.float64), *where.values())
    close(y, wanted.astype(dtype))
    dx = input_grad(y, k, input_shape=x.shape, **where)
    dk = kernel_grad(x, y, kernel_shape=k.shape, **where)
    assert (dx.dtype, dx.shape, dk.dtype, dk.shape) == (x.dtype, x.shape, k.dtype, k.shape)
    wide = [a.astype(np.float64) for a in (x, k, y, dx, dk)]
    norm = np.vdot(wide[2], wide[2])
    assert np.vdot(wide[0], wide[3]) == pytest.approx(norm, rel=TOLERANCE[y.dtype.char])
    assert np.vdot(wide[1], wide[4]) == pytest.approx(norm, rel=TOLERANCE[y.dtype.char])


@pytest.mark.parametrize("bytes_of_patches", [1, 2000, 5000])
def test_convolution_is_the_same_however_it_is_cut(monkeypatch, bytes_of_patches):
    x, k, where = random((3, 5, 6, 2)), random((3, 3, 2, 4)), geometry((1, 1), ((1, 1), (0, 0)), (1, 1))

    def results():
        y = conv(x, k, **where)
        return (
            y,
            conv_input_grad(y, k, input_shape=x.shape, **where),
            conv_kernel_grad(x, y, kernel_shape=k.shape, **where),
        )

    whole = results()
    monkeypatch.setattr("nbtape.kernels.cpu.conv.PATCH_BYTES", bytes_of_patches)
    for cut, wanted in zip(results(), whole, strict=True):
        close(cut, wanted)


def test_convolution_of_integers_is_exact():
    x = np.arange(24, dtype=np.int32).reshape(1, 4, 3, 2)
    k = np.arange(16, dtype=np.int32).reshape(2, 2, 2, 2)
    where = geometry((1, 1), ((0, 0), (0, 0)), (1, 1))
    close(conv(x, k, **where), plain_conv(x, k, *where.values()).astype(np.int32))


@pytest.mark.parametrize(
    "shape, channels",
    [((0, 4, 4, 2), 3), ((2, 1, 1, 2), 3), ((2, 4, 1, 2), 3), ((2, 4, 4, 0), 3), ((2, 4, 4, 2), 0)],
)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_of_nothing_is_empty_or_zero(name, shape, channels):
    forward, input_grad, kernel_grad, _ = CONVOLUTIONS[name]
    where = geometry((1, 1), ((0, 0), (0, 0)), (1, 1))
    x, k = random(shape), random((2, 2, shape[-1], channels))
    y = forward(x, k, **where)
    assert y.shape == (
        shape[0],
        shape[1] - 1,
        shape[2] - 1,
        channels if name == "conv" else channels * shape[-1],
    )
    assert not y.any()
    assert not input_grad(y, k, input_shape=x.shape, **where).any()
    assert kernel_grad(x, y, kernel_shape=k.shape, **where).shape == k.shape


def test_convolution_takes_strided_and_read_only_arrays():
    x, k = random((2, 6, 5, 4)).transpose(0, 2, 1, 3)[..., ::2], random((3, 3, 2, 3))
    x.flags.writeable = k.flags.writeable = False
    where = geometry((1, 1), ((1, 1), (1, 1)), (1, 1))
    close(conv(x, k, **where), plain_conv(x, k, *where.values()))
    close(depthwise(x, k, **where), plain_depthwise(x, k, *where.values()))


POOLS = [
    case[:4]
    for case in GEOMETRIES
    if all(lo < k and hi < k for (lo, hi), k in zip(case[3], case[1], strict=True))
]


@pytest.mark.parametrize("shape, size, strides, padding", POOLS)
def test_pools_and_their_gradients_agree_with_plain_numpy(shape, size, strides, padding):
    x, where = random(shape), {"ksize": size, "strides": strides, "padding": padding}
    y, mean = max_pool(x, **where), avg_pool(x, **where)
    close(y, np.max(windows(x, size, strides, padding, -INF), 0))
    close(mean, np.nanmean(windows(x, size, strides, padding, NAN), 0))
    close(x.reshape(-1)[max_pool_index(x, **where)], y)
    g = random(y.shape, seed=1)
    near(max_pool_grad(g, x, **where), differences(lambda x: np.sum(g * max_pool(x, **where)), x))
    near(
        avg_pool_grad(g, input_shape=shape, **where),
        differences(lambda x: np.sum(g * avg_pool(x, **where)), x),
    )


SQUARE = {"ksize": (2, 2), "strides": (1, 1), "padding": ((0, 0), (0, 0))}


def test_max_pool_gives_the_gradient_to_the_first_maximum():
    x = np.array([[1, 1, 1], [1, 1, 1], [0, 2, 2]], np.float32)[None, ..., None]
    index = max_pool_index(x, **SQUARE)
    assert index.dtype == np.int64
    assert index.reshape(-1).tolist() == [0, 1, 7, 7]
    g = np.array([[1, 2], [3, 4]], np.float32)[None, ..., None]
    assert max_pool_grad(g, x, **SQUARE)[0, ..., 0].tolist() == [[1, 2, 0], [0, 0, 0], [0, 7, 0]]


def test_max_pool_of_a_window_with_nan_is_its_first_nan():
    x = np.array([[1, NAN, 2], [-INF, -INF, NAN], [-INF, -INF, 0]])[None, ..., None]
    np.testing.assert_array_equal(max_pool(x, **SQUARE)[0, ..., 0], [[NAN, NAN], [-INF, NAN]])
    assert max_pool_index(x, **SQUARE).reshape(-1).tolist() == [1, 1, 3, 5]


def test_avg_pool_of_nan_is_nan():
    x = np.array([[1, NAN], [3, 4]])[None, ..., None]
    assert np.isnan(avg_pool(x, **SQUARE)).all()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_pools_give_the_dtype_they_were_given(dtype):
    x, where = random((2, 5, 4, 3), dtype), {"ksize": (3, 2), "strides": (2, 2), "padding": ((1, 1), (0, 0))}
    wide = x.astype(np.float64)
    y = max_pool(x, **where)
    close(y, max_pool(wide, **where).astype(dtype))
    close(avg_pool(x, **where), avg_pool(wide, **where).astype(dtype))
    close(max_pool_grad(y, x, **where), max_pool_grad(y.astype(np.float64), wide, **where).astype(dtype))
    close(
        avg_pool_grad(y, input_shape=x.shape, **where),
        avg_pool_grad(y.astype(np.float64), input_shape=x.shape, **where).astype(dtype),
    )
    assert max_pool_index(x, **where).dtype == np.int64


def test_max_pool_takes_integers():
    x = np.arange(9, dtype=np.int32).reshape(1, 3, 3, 1) - 20
    assert max_pool(x, **SQUARE).reshape(-1).tolist() == [-16, -15, -13, -12]


def test_pools_of_an_empty_batch_are_empty():
    x = np.empty((0, 3, 3, 2), np.float32)
    for pooled in (max_pool(x, **SQUARE), max_pool_index(x, **SQUARE), avg_pool(x, **SQUARE)):
        assert pooled.shape == (0, 2, 2, 2)
    g = np.empty((0, 2, 2, 2), np.float32)
    assert (
        max_pool_grad(g, x, **SQUARE).shape
        == avg_pool_grad(g, input_shape=x.shape, **SQUARE).shape
        == x.shape
    )


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.int32, complex])
@pytest.mark.parametrize("indices", [np.int32([0, 3, 0, 3, 1]), np.int64([[2, 2], [0, 1]]), np.int64(2)])
def test_scatter_add_adds_rows_that_meet(dtype, indices):
    updates = (10 * random((*indices.shape, 2, 3))).astype(dtype)
    wanted = np.zeros((4, 2, 3), complex if dtype is complex else np.float64)
    np.add.at(wanted, indices, updates.astype(wanted.dtype))
    got = scatter_add(indices, updates, rows=4)
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(wanted.dtype), wanted, rtol=TOLERANCE.get(got.dtype.char, 1e-12))


def test_scatter_add_drops_indices_outside():
    got = scatter_add(np.array([-1, 4, 1, -5]), np.ones(4, np.float32), rows=4)
    assert got.tolist() == [0, 1, 0, 0]
    got = scatter_add(np.array([-1, 4, 1, -5]), np.ones(4, complex), rows=4)
    assert got.tolist() == [0, 1, 0, 0]


def test_scatter_add_of_nothing_is_zeros():
    assert scatter_add(np.empty(0, np.int64), np.empty((0, 2)), rows=3).tolist() == [[0, 0]] * 3
    assert scatter_add(np.array([0, 1]), np.empty((2, 0)), rows=3).shape == (3, 0)
    assert scatter_add(np.empty(0, np.int64), np.empty((0, 2)), rows=0).shape == (0, 2)


UFUNCS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "update": lambda a, b: b,
}


UNORDERED = [(kind, complex) for kind in UFUNCS if kind not in ("max", "min")]
REAL = itertools.product(UFUNCS, (np.float16, np.float32, np.float64, np.int32))


@pytest.mark.parametrize("kind, dtype", [*REAL, *UNORDERED])
def test_scatter_rows_changes_only_the_rows_it_names(kind, dtype):
    target, updates = (
        (10 * random((4, 3)) + 20).astype(dtype),
        (5 * random((3, 3), seed=1) + 20).astype(dtype),
    )
    wanted = target.copy()
    for row, update in zip((2, 0, 2), updates, strict=True):
        wanted[row] = UFUNCS[kind](wanted[row], update)
    scatter_rows(target, np.array([2, 0, 2]), updates, kind)
    np.testing.assert_allclose(target, wanted, rtol=1e-2 if dtype is np.float16 else 1e-6)


def test_scatter_rows_writes_through_a_strided_target():
    base = np.zeros((3, 4), np.float32)
    scatter_rows(base[:, ::2], np.array([1]), np.ones((1, 2), np.float32), "add")
    assert base.tolist() == [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_scatter_rows_updates_booleans():
    target = np.zeros(3, bool)
    scatter_rows(target, np.array([1, 7]), np.array([True, True]), "update")
    assert target.tolist() == [False, True, False]


@pytest.mark.parametrize("kind", ["max", "min"])
def test_scatter_rows_keeps_nan(kind):
    target = np.array([NAN, 1.0])
    scatter_rows(target, np.array([0, 1, 1]), np.array([3.0, NAN, 3.0]), kind)
    assert np.isnan(target).all()


FOLDS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("kind", FOLDS)
def test_segment_reduce_agrees_with_plain_numpy(kind, dtype):
    data, ids = (4 * random((6, 2))).astype(dtype), np.array([3, 0, 3, -1, 0, 3])
    got = segment_reduce(data, ids, rows=5, kind=kind)
    assert got.dtype == dtype
    for segment in (0, 3):
        wanted = FOLDS[kind](data[ids == segment].astype(np.float64), 0)
        np.testing.assert_allclose(got[segment], wanted, rtol=1e-2 if dtype is np.float16 else 1e-6)


def test_segment_reduce_fills_empty_segments_as_tensorflow_does():
    def empty(kind, dtype):
        return segment_reduce(np.empty(0, dtype), np.empty(0, np.int32), rows=1, kind=kind)[0]

    for dtype in (np.float16, np.float32, np.float64):
        limits = np.finfo(dtype)
        assert [empty(kind, dtype) for kind in FOLDS] == [0, 1, limits.min, limits.max]
    assert [empty(kind, np.int32) for kind in FOLDS] == [0, 1, -(2**31), 2**31 - 1]
    assert empty("min", ml_dtypes.bfloat16) == ml_dtypes.finfo(ml_dtypes.bfloat16).max


SCANS = {
    "cumsum": (cumsum, np.add, 0),
    "cumprod": (cumprod, np.multiply, 1),
    "cummax": (cummax, np.maximum, -INF),
    "cummin": (cummin, np.minimum, INF),
    "cumlogsumexp": (cumlogsumexp, np.logaddexp, -INF),
}


def plain_scan(ufunc, neutral, x, axis, exclusive, reverse):
    x = np.flip(x, axis) if reverse else x
    y = ufunc.accumulate(x, axis)
    if exclusive:
        first = np.full_like(np.take(x, [0], axis), neutral)
        y = np.concatenate([first, np.take(y, range(x.shape[axis] - 1), axis)], axis)
    return np.flip(y, axis) if reverse else y


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SCANS)
def test_scans_agree_with_plain_numpy(name, direction, axis):
    scan, ufunc, neutral = SCANS[name]
    x = random((3, 4, 2))
    close(scan(x, axis=axis, **direction), plain_scan(ufunc, neutral, x, axis, **direction))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
@pytest.mark.parametrize("name", SCANS)
def test_scans_give_the_dtype_they_were_given(name, dtype):
    scan, ufunc, neutral = SCANS[name]
    x = random((3, 4), dtype)
    wanted = plain_scan(ufunc, neutral, x.astype(np.float64), 1, False, False)
    close(scan(x, axis=1), wanted.astype(dtype))


def test_scans_take_integers():
    x = np.array([3, 1, 4, -1], np.int32)
    close(cumsum(x, axis=0), np.array([3, 4, 8, 7], np.int32))
    close(cumprod(x, axis=0, exclusive=True), np.array([1, 3, 3, 12], np.int32))
    close(cummax(x, axis=0, exclusive=True), np.array([-(2**31), 3, 3, 4], np.int32))
    close(cummin(x, axis=0, reverse=True), np.array([-1, -1, -1, -1], np.int32))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", SCANS)
def test_scans_of_nothing_are_empty(name, direction):
    for shape in ((0, 3), (3, 0)):
        for axis in (0, 1):
            assert SCANS[name][0](np.empty(shape), axis=axis, **direction).shape == shape


def test_scans_keep_nan():
    x = np.array([1, NAN, 5.0, -1])
    for name, (scan, *_) in SCANS.items():
        assert np.isnan(scan(x, axis=0)).tolist() == [False, True, True, True], name


def test_cumlogsumexp_is_stable_at_the_ends_of_the_line():
    for x, wanted in [
        ([-INF, -INF, 0, -INF], [-INF, -INF, 0, 0]),
        ([-1e4, 0, 1e4, 1e4], [-1e4, 0, 1e4, 1e4 + np.log(2)]),
        ([0, INF, 1, -INF, INF], [0, INF, INF, INF, INF]),
        ([-INF, NAN, INF], [-INF, NAN, NAN]),
    ]:
        np.testing.assert_allclose(cumlogsumexp(np.array(x, np.float64), axis=0), wanted)


def test_cumlogsumexp_of_many_loses_no_digits():
    x = np.zeros(100_000, np.float32)
    np.testing.assert_array_equal(cumlogsumexp(x, axis=0)[-1], np.log(np.float32(100_000)))


@pytest.mark.parametrize("zeros", [(), (0,), (1,), (0, 2), (3,)])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cumprod_grad_is_right_with_zeros(direction, zeros):
    x, g = random((2, 4, 3)), random((2, 4, 3), seed=1)
    x[:, list(zeros), 1] = 0
    got = cumprod_grad(g, x, axis=1, **direction)
    near(got, differences(lambda x: np.sum(g * cumprod(x, axis=1, **direction)), x))


def test_cumprod_grad_counts_every_product_that_a_zero_hides():
    assert cumprod_grad(np.ones(3), np.array([0.0, 3, 2]), axis=0).tolist() == [10, 0, 0]
    assert cumprod_grad(np.ones(3), np.array([0.0, 2, 3]), axis=0).tolist() == [9, 0, 0]


@pytest.mark.parametrize("reverse", [False, True])
def test_gradient_of_a_recurrence_is_a_recurrence(reverse):
    a, b, g = (random((2, 4, 3), seed=seed) for seed in range(3))

    def solve(a, b):
        y, last = np.empty_like(b), 0
        for i in reversed(range(4)) if reverse else range(4):
            y[:, i] = last = a[:, i] * last + b[:, i]
        return y

    y = recurrence(a, b, axis=1, reverse=reverse)
    close(y, solve(a, b))
    zeros = np.zeros((2, 1, 3))
    ahead = np.concatenate([zeros, a[:, :-1]] if reverse else [a[:, 1:], zeros], 1)
    before = np.concatenate([y[:, 1:], zeros] if reverse else [zeros, y[:, :-1]], 1)
    r = recurrence(ahead, g, axis=1, reverse=not reverse)
    near(r, differences(lambda b: np.sum(g * solve(a, b)), b))
    near(r * before, differences(lambda a: np.sum(g * solve(a, b)), a))


def plain_sgd(p, g, lr):
    return (p - lr * g,)


def plain_momentum(p, v, g, lr, mu, nesterov):
    v = mu * v - lr * g
    return (p + mu * v - lr * g if nesterov else p + v), v


def plain_adam(p, m, v, g, alpha, beta1, beta2, eps):
    m, v = m + (g - m) * (1 - beta1), v + (g * g - v) * (1 - beta2)
    return p - alpha * m / (np.sqrt(v) + eps), m, v


OPTIMIZERS = [
    (sgd, plain_sgd, 1, (0.1,)),
    (momentum, plain_momentum, 2, (0.1, 0.9, False)),
    (momentum, plain_momentum, 2, (0.1, 0.9, True)),
    (adam, plain_adam, 3, (0.01, 0.9, 0.999, 1e-7)),
]


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (0,)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("step, plain, states, scalars", OPTIMIZERS)
def test_optimizers_agree_with_plain_numpy(step, plain, states, scalars, dtype, shape):
    *targets, g = (np.array(abs(random(shape, seed=seed)), dtype) for seed in range(states + 1))
    wanted = plain(*[a.astype(np.float64) for a in (*targets, g)], *scalars)
    step([(*targets, g)], *scalars)
    for target, value in zip(targets, wanted, strict=True):
        close(target, np.asarray(value, dtype))


@pytest.mark.parametrize("step, plain, states, scalars", OPTIMIZERS)
def test_threads_share_a_step_over_many_variables(step, plain, states, scalars):
    shapes = [(300, 200), (7,), (0, 3), (), (100, 1000)]
    rows = [tuple(np.array(abs(random(s, seed=k)), "f") for k in range(states + 1)) for s in shapes]
    wanted = [plain(*[a.astype(np.float64) for a in row], *scalars) for row in rows]
    counts = []

    def offer(parts):
        counts.append(len(parts))
        crew().share(native(), parts)
        return True

    step(rows, *scalars, offer=offer)
    assert counts == [4 + 1 + 0 + 1 + 7]
    for (*targets, _), values in zip(rows, wanted, strict=True):
        for target, value in zip(targets, values, strict=True):
            close(target, value.astype("f"))


def test_optimizers_write_through_strided_arrays():
    base, v, g = random((4, 6)), random((4, 3)), random((3, 4)).T
    kept, (p, wanted_v) = base[:, 1::2].copy(), plain_momentum(base[:, ::2], v, g, 0.1, 0.9, True)
    momentum([(base[:, ::2], v, g)], 0.1, 0.9, True)
    close(base[:, ::2], p)
    close(v, wanted_v)
    close(base[:, 1::2], kept)


def test_optimizers_let_nan_through():
    p, m, v, g = (np.array([1.0, NAN], np.float32) for _ in range(4))
    adam([(p, m, v, g)], 0.1, 0.9, 0.999, 1e-7)
    assert np.isnan([p, m, v]).tolist() == [[False, True]] * 3


def test_a_kernel_is_compiled_once_for_arrays_that_may_and_may_not_be_written():
    x = random((3, 2))
    frozen = x.copy()
    frozen.flags.writeable = False
    cumsum(x, axis=0)
    known = getattr(scan_loop, "signatures", [])[:]
    close(cumsum(frozen, axis=0), cumsum(x, axis=0))
    assert getattr(scan_loop, "signatures", []) == known
