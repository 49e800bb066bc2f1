"""Convolutions on a card, and their gradients: products of which one operand is the windows of an image.

A row of that operand is a window, and a term of the sums a tap of it and a channel behind the tap; for the
gradient in weights it is the other way round. The windows are never written out.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card import products
from nbtape.compile.card.contraction import Product
from nbtape.compile.card.narrow import NARROW
from nbtape.compile.card.operands import Operand, Result, matrix
from nbtape.compile.planning.convolution import Finish, backward, cube, forward
from nbtape.compile.planning.layout import Layout, dense_strides
from nbtape.compile.planning.windows import Windows, address, numbers, sides, sizes, volume, windows_of
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_FLOATS = {*NARROW, np.dtype(np.float32), np.dtype(np.float64)}
_FORWARD = (o.conv, o.conv_add, o.depthwise)
_INPUT = (o.conv_input_grad, o.depthwise_input_grad)
_WEIGHTS = (o.conv_kernel_grad, o.depthwise_kernel_grad)
_NOTHING = Finish()
_FEW = 8  # channels of a group, of which tiles would be nearly empty


def is_native(step: Step) -> bool:
    """Whether a step is a convolution that has a kernel."""
    values = (*step.inputs, *step.outputs)
    if step.op not in _FORWARD + _INPUT + _WEIGHTS or not all(v.static and prod(sizes(v)) for v in values):
        return False
    dtype = step.outputs[0].dtype
    return dtype in _FLOATS and all(v.dtype == dtype for v in values) and len(step.attrs["strides"]) <= 3


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a convolution."""
    if step.op in _FORWARD:
        forward(planner, _grouped(planner, step), _correlate)
    elif step.op in _INPUT:
        backward(planner, _grouped(planner, step), _correlate)
    else:
        _weights(planner, step)


def _grouped(planner: Any, step: Step) -> Step:
    """A convolution of each channel by itself as one in groups of a channel."""
    if step.op not in (o.depthwise, o.depthwise_input_grad):
        return step
    x, k, *more = step.inputs
    layout = _in_groups(planner.ordered(k))
    weights = Value(Spec(layout.shape, k.dtype))
    planner.layouts[weights] = layout
    return Step(step.op, (x, weights, *more), step.attrs, step.outputs, step.place)


def _in_groups(k: Layout) -> Layout:
    """Weights (*size, channels, depth) as (*size, 1, channels * depth)."""
    *size, channels, depth = k.shape
    return _shaped(k, (*size, 1, channels * depth))


def _correlate(
    planner: Any, x: Layout, k: Layout, y: Layout, windows: Windows, groups: int, finish: Finish = _NOTHING
) -> None:
    """Let `y` be the convolution of the images `x` with the weights `k`, (*size, part, groups * depth)."""
    *size, part, channels = k.shape
    depth, places = channels // groups, x.shape[0] * prod(windows.out)
    if groups == 1 and finish == _NOTHING and y.contiguous and _is_plain(x, windows):
        rows, result = _shaped(x, (places, part)), _shaped(y, (places, depth))
        products.product(planner, rows, _shaped(k, (part, depth)), result)
        return
    image = _Image(x, windows, part)
    row, term = tuple(image.place("i", "r")), tuple(image.tap("u", "t"))
    a = Operand([*image.words, *finish.words], image.element, image.inside, row, term, deep=True)
    operands = a, matrix("b", k, 1, channels, depth)
    Product(
        "Convolve images.",
        (places, depth, prod(size) * part, groups),
        operands,
        lambda y: _at_places(image, y, depth),
        tiled=groups == 1 or depth >= _FEW,
        **_finished(finish, depth),
    ).plan(planner, y)


