"""Long kernels in parts, which threads share.

Each part has its own bounds of the outermost loop. What a kernel folds over that loop each part folds into a
place of its own, and another kernel folds the parts.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from nbtape.compile.emission.emit import Kernel, Word, emit
from nbtape.compile.fusion.fuse import Group
from nbtape.compile.planning.layout import Buffer, Layout, dense
from nbtape.core.crew import THREADS
from nbtape.core.engine import Op
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

_LEAST = 300_000  # nanoseconds that a kernel takes, at least, to be worth the attention of other threads
_PART = 40_000  # that each part of it takes: a thread that is late or slow takes fewer of them
_PER_BYTE = 0.06  # nanoseconds, on one core


def parts_of(kernel: Kernel, most: int) -> int:
    """Into how many parts a kernel is worth dividing, of `most` that it can be divided into."""
    nanoseconds = kernel.pace * kernel.flops + _PER_BYTE * kernel.bytes
    if THREADS < 2 or nanoseconds < _LEAST:
        return 1
    return int(min(4 * THREADS, most, nanoseconds / _PART)) or 1


def part(kernel: Kernel, bounds: list[int], own: dict[int, Layout], i: int) -> list[Word]:
    """The arguments of part i: its bounds, and its share of the buffers in `own` (by id)."""
    words = [replace(word, value=value) for word, value in zip(kernel.words[:2], bounds)]
    for word in kernel.words[2:]:
        layout = own.get(id(word.layout.buffer)) if word.layout else None
        if layout is not None:
            word = replace(word, layout=replace(layout, offset=i * prod(layout.shape[1:])))
        words.append(word)
    return words


def folding(op: Op, x: Value, y: Value) -> Group:
    """What folds the parts `x` of `y`, a reduction by `op`."""
    step = Step(op, (x,), {"axis": (0,), "keepdims": False}, (y,))
    rank = len(x.shape or ())
    group = Group(list(x.shape or ()))
    group.steps, group.made, group.folded = [step], {y}, {y: frozenset([0])}
    group.axes = {x: tuple(range(rank)), y: tuple(range(1, rank))}
    return group


def folding_texts(kernel: Kernel) -> Iterator[str]:
    """The texts of what folds its parts, where it is longer than here."""
    for y in kernel.partial:
        several = Value(Spec((2, *(y.shape or ())), y.dtype))
        layouts = {v: _somewhere(v) for v in (several, y)}
        yield emit(folding(kernel.folds[y], several, y), layouts, lambda v, size: _somewhere(v)).text


def _somewhere(v: Value) -> Layout:
    return dense(Buffer(prod(v.shape or ()), v.dtype), v.shape or ())
