"""Optimizers of TensorFlow 1: they put gradients of a loss, and the changes of variables, in a graph."""

from collections.abc import Iterable
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, nest
from nbtape.core.dtype import float32
from nbtape.core.engine import Tensor, o, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.graph.effects import control_dependencies, group
from nbtape.graph.v1.gradients import gradients
from nbtape.graph.v1.setting import init_scope
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import constant, fill, zeros
from nbtape.ops.index import gather
from nbtape.ops.lookup import unique
from nbtape.ops.measure import size
from nbtape.ops.segment import unsorted_segment_sum
from nbtape.state.graph_variable import VariableV1
from nbtape.state.saving.tracking import arrived
from nbtape.state.scopes.collection import GraphKeys, get_collection_ref, trainable_variables
from nbtape.state.scopes.partition import PartitionedVariable
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.optimizers.basic import alive


class GraphOptimizer:
    """The base of the optimizers of TensorFlow 1.

    A subclass names in `slots` what it keeps beside each variable, with its first value, and gives the next
    values of a variable and its slots in `rule`.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     v = tf.Variable(2.0)
    ...     step = tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize(v * v)
    ...     sess.run(tf.compat.v1.global_variables_initializer())
    ...     sess.run(step)
    ...     sess.run(v)
    np.float32(1.6)
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    slots: tuple[tuple[str, float], ...] = ()  # name, and the value that it starts from
    rows_alone = True  # whether rows without a gradient stay as they are
    hypers: dict[str, Any]  # the numbers that `rule` takes, by name, or functions that give them

    def __init__(self, use_locking: bool, name: str):
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._name, self._use_locking = name, use_locking
        self._slots: dict[str, dict[Any, Any]] = {}
        self._made: dict[Any, tuple] = {}

    def get_name(self) -> str:
        return self._name

    # What the user calls

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """The operation that makes one step down `loss`, and counts it in `global_step`.

        Raises ValueError where no variable has a gradient.
        """
        pairs = self.compute_gradients(loss, var_list, gate_gradients, grad_loss=grad_loss)
        if all(g is None for g, _ in pairs):
            names = [str(v) for _, v in pairs]
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not support "
                f"gradients, between variables {names} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """Pairs of a gradient and its variable, for `var_list` or all that are trainable; None where there is
        no path. `loss` may be a function without arguments.
        """
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH. Not {gate_gradients}"
            )
        if context.local.graph is None:
            return self._eager_gradients(loss, var_list, grad_loss)
        loss = loss() if callable(loss) else loss
        variables = trainable_variables() if var_list is None else nest.flatten(var_list)
        variables = [part for v in variables for part in (v if isinstance(v, PartitionedVariable) else [v])]
        if not variables:
            raise ValueError("No variables to optimize.")
        return list(zip(gradients(loss, variables, grad_loss), variables))

    def _eager_gradients(self, loss: Any, var_list: Any, grad_loss: Any) -> list[tuple[Any, Any]]:
        if not callable(loss):
            raise RuntimeError("`loss` passed to Optimizer.compute_gradients should be a function when eager "
                               "execution is enabled.")  # fmt: skip
        with GradientTape() as tape:
            value = loss()
        variables = list(tape.watched_variables()) if var_list is None else nest.flatten(var_list)
        return list(zip(tape.gradient(value, variables, grad_loss), variables))

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Any]], global_step: Any = None, name: str | None = None
    ) -> Any:
        """The operation that changes variables for their gradients, and counts that in `global_step`.

        A gradient of None is passed over. Raises ValueError where all are None.
        """
        pairs = [(g, v) for g, v in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided.")
        for g, _ in pairs:
            if g is not None and not isinstance(g, Tensor | IndexedSlices):
                raise TypeError(f"Gradient must be a Tensor, IndexedSlices, or None: {g}")
        used = [(g, v) for g, v in pairs if g is not None]
        if not used:
            raise ValueError(f"No gradients provided for any variable: {[str(v) for _, v in pairs]}.")
        with init_scope():
            self._create_slots([v for _, v in used])
            arrived(self)
        with name_scope(name or self._name) as scope:
            hypers = {key: self._hyper(key, x) for key, x in self.hypers.items()}
            updates = [self._updated(g, v, hypers) for g, v in used]
            updates += self._after(updates, hypers)
            return self._counted(updates, global_step, scope)

    def _hyper(self, name: str, value: Any) -> Any:
        value = value() if callable(value) else value
        return tensor(value) if isinstance(value, Tensor | Variable) else constant(value, float32, name=name)

    # Slots

    def get_slot_names(self) -> list[str]:
        """The names of what is kept beside variables."""
        return sorted(self._slots)

    def get_slot(self, var: Any, name: str) -> Any:
        """What is kept beside a variable under a name, None where there is nothing."""
        return self._slots.get(name, {}).get(var._serial)

    def variables(self) -> list:
        """All variables of the optimizer's own."""
        return sorted([v for made in self._made.values() for v in made], key=_name_of)

    def _trackable_children(self) -> dict[str, Any]:
        return {_name_of(v): v for v in self.variables()}

    def _create_slots(self, variables: list) -> None:
        for variable in variables:
            if variable._serial not in self._made:
                made = [self._slot(variable, slot, start) for slot, start in self.slots]
                self._made[variable._serial] = tuple(made)

    def _slot(self, variable: Any, slot: str, start: float) -> Any:
        shape, dtype = variable.shape, variable.dtype
        with name_scope(""):
            made = VariableV1(
                lambda: zeros(shape, dtype) if start == 0 else fill(shape, dtype.as_numpy_dtype(start)),
                trainable=False,
                name=f"{_name_of(variable)}/{self._name}",
            )
        self._slots.setdefault(slot, {})[variable._serial] = made
        return made

    # Inside a step

    def rule(self, g: Any, p: Any, *values: Any, **hypers: Any) -> tuple:
        """The next value of a variable `p`, then those of its slots."""
        raise NotImplementedError(f"{type(self).__name__} must override `rule`.")

    def _updated(self, g: Any, variable: Any, hypers: dict) -> Any:
        """The operations that change a variable and its slots for its gradient."""
        held = (variable, *self._made[variable._serial])
        with name_scope(f"update_{_name_of(variable)}"):
            hypers = {key: cast(x, variable.dtype) for key, x in hypers.items()}
            if not isinstance(g, IndexedSlices):
                return self._moved(cast(g, variable.dtype), held, hypers)
            if self.rows_alone:
                return self._rows_updated(g, held, hypers)
            return self._updated_by_whole(g, held, hypers)

    def _updated_by_whole(self, g: IndexedSlices, held: tuple, hypers: dict) -> list:
        whole = tensor(IndexedSlices(g.values, g.indices, tuple(held[0].shape)))
        return self._moved(whole, held, hypers)

    def _moved(self, g: Any, held: tuple, hypers: dict) -> list:
        value, *moments = self.rule(g, *[tensor(v) for v in held], **hypers)
        return [v.assign(x, read_value=False) for v, x in zip(held, (value, *map(alive, moments)))]

    def _rows_updated(self, g: IndexedSlices, held: tuple, hypers: dict) -> list:
        """The same for the rows that the gradient has; those that it has twice are added up first."""
        rows, places = unique(g.indices)
        sums = unsorted_segment_sum(cast(g.values, held[0].dtype), places, size(rows))
        values = self.rule(sums, *[gather(v, rows) for v in held], **hypers)
        return [v.scatter_update(IndexedSlices(x, rows)) for v, x in zip(held, values)]

    def _after(self, updates: list, hypers: dict) -> list:
        """What is done once all variables have changed."""
        return []

    def _counted(self, updates: list, global_step: Any, scope: str) -> Any:
        if context.local.graph is None:
            return None if global_step is None else global_step.assign_add(1)
        if global_step is None:
            done = group(*updates, name=scope)
        else:
            with control_dependencies([group(*updates, name="update")]):
                done = global_step.assign_add(1, name=scope, read_value=False)
        train_ops = get_collection_ref(GraphKeys.TRAIN_OP)
        if all(op is not done for op in train_ops):
            train_ops.append(done)
        return done


