"""Why a gradient is None: from what a tape saw, the place where the path from the source ends."""

import warnings
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Tensor
from nbtape.core.errors import GradientWarning
from nbtape.core.report import describe, spec_of
from nbtape.core.source import Place


@dataclass
class Read:
    """A variable was read that the tape does not watch."""

    variable: Any
    place: Place | None


@dataclass
class Left:
    """The value of a watched tensor left for NumPy or Python, after `count` nodes."""

    tensor: Tensor
    place: Place | None
    count: int


@dataclass
class Assigned:
    """A watched tensor was assigned to a variable, which holds values and not their history."""

    tensor: Tensor
    variable: Any
    place: Place | None


@dataclass
class Elsewhere:
    """A watched tensor was used by an op that the tape did not record."""

    tensor: Tensor
    result: Tensor
    stopped: bool
    place: Place | None


def reason(tape: Any, target: Any, src: Any) -> str:
    """A sentence that says why, then the user's lines and what to write instead."""
    if _dtype(src).kind not in FLOATS:
        return (
            f"{_called(src)} is of an integer, bool or string type, which gradients do not flow through.\n"
            "Make it floating, for example: tf.Variable(1.0) instead of tf.Variable(1), or tf.cast(x, "
            "tf.float32)."
        )
    starts, why_not = _starts(tape, src)
    if why_not:
        return why_not
    reached, first_blocks = _follow(tape, starts)
    if id(target) in reached:
        return _blocked(first_blocks, reached[id(target)], src)
    if _dtype(target).kind not in FLOATS:
        return f"the target is {describe(target)}, and gradients do not flow through its type."
    event = _event_on(tape, reached, target)
    if event:
        return event
    late = _used_unwatched(tape, src)
    if late is not None and isinstance(src, Tensor) and id(src) in tape._leaves:
        return (
            f"{_called(src)} was watched too late: {late[0].name} had used it at "
            f"{source.describe(late[2])}.\nCall tape.watch(x) before the first use of x."
        )
    return (
        f"nothing that the tape recorded leads from {_called(src)} to the target: the target does not depend "
        "on it, or was computed outside the `with` block of the tape."
    )


def _starts(tape: Any, src: Any) -> tuple[list[int], str]:
    """Ids of the tensors that stand for the source on the tape, or why there are none."""
    if isinstance(src, Tensor):
        if id(src) in tape._numbers:
            return [id(src)], ""
        used = _used_unwatched(tape, src)
        where = f"\n{used[0].name} used it at {source.describe(used[2])}." if used else ""
        return [], (
            f"{_called(src)} is not watched by this tape: it is a tensor, and tapes watch only trainable "
            "variables by "
            f"themselves.{where}\nCall tape.watch(x) before the first use of x, or make it a tf.Variable."
        )
    if src._serial in tape._reads:
        return [id(r) for r in tape._reads[src._serial]], ""
    read = next((e for e in tape._events if isinstance(e, Read) and e.variable._serial == src._serial), None)
    if read is None:
        return [], (
            f"{_called(src)} was not read while the tape was recording: the target does not depend on it, or "
            "on a value that was read before."
        )
    if not src.trainable:
        why = "it is not trainable (trainable=False)"
    else:
        why = "the tape was made with watch_accessed_variables=False"
    return [], (
        f"{_called(src)} is not watched by this tape: {why}.\nIt was read at {source.describe(read.place)}.\n"
        "Call tape.watch(variable) before that."
    )


def _follow(tape: Any, starts: list[int]) -> tuple[dict[int, int | None], list[str]]:
    """All that was computed from the source: id -> number of the block on the way there, None for
    a free way.
    """
    reached: dict[int, int | None] = dict.fromkeys(starts)
    blocks: list[str] = []
    for op, xs, _, ys, place in _each_op(tape.nodes):
        ways = [reached[id(x)] for x in xs if id(x) in reached]
        if not ways:
            continue
        block = None if None in ways else ways[0]
        if block is None:
            why = block_of(op, xs, ys, reached)
            if why:
                block = len(blocks)
                blocks.append(f"{why} at {source.describe(place)}.")
        for y in ys:
            if reached.get(id(y), 0) is not None:
                reached[id(y)] = block
    return reached, blocks


