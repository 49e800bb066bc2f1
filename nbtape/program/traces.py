"""The traces of one function: which one serves a call, why each was made, and when there are too many.

A trace serves calls of its signature while its guards hold. Those made for other values of what is guarded
are kept, so that a flag that goes back and forth costs two traces. A value that changes all the time is given
up as a guard, with a warning; an argument that does is named in one.
"""

import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from nbtape.core import source
from nbtape.core.dtype import as_dtype
from nbtape.core.shape import TensorSpec, bracket
from nbtape.graph.trace import FunctionGraph
from nbtape.program.concrete import ConcreteFunction
from nbtape.program.guards import Guard, change, shown
from nbtape.program.signature import Identity, Signature, may_come

_OFTEN = 5  # retraces for one reason, before something is said
_RARELY = 10  # calls for each retrace that are so many that it is no nuisance
_VARIANTS = 16  # traces of one signature that are kept


class RetracingWarning(UserWarning):
    """A function is traced again and again, and why."""


@dataclass(frozen=True)
class Trace:
    """Why and how one trace was made."""

    signature: str
    cause: str
    seconds: float
    nodes: int  # operations of its graph, those of branches and loops included
    _concrete: weakref.ref

    @property
    def concrete(self) -> ConcreteFunction | None:
        """The trace itself; None where no call can find it any more."""
        return self._concrete()

    @property
    def compile_seconds(self) -> float | None:
        """How long compiling took; None while it is not compiled."""
        return getattr(getattr(self.concrete, "compiled", None), "seconds", None)

    @property
    def cached(self) -> bool | None:
        """Whether all of its machine code was there already, on disk or in memory; None while it is not
        compiled.
        """
        return getattr(getattr(self.concrete, "compiled", None), "cached", None)


class TraceList(list):
    """Traces, in the order in which they were made; printed as a table."""

    def __repr__(self) -> str:
        rows = [("", "signature", "traced because", "ms", "nodes", "compiled")]
        for i, t in enumerate(self, 1):
            rows.append((str(i), t.signature, t.cause, f"{t.seconds * 1e3:.1f}", str(t.nodes), _compiled(t)))
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _compiled(trace: Trace) -> str:
    if trace.compile_seconds is None:
        return "no"
    return f"{trace.compile_seconds * 1e3:.1f} ms" + (", cached" if trace.cached else "")


class Traces:
    """The traces of one function."""

    def __init__(self, name: str):
        self.made, self.calls = TraceList(), 0
        self._name = name
        self._by_key: dict[Hashable, dict[tuple, list[ConcreteFunction]]] = {}
        self._changes: dict[tuple, list[str]] = {}  # the values of each guard that made a trace useless
        self._given_up: set[tuple] = set()
        self._blamed: dict[str, list[str]] = {}  # the values of each argument that made a trace needed
        self._told: set[str] = set()  # the arguments that were warned of

    def __iter__(self) -> Iterator[ConcreteFunction]:
        return (c for by_specs in self._by_key.values() for variants in by_specs.values() for c in variants)

    def of_key(self, key: Hashable) -> dict[tuple, list[ConcreteFunction]]:
        """The traces of one structure of arguments, by the specs of its tensors, the newest first."""
        return self._by_key.setdefault(key, {})

    def find(self, key: Hashable, specs: tuple, usable: Callable, exact: bool) -> ConcreteFunction | None:
        """A trace that serves tensors of these specs, or is made for just these; None where there is none."""
        by_specs = self._by_key.get(key)
        if not by_specs:
            return None
        fitting = [c for c in by_specs.get(specs, ()) if usable(c)]
        if not exact:
            wider = (c for given, variants in by_specs.items() if given != specs for c in variants)
            fitting += [c for c in wider if c.accepts(specs) and usable(c)]
        found = next((c for c in fitting if c.guards.hold()), None)
        if found is None and fitting and self._relent(_nearest(fitting).guards.changed()):
            return self.find(key, specs, usable, exact)
        return found

    def _relent(self, changed: list[Guard]) -> bool:
        """Count these changes; whether one of the values changes so often that it is a guard no more."""
        nuisances = []
        for guard in changed:
            if guard.vital:
                continue
            seen = self._changes.setdefault(guard.key, [guard.text])
            seen.append(guard.now())
            if self._too_often(len(seen) - 1, _OFTEN + 1):
                nuisances.append(guard)
        for guard in nuisances:
            kind, values = guard.key[0], ", ".join(self._changes[guard.key][:-1])
            warn(_NUISANCE.format(f=self._name, kind=kind, guard=guard.name, values=values, last=guard.text))
        if nuisances:
            self._given_up.update([guard.key for guard in nuisances])
            for concrete in self:
                concrete.guards = concrete.guards.without(self._given_up)
        return bool(nuisances)

    def _too_often(self, times: int, limit: int) -> bool:
        return times >= limit and times * _RARELY > self.calls

    def add(self, key: Hashable, specs: tuple, concrete: ConcreteFunction, seconds: float) -> None:
        """Keep one more trace, and note why it was made."""
        concrete.guards = concrete.guards.without(self._given_up)
        self._by_key = {k: by_specs for k, by_specs in self._by_key.items() if may_come(k)}
        stale = [c for c in self.of_key(key).get(specs, ()) if not c.guards.hold()]
        cause = self._guards_cause(stale) or self._arguments_cause(concrete) if self.made else "first call"
        variants = self.of_key(key).setdefault(specs, [])
        variants.insert(0, concrete)
        del variants[_VARIANTS:]
        told = ", ".join([f"{name}: {brief(value)}" for name, value in concrete.arguments.items()])
        self.made.append(Trace(told, cause, seconds, _size(concrete.graph), weakref.ref(concrete)))

    def _guards_cause(self, stale: list[ConcreteFunction]) -> str:
        if not stale:
            return ""
        changed = _nearest(stale).guards.changed()
        return "; ".join([f"{g.key[0]} {g.name}: {change(g.text, g.now())}" for g in changed])

    def _arguments_cause(self, concrete: ConcreteFunction) -> str:
        """How the arguments differ from those of the trace that is nearest to it."""
        earlier = [trace.concrete for trace in reversed(self.made)]
        nearest = min([_differing(old, concrete) for old in earlier if old is not None], key=len, default=[])
        for name, old, new in nearest:
            self._blame(name, old, new)
        told = "; ".join([f"{name}: {change(brief(old), brief(new))}" for name, old, new in nearest])
        return told or "another object"

    def _blame(self, name: str, old: Any, new: Any) -> None:
        seen = self._blamed.setdefault(name, [brief(old)])
        seen.append(brief(new))
        if name not in self._told and self._too_often(len(seen) - 1, _OFTEN):
            self._told.add(name)
            times, values, advice = len(seen) - 1, ", ".join(seen), _advice(name, old, new)
            warn(_RETRACED.format(f=self._name, times=times, argument=name, values=values, advice=advice))


