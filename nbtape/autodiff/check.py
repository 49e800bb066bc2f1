"""Gradients checked against differences of values."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core.engine import Tensor, tensor


def compute_gradient(f: Callable, x: Any, delta: float | None = None) -> tuple[list, list]:
    """The Jacobians of `f(*x)` by each of `x`, by tape and by central differences, as two lists of 2-D
    arrays.

    Rows belong to the elements of the result, columns to those of the input, as in
    `tf.test.compute_gradient`. `delta` is the step; by default the cube root of the dtype's precision, the
    best for central differences.

    >>> theory, numeric = tf.test.compute_gradient(lambda x: x * x, [tf.constant([3.0], tf.float64)])
    >>> bool(np.allclose(theory, numeric))
    True
    """
    xs = [tensor(v) for v in x]
    with GradientTape(persistent=True) as tape:
        tape.watch(xs)
        y = f(*xs)
    theory = []
    for v in xs:
        full = tape.jacobian(y, v, "zero")
        theory.append(np.asarray(full).reshape(int(np.prod(y.shape)), int(np.prod(v.shape))))
    return theory, [_differences(f, xs, i, delta) for i in range(len(xs))]


def _differences(f: Callable, xs: list[Tensor], i: int, delta: float | None) -> np.ndarray:
    base = np.array(xs[i])
    step = delta or float(np.finfo(base.dtype).eps ** (1 / 3))
    columns = []
    for k in range(base.size):
        ends = []
        for sign in (1, -1):
            moved = base.copy()
            moved.flat[k] += sign * step
            ends.append(np.asarray(f(*xs[:i], tensor(moved), *xs[i + 1 :]), dtype=np.float64).ravel())
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=-1) if columns else np.zeros((0, 0))


def check_grads(
    f: Callable, args: Any, order: int = 2, rtol: float = 1e-4, atol: float = 1e-4, seed: int = 0
) -> None:
    """Check the gradients of `f(*args)` up to `order` against central differences along random directions.

    Arguments should be float64. Raises AssertionError that names the order and says both numbers.

    >>> nt.autodiff.check_grads(lambda x: tf.sin(x) * x, [tf.constant([0.5, 1.0], tf.float64)])
    """
    rng = np.random.default_rng(seed)
    xs = [tensor(v) for v in args]
    g: Callable = f
    for k in range(1, order + 1):
        value = tensor(g(*xs))
        weights = tensor(rng.normal(size=tuple(value.shape)).astype(value.dtype.np))
        slope = _directional(g, xs, weights, rng)
        for theory, numeric, i in slope:
            if not np.isclose(theory, numeric, rtol=rtol, atol=atol):
                raise AssertionError(
                    f"gradient of order {k} by argument {i}: the tape gives {theory:.8g}, differences give "
                    f"{numeric:.8g}"
                )
        g = _gradient_of(g, weights, len(xs))


def _directional(g: Callable, xs: list, weights: Tensor, rng: Any) -> list[tuple[float, float, int]]:
    """For each argument: the slope of the weighed result in a random direction, by tape and by
    differences.
    """
    with GradientTape() as tape:
        tape.watch(xs)
        y = g(*xs)
    grads = tape.gradient(y, xs, weights, "zero")
    w = np.asarray(weights)
    out = []
    for i, (x, dx) in enumerate(zip(xs, grads, strict=True)):
        direction = rng.normal(size=tuple(x.shape))
        base = np.array(x)
        step = float(np.finfo(base.dtype).eps ** (1 / 3))
        ends = [
            np.sum(
                w * np.asarray(g(*xs[:i], tensor((base + s * direction).astype(base.dtype)), *xs[i + 1 :]))
            )
            for s in (step, -step)
        ]
        out.append((float(np.sum(np.asarray(dx) * direction)), float((ends[0] - ends[1]) / (2 * step)), i))
    return out


def _gradient_of(g: Callable, weights: Tensor, n: int) -> Callable:
    """The first gradient of the weighed result, as a function of the same arguments."""

    def gradient(*xs: Any) -> Tensor:
        with GradientTape() as tape:
            tape.watch(list(xs))
            y = g(*xs)
        return tensor(tape.gradient(y, list(xs), weights, "zero")[0])

    return gradient
