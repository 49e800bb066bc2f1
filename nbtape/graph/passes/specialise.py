"""Known sizes: a program that was traced with open ones, for the shapes of one call.

The rows' own `infer` says what follows for each step. What a loop carries keeps a shape only as far as its
body gives it back.
"""

from collections.abc import Sequence

from nbtape.core.errors import OpError
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.verify import has_spec

Shapes = Sequence[tuple[int | None, ...] | None]


def specialise(program: Program, shapes: Shapes) -> Program:
    """`program`, with what is known once its first inputs have these shapes.

    >>> from nbtape.graph.program import program_of
    >>> graph = tf.function(lambda x: x * 2.0).get_concrete_function(tf.TensorSpec([None])).graph
    >>> print(specialise(program_of(graph), [(3,)]))
    program(%0: float32[3])
      %1: float32[3] = mul(%0, 2.0)
      return %1
    """
    given = [Spec(shape, x.dtype) for shape, x in zip(shapes, program.inputs)]
    found = _inferred(program, [*given, *[x.spec for x in program.inputs[len(given) :]]])
    for x, spec in found.items():
        x.spec = spec
    return program


def _inferred(program: Program, given: Sequence[Spec]) -> dict[Value, Spec]:
    """The specs of everything in `program` for those of its inputs."""
    known = {x: _both(x.spec, spec) for x, spec in zip(program.inputs, given, strict=True)}
    for step in program.steps:
        specs = [_of(x, known) for x in step.inputs]
        for y, spec in zip(step.outputs, _of_step(step, specs, known)):
            known[y] = _both(y.spec, spec)
    return known


def _of_step(step: Step, specs: list[Spec], known: dict[Value, Spec]) -> Sequence[Spec]:
    if step.op.name == "while_":
        return _of_loop(step, specs, known)
    if step.op.name == "cond":
        return _of_branches(step, specs, known)
    if not has_spec(step):
        return [y.spec for y in step.outputs]
    found = step.op.infer(*specs, **step.attrs)
    return found if step.op.many else (found,)


def _of_branches(step: Step, specs: list[Spec], known: dict[Value, Spec]) -> list[Spec]:
    both = []
    for branch in (step.attrs["true"], step.attrs["false"]):
        known.update(_inferred(branch, specs[1:]))
        both.append([_of(y, known) for y in branch.outputs])
    return [_either(a, b) for a, b in zip(*both)]


def _of_loop(step: Step, specs: list[Spec], known: dict[Value, Spec]) -> list[Spec]:
    body, test, carries, scanned = [step.attrs[k] for k in ("body", "cond", "carries", "scanned")]
    carry, streams, captured = specs[:carries], specs[carries : carries + scanned], specs[carries + scanned :]
    rows = [Spec(None if x.shape is None else x.shape[1:], x.dtype) for x in streams]
    while True:
        try:
            inside = _inferred(body, [*carry, *rows, *captured])
        except (OpError, ValueError):  # these shapes hold for the first step only
            carry = [x.spec for x in body.inputs[:carries]]
            continue
        results = [_of(y, inside) for y in body.outputs]
        wider = [_either(a, b) for a, b in zip(carry, results)]
        if wider == carry:
            break
        carry = wider
    known.update(inside)
    if test is not None:
        known.update(_inferred(test, [*carry, *captured]))
    trips = step.attrs.get("trips")
    if trips is None and test is None and streams[0].shape:
        trips = streams[0].shape[0]
    stacked = [Spec(None if y.shape is None else (trips, *y.shape), y.dtype) for y in results[carries:]]
    return [*carry, *stacked]


def _of(x: Value, known: dict[Value, Spec]) -> Spec:
    return known[x] if x in known else x.spec


def _both(a: Spec, b: Spec) -> Spec:
    """What is true where both are."""
    return _spec(TensorShape(a.shape).merge_with(b.shape), a)


def _either(a: Spec, b: Spec) -> Spec:
    """What is true of the one and of the other."""
    return _spec(TensorShape(a.shape).most_specific_compatible_shape(b.shape), a)


def _spec(shape: TensorShape, like: Spec) -> Spec:
    return Spec(None if shape.rank is None else tuple(shape), like.dtype)
