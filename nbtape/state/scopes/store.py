"""get_variable: variables that are shared by their names.

A store belongs to a graph, or to the process where operations run at once or a function is traced. The open
`VariableScope` says under which name, and by which rules, `get_variable` looks there.
"""

import weakref
from collections.abc import Callable
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import DType, as_dtype, float32
from nbtape.core.engine import Tensor, tensor
from nbtape.core.shape import TensorShape
from nbtape.graph.v1.setting import outermost
from nbtape.state.graph_variable import VariableV1
from nbtape.state.scopes.claims import Claims
from nbtape.state.scopes.collection import GraphKeys, collected, discarded, forget_collections, weighed
from nbtape.state.scopes.first_values import initial_value
from nbtape.state.scopes.partition import PartitionedVariable, parts_of
from nbtape.state.scopes.scope import name_scope
from nbtape.state.scopes.variable_scope import AUTO_REUSE, ReuseMode, ScopeNames, VariableScope
from nbtape.state.variable import Variable, VariableAggregation, VariableSynchronization


class VariableStore:
    """The variables that `get_variable` made, by name, and the scope that is open."""

    def __init__(self, scope: VariableScope, claims: Claims | None = None):
        self.scope, self.claims = scope, claims
        self.variables: dict[str, Variable] = {}
        self.partitioned: dict[str, PartitionedVariable] = {}
        self.scopes = ScopeNames()

    def get(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = float32,
        initializer: Any = None,
        regularizer: Callable | None = None,
        reuse: bool | ReuseMode = False,
        partitioner: Callable | None = None,
        **options: Any,
    ) -> Any:
        """The variable called `name`: found, or made with `options`, as `reuse` allows."""
        if shape is not None:
            if initializer is not None and not callable(initializer):
                raise ValueError("If initializer is a constant, do not specify shape.")
            shape = TensorShape(shape)
        dtype = as_dtype(dtype)
        if self.claims is not None and reuse is AUTO_REUSE:
            self._replaced(self.claims, name, shape, dtype, initializer)
        if partitioner is not None or name in self.partitioned:
            return self._in_parts(name, shape, dtype, initializer, regularizer, reuse, partitioner, options)
        found = self.variables.get(name)
        if found is not None:
            _check_shared(found, name, shape, dtype, reuse)
            return found
        _check_absent(name, reuse)
        made = self.variables[name] = self._made(name, shape, dtype, initializer, options)
        if self.claims is not None:
            self.claims.made(name)
        if regularizer is not None:
            self._weighed(made, name, regularizer)
        return made

    def _replaced(
        self, claims: Claims, name: str, shape: TensorShape | None, dtype: DType, initializer: Any
    ) -> None:
        """Let a variable go that the running cell, run again, makes anew."""
        parts = self.partitioned.get(name)
        found = self.variables.get(name) if parts is None else parts
        if found is None:
            return
        if initializer is not None and not callable(initializer):
            shape = tensor(initializer).shape
        if claims.replaces(name, found, shape, dtype, shared=not self.scope.implied):
            self.partitioned.pop(name, None)
            for each in [name] if parts is None else _part_names(name, parts):
                discarded([self.variables.pop(each)])

    def _made(self, name: str, shape: Any, dtype: DType, initializer: Any, options: dict) -> Variable:
        value, dtype = initial_value(name, shape, dtype, initializer)
        graph = outermost()
        if graph is None:
            options = {key: x for key, x in options.items() if key != "use_resource"}
            collections = options.pop("collections", None)
            saved, context.local.scope = context.local.scope, ""
            try:
                made = Variable(value() if callable(value) else value, dtype=dtype, name=name, **options)
            finally:
                context.local.scope = saved
            collected([made], collections, made.trainable, eagerly=True)
            return made
        with context.recording((), graph), name_scope(""):
            return VariableV1(value, dtype=dtype, name=name, **options)

    def _weighed(self, variable: Any, name: str, regularizer: Callable) -> None:
        """Put what a regularizer gives for a variable among the losses of the graph."""
        graph = outermost()
        if graph is None:
            weighed(name, regularizer, variable)
            return
        with context.recording((), graph), name_scope(f"{name}/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)

    def _in_parts(
        self,
        name: str,
        shape: Any,
        dtype: DType,
        initializer: Any,
        regularizer: Any,
        reuse: bool | ReuseMode,
        partitioner: Callable | None,
        options: dict,
    ) -> PartitionedVariable:
        """The variable called `name`, in the parts that `partitioner` asks for."""
        if name in self.variables:
            raise ValueError(
                "A partitioner was provided, but an unpartitioned version of the variable was found: "
                f"{name}.  Perhaps a variable of the same name was already created without partitioning?"
            )
        if initializer is not None and not callable(initializer):
            initializer = tensor(initializer)
            shape = initializer.shape
        found = self.partitioned.get(name)
        partitions = None if partitioner is None else parts_of(partitioner, shape, dtype)
        if found is not None:
            _check_shared(found, name, shape, dtype, reuse, "reuse partitioned")
            if partitions not in (None, found.partitions):
                raise ValueError(
                    f"Trying to reuse partitioned variable {name}, but specified partitions {partitions} and "
                    f"found partitions {found.partitions}."
                )
            return found
        _check_absent(name, reuse)
        made = PartitionedVariable(name, shape, dtype, partitions or [])
        for own, (begin, size) in zip(_part_names(name, made), made.slices):
            value = initializer
            if isinstance(value, Tensor):
                value = value[tuple([slice(b, b + n) for b, n in zip(begin, size)])]
            part_shape = None if isinstance(value, Tensor) else TensorShape(size)
            part = self.variables[own] = self._made(own, part_shape, dtype, value, dict(options))
            made.add(part, begin, size)
            if regularizer is not None:
                self._weighed(part, own, regularizer)
        self.partitioned[name] = made
        if self.claims is not None:
            self.claims.made(name)
        return made


def _part_names(name: str, variable: PartitionedVariable) -> list[str]:
    return [f"{name}/part_{i}" for i in range(len(variable.slices))]


def _check_absent(name: str, reuse: bool | ReuseMode) -> None:
    if reuse is True:
        raise ValueError(
            f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to "
            "set reuse=tf.AUTO_REUSE in VarScope?"
        )


def _check_shared(
    found: Any, name: str, shape: Any, dtype: DType, reuse: bool | ReuseMode, share: str = "share"
) -> None:
    if reuse is False:
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    if shape is not None and not shape.is_compatible_with(found.shape):
        raise ValueError(
            f"Trying to {share} variable {name}, but specified shape {shape} and found shape {found.shape}."
        )
    if dtype != found.dtype.base_dtype:
        raise ValueError(
            f"Trying to {share} variable {name}, but specified dtype {dtype.name} and found dtype "
            f"{found.dtype.name}."
        )


def _of_process() -> VariableStore:
    """Where operations run at once a name means one variable, so that a program may come to it again."""
    return VariableStore(VariableScope(reuse=AUTO_REUSE, implied=True), Claims())


_eager = _of_process()
_of_graphs: weakref.WeakKeyDictionary[Any, VariableStore] = weakref.WeakKeyDictionary()


def current_store() -> VariableStore:
    """The store of the graph that is open, or of the process."""
    graph = outermost()
    if graph is None:
        return _eager
    if graph not in _of_graphs:
        _of_graphs[graph] = VariableStore(VariableScope())
    return _of_graphs[graph]


def forget_variables() -> None:
    """Let go of the variables that `get_variable` made where operations run at once."""
    global _eager
    _eager = _of_process()
    forget_collections()


def get_variable_scope() -> VariableScope:
    """The variable scope that is open."""
    return current_store().scope


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

    With a `partitioner` the variable is in parts, and acts as one. Where operations run at once a second call
    finds the variable of the first.

    >>> w = tf.compat.v1.get_variable("doc_w", [2, 2], initializer=tf.ones_initializer())
    >>> tf.compat.v1.get_variable("doc_w", [2, 2]) is w
    True
    """
    store = current_store()
    scope = store.scope
    if initializer is not None and not callable(initializer):
        with context.paused():
            own = (initializer if isinstance(initializer, Tensor) else tensor(initializer)).dtype
        if dtype is not None and as_dtype(dtype) != own:
            raise ValueError(f"Initializer type '{own}' and explicit dtype '{as_dtype(dtype)}' don't match.")
        dtype = own
    if name is None:
        name = "Variable"
    arguments = {
        "name": f"{scope.name}/{name}" if scope.name else name,
        "shape": shape,
        "dtype": scope.dtype if dtype is None else dtype,
        "initializer": scope.initializer if initializer is None else initializer,
        "regularizer": scope.regularizer if regularizer is None else regularizer,
        "reuse": scope.reuse,
        "trainable": trainable,
        "collections": collections,
        "caching_device": scope.caching_device if caching_device is None else caching_device,
        "partitioner": scope.partitioner if partitioner is None else partitioner,
        "validate_shape": validate_shape,
        "use_resource": scope.use_resource if use_resource is None else use_resource,
        "constraint": scope.constraint if constraint is None else constraint,
        "synchronization": synchronization,
        "aggregation": aggregation,
    }
    custom_getter = custom_getter or scope.custom_getter
    return store.get(**arguments) if custom_getter is None else custom_getter(store.get, **arguments)


def get_local_variable(name: str, *args: Any, **kwargs: Any) -> Any:
    """`get_variable` for a variable that is neither trained nor saved: in LOCAL_VARIABLES alone."""
    kwargs |= {"trainable": False}
    kwargs["collections"] = [*(kwargs.get("collections") or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, *args, **kwargs)
