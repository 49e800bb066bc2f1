"""PyTensor with its Numba backend; convolutions are products of patches, as it has none there."""

from itertools import cycle

import numpy as np
import problems  # pyright: ignore[reportMissingImports]
import pytensor  # pyright: ignore[reportMissingImports]
import pytensor.tensor as pt  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]

pytensor.config.floatX = "float32"
NAME = f"pytensor {pytensor.__version__}"
F32 = np.float32


def build(case, data, way):
    return globals()[problems.kind(case)](case, data)


def wait(result):
    pass


def compiled(inputs, outputs, **updates):
    function = pytensor.function(inputs, outputs, mode="NUMBA", **updates)
    function.trust_input = True
    return function


def pure(inputs, outputs, arguments):
    function = compiled(inputs, outputs)
    return lambda: function(*arguments), lambda: function(*arguments)


def training(inputs, loss, updates, weights, batches, steps=1):
    function = compiled(inputs, loss, updates=updates)
    first, todo = [w.get_value() for w in weights], cycle(batches)

    def step():
        return function(*next(todo))

    def answers():
        losses = [float(step()) for _ in range(steps)]
        moved = [w.get_value() - start for w, start in zip(weights, first)]
        return [losses if steps > 1 else losses[0], *moved]

    return step, answers


def w1(case, d):
    a, b = pt.fscalars("a", "b")
    y = a * a * b + pt.sin(a) if case == "w1_scalar" else a
    for _ in range(workloads.LINKS if case == "w1_chain100" else 0):
        y = pt.sin(y * b)
    return pure([a, b], pytensor.grad(y, [a, b]), [np.asarray(d["a"]), np.asarray(d["b"])])


def crossentropy(logits, labels):
    top = pt.max(logits, 1, keepdims=True)
    sums = pt.log(pt.sum(pt.exp(logits - top), 1)) + top[:, 0]
    return pt.mean(sums - logits[pt.arange(labels.shape[0]), labels])


def classified(weights, x, labels):
    w1, b1, w2, b2 = weights
    return crossentropy(pt.dot(pt.maximum(pt.dot(x, w1) + b1, F32(0)), w2) + b2, labels)


def w2(case, d):
    images, labels, starts = d["batches"]
    weights = [pytensor.shared(w.copy()) for w in starts]
    means, squares = ([pytensor.shared(0 * w) for w in starts] for _ in "ms")
    t, x, y = pytensor.shared(np.zeros((), F32)), pt.fmatrix(), pt.ivector()
    beta1, beta2, one = F32(workloads.BETA1), F32(workloads.BETA2), F32(1)
    loss = classified(weights, x, y)
    rate = F32(workloads.RATE) * pt.sqrt(one - beta2 ** (t + one)) / (one - beta1 ** (t + one))
    updates = {t: t + one}
    for w, m, s, g in zip(weights, means, squares, pytensor.grad(loss, weights)):
        updates[m] = beta1 * m + (one - beta1) * g
        updates[s] = beta2 * s + (one - beta2) * g * g
        updates[w] = w - rate * updates[m] / (pt.sqrt(updates[s]) + F32(workloads.EPSILON))
    return training([x, y], loss, updates, weights, list(zip(images, labels)), workloads.CHECKED_STEPS)


def w3(case, d):
    x, (w, b) = pt.fvector(), (pt.fscalars if case.startswith("w3s") else pt.fvectors)("w", "b")
    loss = pt.mean(pt.tanh(x * w + b) ** 2 * pt.sigmoid(x))
    arguments = [np.asarray(d[name]) for name in "xwb"]
    return pure([x, w, b], [loss, *pytensor.grad(loss, [x, w, b])], arguments)


w3s = w3


