"""Streams whose rows are computed by other threads, before they are asked for."""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from nbtape.core.kernel import late
from nbtape.train.data.stream import END, Stream

_Pool, _wait = late("concurrent.futures:ThreadPoolExecutor"), late("concurrent.futures:wait")


class _Ahead:
    """What a thread that runs ahead shares with the stream that takes its rows.

    It knows nothing of that stream, so that dropping the stream ends the thread.
    """

    def __init__(self, rows: Stream, room: int):
        self.rows, self.room = rows, room
        self.ready: deque[tuple[Any, BaseException | None]] = deque()
        self.ended = self.stopped = False
        self.changed = threading.Condition()
        self.between = threading.Lock()  # held from asking for a row until it is ready

    def work(self) -> None:
        while self._has_room():
            with self.between:
                row, error = END, None
                try:
                    row = next(self.rows, END)
                except BaseException as raised:
                    error = raised
                with self.changed:
                    if row is END and error is None:
                        self.ended = True
                    else:
                        self.ready.append((row, error))
                    self.changed.notify_all()

    def _has_room(self) -> bool:
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or self.ended or len(self.ready) < self.room)
            return not (self.stopped or self.ended)

    def next(self) -> Any:
        with self.changed:
            self.changed.wait_for(lambda: self.ready or self.ended)
            if not self.ready:
                raise StopIteration
            row, error = self.ready.popleft()
            self.changed.notify_all()
        if error is not None:
            raise error
        return row

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()


class Prefetch(Stream):
    """Rows of which a thread keeps `room` ready. It ends with the stream; its errors are raised here."""

    def __init__(self, rows: Stream, room: int):
        self._ahead, self._started = _Ahead(rows, room), False

    def __next__(self) -> list:
        if not self._started:
            self._started = True
            weakref.finalize(self, self._ahead.stop)
            threading.Thread(target=self._ahead.work, name="nbtape-prefetch", daemon=True).start()
        return self._ahead.next()

    def state(self) -> Any:
        ahead = self._ahead
        with ahead.between:
            for _, error in ahead.ready:
                if error is not None:
                    raise error
            return {"rows": ahead.rows.state(), "ready": [row for row, _ in ahead.ready]}

    def restore(self, state: Any) -> None:
        old = self._ahead
        old.stop()
        with old.between:
            old.rows.restore(state["rows"])
        self._ahead, self._started = _Ahead(old.rows, old.room), False
        self._ahead.ready.extend((row, None) for row in state["ready"])


class ParallelMap(Stream):
    """What a function makes of rows, of `n` of them at the same time; in their order, or as they come."""

    def __init__(self, rows: Stream, call: Callable[[list], list], n: int, ordered: bool):
        self._rows, self._call, self._n, self._ordered = rows, call, n, ordered
        self._pool = _Pool(n, "nbtape-map")  # its threads end with it
        self._given: deque[tuple[list, Any]] = deque()  # rows, and what is to come of them

    def __next__(self) -> list:
        while len(self._given) < self._n:
            row = next(self._rows, END)
            if row is END:
                break
            self._give(row)
        if not self._given:
            raise StopIteration
        if not self._ordered:
            done = _wait([future for _, future in self._given], return_when="FIRST_COMPLETED").done
            k = next(k for k, (_, future) in enumerate(self._given) if future in done)
            self._given.rotate(-k)
        return self._given.popleft()[1].result()

    def _give(self, row: list) -> None:
        self._given.append((row, self._pool.submit(self._call, row)))

    def state(self) -> Any:
        return {"rows": self._rows.state(), "given": [row for row, _ in self._given]}

    def restore(self, state: Any) -> None:
        self._rows.restore(state["rows"])
        self._given.clear()
        for row in state["given"]:
            self._give(row)


