"""JAX without jit, with Adam written in its NumPy."""

from itertools import cycle

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as np  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]

NAME = f"jax {jax.__version__}"


def scalar(a, b):
    return a * a * b + np.sin(a)


def chain(a, b):
    for _ in range(workloads.LINKS):
        a = np.sin(a * b)
    return a


def gradients(case, a, b):
    gradient = jax.grad(scalar if case == "w1_scalar" else chain, (0, 1))
    a, b = np.asarray(a), np.asarray(b)
    return lambda: gradient(a, b)


def loss_of(weights, x, labels):
    w1, b1, w2, b2 = weights
    logs = jax.nn.log_softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2)
    return -np.mean(logs[np.arange(len(x)), labels])


def training(data):
    weights = [np.asarray(w) for w in data.weights]
    means, squares = [0 * w for w in weights], [0 * w for w in weights]
    both = jax.value_and_grad(loss_of)
    todo = cycle([(np.asarray(x), np.asarray(y)) for x, y in zip(data.images, data.labels)])
    beta1, beta2, steps = workloads.BETA1, workloads.BETA2, iter(range(1, 10**9))

    def step():
        loss, gradients = both(weights, *next(todo))
        t = next(steps)
        rate = workloads.RATE * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        for i, g in enumerate(gradients):
            means[i] += (g - means[i]) * (1 - beta1)
            squares[i] += (g * g - squares[i]) * (1 - beta2)
            weights[i] -= rate * means[i] / (np.sqrt(squares[i]) + workloads.EPSILON)
        return loss

    return step, lambda: weights


def wait(result):
    jax.block_until_ready(result)