def warn(text: str) -> None:
    """A RetracingWarning at the user's line."""
    warnings.warn(text, RetracingWarning, stacklevel=source.depth())


_NUISANCE = (
    "{f} was traced again each time that the {kind} {guard} changed ({values}): that costs more than it "
    "gives, so from now on {f} goes on with {last}. Make it an argument and pass a tensor, or keep it in "
    "a tf.Variable."
)
_RETRACED = (
    "{f} was traced {times} more times because the argument {argument} changed ({values}). {advice} "
    "({f}.traces() shows all traces.)"
)


def _advice(name: str, old: Any, new: Any) -> str:
    """What to write, so that an argument that was `old` and then `new` needs one trace."""
    if isinstance(old, TensorSpec) and isinstance(new, TensorSpec):
        if old.dtype != new.dtype:
            return f"Cast it to one dtype: tf.cast({name}, {new.dtype!r})."
        shape = "None" if old.shape.rank != new.shape.rank else _open(old.shape, new.shape)
        return (
            "Let its size vary: tf.function(reduce_retracing=True), or "
            f"input_signature=[tf.TensorSpec({shape}, {new.dtype!r})]."
        )
    if isinstance(new, bool | int | float | complex):
        return f"Pass a tensor, tf.constant({name}), and one trace serves all."
    return (
        "Each Python object is traced on its own: pass the same one again, or the tensors that it stands for."
    )


def _open(old: Any, new: Any) -> str:
    return str([a if a == b else None for a, b in zip(old.as_list(), new.as_list())])


def _size(graph: FunctionGraph) -> int:
    inner = [v for node in graph.nodes for v in node.attrs.values() if isinstance(v, FunctionGraph)]
    return len(graph.nodes) + sum(map(_size, inner))


def _nearest(concretes: list[ConcreteFunction]) -> ConcreteFunction:
    return min(concretes, key=lambda c: len(c.guards.changed()))


def _differing(old: ConcreteFunction, new: ConcreteFunction) -> list[tuple[str, Any, Any]]:
    """The arguments that differ between two traces, by name."""
    before, after = old.arguments, new.arguments
    names = dict.fromkeys((*before, *after))
    pairs = [(name, before.get(name), after.get(name)) for name in names]
    return [(name, a, b) for name, a, b in pairs if _told_apart(a) != _told_apart(b)]


def _told_apart(x: Any) -> tuple:
    signature = Signature(x)
    return signature.key, signature.specs


def brief(x: Any) -> str:
    """An argument of a trace, shortly: `float32[2,3]` for a tensor."""
    if isinstance(x, TensorSpec):
        return f"{as_dtype(x.dtype).name}{'[?]' if x.shape.rank is None else bracket(x.shape.as_list())}"
    if isinstance(x, dict):
        return "{" + ", ".join([f"{key!r}: {brief(value)}" for key, value in x.items()]) + "}"
    if isinstance(x, list | tuple):
        text = ", ".join(map(brief, x))
        return f"[{text}]" if isinstance(x, list) else f"({text})"
    return repr(x) if isinstance(x, Identity) else shown(x)
