"""Draws of random numbers: kernels that note where in a sequence a draw begins, and move the sequence on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Kernel
from nbtape.compile.planning.layout import dense
from nbtape.compile.planning.windows import address, kernel_of, numbers
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value
from nbtape.ops.sampler import OpStream

COMMON = '''"""Take the next random numbers of the common stream."""
from nbtape.kernels.philox import take


def kernel({arguments}):
    take(state, draw, count, {each})
'''

OWN = '''"""Take the next random numbers of an op with a seed."""
from nbtape.kernels.philox import start


def kernel({arguments}):
    start(draw, state[2], state[3], state[0], state[1], {each})
    state[0] += 1
'''

SEED = '''"""Take the random numbers of a seed."""
from nbtape.kernels.philox import start


def kernel({arguments}):
    start(draw, seed[0], seed[1], 0, 0, {each})
'''


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a stream, where a call finds it as it finds the array of a variable."""

    stream: OpStream

    def deref(self) -> "_State":
        return self

    @property
    def _value(self) -> np.ndarray:
        return self.stream.state()


def plan(planner: Any, step: Step) -> None:
    """Plan a draw."""
    stream, each = step.attrs["stream"], step.attrs["each"]
    words = [address("draw", planner.fresh(step.outputs[0]))]
    if stream is None:
        text = SEED
        words.append(address("seed", planner.ordered(step.inputs[0])))
    else:
        text = COMMON if stream.seed is None else OWN
        words.append(address("state", _state(planner.root, stream)))
        words += numbers(count=step.attrs["count"]) if stream.seed is None else []
    planner.act(planner.launched(kernel_of(text, words, {"each": each}, extent=1)))


def _state(planner: Any, stream: OpStream) -> Any:
    """Where the state of a stream is."""
    if stream not in planner.states:
        size = 8 if stream.seed is None else 4
        value = Value(Spec((size,), np.dtype(np.int64)))
        planner.states[stream] = dense(planner.buffer(value, "variable", _State(stream)), (size,))
    return planner.states[stream]
