"""A tiny machine that runs compiled kernels one after another, in one call that lets go of the GIL.

Every piece of machine code has one shape, `int64 entry(int64* words)`: `words` holds its arguments, and a
result other than 0 says to stop. What steers the kernels has that shape as well, and is itself compiled as
kernels are (`steps.py`). So programs nest; and one that was stopped goes on where it was when run again.
"""

import ctypes
import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from nbtape.compile.code.native import addresses
from nbtape.compile.running.steps import BRANCH, FOLLOW, LEAD, LOOP, RUN
from nbtape.core.crew import Native

PAUSE = -1  # what a loop returns now and then, for Python to see a Ctrl-C
_PATIENCE = np.array([64, 64])  # trips of all loops until the next pause, and from one to the next
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


def words(*arguments: Any) -> np.ndarray:
    """A table of argument words: integers, addresses, and the bits of NumPy's numbers.

    Example:
        >>> words(3, np.float32(1)).tolist()
        [3, 1065353216]
    """
    table = np.zeros(len(arguments), np.int64)
    for k, argument in enumerate(arguments):
        if isinstance(argument, np.generic):
            table[k : k + 1].view(argument.dtype)[0] = argument
        else:
            table[k] = argument
    return table


@cache
def shared() -> Native:
    """How threads share parts of work."""
    return Native(*map(_ENTRY, addresses([LEAD, FOLLOW])))


class Step:
    """An entry and its argument words. The words may be changed between runs, in place."""

    def __init__(self, entry: int, words: np.ndarray):
        self.entry, self.words, self.address = entry, words, words.ctypes.data

    def __iter__(self) -> Iterator[Any]:
        return iter((self.entry, self.words))


class Program(Step):
    """Steps that run in one call; a step itself, too.

    Example:
        >>> text = '''def kernel(n: "int64", x: "float32*"):
        ...     for i in range(n):
        ...         x[i] += 1
        ... '''
        >>> x = np.zeros(2, np.float32)
        >>> add = (addresses([text])[0], words(2, x.ctypes.data))
        >>> Program([add, add]).run(), x.tolist()
        (0, [2.0, 2.0])
    """

    def __init__(self, steps: Sequence[Step | tuple[int, np.ndarray]]):
        self.steps = [step if isinstance(step, Step) else Step(*step) for step in steps]
        (entry,) = addresses([RUN])
        pairs = [word for step in self.steps for word in (step.entry, step.address)]
        super().__init__(entry, words(0, len(self.steps), *pairs))
        self.enter = _ENTRY(entry)
        self.place = ctypes.c_int64(self.address)  # as `enter` takes it: to convert a number takes longer

    def run(self) -> int:
        """Run the steps; 0, or the address of the words of the one that stopped: the next run goes on."""
        return self.resumed(self.enter(self.place))

    def resumed(self, stop: int) -> int:
        """Go on after each pause, and space them so that neither Ctrl-C waits nor the loop."""
        while stop == PAUSE:
            start = time.perf_counter()
            stop = self.enter(self.place)
            seconds = time.perf_counter() - start
            if stop == PAUSE and seconds < 0.01:
                _PATIENCE[1] *= 2
            elif seconds > 0.1:
                _PATIENCE[1] = max(_PATIENCE[1] // 2, 1)
        return stop

    def reset(self) -> None:
        """Forget where it was stopped: the next run begins at the first step."""
        self.words[0] = 0
        for step in self.steps:
            if isinstance(step, Program | Loop | Branch):
                step.reset()


class Loop(Step):
    """A step that runs a body `limit` times at most, and while the byte that its test writes is not 0.

    `moves` are (table of words, index, stride, flip): after each trip that word is `(word + stride) ^ flip`,
    and when the loop starts anew it is again what it was. After `room` trips the loop stops its program: the
    run returns this loop's `address`, and goes on when there is more room and it is run again.
    """

    def __init__(
        self,
        body: Program,
        test: Program | None = None,
        verdict: int = 0,
        limit: int = -1,
        room: int = -1,
        moves: Sequence[tuple[np.ndarray, int, int, int]] = (),
    ):
        self.body, self.test, self.moves = body, test, moves
        (entry,) = addresses([LOOP])
        tested = (test.entry, test.address) if test else (0, 0)
        head = words(
            *(
                0,
                0,
                limit,
                room,
                _PATIENCE.ctypes.data,
                *tested,
                verdict,
                body.entry,
                body.address,
                len(moves),
            )
        )
        places = [(table.ctypes.data + 8 * k, table[k], stride, flip) for table, k, stride, flip in moves]
        super().__init__(entry, np.concatenate([head, np.array(places, np.int64).ravel()]))

    def start(self, k: int) -> int:
        """Which of the loop's words is the one that move k begins with."""
        return 12 + 4 * k

    @property
    def trips(self) -> int:
        """How many trips are done."""
        return int(self.words[1])

    def reset(self) -> None:
        self.words[0] = 0
        self.body.reset()
        if self.test:
            self.test.reset()


class Branch(Step):
    """A step that runs one of several programs, or nothing, by the byte at the address `choice`."""

    def __init__(self, choice: int, programs: Sequence[Program | None]):
        self.programs = programs
        (entry,) = addresses([BRANCH])
        pairs = [word for p in programs for word in ((p.entry, p.address) if p else (0, 0))]
        super().__init__(entry, words(0, choice, len(programs), *pairs))

    def reset(self) -> None:
        self.words[0] = 0
        for program in self.programs:
            if program:
                program.reset()
