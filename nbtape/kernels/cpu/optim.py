"""Optimizer updates fused into one pass over memory, in place, with the rules of Keras.

A kernel takes all variables of a step at once: `rows` of a variable, its slots and its gradient. Where all
are float32, or all float64, and in C order, machine code runs through them in parts, which threads may share.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# Numba calls intrinsics without their first argument, and documents `carray` as its own.

import threading
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import chain
from math import sqrt
from typing import Any

import numpy as np
from numba import carray, cfunc, njit

from nbtape.kernels.cpu.arrays import DATA, HALVES, Array, update_in_place, wide
from nbtape.kernels.machine import at, call, pointer

LEAST = {char: 1e4 * float(np.finfo(char).tiny) for char in "fd"}  # moments below this count as 0
_PART = 1 << 14  # numbers of a part: some ten microseconds of work
_MUCH = 3 * _PART  # numbers from which on it is worth it to have other threads take part

Rows = Sequence[tuple[Array, ...]]
# Does parts, the address of the machine code and of the words of each, or says that it does not.
Offer = Callable[[Array], bool]


def sgd(rows: Rows, lr: float, offer: Offer | None = None) -> None:
    """Step each `p` down its gradient `g`: p -= lr*g."""
    step(sgd_loop, _sgd_part, rows, (lr,), offer)


def momentum(rows: Rows, lr: float, mu: float, nesterov: bool = False, offer: Offer | None = None) -> None:
    """Step each `p` by its velocity `v`: v = mu*v - lr*g, then p += v, or p += mu*v - lr*g for Nesterov's."""
    step(momentum_loop, _momentum_part, rows, (lr, mu, nesterov), offer)


def adam(
    rows: Rows, alpha: float, beta1: float, beta2: float, eps: float, offer: Offer | None = None
) -> None:
    """Step each `p` by Adam with its moments `m` and `v`; `alpha` is the rate with the bias corrected.

    m += (g - m)*(1 - beta1), v += (g*g - v)*(1 - beta2), p -= alpha*m / (sqrt(v) + eps).

    Moments that have all but vanished become 0: where a gradient stays 0, as behind a dead relu, they would
    shrink to denormal numbers, with which processors are twenty times slower.
    """
    least = LEAST["d" if rows[0][0].dtype.char == "d" else "f"]
    scalars = (alpha, 1.0 - float(beta1), 1.0 - float(beta2), eps, least)
    step(adam_loop, _adam_part, rows, scalars, offer)


def step(
    loop: Callable[..., None], part: Any, rows: Rows, scalars: Sequence[float], offer: Offer | None
) -> None:
    """Do the update of `loop` for all rows, by machine code of its parts where that can be."""
    dtype, numbers = rows[0][0].dtype, [float(x) for x in scalars]
    if dtype.char in HALVES or not all(
        [x.dtype == dtype and x.flags.c_contiguous for row in rows for x in row]
    ):
        for row in rows:
            _apart(loop, row, numbers)
        return
    sizes = tuple([row[0].size for row in rows])
    table = _tables.of(part, dtype.type, sizes, len(rows[0]), len(numbers))
    table.tell(rows, numbers)
    if offer is None or table.size < _MUCH or not offer(table.parts):
        _alone(*table.all)


