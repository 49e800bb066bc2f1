"""Copies between a card and memory of the computer that may be anywhere.

The card itself copies only what lies in pinned memory. What is large goes through two pinned buffers in turn,
one being filled while the card copies the other; what is small the driver buffers by itself.
"""

import threading
from ctypes import byref, c_void_p, memmove
from typing import Any

from nbtape.compile.card.events import Event

_SMALL = 1 << 16  # bytes up to which the driver buffers
_CHUNK = 4 << 20
_PORTABLE = 1  # CU_MEMHOSTALLOC_PORTABLE: pinned for all cards


class _Buffer:
    """Pinned memory, and when the card is done with it."""

    def __init__(self, card: Any):
        place = c_void_p()
        card.driver.cuMemHostAlloc(byref(place), _CHUNK, _PORTABLE)
        self.address: int = place.value or 0
        self.event = Event(card.driver, card.stream)


class Staging:
    """The copies of one card, on its stream."""

    def __init__(self, card: Any):
        self._card, self._driver, self._stream = card, card.driver, card.stream
        self._made: list[_Buffer] = []
        self._lock = threading.Lock()  # one thread at a time goes through the buffers

    def _buffer(self, k: int) -> _Buffer:
        """The buffer of chunk k, which the card may still be busy with."""
        if not self._made:
            self._made = [_Buffer(self._card), _Buffer(self._card)]
        return self._made[k % 2]

    def write(self, target: int, source: int, bytes: int) -> None:
        """Copy to the card. What is at `source` may be changed as soon as this returns."""
        if bytes <= _SMALL:
            self._driver.cuMemcpyHtoDAsync_v2(target, source, bytes, self._stream)
            return
        with self._lock:
            for k, start in enumerate(range(0, bytes, _CHUNK)):
                buffer, size = self._buffer(k), min(_CHUNK, bytes - start)
                buffer.event.wait()
                memmove(buffer.address, source + start, size)
                self._driver.cuMemcpyHtoDAsync_v2(target + start, buffer.address, size, self._stream)
                buffer.event.record()

    def read(self, target: int, source: int, bytes: int) -> None:
        """Copy from the card, and wait until it is there."""
        if bytes <= _SMALL:
            self._card.wait()  # which Ctrl-C may end, other than the copy
            self._driver.cuMemcpyDtoHAsync_v2(target, source, bytes, self._stream)
            return
        starts = range(0, bytes, _CHUNK)
        with self._lock:
            for k, start in enumerate(starts):
                buffer, size = self._buffer(k), min(_CHUNK, bytes - start)
                buffer.event.wait()
                self._driver.cuMemcpyDtoHAsync_v2(buffer.address, source + start, size, self._stream)
                buffer.event.record()
                if k:
                    self._arrived(k - 1, target, bytes)
            self._arrived(len(starts) - 1, target, bytes)

    def _arrived(self, k: int, target: int, bytes: int) -> None:
        """Take chunk k out of its buffer."""
        buffer, start = self._buffer(k), k * _CHUNK
        buffer.event.wait()
        memmove(target + start, buffer.address, min(_CHUNK, bytes - start))
