"""Batches of arrays or of datasets, as `fit` and its kin take them."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.engine import tensor
from nbtape.ops.random import shuffle as shuffled
from nbtape.train.data import Dataset

_FLOAT = np.dtype(np.float32)
_TWICE = (
    "`{}` must not be given where `x` is a dataset or yields batches: have it yield tuples "
    "(inputs, targets, sample weights) instead."
)


class Batches:
    """Tuples `(x, y, sample_weight)`, without what there is none of, or `x` alone; each round has all.

    A dataset, or what yields batches, is gone through as it is; with `limit` batches a round, the next round
    goes on where the last stopped. `count` is the number of batches in a round, None where it is not known.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        limit: int | None = None,
        class_weight: dict | None = None,
    ):
        self._source, self._shuffle, self._limit, self._class_weight = x, shuffle, limit, class_weight
        self._size, self._arrays, self._left = batch_size or 32, None, None
        self.count = limit
        if isinstance(x, Dataset) or not (hasattr(x, "shape") or nest.is_nested(x)):
            for name, given in (("y", y), ("sample_weight", sample_weight)):
                if given is not None:
                    raise ValueError(_TWICE.format(name))
            if limit is None and hasattr(x, "__len__"):
                self.count = _length(x)
            return
        parts = (x, y, sample_weight)[: 3 if sample_weight is not None else 2 if y is not None else 1]
        parts = x if len(parts) == 1 and not isinstance(x, list | tuple) else parts
        leaves, self._rebuild = nest.opened(parts)
        self._arrays = [_array(leaf) for leaf in leaves]
        sizes = {len(a) for a in self._arrays if a is not None}
        if len(sizes) != 1:
            raise ValueError(
                f"Data cardinality is ambiguous. Make sure all arrays have one length: {sorted(sizes)}"
            )
        (self._rows,) = sizes
        self.count = -(-self._rows // self._size)
        self.count = self.count if limit is None else min(limit, self.count)

    def __iter__(self) -> Iterator[tuple]:
        found = self._given() if self._arrays is None else self._cut(self._arrays)
        return found if self._class_weight is None else map(self._weighed, found)

    def _given(self) -> Iterator[tuple]:
        if self._limit is None:
            rows: Iterable = self._source
        else:
            if self._left is None:
                again = itertools.chain.from_iterable(itertools.repeat(self._source))
                self._left = again if isinstance(self._source, Dataset) else iter(self._source)
            rows = itertools.islice(self._left, self._limit)
        for batch in rows:
            yield nest.map_structure(lambda x: None if x is None else tensor(x), batch)

    def _cut(self, arrays: list) -> Iterator[tuple]:
        order = np.asarray(shuffled(np.arange(self._rows))) if self._shuffle else None
        for start in range(0, self._size * (self.count or 0), self._size):
            rows = slice(start, start + self._size)
            at = rows if order is None else order[rows]
            yield self._rebuild([None if a is None else tensor(a[at]) for a in arrays])

    def _weighed(self, batch: tuple) -> tuple:
        """A batch whose examples count what their classes do."""
        x, y, weight = (*batch, None, None)[:3]
        labels = np.asarray(y)
        classes = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.ravel()
        table: dict = self._class_weight or {}
        found = np.array([table.get(int(c), 1.0) for c in classes], _FLOAT)
        return x, y, tensor(found) if weight is None else weight * found


def _array(x: Any) -> Any:
    """An array that rows are taken of: floats are float32, as in Keras."""
    if x is None:
        return None
    a = np.asarray(x)
    return a.astype(_FLOAT) if a.dtype.kind == "f" and a.dtype != _FLOAT else a


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:  # a dataset whose length is not known
        return None


def unpacked(data: Any) -> tuple:
    """`(x, y, sample_weight)` of a batch, None where there is none."""
    data = data if isinstance(data, tuple) else (data,)
    return (*data, None, None)[:3]


def split(data: tuple, share: float) -> tuple[tuple, tuple]:
    """Arrays without their last `share` of rows, and these."""
    if isinstance(data[0], Dataset):
        raise ValueError("`validation_split` takes arrays. Write `validation_data=dataset.take(n)` instead.")
    n = len(nest.flatten(data[0])[0])
    at = int(n * (1.0 - share))

    def cut(rows: slice) -> tuple:
        return nest.map_structure(lambda a: None if a is None else np.asarray(a)[rows], data)

    return cut(slice(at)), cut(slice(at, None))
