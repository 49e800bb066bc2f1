"""Convolutions: steps whose kernels add up products in tiles of registers, straight from the images.

A tile is a few neighbouring places of the output by a few vectors of its channels. For each tap of the window
and each channel behind it, one number for each place meets that channel's weights. Gradients in the weights
are tiles of weights, to which each place brings its product. Gradients in the input are convolutions of the
gradient with the weights turned round; where windows skip places, one for each phase of their stride.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Word
from nbtape.compile.planning.layout import Layout, dense_strides
from nbtape.compile.planning.tiles import Tiles, tiles_in, tiles_over
from nbtape.compile.planning.windows import (
    Framed,
    Windows,
    address,
    framed,
    kernel_of,
    lift,
    numbers,
    sides,
    sizes,
    strided,
    volume,
    windows_of,
)
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_ROWS = (o.conv, o.conv_add, o.conv_input_grad, o.conv_kernel_grad)
_NEAR = 1 << 14  # bytes of weights that stay in the first cache however they lie
_PACE = 0.008  # nanoseconds for a multiplication or an addition, on one core

CORRELATE = '''"""Convolve images, {rows} places by {columns} vectors of channels at a time."""
from nbtape.kernels.frame import frame
from nbtape.kernels.tile import outer, put, rectified, spread, zeros


def kernel({arguments}):
    for n in range(begin, end):
        {start}
        for group in range(groups):
            for block in range(blocks):
                for i in range(out_0):
                    for j in range(out_1):
                        for m in range(0, out_2, {rows}):
                            m = min(m, out_2 - {rows})
                            corner = start + group * part + i * step_0 + j * step_1 + m * {step}
                            row = group * k_group + block * k_block
                            {first}
                            for a in range(size_0):
                                for b in range(size_1):
                                    for c in range(size_2):
                                        at = corner + a * tap_0 + b * tap_1 + c * tap_2
                                        for e in range(at, at + run):
                                            tile = outer(tile, {image}, e, {step}, k, row, {left})
                                            row += k_row
                            {last}
                            to = n * y_n + i * y_0 + j * y_1 + m * y_2 + group * depth + block * {width}
                            put(tile, y, to, y_2, {left})
'''

GATHER = '''"""Add up the gradient in weights, {rows} rows by {columns} vectors of channels at a time."""
from nbtape.kernels.frame import frame
from nbtape.kernels.tile import accumulate, outer, zeros


def kernel({arguments}):
    for e in range(count):
        y[e] = 0
    for n in range(begin, end):
        {start}
        for group in range(groups):
            for block in range(blocks):
                channel = group * depth + block * {width}
                for a in range(size_0):
                    for b in range(0, size_1, {lines}):
                        for c in range(size_2):
                            for e in range(0, run, {rows}):
                                corner = start + group * part + a * tap_0 + b * tap_1 + c * tap_2 + e
                                row = n * g_n + channel
                                {clear}
                                for i in range(out_0):
                                    for j in range(out_1):
                                        at = corner + i * step_0 + j * step_1
                                        for m in range(out_2):
                                            {add}
                                            at += step_2
                                            row += channels
                                line = size_2 * run * channels
                                to = (a * size_1 + b) * line + (c * run + e) * channels + channel
                                {keep}
'''


def is_native(step: Step) -> bool:
    """Whether a step is a convolution that has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in _ROWS or not all(v.static and 0 not in (v.shape or ()) for v in values):
        return False
    dtype = step.outputs[0].dtype
    return dtype in _FLOATS and all(v.dtype == dtype for v in values) and len(step.attrs["strides"]) <= 3


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a convolution."""
    if step.op is o.conv_kernel_grad:
        _weights(planner, step)
    elif step.op is o.conv_input_grad:
        backward(planner, step, _correlate)
    else:
        forward(planner, step, _correlate)


def forward(planner: Any, step: Step, correlate: Callable[..., None]) -> None:
    """Let `planner` run a convolution by `correlate`."""
    (x, k, *more), (y,) = step.inputs, step.outputs
    windows = windows_of(step.attrs, sizes(x)[1:-1], sizes(k)[:-2], sizes(y)[1:-1])
    image, weights, *bias = [planner.ordered(v) for v in (x, k, *more)]
    finish = Finish(*bias, rectified=step.attrs.get("relu", False))
    groups = sizes(x)[-1] // sizes(k)[-2]
    correlate(planner, volume(image), cube(weights), volume(planner.fresh(y)), windows, groups, finish)


def cube(k: Layout) -> Layout:
    """A layout of weights, with three spatial dims."""
    shape = (*lift(k.shape[:-2]), *k.shape[-2:])
    return replace(k, shape=shape, strides=dense_strides(shape))


# The gradient in the input


def backward(planner: Any, step: Step, correlate: Callable[..., None]) -> None:
    """Let `planner` run the gradient of a convolution in its input by `correlate`."""
    (g, k), (y,) = step.inputs[:2], step.outputs
    windows = windows_of(step.attrs, sizes(y)[1:-1], sizes(k)[:-2], sizes(g)[1:-1])
    gradient, weights = volume(planner.ordered(g)), cube(planner.ordered(k))
    target, groups = volume(planner.fresh(y)), sizes(y)[-1] // sizes(k)[-2]
    for phase in product(*map(range, windows.stride)):
        counts = [-(-(n - p) // s) for n, p, s in zip(target.shape[1:], phase, windows.stride)]
        if min(counts) > 0:
            places = strided(target, 1, phase, windows.stride, counts)
            _phase(planner, gradient, weights, places, windows, phase, groups, correlate)


def _phase(
    planner: Any, g: Layout, k: Layout, y: Layout, windows: Windows, phase: tuple, groups: int,
    correlate: Callable[..., None],
) -> None:  # fmt: skip
    """The gradient at those places of the input that are at `phase` of each stride."""
    axes = [_taps(*told) for told in zip(phase, windows.size, windows.stride, windows.dilation, windows.low)]
    if None in axes:
        nothing = np.zeros(y.shape, y.buffer.dtype)
        planner.copy(Value(Spec(y.shape, y.buffer.dtype), nothing), y)
        return
    last, step, counts, gaps, low = zip(*axes)  # type: ignore[misc]
    weights = _turned(planner, strided(k, 0, last, step, counts), groups)
    correlate(planner, g, weights, y, Windows(counts, (1, 1, 1), gaps, low, y.shape[1:-1]), groups)


def _taps(phase: int, size: int, stride: int, dilation: int, low: int) -> tuple | None:
    """The taps of windows that reach the places phase, phase + stride, ... of an image: the last one, the
    step back to the one before, and how many there are. Then the dilation and the padding with which windows
    of these taps slide over what the windows gave.
    """
    taps = [t for t in range(size) if (phase + low - t * dilation) % stride == 0]
    if not taps:
        return None
    step, last = stride // gcd(stride, dilation), taps[-1]
    return last, -step, len(taps), step * dilation // stride, (last * dilation - phase - low) // stride


def _turned(planner: Any, k: Layout, groups: int) -> Layout:
    """Weights (*size, part, groups * depth) as (*size, depth, groups * part)."""
    (*size, part, channels), (*strides, down, right) = k.shape, k.strides
    depth = channels // groups
    found = _copied(planner, k, (*size, depth, groups, part), (*strides, right, right * depth, down))
    shape = (*size, depth, groups * part)
    return replace(found, shape=shape, strides=dense_strides(shape))


def _copied(planner: Any, x: Layout, shape: tuple, strides: tuple) -> Layout:
    """What lies in the buffer of `x` with these strides, in order."""
    value = Value(Spec(shape, x.buffer.dtype))
    planner.layouts[value] = replace(x, shape=shape, strides=strides)
    return planner.copied(value)


# Kernels


@dataclass(frozen=True, slots=True)
class Finish:
    """What a convolution does to each tile before it leaves the registers."""

    bias: Layout | None = None
    rectified: bool = False

    def fields(self, tiles: Tiles) -> dict[str, list[str]]:
        """The lines of a text with which a tile begins and ends."""
        shape = f"{tiles.rows}, {tiles.columns}, {tiles.lanes}"
        of = f"group * depth + block * {tiles.width}"
        first = (
            f"zeros(x, {shape})"
            if self.bias is None
            else f"spread(bias, {of}, {shape}, {tiles.told['left']})"
        )
        return {"first": [f"tile = {first}"], "last": ["tile = rectified(tile)"] if self.rectified else []}

    @property
    def words(self) -> list[Word]:
        return [] if self.bias is None else [address("bias", self.bias)]


def _correlate(
    planner: Any, x: Layout, k: Layout, y: Layout, windows: Windows, groups: int, finish: Finish = Finish()
) -> None:  # fmt: skip
    """Let `y` be the convolution of the images `x` with the weights `k`, (*size, part, groups * depth)."""
    x, y, windows = _flat(x, y, windows)
    tiles = tiles_over(windows.out[2], k.shape[-1] // groups, x.buffer.dtype)
    k, walk = _packed(planner, k, tiles)
    image = framed(planner, x, windows)
    words = [
        *numbers(begin=0, end=x.shape[0]),
        *image.words,
        *[address("k", k), *finish.words, address("y", y)],
        *numbers(groups=groups, blocks=tiles.blocks, depth=tiles.depth, **walk),
        *_walk(k.shape[-2], image, windows, groups),
        *[*numbers(y_n=y.strides[0]), *sides("y", *y.strides[1:4])],
    ]
    fields = {**tiles.told, "start": image.start, "image": image.name, "step": image.step[2]}
    fields |= finish.fields(tiles)
    told = _told(x, k, y, windows)
    planner.run(kernel_of(CORRELATE, words, fields, scratch=image.scratch, **told), {})


def _weights(planner: Any, step: Step) -> None:
    """The gradient in the weights."""
    (x, g), (y,) = step.inputs[:2], step.outputs
    windows = windows_of(step.attrs, sizes(x)[1:-1], sizes(y)[:-2], sizes(g)[1:-1])
    (*_, part, channels), groups = sizes(y), sizes(x)[-1] // sizes(y)[-2]
    images, gradient, windows = _flat(volume(planner.ordered(x)), volume(planner.ordered(g)), windows)
    target = planner.fresh(y)
    image = framed(planner, images, windows)
    walk = _walk(part, image, windows, groups)
    tiles = tiles_in(next(word.value for word in walk if word.name == "run"), channels // groups, x.dtype)
    high = windows.size[1]
    lines = max(n for n in range(1, high + 1) if high % n == 0 and (n == 1 or tiles.many(n)))
    words = [
        *numbers(begin=0, end=images.shape[0]),
        *image.words,
        *[address("g", gradient), address("y", target)],
        *numbers(
            groups=groups, blocks=tiles.blocks, depth=tiles.depth, channels=channels, count=prod(target.shape)
        ),
        *walk,
        *numbers(step_2=image.step[2], g_n=gradient.strides[0]),
    ]
    fields = {**tiles.told, "start": image.start, "lines": lines, **_lines(lines, tiles, image.name)}
    told = _told(images, target, gradient, windows)
    kernel = kernel_of(GATHER, words, fields, scratch=image.scratch, partial=[y], folds={y: o.sum}, **told)
    planner.run(kernel, {y: target})


def _lines(count: int, tiles: Tiles, image: str) -> dict[str, list[str]]:
    """The lines of a text that has a tile for each of several lines of a window."""
    rows, columns, lanes, left = tiles.rows, tiles.columns, tiles.lanes, tiles.told["left"]
    names = [(f"tile_{b}", b) for b in range(count)]
    return {
        "clear": [f"{t} = zeros(x, {rows}, {columns}, {lanes})" for t, _ in names],
        "add": [f"{t} = outer({t}, {image}, at + {b} * tap_1, 1, g, row, {left})" for t, b in names],
        "keep": [
            f"accumulate({t}, y, to + {b} * size_2 * run * channels, channels, {left})" for t, b in names
        ],
    }


def _flat(x: Layout, y: Layout, windows: Windows) -> tuple[Layout, Layout, Windows]:
    """Images and what windows over them give; where a window is one place, each image as one long line."""
    places = prod(windows.out)
    whole = windows.reach == x.shape[1:4] == y.shape[1:4] and prod(windows.size) == 1 and not any(windows.low)
    if not whole or not x.contiguous or not y.contiguous:
        return x, y, windows
    x, y = [
        replace(z, shape=shape, strides=dense_strides(shape))
        for z in (x, y)
        for shape in [(z.shape[0], 1, 1, places, z.shape[4])]
    ]
    return x, y, replace(windows, out=(1, 1, places))


def _walk(part: int, image: Framed, windows: Windows, groups: int) -> list[Word]:
    """The words of the loops over windows and their taps; taps that touch are one longer tap."""
    size, (tap_0, tap_1, tap_2) = windows.size, image.tap
    merged = size[2] if groups == 1 and windows.dilation[2] == 1 else 1
    return [
        *[*numbers(part=part, run=part * merged), *sides("size", *size[:2], size[2] // merged)],
        *[*sides("out", *windows.out), *sides("step", *image.step[:2]), *sides("tap", tap_0, tap_1, tap_2)],
    ]


def _packed(planner: Any, k: Layout, tiles: Tiles) -> tuple[Layout, dict[str, int]]:
    """Weights, and the strides from group to group, block to block and row to row of them. Where they are
    many, those that meet one block of channels are brought together: far apart they would evict each other.
    """
    *size, part, channels = k.shape
    rows, width = prod(size) * part, tiles.width
    if channels == width or tiles.depth % width or k.buffer.dtype.itemsize * prod(k.shape) <= _NEAR:
        return k, {"k_group": tiles.depth, "k_block": width, "k_row": channels}
    found = _copied(planner, k, (channels // width, rows, width), (width, channels, 1))
    block = rows * width
    packed = replace(found, shape=k.shape, strides=dense_strides(k.shape))
    return packed, {"k_group": tiles.blocks * block, "k_block": block, "k_row": width}


def _told(x: Layout, k: Layout, y: Layout, windows: Windows) -> dict[str, Any]:
    """What a kernel over these images moves and computes."""
    moved = sum(prod(z.shape) * z.buffer.dtype.itemsize for z in (x, k, y))
    flops = 2 * x.shape[0] * prod(windows.out) * prod(k.shape)
    return {"extent": x.shape[0], "bytes": moved, "flops": flops, "pace": _PACE}