def _apart(loop: Callable[..., None], row: tuple[Array, ...], numbers: list[float]) -> None:
    """Do `loop` for a row of arrays of any kind."""
    *targets, g = row
    gradient = wide(g).reshape(-1).view()
    gradient.setflags(write=False)  # as `dense` does
    update_in_place(lambda *ready: loop(*[t.reshape(-1) for t in ready], gradient, *numbers), *targets)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def sgd_loop(p, g, lr):
    """Do `sgd` on flat arrays."""
    lr = p.dtype.type(lr)
    for i in range(p.size):
        p[i] -= lr * g[i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def momentum_loop(p, v, g, lr, mu, nesterov):
    """Do `momentum` on flat arrays."""
    lr, mu = p.dtype.type(lr), p.dtype.type(mu)
    for i in range(p.size):
        step = lr * g[i]
        velocity = mu * v[i] - step
        v[i] = velocity
        p[i] += mu * velocity - step if nesterov else velocity


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def adam_loop(p, m, v, g, alpha, rate1, rate2, eps, least):
    """Do `adam` on flat arrays."""
    alpha, eps, least = p.dtype.type(alpha), p.dtype.type(eps), p.dtype.type(least)
    rate1, rate2, zero = p.dtype.type(rate1), p.dtype.type(rate2), p.dtype.type(0)
    for i in range(p.size):
        mean = m[i] + (g[i] - m[i]) * rate1
        square = v[i] + (g[i] * g[i] - v[i]) * rate2
        mean = zero if abs(mean) < least else mean
        square = zero if square < least else square
        m[i] = mean
        v[i] = square
        p[i] -= alpha * mean / (sqrt(square) + eps)


# Parts: their words say where the objects of a row are, the byte of each array at which the part begins, how
# many numbers it has, and where those are that all parts share.


@njit
def _piece(words, k, number):
    """The numbers of array k of a row that belong to a part."""
    return carray(pointer(at(at(words[0])[k] + DATA)[0] + words[1]), words[2], number)


def _sgd_part(number: type) -> Callable[[int], int]:
    def part(here):
        x = at(here)
        s = carray(pointer(x[3]), 1, np.float64)
        sgd_loop(_piece(x, 0, number), _piece(x, 1, number), s[0])
        return 0

    return part


def _momentum_part(number: type) -> Callable[[int], int]:
    def part(here):
        x = at(here)
        s = carray(pointer(x[3]), 3, np.float64)
        p, v, g = _piece(x, 0, number), _piece(x, 1, number), _piece(x, 2, number)
        momentum_loop(p, v, g, s[0], s[1], s[2] != 0)
        return 0

    return part


def _adam_part(number: type) -> Callable[[int], int]:
    def part(here):
        x = at(here)
        s = carray(pointer(x[3]), 5, np.float64)
        p, m, v, g = _piece(x, 0, number), _piece(x, 1, number), _piece(x, 2, number), _piece(x, 3, number)
        adam_loop(p, m, v, g, s[0], s[1], s[2], s[3], s[4])
        return 0

    return part


@cache
def _entry(part: Callable[[type], Callable], number: type) -> Any:
    """The machine code of the parts of a rule."""
    return cfunc("int64(int64)", cache=True)(part(number))


@njit("void(int64, int64)", cache=True, nogil=True)
def _alone(parts, count):
    for k in range(count):
        call(at(parts)[2 * k], at(parts)[2 * k + 1])


class _Table:
    """What the parts of a step over variables of these sizes are told."""

    def __init__(self, part: Any, number: type, sizes: tuple[int, ...], columns: int, scalars: int):
        self._objects = np.zeros((len(sizes), columns), np.int64)
        self._ids = memoryview(self._objects.reshape(-1))  # pyright: ignore[reportArgumentType] it has a buffer
        self._scalars = np.zeros(scalars)
        self.size, width = sum(sizes), np.dtype(number).itemsize
        rows, pitch = self._objects.ctypes.data, self._objects.strides[0]
        self._words = np.array(
            [
                (rows + k * pitch, first * width, min(_PART, size - first), self._scalars.ctypes.data)
                for k, size in enumerate(sizes)
                for first in range(0, size, _PART)
            ],
            np.int64,
        ).reshape(-1, 4)
        at, pitch, entry = self._words.ctypes.data, self._words.strides[0], _entry(part, number).address
        self.parts = np.array([(entry, at + k * pitch) for k in range(len(self._words))]).reshape(-1, 2)
        self.all = self.parts.ctypes.data, len(self.parts)

    def tell(self, rows: Rows, scalars: Sequence[float]) -> None:
        """Which arrays and numbers it is this time; the objects have to live until the parts are done."""
        ids = self._ids
        for k, array in enumerate(chain.from_iterable(rows)):
            ids[k] = id(array)
        self._scalars[:] = scalars


class _Tables(threading.local):
    """The tables of a thread: to make one takes longer than to fill it in."""

    def __init__(self) -> None:
        self.of = lru_cache(_Table)


_tables = _Tables()
