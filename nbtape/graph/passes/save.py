"""What a loop backwards would compute again, the loop forwards stacks for it.

The gradient of a loop knows what was carried into each step, and computes the step once more. Here the two
bodies are laid side by side: what is the same in both is stacked by the first, and streamed by the second,
unless it costs no more to compute than to read.
"""

from nbtape.core.kernel import Scalar, View
from nbtape.graph.passes.loop import Loop, loops
from nbtape.graph.passes.share import key_of
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts, unrepeatable

_DEAR = {"exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sigmoid", "softplus", "pow", "gelu",
         "sqrt", "silu", "elu", "selu", "log_sigmoid", "sinh", "cosh", "asin", "acos", "atan", "atan2",
         "div"}  # fmt: skip


def save(program: Program) -> Program:
    """`program` in which a loop backwards computes nothing dear that the loop forwards computed."""
    found = loops(program)
    for i, later in enumerate(found):
        for former in found[:i]:
            if (
                former.trips is not None
                and former.trips == later.trips
                and former.reverse is not later.reverse
            ):
                _save(former, later)
    for loop in found:
        loop.write()
    return program


def _save(former: Loop, later: Loop) -> None:
    same = _same(former, later)
    made = later.maker()
    again = {y for y in same if y in made}  # what the later loop computes again
    used = _used_elsewhere(later, again)
    free = {y for y in same if y not in made}
    for y in [y for y in same if y in used]:  # in the order of the steps
        step = made[y]
        if _is_cheap(step) and all(x.constant is not None or x in free for x in step.inputs):
            free.add(y)
            continue
        row = later.stream(former.stack(same[y]))
        later.substitute({y: row})
        free.add(row)


def _is_cheap(step: Step) -> bool:
    kernel = step.op.kernel
    return isinstance(kernel, View) or isinstance(kernel, Scalar) and step.op.name not in _DEAR


def _same(former: Loop, later: Loop) -> dict[Value, Value]:
    """What the body of `former` calls the Values of `later` that are the same at the same step."""
    known: dict[Value, Value] = {}  # by what stands outside
    for row in former.rows:
        known[row.stacked] = row.each
    for stream in former.streams:
        known[stream.whole] = stream.row
    same = {s.row: known[s.whole] for s in later.streams if s.whole in known}
    if not any(row.stacked in {s.whole for s in later.streams} for row in former.rows):
        return {}
    outside = {c.outside: c.inside for c in former.captures}
    same |= {c.inside: outside[c.outside] for c in later.captures if c.outside in outside}
    steps = {key_of(step): step for step in former.body.steps if _is_pure(step)}
    for step in later.body.steps:
        if _is_pure(step) and all(x.constant is not None or x in same for x in step.inputs):
            inputs = tuple([same[x] if x in same else x for x in step.inputs])
            twin = steps.get(key_of(Step(step.op, inputs, step.attrs, step.outputs)))
            if twin is not None:
                same.update(zip(step.outputs, twin.outputs))
    return same


def _is_pure(step: Step) -> bool:
    return not step.programs and not acts(step) and not unrepeatable(step)  # type: ignore[arg-type]


def _used_elsewhere(loop: Loop, again: set[Value]) -> set[Value]:
    """Which of the Values `again` something else needs."""
    used = {carry.after for carry in loop.carries} | {row.each for row in loop.rows}
    for step in loop.body.steps:
        if again.isdisjoint(step.outputs):
            used.update(step.inputs)
    return used & again
