"""What need not be in a loop: steps that are the same each time, products of its rows with one matrix, and
sums over all its steps.

One product of all rows is many times faster than a product for each; a sum over steps of products of two
matrices is one product of what they are, stacked.
"""

from collections.abc import Callable

from nbtape.core.engine import o
from nbtape.core.kernel import Reduce, Scalar, View
from nbtape.graph.passes.lift import Lifter, flattened
from nbtape.graph.passes.loop import Carry, Loop, loops, replaced
from nbtape.graph.passes.rewrite import Names
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts, unrepeatable


def _around(program: Program, edit: Callable[[Loop, dict], tuple[list[Step], list[Step]]]) -> Program:
    """`program` with the steps that `edit` gives, to stand before a loop and after it."""
    now: dict[Value, Value] = {}
    for loop in loops(program):
        at = program.steps.index(loop.step)
        before, after = edit(loop, now)
        loop.write()
        program.steps[at : at + 1] = [*before, loop.step, *after]
    replaced(program, now)
    return program


# The same each time


def hoist(program: Program) -> Program:
    """`program` with what is the same at each step of a loop computed before it."""
    return _around(program, _invariant)


def _invariant(loop: Loop, now: dict[Value, Value]) -> tuple[list[Step], list[Step]]:
    outside = Names({capture.inside: capture.outside for capture in loop.captures})
    moved: list[Step] = []
    for step in loop.body.steps:
        if (
            step.inputs
            and all(x.constant is not None or x in outside for x in step.inputs)
            and _moves(loop, step)
        ):
            ys = tuple([Value(y.spec) for y in step.outputs])
            xs = tuple([outside[x] for x in step.inputs])
            moved.append(Step(step.op, xs, step.attrs, ys, step.place))
            outside.update(zip(step.outputs, ys))
    made = {y for step in moved for y in step.outputs}
    inside = {y: loop.capture(new) for y, new in outside.items() if new in made and _needed(loop, y)}
    loop.substitute(inside)
    return moved, []


def _needed(loop: Loop, x: Value) -> bool:
    return loop.uses(x) > 0


def _moves(loop: Loop, step: Step) -> bool:
    """Whether a step may run if the loop does not, and once instead of often."""
    if step.programs or acts(step) or unrepeatable(step):  # type: ignore[arg-type]
        return False
    quiet = isinstance(step.op.kernel, Scalar | View | Reduce) or step.op is o.matmul
    return quiet or bool(loop.trips)


# Products of rows


def multiply_before(program: Program) -> Program:
    """`program` with products of streamed matrices and a fixed one computed before the loop, at once."""
    return _around(program, _products)


def _products(loop: Loop, now: dict[Value, Value]) -> tuple[list[Step], list[Step]]:
    if not loop.trips:
        return [], []
    steps: list[Step] = []
    for step in [step for step in loop.body.steps if step.op is o.matmul]:
        lifter = Lifter(loop, before=True)
        whole = lifter.of(step.outputs[0])
        if whole is not None:
            steps += lifter.steps
            loop.substitute({step.outputs[0]: loop.stream(whole)})
            loop.body.steps.remove(step)
    return steps, []


def multiply_after(program: Program) -> Program:
    """`program` with products by a fixed matrix that loops only stack computed after the loop, at once."""
    return _around(program, _stacked_products)


def _stacked_products(loop: Loop, now: dict[Value, Value]) -> tuple[list[Step], list[Step]]:
    if not loop.trips:
        return [], []
    lifter, made = Lifter(loop), loop.maker()
    for row in list(loop.rows):
        step = made.get(row.each)
        if step is None or step.op is not o.matmul or loop.uses(row.each) != 1:
            continue
        whole = lifter.product(step, stacking=True)
        if whole is not None:
            now[row.stacked] = whole
            loop.rows.remove(row)
            loop.body.steps.remove(step)
    return [], lifter.steps


# Sums over all steps


def sum_after(program: Program) -> Program:
    """`program` with what loops only add up computed after them, at once, from what they stack."""
    return _around(program, _sums)


def _sums(loop: Loop, now: dict[Value, Value]) -> tuple[list[Step], list[Step]]:
    if not loop.trips:
        return [], []
    lifter = Lifter(loop)
    for total in (_sum_of_products, _sum_of_rows):
        for carry in list(loop.carries):
            added = _added(loop, carry)
            found = None if added is None else total(lifter, added)
            if found is not None:
                loop.drop(carry)
                nothing = loop.is_zero(carry.start)
                now[carry.end] = found if nothing else lifter(o.add, carry.start, found)
    return [], lifter.steps


def _added(loop: Loop, carry: Carry) -> Value | None:
    """What is added to a carry at each step, if nothing else is done with it."""
    add = loop.maker().get(carry.after)
    if add is None or add.op is not o.add or add.inputs.count(carry.now) != 1 or not carry.now.static:
        return None
    if loop.uses(carry.now) != 1 or loop.uses(carry.after) != 1 or carry.now.dtype.kind not in "fc":
        return None
    added = add.inputs[1] if add.inputs[0] is carry.now else add.inputs[0]
    return added if added.spec == carry.now.spec else None


def _sum_of_products(lifter: Lifter, added: Value) -> Value | None:
    """The sum of a.T @ b is A.T @ B, for all the rows of a and of b."""
    step = lifter.loop.maker().get(added)
    if step is None or step.op is not o.matmul or step.attrs != {"transpose_a": True}:
        return None
    a, b = step.inputs
    if not (a.static and b.static) or len(lifter.shape(a)) != 2 or len(lifter.shape(b)) != 2:
        return None
    (m, k), n = lifter.shape(a), lifter.shape(b)[1]
    cheap = m * (k + n) <= 2 * k * n  # to stack both costs no more than to add up the products
    a_all, b_all = lifter.of(a, stacking=cheap), lifter.of(b, stacking=cheap)
    if a_all is None or b_all is None:
        return None
    return lifter(o.matmul, flattened(lifter, a_all), flattened(lifter, b_all), transpose_a=True)


def _sum_of_rows(lifter: Lifter, added: Value) -> Value | None:
    """What follows from stacked rows is added up along their first axis."""
    rows = lifter.of(added)
    return None if rows is None else lifter(o.sum, rows, axis=(0,), keepdims=False)
