"""Checks of indices: kernels that stop their program where one is out of range.

What is wrong with it the row says that was given the index, as if it had run by itself.
"""

from ctypes import string_at
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.kernel import Kernel, Word
from nbtape.core import source
from nbtape.core.engine import EagerTensor, apply
from nbtape.graph.program import Step, Value
from nbtape.ops.index import not_in_range

_TEXT = '''"""Stop where an index is out of range; each column of indices has a range of its own."""
import numpy as np


def kernel(
    rows: "int64", columns: "int64", indices: "{dtype}*", sizes: "int64*", wrap: "int64"
) -> "bool":
    outside = False
    for j in range(columns):
        size = sizes[j]
        for i in range(rows):
            index = np.int64(indices[i * columns + j])
            outside |= (index < -size * wrap) | (index >= size)
    return outside
'''


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
    kernel = Kernel(_TEXT.format(dtype=i.dtype), words, 1, [], {}, [], prod(i.shape or ()) * i.dtype.itemsize)
    planner.act(planner.launched(kernel, step))


def fail(step: Step, words: np.ndarray) -> None:
    """Raise what the row of a user's step raises for the indices in the `words` of a check that stopped."""
    i, original = step.inputs[0], step.attrs["of"]
    data = string_at(int(words[2]), prod(i.shape or ()) * i.dtype.itemsize)
    found = np.frombuffer(data, i.dtype).reshape(i.shape or ())
    values = [found if x is i else _like(x) for x in original.inputs]
    outer, source.told.place = source.told.place, original.place
    try:
        apply(original.op, *[EagerTensor(v if v.ndim else v[()]) for v in values], **original.attrs)
    finally:
        source.told.place = outer
    raise not_in_range(found, int(np.asarray(step.inputs[1].constant)[0]))


def _like(x: Value) -> np.ndarray:
    """A constant, or zeros in the shape of `x`, which take no memory."""
    if x.constant is not None:
        return np.asarray(x.constant)
    return np.broadcast_to(x.dtype.type(), x.shape or ())
