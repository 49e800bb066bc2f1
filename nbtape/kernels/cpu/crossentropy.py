"""Cross-entropies of short rows of logits with the classes that labels name."""

import numpy as np
from numba import njit

from nbtape.kernels.cpu.arrays import Array, dense
from nbtape.kernels.math import exp, log


def sparse_xent(labels: Array, logits: Array) -> Array | None:
    """Give log(sum(exp(row))) less the logit that its label names, for each row; None for a wrong label."""
    rows = dense(logits.reshape(-1, logits.shape[-1]))
    losses = np.empty(len(rows), rows.dtype)
    if losses_loop(dense(labels.reshape(-1)), rows, np.empty(rows.shape, rows.dtype), losses):
        return losses.reshape(labels.shape)
    return None


def sparse_xent_grad(g: Array, labels: Array, logits: Array) -> Array | None:
    """Give g * (softmax(logits) - one_hot(labels)); None for a wrong label."""
    rows = dense(logits.reshape(-1, logits.shape[-1]))
    slopes = np.empty(rows.shape, rows.dtype)
    if slopes_loop(dense(g.reshape(-1)), dense(labels.reshape(-1)), rows, slopes):
        return slopes.reshape(logits.shape)
    return None


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def losses_loop(labels, rows, room, losses):
    """Fill `losses`, with `room` for the exponentials; say whether all labels are classes."""
    count, n = rows.shape
    subtract_tops(rows, room)
    for i in range(count):
        if not 0 <= labels[i] < n:
            return False
        losses[i] = -room[i, labels[i]]
    exponentials(room)
    for i in range(count):
        total = room[i, 0]
        for j in range(1, n):
            total += room[i, j]
        losses[i] += log(total)
    return True


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def slopes_loop(g, labels, rows, slopes):
    """Fill `slopes`; say whether all labels are classes."""
    count, n = rows.shape
    subtract_tops(rows, slopes)
    exponentials(slopes)
    for i in range(count):
        if not 0 <= labels[i] < n:
            return False
        total = slopes[i, 0]
        for j in range(1, n):
            total += slopes[i, j]
        share = g[i] / total
        for j in range(n):
            slopes[i, j] *= share
        slopes[i, labels[i]] -= g[i]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def subtract_tops(rows, y):
    """Fill `y` with the rows less their maxima."""
    count, n = rows.shape
    for i in range(count):
        top = rows[i, 0]
        for j in range(1, n):
            top = rows[i, j] if rows[i, j] > top else top
        for j in range(n):
            y[i, j] = rows[i, j] - top


@njit(cache=True, nogil=True, error_model="numpy")
def exponentials(y):
    """Replace all of `y`, without regard to its rows, since short ones would not fill vectors."""
    flat = y.reshape(-1)
    for k in range(len(flat)):
        flat[k] = exp(flat[k])
