"""Optimizers that give each element a step of its own, in Keras's rules.

All take the arguments of `Optimizer` by name too.
"""

from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.core.memory import on_host
from nbtape.ops.arithmetic import cast
from nbtape.state.initializers import Constant
from nbtape.train.optimizers.basic import Adam
from nbtape.train.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Steps divided by the root of the mean of past squares.

    v = rho*v + (1 - rho)*g*g, p -= rate*g / sqrt(v + epsilon). With `centered`, the square of the mean
    gradient is taken off v; with `momentum`, steps are added up.

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.RMSprop(0.1).apply_gradients([(tf.constant([5.0, -0.5]), v)])
    >>> v.numpy().round(3)
    array([0.684, 2.316], dtype=float32)
    """

    settings = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.slots = ("velocity", *["momentum"] * (momentum > 0), *["average_gradient"] * centered)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        velocity, *others, rate = values
        velocity = velocity * self.rho + g * g * (1 - self.rho)
        spread, kept = velocity, []
        if self.centered:
            mean = others.pop() * self.rho + g * (1 - self.rho)
            spread, kept = velocity - mean * mean, [mean]
        step = rate * g / o.sqrt(spread + self.epsilon)
        if others:
            step = others[0] * self.momentum + step
            kept = [step, *kept]
        return p - step, velocity, *kept


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of past squares: a += g*g, p -= rate*g / sqrt(a + epsilon).

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Adagrad(0.1).apply_gradients([(tf.constant([5.0, -0.5]), v)])
    >>> v.numpy().round(3)
    array([0.9  , 2.085], dtype=float32)
    """

    slots = ("accumulator",)
    settings = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon
        self.starts = {"accumulator": Constant(initial_accumulator_value)}

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        total, rate = values
        total = total + g * g
        return p - rate * g / o.sqrt(total + self.epsilon), total


class Adadelta(Optimizer):
    """Steps as large as past steps were, by the root of their mean square, over that of past gradients.

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Adadelta(1.0).apply_gradients([(tf.constant([5.0, -0.5]), v)])
    >>> v.numpy().round(4)
    array([0.9986, 2.0014], dtype=float32)
    """

    slots = ("accumulated_grad", "accumulated_delta_var")
    settings = ("rho", "epsilon")

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any):
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = rho, epsilon

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        squares, steps, rate = values
        squares = squares * self.rho + g * g * (1 - self.rho)
        step = o.sqrt(steps + self.epsilon) * g / o.sqrt(squares + self.epsilon)
        return p - rate * step, squares, steps * self.rho + step * step * (1 - self.rho)


class AdamW(Adam):
    """Adam with a weight decay that the gradients' squares do not scale.

    >>> v = tf.Variable([1.0, 2.0])
    >>> optimizer = tf.keras.optimizers.AdamW(0.1, weight_decay=0.5)
    >>> _ = optimizer.apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([0.85, 2.  ], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)  # fmt: skip
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")


class Adamax(Optimizer):
    """Adam by the largest past gradient instead of the squares' mean.

    m += (g - m)*(1 - beta_1), u = max(beta_2*u, |g|), p -= rate*m / ((1 - beta_1**t) * (u + epsilon)).

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Adamax(0.1).apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([0.9, 2.1], dtype=float32)
    """

    slots = ("momentum", "norm")
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
        return (learning_rate / (1 - self.beta_1**step),)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        m, u, rate = values
        m = m + (g - m) * (1 - self.beta_1)
        u = o.maximum(u * self.beta_2, abs(g))
        return p - m * rate / (u + self.epsilon), m, u


class Nadam(Adamax):
    """Adam with Nesterov's momentum, whose beta_1 grows with the steps: beta_1 * (1 - 0.5 * 0.96**t).

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Nadam(0.1).apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([0.894, 2.106], dtype=float32)
    """

    slots = ("momentum", "velocity")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._product = self._made(1.0, "u_product", np.float32)  # of all the betas so far

    def _beta(self, step: Any) -> Any:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def _update(self, gradients: Any, variables: Any, learning_rate: Any) -> None:
        super()._update(gradients, variables, learning_rate)
        step = cast(self.iterations + 1, np.float32)
        self._product.assign(self._product * self._beta(step), read_value=False)

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        at_once = isinstance(learning_rate, np.generic)
        before = on_host(self._product._value) if at_once else cast(self._product, step.dtype)
        now, after = self._beta(step), self._beta(step + 1)
        product = before * now
        from_mean = learning_rate * after / (1 - product * after)
        from_gradient = learning_rate * (1 - now) / (1 - product)
        return from_mean, from_gradient, 1 - self.beta_2**step

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        m, v, from_mean, from_gradient, unbias = values
        m = m + (g - m) * (1 - self.beta_1)
        v = v + (g * g - v) * (1 - self.beta_2)
        return p - (m * from_mean + g * from_gradient) / (o.sqrt(v / unbias) + self.epsilon), m, v


class Lion(Optimizer):
    """Steps of one size: p -= rate * sign(beta_1*m + (1 - beta_1)*g), then m = beta_2*m + (1 - beta_2)*g.

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Lion(0.1).apply_gradients([(tf.constant([5.0, -0.01]), v)])
    >>> v.numpy().round(3)
    array([0.9, 2.1], dtype=float32)
    """

    slots = ("momentum",)
    settings = ("beta_1", "beta_2")

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **common: Any):
        super().__init__(learning_rate, **common)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to "
                f"SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = beta_1, beta_2

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        m, rate = values
        step = rate * o.sign(m * self.beta_1 + g * (1 - self.beta_1))
        return p - step, m * self.beta_2 + g * (1 - self.beta_2)


class Ftrl(Optimizer):
    """Follow the regularized leader: the variable is made anew from the sum of past gradients in each step.

    With n the sum of squares, s the change of n**-learning_rate_power and z += g - s/rate * p, the variable
    becomes (clip(z, -l1, l1) - z) / (n**-learning_rate_power / rate + 2*l2 + beta/rate).

    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = tf.keras.optimizers.Ftrl(0.1).apply_gradients([(tf.constant([5.0, -0.5]), v)])
    >>> v.numpy().round(3)
    array([0.837, 1.015], dtype=float32)
    """

    slots = ("accumulator", "linear")
    settings = (
        "learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
        "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")  # fmt: skip

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Any,
    ):
        super().__init__(learning_rate, **common)
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        for name in self.settings[1:5]:
            if getattr(self, name) < 0:
                raise ValueError(
                    f"`{name}` needs to be positive or zero. Received: {name}={getattr(self, name)}."
                )
        self.starts = {"accumulator": Constant(initial_accumulator_value)}

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        n, z, rate = values
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        grown = n + g * g
        shrunk = g + p * (2 * self.l2_shrinkage_regularization_strength)
        z = z + (shrunk - (grown**power - n**power) / rate * p)
        curve = grown**power / rate + (2 * self.l2_regularization_strength + self.beta / rate)
        beyond = o.sign(z) * o.maximum(abs(z) - l1, 0.0)
        return -beyond / curve, grown, z
