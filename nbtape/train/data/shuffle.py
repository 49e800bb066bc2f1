"""Streams that are drawn at random, and what they draw with."""

from typing import Any

import numpy as np

from nbtape.core.errors import invalid
from nbtape.ops import sampler
from nbtape.train.data.stream import END, Blocks, Stream

_DRAWN = 1024  # numbers of rows that are shuffled at a time


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
