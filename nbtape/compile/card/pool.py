"""The memory of cards, in blocks that are used again.

To ask the driver for memory takes long and may wait for the card. So memory is asked for in large segments,
which are cut into pieces and kept. A piece that comes back may be given out at once, though kernels that use
it have not run yet: what uses it next comes later on the same stream.

Programs ask for the same sizes again and again. So a piece that comes back waits as it is for the next who
asks for its size, and is joined with its neighbours only when nothing else is left. Of several the first in
memory is taken: a loop then finds the same addresses in each trip.
"""

import gc
import threading
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from typing import Any

from nbtape.compile.card import cards
from nbtape.compile.card.errors import OutOfMemory
from nbtape.core import source
from nbtape.core.errors import ResourceExhaustedError
from nbtape.core.memory import Block
from nbtape.core.report import size as spelled

_UNIT = 512  # bytes: what a block is rounded up to, and where it may begin
_SMALL = 1 << 20  # up to which bytes blocks have segments of their own, so that they cut up no others
_SHARED = 2 << 20  # the bytes of those segments
_LARGE = 10 << 20  # from which bytes on a block gets a segment of its size
_COMMON = 20 << 20  # the bytes of the segments of those between
_NAMED = 8  # how many holders an error lists

_EXHAUSTED = """GPU:{card} has no memory for {wanted} more: {used} are in use, {kept} are free, in pieces \
that are too small, and of {all} no more can be had.{holders}
Let go of what is no longer needed (`del x`), take smaller batches, or put some on tf.device("/CPU:0")."""


@dataclass(eq=False, slots=True)
class _Piece:
    """Bytes of a segment, and what lies before and after them in it."""

    address: int
    bytes: int
    free: "list[_Piece]"  # the free pieces of its sort, by size
    before: "_Piece | None" = None
    after: "_Piece | None" = None
    loose: bool = False  # whether it is among the free ones
    asked: int = 0  # the bytes that were asked for
    place: source.Place | None = None  # the user's line that asked for it, where it is large

    def __lt__(self, other: "_Piece") -> bool:
        return (self.bytes, self.address) < (other.bytes, other.address)


