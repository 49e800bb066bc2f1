"""Learning rates that change as training goes on."""

from typing import Any


class LearningRateSchedule:
    """The base of all schedules: subclasses give the rate for a step in `__call__(step)`.

    >>> class Halved(tf.keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5 ** tf.cast(step, tf.float32)
    >>> optimizer, v = tf.keras.optimizers.SGD(Halved()), tf.Variable(1.0)
    >>> for _ in range(2):
    ...     optimizer.apply_gradients([(tf.constant(1.0), v)]) and None
    >>> round(float(v), 3)
    0.85
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be "
            "serialized."
        )

    @classmethod
    def from_config(cls, config: dict) -> "LearningRateSchedule":
        """A schedule made from `get_config()`."""
        return cls(**config)
