"""Threads that share the parts of big work.

A pool of our own: Numba's own layers abort or deadlock where two Python threads, or a fork, meet them, and
BLAS's threads spin when they have nothing to do. The parts are handed out one by one, so that a thread that
shares its core with another program takes fewer, and one that wakes up late is not waited for. Machine code
and NumPy let go of the GIL, so the parts run at the same time.

Linux likes to wake a thread up on the core of the thread that wakes it, which it then pushes aside. So the
helpers are kept off the caller's core; and where another program has theirs, they are left alone for a while.

To wake a thread up takes 50 us, and as long again where it waits for the GIL. Parts in machine code need
neither: who helped with some looks out for more for a millisecond, which is about a step of training.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from time import perf_counter, sleep
from typing import NamedTuple

import numpy as np

from nbtape.core.kernel import late

Task = Callable[[], object]

_SOON = 50e-6  # seconds; it takes about as long to fall asleep and be woken up again
_LATE = 300e-6  # seconds of waiting for a helper, with nothing else to do, after which it is left alone
_PATIENCE = 1e-3  # seconds for which a helper looks out for more parts in machine code
_TRIAL = 2000  # looks that are timed, to tell how many these are
_REST = 10  # times as long as it was waited for it is left alone then, so that it costs a tenth at most


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

    def wait(self) -> float:
        """Until all tasks are done, and for how long; then raise what one of them raised."""
        done, began = self._done, perf_counter()
        try:
            while not done.acquire(blocking=False):
                if perf_counter() - began > _SOON:
                    done.acquire()
                    break
                sleep(0)  # which lets go of the GIL
        except BaseException:  # an interrupt; nobody may write to the caller's arrays once he has them back
            done.acquire()
            raise
        if self._error is not None:
            raise self._error
        return perf_counter() - began


_IDLE = _Batch(())


class Native(NamedTuple):
    """The machine code of `kernels/board.py`: each function takes the address of its arguments' words."""

    lead: Callable[[int], int]  # board, parts, count
    follow: Callable[[int], int]  # board, patience


class _Board:
    """Parts in machine code, of which each thread takes the next until none is left."""

    def __init__(self) -> None:
        board = np.zeros(8, np.int64)
        self._lead, self._follow = np.zeros(3, np.int64), np.zeros(2, np.int64)  # what the two are told
        self._lead[0] = self._follow[0] = board.ctypes.data
        self._at = self._lead.ctypes.data, self._follow.ctypes.data
        self._board = board  # which the addresses do not keep
        self._native: Native | None = None

    def lead(self, native: Native, parts: np.ndarray) -> int:
        """Do parts, and let others; how many are not done yet."""
        self._native = native
        self._lead[1], self._lead[2] = parts.ctypes.data, len(parts)
        return native.lead(self._at[0])

    def wait(self, native: Native) -> float:
        """Until all parts are done, and for how long."""
        self._lead[2], began = 0, perf_counter()
        try:
            while native.lead(self._at[0]):
                sleep(0)
        except BaseException:  # an interrupt; nobody may write to the caller's arrays once he has them back
            while native.lead(self._at[0]):
                sleep(0)
            raise
        return perf_counter() - began

    def work(self) -> None:
        """Help, and look out for more."""
        if self._native is not None:
            if not self._follow[1]:
                self._follow[1] = _looks(self._native)
            self._native.follow(self._at[1])


def _looks(native: Native) -> int:
    """How often a helper looks at a board in the time for which it is to stay."""
    board = np.zeros(8, np.int64)
    words = np.array([board.ctypes.data, _TRIAL])
    began = perf_counter()
    native.follow(words.ctypes.data)
    return int(_TRIAL * _PATIENCE / (perf_counter() - began))


