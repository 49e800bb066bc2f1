"""An optimizer around another, for gradients in half precision."""

from collections.abc import Sequence
from typing import Any

from nbtape.core.dtype import float32, int64
from nbtape.core.engine import o, tensor
from nbtape.core.kernel import late
from nbtape.core.slices import IndexedSlices
from nbtape.graph.control import cond
from nbtape.ops.arithmetic import cast
from nbtape.ops.clip import like
from nbtape.ops.join import stack
from nbtape.ops.reduce import reduce_all
from nbtape.state.initializers import Constant
from nbtape.state.variable import Variable
from nbtape.train.optimizers.optimizer import Optimizer

_serialize = late("nbtape.keras.optimizers:serialize")
_deserialize = late("nbtape.keras.optimizers:deserialize")


class LossScaleOptimizer(Optimizer):
    """An optimizer that has `inner_optimizer` step, with losses scaled up so far that gradients stay finite.

    `scale_loss` multiplies a loss by the scale, and gradients are divided by it. It starts at
    `initial_scale`, and doubles after `dynamic_growth_steps` steps; where a gradient is not finite, it is
    halved instead of a step.

    >>> v, optimizer = tf.Variable(1.0), tf.keras.optimizers.LossScaleOptimizer(tf.keras.optimizers.SGD(0.5))
    >>> with tf.GradientTape() as tape:
    ...     loss = optimizer.scale_loss(v * v)
    >>> _ = optimizer.apply([tape.gradient(loss, v)], [v])
    >>> float(v)
    0.0
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        for argument in kwargs:
            raise ValueError(
                f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` on the "
                "`inner_optimizer`."
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer, self.initial_scale = inner_optimizer, initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        self.step_counter = self.add_variable((), "zeros", int64, "step_counter")
        self.dynamic_scale = self.add_variable((), Constant(self.initial_scale), float32, "dynamic_scale")
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *self.inner_optimizer.variables]

    def _trackable_children(self) -> dict[str, Any]:
        return super()._trackable_children() | {"inner_optimizer": self.inner_optimizer}

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Any) -> Any:
        return loss * cast(self.dynamic_scale if self.built else self.initial_scale, tensor(loss).dtype)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        if not self.built and trainable_variables is not None:
            self.build(list(trainable_variables))
        grads = [g if g is None or isinstance(g, IndexedSlices) else tensor(g) for g in grads]
        finite = [reduce_all(o.is_finite(_values(g))) for g in grads if g is not None]
        cond(reduce_all(stack(finite)), lambda: self._step_on(grads, trainable_variables), self._shrink)

    def _step_on(self, grads: list, trainable_variables: Any) -> None:
        scale = self.dynamic_scale.read_value()
        unscaled = [g if g is None else like(g, _values(g) / cast(scale, g.dtype)) for g in grads]
        self.inner_optimizer.apply(unscaled, trainable_variables)
        steps = self.step_counter + 1
        grows = o.equal(steps, cast(self.dynamic_growth_steps, int64))
        self.step_counter.assign(o.where(grows, cast(0, int64), steps), read_value=False)
        self.dynamic_scale.assign(o.where(grows, scale * 2.0, scale), read_value=False)

    def _shrink(self) -> None:
        self.step_counter.assign(0, read_value=False)
        self.dynamic_scale.assign(self.dynamic_scale * 0.5, read_value=False)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "inner_optimizer": _serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        inner = config["inner_optimizer"]
        inner = _deserialize(inner, custom_objects) if isinstance(inner, dict) else inner
        return cls(**config | {"inner_optimizer": inner})

    def __repr__(self) -> str:
        return f"LossScaleOptimizer({self.inner_optimizer!r})"


def _values(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, IndexedSlices) else gradient
