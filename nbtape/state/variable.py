"""Variable: a named cell whose value changes by `assign`, and whose reads a tape sees.

The cell holds an array, not a Tensor. A read makes a new Tensor over that array, so that a tape can tell
reads of the variable from tensors that happen to hold the same value; a write (`writes.py`, `parts.py`)
replaces the array, or writes in place while nobody else holds it, so that no Tensor read before ever changes.
"""

import enum
import functools
import inspect
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import DType, as_dtype, of
from nbtape.core.engine import EagerTensor, Operators, Reference, Tensor, device_of, shown, tensor
from nbtape.core.memory import CardArray
from nbtape.core.report import names_of_tensors
from nbtape.core.shape import TensorShape
from nbtape.core.shape_v1 import shown as shown_shape
from nbtape.core.switched import switch
from nbtape.graph.v1.device import placed
from nbtape.state.creators import created
from nbtape.state.parts import Parts
from nbtape.state.reads import Reads

_NO_VALUE = (
    "The `initial_value` arg to `tf.Variable` must be specified except when you are not providing a "
    "`variable_def`. You provided neither."
)
_EAGER_ONLY = "This operation is not supported when eager execution is enabled."
_serials = itertools.count()
_alive: weakref.WeakValueDictionary[int, "Variable"] = weakref.WeakValueDictionary()


