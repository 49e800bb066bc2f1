"""What a panel was told, and when it is told more."""

from time import monotonic
from typing import Any

import numpy as np

from nbtape.notebook.live.budget import PERIOD, SHARE, budget
from nbtape.notebook.live.series import Series
from nbtape.notebook.live.state import delta, snapshot

_WHOLE = 5.0  # seconds after which a page that has missed something sees it
_SELDOM = 0.5  # seconds between two messages at most


class Feed:
    """Keeps one panel up to date, within the budget of messages; without a panel it does nothing."""

    def __init__(self):
        self.panel: Any = None
        self.is_fresh = False  # whether the panel is to be told everything next time
        self._new: dict[str, Series] = {}
        self._next = self._next_whole = 0.0
        self._looks = 0

    def add(self, points: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Take in points that the panel does not have."""
        if self.panel is not None:
            for name, (steps, values) in points.items():
                self._new.setdefault(name, Series()).extend(steps, values)

    def hurry(self) -> None:
        """Something was changed by hand: who did it waits for an answer."""
        self._next = 0.0

    def send(self, run: Any, force: bool = False) -> None:
        """Tell the panel what is new, if it is time to and the budget allows; `force`: everything, now."""
        now = monotonic()
        if self.panel is None or not (now >= self._next and budget.take() or force):
            return
        if self.is_fresh or force or now >= self._next_whole:
            self.panel.show(snapshot(run))
            self.is_fresh, self._next_whole = False, now + _WHOLE
        else:
            self.panel.send(delta(run, self._new, run.table.looks != self._looks))
        pause = min(max(PERIOD, (monotonic() - now) / SHARE), _SELDOM)
        self._new, self._next, self._looks = {}, now + pause, run.table.looks
