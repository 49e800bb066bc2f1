"""Threads that share the parts of a big loop.

A pool of our own: Numba's own layers abort or deadlock where two Python threads, or a fork, meet them. The
parts are handed out one by one, so that a thread that shares its core with another program takes fewer.
Machine code lets go of the GIL, so they run at the same time.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache

Task = Callable[[], object]


class Crew:
    """`size` threads, of which the one that calls `run` is one."""

    def __init__(self, size: int):
        self.size = size
        self._lock = threading.Lock()  # one call has the crew at a time; others work alone
        self._tasks: Iterator[Task] = iter(())
        self._go = [threading.Semaphore(0) for _ in range(size - 1)]
        self._done = threading.Semaphore(0)
        for go in self._go:
            threading.Thread(target=self._serve, args=[go], name="nbtape-crew", daemon=True).start()

    def run(self, tasks: Sequence[Task]) -> None:
        """Do all `tasks`, in any order, and come back when they are done."""
        if not self._lock.acquire(blocking=False):
            _work(iter(tasks))
            return
        helpers = self._go[: len(tasks) - 1]
        try:
            self._tasks = iter(tasks)  # of which each thread takes the next: under the GIL that is whole
            for go in helpers:
                go.release()
            _work(self._tasks)
        finally:
            for _ in helpers:
                self._done.acquire()
            self._lock.release()

    def _serve(self, go: threading.Semaphore) -> None:
        while True:
            go.acquire()
            try:
                _work(self._tasks)
            finally:
                self._done.release()


def _work(tasks: Iterator[Task]) -> None:
    for task in tasks:
        task()


@cache
def _crew(process: int) -> Crew:
    return Crew(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def crew() -> Crew:
    """The crew of this process: a fork has threads of its own."""
    return _crew(os.getpid())
