"""HIPS autograd, with Adam written in NumPy."""

from importlib.metadata import version
from itertools import cycle

import autograd.numpy as np  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]
from autograd import grad, value_and_grad  # pyright: ignore[reportMissingImports]

NAME = f"autograd {version('autograd')}"


def scalar(a, b):
    return a * a * b + np.sin(a)


def chain(a, b):
    for _ in range(workloads.LINKS):
        a = np.sin(a * b)
    return a


def gradients(case, a, b):
    gradient = grad(scalar if case == "w1_scalar" else chain, (0, 1))
    return lambda: gradient(a, b)


def loss_of(weights, x, labels):
    w1, b1, w2, b2 = weights
    logits = np.dot(np.maximum(np.dot(x, w1) + b1, 0.0), w2) + b2
    top = np.max(logits, axis=1, keepdims=True)
    logs = logits - top - np.log(np.sum(np.exp(logits - top), axis=1, keepdims=True))
    return -np.mean(logs[np.arange(len(x)), labels])


def training(data):
    weights = [w.copy() for w in data.weights]
    means, squares = [0 * w for w in weights], [0 * w for w in weights]
    both = value_and_grad(loss_of)
    todo = cycle(list(zip(data.images, data.labels)))
    beta1, beta2, steps = workloads.BETA1, workloads.BETA2, iter(range(1, 10**9))

    def step():
        loss, gradients = both(weights, *next(todo))
        t = next(steps)
        rate = np.float32(workloads.RATE * (1 - beta2**t) ** 0.5 / (1 - beta1**t))
        for w, m, s, g in zip(weights, means, squares, gradients):
            m += (g - m) * np.float32(1 - beta1)
            s += (g * g - s) * np.float32(1 - beta2)
            w -= rate * m / (np.sqrt(s) + np.float32(workloads.EPSILON))
        return loss

    return step, lambda: weights


def wait(result):
    pass
