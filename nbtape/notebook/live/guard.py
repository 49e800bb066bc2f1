"""The guard: finds the first number that is not finite, and the operation that made it."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from nbtape.autodiff.trap import NonFiniteError, nan_trap
from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.notebook.live.budget import PERIOD, SHARE
from nbtape.notebook.live.snapshots import State, give_back, state_of
from nbtape.state.variable import Variable

_WATCHED = 300  # steps that are made under the microscope after going back
_FEW = 3  # variables that are named
_HOW = "write `live.run(step, ...)` for `step(...)`, and the operation can be named"


class Trouble(NamedTuple):
    """What is not finite after which step, the operation that made it, and the last finite state."""

    step: int
    what: str
    op: str
    restore: int | None

    def __str__(self) -> str:
        # Without `restore`, which is another one each time: it depends on the clock.
        return f"step {self.step:,}: {self.what}\n  {self.op}"


class Microscope(nan_trap):
    """Keeps what would be raised first, and lets the program go on."""

    found = ""

    def record(self, *told: Any) -> None:
        self._keep(super().record, told)

    def pulled(self, *told: Any) -> None:
        self._keep(super().pulled, told)

    def _keep(self, look: Callable, told: tuple) -> None:
        if not self.found:
            try:
                look(*told)
            except NonFiniteError as error:
                self.found = str(error)


class Guard:
    """Keeps the last finite state of a run, and what was called since, to do that again looked at."""

    def __init__(self, names: dict[str, Variable]):
        self._names, self._watched = names, {}
        self._lost: list[tuple[int, str]] = []  # steps, and what was not finite
        self._good: tuple[int, State] = 0, []
        self._next, self._until = 0.0, math.inf
        self._microscope: Microscope | None = None
        self.calls: list[tuple[int, Callable, tuple, dict]] = []
        self.is_armed = self._is_named = True

    @property
    def is_watching(self) -> bool:
        """Whether the steps are made under the microscope."""
        return self._microscope is not None

    def note(self, points: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Take in what was logged."""
        for name, (steps, values) in points.items():
            self._lost += [(step, name) for step in steps[~np.isfinite(values)].tolist()]

    def look(self, run: Any) -> Trouble | None:
        """What is not finite among what was logged and the variables, if anything is for the first time."""
        found = self._microscope.found if self._microscope is not None else ""
        lost, self._lost = self._lost, []
        if not self.is_armed or not (found or lost) and (monotonic() < self._next or self.renew(run)):
            return None
        step = min(lost)[0] if lost else run.step - 1
        what = [f"{name} is not finite" for at, name in lost if at == step]
        if bad := self._not_finite():
            more = f" and {len(bad) - _FEW} more" if len(bad) > _FEW else ""
            what.append(f"variables that are not: {', '.join(bad[:_FEW])}{more}")
        self._is_named = bool(found)
        op = found or self._made_again(step, step - 1 if lost else 0)
        self.is_armed = False
        self.watch(False)
        return Trouble(step, "; ".join(what) or "a value is not finite", op, self._keep(run))

    def _keep(self, run: Any) -> int | None:
        """Let a run go back to the last finite state, if that is of all its variables; gives its step."""
        step, state = self._good
        if not state or len(state) != len(run.to_keep()):
            return None
        run.snapshots.put(step, state, forever=True)
        return step

    def again(self, run: Any) -> None:
        """Be on guard again, after the run went back; under the microscope if the operation is not known."""
        self.is_armed = True
        if self.renew(run) and not self._is_named:
            self.watch(True, run.step)

    def renew(self, run: Any) -> bool:
        """Keep the state of now, if it is finite; whether it is. Calls of before are then forgotten."""
        began = monotonic()
        if not self._watched:
            self._watched = {name: v for name, v in self._names.items() if v.trainable and _finite(v)}
        if self._not_finite():
            return False
        self._good = run.step, state_of(run.to_keep())
        self.calls.clear()
        now = monotonic()
        self._next = now + max(PERIOD, (now - began) / SHARE) if run.is_whole else 0.0
        if run.step > self._until:
            self.watch(False)
        return True

    def watch(self, on: bool, step: int = 0) -> None:
        """Make the steps from `step` on under the microscope, or no longer."""
        if self._microscope is not None:
            self._microscope.__exit__()
        self._microscope = Microscope() if on else None
        if self._microscope is not None:
            self._microscope.__enter__()
        self._until = step + _WATCHED if on else math.inf

    def _not_finite(self) -> list[str]:
        return [name for name, v in self._watched.items() if not _finite(v)]

    def _made_again(self, last: int, watched: int) -> str:
        """Make steps again, from the last finite state to `last`, those from `watched` on looked at."""
        calls, self.calls = [call for call in self.calls if call[0] <= last], []
        if not calls:
            return _HOW
        now, microscope = state_of([v for v, _ in self._good[1]]), Microscope()
        give_back(self._good[1])
        try:
            for step, call, args, options in calls:
                with microscope if step >= watched else nullcontext():
                    call(*args, **options)
        except Exception as error:
            return microscope.found or f"made again, it raised {type(error).__name__}: {error}"
        finally:
            give_back(now)
            self._is_named = bool(microscope.found)
        return microscope.found or "made again from the last finite state, all was finite"


def _finite(v: Variable) -> bool:
    with context.paused():
        value = v.numpy()
    return value.dtype.kind not in FLOATS or bool(np.isfinite(value).all())