def _name_of(variable: Any) -> str:
    return str(variable.name).removesuffix(":0")


class GradientDescentOptimizer(GraphOptimizer):
    """Gradient descent: p -= learning_rate * g."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"):
        super().__init__(use_locking, name)
        self.hypers = {"learning_rate": learning_rate}

    def rule(self, g: Any, p: Any, *values: Any, learning_rate: Any, **hypers: Any) -> tuple:
        return (p - g * learning_rate,)


class MomentumOptimizer(GraphOptimizer):
    """Gradient descent with momentum: m = momentum*m + g, p -= learning_rate * m."""

    slots = (("momentum", 0.0),)

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ):
        super().__init__(use_locking, name)
        self.hypers, self._nesterov = {"learning_rate": learning_rate, "momentum": momentum}, use_nesterov

    def rule(self, g: Any, p: Any, *values: Any, learning_rate: Any, momentum: Any, **hypers: Any) -> tuple:
        m = values[0] * momentum + g
        return p - (g + m * momentum if self._nesterov else m) * learning_rate, m


class AdagradOptimizer(GraphOptimizer):
    """Adagrad: steps divided by the root of the sum of all squares so far."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ):
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self.hypers, self.slots = (
            {"learning_rate": learning_rate},
            (("accumulator", initial_accumulator_value),),
        )

    def rule(self, g: Any, p: Any, *values: Any, learning_rate: Any, **hypers: Any) -> tuple:
        total = values[0] + g * g
        return p - g * learning_rate * o.rsqrt(total), total


