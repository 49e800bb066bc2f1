"""A call of a function, as tapes record it: one operation, whose gradients come all at once."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from nbtape.core import context
from nbtape.core.engine import EagerTensor, Node, Op
from nbtape.core.kernel import Extern
from nbtape.core.slices import IndexedSlices

_local = context.local


class Call:
    """One call that was recorded: its values, and the gradients that were computed last."""

    __slots__ = ("_derivatives", "_values", "_last")

    def __init__(self, derivatives: Any, values: list):
        self._derivatives, self._values = derivatives, values
        self._last: tuple[Any, Any] = (None, None)

    def gradient(self, i: int, g: Any, compute: Callable) -> Any:
        """Entry i of `compute(derivatives, values, gs)`, computed once: a rule is asked for each input."""
        if self._last[0] is not g:
            gs = g if type(g) is tuple else (g,)
            bare = not _local.pulling
            found = compute(self._derivatives, self._values, [EagerTensor(g) for g in gs] if bare else gs)
            self._last = g, [_bare(g) for g in found] if bare else found
        return self._last[1][i]

    def nodes(self, op: Op) -> Iterator[Node]:
        """What ran inside where `op` stands on a tape, for who wants to know where a gradient ends."""
        return self._derivatives.nodes(self._values) if op is self._derivatives.op else iter(())


def row(name: str, outputs: int, connected: list[bool], compute: Callable) -> Op:
    """The op that calls are recorded as; `connected` says which inputs get gradients."""
    rules = [functools.partial(_rule, i, compute) if c else None for i, c in enumerate(connected)]
    return Op(name, _as_recorded, _as_recorded, tuple(rules), Extern(), many=outputs != 1)


def _rule(i: int, compute: Callable, g: Any, y: Any, *xs: Any, call: Call) -> Any:
    return call.gradient(i, g, compute)


def _as_recorded(*xs: Any, call: Call) -> Any:
    raise AssertionError("a call of a function is recorded after it has run")


def _bare(g: Any) -> Any:
    """A gradient on arrays, as rules give it where nobody watches."""
    if isinstance(g, IndexedSlices):
        return IndexedSlices(g.values._value, g.indices._value, g._dense_shape)
    return None if g is None else g._value
