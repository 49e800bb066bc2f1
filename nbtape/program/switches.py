"""Guards of what is switched while training runs: `trainable` of variables, and whether somebody looks on.

A trace is wrong for another setting, so none of these is given up, however often it changes.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nbtape.core.switched import switched
from nbtape.graph.trace import FunctionGraph
from nbtape.program.guards import Guard


class Switch(Guard):
    """A guard of a setting that is replaced when it changes: told by identity, and else by `same`."""

    vital = True

    def __init__(self, name: str, key: tuple, read: Callable[[], Any], same: Callable[[Any, Any], bool]):
        super().__init__(name, key, read, read())
        self.record = _Setting(read(), same)  # type: ignore[assignment]


class _Setting:
    def __init__(self, value: Any, same: Callable[[Any, Any], bool]):
        self.value, self._same = value, same

    def holds(self, now: Any) -> bool:
        return self._same(now, self.value)


class _Serials:
    """The variables that a trace read: whether the same ones of them are switched."""

    def __init__(self, serials: frozenset[int]):
        self._serials = serials

    def __call__(self, now: frozenset[int], then: frozenset[int]) -> bool:
        return now & self._serials == then & self._serials


def switches(graph: FunctionGraph) -> list[Guard]:
    """The guard of `trainable` for the variables that a graph reads, if it reads any."""
    serials = frozenset(_read_in(graph))
    if not serials:
        return []
    read = partial(getattr, switched, "serials")
    return [Switch("of variables", ("trainable", serials), read, _Serials(serials))]


def _read_in(graph: FunctionGraph) -> Iterator[int]:
    for node in graph.nodes:
        for name, value in node.attrs.items():
            if name == "variable":
                yield value.deref()._serial
            elif isinstance(value, FunctionGraph):
                yield from _read_in(value)
