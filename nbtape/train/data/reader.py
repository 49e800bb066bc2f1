"""Readers: which elements the items of a stream stand for. One by one, or a batch of them in one go."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtape.train.data.element import item, stacked
from nbtape.train.data.stream import Stream

_AT_ONCE = 256  # elements for which a function is computed at the same time, where they are not batched


class Reader:
    """Items that are elements already."""

    def __init__(self, specs: list):
        self._specs = specs

    def row(self, x: Any) -> list:
        return x

    def rows(self, items: list) -> list[list]:
        """The elements of several items."""
        return [self.row(x) for x in items]

    @property
    def computes(self) -> bool:
        """Whether looking an element up is more than to copy it."""
        return False

    def batch(self, items: list) -> list:
        """The elements of several items, stacked."""
        return stacked([self.row(x) for x in items], self._specs)


class Slices(Reader):
    """Items are numbers of rows of arrays."""

    def __init__(self, columns: list):
        self._columns = columns

    def row(self, x: int) -> list:
        return [None if column is None else item(column, x) for column in self._columns]

    def batch(self, items: list) -> list:
        numbers = np.array(items, np.intp)
        return [None if column is None else column.take(numbers, axis=0) for column in self._columns]


class Numbers(Reader):
    """Item i is the number `start + i * step`."""

    def __init__(self, start: int, step: int, dtype: np.dtype):
        self._start, self._step, self._dtype = start, step, dtype

    def row(self, x: int) -> list:
        return [self._dtype.type(self._start + self._step * x)]

    def batch(self, items: list) -> list:
        return [np.array([self._start + self._step * x for x in items], np.int64).astype(self._dtype)]


class Zipped(Reader):
    """Items are tuples, with an item for each of several readers, whose elements stand side by side: in this
    `order`, if it is not that of the items.
    """

    def __init__(self, readers: Sequence[Reader], order: Sequence[int] = ()):
        self._parts = [(readers[k], k) for k in order or range(len(readers))]

    def row(self, x: tuple) -> list:
        return [value for reader, k in self._parts for value in reader.row(x[k])]

    def batch(self, items: list) -> list:
        columns = list(zip(*items))
        return [value for reader, k in self._parts for value in reader.batch(list(columns[k]))]

    @property
    def computes(self) -> bool:
        return any(reader.computes for reader, _ in self._parts)


class Windowed(Reader):
    """Items are lists of elements, of which datasets are made."""

    def __init__(self, made: Callable[[list], list]):
        super().__init__([])
        self._made = made

    def row(self, x: list) -> list:
        return self._made(x)


class Mapped(Reader):
    """What a function makes of the elements: of a batch of them at the same time."""

    def __init__(self, reader: Reader, call: Any):
        self._reader, self._call = reader, call

    def row(self, x: Any) -> list:
        return self._call(self._reader.row(x))

    def batch(self, items: list) -> list:
        return self._call.of_all(self._reader.batch(items))

    def rows(self, items: list) -> list[list]:
        found, at = [], 0
        while at < len(items):
            n = min(
                _AT_ONCE, 1 << (len(items) - at).bit_length() - 1
            )  # few sizes, for each of which it is traced
            columns = self.batch(items[at : at + n])
            found += [[item(column, i) for column in columns] for i in range(n)]
            at += n
        return found

    @property
    def computes(self) -> bool:
        return True


class Read(Stream):
    """The elements that the items of a stream stand for."""

    kept = ("_items",)

    def __init__(self, items: Stream, reader: Reader):
        self._items, self._reader = items, reader

    def __next__(self) -> list:
        return self._reader.row(next(self._items))

    def take(self, n: int) -> list:
        return self._reader.rows(self._items.take(n))
