"""Optimizers whose steps go by the size of a variable as a whole: Lamb and Adafactor."""

from typing import Any

from nbtape.core.engine import o
from nbtape.state.variable import Variable
from nbtape.train.optimizers.optimizer import Optimizer


def _rms(x: Any) -> Any:
    return o.sqrt(o.mean(x * x, axis=None, keepdims=False))


def _norm(x: Any) -> Any:
    return o.sqrt(o.sum(x * x, axis=None, keepdims=False))


class Lamb(Optimizer):
    """Adam's steps, made as long as the variable's norm, times the rate.

    >>> v = tf.Variable([3.0, 4.0])
    >>> _ = tf.keras.optimizers.Lamb(0.1).apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([2.646, 4.354], dtype=float32)
    """

    slots = ("momentum", "velocity")
    settings = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        return learning_rate, 1 - self.beta_1**step, 1 - self.beta_2**step

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        m, v, rate, unbias_m, unbias_v = values
        m = m + (g - m) * (1 - self.beta_1)
        v = v + (g * g - v) * (1 - self.beta_2)
        step = m / unbias_m / (o.sqrt(v / unbias_v) + self.epsilon)
        size, length = _norm(p), _norm(step)
        ratio = o.where(o.logical_and(size > 0, length > 0), size / length, size * 0 + 1)
        return p - ratio * rate * step, m, v


class Adafactor(Optimizer):
    """Steps divided by the root of past squares, of which matrices keep the means of rows and columns alone.

    With `relative_step` the rate is at most 1/sqrt(t). A step is cut to a root mean square of
    `clip_threshold`, and made relative to the variable's, which counts as `epsilon_2` at least.

    >>> v = tf.Variable([[3.0, 4.0], [1.0, 2.0]])
    >>> optimizer = tf.keras.optimizers.Adafactor(0.1)
    >>> _ = optimizer.apply_gradients([(tf.constant([[5.0, -1.0], [2.0, 1.0]]), v)])
    >>> v.numpy().round(3)
    array([[2.765, 4.179],
           [0.786, 1.592]], dtype=float32)
    """

    settings = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2, self.relative_step = epsilon_1, epsilon_2, relative_step

    def _slots_of(self, variable: Variable) -> tuple[Variable, ...]:
        shape, factors = variable._value.shape, ()
        if len(shape) > 1:
            sizes = {"rows": shape[:-1], "columns": (*shape[:-2], shape[-1])}
            name = str(variable.name).replace("/", "_").replace(":", "_")
            factors = [self.add_variable(s, "zeros", variable.dtype, f"{name}_{n}") for n, s in sizes.items()]
        return *factors, self.add_variable_from_reference(variable, "velocity")

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        slow = 1 / o.sqrt(step)
        return o.minimum(learning_rate, slow), 1 - step**self.beta_2_decay

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        *factors, v, rate, keep = values
        squares, more = g * g + self.epsilon_1, 1 - keep
        if factors:
            rows, columns = (
                past * keep + o.mean(squares, axis=(axis,), keepdims=False) * more
                for past, axis in zip(factors, (g.ndim - 1, g.ndim - 2))
            )
            factors = [rows, columns]
            rows = rows / o.mean(rows, axis=(rows.ndim - 1,), keepdims=True)
            v = rows[..., None] * columns[..., None, :]
        else:
            v = v * keep + squares * more
        step = g / o.sqrt(v)
        step = step / o.maximum(_rms(step) / self.clip_threshold, _rms(step) * 0 + 1)
        scale = o.maximum(_rms(p), _rms(p) * 0 + self.epsilon_2) * rate
        return p - step * scale, *factors, v
