"""Batches of arrays or of datasets, as `fit` and its kin take them."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.engine import tensor
from nbtape.ops.random import shuffle as shuffled
from nbtape.train.data import Dataset


def batches(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    limit: int | None = None,
) -> Iterator[tuple]:
    """Tuples `(x, y, sample_weight)`, without what there is none of, at most `limit`.

    A dataset, or what yields batches, is gone through as it is.
    """
    if isinstance(x, Dataset) or not (hasattr(x, "shape") or nest.is_nested(x)):
        yield from (b if isinstance(b, tuple) else (b,) for b in itertools.islice(x, limit))
        return
    arrays = nest.map_structure(
        np.asarray, tuple([part for part in (x, y, sample_weight) if part is not None])
    )
    sizes = {len(a) for a in nest.flatten(arrays)}
    if len(sizes) != 1:
        raise ValueError(
            f"Data cardinality is ambiguous. Make sure all arrays have one length: {sorted(sizes)}"
        )
    n, size = sizes.pop(), batch_size or 32
    order = np.asarray(shuffled(np.arange(n))) if shuffle else None
    for start in itertools.islice(range(0, n, size), limit):
        rows = slice(start, start + size) if order is None else order[start : start + size]
        yield nest.map_structure(lambda a, rows=rows: tensor(a[rows]), arrays)


def split(data: tuple, share: float) -> tuple[tuple, tuple]:
    """Arrays without their last `share` of rows, and these."""
    n = len(nest.flatten(data[0])[0])
    at = n - int(n * share)

    def cut(rows: slice) -> tuple:
        return nest.map_structure(lambda a: None if a is None else np.asarray(a)[rows], data)

    return cut(slice(at)), cut(slice(at, None))
