"""Streams that bring rows together, or take them apart: batches, windows, groups, datasets made of rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.errors import DataLossError, invalid
from nbtape.train.data.element import bracket, item
from nbtape.train.data.stream import END, Stream


class Batch(Stream):
    """What `join` makes of `size` items at a time."""

    kept = ("_items",)

    def __init__(self, items: Stream, size: int, drop: bool, join: Callable[[list], list]):
        self._items, self._size, self._least, self._join = items, size, size if drop else 1, join

    def __next__(self) -> list:
        found = self._items.take(self._size)
        if len(found) < self._least:
            raise StopIteration
        return self._join(found)


class Unbatch(Stream):
    """The slices of each row."""

    kept = ("_rows", "_row", "_i")

    def __init__(self, rows: Stream):
        self._rows, self._i = rows, 0
        self._row: list | None = None

    def __next__(self) -> list:
        while self._row is None or self._i == len(next(v for v in self._row if v is not None)):
            self._row, self._i = _of_one_length(next(self._rows)), 0
        self._i += 1
        return [None if v is None else item(v, self._i - 1) for v in self._row]


def _of_one_length(row: list) -> list:
    sizes = sorted({len(v) for v in row if v is not None})
    if len(sizes) > 1:
        raise invalid(
            f"Input element must have the same batch size in each component: {sizes[0]} and {sizes[1]}."
        )
    return row


class Rebatch(Stream):
    """Rows of several sizes in turn, out of batches; without `drop` the last has what is left."""

    kept = ("_rows", "_parts", "_turn")

    def __init__(self, rows: Stream, sizes: list[int], drop: bool):
        self._rows, self._sizes, self._drop, self._turn = rows, sizes, drop, 0
        self._parts: list[list] = []  # what has come and not yet gone

    def __next__(self) -> list:
        size, have = self._sizes[self._turn % len(self._sizes)], sum(len(part[0]) for part in self._parts)
        while have < size:
            row = next(self._rows, END)
            if row is END:
                break
            self._parts.append(_of_one_length(row))
            have += len(row[0])
        if not have or have < size and self._drop:
            raise StopIteration
        self._turn += 1
        whole = [column[0] if len(column) == 1 else np.concatenate(column) for column in zip(*self._parts)]
        self._parts = [[column[size:] for column in whole]] if have > size else []
        return [column[:size] for column in whole]


class Windows(Stream):
    """Lists of `size` rows, every `stride`-th from a start that moves by `shift`."""

    kept = ("_rows", "_buffer", "_skip")

    def __init__(self, rows: Stream, size: int, shift: int, stride: int, drop: bool):
        self._rows, self._shift, self._stride, self._drop = rows, shift, stride, drop
        self._reach = (size - 1) * stride + 1
        self._buffer: list = []
        self._skip = 0

    def __next__(self) -> list:
        self._rows.take(self._skip)
        self._skip = 0
        self._buffer += self._rows.take(self._reach - len(self._buffer))
        if len(self._buffer) < (self._reach if self._drop else 1):
            raise StopIteration
        found = self._buffer[:: self._stride]
        self._skip = max(0, self._shift - len(self._buffer))
        self._buffer = self._buffer[self._shift :]
        return found


class Groups(Stream):
    """Rows collected by key; those of a full group, or at last of any, make a stream, whose rows come out."""

    def __init__(self, rows: Stream, key: Callable[[list], int], size_of: Callable, closed: Callable):
        self._rows, self._key, self._size_of, self._closed = rows, key, size_of, closed
        self._groups: dict[int, list] = {}
        self._open: tuple | None = None  # (key, the rows of the group, the stream)

    def __next__(self) -> list:
        while True:
            if self._open is not None:
                found = next(self._open[2], END)
                if found is not END:
                    return found
                self._open = None
            row = next(self._rows, END)
            if row is not END:
                k = self._key(row)
                rows = self._groups.setdefault(k, [])
                rows.append(row)
                if len(rows) >= self._size_of(k):
                    self._close(k)
            elif self._groups:
                self._close(min(self._groups))
            else:
                raise StopIteration

    def _close(self, k: int) -> None:
        rows = self._groups.pop(k)
        self._open = k, rows, self._closed(k, rows)

    def state(self) -> Any:
        groups = [[k, list(rows)] for k, rows in self._groups.items()]
        opened = None if self._open is None else [self._open[0], self._open[1], self._open[2].state()]
        return {"rows": self._rows.state(), "groups": groups, "open": opened}

    def restore(self, state: Any) -> None:
        self._rows.restore(state["rows"])
        self._groups, self._open = dict(state["groups"]), None
        if state["open"] is not None:
            k, rows, inner = state["open"]
            self._open = k, rows, self._closed(k, rows)
            self._open[2].restore(inner)


class Interleave(Stream):
    """Blocks of rows from `cycle` streams in turn, which `opened` makes of items.

    One that ends is replaced by the next at its turn.
    """

    def __init__(self, items: Stream, opened: Callable[[Any], Stream], cycle: int, block: int):
        self._items, self._opened, self._block = items, opened, block
        self._slots: list[tuple | None] = [None] * cycle  # (the item, the stream)
        self._at = self._done = 0  # the slot whose turn it is, and how many rows it gave in this turn
        self._more = True

    def __next__(self) -> list:
        while self._more or any(self._slots):
            slot = self._slots[self._at] or self._filled()
            found = END if slot is None else next(slot[1], END)
            if found is END:
                self._slots[self._at] = None
            self._done += 1
            if found is END or self._done == self._block:
                self._at, self._done = (self._at + 1) % len(self._slots), 0
            if found is not END:
                return found
        raise StopIteration

    def _filled(self) -> tuple | None:
        x = next(self._items, END) if self._more else END
        self._more = x is not END
        self._slots[self._at] = None if x is END else (x, self._opened(x))
        return self._slots[self._at]

    def state(self) -> Any:
        slots = [None if slot is None else [slot[0], slot[1].state()] for slot in self._slots]
        return {
            "items": self._items.state(),
            "slots": slots,
            "at": [self._at, self._done],
            "more": self._more,
        }

    def restore(self, state: Any) -> None:
        self._items.restore(state["items"])
        self._at, self._done = state["at"]
        self._more = state["more"]
        self._slots = [None if slot is None else (slot[0], self._opened(slot[0])) for slot in state["slots"]]
        for slot, kept in zip(self._slots, state["slots"]):
            if slot is not None:
                slot[1].restore(kept[1])


class Scan(Stream):
    """What a function of a state and a row gives beside the next state."""

    kept = ("_rows", "_state")

    def __init__(self, rows: Stream, start: list, call: Callable[[list], list]):
        self._rows, self._state, self._call = rows, start, call

    def __next__(self) -> list:
        found = self._call([*self._state, *next(self._rows)])
        n = len(self._state)
        self._state = found[:n]
        return found[n:]


def padded(rows: list[list], shapes: list, fill: list) -> list:
    """A batch of rows padded to common shapes: the largest sizes where `shapes` has None."""
    columns = []
    for k, shape in enumerate(shapes):
        values = [row[k] for row in rows]
        sizes = [max(v.shape[a] for v in values) if n is None else n for a, n in enumerate(shape)]
        if all(v.shape == tuple(sizes) for v in values):
            columns.append(np.stack(values))
            continue
        out = np.full((len(values), *sizes), fill[k], dtype=values[0].dtype)
        for i, v in enumerate(values):
            if any(have > want for have, want in zip(v.shape, sizes)):
                raise DataLossError(None, None, "Attempted to pad to a smaller size than the input element: "
                                    f"an element of shape {bracket(v)} to {sizes}.")  # fmt: skip
            out[(i, *[slice(0, n) for n in v.shape])] = v
        columns.append(out)
    return columns
