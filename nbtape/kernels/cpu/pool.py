"""Max and mean pooling over 1, 2 and 3 spatial dims, channels last.

`ksize` and `strides` hold an int and `padding` a (low, high) pair for each spatial dim. Padded cells are
not there: no maximum is taken from them and no mean counts them. A maximum is the first of its window in
row-major order, as in TensorFlow, and a NaN before any number.
"""

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, widened
from nbtape.kernels.cpu.scatter import scatter_add
from nbtape.kernels.cpu.window import Ints, Pairs, out_sizes, volume, window


@widened
def max_pool(x: Array, *, ksize: Ints, strides: Ints, padding: Pairs) -> Array:
    """Give the maximum of each window, channel by channel."""
    return winners_of(x, ksize, strides, padding)[0]


@widened
def max_pool_index(x: Array, *, ksize: Ints, strides: Ints, padding: Pairs) -> Array:
    """Give where each maximum stands in `x.reshape(-1)`, as int64; -1 for a window that is all padding."""
    return winners_of(x, ksize, strides, padding)[1]


@widened
def max_pool_grad(g: Array, x: Array, *, ksize: Ints, strides: Ints, padding: Pairs) -> Array:
    """Give the gradient of `max_pool` in x for `g` in its output: all of it to the first maximum."""
    index = winners_of(x, ksize, strides, padding)[1]
    return scatter_add(index, g, rows=x.size).reshape(x.shape)


@widened
def avg_pool(x: Array, *, ksize: Ints, strides: Ints, padding: Pairs) -> Array:
    """Give the mean of each window of floats, channel by channel; 0 for a window that is all padding."""
    out = out_sizes(x.shape[1:-1], ksize, strides=strides, padding=padding)
    y = np.zeros((len(x), *out, x.shape[-1]), x.dtype)
    mean(volume(x), volume(y), window(ksize, out, strides=strides, padding=padding))
    return y


@widened
def avg_pool_grad(g: Array, *, input_shape: Ints, ksize: Ints, strides: Ints, padding: Pairs) -> Array:
    """Give the gradient of `avg_pool` in x for `g` in its output."""
    dx = np.zeros(input_shape, g.dtype)
    spread(volume(g), volume(dx), window(ksize, g.shape[1:-1], strides=strides, padding=padding))
    return dx


def winners_of(x: Array, ksize: Ints, strides: Ints, padding: Pairs) -> tuple[Array, Array]:
    """Give the maxima and their places in `x`."""
    out = out_sizes(x.shape[1:-1], ksize, strides=strides, padding=padding)
    shape = (len(x), *out, x.shape[-1])
    y = np.full(shape, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype)
    index = np.full(shape, -1, np.int64)
    winners(volume(x), volume(y), volume(index), window(ksize, out, strides=strides, padding=padding))
    return y, index


@njit(cache=True, nogil=True, error_model="numpy")
def winners(x, y, index, w):
    """Put the maximum of each window of `x` into `y` and its place into `index`."""
    _, depth, height, width, channels = x.shape
    for n in range(y.shape[0]):
        for i in range(w.out[0]):
            for j in range(w.out[1]):
                for m in range(w.out[2]):
                    for a in range(w.size[0]):
                        d = i * w.stride[0] - w.low[0] + a
                        for b in range(w.size[1]):
                            h = j * w.stride[1] - w.low[1] + b
                            for c in range(w.size[2]):
                                v = m * w.stride[2] - w.low[2] + c
                                if not (0 <= d < depth and 0 <= h < height and 0 <= v < width):
                                    continue
                                at = (((n * depth + d) * height + h) * width + v) * channels
                                for e in range(channels):
                                    here, best = x[n, d, h, v, e], y[n, i, j, m, e]
                                    place = index[n, i, j, m, e]
                                    # "not <=" of a number: greater, or the first NaN
                                    better = (place < 0) | ((not here <= best) & (best == best))
                                    y[n, i, j, m, e] = here if better else best
                                    index[n, i, j, m, e] = at + e if better else place


@njit(cache=True, nogil=True, error_model="numpy")
def mean(x, y, w):
    """Put the mean of each window of `x`, as far as it lies inside, into `y`, which is all zeros."""
    _, depth, height, width, channels = x.shape
    for n in range(y.shape[0]):
        for i in range(w.out[0]):
            d = i * w.stride[0] - w.low[0]
            ds = range(max(0, d), min(depth, d + w.size[0]))
            for j in range(w.out[1]):
                h = j * w.stride[1] - w.low[1]
                hs = range(max(0, h), min(height, h + w.size[1]))
                for m in range(w.out[2]):
                    v = m * w.stride[2] - w.low[2]
                    vs = range(max(0, v), min(width, v + w.size[2]))
                    for a in ds:
                        for b in hs:
                            for c in vs:
                                for e in range(channels):
                                    y[n, i, j, m, e] += x[n, a, b, c, e]
                    count = y.dtype.type(max(1, len(ds) * len(hs) * len(vs)))
                    for e in range(channels):
                        y[n, i, j, m, e] /= count


@njit(cache=True, nogil=True, error_model="numpy")
def spread(g, dx, w):
    """Share each cell of `g` among the cells of `dx` that its window read."""
    _, depth, height, width, channels = dx.shape
    for n in range(g.shape[0]):
        for i in range(w.out[0]):
            d = i * w.stride[0] - w.low[0]
            ds = range(max(0, d), min(depth, d + w.size[0]))
            for j in range(w.out[1]):
                h = j * w.stride[1] - w.low[1]
                hs = range(max(0, h), min(height, h + w.size[1]))
                for m in range(w.out[2]):
                    v = m * w.stride[2] - w.low[2]
                    vs = range(max(0, v), min(width, v + w.size[2]))
                    count = dx.dtype.type(len(ds) * len(hs) * len(vs))
                    for a in ds:
                        for b in hs:
                            for c in vs:
                                for e in range(channels):
                                    dx[n, a, b, c, e] += g[n, i, j, m, e] / count
