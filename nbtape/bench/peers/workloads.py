"""The workloads: their data, and what comes out of them in float64 NumPy.

w1_scalar     y = a*a*b + sin(a), with dy/da and dy/db
w1_chain100   100 operations on numbers in a row, x = sin(x*b), with both gradients
w2_b32        a step of training: 784-128-10 classifier with relu, softmax cross-entropy, Adam, 32 images
w2_b256       the same with 256 images, and w2_b4096 with 4,096
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CASES = ("w1_scalar", "w1_chain100", "w2_b32", "w2_b256")
LINKS = 50  # pairs of multiplication and sine in the chain
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
CHECKED_STEPS = 5
TOLERANCE = 1e-3


class Batches(NamedTuple):
    """Images and labels, `count` batches of them, and the first weights."""

    images: np.ndarray  # count, batch, 784
    labels: np.ndarray  # count, batch
    weights: tuple[np.ndarray, ...]  # W1, b1, W2, b2


def numbers(case: str) -> tuple[np.float32, np.float32]:
    """The a and b of the w1 cases."""
    return np.float32(1.3), np.float32(0.7 if case == "w1_scalar" else 1.1)


def batches(case: str) -> Batches:
    """The data of the w2 cases."""
    size = int(case.removeprefix("w2_b"))
    count = max(512 // size, 2)
    random = np.random.default_rng(1)

    def weight(rows: int, columns: int) -> np.ndarray:
        limit = np.sqrt(6 / (rows + columns))
        return random.uniform(-limit, limit, (rows, columns)).astype(np.float32)

    weights = weight(784, 128), np.zeros(128, np.float32), weight(128, 10), np.zeros(10, np.float32)
    images = random.uniform(0, 1, (count, size, 784)).astype(np.float32)
    return Batches(images, random.integers(0, 10, (count, size)).astype(np.int32), weights)


def check(case: str, make: Any) -> Callable[[], Any]:
    """A step that a peer's module gives for the case; raises AssertionError where its answers are wrong."""
    if case.startswith("w1"):
        step = make.gradients(case, *numbers(case))
        error = _error(expected_gradients(case), [np.asarray(g) for g in step()])
        assert error < TOLERANCE, f"a gradient is off by {error:.1e} of its size"
        return step
    data = batches(case)
    step, weights = make.training(data)
    losses = [float(step()) for _ in range(CHECKED_STEPS)]
    moved = [np.asarray(w, np.float64) - start for w, start in zip(weights(), data.weights)]
    # PyTorch adds epsilon to the root after it has corrected that for its start, the others before.
    error = min(_error(expected_training(data, late), [np.array(losses), *moved]) for late in (False, True))
    assert error < TOLERANCE, f"a loss or a weight is off by {error:.1e} of its size"
    return step


def _error(expected: list, answers: list) -> float:
    """The largest distance from what is expected, relative to its size."""
    pairs = zip(expected, answers, strict=True)
    return max(float(np.linalg.norm(got - want) / np.linalg.norm(want)) for want, got in pairs)


def expected_gradients(case: str) -> list:
    a, b = map(float, numbers(case))
    if case == "w1_scalar":
        return [2 * a * b + np.cos(a), a * a]
    xs = [a]
    for _ in range(LINKS):
        xs.append(np.sin(xs[-1] * b))
    g, gb = 1.0, 0.0
    for x in reversed(xs[:-1]):
        g *= np.cos(x * b)
        gb += g * x
        g *= b
    return [g, gb]


def expected_training(data: Batches, late_epsilon: bool) -> list:
    """The losses of the first steps, and how far each weight has moved."""
    weights = [w.astype(np.float64) for w in data.weights]
    means, squares = [0 * w for w in weights], [0 * w for w in weights]
    losses = []
    for t in range(1, CHECKED_STEPS + 1):
        i = (t - 1) % len(data.images)
        loss, gradients = loss_and_gradients(weights, data.images[i].astype(np.float64), data.labels[i])
        losses.append(loss)
        correction = np.sqrt(1 - BETA2**t)
        rate, epsilon = RATE * correction / (1 - BETA1**t), EPSILON * (correction if late_epsilon else 1)
        for w, m, s, g in zip(weights, means, squares, gradients):
            m += (g - m) * (1 - BETA1)
            s += (g * g - s) * (1 - BETA2)
            w -= rate * m / (np.sqrt(s) + epsilon)
    return [np.array(losses), *[w - start for w, start in zip(weights, data.weights)]]


def loss_and_gradients(weights: list, x: np.ndarray, labels: np.ndarray) -> tuple[float, list]:
    w1, b1, w2, b2 = weights
    rows = np.arange(len(x))
    hidden = np.maximum(x @ w1 + b1, 0)
    logits = hidden @ w2 + b2
    odds = np.exp(logits - logits.max(1, keepdims=True))
    share = odds / odds.sum(1, keepdims=True)
    loss = -np.log(share[rows, labels]).mean()
    g = share.copy()
    g[rows, labels] -= 1
    g /= len(x)
    back = (g @ w2.T) * (hidden > 0)
    return loss, [x.T @ back, back.sum(0), hidden.T @ g, g.sum(0)]
