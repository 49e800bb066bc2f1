"""A graph as TensorBoard reads it: a GraphDef, whose hierarchy is that of the name scopes."""

from collections.abc import Iterable
from typing import Any

from nbtape.core import dtype as dtypes
from nbtape.core.shape import Spec
from nbtape.graph.v1.protos import (
    AttrValue,
    FunctionDef,
    GraphDef,
    NodeDef,
    TensorShapeProto,
    tensor_proto,
    text,
)

_SHOWN = 64  # elements of a constant beyond which its value is left out
_PRODUCER = 1087  # the version of GraphDef that TensorFlow 2 writes


def graph_def(graph: Any) -> Any:
    """A GraphDef with the operations of `graph`, and those of its branches and loops as functions."""
    found, functions = GraphDef(), {}
    found.versions.producer = _PRODUCER
    found.node.extend(_nodes(graph, functions))
    for name, made in functions.values():
        made.signature.name = name
        found.library.function.append(made)
    return found


def _nodes(graph: Any, functions: dict) -> list:
    """The nodes of a graph; graphs that they carry are put in `functions`, by their ids."""
    nodes, names = [], set()
    for operation in graph.get_operations():
        handle = _variable_of(operation)
        if handle is not None and handle not in names and operation.type != "VarHandleOp":
            names.add(handle)
            nodes.append(NodeDef(name=handle, op="VarHandleOp"))
        names.add(operation.name)
        nodes.append(_node(operation, handle, functions))
    return nodes


def _variable_of(operation: Any) -> str | None:
    """The name of the variable that an operation reads or writes."""
    reference = operation.node.attrs.get("variable")
    return None if reference is None else text(reference.deref().name.removesuffix(":0"))


def _node(operation: Any, handle: str | None, functions: dict) -> Any:
    inputs = [x.name.removesuffix(":0") for x in operation.inputs]
    if handle not in (None, operation.name):
        inputs.insert(0, handle)
    inputs += [f"^{x.name}" for x in operation.control_inputs]
    node = NodeDef(name=operation.name, op=operation.type, input=inputs, device=operation.device)
    specs = [y._spec for y in operation.outputs]
    if specs:
        node.attr["dtype"].type = dtypes.of(specs[0]).as_datatype_enum
        node.attr["_output_shapes"].list.shape.extend(map(_shape, specs))
    for key, value in operation.node.attrs.items():
        if hasattr(value, "get_operations"):
            node.attr[key].func.name = _function(value, functions)
        elif key == "value" and value.value.size <= _SHOWN and value.value.dtype != object:
            node.attr[key].CopyFrom(AttrValue(tensor=tensor_proto(value.value)))
    return node


def _function(graph: Any, functions: dict) -> str:
    """The name of the function that stands for a graph in a graph."""
    if id(graph) not in functions:
        name = f"{text(graph.name) or 'graph'}_{len(functions)}"
        functions[id(graph)] = name, (made := FunctionDef())
        made.node_def.extend(_nodes(graph, functions))
    return functions[id(graph)][0]


def _shape(spec: Spec) -> Any:
    if spec.shape is None:
        return TensorShapeProto(unknown_rank=True)
    sizes: Iterable[int] = [-1 if n is None else n for n in spec.shape]
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=n) for n in sizes])
