"""Learning rates that change as training goes on."""

import math
from collections.abc import Sequence
from typing import Any

from nbtape.core.dtype import float32
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast
from nbtape.state.custom import custom_object_scope, resolved


class LearningRateSchedule:
    """The base of all schedules: subclasses give the rate for a step in `__call__(step)`.

    `settings` names the arguments that make the schedule again, which `get_config` saves.

    >>> class Halved(tf.keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5 ** tf.cast(step, tf.float32)
    >>> optimizer, v = tf.keras.optimizers.SGD(Halved()), tf.Variable(1.0)
    >>> for _ in range(2):
    ...     optimizer.apply_gradients([(tf.constant(1.0), v)]) and None
    >>> round(float(v), 3)
    0.85
    """

    settings: tuple[str, ...] = ()

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict:
        """The arguments that make this schedule again."""
        if not self.settings:
            raise NotImplementedError(
                f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be "
                "serialized."
            )
        return {name: getattr(self, name) for name in self.settings}

    @classmethod
    def from_config(cls, config: dict) -> "LearningRateSchedule":
        """A schedule made from `get_config()`."""
        return cls(**config)


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps), the exponent whole if `staircase`.

    >>> rate = tf.keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)
    >>> float(rate(10))
    0.25
    """

    settings = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        decay_rate: Any,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps, self.staircase, self.name = _positive(decay_steps, "decay_steps"), staircase, name

    def __call__(self, step: Any) -> Any:
        rate, step = _rate_and_step(self.initial_learning_rate, step)
        return rate * cast(self.decay_rate, rate.dtype) ** _periods(step, self.decay_steps, self.staircase)


class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps), the fraction whole if `staircase`.

    >>> rate = tf.keras.optimizers.schedules.InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)
    >>> float(rate(10))
    0.25
    """

    settings = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        decay_rate: Any,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps, self.staircase, self.name = _positive(decay_steps, "decay_steps"), staircase, name

    def __call__(self, step: Any) -> Any:
        rate, step = _rate_and_step(self.initial_learning_rate, step)
        return rate / (1.0 + self.decay_rate * _periods(step, self.decay_steps, self.staircase))


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[0]` up to step `boundaries[0]` and with it, `values[1]` up to `boundaries[1]`, and so on.

    >>> rate = tf.keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [1.0, 0.5, 0.25])
    >>> [float(rate(step)) for step in range(4)]
    [1.0, 1.0, 0.5, 0.25]
    """

    settings = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[Any], values: Sequence[Any], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length "
                f"{len(values)}."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        step = tensor(step)
        rate = tensor(self.values[-1])
        for last, value in reversed(list(zip(self.boundaries, self.values))):
            rate = o.where(step <= cast(last, step.dtype), cast(value, rate.dtype), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """From `initial_learning_rate` to `end_learning_rate` in `decay_steps`, as (1 - share) ** power.

    With `cycle`, the end moves on to the next multiple of `decay_steps` each time that it is reached.

    >>> rate = tf.keras.optimizers.schedules.PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.5)
    >>> [float(rate(step)) for step in (0, 2, 4, 6)]
    [1.0, 0.75, 0.5, 0.5]
    """

    settings = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        end_learning_rate: Any = 0.0001,
        power: Any = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate, self.end_learning_rate = initial_learning_rate, end_learning_rate
        self.decay_steps, self.power = _positive(decay_steps, "decay_steps"), power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Any:
        rate, step = _rate_and_step(self.initial_learning_rate, step)
        steps, end = cast(self.decay_steps, rate.dtype), cast(self.end_learning_rate, rate.dtype)
        if self.cycle:
            steps = steps * o.maximum(o.ceil(step / steps), cast(1, rate.dtype))
        else:
            step = o.minimum(step, steps)
        return (rate - end) * (1.0 - step / steps) ** cast(self.power, rate.dtype) + end


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the rate to `alpha` times it in `decay_steps`.

    With a `warmup_target`, the rate first goes in a line from `initial_learning_rate` to the target, in
    `warmup_steps`, and then down from there.

    >>> rate = tf.keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=2)
    >>> [round(float(rate(step)), 3) for step in (0, 1, 2, 7, 12)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    settings = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        alpha: Any = 0.0,
        name: str = "CosineDecay",
        warmup_target: Any = None,
        warmup_steps: Any = 0,
    ):
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        self.decay_steps = _positive(decay_steps, "decay_steps")
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        rate, step = _rate_and_step(self.initial_learning_rate, step)
        steps = cast(self.decay_steps, rate.dtype)
        if self.warmup_target is None:
            return rate * _cosine(o.minimum(step / steps, cast(1.0, rate.dtype)), self.alpha)
        target, warmup = cast(self.warmup_target, rate.dtype), cast(self.warmup_steps, rate.dtype)
        share = o.minimum((step - warmup) / steps, cast(1.0, rate.dtype))
        rising = rate + (target - rate) * step / o.maximum(warmup, cast(1.0, rate.dtype))
        return o.where(step < warmup, rising, target * _cosine(share, self.alpha))


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine that starts again: each `t_mul` times as long as the last, and `m_mul` times as high.

    >>> rate = tf.keras.optimizers.schedules.CosineDecayRestarts(1.0, first_decay_steps=2)
    >>> [round(float(rate(step)), 3) for step in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    settings = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        first_decay_steps: Any,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: Any = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        self.first_decay_steps = _positive(first_decay_steps, "first_decay_steps")
        self.t_mul, self.m_mul = t_mul, m_mul

    def __call__(self, step: Any) -> Any:
        rate, step = _rate_and_step(self.initial_learning_rate, step)
        share = step / cast(self.first_decay_steps, rate.dtype)
        if self.t_mul == 1.0:
            restarts = o.floor(share)
            share = share - restarts
        else:  # the first n periods last (1 - t_mul**n) / (1 - t_mul) times the first
            restarts = o.floor(o.log(1.0 - share * (1.0 - self.t_mul)) / math.log(self.t_mul))
            length = cast(self.t_mul, rate.dtype) ** restarts
            share = (share - (1.0 - length) / (1.0 - self.t_mul)) / length
        height = cast(self.m_mul, rate.dtype) ** restarts
        return rate * _cosine(share, self.alpha, height)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict:
    """A dict from which `deserialize` makes the schedule again.

    >>> schedules = tf.keras.optimizers.schedules
    >>> config = schedules.serialize(schedules.PiecewiseConstantDecay([1], [0.5, 0.25]))
    >>> float(schedules.deserialize(config)(2))
    0.25
    """
    kind = type(learning_rate_schedule)
    is_ours = kind.__module__ == __name__
    return {
        "module": "keras.optimizers.schedules" if is_ours else kind.__module__,
        "class_name": kind.__name__,
        "config": learning_rate_schedule.get_config(),
        "registered_name": None if is_ours else kind.__name__,
    }


def deserialize(config: dict, custom_objects: dict | None = None) -> LearningRateSchedule:
    """The schedule that `serialize` wrote; classes of your own are given by name in `custom_objects`."""
    kinds = {kind.__name__: kind for kind in LearningRateSchedule.__subclasses__()}
    name = config["class_name"]
    with custom_object_scope(custom_objects):
        found = resolved(name, kinds)
        if found is None:
            raise ValueError(
                f"Unknown learning rate schedule: {name!r}. Give its class in `custom_objects`, as "
                f"{{{name!r}: ...}}."
            )
        return found.from_config(config["config"])


def _positive(steps: Any, name: str) -> Any:
    if steps <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={steps}")
    return steps


def _rate_and_step(rate: Any, step: Any) -> tuple[Any, Any]:
    """The rate as a tensor of a floating dtype, and the step in that dtype."""
    rate = tensor(rate)
    rate = rate if rate.dtype.is_floating else cast(rate, float32)
    return rate, cast(step, rate.dtype)


def _periods(step: Any, length: Any, whole: bool) -> Any:
    periods = step / cast(length, step.dtype)
    return o.floor(periods) if whole else periods


def _cosine(share: Any, alpha: Any, height: Any = 1.0) -> Any:
    """Half a cosine from `height` at 0 to nothing at 1, squeezed so that it ends at `alpha`."""
    return (1.0 - alpha) * (0.5 * height * (1.0 + o.cos(math.pi * share))) + alpha
