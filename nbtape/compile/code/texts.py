"""The texts of the kernels of a plan, and of what steers them."""

from collections.abc import Iterable, Iterator
from typing import Any

from nbtape.compile.planning import control
from nbtape.compile.planning.divide import folding_texts
from nbtape.compile.planning.plan import Launch
from nbtape.compile.running import steps
from nbtape.compile.running.bind import PATCH
from nbtape.core.crew import THREADS


def needed(actions: Iterable[Any]) -> list[str]:
    """All texts that a plan needs, each once. The longest come first: who takes the last one then keeps
    nobody waiting for long.
    """
    return sorted({steps.RUN, PATCH, *texts_of(actions)}, key=lambda text: (-len(text), text))


def ahead(actions: Iterable[Any]) -> list[str]:
    """The texts that a plan would need beside its own where its kernels had more to do, and threads shared
    them.
    """
    launches = [action for action in actions if type(action) is Launch and action.kernel.extent > 1]
    if THREADS < 2 or not launches:
        return []
    folds = {text for launch in launches for text in folding_texts(launch.kernel)}
    return [steps.LEAD, steps.FOLLOW, *sorted(folds)]


def kernels_of(actions: Iterable[Any]) -> Iterator[str]:
    """The texts of all kernels, without those that steer them."""
    steering = (steps.LOOP, steps.BRANCH, steps.LEAD, steps.FOLLOW)
    return (text for text in texts_of(actions) if text not in steering)


def texts_of(actions: Iterable[Any]) -> Iterator[str]:
    """The texts of a plan, of its regions and of the plans that it runs in Python."""
    for action in actions:
        match action:
            case Launch():
                yield action.kernel.text
                if len(action.parts) > 1:
                    yield from (steps.LEAD, steps.FOLLOW)
            case control.Growing():
                yield from texts_of([action.action])
            case control.Loop():
                yield steps.LOOP
                yield from texts_of([*action.body, *(action.test or ())])
            case control.Branch():
                yield steps.BRANCH
                yield from texts_of([a for program in action.programs for a in program])
            case control.Repeat():
                yield from texts_of([*action.body.actions, *(action.test.actions if action.test else ())])
            case control.Choose():
                yield from texts_of([a for plan in action.plans for a in plan.actions])
