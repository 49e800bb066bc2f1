"""Learning rates of TensorFlow 1, which fall with the global step: tensors where that is one.

Where operations run at once each returns a function without arguments, which the optimizers call at each
step.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import float32
from nbtape.core.engine import tensor
from nbtape.ops.arithmetic import cast
from nbtape.ops.functions import add, ceil, cos, floor, less_equal, maximum, minimum, multiply, pow
from nbtape.ops.mask import where
from nbtape.state.scopes.scope import name_scope


def _now(compute: Callable[[], Any]) -> Any:
    return compute if context.local.graph is None else compute()


def _ratio(step: Any, steps: Any, staircase: bool = False) -> Any:
    """How many times `steps` have gone by, in whole numbers if `staircase`."""
    ratio = cast(tensor(step), float32) / cast(tensor(steps), float32)
    return floor(ratio) if staircase else ratio


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * decay_rate ** (global_step / decay_steps), the exponent whole if `staircase`.

    >>> rate = tf.compat.v1.train.exponential_decay(0.5, 20, 10, 0.5)
    >>> float(rate())
    0.125
    """

    def rate() -> Any:
        with name_scope(name or "ExponentialDecay") as scope:
            decayed = pow(tensor(decay_rate), _ratio(global_step, decay_steps, staircase))
            return multiply(tensor(learning_rate), decayed, name=scope)

    return _now(rate)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    return exponential_decay(
        learning_rate, global_step, decay_steps, math.exp(-decay_rate), staircase, name or "ExponentialDecay"
    )


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""

    def rate() -> Any:
        with name_scope(name or "InverseTimeDecay") as scope:
            slower = 1.0 + decay_rate * _ratio(global_step, decay_steps, staircase)
            return multiply(tensor(learning_rate), 1.0 / slower, name=scope)

    return _now(rate)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    """From `learning_rate` to `end_learning_rate` in `decay_steps`, as (1 - part) ** power; if `cycle`, then
    again over longer and longer times.
    """

    def rate() -> Any:
        with name_scope(name or "PolynomialDecay") as scope:
            part = _ratio(global_step, decay_steps)
            part = part / maximum(ceil(part), 1.0) if cycle else minimum(part, 1.0)
            left = pow(1.0 - part, tensor(power, float32))
            return add(left * (learning_rate - end_learning_rate), end_learning_rate, name=scope)

    return _now(rate)


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None
) -> Any:
    """Half a cosine wave from `learning_rate` to `alpha` of it."""

    def rate() -> Any:
        with name_scope(name or "CosineDecay"):
            part = minimum(_ratio(global_step, decay_steps), 1.0)
            wave = 0.5 * (1.0 + cos(math.pi * part))
            return multiply(tensor(learning_rate), (1 - alpha) * wave + alpha)

    return _now(rate)


def piecewise_constant(x: Any, boundaries: Sequence, values: Sequence, name: str | None = None) -> Any:
    """`values[i]` for `x` up to `boundaries[i]`, and the last value beyond.

    Raises ValueError where there is not one value more than boundaries.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")

    def rate() -> Any:
        with name_scope(name or "PiecewiseConstant"):
            now, found = tensor(x), tensor(values[-1])
            for boundary, value in zip(reversed(boundaries), reversed(values[:-1])):
                found = where(less_equal(now, tensor(boundary, now.dtype)), value, found)
            return found

    return _now(rate)
