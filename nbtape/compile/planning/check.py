"""Checks of indices, and of integers to divide by: kernels that stop their program where one is wrong.

What is wrong with it the row says that was given the number, as if it had run by itself.
"""

from ctypes import string_at
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, apply
from nbtape.graph.program import Step, Value
from nbtape.ops.index import not_in_range

# Of a number `index`.
_OUTSIDE = "(index < -size * wrap) | (index >= size)"  # which columns of indices have each for itself

_TEXT = '''"""Stop where a number is wrong; each column of indices has a range of its own."""
import numpy as np


def kernel(
    rows: "int64", columns: "int64", indices: "{dtype}*", sizes: "int64*", wrap: "int64"
) -> "bool":
    wrong = False
    for j in range(columns):
        size = sizes[j]
        for i in range(rows):
            index = np.int64(indices[i * columns + j])
            wrong |= {wrong}
    return wrong
'''


def wrong(step: Step) -> str:
    """What a check tests, an expression over `index`, and over the `size` and `wrap` of ranges."""
    return step.attrs.get("test", "").format("index") or _OUTSIDE


@dataclass(frozen=True, slots=True)
class Check:
    """What a kernel checks that looks at indices before anything uses them."""

    step: Step

    def fail(self, words: np.ndarray) -> None:
        """Raise what the row of a user's step raises for the indices that the kernel has found."""
        i = self.step.inputs[0]
        data = string_at(int(words[2]), prod(i.shape or ()) * i.dtype.itemsize)
        self.fail_for(np.frombuffer(data, i.dtype).reshape(i.shape or ()))

    def fail_for(self, found: np.ndarray) -> None:
        """Raise what it raises for the indices `found`."""
        i, sizes = self.step.inputs
        _fail(self.step.attrs["of"], i, found, int(np.asarray(sizes.constant)[0]))


@dataclass(frozen=True, slots=True)
class Trap:
    """What a loop checks as it goes: where an index of one of `steps` is out of range, or what it divides by
    0, it leaves the number of that step, counted from 1, and the index where argument `word` points to.
    """

    steps: list[Step]
    word: int

    def fail(self, words: np.ndarray) -> None:
        """Raise what the row of that step raises, if one was wrong."""
        self.fail_for(*np.frombuffer(string_at(int(words[self.word]), 16), np.int64).tolist())

    def fail_for(self, which: int, found: int) -> None:
        """Raise what the row of step `which` raises for the index `found`."""
        if which:
            step = self.steps[which - 1]
            x, i = step.inputs
            _fail(step, i, np.asarray(found, i.dtype), (x.shape or (0,))[step.attrs.get("axis", 0)])


def plan(planner: Any, step: Step) -> None:
    """Plan a check: what it gives lies where its indices lie."""
    i, sizes = step.inputs
    layout = planner.layout(i)
    if not layout.contiguous:
        layout = planner.copied(i)
    planner.layouts[step.outputs[0]] = layout
    columns = prod(sizes.shape or ())
    rows = prod(i.shape or ()) // max(columns, 1)
    words = [
        Word("rows", "int64", value=rows),
        Word("columns", "int64", value=columns),
        Word("indices", f"{i.dtype}*", layout),
        Word("sizes", "int64*", planner.layout(sizes)),
        Word("wrap", "int64", value=int(step.attrs["wrap"])),
    ]
    text = _TEXT.format(dtype=i.dtype, wrong=wrong(step))
    kernel = Kernel(text, words, 1, [], {}, [], prod(i.shape or ()) * i.dtype.itemsize)
    planner.act(planner.launched(kernel, Check(step)))


def _fail(step: Step, i: Value, found: np.ndarray, size: int) -> None:
    """Run a user's step with the indices `found` in the place of `i`, as if he had just written it."""
    values = [found if x is i else _like(x) for x in step.inputs]
    outer, source.told.place = source.told.place, step.place or source.told.place
    seat = context.local.seat
    context.sit(None)
    try:
        apply(step.op, *[EagerTensor(v if v.ndim else v[()]) for v in values], **step.attrs)
    finally:
        context.sit(seat)
        source.told.place = outer
    raise not_in_range(found, size)


def _like(x: Value) -> np.ndarray:
    """A constant, or zeros in the shape of `x`, which take no memory."""
    if x.constant is not None:
        return np.asarray(x.constant)
    return np.broadcast_to(x.dtype.type(), x.shape or ())
