"""What a graph holds, and how it is found: operations and tensors by name, and collections."""

import re
from contextlib import contextmanager, nullcontext
from typing import Any

from nbtape.core import context
from nbtape.core.engine import Node
from nbtape.graph.symbolic import Operation, SymbolicTensor
from nbtape.graph.v1.device import colocate_with
from nbtape.graph.v1.graph_def import graph_def
from nbtape.graph.v1.naming import Names, check_name
from nbtape.graph.v1.overrides import checked


class Contents:
    """The operations of a graph, in the order in which they were made, and its collections."""

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[Node] = []  # those of the operations
        self.names = Names()
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._collections: dict[Any, list] = {}
        self._gradients: dict[str, str] = {}  # names of gradients for the types of operations made now
        self.overrides: dict[int, str] = {}  # and for operations that were made, by the ids of their nodes

    # Names

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name`, or `name_1`, ...: the first that is free, upper and lower case being alike, under the name
        scope that is open.
        """
        self.names.settle()
        scope = context.local.scope if context.local.graph is self else ""
        return self.names.unique(scope + name, mark_as_used)

    def settle_names(self) -> None:
        """Let each operation have its name by now."""
        self.names.settle()

    def enter_scope(self, scope: str, name: str) -> str:
        """The prefix that opening the name scope `name` inside `scope` gives; a name that ends in "/" is
        taken as is.
        """
        if not name:
            return name
        check_name(name, scope)
        if name.endswith("/"):
            return name
        self.names.settle()
        return self.names.unique(scope + name) + "/"

    @contextmanager
    def name_scope(self, name: str | None):
        """A `with` block whose operations have names that begin with `name/`; `with` gives that prefix."""
        outer = context.local.scope
        context.local.scope = self.enter_scope(outer, name or "")
        try:
            yield context.local.scope
        finally:
            context.local.scope = outer

    def keep(self, kept: dict[int, Node]) -> None:
        """Drop all operations but those of `kept`, which has the Node to put instead, by the id of theirs."""
        self.names.settle()
        self._operations = [operation for operation in self._operations if id(operation.node) in kept]
        for operation in self._operations:
            operation.node = kept[id(operation.node)]
        self.nodes = [operation.node for operation in self._operations]
        self._by_name = {}

    def get_operations(self) -> list[Operation]:
        """The operations, in the order in which they were made."""
        self.names.settle()
        return list(self._operations)

    def _named(self) -> dict[str, Operation]:
        self.names.settle()
        if len(self._by_name) != len(self._operations):
            self._by_name = {operation.name: operation for operation in self._operations}
        return self._by_name

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation called `name`; raises KeyError where there is none."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        if ":" in name:
            raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
        if name not in self._named():
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return self._named()[name]

    def get_tensor_by_name(self, name: str) -> SymbolicTensor:
        """The tensor called `name`, "operation:index"; raises KeyError where there is none."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        operation, colon, index = name.rpartition(":")
        if not colon or not index.isdigit():
            raise ValueError(
                f"The name {name!r} refers to an Operation, not a Tensor. Tensor names must be of the form "
                '"<op_name>:<output_index>".'
            )
        found = self._named().get(operation)
        if found is None or int(index) >= len(found.outputs):
            missing = f"The operation, {operation!r}, does not exist in the graph."
            if found is not None:
                missing = f"The operation, {operation!r}, exists but only has {len(found.outputs)} outputs."
            raise KeyError(f"The name {name!r} refers to a Tensor which does not exist. {missing}")
        return found.node.outputs[int(index)]

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation of the graph that `obj` is, is called by, or stands for as a variable does.

        Raises TypeError for another kind of object, ValueError for an element of another graph, KeyError for
        a name that is not there.
        """
        if isinstance(obj, str | bytes):
            name = obj if isinstance(obj, str) else obj.decode()
            if ":" in name and allow_tensor:
                return self.get_tensor_by_name(name)
            if ":" not in name and allow_operation:
                return self.get_operation_by_name(name)
            kinds = ("Tensor", "an Operation") if ":" in name else ("Operation", "a Tensor")
            raise ValueError(f"Name {name!r} appears to refer to {kinds[0]}, not {kinds[1]}.")
        found = obj.fetched() if hasattr(obj, "fetched") else obj
        allowed = (*[SymbolicTensor] * allow_tensor, *[Operation] * allow_operation)
        if not isinstance(found, allowed):
            wanted = " or ".join(["Tensor"] * allow_tensor + ["Operation"] * allow_operation)
            raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")
        if found.graph is not self:
            kind = "Tensor" if isinstance(found, SymbolicTensor) else "Operation"
            raise ValueError(f"{kind} {found} is not an element of this graph.")
        return found

    def is_feedable(self, tensor: Any) -> bool:
        """Whether a session may be given a value for a tensor: always."""
        return True

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        """Whether a session may be asked for something: always."""
        return True

    @contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]):
        """A `with` block whose operations of some types have gradients of other names, see
        `tf.RegisterGradient`.
        """
        outer, self._gradients = self._gradients, self._gradients | checked(op_type_map)
        try:
            yield
        finally:
            self._gradients = outer

    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Any:
        """A `with` block whose operations are put where another one is."""
        return colocate_with(op, ignore_existing)

    def container(self, container_name: str) -> Any:
        """A `with` block that changes nothing: the variables of a session are its own."""
        return nullcontext(container_name)

    def switch_to_thread_local(self) -> None:
        """Nothing: the blocks that are open in a thread are its own."""

    @property
    def version(self) -> int:
        """A number that grows with each operation."""
        return len(self._operations)

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """The graph as a GraphDef of TensorBoard's, which shows it; nothing can be made of it again.

        Raises ImportError where TensorBoard is not installed.
        """
        return graph_def(self)

    def get_name_scope(self) -> str:
        """The name scope that is open, without its last "/"."""
        return context.local.scope[:-1] if context.local.graph is self else ""

    # Collections

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append `value` to the collection `name`."""
        self.get_collection_ref(name).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append `value` to each of the collections `names`, a name or several."""
        for name in dict.fromkeys([names] if isinstance(names, str) else names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list:
        """The collection `name` itself."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list:
        """A copy of the collection `name`: what has a name that `scope` matches, if that is given."""
        found = self._collections.get(name, ())
        if scope is None:
            return list(found)
        match = re.compile(scope).match
        return [x for x in found if hasattr(x, "name") and match(x.name)]

    def get_all_collection_keys(self) -> list:
        """The names of the collections that hold something or were asked for."""
        return [name for name in self._collections if isinstance(name, str)]

    @property
    def collections(self) -> list:
        """The names of all collections."""
        return list(self._collections)

    def clear_collection(self, name: Any) -> None:
        """Empty a collection."""
        self._collections.pop(name, None)
