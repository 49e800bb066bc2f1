"""The arena: one block of memory for what lies between two units, which has bytes of its own while in use."""

from collections.abc import Sequence

import numpy as np

from nbtape.compile.planning.layout import Buffer

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def placed(buffers: Sequence[Buffer]) -> tuple[dict[Buffer, int], int]:
    """The byte at which each buffer begins, the first that are free while it is in use; and the bytes."""
    places: dict[Buffer, int] = {}
    size = 0
    taken = np.zeros((len(buffers), 4), np.int64)  # the first and last unit of each, begin and end
    for k, buffer in enumerate(sorted(buffers, key=lambda b: (-b.bytes, b.first))):
        others = taken[:k][(taken[:k, 0] <= buffer.last) & (taken[:k, 1] >= buffer.first)]
        begins, ends = others[np.argsort(others[:, 2]), 2:].T
        starts = np.maximum.accumulate(np.append(0, ends))  # after each that begins earlier
        gaps = np.flatnonzero(begins - starts[:-1] >= buffer.bytes)
        start = int(starts[gaps[0] if len(gaps) else -1])
        end = start + -(-max(buffer.bytes, 1) // ALIGNMENT) * ALIGNMENT
        taken[k] = buffer.first, buffer.last, start, end
        places[buffer] = start
        size = max(size, end)
    return places, size
