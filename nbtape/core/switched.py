"""Variables whose `trainable` was switched since they were made. Traces are made for what it was then."""

import threading


class _Switched:
    """Serial numbers, in a set that is replaced and never changed, so that it can be told by identity."""

    serials: frozenset[int] = frozenset()


switched = _Switched()
_lock = threading.Lock()
_none = switched.serials


def switch(serial: int) -> None:
    """Note that the variable of this number was switched, or was switched back."""
    with _lock:
        switched.serials = switched.serials ^ {serial} or _none
