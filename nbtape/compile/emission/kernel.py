"""What a kernel is to those who run it: its text, its arguments, and what it moves and computes."""

from dataclasses import dataclass
from typing import Any

from nbtape.compile.planning.layout import Layout
from nbtape.core.engine import Op
from nbtape.graph.program import Value

BLOCK = 4096  # trips of an inner loop that is done in blocks


@dataclass(slots=True)
class Word:
    """One argument of a kernel: an address in a buffer (`layout`), or a number (`value`)."""

    name: str
    kind: str
    layout: Layout | None = None
    value: Any = None


@dataclass(slots=True)
class Kernel:
    """A kernel's text, its arguments, and what it moves and computes."""

    text: str
    words: list[Word]
    extent: int  # of the outermost loop, words 0 and 1
    partial: list[Value]  # results that are folded over the outermost loop
    folds: dict[Value, Op]  # the row of each reduction
    scratch: list[Layout]  # where rows are kept from one stage to the next
    bytes: int = 0
    flops: int = 0
    pace: float = 0.05  # nanoseconds that an operation takes, on one core
