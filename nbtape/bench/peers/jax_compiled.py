"""JAX with jit."""

from itertools import cycle

import jax  # pyright: ignore[reportMissingImports]
import jax.numpy as np  # pyright: ignore[reportMissingImports]
import numpy
import problems  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]

jax.config.update("jax_enable_x64", True)  # w7_hess is in float64, all else says float32 itself
NAME = f"jax {jax.__version__}"
UNROLLED = 8  # steps of a recurrent network at a time


def build(case, data, way):
    return globals()[problems.kind(case)](case, data)


def wait(result):
    jax.block_until_ready(result)


def pure(function, *arguments):
    function = jax.jit(function)
    arguments = jax.tree.map(np.asarray, arguments)
    return lambda: function(*arguments), lambda: jax.tree.leaves(function(*arguments))


def training(update, state, weights_of, batches, steps=1):
    """`update(state, *batch)` gives the next state and the loss; memory of a state is used for the next."""
    update = jax.jit(update, donate_argnums=0)
    state = [jax.tree.map(lambda x: np.array(x), state)]
    first = [numpy.array(w) for w in weights_of(state[0])]
    todo = cycle([tuple(map(np.asarray, batch)) for batch in batches])

    def step():
        state[0], loss = update(state[0], *next(todo))
        return loss

    def answers():
        losses = [float(step()) for _ in range(steps)]
        moved = [numpy.array(w) - start for w, start in zip(weights_of(state[0]), first)]
        return [losses if steps > 1 else losses[0], *moved]

    return step, answers


def w1(case, d):
    def scalar(a, b):
        return a * a * b + np.sin(a)

    def chain(a, b):
        for _ in range(workloads.LINKS):
            a = np.sin(a * b)
        return a

    return pure(jax.grad(scalar if case == "w1_scalar" else chain, (0, 1)), d["a"], d["b"])


def crossentropy(logits, labels):
    return -np.mean(np.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))


def classified(weights, x, labels):
    w1, b1, w2, b2 = weights
    return crossentropy(jax.nn.relu(x @ w1 + b1) @ w2 + b2, labels)


def w2(case, d):
    images, labels, starts = d["batches"]
    beta1, beta2, f32 = workloads.BETA1, workloads.BETA2, np.float32

    def update(state, x, labels):
        weights, means, squares, t = state
        loss, gradients = jax.value_and_grad(classified)(weights, x, labels)
        t = t + 1
        rate = workloads.RATE * np.sqrt(1 - f32(beta2) ** t) / (1 - f32(beta1) ** t)
        means = [beta1 * m + (1 - beta1) * g for m, g in zip(means, gradients)]
        squares = [beta2 * s + (1 - beta2) * g * g for s, g in zip(squares, gradients)]
        pairs = zip(weights, means, squares)
        weights = [w - rate * m / (np.sqrt(s) + workloads.EPSILON) for w, m, s in pairs]
        return (weights, means, squares, t), loss

    zeros = [0 * w for w in starts]
    state = list(starts), zeros, zeros, numpy.float32(0)
    return training(update, state, lambda s: s[0], zip(images, labels), workloads.CHECKED_STEPS)


def w3(case, d):
    def loss(x, w, b):
        return np.mean(np.tanh(x * w + b) ** 2 * jax.nn.sigmoid(x))

    return pure(jax.value_and_grad(loss, (0, 1, 2)), d["x"], d["w"], d["b"])


w3s = w3


def w4(case, d):
    def cell(x, h, c, wx, wh, b):
        z = x @ wx + h @ wh + b
        if case == "w4_rnn":
            return np.tanh(z), c
        i, f, g, o = np.split(z, 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * np.tanh(g)
        return jax.nn.sigmoid(o) * np.tanh(c), c

    def loss(weights, xs):
        def body(state, x):
            h, c = cell(x, *state, *weights)
            return (h, c), np.mean(h * h)

        zeros = np.zeros((problems.SEQUENCES, problems.UNITS), np.float32)
        return np.mean(jax.lax.scan(body, (zeros, zeros), xs, unroll=UNROLLED)[1])

    return pure(jax.value_and_grad(loss), [d["wx"], d["wh"], d["b"]], d["xs"])


def w5(case, d):
    dt = problems.EULER_TIME

    def loss(rates, start):
        a, b, c, e = rates

        def body(state, _):
            x, y = state
            return (x + dt * (a * x - b * x * y), y + dt * (c * x * y - e * y)), None

        (x, y), _ = jax.lax.scan(body, (start[0], start[1]), None, length=problems.EULER_STEPS)
        return x * x + y * y

    return pure(jax.value_and_grad(loss), d["rates"], d["start"])


def w6(case, d):
    def layer(x, k, b):
        x = jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        window = 1, 2, 2, 1
        return jax.lax.reduce_window(jax.nn.relu(x + b), -np.inf, jax.lax.max, window, window, "VALID")

    def loss(weights, x, labels):
        k1, b1, k2, b2, w3, b3 = weights
        hidden = layer(layer(x, k1, b1), k2, b2).reshape(-1, 1568)
        return crossentropy(hidden @ w3 + b3, labels)

    def update(weights, x, labels):
        value, gradients = jax.value_and_grad(loss)(weights, x, labels)
        return [w - problems.RATES["w6"] * g for w, g in zip(weights, gradients)], value

    weights = [d[name] for name in problems.WEIGHTS["w6"].split()]
    return training(update, weights, lambda s: s, [(d["x"], d["labels"])])


def w7(case, d):
    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    if case == "w7_hess":
        return pure(jax.hessian(rosenbrock), d["x"])

    def product(weights, along):
        return jax.jvp(lambda w: jax.grad(classified)(w, d["x"], d["labels"]), (weights,), (along,))[1]

    return pure(product, list(d["weights"]), d["along"])


def w8(case, d):
    v, rate = np.asarray(d["v"]), problems.RATES["w8"]

    def sparse(table, ids):
        loss, g = jax.value_and_grad(lambda rows: np.sum(rows * v))(table[ids])
        return table.at[ids].add(-rate * g), loss

    def dense(table, ids):
        loss, g = jax.value_and_grad(lambda table: np.sum(table[ids] * v))(table)
        return table - rate * g, loss

    update = sparse if case == "w8_sparse" else dense
    return training(update, d["table"], lambda s: [s], [(ids,) for ids in d["ids"]])


def product(case, d):
    return pure(lambda a, b: [a @ b], d["a"], d["b"])


def softmax(case, d):
    return pure(lambda x: [jax.nn.softmax(x)], d["x"])
