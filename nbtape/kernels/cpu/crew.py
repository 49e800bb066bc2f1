"""The machine code with which threads share parts of work, for what runs operation by operation."""

# pyright: reportCallIssue=false
# Numba calls intrinsics without their first argument.

from collections.abc import Callable

from numba import cfunc

from nbtape.kernels import board
from nbtape.kernels.machine import at


@cfunc("int64(int64)", cache=True)
def _lead(here):
    words = at(here)
    return board.lead(words[0], words[1], words[2])


@cfunc("int64(int64)", cache=True)
def _follow(here):
    words = at(here)
    return board.follow(words[0], words[1])


def native() -> tuple[Callable[[int], int], Callable[[int], int]]:
    """The two functions of `core/crew.py`'s Native, which let go of the GIL."""
    return _lead.ctypes, _follow.ctypes
