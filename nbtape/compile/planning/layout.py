"""Where the elements of a value lie: a Buffer, and the offset and strides with which to walk it.

Views cost nothing: a row that only moves elements about, as a slice or a transpose does, becomes another
Layout of the same Buffer where strides can say it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from nbtape.graph.program import Step, Value


@dataclass(eq=False, slots=True)
class Buffer:
    """A run of memory. `origin` says whose it is: "input", "constant", "variable", "output" or "arena";
    `source` which one: the number of an input or an output, a constant's array, a Variable's Reference.
    """

    size: int  # elements
    dtype: np.dtype
    origin: str = "arena"
    source: Any = None
    scalar: bool = False  # whether it is kept as a NumPy scalar, as Tensors and Variables of rank 0 are
    first: int = 0  # the first and the last unit that uses it
    last: int = 0
    shape: tuple | None = None  # of the array that it is, where it is one and this is known

    @property
    def bytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Layout:
    """Elements of `buffer`, from `offset`, with a stride for each axis, in elements.

    Where `known` is False the shape comes out only when the program runs: it is all of an array of its own.
    """

    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    known: bool = True

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie one after another, in the order of the axes."""
        return all(
            n == 1 or stride == dense
            for n, stride, dense in zip(self.shape, self.strides, dense_strides(self.shape), strict=True)
        )

    @property
    def whole(self) -> bool:
        """Whether it is all of its buffer, in order."""
        return self.known and self.contiguous and self.offset == 0 and prod(self.shape) == self.buffer.size


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array in C order."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def dense(buffer: Buffer, shape: tuple[int, ...]) -> Layout:
    return Layout(buffer, shape, dense_strides(shape))


def laid(buffer: Buffer, value: Value) -> Layout:
    """The layout of a value that has a buffer of its own."""
    return dense(buffer, value.shape or ()) if value.static else Layout(buffer, (), (), known=False)


# Views


def viewed(step: Step, x: Layout) -> Layout | None:
    """The layout of what a View row makes of `x`; None where strides cannot say it."""
    rule = _VIEWS.get(step.op.name)
    shape = step.outputs[0].shape
    if rule is None or shape is None or None in shape:
        return None
    return rule(x, shape, step.attrs)


def _reshaped(x: Layout, shape: tuple, attrs: dict) -> Layout | None:
    if x.contiguous:
        return replace(x, shape=shape, strides=dense_strides(shape))
    ours = [(n, s) for n, s in zip(x.shape, x.strides) if n != 1]
    if [n for n, _ in ours] != [n for n in shape if n != 1]:
        return None
    left = iter(ours)
    return replace(x, shape=shape, strides=tuple([next(left)[1] if n != 1 else 0 for n in shape]))


def _transposed(x: Layout, shape: tuple, attrs: dict) -> Layout:
    return replace(x, shape=shape, strides=tuple([x.strides[i] for i in attrs["perm"]]))


def _swapped(x: Layout, shape: tuple, attrs: dict) -> Layout:
    return replace(x, shape=shape, strides=(*x.strides[:-2], x.strides[-1], x.strides[-2]))


def _broadcast(x: Layout, shape: tuple, attrs: dict) -> Layout:
    extra = len(shape) - len(x.shape)
    strides = [0 if n == 1 else s for n, s in zip(x.shape, x.strides)]
    return replace(x, shape=shape, strides=(*[0] * extra, *strides))


def _reversed(x: Layout, shape: tuple, attrs: dict) -> Layout:
    offset, strides = x.offset, list(x.strides)
    for a in attrs["axis"]:
        offset += (shape[a] - 1) * strides[a]
        strides[a] = -strides[a]
    return replace(x, strides=tuple(strides), offset=offset)


def _sliced(x: Layout, shape: tuple, attrs: dict) -> Layout | None:
    return _cut(x, shape, attrs["key"].items)


def _block(x: Layout, shape: tuple, attrs: dict) -> Layout | None:
    """What the row `slice` takes."""
    return _cut(x, shape, tuple([slice(b, b + n) for b, n in zip(attrs["begin"], shape)]))


def _cut(x: Layout, shape: tuple, key: tuple) -> Layout | None:
    """What basic indexing gives: NumPy says which elements, by the addresses of an array of no bytes."""
    if not all(type(k) in (int, slice, type(None), type(Ellipsis)) for k in key):
        return None
    probe = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), x.shape, x.strides)
    try:
        found = probe[key if Ellipsis in key else (*key, Ellipsis)]  # never a number, but an array of rank 0
    except (IndexError, TypeError):
        return None
    offset = found.__array_interface__["data"][0] - probe.__array_interface__["data"][0]
    if not found.size:  # of no elements, none is out of place
        return replace(x, shape=shape, strides=dense_strides(shape))
    return replace(x, shape=shape, strides=found.strides, offset=x.offset + offset)


_VIEWS: dict[str, Callable[[Layout, tuple, dict], Layout | None]] = {
    "identity": lambda x, shape, attrs: x,
    "stop_gradient": lambda x, shape, attrs: x,
    "ensure_shape": lambda x, shape, attrs: x,
    "linked": lambda x, shape, attrs: x,
    "reassigned": lambda x, shape, attrs: x,
    "reshape": _reshaped,
    "reshape_like": _reshaped,
    "expand_dims": _reshaped,
    "squeeze": _reshaped,
    "transpose": _transposed,
    "matrix_transpose": _swapped,
    "broadcast_to": _broadcast,
    "broadcast_by": _broadcast,
    "reverse": _reversed,
    "subscript": _sliced,
    "slice": _block,
}
