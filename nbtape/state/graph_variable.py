"""GraphVariable: what a Variable is in a graph of TensorFlow 1. It has no value of its own: each session that
runs the graph keeps one, from the time that it runs the variable's initializer.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.dtype import DType, as_dtype, of, ref_of
from nbtape.core.engine import Reference, apply, o, tensor
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.rows import spec_of_variable
from nbtape.graph.symbolic import Operation, session_for
from nbtape.state.creators import created
from nbtape.state.scopes.collection import collected
from nbtape.state.variable import (
    ResourceVariable,
    Variable,
    VariableAggregation,
    VariableSynchronization,
    kind_here,
    kinds,
)

_OUTSIDE = (
    "Variable {!r} belongs to a graph and has a value only in a session of it. Write "
    "`session.run(variable)`, or use it while its graph is the default one."
)
_TRUTH = Spec((), np.dtype(np.bool_))


class GraphVariable(ResourceVariable):
    """A variable of a graph: a name, a shape and an initializer, which a session runs to give it a value."""

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
        collections: Any = None,
        use_resource: bool | None = None,
    ):
        self._is_ref = use_resource is False
        self._settings(initial_value, trainable, name, constraint, synchronization, aggregation)
        self._graph = graph = context.local.graph
        outer, device = context.local.scope, context.local.device
        scope = graph.enter_scope(outer, name or "Variable") or outer
        with graph.control_dependencies(None):
            try:
                context.local.device = ()
                self._begin(scope, initial_value, None if dtype is None else as_dtype(dtype))
                self._shaped(shape, validate_shape)
                context.local.device = device
                self._build(scope)
            finally:
                context.local.scope, context.local.device = outer, device
        collected([self], collections, self._trainable)

    def _begin(self, scope: str, initial_value: Any, dtype: Any) -> None:
        """Compute the initial value."""
        context.local.scope = scope + "Initializer/"
        if callable(initial_value):
            initial_value = initial_value()
        with self._graph.names.together("initial_value"):
            value = self._graph.own(tensor(initial_value, dtype))
        self._initial_value, self._name = value, scope[:-1] + ":0"

    def _shaped(self, shape: Any, validate_shape: bool) -> None:
        value = self._initial_value
        declared = TensorShape(value.shape if shape is None else shape)
        if not declared.is_compatible_with(value.shape):
            raise ValueError(
                f"In this `tf.Variable` creation, the initial value's shape ({value.shape}) is not "
                f"compatible with the explicitly supplied `shape` argument ({shape})."
            )
        self._shape = declared if validate_shape else TensorShape(None)
        self._value = Spec(None if self._shape.rank is None else tuple(self._shape), value._spec.dtype)

    def _build(self, scope: str) -> None:
        """The operations of a variable: itself, whether it has a value, its initializer, a read."""
        graph, attrs, spec = self._graph, {"variable": self.ref()}, spec_of_variable(self)
        context.local.scope = scope
        graph.append(o.read_variable, (), attrs, (spec,), source.here(2), scope, "VarHandleOp")
        self._op = graph.last
        context.local.device = (lambda operation: self._op.device,)
        graph.append(o.is_initialized, (), attrs, (_TRUTH,), None, "IsInitialized/VarIsInitializedOp")
        value = self._initial_value
        graph.append(o.assign_variable, (value,), attrs, (value._spec,), None, "Assign")
        self._initializer = graph.last
        context.local.scope = scope + "Read/"
        self._snapshot = graph.read(self)

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __hash__(self):
        return id(self)

    # Reading

    def __tensor__(self) -> Any:
        if context.local.graph is None:
            raise RuntimeError(_OUTSIDE.format(self._name))
        return context.local.graph.read(self)

    @property
    def dtype(self) -> DType:
        return ref_of(of(self._value)) if self._is_ref else of(self._value)

    @property
    def op(self) -> Operation:
        return self._op

    @property
    def graph(self) -> Any:
        return self._graph

    @property
    def device(self) -> str:
        return self._op.device

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer

    @property
    def initial_value(self) -> Any:
        """The tensor that the initializer assigns."""
        return self._initial_value

    @property
    def ndim(self) -> int:
        return len(self._shape)

    def is_initialized(self, name: str | None = None) -> Any:
        """Whether the variable has a value in the session that runs this."""
        attrs = {"variable": self.ref()}
        return self._graph.append(o.is_initialized, (), attrs, (_TRUTH,), None, name)[0]

    def initialized_value(self) -> Any:
        """The value if there is one when a session comes here, else the initial value."""
        return apply(o.initialized_value, self._initial_value, variable=self.ref())

    def fetched(self) -> Any:
        """The tensor that a session runs for the variable."""
        return self._snapshot

    def eval(self, session: Any = None) -> Any:
        """The value, in a session or in the one that is open."""
        return session_for(session, self._graph, "evaluate tensor using `eval()`", "eval").run(self)

    def start_from(self, value: Any) -> None:
        """Let the initializer assign `value`, and not what it assigned until now."""
        graph = self._graph
        with graph.control_dependencies(None):
            self._initial_value = x = graph.constant(value)
            graph.append(o.assign_variable, (x,), {"variable": self.ref()}, (x._spec,), None, "Assign")
        self._initializer = graph.last

    def load(self, value: Any, session: Any = None) -> None:
        """Give the variable a value in a session, or in the one that is open."""
        found = session_for(session, self._graph, "evaluate tensor using `eval()`", "eval")
        found.run(self._initializer, {self._initial_value: value})

    # Writing

    def _update(self, write: Any, op: Any, delta: Any, read_value: bool, name: str | None = None) -> Any:
        delta = tensor(delta, of(self._value))
        self._check_shape(self._shape, delta.shape)
        kind = f"Assign{op.name.capitalize()}VariableOp"
        graph = context.local.graph
        with graph.names.together(name or kind):
            graph.assign(self, op(self.__tensor__(), delta))
            graph.last._type = kind
        return self._view() if read_value else graph.last

    def _store(self, new: Any, read_value: bool = True, name: str | None = None) -> Any:
        graph = context.local.graph
        if graph is None:
            raise RuntimeError(_OUTSIDE.format(self._name))
        with graph.names.together(name or "AssignVariableOp"):
            graph.assign(self, new)
        return self._view() if read_value else graph.last

    def _view(self) -> Any:
        graph = context.local.graph
        if graph.building_function:
            return self
        view: Any = object.__new__(_Assigned)
        view.__dict__ = self.__dict__ | {"_assignment": graph.last, "_variable": self.ref().deref()}
        view._snapshot = view.__tensor__()
        return view

    # Printing and copying

    def __repr__(self):
        return f"<tf.Variable '{self.name}' shape={self._shape} dtype={self.dtype.name}>"

    def __deepcopy__(self, memo):
        raise NotImplementedError("__deepcopy__() is only available when eager execution is enabled.")

    def __reduce__(self):
        raise TypeError(f"{self!r} belongs to a graph and cannot be pickled.")


class _Assigned(GraphVariable):
    """What an assignment gives: the variable as it is once that is done."""

    _assignment: Operation
    _variable: GraphVariable

    def ref(self) -> Reference:
        """The reference of the variable itself, so that graphs and dicts see one variable and not two."""
        return Reference(self._variable)

    @property
    def name(self) -> str:
        return self._assignment.name

    @property
    def op(self) -> Operation:
        return self._assignment

    def __tensor__(self) -> Any:
        graph = context.local.graph
        if graph is None or graph.building_function:
            return super().__tensor__()
        with graph.control_dependencies([self._assignment]):
            return graph.read(self)

    def _store(self, new: Any, read_value: bool = True, name: str | None = None) -> Any:
        with context.local.graph.control_dependencies([self._assignment]):
            return super()._store(new, read_value, name)


kinds[True] = GraphVariable


def _made(**arguments: Any) -> Any:
    """A variable, for the arguments that it had in TensorFlow 1."""
    arguments.pop("expected_shape", None)
    kind = kind_here()
    if kind is not GraphVariable:
        for key in ("collections", "use_resource"):
            arguments.pop(key, None)
    return kind(**arguments)


class _AnyVariable(type):
    def __call__(
        cls,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Callable | None = None,
        use_resource: bool | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
    ) -> Any:
        arguments = {key: x for key, x in locals().items() if key != "cls"}
        return created(_made, arguments)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Variable)


class VariableV1(metaclass=_AnyVariable):
    """`tf.Variable` with the arguments that it had in TensorFlow 1, `collections` among them.

    >>> with tf.Graph().as_default():
    ...     v = tf.compat.v1.Variable([1.0], name="v", collections=["mine"])
    ...     tf.compat.v1.get_collection("mine")
    [<tf.Variable 'v:0' shape=(1,) dtype=float32>]
    """
