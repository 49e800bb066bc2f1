"""SGD and Adam, in Keras's rules. Both take the arguments of `Optimizer` by name too."""

from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.core.kernel import Late, late
from nbtape.core.report import spec_of
from nbtape.core.slices import IndexedSlices
from nbtape.ops.arithmetic import cast
from nbtape.state.variable import Variable
from nbtape.train.optimizers.optimizer import Optimizer

_sgd = late("nbtape.kernels.cpu.optim:sgd")
_momentum = late("nbtape.kernels.cpu.optim:momentum")
_adam = late("nbtape.kernels.cpu.optim:adam")


class SGD(Optimizer):
    """Gradient descent, with `momentum` if it is not 0, and Nesterov's if `nesterov`.

    v = momentum*v - rate*g, then p += v, or p += momentum*v - rate*g for Nesterov's. The rows of an
    IndexedSlices are updated alone, unless there is momentum.

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.SGD(0.1).apply_gradients([(tf.constant([1.0, -1.0]), v)])
    >>> v.numpy()
    array([0.9, 2.1], dtype=float32)
    """

    settings = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        if isinstance(momentum, str) or not 0 <= momentum <= 1:
            raise ValueError("`momentum` must be a float between [0, 1].")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        if isinstance(gradient, IndexedSlices) and not self.momentum:
            (rate,) = self._rates_for(variable.dtype, learning_rate)
            variable.scatter_sub(
                IndexedSlices(cast(gradient.values, variable.dtype) * rate, gradient.indices)
            )
        else:
            super().update_step(gradient, variable, learning_rate)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        if not self.momentum:
            return (p - g * values[0],)
        v, rate = values
        v = v * self.momentum - g * rate
        return p + (v * self.momentum - g * rate if self.nesterov else v), v

    def fused(self) -> tuple[Late, tuple]:
        return (_momentum, (self.momentum, self.nesterov)) if self.momentum else (_sgd, ())


_LEAST = {kind: 1e4 * float(np.finfo(kind).tiny) for kind in "fd"}  # as the eager kernel has it


def alive(moment: Any) -> Any:
    """A moment, with 0 for what has all but vanished: denormal numbers are twenty times slower."""
    least = _LEAST.get(spec_of(moment).dtype.char)
    return moment if least is None else o.where(o.less(o.abs(moment), least), 0.0, moment)


class Adam(Optimizer):
    """Adam: steps along the mean of past gradients, divided by the root of the mean of their squares.

    m += (g - m)*(1 - beta_1), v += (g*g - v)*(1 - beta_2), p -= a*m / (sqrt(v) + epsilon), with the rate `a`
    corrected for the start at zero; with `amsgrad`, v is the largest so far. An IndexedSlices counts as the
    dense gradient that it stands for.

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Adam(0.1).apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([0.9, 2.1], dtype=float32)
    """

    settings = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.slots = ("momentum", "velocity", "velocity_hat") if amsgrad else ("momentum", "velocity")

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        return (learning_rate * o.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step),)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        m, v, *largest, rate = values
        m = alive(m + (g - m) * (1 - self.beta_1))
        v = alive(v + (g * g - v) * (1 - self.beta_2))
        largest = [o.maximum(most, v) for most in largest]
        return p - m * rate / (o.sqrt(largest[0] if largest else v) + self.epsilon), m, v, *largest

    def fused(self) -> tuple[Late, tuple] | None:
        return None if self.amsgrad else (_adam, (self.beta_1, self.beta_2, self.epsilon))