class VariableSynchronization(enum.Enum):
    """When copies of a variable on several devices are brought together."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How copies of a variable on several devices are brought together."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


def _refused(statement: str, instead: str) -> Callable:
    """An in-place operator: it would bind the name to a new Tensor, and the variable would be lost."""
    name, _, _ = statement.partition(" ")
    operator = statement.split()[1].removesuffix("=")

    def refuse(self, other):
        raise RuntimeError(
            f"`{statement}` with `tf.Variable`s is not supported. Use `{instead}` to modify the variable, or "
            f"`out = {name} {operator} value` if you need to get a new output Tensor."
        )

    return refuse


class _Making(type):
    """A call of `Variable` makes one of the kind that fits where it stands, or what creators make of it."""

    @property
    def __signature__(cls) -> inspect.Signature:
        return inspect.signature(functools.partial(cls.__init__, None))

    if not TYPE_CHECKING:  # who would take it to return anything

        def __call__(cls, *args, **kwargs):
            if cls is Variable:
                return made(kind_here(), *args, **kwargs)
            return super().__call__(*args, **kwargs)


class Variable(Reads, Parts, Operators, metaclass=_Making):
    """A value that training changes: made once, read in expressions, changed by `assign`.

    `initial_value` is a number, a (nested) list, an array, a Tensor, a Variable, or a function without
    arguments that makes one of these. `trainable` (True by default) says whether an open GradientTape watches
    it by itself; `shape` may leave sizes open, `tf.TensorShape(None)` all of them, for values of changing
    shape. `constraint` is kept for optimizers, which apply it after each update. Raises ValueError where the
    value does not fit `shape`.

    >>> v = tf.Variable([1.0, 2.0], name="w")
    >>> v.assign_add([0.5, 0.5]).numpy().tolist()
    [1.5, 2.5]
    >>> tf.reduce_sum(v * 2.0).numpy()
    np.float32(8.0)
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: str | None = None,
        constraint: Callable | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
        experimental_enable_variable_lifting: bool = True,
    ):
        self._settings(initial_value, trainable, name, constraint, synchronization, aggregation)
        value = _initial(initial_value, None if dtype is None else as_dtype(dtype))
        declared = TensorShape(value.shape if shape is None else shape)
        if not declared.is_compatible_with(value.shape):
            raise ValueError(
                f"In this `tf.Variable` creation, the initial value's shape ({TensorShape(value.shape)}) is "
                f"not compatible with the explicitly supplied `shape` argument ({shape})."
            )
        self._value, self._shape = value, declared
        self._name = context.local.scope + ("Variable" if name is None else name) + ":0"
        if context.local.graph is not None:
            context.local.graph.created(self)

    def _settings(
        self,
        initial_value: Any,
        trainable: bool | None,
        name: Any,
        constraint: Any,
        synchronization: Any,
        aggregation: Any,
    ) -> None:
        """Check and keep what a variable is told beside its value."""
        if initial_value is None:
            raise ValueError(_NO_VALUE)
        if constraint is not None and not callable(constraint):
            raise ValueError(
                "Argument `constraint` must be None or a callable. a callable. "
                f"Got a {type(constraint)}:  {constraint}"
            )
        if name is not None and not isinstance(name, str):
            raise ValueError(f"name for name_scope must be a string, got {name!r}")
        if not isinstance(synchronization, VariableSynchronization):
            raise ValueError(f"Invalid variable synchronization mode: {synchronization} for variable: {name}")
        if not isinstance(aggregation, VariableAggregation):
            raise ValueError(f"Invalid variable aggregation mode: {aggregation} for variable: {name}")
        self._constraint, self._synchronization, self._aggregation = constraint, synchronization, aggregation
        self._trainable = (
            synchronization is not VariableSynchronization.ON_READ if trainable is None else bool(trainable)
        )
        self._lock, self._writing, self._serial = threading.RLock(), False, next(_serials)
        _alive[self._serial] = self

    # What it is

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType:
        return of(self._value)

    @property
    def shape(self) -> TensorShape:
        """The declared shape: what every value must fit."""
        return self._shape

    def get_shape(self) -> TensorShape:
        return shown_shape(self._shape)

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def trainable(self) -> bool:
        """Whether tapes watch it by themselves. Set to False, optimizers leave the variable as it is from
        the next step on, in compiled functions too, until it is set to True again.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if bool(value) is not self._trainable:
            self._trainable = not self._trainable
            switch(self._serial)

    @property
    def constraint(self) -> Callable | None:
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        return self._aggregation

    @property
    def device(self) -> str:
        return device_of(self._value)

    @property
    def handle(self) -> "Variable":
        return self

    @property
    def initializer(self) -> Any:
        return None

    @property
    def initial_value(self) -> Any:
        raise RuntimeError("This property is not supported when eager execution is enabled.")

    @property
    def op(self) -> Any:
        raise AttributeError("Tensor.op is undefined when eager execution is enabled.")

    @property
    def graph(self) -> Any:
        raise AttributeError("Tensor.graph is undefined when eager execution is enabled.")

    def is_initialized(self, name: str | None = None) -> Any:
        return tensor(True)

    def set_shape(self, shape: Any) -> None:
        """Narrow the declared shape; raises ValueError where it contradicts what is known."""
        if not self._shape.is_compatible_with(shape):
            raise ValueError(f"Shapes {self._shape} and {TensorShape(shape)} are not compatible")
        self._shape = self._shape.merge_with(shape)

    # Printing, copying, and what TensorFlow only has in graphs

    def __repr__(self):
        return (
            f"<tf.Variable '{self.name}' shape={self._shape} dtype={self.dtype.name}, "
            f"numpy={shown(self._value, repr)}>"
        )

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        on_card = type(self._value) is CardArray  # where a value is never written, so that it may be shared
        value = EagerTensor(self._value) if on_card else np.array(self._value)
        copied = memo[id(self)] = _restored(*self._with(value))
        return copied

    def __reduce__(self):
        return _restored, self._with(np.array(self._value))

    def _with(self, value: Any) -> tuple:
        """What a copy is made of that has `value`."""
        cls = ResourceVariable if isinstance(self, _UnreadVariable) else type(self)
        return (cls, value, self._name, self._trainable, self._constraint, self._shape,
                self._synchronization, self._aggregation)  # fmt: skip

    def _view(self) -> "Variable":
        view: Any = object.__new__(_UnreadVariable)
        view.__dict__ = self.__dict__
        return view

    def initialized_value(self) -> Any:
        """The value: in eager mode a variable is initialized when it is made."""
        return self.read_value()

    def experimental_ref(self) -> Any:
        """`ref()`, under its oldest name."""
        return self.ref()

    def eval(self, session: Any = None) -> Any:
        raise RuntimeError(_EAGER_ONLY)

    def to_proto(self, export_scope: str | None = None) -> Any:
        raise RuntimeError(_EAGER_ONLY)

    __iadd__ = _refused("variable += value", "variable.assign_add(value)")
    __isub__ = _refused("variable -= value", "variable.assign_sub(value)")
    __imul__ = _refused("var *= value", "var.assign(var * value)")
    __itruediv__ = _refused("var /= value", "var.assign(var / value)")
    __ipow__ = _refused("var **= value", "var.assign(var ** value)")

    def __setitem__(self, key, value):
        raise TypeError(
            "'ResourceVariable' object does not support item assignment. To change a part of it, write "
            "variable[key].assign(value)."
        )


class ResourceVariable(Variable):
    """The type of every Variable, under the name that TensorFlow gives it."""


# What `Variable(...)` makes: eagerly and in functions; in a graph of TensorFlow 1, which graph_variable says.
kinds: dict[bool, type[Variable]] = {False: ResourceVariable, True: ResourceVariable}


def kind_here() -> type[Variable]:
    """The type of a variable that is made here."""
    graph = context.local.graph
    return kinds[graph is not None and not graph.building_function]


def made(kind: type[Variable], *args: Any, **kwargs: Any) -> Any:
    """A variable of a type for the arguments of `Variable`, or what the open creators make of them."""
    if not context.local.creators:
        return kind(*args, **kwargs)
    given = inspect.signature(Variable).bind(*args, **kwargs)
    given.apply_defaults()
    return created(kind, given.arguments)


class _UnreadVariable(ResourceVariable):
    """What `assign` returns: another object over the same state, so that it always reads the latest value."""

    @property
    def name(self) -> str:
        return "UnreadVariable"

    def ref(self) -> Reference:
        """The reference of the variable itself, so that graphs and dicts see one variable and not two."""
        return Reference(_alive.get(self._serial, self))


def _initial(value: Any, dtype: DType | None) -> Any:
    """The initial value as an array of the variable's own."""
    if callable(value):
        value = value()
    if isinstance(value, Variable):
        with context.paused():
            return placed(tensor(value, dtype)._value)
    if context.local.graph is not None:
        return placed(context.local.graph.lift(tensor(value, dtype)))
    return placed(tensor(value, dtype)._value)


def _restored(cls, value, name, trainable, constraint, shape, synchronization, aggregation) -> Variable:
    with_scope, context.local.scope = context.local.scope, ""
    try:
        return cls(value, trainable, name=name.removesuffix(":0"), constraint=constraint, shape=shape,
                   synchronization=synchronization, aggregation=aggregation)  # fmt: skip
    finally:
        context.local.scope = with_scope


def living() -> list[Variable]:
    """The variables that somebody holds, in the order in which they were made."""
    return [v for _, v in sorted(_alive.items())]


def _name_of(x: Tensor) -> str | None:
    """The name of the variable that a tensor was read from."""
    value = getattr(x, "_value", None)
    return next((v._name for v in list(_alive.values()) if v._value is value), None)


names_of_tensors.append(_name_of)
