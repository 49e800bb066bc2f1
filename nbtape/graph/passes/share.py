"""Common subexpressions: what was computed before, from the same Values, is not computed again.

A variable is read once between two assignments, and after one what it was given is its value.
"""

from typing import Any

import numpy as np

from nbtape.graph.passes.rewrite import Names
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts, unrepeatable

_HARMLESS = {"print_", "assert_true", "assert_relation"}  # effects that leave variables as they are
_COMMUTES = {"add", "mul", "equal", "not_equal", "logical_and", "logical_or"}
_LARGE = 4096  # elements of a constant beyond which it is compared by identity


def share(program: Program) -> Program:
    """`program` in which equal steps are one."""
    now, seen = Names(), {}
    constants: dict[Any, Value] = {}
    held: dict[Any, Value] = {}  # the value of each variable at this point
    kept: list[Step] = []
    for step in program.steps:
        inputs = [now[x] for x in step.inputs]
        step.inputs = tuple(
            [x if x.constant is None else constants.setdefault(_identity(x), x) for x in inputs]
        )
        name = step.op.name
        if name == "read_variable":
            found = held.setdefault(step.attrs["variable"], step.outputs[0])
            if found is not step.outputs[0]:
                now[step.outputs[0]] = found
                continue
        elif name == "assign_variable":
            held[step.attrs["variable"]] = step.inputs[0]
            now[step.outputs[0]] = step.inputs[0]
        elif acts(step):  # type: ignore[arg-type]
            if name not in _HARMLESS:
                held.clear()
        elif not step.programs and not unrepeatable(step):  # type: ignore[arg-type]
            first = seen.setdefault(key_of(step), step)
            if first is not step:
                now.update(zip(step.outputs, first.outputs))
                continue
        kept.append(step)
    program.steps = kept
    program.outputs = [now[y] for y in program.outputs]
    return program


def key_of(step: Step) -> tuple:
    """What two steps have in common that give the same."""
    inputs = tuple([_identity(x) for x in step.inputs])
    attrs = tuple(sorted(step.attrs.items(), key=lambda item: item[0]))
    return step.op.name, frozenset(inputs) if step.op.name in _COMMUTES else inputs, attrs


def _identity(x: Value) -> Any:
    """What makes `x` the same as another Value: constants are so by their contents."""
    value = x.constant
    if value is None or value.size > _LARGE:
        return x
    array = np.asarray(value)
    contents = tuple(array.ravel()) if array.dtype == object else array.tobytes()
    return array.dtype, array.shape, contents
