"""What an optimizer keeps: a count of steps, a learning rate, slots beside variables, and its arguments."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import as_dtype, float32
from nbtape.core.memory import CardArray, alongside, on_host, state
from nbtape.graph.v1.device import device
from nbtape.state.saving.tracking import arrived
from nbtape.state.scaling import get as initializer_named
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.naming import unique
from nbtape.train.optimizers.schedules import LearningRateSchedule, deserialize, serialize

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
_NOT_BUILT = (
    "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
    "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
)


class OptimizerState:
    """The variables of an optimizer, and its arguments."""

    slots: tuple[str, ...] = ()
    starts: dict[str, Any] = {}  # initializers of the slots that do not start at zero
    settings: tuple[str, ...] = ()  # attributes that `get_config` saves beside the common ones
    common: dict[str, Any] = {}  # attributes that all optimizers save, and what they are by default

    def __init__(self, learning_rate: Any, name: str | None):
        self.name, self.built = name or unique(type(self).__name__), False
        self.gradient_accumulation_steps: int | None = None
        self._trainable: list[Variable] = []
        self._slots: dict[int, tuple[Variable, ...]] = {}  # by the variable's serial number
        self._variables: list[Variable] = []
        self._iterations = self._made(0, "iteration", np.int64)
        if not callable(learning_rate):
            if isinstance(learning_rate, str | list | tuple) or getattr(learning_rate, "ndim", 0):
                raise ValueError(_BAD_RATE.format(learning_rate))
            learning_rate = self._made(float(learning_rate), "learning_rate", np.float32)
        self._learning_rate = learning_rate

    def _made(self, value: Any, name: str | None, dtype: Any) -> Variable:
        """A variable of the optimizer's own. Made at once, even in a trace."""
        with context.paused(), name_scope(self.name + "/"):
            made = Variable(np.asarray(value, dtype), trainable=False, name=name)
        self._variables.append(made)
        return made

    @property
    def iterations(self) -> Any:
        """How many steps were made; where gradients are accumulated, how often variables were changed."""
        if self.gradient_accumulation_steps:
            return self._iterations // self.gradient_accumulation_steps
        return self._iterations

    @property
    def variables(self) -> list[Variable]:
        """The count of steps, the learning rate if it is a number, and what is kept beside each variable."""
        return list(self._variables)

    def _trackable_children(self) -> dict[str, Any]:
        """What checkpoints save: the rest by number, after what not all optimizers have was taken out."""
        own = {"iterations": self._iterations}
        if isinstance(self._learning_rate, Variable):
            own["learning_rate"] = self._learning_rate
        return own | {"variables": [v for v in self._variables if all(v is not x for x in own.values())]}

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

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots of `variables`, the only ones that can be trained from then on."""
        if self.built:
            return
        self._trainable = list(variables)
        for variable in self._trainable:
            with device(variable.device) if state.used else nullcontext():
                self._slots[variable._serial] = self._slots_of(variable)
        if state.used:
            self._count_where([v._value for v in self._trainable])
        self.built = True
        arrived(self)

    def _count_where(self, values: list) -> None:
        """Count the steps on the card where all variables are, which then waits for nothing; or else here."""
        on_one = len({v.card if type(v) is CardArray else None for v in values}) == 1
        count = self._iterations
        count._value = alongside(count._value, values[0]) if on_one else on_host(count._value)

    def _slots_of(self, variable: Variable) -> tuple[Variable, ...]:
        return tuple(
            self.add_variable_from_reference(variable, slot, self.starts.get(slot, "zeros"))
            for slot in self.slots
        )

    def add_variable(
        self, shape: Any, initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A variable of the optimizer's own."""
        dtype = as_dtype(dtype or float32)
        with context.paused():
            value = initializer_named(initializer)(shape, dtype)
        return self._made(value, name, dtype.np)

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable of the optimizer's own, of the shape and dtype of another."""
        own = str(reference_variable.name).replace("/", "_").replace(":", "_")
        shape, dtype = reference_variable._value.shape, reference_variable.dtype
        return self.add_variable(shape, initializer, dtype, f"{own}_{name or 'var'}")

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """A list of variables, one beside each of `trainable_variables`; for several names, as many lists."""
        names = [name] if isinstance(name, str) else list(name)
        starts = initializer if isinstance(initializer, list | tuple) else [initializer] * len(names)
        if len(names) != len(starts):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. Received "
                f"name='{name}', initializer='{initializer}'"
            )
        rows = [
            [self.add_variable_from_reference(v, n, start) for n, start in zip(names, starts)]
            for v in trainable_variables
        ]
        lists = [list(column) for column in zip(*rows)] or [[] for _ in names]
        return lists[0] if isinstance(name, str) else tuple(lists)

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable among those that are trained; optimizers written for Keras ask for it."""
        return [v._serial for v in self._trainable].index(variable._serial)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign values to `variables`, one by one."""
        if not self.built:
            raise ValueError(_NOT_BUILT)
        for variable, weight in zip(self._variables, weights):
            variable.assign(weight)

    def get_config(self) -> dict:
        """The arguments that make this optimizer again, without what it has learned."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate)
        elif isinstance(rate, LearningRateSchedule):
            rate = serialize(rate)
        names = [*self.common, *self.settings]
        return {"name": self.name, "learning_rate": rate} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        """An optimizer made from `get_config()`; `custom_objects` has classes of schedules, by name."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = config | {"learning_rate": deserialize(rate, custom_objects)}
        return cls(**config)

    def __repr__(self) -> str:
        config = {name: value for name, value in self.get_config().items() if value is not None}
        config = {name: value for name, value in config.items() if self.common.get(name, self) != value}
        config["learning_rate"] = self._learning_rate
        if isinstance(self._learning_rate, Variable):
            config["learning_rate"] = float(str(self._learning_rate.numpy()))  # 0.01, not 0.00999999977
        del config["name"]
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
        return f"{type(self).__name__}({arguments})"
