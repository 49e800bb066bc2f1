"""Draws of random numbers: kernels that note where in a sequence a draw begins, and move the sequence on."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Word
from nbtape.compile.fusion import access
from nbtape.compile.planning.layout import dense
from nbtape.compile.planning.windows import address, kernel_of, numbers
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value
from nbtape.ops.sampler import OpStream

TAKE = '''"""Take the next random numbers {whose}."""
from nbtape.kernels.philox import {called}


def kernel({arguments}):
    {begin}
    {end}
'''

NORMAL = '''"""Make normal numbers, the next {whose}."""
from nbtape.kernels.philox import {called}
from nbtape.kernels.ziggurat import normal


def kernel({arguments}):
    {begin}
    count = normal(draw, room, y, count)
    {end}
'''

_EACH = 8  # half words in a block of the generator
_PACE = 4.0  # nanoseconds for a normal number, on one core


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a stream, where a call finds it as it finds the array of a variable."""

    stream: OpStream

    def deref(self) -> "_State":
        return self

    @property
    def _value(self) -> np.ndarray:
        return self.stream.state()


def is_native(step: Step) -> bool:
    return step.op in (access.DRAW, access.NORMAL)


def plan(planner: Any, step: Step) -> None:
    """Plan a draw, or the normal numbers of one."""
    y, stream, each = planner.fresh(step.outputs[0]), step.attrs["stream"], step.attrs.get("each", _EACH)
    told: dict[str, Any] = {"extent": 1}
    if step.op is access.DRAW:
        text, words = TAKE, [address("draw", y)]
        if stream is not None and stream.seed is None:
            words += numbers(count=step.attrs["count"])
    else:
        count = prod(y.shape)
        draw, room = planner.scratch((8,), np.dtype(np.int64)), planner.scratch((each,), np.dtype(np.uint32))
        text, words = NORMAL, [address("draw", draw), address("room", room), address("y", y)]
        words += numbers(count=count)
        told |= {"bytes": count * y.buffer.dtype.itemsize, "flops": count, "pace": _PACE}
    fields, source = _source(planner, step, each)
    planner.act(planner.launched(kernel_of(text, [source, *words], fields, **told)))


def _source(planner: Any, step: Step, each: int) -> tuple[dict[str, Any], Word]:
    """What a text says of a draw's source, a stream or a seed; and where that is."""
    stream = step.attrs["stream"]
    if stream is None:
        begin = f"start(draw, seed[0], seed[1], 0, 0, {each})"
        told = {"whose": "of a seed", "called": "start", "begin": begin, "end": []}
        return told, address("seed", planner.ordered(step.inputs[0]))
    if stream.seed is None:
        begin, end = f"look(state, draw, {each})", [f"move(state, draw, count, {each})"]
        told = {"whose": "of the common stream", "called": "look, move", "begin": begin, "end": end}
    else:
        begin = f"start(draw, state[2], state[3], state[0], state[1], {each})"
        told = {"whose": "of an op with a seed", "called": "start", "begin": begin, "end": ["state[0] += 1"]}
    return told, address("state", _state(planner.root, stream))


def _state(planner: Any, stream: OpStream) -> Any:
    """Where the state of a stream is."""
    if stream not in planner.states:
        size = 8 if stream.seed is None else 4
        value = Value(Spec((size,), np.dtype(np.int64)))
        planner.states[stream] = dense(planner.buffer(value, "variable", _State(stream)), (size,))
    return planner.states[stream]
