"""Dead code: steps, and what regions take, carry and give, that no output and no effect needs."""

from collections.abc import Sequence

from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts


def prune(program: Program) -> Program:
    """`program` without what is not needed; inner programs give only what is used."""
    used = set(program.outputs)
    kept: list[Step] = []
    for step in reversed(program.steps):
        acting = acts(step)  # type: ignore[arg-type]
        if not acting and used.isdisjoint(step.outputs):
            continue
        narrow = _NARROWS.get(step.op.name)
        if narrow is not None:
            narrow(step, used)
        used.update(step.inputs)
        kept.append(step)
    program.steps = kept[::-1]
    return program


def _cond(step: Step, used: set[Value]) -> None:
    branches = [step.attrs["true"], step.attrs["false"]]
    keep = [i for i, y in enumerate(step.outputs) if y in used]
    for branch in branches:
        branch.outputs = _at(branch.outputs, keep)
        prune(branch)
    step.outputs = tuple(_at(step.outputs, keep))
    need = [i for i in range(len(step.inputs) - 1) if any(_uses(b, b.inputs[i]) for b in branches)]
    for branch in branches:
        branch.inputs = _at(branch.inputs, need)
    step.inputs = (step.inputs[0], *_at(step.inputs[1:], need))


def _while(step: Step, used: set[Value]) -> None:
    attrs = step.attrs
    cond, body, carries, scanned = attrs["cond"], attrs["body"], attrs["carries"], attrs["scanned"]
    rows = [i for i in range(carries, len(body.outputs)) if step.outputs[i] in used]
    carried = _live_carries(step, used, rows)
    body.outputs = _at(body.outputs, [*carried, *rows])
    prune(body)
    streams = [i for i in range(carries, carries + scanned) if _uses(body, body.inputs[i])]
    if cond is None and attrs.get("trips") is None and not streams:
        streams = [carries]  # its rows say how often the loop runs
    captured = [
        i
        for i in range(carries + scanned, len(step.inputs))
        if _uses(body, body.inputs[i]) or cond is not None and _uses(cond, cond.inputs[i - scanned])
    ]
    if cond is not None:
        cond.inputs = _at(cond.inputs, [*carried, *[i - scanned for i in captured]])
    taken = [*carried, *streams, *captured]
    body.inputs, step.inputs = _at(body.inputs, taken), tuple(_at(step.inputs, taken))
    step.outputs = tuple(_at(step.outputs, [*carried, *rows]))
    attrs["regular"] = len([i for i in rows if i < carries + attrs["regular"]])
    attrs["carries"], attrs["scanned"] = len(carried), len(streams)


def _live_carries(step: Step, used: set[Value], rows: list[int]) -> list[int]:
    """The carries that something other than themselves needs: the test, an output, an effect, or such a
    carry."""
    cond, body, carries = step.attrs["cond"], step.attrs["body"], step.attrs["carries"]
    live = {i for i in range(carries) if step.outputs[i] in used}
    if cond is not None:
        prune(cond)
        live |= {i for i in range(carries) if _uses(cond, cond.inputs[i])}
    while True:
        needed = _needed(body, [body.outputs[i] for i in (*live, *rows)])
        more = {i for i in range(carries) if body.inputs[i] in needed} - live
        if not more:
            return sorted(live)
        live |= more


def _needed(program: Program, outputs: Sequence[Value]) -> set[Value]:
    """Every Value that `outputs` or the effects of `program` come from."""
    needed = set(outputs)
    for step in reversed(program.steps):
        if acts(step) or not needed.isdisjoint(step.outputs):  # type: ignore[arg-type]
            needed.update(step.inputs)
    return needed


def _uses(program: Program, x: Value) -> bool:
    return x in program.outputs or any(x in step.inputs for step in program.steps)


def _at(xs: Sequence[Value], indices: Sequence[int]) -> list[Value]:
    return [xs[i] for i in indices]


_NARROWS = {"cond": _cond, "while_": _while}
