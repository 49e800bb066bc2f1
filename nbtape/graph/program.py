"""Program: a finished graph as compilers rewrite it: Steps over Values, which passes may change in place.

A Graph belongs to the user: its operations have names, are found by them, and can be differentiated. A
Program has only what it takes to compute the outputs. Constants are Values, not steps. What a gradient may
ask of a loop or a branch is written out: a loop stacks the rows `body.outputs[carries:]` and nothing else,
and both branches of a cond give all its outputs.
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.core.engine import Op, o
from nbtape.core.shape import Spec, bracket
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.run import acts, unrepeatable
from nbtape.graph.trace import FunctionGraph, Region


class Value:
    """What an input or a step gives: a spec, and the array where it is a constant. Two are the same if
    identical."""

    __slots__ = ("constant", "spec")

    def __init__(self, spec: Spec, constant: Any = None):
        self.spec, self.constant = spec, constant

    @property
    def shape(self) -> tuple | None:
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype:
        return self.spec.dtype

    @property
    def static(self) -> bool:
        """Whether the whole shape is known."""
        return self.spec.shape is not None and None not in self.spec.shape

    def __repr__(self) -> str:
        shape = "" if self.shape is None else bracket(self.shape)
        return (
            f"<Value {self.dtype}{shape}{'' if self.constant is None else f' = {_literal(self.constant)}'}>"
        )


class Step:
    """One op: the Values it takes and gives. Attributes that are graphs elsewhere are Programs here."""

    __slots__ = ("attrs", "inputs", "op", "outputs", "place")

    def __init__(
        self,
        op: Op,
        inputs: tuple[Value, ...],
        attrs: dict[str, Any],
        outputs: tuple[Value, ...],
        place: source.Place | None = None,
    ):
        self.op, self.inputs, self.attrs, self.outputs, self.place = op, inputs, attrs, outputs, place

    @property
    def programs(self) -> list["Program"]:
        """The programs that the step carries: branches, or a loop's test and body."""
        return [value for value in self.attrs.values() if isinstance(value, Program)]

    def __repr__(self) -> str:
        return f"<Step {self.op.name}>"


class Program:
    """Inputs, steps in the order in which they run, and outputs.

    The last inputs stand for `captures`, tensors from outside which the caller does not give. In a region
    there are none, and neither `read_variable` nor `assign_variable`: there variables are inputs and outputs.

    >>> graph = tf.function(lambda x: x * 2.0).get_concrete_function(tf.TensorSpec([3])).graph
    >>> print(program_of(graph))
    program(%0: float32[3])
      %1: float32[3] = mul(%0, 2.0)
      return %1
    """

    __slots__ = ("captures", "inputs", "name", "outputs", "steps")

    def __init__(
        self,
        inputs: list[Value],
        outputs: list[Value],
        steps: list[Step],
        captures: Sequence[Any] = (),
        name: str = "",
    ):
        self.inputs, self.outputs, self.steps = inputs, outputs, steps
        self.captures, self.name = list(captures), name

    @property
    def acts(self) -> bool:
        """Whether it does something beside computing its outputs."""
        return any(acts(step) for step in self.steps)  # type: ignore[arg-type]

    @property
    def repeatable(self) -> bool:
        """Whether to run it again gives the same, and does nothing twice."""
        return not any(acts(step) or unrepeatable(step) for step in self.steps)  # type: ignore[arg-type]

    def walk(self) -> Iterator["Program"]:
        """This program and all that its steps carry, inner ones first."""
        for step in self.steps:
            for inner in step.programs:
                yield from inner.walk()
        yield self

    def __str__(self) -> str:
        return "\n".join(_lines(self, {}, ""))


def program_of(graph: FunctionGraph, instead: Callable[[Any], Op] = attrgetter("op")) -> Program:
    """The program that computes the outputs of a finished graph; `instead(node)` is the op that it has for a
    node.
    """
    return program_and_values(graph, instead)[0]


def program_and_values(
    graph: FunctionGraph, instead: Callable[[Any], Op] = attrgetter("op")
) -> tuple[Program, dict[int, Value]]:
    """That program, and what stands in it for each tensor of the graph, by the tensors' ids."""
    captured = [(outside, inside) for outside, inside in graph.captures.values()]
    reader = _Reader([*graph.inputs, *[inside for _, inside in captured]], instead)
    program = reader.read(graph, graph.outputs, [outside for outside, _ in captured])
    return program, reader.values


