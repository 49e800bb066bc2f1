"""Streams whose rows are computed by other threads, before they are asked for."""

import threading
import weakref
from collections import deque
from collections.abc import Callable
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
