"""Draws of random numbers on a card: the numbers that the computer's own processor would draw.

Where a draw begins the host works out, which keeps the streams and moves them on; its numbers are made on the
card, where they are needed. Normal numbers are the next of what was drawn for those before, so the host draws
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtape.compile.card.actions import HostCall
from nbtape.compile.card.host import PHASES, CardHost, address
from nbtape.compile.fusion import access
from nbtape.compile.planning import draw
from nbtape.compile.planning.draw import is_native as is_native
from nbtape.compile.planning.layout import Layout
from nbtape.core.engine import o
from nbtape.graph.program import Step
from nbtape.ops.sampler import OpStream

_HALF = 0xFFFFFFFF


@dataclass(eq=False, slots=True)
class Take:
    """Where the next `count` numbers of a stream are, which is to lie in `target`; `each` of them come from a
    block of the generator.
    """

    stream: OpStream
    count: int
    each: int
    target: Layout


def plan(planner: Any, step: Step) -> None:
    """Let `planner` run a draw, or normal numbers."""
    stream, attrs = step.attrs["stream"], step.attrs
    if step.op is access.DRAW and stream is None:
        draw.plan(planner, step)
    elif step.op is access.DRAW:
        planner.act(Take(stream, attrs["count"], attrs["each"], planner.fresh(step.outputs[0])))
    else:
        row = o.stateless_normal if stream is None else o.random_normal
        given = {"shape": attrs["shape"], "dtype": attrs["dtype"]}
        given |= {} if stream is None else {"stream": stream}
        step = Step(row, step.inputs, given, step.outputs, step.place)
        planner.python(step, lambda inputs, outputs: HostCall(step, inputs, outputs))


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


PHASES[Take] = _taking
