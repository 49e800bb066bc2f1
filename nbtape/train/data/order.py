"""Streams that choose among the items of others, order, repeat or combine them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.errors import FailedPreconditionError, InvalidArgumentError, invalid
from nbtape.ops import sampler
from nbtape.train.data.stream import END, Blocks, Source, Stream

_DRAWN = 1024  # numbers of rows that are shuffled at a time


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
        if not self._left:
            return []
        found = self._items.take(n)
        while len(found) < n:
            self._left -= 1
            if not self._left or self._empty and not found:
                self._left = 0
                break
            self._items, self._empty = self._open(), True
            more = self._items.take(n - len(found))
            if not more:
                self._left = 0
                break
            found += more
        self._empty = self._empty and not found
        return found


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


class Order:
    """The random generators of a dataset, one for each time that it is gone through."""

    def __init__(self, seed: int | None, again: bool):
        common = sampler.global_seed()
        if seed is None:
            common, seed = 0, int(sampler.OpStream("shuffle").next().integers(2**63))
        self._key, self._again, self._rounds = (0 if common is None else common, seed), again, 0

    def next(self) -> "np.random.Generator":
        n = self._rounds
        self._rounds += self._again
        return sampler.philox(self._key, n)

    def state(self) -> list:
        return [*self._key, self._rounds]

    def restore(self, state: list) -> None:
        *key, self._rounds = state
        self._key = tuple(key)


class Shuffle(Blocks):
    """Items drawn at random from a buffer of `size` of them, in which the next takes the place of each."""

    kept = ("_items", "_order", "_draw", "_buffer", "_last")

    def __init__(self, items: Stream, size: int, order: Order):
        self._items, self._size, self._order, self._draw = items, size, order, order.next()
        self._buffer: Any = None  # None before the first item is asked for
        self._last = False  # whether the buffer holds the last items, in the order in which they go

    def take(self, n: int) -> list:
        if self._buffer is None:
            self._buffer = self._items.take(self._size)
        found = [] if self._last else self._exchanged(n)
        if self._last and len(found) < n:
            at = n - len(found)
            found += self._buffer[:at]
            self._buffer = self._buffer[at:]
        return found

    def _exchanged(self, n: int) -> list:
        """The next items; the buffer has others in their places, or becomes the last."""
        new = self._items.take(n)
        found = self._exchange(new, self._places(len(new)))
        if len(new) < n:
            self._last = True
            self._buffer = [self._buffer[k] for k in self._draw.permutation(len(self._buffer)).tolist()]
        return found

    def _places(self, n: int) -> Any:
        return self._draw.integers(self._size, size=n)

    def _exchange(self, new: list, places: np.ndarray) -> list:
        buffer, found = self._buffer, []
        for k, x in zip(places.tolist(), new):
            found.append(buffer[k])
            buffer[k] = x
        return found


class ShuffleNumbers(Shuffle):
    """The same for numbers of rows, many at a time, since to have them early costs nothing."""

    kept = (*Shuffle.kept, "_ready", "_at")

    def __init__(self, items: Stream, size: int, order: Order):
        super().__init__(items, size, order)
        self._ready: list[int] = []
        self._at = 0  # how many of these have gone

    def take(self, n: int) -> list:
        start, stop = self._at, self._at + n
        if stop > len(self._ready):
            self._ready = self._ready[start:] + super().take(max(n, _DRAWN))
            start, stop = 0, n
        found = self._ready[start:stop]
        self._at = start + len(found)
        return found

    def _exchange(self, new: list, places: np.ndarray) -> list:
        self._buffer = buffer = np.asarray(self._buffer, np.int64)
        found, arrived, n = buffer[places], np.array(new, np.int64), len(new)
        buffer[places] = arrived  # of several for one place the last stays
        # Where a place is drawn again, what goes is what came there the last time.
        keys = np.sort(places * n + np.arange(n))
        same = keys[1:] // n == keys[:-1] // n
        found[keys[1:][same] % n] = arrived[keys[:-1][same] % n]
        return found.tolist()


class Chosen(Stream):
    """The next item of the stream whose number another stream gives."""

    kept = ("_parts", "_choices", "_ended")

    def __init__(self, parts: tuple[Stream, ...], choices: Stream, stop: bool):
        self._parts, self._choices, self._stop = parts, choices, stop
        self._ended: list[int] = []

    def __next__(self) -> Any:
        while len(self._ended) < len(self._parts):
            k = int(next(self._choices)[0])
            if not 0 <= k < len(self._parts):
                raise invalid(f"Selector index out of range: {k} >= {len(self._parts)}")
            found = END if k in self._ended else next(self._parts[k], END)
            if found is not END:
                return found
            if k not in self._ended:
                self._ended.append(k)
            if self._stop:
                break
        self._ended = list(range(len(self._parts)))
        raise StopIteration


class Draws(Stream):
    """Random numbers, each in a list: below `n`, of these weights."""

    kept = ("_order", "_draw")

    def __init__(self, order: Order, n: int, weights: np.ndarray | None = None):
        self._order, self._draw, self._n, self._weights = order, order.next(), n, weights

    def __next__(self) -> list:
        if self._weights is None:
            return [np.int64(self._draw.integers(self._n))]
        return [np.int64(self._draw.choice(self._n, p=self._weights))]


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