def _weights(planner: Any, step: Step) -> None:
    """The gradient in the weights."""
    (x, g), (y,) = step.inputs[:2], step.outputs
    windows = windows_of(step.attrs, sizes(x)[1:-1], sizes(y)[:-2], sizes(g)[1:-1])
    images, gradient = [volume(planner.ordered(v)) for v in (x, g)]
    target = planner.fresh(y)
    target = cube(_in_groups(target) if step.op is o.depthwise_kernel_grad else target)
    *size, part, channels = target.shape
    groups = images.shape[-1] // part
    depth, places = channels // groups, images.shape[0] * prod(windows.out)
    if groups == 1 and _is_plain(images, windows):
        turned = replace(_shaped(images, (part, places)), strides=(1, part))
        products.product(planner, turned, _shaped(gradient, (places, depth)), _shaped(target, (part, depth)))
        return
    image = _Image(images, windows, part)
    row, term = tuple(image.tap("i", "r")), tuple(image.place("u", "t"))
    a = Operand(image.words, image.element, image.inside, row, term)
    operands = a, matrix("b", gradient, 1, channels, depth)
    Product(
        "Add up the gradient in weights.",
        (prod(size) * part, depth, places, groups),
        operands,
        lambda y: _at_weights(y, depth),
        tiled=groups == 1 or depth >= _FEW,
    ).plan(planner, target)


def _shaped(x: Layout, shape: tuple[int, ...]) -> Layout:
    """The elements of `x`, which lie in order, in another shape."""
    return replace(x, shape=shape, strides=dense_strides(shape))


def _is_plain(x: Layout, windows: Windows) -> bool:
    """Whether each window is one place, and each place one window."""
    return prod(windows.size) == 1 and not any(windows.low) and windows.out == windows.reach == x.shape[1:4]


# Texts


class _Image:
    """The windows of images as a matrix: `place` and `tap` are lines of a text that say where a window and a
    tap of it lie, together the element; both by an index and a mark of their own.
    """

    def __init__(self, x: Layout, windows: Windows, part: int):
        alike = zip(x.shape[1:4], windows.reach, windows.out)
        self.dims = [d for d, sizes in enumerate(alike) if max(sizes) > 1] or [2]
        self.words = [address("x", x), *numbers(behind=part, x_n=x.strides[0])]
        told = {"x": x.shape[1:4], "step": x.strides[1:4], "size": windows.size, "out": windows.out}
        told |= {"stride": windows.stride, "gap": windows.dilation, "low": windows.low}
        for name, values in told.items():
            self.words += numbers(**{f"{name}_{d}": values[d] for d in self.dims})
        inside = [f"0 <= {{r}}_{d} + {{t}}_{d} < x_{d}" for d in self.dims]
        steps = [f"({{r}}_{d} + {{t}}_{d}) * step_{d}" for d in self.dims]
        self.inside = " and ".join(inside)
        self.element = f"x[{' + '.join(['{r}_at', '{t}_at', *steps])}]"

    def place(self, index: str, mark: str) -> Iterator[str]:
        """Where a window begins."""
        left = f"{{{index}}}"
        for d in reversed(self.dims):
            yield f"{{{mark}}}_{d} = {left} % out_{d} * stride_{d} - low_{d}"
            left += f" // out_{d}"
        yield f"{{{mark}}}_at = {left} * x_n"

    def tap(self, index: str, mark: str) -> Iterator[str]:
        """Where a tap of each window lies, and the channel behind it."""
        left = f"{{{index}}} // behind"
        for d in reversed(self.dims):
            yield f"{{{mark}}}_{d} = {left} % size_{d} * gap_{d}"
            left += f" // size_{d}"
        yield f"{{{mark}}}_at = {{{index}}} % behind + item * behind"


def _at_places(image: _Image, y: Layout, depth: int) -> Result:
    """Where the number of a window and a channel goes."""
    words = [address("y", y), *numbers(y_n=y.strides[0], depth=depth)]
    words += numbers(**{f"y_{d}": y.strides[d + 1] for d in image.dims})
    left, terms = "{i}", []
    for d in reversed(image.dims):
        terms.append(f"{left} % out_{d} * y_{d}")
        left += f" // out_{d}"
    row = f"to = {' + '.join([f'{left} * y_n', *terms])}"
    return Result(words, "y[to + item * depth + {j}]", (row,))


def _at_weights(y: Layout, depth: int) -> Result:
    """Where the number of a tap and a channel goes."""
    words = [address("y", y), *numbers(channels=y.shape[-1], depth=depth)]
    return Result(words, "y[{i} * channels + item * depth + {j}]")


def _finished(finish: Finish, depth: int) -> dict[str, Any]:
    """What is done to each number at last, in the words of a Product."""
    text = "{0}" if finish.bias is None else "{0} + bias[item * depth + j]"
    if not finish.rectified:
        return {"finish": text}
    return {"finish": f"maximum({text}, 0)", "imports": ["from nbtape.kernels.math import maximum"]}