class _Slot:
    """A stream that is made of an item, and its next block, which a thread computes: pairs of a row and of
    the error that came instead; and whether the stream is at its end.
    """

    def __init__(self, item: Any, opened: Callable[[Any], Stream]):
        self.item, self._opened = item, opened
        self._stream: Stream | None = None
        self.block: Any = None  # the future

    def next_block(self, size: int) -> tuple[list[tuple], bool]:
        pairs: list[tuple] = []
        while len(pairs) < size:
            try:
                self._stream = self._stream or self._opened(self.item)
                row = next(self._stream, END)
                if row is END:
                    return pairs, True
                pairs.append((row, None))
            except BaseException as error:
                pairs.append((END, error))
                if self._stream is None:
                    return pairs, True
        return pairs, False

    def state(self) -> list:
        pairs, ended = self.block.result()
        rows = _rows_of(pairs)
        return [self.item, self._stream.state(), rows, ended]  # type: ignore[union-attr]

    def restore(self, state: Any) -> None:
        self._stream = self._opened(self.item)
        self._stream.restore(state)


class ParallelInterleave(Stream):
    """What `Interleave` gives, in its order, where `n` threads compute the next block of each open stream; or
    blocks as they come, if not `ordered`.
    """

    def __init__(
        self, items: Stream, opened: Callable[[Any], Stream], cycle: int, block: int, n: int, ordered: bool
    ):
        self._items, self._opened, self._cycle, self._size = items, opened, cycle, block
        self._pool, self._ordered = _Pool(n, "nbtape-interleave"), ordered
        self._slots: list[_Slot | None] = []  # none before the first row is asked for
        self._at = 0  # the slot whose turn it is
        self._left: deque[tuple] = deque()  # of the last block

    def __next__(self) -> list:
        self._slots = self._slots or [self._open() for _ in range(self._cycle)]
        while not self._left:
            if not any(self._slots):
                raise StopIteration
            self._turn()
        row, error = self._left.popleft()
        if error is not None:
            raise error
        return row

    def _turn(self) -> None:
        """Take the block of the slot whose turn it is, and have the one behind it computed."""
        at = self._at if self._ordered else self._first_done()
        self._at, slot = (at + 1) % self._cycle, self._slots[at]
        if slot is not None:
            pairs, ended = slot.block.result()
            self._left.extend(pairs)
            self._slots[at] = self._open() if ended else self._given(slot, slot.next_block, self._size)

    def _first_done(self) -> int:
        """The first slot from the next on whose block is there, as soon as one is."""
        order = [(self._at + k) % self._cycle for k in range(self._cycle)]
        blocks = {k: slot.block for k in order if (slot := self._slots[k]) is not None}
        done = _wait(blocks.values(), return_when="FIRST_COMPLETED").done
        return next(k for k, block in blocks.items() if block in done)

    def _open(self) -> _Slot | None:
        try:
            item = next(self._items, END)
        except Exception as error:  # which is raised when it is the slot's turn
            return self._given(_Slot(None, self._opened), tuple, ([(END, error)], True))
        if item is END:
            return None
        slot = _Slot(item, self._opened)
        return self._given(slot, slot.next_block, self._size)

    def _given(self, slot: _Slot, block: Callable, argument: Any) -> _Slot:
        slot.block = self._pool.submit(block, argument)
        return slot

    def state(self) -> Any:
        slots = [None if slot is None else slot.state() for slot in self._slots]
        return {"items": self._items.state(), "slots": slots, "at": self._at, "left": _rows_of(self._left)}

    def restore(self, state: Any) -> None:
        self._items.restore(state["items"])
        self._at, self._left = state["at"], deque([(row, None) for row in state["left"]])
        self._slots = [kept and self._taken_up(*kept) for kept in state["slots"]]

    def _taken_up(self, item: Any, inner: Any, rows: list, ended: bool) -> _Slot:
        slot = _Slot(item, self._opened)
        slot.restore(inner)
        return self._given(slot, tuple, ([(row, None) for row in rows], ended))


def _rows_of(pairs: Iterable[tuple]) -> list:
    """The rows of pairs, in which there must be no error."""
    for _, error in pairs:
        if error is not None:
            raise error
    return [row for row, _ in pairs]
