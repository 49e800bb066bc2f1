"""A tiny machine that runs compiled kernels one after another, in one call that lets go of the GIL.

Every piece of machine code has one shape, `int64 entry(int64* words)`: `words` holds its arguments, and a result
other than 0 says to stop. A program has that shape as well, so that programs nest: it is the entry of `RUN` with
the words `[position, count, entry, words, entry, words, ...]`. One that was stopped goes on where it was, when it
is run again.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.compile.native import addresses

RUN = '''"""Run a program's steps, from where it was stopped, if it was."""
from nbtape.kernels.machine import at, call


def kernel(here: "here") -> "int64":
    words = at(here)
    position = words[0]
    while position < words[1]:
        stop = call(words[2 + 2 * position], words[3 + 2 * position])
        if stop != 0:
            words[0] = position
            return stop
        position += 1
    words[0] = 0
    return 0
'''

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def words(*arguments: Any) -> np.ndarray:
    """A table of argument words: integers, addresses, and the bits of NumPy's floats.

    Example:
        >>> words(3, np.float32(1)).tolist()
        [3, 1065353216]
    """
    table = np.zeros(len(arguments), np.int64)
    for k, argument in enumerate(arguments):
        if isinstance(argument, np.floating | float):
            value = np.asarray(argument)
            table[k : k + 1].view(value.dtype)[0] = value
        else:
            table[k] = argument
    return table


class Program:
    """Steps, each an entry's address and its argument words, that run in one call.

    The words may be changed between runs, in place. `address` and `words.ctypes.data` make it a step of another.

    Example:
        >>> program = Program([(entry, words(10, x.ctypes.data))])  # doctest: +SKIP
        >>> program.run()  # doctest: +SKIP
        0
    """

    def __init__(self, steps: Sequence[tuple[int, np.ndarray]]):
        self.steps = steps  # keeps the argument words alive
        self.words = words(
            0, len(steps), *(word for entry, table in steps for word in (entry, table.ctypes.data))
        )
        (self.address,) = addresses([RUN])
        self._entry, self._words = _ENTRY(self.address), self.words.ctypes.data

    def run(self) -> int:
        """Run the steps; 0, or what the step that stopped them returned, to go on from there when run again."""
        return self._entry(self._words)
