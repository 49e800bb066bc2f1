"""The threads of a simulated block, one after another: each runs until it ends or waits for the others.

Numba's simulator has them all run at once, and race for Python's lock, which takes most of the time. So a
block takes as many of Python's threads as wait at once, one where nobody waits, and its results are the same
at each run.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple


class _Index(NamedTuple):
    x: int
    y: int = 0
    z: int = 0


class _Ended(BaseException):
    """Another thread of the block has failed."""


def _taken() -> threading.Lock:
    """A lock that waits to be released."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class Block:
    """A block of `lanes` threads, each of which runs `work`."""

    def __init__(self, number: int, lanes: int, work: Callable[[], Any]):
        self.number, self.work = number, work
        self.lanes = deque(range(lanes))  # that have not begun
        self.ready: deque[_Thread] = deque()  # that waited for the others, and need no more
        self.waiting: deque[_Thread] = deque()
        self.error: BaseException | None = None
        self.done = _taken()

    def run(self) -> None:
        """Run all threads; raises what one of them raises."""
        _Thread(self).start()
        self.done.acquire()
        if self.error is not None:
            raise self.error

    def next(self) -> None:
        """Let another thread have its turn: one that has not begun, or, once all wait, the first of them."""
        if self.lanes and self.error is None:
            _Thread(self).start()
            return
        if not self.ready:
            self.ready, self.waiting = self.waiting, self.ready
        if self.ready:
            self.ready.popleft().turn.release()
        else:
            self.done.release()


class _Thread(threading.Thread):
    """Python's thread for threads of a block; what they ask the simulator for it finds here."""

    def __init__(self, block: Block):
        super().__init__(daemon=True)
        self.block, self.turn = block, _taken()
        self.blockIdx, self.threadIdx, self.thread_id = _Index(block.number), _Index(0), 0

    def run(self) -> None:
        block = self.block
        try:
            while block.lanes:
                self.thread_id = block.lanes.popleft()
                self.threadIdx = _Index(self.thread_id)
                block.work()
        except _Ended:
            pass
        except BaseException as error:
            block.error = block.error or error
        block.next()

    def syncthreads(self) -> None:
        """Wait until all threads of the block have come here, or ended."""
        self.block.waiting.append(self)
        self.block.next()
        self.turn.acquire()
        if self.block.error is not None:
            raise _Ended


def run(blocks: int, lanes: int, work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Call `work` with these arguments as each thread of each block does."""
    for number in range(blocks):
        Block(number, lanes, partial(work, *arguments)).run()
