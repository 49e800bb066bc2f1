"""What is known of the elements of a Value: bounds, and where its NaNs come from.

A NaN spreads through arithmetic, element by element. So `causes` are Values of which one is NaN wherever this
one is, and `taints` Values that make this one NaN wherever they are. Where the causes of f are taints of g, g
is a number only where f is one. Bounds hold for what is not NaN.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nbtape.graph.passes.rewrite import Builder, scalar_of
from nbtape.graph.program import Step, Value

_INF = math.inf
_LARGEST = 1e38  # what exceeds it in a bound may be inf in float32


class Facts(NamedTuple):
    low: float
    high: float
    causes: frozenset[Value]
    taints: frozenset[Value]

    @property
    def finite(self) -> bool:
        return -_LARGEST < self.low and self.high < _LARGEST

    @property
    def nonzero(self) -> bool:
        return self.low > 0 or self.high < 0


Bounds = tuple[float, float] | None


class Ranges:
    """The facts of the Values that a builder has made."""

    def __init__(self, build: Builder):
        self._build = build
        self._known: dict[Value, Facts] = {}

    def of(self, x: Value) -> Facts:
        found = self._known.get(x)
        if found is None:
            found = self._known[x] = self._found(x)
        return found

    def _found(self, x: Value) -> Facts:
        number = scalar_of(self._build, x)
        if number is not None and x.dtype.kind in "fiu" and number == number:
            return Facts(float(number), float(number), frozenset(), frozenset())
        step = self._build.maker(x)
        if x.dtype.kind == "b":
            return Facts(0.0, 1.0, frozenset(), frozenset())
        if step is None or x.dtype.kind != "f" or x.dtype.itemsize < 4:
            return _unknown(x)
        rule = _RULES.get(step.op.name)
        return _unknown(x) if rule is None else rule(x, step, [self.of(y) for y in step.inputs])


def _unknown(x: Value) -> Facts:
    own = frozenset([x])
    return Facts(-_INF, _INF, own, own)


def _facts(x: Value, bounds: Bounds, causes: Sequence[Facts], taints: Sequence[Facts]) -> Facts:
    """Facts of `x`; without bounds it may be NaN where nothing else is."""
    own = frozenset([x])
    low, high = bounds or (-_INF, _INF)
    why = own if bounds is None else own.union(*[f.causes for f in causes]) - own
    return Facts(low, high, why, own.union(*[f.taints for f in taints]))


def _spreading(bounds: Callable[..., Bounds]) -> Callable:
    """A rule for ops of which a NaN makes a NaN."""

    def rule(x: Value, step: Step, facts: list[Facts]) -> Facts:
        same = len(step.inputs) == 2 and step.inputs[0] is step.inputs[1]
        found = bounds(*facts) if not same or step.op.name != "mul" else _squared(facts[0])
        return _facts(x, found, facts, facts)

    return rule


def _squared(a: Facts) -> Bounds:
    top = max(abs(a.low), abs(a.high))
    return 0.0, top * top if top < _INF else _INF


def _added(a: Facts, b: Facts) -> Bounds:
    opposed = a.high == _INF and b.low == -_INF or a.low == -_INF and b.high == _INF
    return None if opposed else _open(a.low + b.low, a.high + b.high)


def _subtracted(a: Facts, b: Facts) -> Bounds:
    return _added(a, b._replace(low=-b.high, high=-b.low))


def _multiplied(a: Facts, b: Facts) -> Bounds:
    if not (a.finite or b.nonzero) or not (b.finite or a.nonzero):
        return None
    ends = [p * q for p in (a.low, a.high) for q in (b.low, b.high) if p and q] or [0.0]
    least, most = min(ends), max(ends)
    return _open(min(least, 0.0), max(most, 0.0))  # what is small may underflow


def _divided(a: Facts, b: Facts) -> Bounds:
    """By what stays away from zero."""
    if not b.nonzero or not (b.finite or a.finite):
        return None
    ends = [p / q for p in (a.low, a.high) for q in (b.low, b.high) if abs(p) < _INF or abs(q) < _INF]
    return _open(min([0.0, *ends]), max([0.0, *ends]))


def _open(low: float, high: float) -> Bounds:
    """Bounds beyond which float32 overflows are none."""
    return (low if low > -_LARGEST else -_INF), (high if high < _LARGEST else _INF)


def _between(low: float, high: float) -> Callable:
    return _spreading(lambda a: (low, high))


def _rooted(a: Facts) -> Bounds:
    return (0.0, math.sqrt(a.high)) if a.low >= 0 else None


def _wave(a: Facts) -> Bounds:
    return (-1.0, 1.0) if a.finite else None


def _chosen(x: Value, step: Step, facts: list[Facts]) -> Facts:
    """`where`: one of two."""
    _, a, b = facts
    return _facts(x, (min(a.low, b.low), max(a.high, b.high)), [a, b], [])


def _gated(x: Value, step: Step, facts: list[Facts]) -> Facts:
    """The first input, or 0."""
    return _facts(x, (min(facts[0].low, 0.0), max(facts[0].high, 0.0)), [facts[0]], [])


def _product_or_zero(x: Value, step: Step, facts: list[Facts]) -> Facts:
    """`mul_no_nan(f, g)`: f has no say where g is 0."""
    f, g = facts
    return _facts(x, _multiplied(f, g), facts, [g])


def _absorbed(x: Value, step: Step, facts: list[Facts]) -> Facts:
    """What was 0 times something, or the other: NaN where both are."""
    g, gx = facts
    found = _facts(x, (min(gx.low, 0.0), max(gx.high, 0.0)), [gx], [])
    return found._replace(taints=found.taints | (g.taints & gx.taints))


def _moved(x: Value, step: Step, facts: list[Facts]) -> Facts:
    """Some of the elements, in other places."""
    (a,) = facts[:1]
    own = frozenset([x])
    return Facts(a.low, a.high, own if a.causes else frozenset(), own)


def _cast(x: Value, step: Step, facts: list[Facts]) -> Facts:
    (v,), (a,) = step.inputs, facts
    if v.dtype.kind == "f":
        bounds = a.low, a.high
        return _facts(x, bounds if a.finite else _open(*bounds), facts, facts)
    low, high = (a.low, a.high) if v.dtype.kind == "b" else (-_WHOLE, _WHOLE)
    return Facts(low, high, frozenset(), frozenset([x]))


_WHOLE = 2.0**64  # beyond all integers
_RULES: dict[str, Callable[[Value, Step, list[Facts]], Facts]] = {
    "add": _spreading(_added),
    "sub": _spreading(_subtracted),
    "mul": _spreading(_multiplied),
    "div": _spreading(_divided),
    "neg": _spreading(lambda a: (-a.high, -a.low)),
    "abs": _spreading(lambda a: (0.0, max(abs(a.low), abs(a.high)))),
    "tanh": _between(-1.0, 1.0),
    "sigmoid": _between(0.0, 1.0),
    "atan": _between(-1.6, 1.6),
    "exp": _between(0.0, _INF),
    "softplus": _between(0.0, _INF),
    "log_sigmoid": _between(-_INF, 0.0),
    "sqrt": _spreading(_rooted),
    "sin": _spreading(_wave),
    "cos": _spreading(_wave),
    "where": _chosen,
    "relu_grad": _gated,
    "relu6_grad": _gated,
    "masked": _gated,
    "mul_no_nan": _product_or_zero,
    "absorb": _absorbed,
    "cast": _cast,
} | dict.fromkeys(
    "broadcast_to expand_dims reshape reverse slice squeeze subscript transpose".split(), _moved
)
