"""The base of all optimizers: gradients in, variables changed, as Keras does it.

An optimizer says in `rule` how values become the next values: mathematics that runs on bare arrays at once,
and on tensors in a trace. Where operations run at once and a variable is large, `fused` does the same in one
pass over memory.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, o, tensor
from nbtape.core.memory import CardArray
from nbtape.core.slices import IndexedSlices
from nbtape.graph.control import cond
from nbtape.ops.arithmetic import cast
from nbtape.ops.clip import clip_by_global_norm, clip_by_norm, clip_by_value, like
from nbtape.ops.create import zeros_like
from nbtape.state.variable import Variable
from nbtape.train.optimizers.look import Look, without_switched_off
from nbtape.train.optimizers.update import Update, dense, without_none

_UNKNOWN_VARIABLE = (
    "Unknown variable: <tf.Variable {!r} shape={} dtype={}>. This optimizer can only be called for the "
    "variables it was originally built with. When working with a new set of variables, you should recreate a "
    "new optimizer instance. Where layers of a model were frozen or freed, call `compile()` again."
)
_NOT_BUILT = (
    "When passing `grads` without `variables`, the optimizer must already be built on a list of variables. "
    "Call `optimizer.build(trainable_variables)` first."
)


class Optimizer(Update):
    """The base of all optimizers.

    `learning_rate` is a number, a schedule called with the count of steps, or a function without arguments.
    `weight_decay` takes that share of each variable, times the rate, off it before each step. Gradients are
    clipped by at most one of `clipnorm` (the norm of each), `clipvalue` (each element) and `global_clipnorm`
    (the norm of all). Raises ValueError for anything else.

    `use_ema` keeps a moving average of each variable, which `finalize_variable_values` puts in its place, as
    do the steps every `ema_overwrite_frequency`. Gradients are divided by `loss_scale_factor`, by which
    `scale_loss` multiplies, and averaged over `gradient_accumulation_steps` calls for one step.

    A subclass names in `slots` the variables that it keeps beside each one it trains, and gives their next
    values in `rule`; or it overrides `build` and `update_step`.

    >>> class SignDescent(tf.keras.optimizers.Optimizer):
    ...     def rule(self, g, p, rate):
    ...         return (p - rate * tf.sign(g),)
    >>> v = tf.Variable([1.0, 2.0])
    >>> _ = SignDescent(0.5).apply_gradients([(tf.constant([3.0, -4.0]), v)])
    >>> v.numpy().tolist()
    [0.5, 2.5]
    """

    common = {
        "weight_decay": None,
        "clipnorm": None,
        "global_clipnorm": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
    }

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs.pop("decay", None) is not None:
            text = "Argument `decay` is no longer supported and will be ignored."
            warnings.warn(text, stacklevel=source.depth())
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        super().__init__(learning_rate, name)
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check()
        self._undecayed: tuple[set[int], re.Pattern | None] = set(), None
        self._averages: list[Variable] = []
        self.has_swapped = False  # whether the variables hold the averages, and these the variables' values
        self._sums: dict[int, Variable] = {}  # of gradients, by the variable's serial number
        self.look = Look()

    def _check(self) -> None:
        limits = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        every, steps = self.ema_overwrite_frequency, self.gradient_accumulation_steps
        if sum(limit is not None for limit in limits.values()) > 1:
            received = ", ".join(f"{name}={limit}" for name, limit in limits.items())
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: " + received
            )
        if steps and not steps >= 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. Received: "
                f"gradient_accumulation_steps={steps}"
            )
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ValueError(
                f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={self.ema_momentum}"
            )
        if self.use_ema and every and not (isinstance(every, int) and every >= 1):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: "
                f"ema_overwrite_frequency={every}"
            )

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            sums = self.add_optimizer_variables(variables, "gradient_accumulator")
            self._sums = {v._serial: total for v, total in zip(variables, sums)}
        super().build(variables)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Iterable[str] | None = None) -> None:
        """Let weight decay pass over `var_list`, and over variables with one of `var_names` in their name."""
        words = "|".join(var_names or ())
        self._undecayed = {v._serial for v in var_list or ()}, re.compile(words) if words else None

    def scale_loss(self, loss: Any) -> Any:
        """A loss times `loss_scale_factor`, whose gradients do not vanish in half precision."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def minimize(self, loss: Any, var_list: Any, tape: GradientTape | None = None) -> Variable:
        """One step down `loss`: a function without arguments, or a tensor that `tape` recorded.

        >>> v = tf.Variable(2.0)
        >>> _ = tf.keras.optimizers.SGD(0.1).minimize(lambda: v * v, [v])
        >>> round(float(v), 4)
        1.6
        """
        if callable(loss):
            with tape or GradientTape() as tape:
                loss = loss()
        elif tape is None:
            raise ValueError("`tape` is required when a `Tensor` loss is passed.")
        given: Any = var_list() if callable(var_list) else var_list
        variables = list(given)
        return self.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """One step, for pairs of a gradient and its variable; returns the count of steps.

        A gradient of None is passed over, with a warning; raises ValueError where all are None, and for
        variables that the optimizer was not built with.

        >>> v = tf.Variable([1.0, 2.0])
        >>> steps = tf.keras.optimizers.SGD(0.5).apply_gradients([(tf.constant([1.0, 1.0]), v)])
        >>> v.numpy().tolist(), int(steps)
        ([0.5, 1.5], 1)
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step for gradients of `trainable_variables`, by default those the optimizer was built with."""
        if not len(grads):
            return
        if trainable_variables is None:
            variables = self._built_with(len(grads))
        else:
            variables = list(trainable_variables)
            if not self.built:
                self.build(variables)
            for variable in variables:
                if variable._serial not in self._slots:
                    name = getattr(variable, "path", variable.name)
                    raise ValueError(_UNKNOWN_VARIABLE.format(name, variable.shape, variable.dtype.name))
        grads, variables = without_switched_off(grads, variables)
        if not variables:
            return
        gradients, variables = without_none(grads, variables)
        self.look.take(gradients, variables)
        if self.loss_scale_factor is not None:
            gradients = [like(g, _values(g) / self.loss_scale_factor) for g in gradients]
        if self.gradient_accumulation_steps:
            self._accumulate(gradients, variables, self.gradient_accumulation_steps)
        else:
            self._descend(gradients, variables)
        if self.use_ema:
            self._average()
        for variable in variables:
            if variable._constraint is not None:
                variable.assign(variable._constraint(variable))
        if context.local.graph is None and type(self._iterations._value) is not CardArray:
            self._iterations._store(EagerTensor(self._iterations._value + 1), False)
        else:
            self._iterations.assign_add(1, read_value=False)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Put the moving averages in the place of the variables, where there are any."""
        if self.has_swapped:
            self.swap_averages()
        for variable, average in zip(var_list, self._averages):
            variable.assign(average, read_value=False)

    def swap_averages(self) -> None:
        """Exchange the variables with their moving averages."""
        for variable, average in zip(self._trainable, self._averages):
            value = variable.read_value()
            variable.assign(average, read_value=False)
            average.assign(value, read_value=False)
        self.has_swapped = not self.has_swapped

    def _descend(self, gradients: list, variables: list[Variable]) -> None:
        """Clip, decay and change."""
        gradients, rate = self._clipped(gradients), self.learning_rate
        self._rates = {}
        if self.weight_decay is not None:
            self._decay(variables, rate)
        self._update(gradients, variables, rate)

    def _accumulate(self, gradients: list, variables: list[Variable], steps: int) -> None:
        """Add gradients up, and descend along their mean each time there are `steps` of them."""
        sums = [self._sums[v._serial] for v in variables]
        totals = [total + dense(g, v) for g, v, total in zip(gradients, variables, sums)]

        def descend() -> None:
            self._descend([total / steps for total in totals], variables)
            for total in self._sums.values():
                total.assign(zeros_like(total), read_value=False)

        def wait() -> None:
            for v, total in zip(sums, totals):
                v.assign(total, read_value=False)

        cond(o.equal((self._iterations + 1) % steps, cast(0, self._iterations.dtype)), descend, wait)

    def _average(self) -> None:
        """Move the averages on, and put them in the place of the variables when it is time to."""
        steps = tensor(self.iterations)
        for variable, average in zip(self._trainable, self._averages):
            momentum = (
                cast(steps > 0, variable.dtype) * self.ema_momentum
            )  # the first average is the variable
            average.assign(momentum * average + (1.0 - momentum) * variable, read_value=False)
        if self.ema_overwrite_frequency:
            cond(
                o.equal((steps + 1) % self.ema_overwrite_frequency, cast(0, steps.dtype)),
                lambda: self.finalize_variable_values(self._trainable),
                lambda: None,
            )

    def _built_with(self, count: int) -> list[Variable]:
        if not self.built:
            raise ValueError(_NOT_BUILT)
        if count != len(self._trainable):
            raise ValueError(
                "When passing `grads` as a list of gradient tensors, the gradients must match "
                f"`optimizer.variables` one-to-on. Received a list of {count} gradients, but the optimizer "
                f"is tracking {len(self._trainable)} trainable variables."
            )
        return self._trainable

    def _clipped(self, gradients: list) -> list:
        if self.clipnorm:
            return [clip_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm:
            return clip_by_global_norm(gradients, self.global_clipnorm)[0]
        if self.clipvalue:
            return [clip_by_value(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients

    def _decay(self, variables: list[Variable], rate: Any) -> None:
        serials, words = self._undecayed
        for variable in variables:
            if variable._serial not in serials and not (words and words.search(variable.name)):
                variable.assign_sub(
                    variable * self.weight_decay * cast(rate, variable.dtype), read_value=False
                )


def _values(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, IndexedSlices) else tensor(gradient)
