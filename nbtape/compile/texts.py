"""The texts of the kernels of a plan."""

from collections.abc import Iterable, Iterator
from typing import Any

from nbtape.compile import control
from nbtape.compile.plan import Launch


def texts_of(actions: Iterable[Any]) -> Iterator[str]:
    """The texts of all kernels of a plan, of its regions and of the plans that it runs in Python."""
    for action in actions:
        match action:
            case Launch():
                yield action.kernel.text
            case control.Growing():
                yield from texts_of([action.action])
            case control.Loop():
                yield from texts_of([*action.body, *(action.test or ())])
            case control.Branch():
                yield from texts_of([a for program in action.programs for a in program])
            case control.Repeat():
                yield from texts_of([*action.body.actions, *(action.test.actions if action.test else ())])
            case control.Choose():
                yield from texts_of([a for plan in action.plans for a in plan.actions])