def _each_op(nodes: list) -> list:
    """The nodes, with those inside in the place of a function's call."""
    return [
        x for node in nodes for x in (node.attrs["call"].nodes(node.op) if "call" in node.attrs else [node])
    ]


def block_of(op: Any, xs: tuple, ys: tuple, reached: Container[int]) -> str:
    """Why no gradient flows back through this op from what was reached, "" where one does."""
    if op.name == "stop_gradient":
        return "stop_gradient stops the gradient"
    if all(spec_of(y).dtype.kind not in FLOATS for y in ys):
        return f"{op.name} gives {describe(ys[0])}, a type that gradients do not flow through,"
    if op.grad is None:
        return f"{op.name} has no gradient"
    if isinstance(op.grad, tuple) and all(op.grad[i] is None for i, x in enumerate(xs) if id(x) in reached):
        return f"{op.name} has no gradient for this input"
    return ""


def _blocked(blocks: list[str], number: int | None, src: Any) -> str:
    if number is None:
        return (
            f"each rule on the way from {_called(src)} to the target returned None: "
            "see the custom gradients there."
        )
    return f"the way from {_called(src)} to the target ends where {blocks[number]}"


def _event_on(tape: Any, reached: dict, target: Any) -> str:
    """The last unrecorded thing that happened to something computed from the source."""
    before, strangers = _made_of(tape, target)
    for event in reversed(tape._events):
        if isinstance(event, Read) or id(event.tensor) not in reached:
            continue
        at = source.describe(event.place)
        if isinstance(event, Left):
            way = _way_back(event, before, strangers)
            if not way:
                continue
            return (
                f"the value {way} the tape through NumPy or Python at {at}.\n"
                "Use TensorFlow or NumPy functions on the tensor itself: np.exp(x) stays on the tape, "
                "x.numpy() does not."
            )
        if isinstance(event, Assigned):
            return (
                f"the value was assigned to {_called(event.variable)} at {at}, and variables hold values "
                "without their history.\nUse the tensor itself in the loss."
            )
        if event.stopped:
            return f"recording was stopped when {describe(event.tensor)} was used at {at}."
        return (
            f"{describe(event.tensor)} was used in another thread, at {at}; a tape records its own thread "
            "only.\nOpen a tape in that thread."
        )
    return ""


def _made_of(tape: Any, target: Any) -> tuple[int, list | None]:
    """How many nodes there were before the target, and what went into it that the tape knows nothing of; None
    where the tape did not record the target.
    """
    wanted, strangers, before = {id(target)}, [], len(tape.nodes)
    for k, (_, xs, _, ys, _) in reversed(list(enumerate(tape.nodes))):
        if wanted.isdisjoint(map(id, ys)):
            continue
        before = k if any(y is target for y in ys) else before
        wanted |= {id(x) for x in xs}
        strangers += [x for x in xs if id(x) not in tape._numbers]
    return before, strangers if id(target) in tape._numbers else None


def _way_back(event: Left, before: int, strangers: list | None) -> str:
    """Whether a value that left came back: it "left", where just that value did; it "may have left", where
    other values did; "" where it cannot have.
    """
    if strangers is None:
        return "may have left"
    if event.count > before or not strangers:
        return ""
    value = np.asarray(event.tensor)
    same = [np.array_equal(value, np.asarray(x)) for x in strangers]
    return "left" if any(same) else "may have left"


def _used_unwatched(tape: Any, src: Any) -> Any:
    return next((e for e in tape._unwatched if any(ref() is src for ref in e[1])), None)


def _called(x: Any) -> str:
    return describe(x) if isinstance(x, Tensor) else f"variable {x.name!r}"


def _dtype(x: Any) -> Any:
    return spec_of(x).dtype if isinstance(x, Tensor) else x.dtype.np


_told: set[tuple] = set()


def warn(message: str) -> None:
    """A GradientWarning at the user's line."""
    warnings.warn(message, GradientWarning, stacklevel=source.depth())


def warn_once(why: str, place: Place | None) -> None:
    """The first sentence of `why`, once for each line of the user's program."""
    key = (place[0].co_filename, source.line_number(place), why) if place else (why,)
    if key not in _told:
        _told.add(key)
        warn(f"a gradient is None: {why.splitlines()[0]} (tape.explain(target, source) says more)")
