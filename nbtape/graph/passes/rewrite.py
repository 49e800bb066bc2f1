"""Rewriting: a program is copied step by step, and rules say what comes in the place of a step.

A rule is `rule(build, step)`: the Value (or tuple of them) to use instead, or None where it has nothing to
say. It makes what it needs by `build(o.mul, x, 2.0)`. That goes through the rules as well, so a rule may
count on its inputs being as simple as they get, and states one fact only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.core.engine import Op
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.verify import has_spec

Found = Value | tuple[Value, ...] | None
Rule = Callable[["Builder", Step], Found]


class Rules:
    """Rules by the name of the op they are for; `ANY` holds those for every op.

    As a decorator, `@rules("add", "sub")`, it takes a rule in.
    """

    ANY = ""

    def __init__(self, *parts: "Rules"):
        self.table: dict[str, list[Rule]] = {}
        for part in parts:
            for name, found in part.table.items():
                self.table.setdefault(name, []).extend(found)

    def __call__(self, *names: str) -> Callable[[Rule], Rule]:
        def take(rule: Rule) -> Rule:
            for name in names or (self.ANY,):
                self.table.setdefault(name, []).append(rule)
            return rule

        return take

    def of(self, op: Op) -> list[Rule]:
        return [*self.table.get(self.ANY, ()), *self.table.get(op.name, ())]


class Builder:
    """The steps that were made so far, and the way to make more."""

    def __init__(self, rules: Rules):
        self.steps: list[Step] = []
        self.place: source.Place | None = None
        self._rules: dict[str, list[Rule]] = {}
        self._source = rules
        self._made: dict[Value, Step] = {}

    def __call__(self, op: Op, *xs: Any, **attrs: Any) -> Any:
        """The output of a new step (a tuple where the op has many); numbers take the first tensor's dtype."""
        like = next(x for x in xs if isinstance(x, Value)) if xs else None
        inputs = tuple([x if isinstance(x, Value) else constant(x, like.dtype) for x in xs])  # type: ignore[union-attr]
        found = op.infer(*[x.spec for x in inputs], **attrs)
        outputs = tuple([Value(spec) for spec in (found if op.many else (found,))])
        ys = self.put(Step(op, inputs, attrs, outputs, self.place))
        return ys if op.many else ys[0]

    def put(self, step: Step) -> tuple[Value, ...]:
        """What stands for the outputs of `step`: they themselves, unless a rule knows better."""
        rules = self._rules.get(step.op.name)
        if rules is None:
            rules = self._rules[step.op.name] = self._source.of(step.op)
        for rule in rules:
            found = rule(self, step)
            if found is not None:
                return found if type(found) is tuple else (found,)  # type: ignore[return-value]
        self.append(step)
        return step.outputs

    def append(self, step: Step) -> None:
        self.steps.append(step)
        for y in step.outputs:
            self._made[y] = step

    def maker(self, x: Value) -> Step | None:
        """The step that gives `x`; None for inputs and constants."""
        return self._made.get(x)

    def made_by(self, x: Value, *names: str) -> Step | None:
        """The step that gives `x`, if it is one of these ops."""
        step = self._made.get(x)
        return step if step is not None and step.op.name in names else None


def rewrite(program: Program, rules: Rules) -> Program:
    """`program`, with what the rules say in the place of its steps."""
    build, now = Builder(rules), Names()
    sharper: set[Value] = set()
    for step in program.steps:
        before = step.inputs
        step.inputs = tuple([now[x] for x in before])
        if any(b in sharper or a is not b and a.spec != b.spec for a, b in zip(before, step.inputs)):
            sharper |= _sharpened(step)
        build.place = step.place
        for old, new in zip(step.outputs, build.put(step)):
            if new is not old:
                now[old] = new
    program.steps = build.steps
    program.outputs = [now[y] for y in program.outputs]
    return program


class Names(dict):
    """What stands for a Value: itself, unless told otherwise."""

    def __missing__(self, x: Value) -> Value:
        return x


def _sharpened(step: Step) -> set[Value]:
    """The outputs of which more is known now that more is known of the inputs."""
    if not has_spec(step):
        return set()
    found = step.op.infer(*[x.spec for x in step.inputs], **step.attrs)
    sharper = set()
    for y, spec in zip(step.outputs, found if step.op.many else (found,)):
        shape = TensorShape(y.shape).merge_with(spec.shape)
        sharp = Spec(None if shape.rank is None else tuple(shape), y.dtype)
        if sharp != y.spec:
            y.spec = sharp
            sharper.add(y)
    return sharper


# Constants


def constant(value: Any, dtype: np.dtype) -> Value:
    """The Value of a number or an array."""
    array = np.asarray(value, dtype)
    return Value(Spec(array.shape, array.dtype), array if array.ndim or array.dtype == object else array[()])


def scalar_of(build: Builder, x: Value) -> Any:
    """The number that all elements of `x` are, None if there is no such number, or it is not known."""
    step = build.made_by(x, "broadcast_to")
    return number_of(x if step is None else step.inputs[0])


def number_of(x: Value) -> Any:
    """The number that `x` is, if it is a constant of one element."""
    value = x.constant
    return value.reshape(-1)[0] if value is not None and value.size == 1 and value.dtype != object else None
