"""What every program keeps to; checked after each pass in tests, so that a wrong rewrite is found where it
was made."""

from typing import Any

import numpy as np

from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.program import Program, Step, Value

_DEAF = {"py_function"}  # rows whose specs do not follow from their inputs


class InvalidProgram(AssertionError):
    """A program that no compiler can take: a pass is wrong."""


def check(program: Program) -> None:
    """Raise InvalidProgram unless each Value is given once and before it is used, specs are those that
    `infer` says, and what regions take and give fits the steps that carry them."""
    known: set[Value] = set()
    for x in program.inputs:
        _define(x, known, "an input")
    for step in program.steps:
        for x in step.inputs:
            _use(x, known, step)
        _check_step(step)
        for y in step.outputs:
            _define(y, known, step)
        for inner in step.programs:
            check(inner)
    for y in program.outputs:
        _use(y, known, "the end")


def _define(x: Value, known: set[Value], where: Any) -> None:
    _must(x not in known, "{} is given twice, again by {}", x, where)
    _must(x.constant is None, "{}, a constant, is given by {}", x, where)
    known.add(x)


def _use(x: Value, known: set[Value], where: Any) -> None:
    if x.constant is None:
        _must(x in known, "{} is used by {} before it is given", x, where)
    else:
        _must(np.shape(x.constant) == x.shape, "{} is of shape {}", x, np.shape(x.constant))
        _must(x.constant.dtype == x.dtype, "{} is of dtype {}", x, x.constant.dtype)


def _check_step(step: Step) -> None:
    check_region = _REGIONS.get(step.op.name)
    if check_region is not None:
        check_region(step, **step.attrs)
    elif has_spec(step):
        specs = [x.spec for x in step.inputs]
        found = step.op.infer(*specs, **step.attrs)
        found = found if step.op.many else (found,)
        count = len(step.outputs)
        _must(count == len(found), "{} gives {} values, not {}", step, count, len(found))
        for y, spec in zip(step.outputs, found):
            _fits(y.spec, spec, step)


def has_spec(step: Step) -> bool:
    """Whether the specs of the outputs are what the row's `infer` says of the inputs."""
    return step.op.name not in _DEAF and not step.programs


def _check_cond(step: Step, *, true: Program, false: Program) -> None:
    for branch in (true, false):
        _like(branch.inputs, step.inputs[1:], step)
        _like(branch.outputs, step.outputs, step)


def _check_while(
    step: Step,
    *,
    cond: Any,
    body: Program,
    carries: int,
    scanned: int,
    reverse: bool,
    regular: int,
    trips: Any = None,
) -> None:
    given = list(step.inputs)
    for i in range(carries, carries + scanned):
        shape = given[i].shape
        _must(shape is None or len(shape) > 0, "{} has no rows of {} to take", step, given[i])
        given[i] = Value(Spec(None if shape is None else shape[1:], given[i].dtype))
    _like(body.inputs, given, step)
    _like(body.outputs[:carries], body.inputs[:carries], step)
    _must(len(body.outputs) == len(step.outputs), "{} lacks outputs of its body", step)
    _must(cond is not None or scanned > 0 or trips is not None, "{} does not say when it ends", step)
    if cond is not None:
        _like(cond.inputs, [*body.inputs[:carries], *body.inputs[carries + scanned :]], step)
        one = len(cond.outputs) == 1 and cond.outputs[0].dtype == np.bool_
        _must(one, "the test of {} is no bool", step)
    for y, inner in zip(step.outputs[carries:], body.outputs[carries:]):
        _must(y.dtype == inner.dtype, "{} gives {} for {}", step, y, inner)


def _like(xs: Any, ys: Any, step: Step) -> None:
    _must(len(xs) == len(ys), "{}: {} values stand for {}", step, len(xs), len(ys))
    for x, y in zip(xs, ys):
        _fits(x.spec, y.spec, step)


def _fits(a: Spec, b: Spec, step: Step) -> None:
    same = a.dtype == b.dtype and TensorShape(a.shape).is_compatible_with(b.shape)
    _must(same, "{}: {} stands for {}", step, a, b)


def _must(holds: bool, what: str, *told: Any) -> None:
    if not holds:  # only then is it written out: a program is large, and checked after each pass
        raise InvalidProgram(what.format(*told))


_REGIONS = {"cond": _check_cond, "while_": _check_while}
