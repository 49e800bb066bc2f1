"""Convolution as patches (im2col) and BLAS, for 1, 2 and 3 spatial dims, channels last.

x is (batch, *spatial, in) and k is (*size, in, out). `strides` and `dilations` hold an int and `padding`
a (low, high) pair for each spatial dim. Each function's gradients are the other two. Patches are made for
a few lines of output at a time: the multiply then reads them from cache, and memory stays bounded.
"""

from collections.abc import Iterator
from math import prod

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, widened
from nbtape.kernels.cpu.window import Ints, Pairs, Window, out_sizes, volume, window

PATCH_BYTES = 1 << 20


@widened
def conv(x: Array, k: Array, *, strides: Ints, padding: Pairs, dilations: Ints) -> Array:
    """Convolve `x` with `k`."""
    size = k.shape[:-2]
    out = out_sizes(x.shape[1:-1], size, strides=strides, padding=padding, dilations=dilations)
    w = window(size, out, strides=strides, padding=padding, dilations=dilations)
    y = np.empty((len(x), *out, k.shape[-1]), x.dtype)
    rows = matrix(y)
    for part, patches in patches_of(volume(x), w):
        np.matmul(patches, matrix(k), out=rows[part])
    return y


@widened
def conv_input_grad(
    g: Array, k: Array, *, input_shape: Ints, strides: Ints, padding: Pairs, dilations: Ints
) -> Array:
    """Give the gradient of `conv` in x for `g` in its output: the transposed convolution of `g`."""
    w = window(k.shape[:-2], g.shape[1:-1], strides=strides, padding=padding, dilations=dilations)
    rows, transposed = matrix(g), matrix(k).T
    dx = np.zeros(input_shape, g.dtype)
    x = volume(dx)
    if pointwise(x, w):
        return (rows @ transposed).reshape(input_shape)
    flat, taps, run = runs(w, x.shape[-1])
    for first, part in parts(len(x), w, taps * run * g.itemsize):
        patches = rows[part] @ transposed
        scatter(lines(x), patches.reshape(len(patches), taps, run), flat, first)
    return dx


@widened
def conv_kernel_grad(
    x: Array, g: Array, *, kernel_shape: Ints, strides: Ints, padding: Pairs, dilations: Ints
) -> Array:
    """Give the gradient of `conv` in k for `g` in its output."""
    w = window(kernel_shape[:-2], g.shape[1:-1], strides=strides, padding=padding, dilations=dilations)
    rows, dk = matrix(g), np.zeros(kernel_shape, g.dtype)
    for part, patches in patches_of(volume(x), w):
        matrix(dk)[...] += patches.T @ rows[part]
    return dk


def patches_of(x: Array, w: Window) -> Iterator[tuple[slice, Array]]:
    """Yield slices of the output's rows, each with the patches they read, in a buffer that is reused."""
    if pointwise(x, w):
        yield slice(None), matrix(x)
        return
    flat, taps, run = runs(w, x.shape[-1])
    split = parts(len(x), w, taps * run * x.itemsize)
    buffer = np.empty((max((part.stop - part.start for _, part in split), default=0), taps, run), x.dtype)
    for first, part in split:
        patches = buffer[: part.stop - part.start]
        gather(lines(x), patches, flat, first)
        yield part, patches.reshape(len(patches), taps * run)


def pointwise(x: Array, w: Window) -> bool:
    """Tell whether the windows of `x` are just its cells: then `x` is its own patches."""
    return w.size == w.stride == (1, 1, 1) and w.low == (0, 0, 0) and w.out == x.shape[1:4]


def parts(batch: int, w: Window, row_bytes: int) -> list[tuple[int, slice]]:
    """Split the lines of output so that the patches of a part fit PATCH_BYTES: (first line, its rows)."""
    count, width = batch * w.out[0] * w.out[1], w.out[2]
    step = max(1, PATCH_BYTES // max(1, width * row_bytes))
    starts = range(0, count if width else 0, step)
    return [(i, slice(i * width, min(i + step, count) * width)) for i in starts]


def runs(w: Window, c: int) -> tuple[Window, int, int]:
    """Measure the window along a line of width*c elements, where taps that touch are one longer tap.

    Gives that window, how many taps it has, and the run of elements in each.
    """
    merge = w.size[2] if w.dilation[2] == 1 else 1
    size = (*w.size[:2], w.size[2] // merge)
    scaled = [(*dims[:2], dims[2] * c) for dims in (w.stride, w.dilation, w.low)]
    stride, dilation, low = scaled
    return Window(size, stride, dilation, low, w.out), prod(size), merge * c


def matrix(x: Array) -> Array:
    """View `x` with every dim but the last as rows."""
    return x.reshape(prod(x.shape[:-1]), x.shape[-1])


def lines(x: Array) -> Array:
    """View a volume as (batch, depth, height, width*channels)."""
    return x.reshape(*x.shape[:3], x.shape[3] * x.shape[4])


@njit(cache=True, nogil=True, error_model="numpy")
def gather(x, patches, w, first):
    """Copy the windows of the lines of output from `first` on into `patches`, with zeros for padding."""
    _, depth, height, width = x.shape
    rows, _, run = patches.shape
    for row in range(0, rows, w.out[2]):
        line = first + row // w.out[2]
        n = line // (w.out[0] * w.out[1])
        i = line // w.out[1] % w.out[0]
        j = line % w.out[1]
        tap = 0
        for a in range(w.size[0]):
            d = i * w.stride[0] - w.low[0] + a * w.dilation[0]
            for b in range(w.size[1]):
                h = j * w.stride[1] - w.low[1] + b * w.dilation[1]
                inside = 0 <= d < depth and 0 <= h < height
                for c in range(w.size[2]):
                    for m in range(w.out[2]):
                        start = m * w.stride[2] - w.low[2] + c * w.dilation[2]
                        if inside and start >= 0 and start + run <= width:
                            for e in range(run):
                                patches[row + m, tap, e] = x[n, d, h, start + e]
                        else:
                            for e in range(run):
                                patches[row + m, tap, e] = 0
                                if inside and 0 <= start + e < width:
                                    patches[row + m, tap, e] = x[n, d, h, start + e]
                    tap += 1


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(x, patches, w, first):
    """Add `patches` back to the cells that `gather` copied them from."""
    _, depth, height, width = x.shape
    rows, _, run = patches.shape
    for row in range(0, rows, w.out[2]):
        line = first + row // w.out[2]
        n = line // (w.out[0] * w.out[1])
        i = line // w.out[1] % w.out[0]
        j = line % w.out[1]
        tap = 0
        for a in range(w.size[0]):
            d = i * w.stride[0] - w.low[0] + a * w.dilation[0]
            for b in range(w.size[1]):
                h = j * w.stride[1] - w.low[1] + b * w.dilation[1]
                inside = 0 <= d < depth and 0 <= h < height
                for c in range(w.size[2]):
                    for m in range(w.out[2] if inside else 0):
                        start = m * w.stride[2] - w.low[2] + c * w.dilation[2]
                        if start >= 0 and start + run <= width:
                            for e in range(run):
                                x[n, d, h, start + e] += patches[row + m, tap, e]
                        else:
                            for e in range(max(0, -start), min(run, width - start)):
                                x[n, d, h, start + e] += patches[row + m, tap, e]
                    tap += 1
