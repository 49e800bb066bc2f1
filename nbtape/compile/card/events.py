"""Points on a card's stream, to wait for and to measure from."""

import time
from collections.abc import Callable
from ctypes import byref, c_float
from typing import Any

from nbtape.compile.card.driver import NOT_READY, Driver, Handle

_SPIN = 1e-4  # seconds for which to ask again and again, before there are naps between
_NAP = 5e-5


def until_done(query: Callable[[Handle], int], handle: Handle) -> None:
    """Wait until `query` says that something is done. Ctrl-C ends the wait, which a wait in the driver
    would not let it.
    """
    began = None
    while query(handle) == NOT_READY:
        now = time.perf_counter()
        began = began or now
        time.sleep(0 if now - began < _SPIN else _NAP)


class Event:
    """A point on a stream: that of the last `record`."""

    def __init__(self, driver: Driver, stream: Handle):
        self._driver, self._stream, self.handle = driver, stream, Handle()
        driver.cuEventCreate(byref(self.handle), 0)

    def record(self) -> "Event":
        """Let it be here, after all that was asked for so far."""
        self._driver.cuEventRecord(self.handle, self._stream)
        return self

    def wait(self) -> None:
        """Wait until the card has come here."""
        until_done(self._driver.cuEventQuery, self.handle)

    def since(self, other: "Event") -> float:
        """The seconds that the card took from another event to this one; waits for it."""
        self.wait()
        milliseconds = c_float()
        self._driver.cuEventElapsedTime(byref(milliseconds), other.handle, self.handle)
        return milliseconds.value / 1e3

    def __del__(self):
        self._driver.cuEventDestroy_v2(self.handle)
