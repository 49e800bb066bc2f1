"""Draws of random numbers on a card: the numbers that the computer's own processor would draw.

Where a draw begins the host works out, which keeps the streams and moves them on; its numbers are made on the
card, where they are needed. How much normal numbers took of the common stream the host has to ask the card.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card import normal
from nbtape.compile.card.host import PHASES, CardHost, address
from nbtape.compile.card.transfer import to_host
from nbtape.compile.fusion import access
from nbtape.compile.planning import draw
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import sizes
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value
from nbtape.ops.sampler import OpStream

_EACH = 8  # half words in a block of the generator


@dataclass(eq=False, slots=True)
class Take:
    """Where the next `count` numbers of a stream are, which is to lie in `target`; `each` of them come from a
    block of the generator.
    """

    stream: OpStream
    count: int
    each: int
    target: Layout


@dataclass(eq=False, slots=True)
class Move:
    """The common stream moves on by as many half words as `taken` says."""

    stream: OpStream
    taken: Layout


def is_native(step: Step) -> bool:
    """Whether a step draws, and has a kernel."""
    return step.op is access.DRAW or step.op is access.NORMAL and prod(sizes(step.outputs[0])) > 0


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a draw, or normal numbers."""
    (y,), stream = step.outputs, step.attrs["stream"]
    if step.op is access.NORMAL:
        words = Value(Spec((8,), np.dtype(np.int64)))
        attrs = {"stream": stream, "count": 0, "each": _EACH}
        plan(planner, Step(access.DRAW, step.inputs, attrs, (words,), step.place))
        last = normal.make(planner, planner.layout(words), planner.fresh(y), prod(sizes(y)))
        if stream is not None and stream.seed is None:
            planner.act(Move(stream, last))
    elif stream is None:
        draw.plan(planner, step)
    else:
        planner.act(Take(stream, step.attrs["count"], step.attrs["each"], planner.fresh(y)))


def taken(stream: OpStream, count: int, each: int) -> np.ndarray:
    """The words of a draw as `kernels/philox.py` has them; the stream moves on past it."""
    if stream.seed is not None:
        state = stream.state()
        draws, op, key, second = state.tolist()
        state[0] += 1
        return np.array([0, 0, draws, op, key, second, each, -1 % 2**64], np.uint64).view(np.int64)
    generator: Any = stream.next().bit_generator
    state = generator.state
    place, left = state["buffer_pos"], state["has_uint32"] if each == 8 else 0
    words = np.empty(8, np.uint64)
    words[:4], words[4:6] = state["state"]["counter"], state["state"]["key"]
    words[6] = 2 * place - left if each == 8 else place
    words[7] = state["uinteger"] if left else -1 % 2**64
    if count:
        _move(generator, place, count - left, each)
    return words.view(np.int64)


def move(stream: OpStream, taken: int) -> None:
    """Move the common stream on by so many half words."""
    generator: Any = stream.next().bit_generator
    state = generator.state
    _move(generator, state["buffer_pos"], taken - state["has_uint32"], _EACH)


def _move(generator: Any, place: int, fresh: int, each: int) -> None:
    """Move NumPy's generator on from a place in its block, by so many new numbers."""
    before = generator.state
    place += (fresh + 1) >> 1 if each == 8 else fresh
    blocks = (place - 1) >> 2
    if blocks > 0:
        generator.advance(blocks - 1)
        generator.random_raw()
        place -= 4 * blocks
    state = generator.state
    state["buffer_pos"] = place
    state["has_uint32"], state["uinteger"] = before["has_uint32"], before["uinteger"]
    if each == 8:
        state["has_uint32"] = fresh & 1
        state["uinteger"] = int(state["buffer"][place - 1]) >> 32 if fresh & 1 else 0
    generator.state = state


def _taking(host: CardHost, action: Take) -> Callable[[list], None]:
    slot, offset = host.place(action.target)

    def take(arrays: list) -> None:
        words = taken(action.stream, action.count, action.each)
        host.card.write(address(arrays[slot]) + offset, words)

    return take


def _moving(host: CardHost, action: Move) -> Callable[[list], None]:
    return lambda arrays: move(action.stream, int(to_host(host.array(action.taken, arrays))))


PHASES[Take] = _taking
PHASES[Move] = _moving