class AdadeltaOptimizer(GraphOptimizer):
    """Adadelta: steps as long as the last ones were, by the root of means of squares."""

    slots = (("accum", 0.0), ("accum_update", 0.0))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ):
        super().__init__(use_locking, name)
        self.hypers = {"lr": learning_rate, "rho": rho, "epsilon": epsilon}

    def rule(self, g: Any, p: Any, *values: Any, lr: Any, rho: Any, epsilon: Any, **hypers: Any) -> tuple:
        squares, steps = values
        squares = squares * rho + g * g * (1 - rho)
        step = o.sqrt(steps + epsilon) * o.rsqrt(squares + epsilon) * g
        return p - step * lr, squares, steps * rho + step * step * (1 - rho)


class RMSPropOptimizer(GraphOptimizer):
    """RMSProp: steps divided by the root of a moving mean of squares, or of the variance if `centered`."""

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ):
        super().__init__(use_locking, name)
        self.hypers = {"learning_rate": learning_rate, "decay": decay, "momentum": momentum,
                       "epsilon": epsilon}  # fmt: skip
        self.slots = (("rms", 1.0), *[("mg", 0.0)] * centered, ("momentum", 0.0))

    def rule(
        self, g: Any, p: Any, *values: Any, learning_rate: Any, decay: Any, momentum: Any, epsilon: Any
    ) -> tuple:
        squares, *mean, step = values
        squares = squares + (g * g - squares) * (1 - decay)
        mean = [m + (g - m) * (1 - decay) for m in mean]
        spread = squares - mean[0] * mean[0] if mean else squares
        step = step * momentum + g * learning_rate * o.rsqrt(spread + epsilon)
        return p - step, squares, *mean, step


class AdamOptimizer(GraphOptimizer):
    """Adam: steps along the mean of past gradients, divided by the root of the mean of their squares."""

    slots, rows_alone = (("m", 0.0), ("v", 0.0)), False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
        use_own_namescope_for_non_slot_vars: bool = False,
    ):
        super().__init__(use_locking, name)
        self.hypers = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
        self._powers: list = []

    def _create_slots(self, variables: list) -> None:
        if not self._powers:
            self._powers = [
                VariableV1(self.hypers[key], trainable=False, name=f"{key}_power", dtype=float32)
                for key in ("beta1", "beta2")
            ]
        super()._create_slots(variables)

    def variables(self) -> list:
        return [*self._powers, *super().variables()]

    def rule(
        self, g: Any, p: Any, *values: Any, learning_rate: Any, beta1: Any, beta2: Any, epsilon: Any
    ) -> tuple:
        m, v = values
        power1, power2 = [cast(x, p.dtype) for x in self._powers]
        m, v = m + (g - m) * (1 - beta1), v + (g * g - v) * (1 - beta2)
        rate = learning_rate * o.sqrt(1 - power2) / (1 - power1)
        return p - m * rate / (o.sqrt(v) + epsilon), m, v

    def _after(self, updates: list, hypers: dict) -> list:
        given = [] if context.local.graph is None else nest.flatten(updates)
        with control_dependencies(given):
            pairs = zip(self._powers, (hypers["beta1"], hypers["beta2"]))
            return [power.assign(power * beta, read_value=False) for power, beta in pairs]
