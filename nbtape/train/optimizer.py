"""The base of all optimizers: gradients in, variables changed, as Keras does it.

An optimizer says in `rule` how values become the next values: mathematics that runs on bare arrays at once,
and on tensors in a trace. Where operations run at once and a variable is large, `fused` does the same in one
pass over memory.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, source
from nbtape.core.dtype import bfloat16, float16
from nbtape.core.engine import EagerTensor, tensor
from nbtape.core.kernel import Late
from nbtape.core.slices import IndexedSlices
from nbtape.ops.arithmetic import cast
from nbtape.ops.clip import clip_by_global_norm, clip_by_norm, clip_by_value
from nbtape.state.scaling import get as initializer_named
from nbtape.state.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.state.writes import exclusive, writing
from nbtape.train.naming import unique
from nbtape.train.schedules import LearningRateSchedule

_LARGE = 4096  # elements from which a kernel is worth the import of Numba
_HALVES = (float16.np, bfloat16.np)

_BAD_RATE = (
    "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable (that "
    "takes in the current iteration value and returns the corresponding learning rate value). Received "
    "instead: learning_rate={}"
)
_FIXED_RATE = (
    "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor "
    "argument, hence its learning rate is not settable. If you need the learning rate to be settable, you "
    "should instantiate the optimizer with a float `learning_rate` argument."
)
_UNKNOWN_VARIABLE = (
    "Unknown variable: {!r}. This optimizer can only be called for the variables it was originally built "
    "with. When working with a new set of variables, you should recreate a new optimizer instance."
)
_NOT_BUILT = (
    "When passing `grads` without `variables`, the optimizer must already be built on a list of variables. "
    "Call `optimizer.build(trainable_variables)` first."
)


class Optimizer:
    """The base of all optimizers.

    `learning_rate` is a number, a schedule called with the count of steps, or a function without arguments.
    `weight_decay` takes that share of each variable, times the rate, off it before each step. Gradients are
    clipped by at most one of `clipnorm` (the norm of each), `clipvalue` (each element) and `global_clipnorm`
    (the norm of all). Raises ValueError for anything else.

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

    slots: tuple[str, ...] = ()
    starts: dict[str, Any] = {}  # initializers of the slots that do not start at zero
    settings: tuple[str, ...] = ()  # attributes that `get_config` saves beside the common ones

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs.pop("decay", None) is not None:
            text = "Argument `decay` is no longer supported and will be ignored."
            warnings.warn(text, stacklevel=source.depth())
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.name = name or unique(type(self).__name__)
        self.weight_decay, self.built = weight_decay, False
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self._trainable: list[Variable] = []
        self._slots: dict[int, tuple[Variable, ...]] = {}  # by the variable's serial number
        self._undecayed: tuple[set[int], re.Pattern | None] = set(), None
        self._has_kernel = _keeps(type(self), "fused", "rule")
        self._at_once = _keeps(type(self), "fused", "update_step")
        self._last: tuple[list[int], list[tuple[Variable, ...]], writing] | None = None  # see `_rows`
        self._rates: dict[Any, tuple] = {}  # what `rates` gave in this step, by dtype
        self._variables: list[Variable] = []
        self._iterations = self._made(0, "iteration", np.int64)
        if not callable(learning_rate):
            if isinstance(learning_rate, str | list | tuple) or getattr(learning_rate, "ndim", 0):
                raise ValueError(_BAD_RATE.format(learning_rate))
            learning_rate = self._made(float(learning_rate), "learning_rate", np.float32)
        self._learning_rate = learning_rate

    def _made(self, value: Any, name: str, dtype: Any) -> Variable:
        """A variable of the optimizer's own. Made at once, even in a trace."""
        with context.paused(), name_scope(self.name + "/"):
            made = Variable(np.asarray(value, dtype), trainable=False, name=name)
        self._variables.append(made)
        return made

    # What it knows

    @property
    def iterations(self) -> Variable:
        """How many steps were made."""
        return self._iterations

    @property
    def variables(self) -> list[Variable]:
        """The count of steps, the learning rate if it is a number, and what is kept beside each variable."""
        return list(self._variables)

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step: the variable that holds it, or what the schedule gives."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        return self._learning_rate if isinstance(self._learning_rate, Variable) else self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            if isinstance(self._learning_rate, Variable):
                self._variables = [v for v in self._variables if v is not self._learning_rate]
            self._learning_rate = value
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(value)
        else:
            raise TypeError(_FIXED_RATE)

    def get_config(self) -> dict:
        """The arguments that make this optimizer again, without what it has learned."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate)
        common = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", *self.settings)
        return {"name": self.name, "learning_rate": rate} | {name: getattr(self, name) for name in common}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Optimizer":
        """An optimizer made from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        config = self.get_config() | {"name": None}
        if isinstance(self._learning_rate, Variable):
            config["learning_rate"] = float(str(self._learning_rate.numpy()))  # 0.01, not 0.00999999977
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items() if value is not None)
        return f"{type(self).__name__}({arguments})"

    # What subclasses say

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        """What `rule` takes besides values, the same for all variables of a dtype; `step` counts from 1."""
        return (learning_rate,)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        """The next value of a variable `p`, then those of its slots, for its gradient `g`.

        `values` are those of the slots, then what `rates` gave. Written with operators and ops.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `rule` or `update_step`.")

    def fused(self) -> tuple[Late, tuple] | None:
        """A kernel that does `rule` in place as `kernel(p, *slots, g, *rates, *more)`, and what is more."""
        return None

    # What the user calls

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of `variables`, the only ones that can be trained from then on."""
        if self.built:
            return
        self._trainable = list(variables)
        for variable in self._trainable:
            made = [
                self.add_variable_from_reference(variable, slot, self.starts.get(slot, "zeros"))
                for slot in self.slots
            ]
            self._slots[variable._serial] = tuple(made)
        self.built = True

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable of the optimizer's own, of the shape and dtype of another."""
        own = str(reference_variable.name).replace("/", "_").replace(":", "_")
        with context.paused():
            value = initializer_named(initializer)(reference_variable._value.shape, reference_variable.dtype)
        return self._made(value, f"{own}_{name or 'var'}", reference_variable.dtype.np)

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Iterable[str] | None = None) -> None:
        """Let weight decay pass over `var_list`, and over variables with one of `var_names` in their name."""
        words = "|".join(var_names or ())
        self._undecayed = {v._serial for v in var_list or ()}, re.compile(words) if words else None

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
                    raise ValueError(_UNKNOWN_VARIABLE.format(variable))
        gradients, variables = _without_none(grads, variables)
        gradients = self._clipped(gradients)
        rate = self.learning_rate
        self._rates = {}
        if self.weight_decay is not None:
            self._decay(variables, rate)
        eager = context.local.graph is None
        if eager and self._at_once and all([type(g) is EagerTensor for g in gradients]):
            self._step(gradients, variables, rate)
        else:
            for gradient, variable in zip(gradients, variables):
                self.update_step(gradient, variable, rate)
        for variable in variables:
            if variable._constraint is not None:
                variable.assign(variable._constraint(variable))
        if eager:
            self._iterations._store(EagerTensor(self._iterations._value + 1), False)
        else:
            self._iterations.assign_add(1, read_value=False)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable, and its slots, for its gradient."""
        if isinstance(gradient, IndexedSlices):
            gradient = tensor(IndexedSlices(gradient.values, gradient.indices, tuple(variable.shape)))
        if context.local.graph is None:
            self._step([gradient], [variable], learning_rate)
            return
        dtype, held = variable.dtype, (variable, *self._slots[variable._serial])
        values = self.rule(
            cast(gradient, dtype), *[tensor(v) for v in held], *self._rates_for(dtype, learning_rate)
        )
        for v, value in zip(held, values):
            v.assign(value, read_value=False)

    # Inside a step

    def _step(self, gradients: Sequence[Any], variables: Sequence[Variable], learning_rate: Any) -> None:
        """Change variables, whose gradients are dense, at once."""
        fused = self.fused() if self._has_kernel else None
        rows, block = self._rows(variables)
        with block:
            for gradient, held in zip(gradients, rows):
                variable, dtype = held[0], held[0].dtype
                if type(gradient) is not EagerTensor or gradient._value.dtype != dtype.np:
                    gradient = cast(gradient, dtype)
                g = gradient._value
                if g.shape != variable._value.shape:
                    variable._check_shape(variable._value.shape, g.shape)
                rates = self._rates.get(dtype) or self._rates_for(dtype, learning_rate)
                if fused and g.ndim and dtype.is_floating and (g.size >= _LARGE or fused[0]._function):
                    kernel, more = fused
                    kernel(*[exclusive(v) for v in held], g, *rates, *more)
                else:
                    self._by_rule(g, held, rates)

    def _rows(self, variables: Sequence[Variable]) -> tuple[list[tuple[Variable, ...]], writing]:
        """Each variable with its slots, and the block that writes to them all: the last step's, if it had
        the same variables.
        """
        serials = [v._serial for v in variables]
        if self._last is None or self._last[0] != serials:
            rows = [(v, *self._slots[v._serial]) for v in variables]
            held = {v._serial: v for row in rows for v in row}
            self._last = serials, rows, writing(list(held.values()))
        return self._last[1:]

    def _by_rule(self, g: Any, held: Sequence[Variable], rates: tuple) -> None:
        """`rule` on bare arrays. Half precision is computed with as float32, as it is in kernels."""
        values = [g, *[v._value for v in held]]
        if g.dtype in _HALVES:
            values = [x.astype(np.float32) for x in values]
        with np.errstate(all="ignore"):
            found = self.rule(*values, *rates)
        for v, value in zip(held, found):
            v._store(EagerTensor(value if value.dtype == g.dtype else value.astype(g.dtype)), False)

    def _rates_for(self, dtype: Any, learning_rate: Any) -> tuple:
        found = self._rates.get(dtype)
        if found is None:
            if context.local.graph is None:
                number = np.float32 if dtype.np in _HALVES else dtype.as_numpy_dtype
                if isinstance(learning_rate, Variable):
                    learning_rate = learning_rate._value
                rate, step = number(np.asarray(learning_rate)), number(self._iterations._value + 1)
            else:
                rate, step = cast(learning_rate, dtype), cast(self._iterations + 1, dtype)
            found = self._rates[dtype] = self.rates(rate, step)
        return found

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


def _keeps(cls: type, name: str, other: str) -> bool:
    """Whether no class overrides `other` without `name`, so that the two still say the same."""
    return name in vars(next(c for c in cls.__mro__ if name in vars(c) or other in vars(c)))


def _without_none(gradients: Sequence[Any], variables: list[Variable]) -> tuple[list, list[Variable]]:
    missing = [v.name for g, v in zip(gradients, variables) if g is None]
    if not missing:
        return list(gradients), variables
    if len(missing) == len(variables):
        raise ValueError("No gradients provided for any variable.")
    warnings.warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
        "`model.compile()`, did you forget to provide a `loss` argument?",
        stacklevel=source.depth(),
    )
    kept = [(g, v) for g, v in zip(gradients, variables) if g is not None]
    return [g for g, _ in kept], [v for _, v in kept]
