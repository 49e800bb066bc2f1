"""Streams that choose among the items of others, order, repeat or combine them."""

from collections.abc import Callable
from typing import Any

from nbtape.core.errors import FailedPreconditionError, InvalidArgumentError
from nbtape.train.data.stream import END, Blocks, Source, Stream


class Rows(Blocks):
    """The items of a list."""

    kept = ("_i",)

    def __init__(self, rows: list):
        self._list, self._i = rows, 0

    def take(self, n: int) -> list:
        start, self._i = self._i, min(self._i + n, len(self._list))
        return self._list[start : self._i]


class Take(Blocks):
    """The first `n` items."""

    kept = ("_items", "_left")

    def __init__(self, items: Stream, n: int):
        self._items, self._left = items, n

    def take(self, n: int) -> list:
        found = self._items.take(min(n, self._left))
        self._left = self._left - len(found) if len(found) == n else 0
        return found


class Skip(Stream):
    """All but the first `n` items; none at all for -1."""

    kept = ("_items", "_left")

    def __init__(self, items: Stream, n: int):
        self._items, self._left = items, n

    def __next__(self) -> Any:
        if self._left < 0:
            raise StopIteration
        while self._left:
            next(self._items)
            self._left -= 1
        return next(self._items)


class Shard(Stream):
    """Every `n`-th item, from number `k` on."""

    kept = ("_items", "_ahead")

    def __init__(self, items: Stream, n: int, k: int):
        self._items, self._n, self._ahead = items, n, k

    def __next__(self) -> Any:
        for _ in range(self._ahead):
            next(self._items)
        self._ahead = self._n - 1
        return next(self._items)


class Repeat(Blocks):
    """The items `n` times over, without end where n is negative; until a round has none."""

    kept = ("_items", "_left", "_empty")

    def __init__(self, source: Source, bound: dict, n: int):
        self._open, self._left, self._empty = lambda: source(bound), n, True
        self._items = self._open()

    def take(self, n: int) -> list:
        found: list = []
        while self._left and len(found) < n:
            more = self._items.take(n - len(found))
            found += more
            self._empty = self._empty and not more
            if len(found) < n:
                self._turn()
        return found

    def _turn(self) -> None:
        """Begin another round, if there is one."""
        self._left = 0 if self._empty else self._left - 1
        if self._left:
            self._items, self._empty = self._open(), True


class Concatenate(Stream):
    """The items of one stream, then those of the next."""

    kept = ("_parts", "_at")

    def __init__(self, parts: tuple[Stream, ...]):
        self._parts, self._at = parts, 0

    def __next__(self) -> Any:
        while self._at < len(self._parts):
            found = next(self._parts[self._at], END)
            if found is not END:
                return found
            self._at += 1
        raise StopIteration


class Zip(Blocks):
    """Tuples of items, one of each stream."""

    kept = ("_parts",)

    def __init__(self, parts: tuple[Stream, ...]):
        self._parts = parts

    def take(self, n: int) -> list:
        columns = []
        for part in self._parts:
            column = part.take(n)
            columns.append(column)
            n = len(column)
        return list(zip(*columns))


class Checked(Stream):
    """The items, of which there are as many as promised."""

    kept = ("_items", "_count")

    def __init__(self, items: Stream, promised: int):
        self._items, self._promised, self._count = items, promised, 0

    def __next__(self) -> Any:
        found = next(self._items, END)
        if found is END and self._count == self._promised:
            raise StopIteration
        if found is END or self._count == self._promised >= 0:
            came = "at least one element more" if found is not END else f"only {self._count} elements"
            raise FailedPreconditionError(
                None,
                None,
                f"Input dataset was expected to contain {self._promised} elements but contained {came}.",
            )
        self._count += 1
        return found


class Each(Stream):
    """What a function makes of each row."""

    kept = ("_rows",)

    def __init__(self, rows: Stream, call: Callable[[list], list]):
        self._rows, self._call = rows, call

    def __next__(self) -> list:
        return self._call(next(self._rows))


class Where(Stream):
    """The items of which a function is true; with `until`, those before the first of which it is not."""

    kept = ("_items", "_ended")

    def __init__(self, items: Stream, holds: Callable[[Any], bool], until: bool):
        self._items, self._holds, self._until, self._ended = items, holds, until, False

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        for x in self._items:
            if self._holds(x):
                return x
            if self._until:
                self._ended = True
                break
        raise StopIteration


class Unique(Stream):
    """The rows that differ from all before them."""

    kept = ("_rows", "_seen")

    def __init__(self, rows: Stream):
        self._rows, self._seen = rows, _Seen()

    def __next__(self) -> list:
        return next(row for row in self._rows if self._seen.add(row))


class _Seen:
    """Which rows there were."""

    def __init__(self):
        self._rows: dict[tuple, list] = {}

    def add(self, row: list) -> bool:
        """Take up a row; whether it is new."""
        key = tuple([(v.shape, tuple(v.ravel().tolist())) for v in row])
        return self._rows.setdefault(key, row) is row

    def state(self) -> list:
        return list(self._rows.values())

    def restore(self, rows: list) -> None:
        for row in rows:
            self.add(row)


class Survivors(Stream):
    """The rows that can be computed."""

    kept = ("_rows",)

    def __init__(self, rows: Stream):
        self._rows = rows

    def __next__(self) -> list:
        while True:
            try:
                return next(self._rows)
            except InvalidArgumentError:
                continue
