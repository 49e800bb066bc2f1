"""Regions: the bodies of loops and the branches, planned as parts of the plan that runs them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbtape.compile.planning.layout import Layout
from nbtape.graph.program import Program, Value


class NotNative(Exception):
    """A region that the machine cannot run: a step in it runs in Python, or its sizes are not known."""


@contextmanager
def attempt(planner: Any) -> Iterator[None]:
    """What is planned in this block is forgotten if it raises."""
    made, root = planner.made, planner.root.made
    before = len(made.actions), len(planner.arena), len(planner.blocks), len(root.buffers)
    layouts, states, threads = dict(planner.layouts), dict(planner.root.states), planner.threads
    try:
        yield
    except NotNative:
        del made.actions[before[0] :], planner.arena[before[1] :], planner.blocks[before[2] :]
        del root.buffers[before[3] :]
        planner.layouts, planner.root.states, planner.threads = layouts, states, threads
        raise


def region(
    planner: Any,
    program: Program,
    given: Sequence[Layout],
    targets: Sequence[Layout | None],
    states: Sequence[Layout],
) -> list[Any]:
    """The actions of a loop's body or a branch, whose inputs lie in `given` and whose outputs go to
    `targets`, of which the first are `states`, in which its first inputs lie too.
    """
    inner = planner.inner(program)
    inner.layouts = dict(zip(program.inputs, given))
    goals = list(zip(program.outputs, targets))
    for y, target in goals[len(states) :]:
        if target is not None and y not in program.inputs and y.constant is None:
            inner.placed.setdefault(y, target)
    for y, target in goals[: len(states)]:
        if y not in inner.placed and y not in inner.goals:
            inner.goals[y] = target  # type: ignore[assignment]
    inner.returned = set()
    for y in program.outputs:  # which are read when it is done
        inner.readers.setdefault(y, []).append(len(inner.units))
    planner.use(1)  # once, and not in each trip
    inner.walk()
    inner.use(1)
    _deliver(inner, goals)
    inner.place()
    block = planner.scratch((inner.made.arena,), np.dtype(np.uint8))
    planner.blocks.append((block.buffer, inner.made.places))
    return inner.made.actions


def _deliver(planner: Any, goals: list[tuple[Value, Layout | None]]) -> None:
    """Bring the outputs of a region to where they belong, as if all at once."""
    late = [(y, t) for y, t in goals if t is not None and planner.layouts.get(y) != t]
    written = {id(t.buffer) for _, t in late}
    moved = []
    for y, target in late:
        if y.constant is None and id(planner.layout(y).buffer) in written:
            spare = Value(y.spec)
            planner.layouts[spare] = planner.copied(y)
            y = spare
        moved.append((y, target))
    for y, target in moved:
        planner.copy(y, target)
