"""Optimizer updates fused into one pass over memory, in place, with the rules of Keras."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import HALVES, Array, update_in_place, wide

LEAST = {char: 1e4 * float(np.finfo(char).tiny) for char in "fd"}  # moments below this count as 0


def sgd(p: Array, g: Array, lr: float) -> None:
    """Step `p` down the gradient `g`: p -= lr*g."""
    step(sgd_loop, (p,), g, float(lr))


def momentum(p: Array, v: Array, g: Array, lr: float, mu: float, nesterov: bool = False) -> None:
    """Step `p` by the velocity `v`: v = mu*v - lr*g, then p += v, or p += mu*v - lr*g for Nesterov's."""
    step(momentum_loop, (p, v), g, float(lr), float(mu), bool(nesterov))


def adam(
    p: Array, m: Array, v: Array, g: Array, alpha: float, beta1: float, beta2: float, eps: float
) -> None:
    """Step `p` by Adam with its moments `m` and `v`; `alpha` is the rate with the bias already corrected.

    m += (g - m)*(1 - beta1), v += (g*g - v)*(1 - beta2), p -= alpha*m / (sqrt(v) + eps).

    Moments that have all but vanished become 0: where a gradient stays 0, as behind a dead relu, they would
    shrink to denormal numbers, with which processors are twenty times slower.
    """
    least = LEAST["d" if p.dtype.char == "d" else "f"]
    step(adam_loop, (p, m, v), g, float(alpha), 1.0 - float(beta1), 1.0 - float(beta2), float(eps), least)


def step(loop: Callable[..., None], targets: tuple[Array, ...], g: Array, *scalars: float) -> None:
    """Call `loop` with everything flat."""
    gradient = wide(g).ravel()
    gradient.setflags(write=False)  # as `dense` does; a view of its own already, it needs no other
    flat = [target.ravel() for target in targets if target.flags.carray]
    if len(flat) == len(targets) and flat[0].dtype.char not in HALVES:
        loop(*flat, gradient, *scalars)
    else:
        update_in_place(lambda *ready: loop(*[t.reshape(-1) for t in ready], gradient, *scalars), *targets)


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
