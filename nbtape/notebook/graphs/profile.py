"""How long the operations of a tape took, where somebody measured it."""

import weakref
from typing import Any

_times: weakref.WeakKeyDictionary[Any, dict[int, float]] = weakref.WeakKeyDictionary()


def keep_times(tape: Any, seconds: dict[int, float]) -> None:
    """Keep the seconds of each operation of a tape, by the id of what came out first; more may come."""
    _times[tape] = seconds


def times_of(tape: Any) -> dict[int, float]:
    """The seconds that were kept of a tape."""
    return _times.get(tape, {})