def w4(case, d):
    xs, wx, wh, b = pt.ftensor3(), pt.fmatrix(), pt.fmatrix(), pt.fvector()
    zeros = pt.as_tensor(np.zeros((problems.SEQUENCES, problems.UNITS), F32))

    def simple(x, h, wx, wh, b):
        return pt.tanh(pt.dot(x, wx) + pt.dot(h, wh) + b)

    def lstm(x, h, c, wx, wh, b):
        z = pt.dot(x, wx) + pt.dot(h, wh) + b
        i, f, g, o = (z[:, k * problems.UNITS : (k + 1) * problems.UNITS] for k in range(4))
        c = pt.sigmoid(f) * c + pt.sigmoid(i) * pt.tanh(g)
        return pt.sigmoid(o) * pt.tanh(c), c

    cell, starts = (simple, [zeros]) if case == "w4_rnn" else (lstm, [zeros, zeros])
    weights = [wx, wh, b]
    states, _ = pytensor.scan(cell, sequences=[xs], outputs_info=starts, non_sequences=weights, strict=True)
    hidden = states if case == "w4_rnn" else states[0]
    loss = pt.mean(hidden * hidden)
    arguments = [d[name] for name in ("xs", "wx", "wh", "b")]
    return pure([xs, wx, wh, b], [loss, *pytensor.grad(loss, weights)], arguments)


def w5(case, d):
    rates, dt = pt.fvector(), F32(problems.EULER_TIME)

    def euler(x, y, a, b, c, e):
        return x + dt * (a * x - b * x * y), y + dt * (c * x * y - e * y)

    starts = [pt.as_tensor(x) for x in d["start"]]
    each = [rates[k] for k in range(4)]
    (xs, ys), _ = pytensor.scan(
        euler, outputs_info=starts, non_sequences=each, n_steps=problems.EULER_STEPS, strict=True
    )
    loss = xs[-1] ** 2 + ys[-1] ** 2
    return pure([rates], [loss, pytensor.grad(loss, rates)], [d["rates"]])


def w6(case, d):
    weights = [pytensor.shared(d[n].copy(), shape=d[n].shape) for n in problems.WEIGHTS["w6"].split()]
    k1, b1, k2, b2, w3, b3 = weights
    x = pt.tensor("x", dtype="float32", shape=(32, 28, 28, 1))
    labels = pt.tensor("labels", dtype="int32", shape=(32,))

    def layer(x, k, b, size, before, after):
        padded = pt.zeros((32, size + 2, size + 2, before), dtype="float32")
        padded = pt.set_subtensor(padded[:, 1:-1, 1:-1], x)
        patches = [padded[:, i : i + size, j : j + size] for i in range(3) for j in range(3)]
        patches = pt.concatenate(patches, -1).reshape((-1, 9 * before))
        y = pt.maximum(pt.dot(patches, k.reshape((9 * before, after))) + b, F32(0))
        y = y.reshape((32, size // 2, 2, size // 2, 2, after))
        y = pt.maximum(y[:, :, 0], y[:, :, 1])
        return pt.maximum(y[:, :, :, 0], y[:, :, :, 1])

    hidden = layer(layer(x, k1, b1, 28, 1, 16), k2, b2, 14, 16, 32).reshape((32, 1568))
    loss, rate = crossentropy(pt.dot(hidden, w3) + b3, labels), F32(problems.RATES["w6"])
    updates = {w: w - rate * g for w, g in zip(weights, pytensor.grad(loss, weights))}
    return training([x, labels], loss, updates, weights, [(d["x"], d["labels"])])


def w7(case, d):
    if case == "w7_hess":
        x = pt.dvector()
        y = pt.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
        return pure([x], [pytensor.gradient.hessian(y, x)], [d["x"]])
    weights = [pt.fmatrix(), pt.fvector(), pt.fmatrix(), pt.fvector()]
    along = [w.type() for w in weights]
    x, labels = pt.fmatrix(), pt.ivector()
    gradients = pytensor.grad(classified(weights, x, labels), weights)
    slope = sum(pt.sum(g * v) for g, v in zip(gradients, along))
    product = pytensor.grad(slope, weights)
    return pure([*weights, *along, x, labels], product, [*d["weights"], *d["along"], d["x"], d["labels"]])


def w8(case, d):
    table, ids, rate = pytensor.shared(d["table"].copy()), pt.ivector(), F32(problems.RATES["w8"])
    rows = table[ids]
    loss = pt.sum(rows * pt.as_tensor(d["v"]))
    if case == "w8_sparse":
        update = pt.inc_subtensor(table[ids], -rate * pytensor.grad(loss, rows))
    else:
        update = table - rate * pytensor.grad(loss, table)
    return training([ids], loss, {table: update}, [table], [(i,) for i in d["ids"]])