class Crew:
    """`size` threads, of which the one that calls `run` is one."""

    def __init__(self, size: int):
        self.size = size
        self._lock = threading.Lock()  # one call has the crew at a time; others work alone
        self._batch: _Batch | _Board = _IDLE
        self._board = _Board()
        self._go = [threading.Lock() for _ in range(size - 1)]
        self._place = Place()
        self._until = 0.0  # until then helpers are left alone
        self._awake = 0.0  # until then they look out for more
        for go in self._go:
            go.acquire()
            thread = threading.Thread(target=self._serve, args=[go], name="nbtape-crew", daemon=True)
            thread.start()
            self._place.add(thread)

    def run(self, tasks: Sequence[Task]) -> None:
        """Do all `tasks`, in any order, and come back when they are done.

        Raises what one of them raised, once the others are done.

        >>> done = []
        >>> Crew(2).run([lambda: done.append(1), lambda: done.append(2)])
        >>> sorted(done)
        [1, 2]
        """
        if len(tasks) < 2 or perf_counter() < self._until or not self._lock.acquire(blocking=False):
            for task in tasks:
                task()
            return
        try:
            batch = _Batch(tasks)
            self._call(batch, len(tasks))
            batch.work()
            self._judge(batch.wait())
        finally:
            self._batch = _IDLE  # which holds no arrays
            self._lock.release()

    def share(self, native: Native, parts: np.ndarray) -> None:
        """Do all `parts`, in any order, and come back when they are done.

        `parts` are rows of two words, the address of machine code and that of its arguments' words.
        """
        if self._together(native, parts):
            self._awake = perf_counter() + _PATIENCE
        else:
            _Board().lead(native, parts)

    def offer(self, native: Native, parts: np.ndarray) -> bool:
        """`share` parts with threads that look out for more just now. False, with nothing done, where there
        are none: for little work it costs more to have its arrays fetched by another core, and back for the
        next step of training, than that core saves.
        """
        return perf_counter() < self._awake and self._together(native, parts)

    def _together(self, native: Native, parts: np.ndarray) -> bool:
        """Do parts together with helpers; False, with nothing done, where these are left alone."""
        if len(parts) < 2 or perf_counter() < self._until or not self._lock.acquire(blocking=False):
            return False
        try:
            self._call(self._board, len(parts))
            if self._board.lead(native, parts):
                self._judge(self._board.wait(native))
        finally:
            self._lock.release()
        return True

    def _call(self, batch: _Batch | _Board, parts: int) -> None:
        """Have helpers take part in what is to be done."""
        self._batch = batch
        self._place.clear()
        for go in self._go[: parts - 1]:
            if go.locked():  # else its thread has not yet woken up for an earlier batch
                go.release()

    def _judge(self, waited: float) -> None:
        """Leave helpers alone that were waited for; they share a core with another program."""
        if waited > _LATE:
            self._until = perf_counter() + _REST * waited

    def _serve(self, go: threading.Lock) -> None:
        while True:
            go.acquire()
            self._batch.work()


class Place:
    """Keeps threads off the core of the one that calls, where the system lets us."""

    def __init__(self) -> None:
        self._threads: list[int] = []
        self._here = -1
        self._cores = _cores()
        self._core = _core_now() if len(self._cores) > 1 else None

    def add(self, thread: threading.Thread) -> None:
        if thread.native_id is not None:
            self._threads.append(thread.native_id)

    def clear(self) -> None:
        """See to it that the core of the calling thread is left to it."""
        if self._core is None:
            return
        here = self._core()
        if here == self._here:
            return
        self._here = here
        for thread in self._threads:
            try:
                os.sched_setaffinity(thread, self._cores - {here} or self._cores)
            except OSError:  # the process was since confined to other cores
                self._core = None


def _cores() -> set[int]:
    """The cores that this process may use, by number where the system tells."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _core_now() -> Callable[[], int] | None:
    """The C library's function that says which core the calling thread is on."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.PyDLL(None), "sched_getcpu", None)  # quick: to let go of the GIL costs more


THREADS = len(_cores())


_native = late("nbtape.kernels.cpu.crew:native")


@cache
def native() -> Native:
    """The machine code with which threads share parts, for what runs operation by operation."""
    return Native(*_native())


@cache
def _crew(process: int) -> Crew:
    return Crew(THREADS)


def crew() -> Crew:
    """The crew of this process: a fork has threads of its own."""
    return _crew(os.getpid())