class Pool:
    """The memory of one card.

    `in_use`, `peak` and `reserved` are bytes: of blocks, of blocks at most, and of what the card gave.
    """

    def __init__(self, card: Any):
        self.card = card
        self.limit: int | None = None  # bytes that it may ask the card for
        self.in_use = self.peak = self.reserved = self.allocations = 0
        self._lock = threading.Lock()
        self._returned: deque[int] = deque()  # addresses, from `__del__`, which may run at any time, in here
        self._used: dict[int, _Piece] = {}  # by address
        self._kept: dict[int, list] = {}  # by the bytes that were asked for, heaps of addresses and pieces
        self._small: list[_Piece] = []
        self._large: list[_Piece] = []

    def allocate(self, bytes: int) -> Block:
        """A block of so many bytes; raises ResourceExhaustedError, and stays usable."""
        size = -(-bytes // _UNIT) * _UNIT or _UNIT
        with self._lock:
            self._take_back()
            kept = self._kept.get(size)
            piece = heappop(kept)[1] if kept else self._fitting(size)
            if size > _SMALL:
                piece.place = source.here()
            self._used[piece.address] = piece
            self.in_use += piece.bytes
            self.allocations += 1
            if self.in_use > self.peak:
                self.peak = self.in_use
        return Block(self.card.number, piece.address, bytes, self._freed)

    def stats(self) -> dict[str, int]:
        """Bytes in use now and at most, bytes that the card gave and may give; blocks now, and so far."""
        with self._lock:
            self._take_back()
            limit = self.card.memory()[1] if self.limit is None else self.limit
            return {
                "current": self.in_use,
                "peak": self.peak,
                "reserved": self.reserved,
                "limit": limit,
                "blocks": len(self._used),
                "allocations": self.allocations,
            }

    def reset_peak(self) -> None:
        """Let the peak be what is in use now."""
        with self._lock:
            self._take_back()
            self.peak = self.in_use

    def trim(self) -> None:
        """Give the card back what nobody uses."""
        with self._lock:
            self._take_back()
            self._join()
            self._trim()

    def _freed(self, block: Block) -> None:
        self._returned.append(block.address)

    def _take_back(self) -> None:
        """Keep what was freed since the last time for who asks for its size."""
        while self._returned:
            piece = self._used.pop(self._returned.popleft())
            self.in_use -= piece.bytes
            heappush(self._kept.setdefault(piece.asked, []), (piece.address, piece))

    def _join(self) -> None:
        """Put what was kept among the free pieces, each joined with those beside it."""
        kept, self._kept = self._kept, {}  # first, so that where Ctrl-C comes nothing is given out twice
        for piece in [piece for heap in kept.values() for _, piece in heap]:
            if piece.before is not None and piece.before.loose:
                piece.free.remove(piece.before)
                piece = _joined(piece.before, piece)
            if piece.after is not None and piece.after.loose:
                piece.free.remove(piece.after)
                piece = _joined(piece, piece.after)
            piece.loose, piece.place = True, None
            insort(piece.free, piece)

    def _fitting(self, size: int) -> _Piece:
        """A piece of so many bytes, cut from a larger one where that is worth it."""
        piece = self._found(size)
        if piece is None and self._kept:
            self._join()
            piece = self._found(size)
        piece = piece or self._made(size)
        self._cut(piece, size)
        piece.asked = size
        return piece

    def _found(self, size: int) -> _Piece | None:
        """The smallest free piece of so many bytes."""
        free = self._small if size <= _SMALL else self._large
        k = bisect_left(free, size, key=lambda piece: piece.bytes)
        if k == len(free):
            return None
        piece = free.pop(k)
        piece.loose = False
        return piece

    def _made(self, size: int) -> _Piece:
        """A new segment; before it says that there is no memory, it gives back what it can."""
        if size <= _SMALL:
            free, bytes = self._small, _SHARED
        else:
            free, bytes = self._large, _COMMON if size < _LARGE else -(-size // _SHARED) * _SHARED
        for remedy in (None, self._collect, self._trim):
            if remedy is not None:
                remedy()
                if (piece := self._found(size)) is not None:
                    return piece
            try:
                return _Piece(self._asked(bytes), bytes, free)
            except OutOfMemory:
                continue
        raise self._exhausted(size)

    def _asked(self, bytes: int) -> int:
        if self.limit is not None and self.reserved + bytes > self.limit:
            raise OutOfMemory
        address = self.card.allocate(bytes)
        self.reserved += bytes
        return address

    def _collect(self) -> None:
        """Take back what only cycles of Python objects hold."""
        gc.collect()
        self._take_back()
        self._join()

    def _trim(self) -> None:
        for free in (self._small, self._large):
            for piece in [p for p in free if p.before is None and p.after is None]:
                free.remove(piece)
                self.card.free(piece.address)
                self.reserved -= piece.bytes

    def _cut(self, piece: _Piece, size: int) -> None:
        """Leave the rest of a piece for others, where it is worth it."""
        rest = piece.bytes - size
        if rest > (0 if piece.free is self._small else _SMALL):
            after = _Piece(piece.address + size, rest, piece.free, piece, piece.after, loose=True)
            if piece.after is not None:
                piece.after.before = after
            piece.bytes, piece.after = size, after
            insort(after.free, after)

    def _exhausted(self, size: int) -> ResourceExhaustedError:
        holders: dict[str, int] = {}
        for piece in self._used.values():
            where = source.describe(piece.place) if piece.place else "small ones, or lines that are not known"
            holders[where] = holders.get(where, 0) + piece.bytes
        largest = sorted(holders.items(), key=lambda item: -item[1])[:_NAMED]
        listed = "".join(f"\n  {spelled(bytes)} from {where}" for where, bytes in largest)
        message = _EXHAUSTED.format(
            card=self.card.number,
            wanted=spelled(size),
            used=spelled(self.in_use),
            kept=spelled(self.reserved - self.in_use),
            all=spelled(self.card.memory()[1] if self.limit is None else self.limit),
            holders=f"\nThe largest holders are:{listed}" if listed else "",
        )
        return ResourceExhaustedError(None, None, message)


def _joined(first: _Piece, second: _Piece) -> _Piece:
    """Two pieces, one after the other, as one."""
    first.bytes += second.bytes
    first.after = second.after
    if second.after is not None:
        second.after.before = first
    return first


@cache
def pool(card: int) -> Pool:
    """The memory of a card."""
    return Pool(cards.card(card))


def allocate(card: int, bytes: int) -> Block:
    """A block of a card's memory, which goes back to its pool when nobody holds it any more."""
    return pool(card).allocate(bytes)
