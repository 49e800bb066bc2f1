"""Text of reads and writes at computed places."""

from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.expression import combined, computed
from nbtape.compile.emission.kernel import BLOCK
from nbtape.compile.fusion import access
from nbtape.compile.planning.layout import Layout
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_ROUNDS = 30  # operations that a random number takes

# How a scatter combines an element of its target with one of its rows.
COMBINED = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "max": "maximum({0}, {1})",
    "min": "minimum({0}, {1})",
    "update": "{1}",
}


def read(emitter: Any, step: Step, stage: int) -> str:
    """What a read finds."""
    if access.is_position(step):
        return _position(emitter, step.outputs[0])
    if access.is_fractions(step):
        return _fraction(emitter, step, stage)
    return _gathered(emitter, step, stage) if access.is_gather(step) else _padded(emitter, step, stage)


def _position(emitter: Any, y: Value) -> str:
    axes = emitter.group.level(y)
    position = f"i{emitter.loop_of(*axes)}" if axes else "0"
    return position if axes and y.dtype == np.int64 else f"np.{y.dtype}({position})"


def _fraction(emitter: Any, step: Step, stage: int) -> str:
    """A number of a draw: from a room that each block of the inner loop fills, where its numbers follow one
    another, otherwise worked out by itself.
    """
    (words,), (y,), each = step.inputs, step.outputs, step.attrs["each"]
    emitter.flops += _ROUNDS * prod(y.shape or ())
    strides, last = emitter.sources[step], emitter.depth(y) - 1
    name = emitter.argument("d", emitter.layouts[words], strides)
    terms = [emitter.term(name, f"i{k}", k, strides) for k in range(last + 1)]
    if not emitter.alone or last < 0 or strides[emitter.nest[last][-1]] != 1:
        called = "half_at" if each == 8 else "word_at"
        emitter.imports |= {"fraction", called}
        return f"fraction({called}({name}, {' + '.join(filter(None, terms)) or 0}))"
    piece = Value(Spec((), np.dtype(f"uint{256 // each}")))
    layout = emitter.spill(piece, min(BLOCK, emitter.sizes[last]) + 2 * each)
    emitter.scratch.append(layout)
    room, shift = emitter.argument("r", layout, ()), emitter.new("k")
    begin = " + ".join([*filter(None, terms[:-1]), f"b{last}"])
    count = f"min({BLOCK}, {'n' + str(last) if last else 'end'} - b{last})"
    emitter.put(f"{shift} = fill({room}, {name}, {begin}, {count}, {each}) - b{last}", stage, last + 0.5)
    emitter.imports |= {"fill", "fraction"}
    return f"fraction({room}[i{last} + {shift}])"


def _gathered(emitter: Any, step: Step, stage: int) -> str:
    x, i = step.inputs
    layout, strides = emitter.layouts[x], emitter.sources[step]
    name = emitter.argument("x", layout, strides)
    terms = [emitter.term(name, f"i{k}", k, strides) for k in range(len(emitter.nest))]
    chosen = _chosen(emitter, name, i, layout.strides[step.attrs["axis"]], stage)
    return f"{name}[{' + '.join([chosen, *filter(None, terms)])}]"


def _chosen(emitter: Any, pointer: str, i: Value, stride: int, stage: int) -> str:
    """The part of an index into an array that follows from the index `i`."""
    row = emitter.name(i, stage)
    if i.dtype != np.int64:
        row = f"np.int64({row})"
    return row if stride == 1 else f"{row} * {emitter.stride(pointer, 'row', stride)}"


def _padded(emitter: Any, step: Step, stage: int) -> str:
    """An element of what was padded, or, outside of it, what it was padded with."""
    x, y = step.inputs[0], step.outputs[0]
    strides = emitter.sources[step]
    name = emitter.argument("x", emitter.layouts[x], strides)
    position = {k: f"i{k}" for k in range(len(emitter.nest))}
    inside = []
    for a, n, (before, after) in zip(emitter.group.axes[y], x.shape or (), step.attrs["paddings"]):
        if a is not None and (before or after):
            k = emitter.loop_of(a)
            low, condition = _within(emitter, k, before, n, after, stage)
            inside.append(condition)
            position[k] = f"(i{k} - {low})" if before else f"i{k}"
    terms = [emitter.term(name, text, k, strides) for k, text in position.items()]
    element = f"{name}[{' + '.join(filter(None, terms)) or 0}]"
    if not inside:
        return element
    outside = emitter.name(step.inputs[1], stage) if len(step.inputs) > 1 else zero(y.dtype)
    return f"{element} if {' & '.join(inside)} else {outside}"


def _within(emitter: Any, k: int, before: int, n: int, after: int, stage: int) -> tuple[str, str]:
    """The names of where the padded array begins in loop k, and of whether the loop is inside of it."""
    key = "within", k, before, n, after, stage if k + 1 > emitter.split else -1
    if key not in emitter.names:
        low = emitter.number("low", before) if before else ""
        bounds = [f"({low} <= i{k})"] if before else []
        if after:
            bounds.append(f"(i{k} < {emitter.number('high', before + n)})")
        name = emitter.new("t")
        emitter.put(f"{name} = {' & '.join(bounds)}", stage, k + 1)
        emitter.names[key] = f"{low} {name}"
    low, name = emitter.names[key].split(" ")
    return low, name


def zero(dtype: np.dtype) -> str:
    return "False" if dtype.kind == "b" else f"np.{computed(dtype)}(0)"


def scatter(emitter: Any, step: Step, stage: int) -> None:
    """Write a scatter: rows of one array combined with those of another that indices choose."""
    (i, u), y = step.inputs[:2], step.outputs[0]
    if y not in emitter.layouts:
        return
    value, depth = emitter.name(u, stage), max(emitter.depth(u), emitter.depth(i))
    layout: Layout = emitter.layouts[y]
    name = emitter.argument("y", layout, emitter.strides[y])
    chosen = _chosen(emitter, name, i, layout.strides[step.attrs["axis"]], stage)
    element = emitter.element(y, depth, chosen)
    emitter.flops += 1
    if emitter.crowded and step.attrs["kind"] != "update":
        called = f"atomic_{step.attrs['kind']}"
        emitter.imports.add(called)
        emitter.put(f"{called}({', '.join([*element[:-1].split('[', 1), value])})", stage, depth)
        return
    text, functions = combined(COMBINED[step.attrs["kind"]], y.dtype, **{"0": element, "1": value})
    emitter.imports |= functions
    emitter.put(f"{element} = {text}", stage, depth)
