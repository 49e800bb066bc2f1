"""What a tape recorded, once more: with other values, or recorded on for higher derivatives."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Operators, Tensor, o, tensor
from nbtape.graph.run import evaluate

_PARTS = ("_wired", "_numbers", "_leaves", "_variables", "_unwatched", "_events")
_CLOSED = (
    "the tape does not hold what {0} did inside, only its result and its gradient. Check it by itself: "
    "tf.test.compute_gradient({0}, [x])"
)


def continued(tape: GradientTape) -> GradientTape:
    """A copy of a tape that can record on, so that gradients of gradients leave the tape itself as it is."""
    copied = copy.copy(tape)
    for part in _PARTS:
        setattr(copied, part, copy.copy(getattr(tape, part)))
    copied._reads = {serial: list(reads) for serial, reads in tape._reads.items()}
    copied._recording = False
    return copied


def replayed(
    tape: GradientTape, target: Any, sources: Sequence[Any], values: Sequence[np.ndarray]
) -> np.ndarray:
    """The target as it would have been, had each source had another value; in the precision of `values`.

    Raises ValueError where the tape holds only the results of a function: compiled, or with a gradient of
    its own.
    """
    nodes = tape.nodes
    closed = next((node.op.name for node in nodes if getattr(o, node.op.name, None) is not node.op), None)
    if closed is not None:
        raise ValueError(_CLOSED.format(closed.rpartition(":")[2]))
    dtype = next((v.dtype for v in values), np.dtype(np.float64))
    made = {id(y) for node in nodes for y in node.outputs}
    env = {id(x): _precise(x, dtype) for node in nodes for x in node.inputs if id(x) not in made}
    with context.paused():
        for source, value in zip(sources, values, strict=True):
            env |= dict.fromkeys(map(id, _stand_ins(tape, source)), tensor(value))
        evaluate(nodes, env)
        return np.asarray(env[id(target)] if id(target) in env else tensor(target), np.float64)


def _stand_ins(tape: GradientTape, source: Any) -> list[Tensor]:
    """The tensors on the tape that hold the value of a source: each read of a variable is one."""
    return [source] if isinstance(source, Tensor) else tape._reads.get(source._serial, [])


def _precise(x: Any, dtype: np.dtype) -> Any:
    if not isinstance(x, Operators):
        return x
    with context.paused():
        values = np.asarray(tensor(x)._value)
        return tensor(values.astype(dtype)) if values.dtype.kind in FLOATS and values.dtype.kind != "c" else x