class _Reader:
    """Turns the nodes of one graph into steps."""

    def __init__(self, inputs: Sequence[Any], instead: Callable[[Any], Op] = attrgetter("op")):
        self.values, self.instead = {id(x): Value(x._spec) for x in inputs}, instead
        self.inputs = [self.values[id(x)] for x in inputs]
        self.steps: list[Step] = []

    def read(self, graph: FunctionGraph, outputs: Sequence[Any], captures: Sequence[Any] = ()) -> Program:
        for node in graph.nodes:
            self.node(node)
        found = [self.values[id(y)] for y in outputs]
        return Program(self.inputs, found, self.steps, captures, graph.name)

    def node(self, node: Any) -> None:
        op, inputs, attrs, outputs, place = node
        if op is PLACEHOLDER:
            return
        if op is o.const:
            self.values[id(outputs[0])] = Value(outputs[0]._spec, attrs["value"].value)
            return
        xs = tuple([self.values[id(x)] for x in inputs])
        if op.name == "custom_call":  # it says what the gradient is, which has been taken
            self.values.update({id(y): x for y, x in zip(outputs, xs)})
            return
        ys = tuple([Value(y._spec) for y in outputs])
        self.values.update({id(y): value for y, value in zip(outputs, ys)})
        self.steps.append(
            Step(self.instead(node), xs, _EXPLICIT.get(op.name, _as_they_are)(attrs), ys, place)
        )


def _as_they_are(attrs: dict) -> dict:
    return {key: value for key, value in attrs.items() if key != "name"}


def _loop(attrs: dict) -> dict:
    """A loop's attributes: what a gradient asks for is among the outputs of the body, and `regular` says
    how many of the stacked rows must have one shape."""
    cond, body, carries = attrs["cond"], attrs["body"], attrs["carries"]
    saved = body.inputs[:carries] if attrs["saved"] else []
    rows = [*body.results, *saved, *(body.kept if attrs["saved"] else ())]
    return {
        "cond": None if cond is None else _Reader(cond.inputs).read(cond, cond.results),
        "body": _Reader(body.inputs).read(body, rows),
        "carries": carries,
        "scanned": attrs["scanned"],
        "reverse": attrs["reverse"],
        "regular": 0 if body.ragged else len(body.results) - carries,
    }


def _branches(attrs: dict) -> dict:
    """Both branches with all outputs: in the place of what only the other one keeps, a zero."""
    true, false = attrs["true"], attrs["false"]
    taken = _Reader(true.inputs).read(true, [*true.results, *true.kept])
    other = _Reader(false.inputs).read(false, [*false.results, *false.kept])
    n = len(true.results)
    taken.outputs += [_zero(x) for x in false.kept]
    other.outputs[n:n] = [_zero(x) for x in true.kept]
    return {"true": taken, "false": other}


def _zero(x: Any) -> Value:
    return Value(Spec((), x._spec.dtype), np.zeros((), x._spec.dtype)[()])


_EXPLICIT = {"while_": _loop, "cond": _branches}


# Text


def _lines(program: Program, names: dict[int, str], indent: str) -> list[str]:
    """`program` as lines; `names` counts on over the programs that are shown inside others."""

    def name(x: Value) -> str:
        return names.setdefault(id(x), f"%{len(names)}")

    def given(x: Value) -> str:
        return name(x) if x.constant is None else _literal(x.constant)

    def declared(x: Value) -> str:
        return f"{name(x)}: {_described(x.spec)}"

    head = f"program {program.name}".rstrip() if program.name and program.name != "<lambda>" else "program"
    lines = [f"{indent}{head}({', '.join(declared(x) for x in program.inputs)})"]
    for step in program.steps:
        left = f"{', '.join(declared(y) for y in step.outputs)} = " if step.outputs else ""
        attrs = [f"{k}={_shown(v)}" for k, v in step.attrs.items() if not isinstance(v, Program)]
        right = ", ".join([given(x) for x in step.inputs] + attrs)
        lines.append(f"{indent}  {left}{step.op.name}({right})")
        for inner in step.programs:
            lines += _lines(inner, names, indent + "    ")
    return [*lines, f"{indent}  return {', '.join(given(y) for y in program.outputs)}"]


def _described(spec: Spec) -> str:
    return f"{spec.dtype}{'<unknown>' if spec.shape is None else bracket(spec.shape)}"


def _shown(value: Any) -> str:
    return repr(value.deref().name) if hasattr(value, "deref") else str(value)


def _literal(constant: Any) -> str:
    value = np.asarray(constant)
    return str(value.tolist()) if value.size <= 6 else f"<{value.size} values>"
