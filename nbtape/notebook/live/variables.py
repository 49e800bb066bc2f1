"""The table of variables: their names as a tree of scopes, and what there is to say about them."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.state.saving.tracking import is_trackable, walk
from nbtape.state.variable import Variable

BINS = 24
_PAST = 128  # histograms of each variable that are kept
_SAMPLE = 100_000  # elements of a histogram
_VANISHED, _EXPLODED = 1e-4, 1e4  # times the median of the norms of all gradients
_LEAST, _GREATEST = 1e-10, 1e6  # norms that are so whatever the others are


def named(x: Any) -> dict[str, Variable]:
    """The variables of a model or a list, by names that differ, in the order they were made in, a scope's
    beside one another.

    Those of a model go without its own name, which is another one when it is made again: `sequential_1`.
    """
    paths: dict[int, str] = {}
    if isinstance(x, dict | list | tuple):
        found = list(x.values() if isinstance(x, dict) else x)
    else:
        found = list(getattr(x, "variables", [x]))
        paths = {v._serial: path for path, v, _ in walk(x) if isinstance(v, Variable)}
    root = f"{getattr(x, 'name', '')}/"
    own = [str(name) for name in x] if isinstance(x, dict) else [_called(v).removeprefix(root) for v in found]
    names: dict[str, Variable] = {}
    for name, v in zip(own, found):
        name = name if own.count(name) == 1 else paths.get(v._serial, name)
        names[_unused(name, names)] = v
    made = sorted(names, key=lambda name: names[name]._serial)
    first = {scope: i for i, name in reversed([*enumerate(made)]) for scope in _scopes(name)}
    return {name: names[name] for name in sorted(made, key=lambda name: [first[s] for s in _scopes(name)])}


def _scopes(name: str) -> list[str]:
    """A name, after the scopes that it is in.

    >>> from nbtape.notebook.live.variables import _scopes
    >>> _scopes("net/dense/kernel")
    ['net', 'net/dense', 'net/dense/kernel']
    """
    return [*itertools.accumulate(name.split("/"), "{}/{}".format)]


def holds_variables(x: Any) -> bool:
    """Whether something is variables to watch, and not what a loop goes over."""
    if isinstance(x, list | tuple | dict):
        return all(isinstance(v, Variable) for v in (x.values() if isinstance(x, dict) else x))
    return is_trackable(x) or hasattr(x, "trainable_variables")


def _called(v: Variable) -> str:
    """A variable's name; of a layer's weight its path, which names the layer."""
    return getattr(v, "path", None) or v.name.removesuffix(":0")


def _unused(name: str, used: Iterable[str]) -> str:
    free, number = name, 1
    while free in used:
        free, number = f"{name}_{number}", number + 1
    return free


def under(scope: str, names: Iterable[str]) -> list[str]:
    """The names that a name or a scope stands for.

    >>> from nbtape.notebook.live.variables import under
    >>> under("dense", ["dense/kernel", "dense/bias", "dense_1/kernel"])
    ['dense/kernel', 'dense/bias']
    """
    return [name for name in names if name == scope or name.startswith(scope + "/")]


def numbers(x: Any) -> dict[str, float]:
    """Mean, standard deviation, least, greatest and norm of what is finite, and how much is not."""
    x = _real(x)
    finite = np.isfinite(x)
    lost = int(x.size - np.count_nonzero(finite))
    nan = int(np.count_nonzero(np.isnan(x))) if lost else 0
    v = x[finite] if lost else x
    if not v.size:
        return {"nan": nan, "inf": lost - nan}
    mean, std = v.mean(dtype=np.float64), v.std(dtype=np.float64)
    return {
        "mean": float(mean),
        "std": float(std),
        "min": float(v.min()),
        "max": float(v.max()),
        "norm": float(np.sqrt(v.size * (std**2 + mean**2))),
        "nan": nan,
        "inf": lost - nan,
    }


def histogram(x: Any) -> dict[str, Any]:
    """How often values lie in each of some ranges of the same width; of many values a sample is taken."""
    x = _real(x)
    x = x[:: max(x.size // _SAMPLE, 1)]
    x = x[np.isfinite(x)]
    if not x.size:
        return {"low": 0.0, "high": 0.0, "counts": []}
    low, high = float(x.min()), float(x.max())
    counts = np.histogram(x, BINS, (low, high if high > low else low + 1.0))[0]
    return {"low": low, "high": high, "counts": counts.tolist()}


def _real(x: Any) -> np.ndarray:
    x = np.asarray(x).ravel()
    if x.dtype.kind == "c":
        x = np.abs(x)
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float32)


def flow(norms: list[float | None]) -> list[str]:
    """What is wrong with the gradients of layers one after another: "", "vanishing" or "exploding" for each.

    >>> from nbtape.notebook.live.variables import flow
    >>> flow([1e-9, 0.5, 1.0, 2.0, None])
    ['vanishing', '', '', '', '']
    """
    known = [norm for norm in norms if norm is not None and np.isfinite(norm)]
    middle = float(np.median(known)) if known else 1.0
    return [_verdict(norm, middle) for norm in norms]


def _verdict(norm: float | None, middle: float) -> str:
    if norm is None:
        return ""
    if not np.isfinite(norm) or norm > min(max(_EXPLODED * middle, 1.0), _GREATEST):
        return "exploding"
    return "vanishing" if norm < max(_VANISHED * middle, _LEAST) else ""


class Table:
    """What is known of some variables, looked at now and then."""

    def __init__(self, names: dict[str, Variable], optimizer: Any = None):
        self.names = names
        self._look = getattr(optimizer, "look", None)
        self._before: dict[str, Any] = {}
        self._switchable = {name for name, v in names.items() if v.trainable}
        self.rows: dict[str, dict[str, Any]] = {}
        self.past: dict[int, dict[str, dict[str, Any]]] = {}  # what the gradients were, by step
        self.looks = 0

    def fixed(self) -> list[dict[str, Any]]:
        """What does not change of each variable."""
        return [
            {
                "name": name,
                "shape": str(v.shape),
                "dtype": v.dtype.name,
                "device": v.device.rpartition("/")[2].removeprefix("device:"),
                "size": v.read_value()._value.size,
                "switchable": name in self._switchable,
            }
            for name, v in self.names.items()
        ]

    def trainable(self) -> list[bool]:
        """Whether each is trained now."""
        return [v.trainable for v in self.names.values()]

    def switch(self, scope: str, on: bool) -> bool:
        """Let the variables of a scope be trained or not; False where there are none that ever were."""
        found = [name for name in under(scope, self.names) if name in self._switchable]
        for name in found:
            self.names[name].trainable = on
        return bool(found)

    @property
    def is_looking(self) -> bool:
        """Whether the step that runs is looked at."""
        return bool(self._before)

    def begin(self) -> None:
        """Look at the next step: its gradients, and how far it goes."""
        with context.paused():
            self._before = {name: v.read_value() for name, v in self.names.items()}
        if self._look is not None:
            self._look.on = True

    def end(self, step: int) -> None:
        """The step that was looked at has ended."""
        for name, v in self.names.items():
            self.rows[name] = self._row(v, self._before.get(name))
        for row, verdict in zip(self.rows.values(), flow([_norm(row) for row in self.rows.values()])):
            row["flow"] = verdict
        self.past[step] = {n: row["histogram"] for n, row in self.rows.items() if "histogram" in row}
        if len(self.past) > _PAST:
            for old in [*self.past][1:-1:2]:
                del self.past[old]
        self.looks += 1
        self.forget()

    def forget(self) -> None:
        """Look no longer."""
        self._before = {}
        if self._look is not None:
            self._look.on = False

    def _row(self, v: Variable, before: Any) -> dict[str, Any]:
        with context.paused():
            now = v.numpy()
        row: dict[str, Any] = {"value": numbers(now)}
        gradient = self._look.gradient(v) if self._look is not None and v.trainable else None
        if gradient is not None:
            row["gradient"], row["histogram"] = numbers(gradient), histogram(gradient)
        if before is not None and before.numpy().shape == now.shape and now.dtype.kind == "f":
            with np.errstate(all="ignore"):
                change = np.linalg.norm((now - before.numpy()).ravel())
                row["ratio"] = float(change / max(row["value"].get("norm", 0.0), 1e-12))
        return row


def _norm(row: dict[str, Any]) -> float | None:
    gradient = row.get("gradient")
    if gradient is None:
        return None
    return float("inf") if gradient["nan"] or gradient["inf"] else gradient["norm"]
