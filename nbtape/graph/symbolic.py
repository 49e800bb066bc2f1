"""SymbolicTensor: a Tensor that stands for a value in a graph, and Operation, the entry that makes it."""

import sys
from types import CodeType
from typing import Any

import numpy as np

from nbtape.core import context, dtype as dtypes, source
from nbtape.core.engine import Node, Tensor
from nbtape.core.errors import OperatorNotAllowedInGraphError
from nbtape.core.report import describe, names_of_tensors
from nbtape.core.shape import Spec, TensorShape

_NOT_ALLOWED = (
    "{} is not allowed. You can attempt the following resolutions to the problem: If you are running in "
    "Graph mode, "
    "use Eager execution mode or decorate this function with @tf.function. If you are using AutoGraph, you "
    "can try "
    "decorating this function with @tf.function. If that does not work, then you may be using an "
    "unsupported feature "
    "or your source code may not be visible to AutoGraph."
)
_INSTEAD_OF_IF = " Without AutoGraph, write tf.cond(pred, true_fn, false_fn), tf.where or tf.while_loop."
_INSTEAD_OF_FOR = (
    " Without AutoGraph, write tf.map_fn, tf.scan or tf.while_loop, or give the tensor a known first "
    "dimension."
)

unconverted: dict[CodeType, str] = {}  # functions that AutoGraph left as they are, and why


def _not_converted(code: CodeType) -> str:
    reason = unconverted.get(code)
    return "" if reason is None else f" AutoGraph left {code.co_name} as it is: {reason}."


class Operation:
    """An entry of a graph: an op applied to tensors, under a name; `node` is what interpreters and
    compilers read.
    """

    __slots__ = ("_graph", "_name", "_type", "_controls", "_device", "node", "__weakref__")

    def __init__(self, graph: Any, type_: str, node: Node, controls: tuple = ()):
        self._graph, self._type, self.node = graph, type_, node
        self._name, self._controls, self._device = "", controls, ""

    @property
    def name(self) -> str:
        if not self._name:
            self._graph.settle_names()
        return self._name

    @property
    def type(self) -> str:
        return self._type

    @property
    def graph(self) -> Any:
        return self._graph

    @property
    def inputs(self) -> tuple:
        return self.node.inputs

    @property
    def outputs(self) -> list:
        return list(self.node.outputs)

    @property
    def control_inputs(self) -> list:
        """The operations that run before this one though it takes nothing from them. In a function there are
        none: the order of its list is the order in which it runs.
        """
        return list(self._controls)

    @property
    def device(self) -> str:
        return self._device

    def values(self) -> tuple:
        return self.node.outputs

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run the operation, in a session or in the one that is open."""
        session_for(session, self.graph, "execute operation using `run()`", "run").run(self, feed_dict)

    def get_attr(self, name: str) -> Any:
        """One attribute; raises ValueError for a name that the operation does not have."""
        if name not in self.node.attrs:
            raise ValueError(f"Operation {self.name!r} has no attr named {name!r}.")
        return self.node.attrs[name]

    @property
    def traceback(self) -> str:
        """The user's line that asked for the operation."""
        return source.describe(self.node.place)

    def __repr__(self) -> str:
        return f"<tf.Operation {self.name!r} type={self._type}>"


