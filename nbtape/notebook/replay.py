"""What a tape recorded, once more: with other values, or recorded on for higher derivatives.

Called where no tape is open.
"""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import nest
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Operators, Tensor, o, tensor
from nbtape.core.errors import OpError
from nbtape.graph.run import evaluate
from nbtape.notebook.numbers import array_of

_CLOSE = 1e-2  # the relative error of gradients that agree: wrong ones are farther off
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


class Slope(NamedTuple):
    """How fast a target changes along a direction, told twice; true where both agree."""

    by_tape: float
    by_differences: float
    error: float  # relative to the larger one, or to what rounding makes of the target

    def __bool__(self) -> bool:
        return self.error < _CLOSE


def slopes_of(tape: GradientTape, target: Any, sources: Sequence[Any]) -> list[Slope]:
    """The slope of the sum of `target` along a random direction of each source.

    Raises ValueError where the tape holds only the results of a function: compiled, or with a gradient of
    its own.
    """
    nodes = tape.nodes
    closed = next((node.op.name for node in nodes if getattr(o, node.op.name, None) is not node.op), None)
    if closed is not None:
        raise ValueError(_CLOSED.format(closed.rpartition(":")[2]))
    return [_slope(tape, nest.flatten(target), sources, i) for i in range(len(sources))]


def _slope(tape: GradientTape, targets: list, sources: Sequence[Any], i: int) -> Slope:
    direction = np.random.default_rng(0).normal(size=tuple(sources[i].shape))
    g = array_of(tape.gradient(targets, sources[i], unconnected_gradients="zero"))
    by_tape = float((g.astype(np.float64) * direction).sum())
    try:
        by_differences, noise = _difference(tape, targets, sources, i, direction, np.float64)
    except (OpError, TypeError):  # an operation on the way casts to the precision of the program
        by_differences, noise = _difference(tape, targets, sources, i, direction, np.float32)
    largest = max(abs(by_tape), abs(by_differences), noise)
    return Slope(by_tape, by_differences, abs(by_tape - by_differences) / largest)


def _difference(
    tape: GradientTape, targets: list, sources: Sequence[Any], i: int, direction: np.ndarray, dtype: Any
) -> tuple[float, float]:
    """The slope from values at both sides, and how large the noise of their rounding is."""
    at = [array_of(x).astype(np.float64) for x in sources]
    precision = float(np.finfo(dtype).eps ** (1 / 3))  # the best step for central differences
    step, ends = precision * max(1.0, float(np.abs(at[i]).max(initial=0))), []
    for sign in (1, -1):
        moved = [(v + sign * step * direction if k == i else v).astype(dtype) for k, v in enumerate(at)]
        ends.append(sum(float(y.sum()) for y in _replayed(tape, targets, sources, moved, dtype)))
    return (ends[0] - ends[1]) / (2 * step), precision * max(1.0, abs(ends[0]))


def _replayed(
    tape: GradientTape, targets: list, sources: Sequence[Any], values: Sequence[np.ndarray], dtype: Any
) -> list[np.ndarray]:
    """The targets as they would have been, had each source had another value."""
    nodes = tape.nodes
    made = {id(y) for node in nodes for y in node.outputs}
    env = {id(x): _precise(x, dtype) for node in nodes for x in node.inputs if id(x) not in made}
    for source, value in zip(sources, values, strict=True):
        env |= dict.fromkeys(map(id, _stand_ins(tape, source)), tensor(value))
    evaluate(nodes, env)
    return [array_of(env.get(id(y), y)).astype(np.float64) for y in targets]


def _stand_ins(tape: GradientTape, source: Any) -> list[Tensor]:
    """The tensors on the tape that hold the value of a source: each read of a variable is one."""
    return [source] if isinstance(source, Tensor) else tape._reads.get(source._serial, [])


def _precise(x: Any, dtype: Any) -> Any:
    """What an operation took, with real numbers in another precision."""
    if not isinstance(x, Operators):
        return x
    values = array_of(x)
    is_real = values.dtype.kind in FLOATS and values.dtype.kind != "c"
    return tensor(values.astype(dtype)) if is_real else x
