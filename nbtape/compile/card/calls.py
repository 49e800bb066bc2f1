"""Steps of a plan that no kernel of it does: the host does them, or plans them when their sizes come out."""

import warnings
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.card.actions import HostCall, Late
from nbtape.compile.planning.layout import Layout
from nbtape.core import context, source
from nbtape.core.engine import EagerTensor, apply
from nbtape.core.kernel import late
from nbtape.core.memory import HostWarning, on_host
from nbtape.graph.run import acts
from nbtape.ops.shape import ranked

_FEW = 2  # numbers, as a seed has
_run = late("nbtape.compile.card.eager:run")
_told: set[str] = set()  # the ops of which the user was told that the host does them


class _Called:
    """A step that the host does as its row does it: on copies of what is on the card."""

    def __init__(self, host: Any, action: HostCall):
        self.host, self.step, self.inputs = host, action.step, action.inputs
        self.slots = [host.slots[b] for b in action.outputs]
        self.away = [b in host.needed for b in action.outputs]  # whether the card needs what comes out
        if action.told:
            _tell(action.step)

    def __call__(self, arrays: list) -> None:
        values = [on_host(given(self.host, x, arrays)) for x in self.inputs]
        with context.at_home():
            found = self._done(values)
        for slot, away, value in zip(self.slots, self.away, found if self.step.op.many else (found,)):
            arrays[slot] = self.host.moved(value) if away else ranked(np.asarray(value, order="C"))

    def _done(self, values: list) -> Any:
        try:
            return self.step.op.eager(*values, **self.step.attrs)
        except Exception:
            return self._explained(values)

    def _explained(self, values: list) -> Any:
        """The step once more, as a user's op at the line where he wrote it, which says what is wrong."""
        outer, source.told.place = source.told.place, self.step.place or source.told.place
        try:
            found = apply(self.step.op, *map(EagerTensor, values), **self.step.attrs)
        finally:
            source.told.place = outer
        return tuple([y._value for y in found]) if self.step.op.many else found._value


class _Late:
    """A step that is planned for the values that it gets, as an op that runs at once is."""

    def __init__(self, host: Any, action: Late):
        self.host, self.step, self.inputs = host, action.step, action.inputs
        self.slots = [host.slots[b] for b in action.outputs]

    def __call__(self, arrays: list) -> None:
        xs = tuple([EagerTensor(given(self.host, x, arrays)) for x in self.inputs])
        outer, source.told.place = source.told.place, self.step.place or source.told.place
        try:
            found = _run(self.step.op, xs, self.step.attrs, self.host.card.number)
        finally:
            source.told.place = outer
        for slot, value in zip(self.slots, found if self.step.op.many else (found,)):
            arrays[slot] = value


def given(host: Any, x: Any, arrays: list) -> Any:
    """What an action of the host takes: what lies in a layout, where it is, or a constant."""
    if not isinstance(x, Layout):
        return x
    held = arrays[host.slots[x.buffer]] if x.buffer in host.slots else None
    if isinstance(held, np.ndarray | np.generic):  # what the host made for itself
        return ranked(np.reshape(held, x.shape)) if x.known else held
    return host.array(x, arrays)


def _tell(step: Any) -> None:
    """Say once that the host does an op, on copies; where it takes no more than a seed, that is no matter."""
    name, few = step.op.name, all(x.static and prod(x.shape) <= _FEW for x in step.inputs)
    if name not in _told and not few and not acts(step):
        _told.add(name)
        where = f" ({source.describe(step.place)})" if step.place else ""
        text = f"{name}{where} has no kernel for cards: the computer's own processor does it, on copies."
        warnings.warn(text, HostWarning, stacklevel=source.depth())


PHASES: dict[type, Callable[[Any, Any], Callable[[list], None]]] = {HostCall: _Called, Late: _Late}