class SymbolicTensor(Tensor):
    """A Tensor without a value yet: what operations give while a function is traced or a graph is built."""

    __slots__ = ("_spec", "_op", "_index")

    def __init__(self, spec: Spec, op: Operation, index: int):
        self._spec, self._op, self._index = spec, op, index

    @property
    def dtype(self) -> dtypes.DType:
        return dtypes.of(self._spec)

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self._spec.shape)

    @property
    def name(self) -> str:
        return f"{self._op.name}:{self._index}"

    @property
    def op(self) -> Operation:
        return self._op

    @property
    def graph(self) -> Any:
        return self._op._graph

    @property
    def value_index(self) -> int:
        return self._index

    @property
    def device(self) -> str:
        return self._op.device

    def consumers(self) -> list[Operation]:
        """The operations that take this tensor as an input."""
        return [op for op in self.graph.get_operations() if any(x is self for x in op.inputs)]

    @property
    def _static(self) -> Any:
        """The value, where it follows from constants alone; None otherwise. Functions that need a number
        ask for it.
        """
        return self.graph.known(self)

    def set_shape(self, shape: Any) -> None:
        """Add what is known about the shape; raises ValueError where it contradicts what was known."""
        shape = TensorShape(shape)
        if not self.shape.is_compatible_with(shape):
            raise ValueError(f"Tensor's shape {self.shape} is not compatible with supplied shape {shape}.")
        merged = self.shape.merge_with(shape)
        self._spec = Spec(None if merged.rank is None else tuple(merged), self._spec.dtype)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The value, in a session or in the one that is open."""
        return session_for(session, self.graph, "evaluate tensor using `eval()`", "eval").run(self, feed_dict)

    def __eq__(self, other):
        if self.graph.building_function:
            return super().__eq__(other)
        return self is other

    def __ne__(self, other):
        if self.graph.building_function:
            return super().__ne__(other)
        return self is not other

    def __hash__(self):
        return super().__hash__() if self.graph.building_function else id(self)

    def __bool__(self):
        raise OperatorNotAllowedInGraphError(
            _NOT_ALLOWED.format("Using a symbolic `tf.Tensor` as a Python `bool`")
            + _INSTEAD_OF_IF
            + _not_converted(sys._getframe(1).f_code)
        )

    def __iter__(self):
        shape = self._spec.shape
        if not shape or shape[0] is None:
            raise OperatorNotAllowedInGraphError(
                _NOT_ALLOWED.format("Iterating over a symbolic `tf.Tensor`")
                + _INSTEAD_OF_FOR
                + _not_converted(sys._getframe(1).f_code)
            )
        return (self[i] for i in range(shape[0]))

    def __len__(self):
        raise TypeError(
            f"len is not well defined for a symbolic Tensor ({self.name}). Please call `x.shape` rather "
            f"than `len(x)` "
            "for shape information."
        )

    def __array__(self, dtype=None, copy=None):
        raise NotImplementedError(
            f"Cannot convert a symbolic tf.Tensor ({self.name}) to a numpy array. This error may indicate "
            f"that you're "
            "trying to pass a Tensor to a NumPy call, which is not supported. Write the function of `tf` "
            "that does the "
            "same, or call NumPy through tf.numpy_function."
        )

    def __array_function__(self, func, types, args, kwargs):
        return self.__array__()

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        # NumPy asks this for `array + tensor` too: an operator, which is left to the tensor.
        if (
            method == "__call__"
            and len(inputs) == 2
            and isinstance(inputs[0], np.ndarray | np.generic)
            and not kwargs
        ):
            return super().__array_ufunc__(ufunc, method, *inputs)
        return self.__array__()

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise TypeError(f"{self!r} belongs to a graph and cannot be pickled.")

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self._spec.shape is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __format__(self, spec):
        if spec:
            raise TypeError("unsupported format string passed to SymbolicTensor.__format__")
        return str(self)


def session_for(session: Any, graph: Any, purpose: str, method: str) -> Any:
    """`session`, or the one that is open; raises ValueError where there is none for the graph."""
    found = context.local.session if session is None else session
    if found is None:
        raise ValueError(
            f"Cannot {purpose}: No default session is registered. Use `with sess.as_default()` or pass an "
            f"explicit session to `{method}(session=sess)`"
        )
    if found.graph is not graph:
        raise ValueError(
            f"Cannot {purpose}: the {'default' if session is None else 'given'} session is for another "
            f"graph. Pass a session of this one to `{method}(session=sess)`."
        )
    return found


def spelled(x: Any) -> str:
    """A tensor in the text of a graph: its name and its spec."""
    return f"{x.name}: {describe(x).split(' ')[0]}"


names_of_tensors.append(lambda x: x.name if isinstance(x, SymbolicTensor) else None)


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether `tensor` stands for what a graph will compute.

    >>> tf.is_symbolic_tensor(tf.constant(1))
    False
    """
    return isinstance(tensor, SymbolicTensor)
