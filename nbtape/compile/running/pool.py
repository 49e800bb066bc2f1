"""Arrays for results, whose memory is used again once nobody holds them.

To write to memory that is fresh from the system costs a page fault every 4 KB, more than most kernels take.
"""

import sys
from math import prod

import numpy as np

_LARGE = 1 << 16  # bytes from which on it pays
_KEPT = 3  # blocks of one size, of which all but one or two are in the hands of the user


class Pool:
    """Makes arrays of one shape and dtype."""

    def __init__(self, shape: tuple, dtype: np.dtype):
        self.shape, self.dtype = shape, dtype
        self.blocks: list[np.ndarray] = []
        self.take = self._again if prod(shape) * dtype.itemsize >= _LARGE else self._new

    def _new(self) -> np.ndarray:
        return np.empty(self.shape, self.dtype)

    def _again(self) -> np.ndarray:
        """A view of a block of which there is no other view any more, or of a new one."""
        for block in self.blocks:
            if sys.getrefcount(block) == _FREE:
                return block[:]
        block = np.empty(self.shape, self.dtype)
        if len(self.blocks) == _KEPT:
            self.blocks.pop(0)
        self.blocks.append(block)
        return block[:]


def _held_by_a_list() -> int:
    """What `getrefcount` says, in a loop, of an array that only a list holds."""
    for block in [np.empty(1)]:
        return sys.getrefcount(block)
    raise AssertionError


_FREE = _held_by_a_list()
