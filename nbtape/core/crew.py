"""Threads that share the parts of big work.

A pool of our own: Numba's own layers abort or deadlock where two Python threads, or a fork, meet them, and
BLAS's threads spin when they have nothing to do. The parts are handed out one by one, so that a thread that
shares its core with another program takes fewer, and one that wakes up late is not waited for. Machine code
and NumPy let go of the GIL, so the parts run at the same time.
"""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache

Task = Callable[[], object]


class _Batch:
    """Tasks of which each thread takes the next until none is left."""

    def __init__(self, tasks: Sequence[Task]):
        self._tasks = iter(tasks)  # to take the next of a list's is whole under the GIL
        self._left = list(range(len(tasks)))
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None

    def work(self) -> None:
        for task in self._tasks:
            try:
                task()
            except BaseException as error:
                self._error = error
            if self._left.pop() == 0:
                self._done.release()

    def wait(self) -> None:
        """Until all tasks are done; then raise what one of them raised."""
        try:
            self._done.acquire()
        except BaseException:  # an interrupt; nobody may write to the caller's arrays once he has them back
            self._done.acquire()
            raise
        if self._error is not None:
            raise self._error


_IDLE = _Batch(())


class Crew:
    """`size` threads, of which the one that calls `run` is one."""

    def __init__(self, size: int):
        self.size = size
        self._lock = threading.Lock()  # one call has the crew at a time; others work alone
        self._batch = _IDLE
        self._go = [threading.Lock() for _ in range(size - 1)]
        for go in self._go:
            go.acquire()
            threading.Thread(target=self._serve, args=[go], name="nbtape-crew", daemon=True).start()

    def run(self, tasks: Sequence[Task]) -> None:
        """Do all `tasks`, in any order, and come back when they are done.

        Raises what one of them raised, once the others are done.

        >>> done = []
        >>> Crew(2).run([lambda: done.append(1), lambda: done.append(2)])
        >>> sorted(done)
        [1, 2]
        """
        if len(tasks) < 2 or not self._lock.acquire(blocking=False):
            for task in tasks:
                task()
            return
        try:
            self._batch = batch = _Batch(tasks)
            for go in self._go[: len(tasks) - 1]:
                if go.locked():  # else its thread has not yet woken up for an earlier batch
                    go.release()
            batch.work()
            batch.wait()
        finally:
            self._batch = _IDLE  # which holds no arrays
            self._lock.release()

    def _serve(self, go: threading.Lock) -> None:
        while True:
            go.acquire()
            self._batch.work()


# The cores that this process may use.
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _crew(process: int) -> Crew:
    return Crew(THREADS)


def crew() -> Crew:
    """The crew of this process: a fork has threads of its own."""
    return _crew(os.getpid())
