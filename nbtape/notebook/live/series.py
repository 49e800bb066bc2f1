"""Curves in bounded memory: however long a run is, its extremes and its NaN stay on them."""

import csv
import math
from typing import Any

import numpy as np

from nbtape.core.engine import EagerTensor
from nbtape.core.kernel import late

LIMIT = 2000  # points of a curve
_FIXED = {float, int, np.float32, np.float64, EagerTensor}  # which will be later what they are now
_NO_PANDAS = "pandas is not installed: pip install pandas, or write history.rows() or history.to_csv(path)"
_data_frame = late("pandas:DataFrame")


def thinned(steps: np.ndarray, values: np.ndarray, limit: int = LIMIT) -> tuple[np.ndarray, np.ndarray]:
    """At most `limit` of the points if there are more: of each stretch the least, the greatest and a NaN; and
    the first and the last of all.
    """
    if len(steps) <= limit:
        return steps, values
    count = max((limit - 2) // 6, 1)  # half of what is allowed, so that it is not done again for each point
    bucket = ((steps - steps[0]) * count) // (steps[-1] - steps[0] + 1)
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    bucket = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(steps)))
    lost = np.isnan(values)
    low = np.minimum.reduceat(np.where(lost, np.inf, values), starts)[bucket]
    high = np.maximum.reduceat(np.where(lost, -np.inf, values), starts)[bucket]
    kept = np.zeros(len(steps), bool)
    kept[0] = kept[-1] = True
    for mask in (values == low, values == high, lost):
        kept[_firsts(mask, bucket)] = True
    return steps[kept], values[kept]


def _firsts(mask: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    """The first place of each bucket at which `mask` holds."""
    places = np.flatnonzero(mask)
    return places[np.diff(bucket[places], prepend=-1) != 0]


class Series:
    """One curve.

    >>> from nbtape.notebook.live.series import Series
    >>> loss = Series()
    >>> loss.extend(np.arange(100_000), np.where(np.arange(100_000) == 77_777, 9.0, 0.5))
    >>> len(loss) <= 2000, float(loss.values.max()), loss.last
    (True, 9.0, 0.5)
    """

    def __init__(self, steps: Any = (), values: Any = ()):
        self.steps, self.values = np.asarray(steps, np.int64), np.asarray(values, np.float64)

    def extend(self, steps: Any, values: Any) -> None:
        """Append points, whose steps go on from the last one."""
        steps = np.concatenate([self.steps, np.asarray(steps, np.int64)])
        values = np.concatenate([self.values, np.asarray(values, np.float64)])
        self.steps, self.values = thinned(steps, values)

    @property
    def last(self) -> float:
        """The latest value."""
        return float(self.values[-1]) if len(self.values) else math.nan

    def __len__(self) -> int:
        return len(self.steps)


class History:
    """What was logged: a Series for each name, and what is yet to be put into these.

    >>> from nbtape.notebook.live.series import History
    >>> history = History()
    >>> history.note(0, {"loss": 2.0})
    >>> list(history.settle()), history["loss"].last
    (['loss'], 2.0)
    """

    def __init__(self):
        self.series: dict[str, Series] = {}
        self._new: dict[str, tuple[list[int], list[Any]]] = {}

    def note(self, step: int, metrics: dict[str, Any]) -> None:
        """Take in numbers of a step, to be looked at later: this is all that a step waits for."""
        new = self._new
        for name, x in metrics.items():
            if type(x) not in _FIXED:
                x = float(x)
            if name not in new:
                new[name] = [], []
            steps, values = new[name]
            steps.append(step)
            values.append(x)

    def settle(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Put what was noted into the curves; returns it by name."""
        noted, self._new = self._new, {}
        new = {}
        for name, (steps, values) in noted.items():
            plain = [float(x._value if type(x) is EagerTensor else x) for x in values]
            new[name] = np.array(steps), np.array(plain)
            self.series.setdefault(name, Series()).extend(*new[name])
        return new

    def __getitem__(self, name: str) -> Series:
        return self.series[name]

    def __iter__(self):
        return iter(self.series)

    def rows(self) -> list[dict[str, float]]:
        """A dict for each step that is kept, with what is kept of it."""
        found: dict[int, dict[str, float]] = {}
        for name, series in self.series.items():
            for step, value in zip(series.steps.tolist(), series.values.tolist()):
                found.setdefault(step, {"step": step})[name] = value
        return [found[step] for step in sorted(found)]

    def to_csv(self, path: Any) -> None:
        """Write the rows to a file, empty where nothing is kept."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["step", *self.series])
            writer.writeheader()
            writer.writerows(self.rows())

    def to_dataframe(self) -> Any:
        """The rows as a pandas DataFrame, by step, NaN where nothing is kept."""
        try:
            return _data_frame(self.rows()).set_index("step")
        except ModuleNotFoundError:
            raise ImportError(_NO_PANDAS) from None

    def summary(self) -> str:
        """The latest value of each."""
        return ", ".join([f"{name} {series.last:.4g}" for name, series in self.series.items()])
