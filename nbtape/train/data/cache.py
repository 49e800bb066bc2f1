"""Elements that are kept: by cache, in memory or in a file; and by save, in a folder."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.errors import DataLossError
from nbtape.train.data.element import item
from nbtape.train.data.stream import Blocks, Stream


class Cache:
    """Items kept once a stream has come to its end: in memory, or rows in a file if it has a name."""

    def __init__(self, filename: str, specs: list):
        self._items: list | None = None
        self._specs = specs
        self.file = f"{filename}.npz" if filename else ""

    @property
    def items(self) -> list | None:
        """What is kept; None before all has come."""
        if self._items is None and self.file and os.path.exists(self.file):
            self._items = read_rows(self.file, self._specs)
        return self._items

    def keep(self, items: list) -> None:
        self._items = items
        if self.file:
            write_rows(self.file, items)


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
            return self._known[start : self._i]
        found = self._source.take(n)  # type: ignore[union-attr]
        self._new += found
        if len(found) < n:
            self._cache.keep(self._new)
            self._known, self._i = self._new, len(self._new)
        return found

    def state(self) -> Any:
        if self._known is None:
            return {"source": self._source.state(), "new": list(self._new)}  # type: ignore[union-attr]
        return {"i": self._i, "known": [] if self._cache.file else list(self._known)}

    def restore(self, state: Any) -> None:
        if "i" in state:
            known = self._cache.items
            self._known = state["known"] if known is None else known
            if known is None:
                self._cache.keep(self._known)
            self._i, self._source = state["i"], None
            return
        self._known, self._new, self._source = None, state["new"], self._opened()
        self._source.restore(state["source"])


def write_rows(file: str, rows: list[list]) -> None:
    """Write rows to a file that is whole as soon as it has its name; columns of one shape as one array."""
    arrays: dict[str, np.ndarray] = {"form": np.array([len(rows), len(rows[0]) if rows else 0])}
    for k, column in enumerate(zip(*rows)):
        if column[0] is None:
            continue
        if len({(v.shape, v.dtype) for v in column}) == 1:
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
