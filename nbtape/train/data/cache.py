"""Elements that are kept: by cache, in memory or in a file; and by save, in a folder."""

import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtape.core.errors import DataLossError
from nbtape.core.shape import TensorSpec
from nbtape.train.data.element import item, stacked
from nbtape.train.data.reader import Reader, Slices
from nbtape.train.data.stream import Blocks, Stream


class Cache:
    """The items of a stream, once it has come to its end."""

    items: Sequence[Any] | None = None  # None before

    def keep(self, items: list) -> None:
        self.items = items

    def state(self) -> Any:
        return list(self.items or ())

    def restore(self, state: Any) -> None:
        self.items = state


class RowCache(Cache, Reader):
    """The rows of a stream, once it has come to its end: as arrays, and in a file if it has a name.

    Items are rows before, and then their numbers.
    """

    def __init__(self, filename: str, specs: list):
        super().__init__(specs)
        self._file = f"{filename}.npz" if filename else ""
        self._arrays = all(s is None or isinstance(s, TensorSpec) for s in specs)
        self._rows: list | Slices = []

    def find(self) -> None:
        """Take the rows from the file, if it is there."""
        if self.items is None and self._file and os.path.exists(self._file):
            self._take_up(read_rows(self._file, self._specs))

    def keep(self, items: list) -> None:
        self._take_up(items)
        if self._file:
            write_rows(self._file, items)

    def _take_up(self, rows: list) -> None:
        alike = rows and self._arrays and all(map(_alike, zip(*rows)))
        self._rows = Slices(stacked(rows, self._specs)) if alike else rows
        self.items = range(len(rows))

    def row(self, x: Any) -> list:
        if type(x) is list:
            return x
        return self._rows.row(x) if isinstance(self._rows, Slices) else self._rows[x]

    def batch(self, items: list) -> list:
        if isinstance(self._rows, Slices) and all(type(x) is int for x in items):
            return self._rows.batch(items)
        return super().batch(items)

    def state(self) -> Any:
        return None if self._file else [self.row(x) for x in self.items or ()]

    def restore(self, state: Any) -> None:
        if state is None:
            self.find()
        else:
            self._take_up(state)


def _alike(column: Sequence[Any]) -> bool:
    """Whether arrays can be rows of one."""
    return len({None if v is None else (v.shape, v.dtype) for v in column}) == 1


class Cached(Blocks):
    """The items of a cache, or else of `opened()`, which the cache is then given."""

    def __init__(self, cache: Cache, opened: Callable[[], Stream]):
        self._cache, self._opened, self._i = cache, opened, 0
        self._known = cache.items
        self._source = opened() if self._known is None else None
        self._new: list = []

    def take(self, n: int) -> list:
        if self._known is not None:
            start, self._i = self._i, min(self._i + n, len(self._known))
            return list(self._known[start : self._i])
        found = self._source.take(n)  # type: ignore[union-attr]
        self._new += found
        if len(found) < n:
            self._cache.keep(self._new)
            self._known, self._i, self._new = self._cache.items, len(self._new), []
        return found

    def state(self) -> Any:
        if self._known is None:
            return {"source": self._source.state(), "new": list(self._new)}  # type: ignore[union-attr]
        return {"i": self._i, "kept": self._cache.state()}

    def restore(self, state: Any) -> None:
        if "i" in state:
            if self._cache.items is None:
                self._cache.restore(state["kept"])
            self._known, self._i, self._source = self._cache.items, state["i"], None
            return
        self._known, self._new, self._source = None, state["new"], self._opened()
        self._source.restore(state["source"])


def write_rows(file: str, rows: list[list]) -> None:
    """Write rows to a file that is whole as soon as it has its name; columns of one shape as one array."""
    arrays: dict[str, np.ndarray] = {"form": np.array([len(rows), len(rows[0]) if rows else 0])}
    for k, column in enumerate(zip(*rows)):
        if column[0] is None:
            continue
        if _alike(column):
            arrays[f"{k}"] = _plain(np.stack(column))
        else:
            arrays |= {f"{k}.{i}": _plain(v) for i, v in enumerate(column)}
    folder = os.path.dirname(os.path.abspath(file))
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
        try:
            np.savez(part, allow_pickle=False, **arrays)
            part.flush()
            os.fsync(part.fileno())
            os.replace(part.name, file)
        except BaseException:
            os.unlink(part.name)
            raise


def read_rows(file: str, specs: list) -> list[list]:
    """The rows that `write_rows` wrote."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            n, width = arrays["form"].tolist()
            if width not in (0, len(specs)):
                raise ValueError(f"its elements have {width} components, not {len(specs)}")
            columns = [_column(arrays, k, n, specs[k]) for k in range(width)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataLossError(
            None, None, f"{file} holds no elements of a dataset ({error}). Delete it to have them made anew."
        ) from None
    return [list(row) for row in zip(*columns)]


def _column(arrays: Any, k: int, n: int, spec: Any) -> list:
    if spec is None:
        return [None] * n
    if f"{k}" in arrays:
        values = _restored(arrays[f"{k}"], spec.dtype.np)
        return [item(values, i) for i in range(n)]
    return [_restored(arrays[f"{k}.{i}"], spec.dtype.np)[()] for i in range(n)]


def _plain(value: np.ndarray) -> np.ndarray:
    """An array that NumPy saves without pickle: strings end in a byte that is taken off again."""
    if value.dtype == object:
        return np.array([s + b"\1" for s in value.ravel()], "S").reshape(value.shape)
    return value


def _restored(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "O":  # dtypes that NumPy does not have come back as bytes without a name
        return value.view(dtype) if value.dtype.kind == "V" else value.astype(dtype, casting="equiv")
    if value.dtype.kind != "S":
        raise ValueError(f"an array of {value.dtype} stands where strings should be")
    out = np.empty(value.shape, object)
    out.ravel()[:] = [s[:-1] for s in value.ravel().tolist()]
    return out
