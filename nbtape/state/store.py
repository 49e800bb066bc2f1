"""get_variable: variables that are shared by their names.

A store belongs to a graph, or to the process where operations run at once or a function is traced. The open
`VariableScope` says under which name, and by which rules, `get_variable` looks there.
"""

import enum
import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import DType, as_dtype, float32
from nbtape.core.engine import tensor
from nbtape.core.shape import TensorShape
from nbtape.state.initializers import Zeros
from nbtape.state.scaling import GlorotUniform
from nbtape.state.variable import Variable, VariableAggregation, VariableSynchronization

_BAD_INITIALIZER = (
    "The initializer passed is not valid. It should be a callable with no arguments and the shape should not "
    "be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined."
)


class ReuseMode(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = ReuseMode.AUTO_REUSE


@dataclass(frozen=True)
class VariableScope:
    """What `get_variable` is told by the scope around it: a name to put before its own, and defaults."""

    name: str = ""
    reuse: bool | ReuseMode = False  # True: only what is there; False: only what is new; AUTO_REUSE: either
    initializer: Any = None
    regularizer: Callable | None = None
    custom_getter: Callable | None = None
    constraint: Callable | None = None
    dtype: DType = float32


class VariableStore:
    """The variables that `get_variable` made, by name, and the scope that is open."""

    def __init__(self, scope: VariableScope):
        self.scope = scope
        self.variables: dict[str, Variable] = {}
        self.regularizers: dict[str, Callable] = {}  # by the name of the variable that they weigh

    def get(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = float32,
        initializer: Any = None,
        regularizer: Callable | None = None,
        reuse: bool | ReuseMode = False,
        **options: Any,
    ) -> Variable:
        """The variable called `name`: found, or made with `options`, as `reuse` allows."""
        if shape is not None:
            if initializer is not None and not callable(initializer):
                raise ValueError("If initializer is a constant, do not specify shape.")
            shape = TensorShape(shape)
        dtype = as_dtype(dtype)
        found = self.variables.get(name)
        if found is not None:
            _check_shared(found, name, shape, dtype, reuse)
            return found
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to "
                "set reuse=tf.AUTO_REUSE in VarScope?"
            )
        saved, context.local.scope = context.local.scope, ""
        try:
            value, dtype = _initial_value(name, shape, dtype, initializer)
            made = self.variables[name] = Variable(value, dtype=dtype, name=name, **options)
        finally:
            context.local.scope = saved
        if regularizer is not None:
            self.regularizers[name] = regularizer
        return made


def _check_shared(found: Variable, name: str, shape: Any, dtype: DType, reuse: bool | ReuseMode) -> None:
    if reuse is False:
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    if shape is not None and not shape.is_compatible_with(found.shape):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {shape} and found shape {found.shape}."
        )
    if dtype != found.dtype:
        raise ValueError(
            f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype "
            f"{found.dtype.name}."
        )


def _initial_value(name: str, shape: TensorShape | None, dtype: DType, initializer: Any) -> tuple[Any, Any]:
    """What the variable starts from, and its dtype where the value does not say it."""
    if initializer is None:
        if shape is None:
            raise ValueError(
                f"Variable {name} did not get an initializer, so its `shape` argument must be specified."
            )
        if dtype.is_complex:
            raise ValueError(f"An initializer for variable {name} of {dtype} is required")
        initializer = GlorotUniform() if dtype.is_floating else Zeros()
    if not callable(initializer):
        return initializer, None
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is not None and shape.is_fully_defined():
        return initializer(shape.as_list(), dtype=dtype), dtype
    if _takes_nothing(initializer):
        return initializer, None
    raise ValueError(_BAD_INITIALIZER)


def _takes_nothing(function: Callable) -> bool:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return all(p.default is not p.empty or p.kind in kinds for p in parameters)


# Where operations run at once a name means one variable, so that a cell can be run again.
_eager = VariableStore(VariableScope(reuse=AUTO_REUSE))
_of_graphs: weakref.WeakKeyDictionary[Any, VariableStore] = weakref.WeakKeyDictionary()


def current_store() -> VariableStore:
    """The store of the graph that is open, or of the process."""
    graph = context.local.graph
    if graph is None or graph.building_function:
        return _eager
    if graph not in _of_graphs:
        _of_graphs[graph] = VariableStore(VariableScope())
    return _of_graphs[graph]


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable | None = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Callable | None = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Callable | None = None,
    constraint: Callable | None = None,
    synchronization: VariableSynchronization = VariableSynchronization.AUTO,
    aggregation: VariableAggregation = VariableAggregation.NONE,
) -> Any:
    """The variable called `name` in the open variable scope: made at the first call, shared where the scope
    says.

    `initializer` is an initializer for `shape`, a value (then without `shape`), or a function without
    arguments; by default glorot_uniform for floating dtypes and zeros for the others. `custom_getter(getter,
    name, ...)` is called in place of the getter. Raises ValueError for a name that is taken, or missing,
    against the scope's rule, and where shape or dtype differ from those of the variable shared.

    Where operations run at once a second call finds the variable of the first.

    >>> w = tf.compat.v1.get_variable("doc_w", [2, 2], initializer=tf.ones_initializer())
    >>> tf.compat.v1.get_variable("doc_w", [2, 2]) is w
    True
    """
    if partitioner is not None:
        raise ValueError("get_variable makes variables of one part: leave out `partitioner`.")
    store = current_store()
    scope = store.scope
    if initializer is not None and not callable(initializer):
        own = tensor(initializer).dtype
        if dtype is not None and as_dtype(dtype) != own:
            raise ValueError(f"Initializer type '{own}' and explicit dtype '{as_dtype(dtype)}' don't match.")
        dtype = own
    arguments = {
        "name": f"{scope.name}/{name}" if scope.name else name,
        "shape": shape,
        "dtype": scope.dtype if dtype is None else dtype,
        "initializer": scope.initializer if initializer is None else initializer,
        "regularizer": scope.regularizer if regularizer is None else regularizer,
        "reuse": scope.reuse,
        "trainable": trainable,
        "constraint": scope.constraint if constraint is None else constraint,
        "synchronization": synchronization,
        "aggregation": aggregation,
    }
    custom_getter = custom_getter or scope.custom_getter
    return store.get(**arguments) if custom_getter is None else custom_getter(store.get, **arguments)
