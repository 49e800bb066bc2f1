"""Depthwise convolution as direct loops, for 1, 2 and 3 spatial dims, channels last.

x is (batch, *spatial, channels), k is (*size, channels, multiplier) and the output has channels*multiplier
channels. The kernels know only a multiplier of 1: for a larger one, x comes in with its channels repeated.
"""

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, widened
from nbtape.kernels.cpu.window import Ints, Pairs, out_sizes, volume, window


@widened
def depthwise(x: Array, k: Array, *, strides: Ints, padding: Pairs, dilations: Ints) -> Array:
    """Convolve each channel of `x` with its own kernels."""
    *size, c, m = k.shape
    out = out_sizes(x.shape[1:-1], tuple(size), strides=strides, padding=padding, dilations=dilations)
    w = window(tuple(size), out, strides=strides, padding=padding, dilations=dilations)
    y = np.zeros((len(x), *out, c * m), x.dtype)
    correlate(volume(repeated(x, m)), k.reshape(*w.size, c * m), volume(y), w)
    return y


@widened
def depthwise_input_grad(
    g: Array, k: Array, *, input_shape: Ints, strides: Ints, padding: Pairs, dilations: Ints
) -> Array:
    """Give the gradient of `depthwise` in x for `g` in its output."""
    *size, c, m = k.shape
    w = window(tuple(size), g.shape[1:-1], strides=strides, padding=padding, dilations=dilations)
    dx = np.zeros((*input_shape[:-1], c * m), g.dtype)
    spread(volume(g), k.reshape(*w.size, c * m), volume(dx), w)
    return dx if m == 1 else dx.reshape(*input_shape, m).sum(-1, dtype=g.dtype)


@widened
def depthwise_kernel_grad(
    x: Array, g: Array, *, kernel_shape: Ints, strides: Ints, padding: Pairs, dilations: Ints
) -> Array:
    """Give the gradient of `depthwise` in k for `g` in its output."""
    *size, c, m = kernel_shape
    w = window(tuple(size), g.shape[1:-1], strides=strides, padding=padding, dilations=dilations)
    dk = np.zeros((*w.size, c * m), g.dtype)
    products(volume(repeated(x, m)), volume(g), dk, np.empty(c * m, g.dtype), w)
    return dk.reshape(kernel_shape)


def repeated(x: Array, m: int) -> Array:
    """Repeat each channel `m` times, read-only as `dense` arrays are."""
    if m == 1:
        return x
    x = np.repeat(x, m, axis=-1)
    x.flags.writeable = False
    return x


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def correlate(x, k, y, w):
    """Add to each cell of `y` the taps of its window of `x`, weighted by `k`."""
    _, depth, height, width, channels = x.shape
    for n in range(y.shape[0]):
        for i in range(w.out[0]):
            for j in range(w.out[1]):
                for a in range(w.size[0]):
                    d = i * w.stride[0] - w.low[0] + a * w.dilation[0]
                    for b in range(w.size[1]):
                        h = j * w.stride[1] - w.low[1] + b * w.dilation[1]
                        if not (0 <= d < depth and 0 <= h < height):
                            continue
                        for c in range(w.size[2]):
                            for m in range(w.out[2]):
                                v = m * w.stride[2] - w.low[2] + c * w.dilation[2]
                                if 0 <= v < width:
                                    for e in range(channels):
                                        y[n, i, j, m, e] += x[n, d, h, v, e] * k[a, b, c, e]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def spread(g, k, dx, w):
    """Add each cell of `g`, weighted by `k`, to the cells that its window read."""
    _, depth, height, width, channels = dx.shape
    for n in range(g.shape[0]):
        for i in range(w.out[0]):
            for j in range(w.out[1]):
                for a in range(w.size[0]):
                    d = i * w.stride[0] - w.low[0] + a * w.dilation[0]
                    for b in range(w.size[1]):
                        h = j * w.stride[1] - w.low[1] + b * w.dilation[1]
                        if not (0 <= d < depth and 0 <= h < height):
                            continue
                        for c in range(w.size[2]):
                            for m in range(w.out[2]):
                                v = m * w.stride[2] - w.low[2] + c * w.dilation[2]
                                if 0 <= v < width:
                                    for e in range(channels):
                                        dx[n, d, h, v, e] += g[n, i, j, m, e] * k[a, b, c, e]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def products(x, g, dk, partial, w):
    """Sum over the windows of `x`, for each tap, that tap times `g`.

    The sum of one line goes into `partial` first: adding a whole batch to one float32 would lose digits.
    """
    _, depth, height, width, channels = x.shape
    for n in range(g.shape[0]):
        for i in range(w.out[0]):
            for j in range(w.out[1]):
                for a in range(w.size[0]):
                    d = i * w.stride[0] - w.low[0] + a * w.dilation[0]
                    for b in range(w.size[1]):
                        h = j * w.stride[1] - w.low[1] + b * w.dilation[1]
                        if not (0 <= d < depth and 0 <= h < height):
                            continue
                        for c in range(w.size[2]):
                            for e in range(channels):
                                partial[e] = 0
                            for m in range(w.out[2]):
                                v = m * w.stride[2] - w.low[2] + c * w.dilation[2]
                                if 0 <= v < width:
                                    for e in range(channels):
                                        partial[e] += x[n, d, h, v, e] * g[n, i, j, m, e]
                            for e in range(channels):
                                dk[a, b, c, e] += partial[e]
