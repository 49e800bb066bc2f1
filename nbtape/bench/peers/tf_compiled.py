"""TensorFlow's compiled programs, which are nbtape's too: only the import, and what compiles, differ."""

from itertools import cycle
from typing import Any

import problems  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]


def builder(programs: Any, compiled: Any) -> Any:
    """`build(case, data)`: a step of the case, and a function of the answers that are checked."""

    def build(case: str, data: dict) -> tuple:
        function, arguments, weights = getattr(programs, problems.kind(case))(case, data)
        function = compiled(function)
        batches = cycle(arguments)
        if not weights:
            return lambda: function(*arguments[0]), lambda: [x.numpy() for x in function(*arguments[0])]
        steps = workloads.CHECKED_STEPS if problems.kind(case) == "w2" else 1
        first = [w.numpy() for w in weights]

        def step() -> Any:
            return function(*next(batches))

        def answers() -> list:
            losses = [float(step()) for _ in range(steps)]
            moved = [w.numpy() - start for w, start in zip(weights, first)]
            return [losses if steps > 1 else losses[0], *moved]

        return step, answers

    return build


class Programs:
    """For each workload a function, the arguments of its calls, and the variables that it changes."""

    def __init__(self, tf: Any):
        self.tf = tf

    def w1(self, case: str, d: dict) -> tuple:
        tf = self.tf

        def gradients(a, b):
            with tf.GradientTape() as tape:
                tape.watch((a, b))
                y = a
                for _ in range(workloads.LINKS if case == "w1_chain100" else 0):
                    y = tf.sin(y * b)
                if case == "w1_scalar":
                    y = a * a * b + tf.sin(a)
            return tape.gradient(y, (a, b))

        return gradients, [(tf.constant(d["a"]), tf.constant(d["b"]))], []

    def crossentropy(self, labels: Any, logits: Any) -> Any:
        tf = self.tf
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    def classified(self, x: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        tf = self.tf
        return self.crossentropy(labels, tf.nn.relu(x @ w1 + b1) @ w2 + b2)

    def w2(self, case: str, d: dict) -> tuple:
        tf, (images, labels, starts) = self.tf, d["batches"]
        weights = [tf.Variable(w) for w in starts]
        adam = tf.optimizers.Adam(workloads.RATE, workloads.BETA1, workloads.BETA2, workloads.EPSILON)
        adam.build(weights)

        def step(x, labels):
            with tf.GradientTape() as tape:
                loss = self.classified(x, labels, *weights)
            adam.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss

        return step, [(tf.constant(x), tf.constant(y)) for x, y in zip(images, labels)], weights

    def w3(self, case: str, d: dict) -> tuple:
        tf = self.tf

        def gradients(x, w, b):
            with tf.GradientTape() as tape:
                tape.watch((x, w, b))
                loss = tf.reduce_mean(tf.tanh(x * w + b) ** 2 * tf.sigmoid(x))
            return (loss, *tape.gradient(loss, (x, w, b)))

        return gradients, [[tf.constant(d[name]) for name in "xwb"]], []

    w3s = w3

    def w4(self, case: str, d: dict) -> tuple:
        tf = self.tf

        def cell(x, h, c, wx, wh, b):
            z = x @ wx + h @ wh + b
            if case == "w4_rnn":
                return tf.tanh(z), c
            i, f, g, o = tf.split(z, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            return tf.sigmoid(o) * tf.tanh(c), c

        def gradients(xs, *weights):
            def body(t, h, c, loss):
                h, c = cell(xs[t], h, c, *weights)
                return t + 1, h, c, loss + tf.reduce_mean(h * h) / problems.STEPS

            zeros = tf.zeros([problems.SEQUENCES, problems.UNITS])
            with tf.GradientTape() as tape:
                tape.watch(weights)
                start = 0, zeros, zeros, 0.0
                *_, loss = tf.while_loop(
                    lambda t, *_: t < problems.STEPS, body, start, maximum_iterations=problems.STEPS
                )
            return (loss, *tape.gradient(loss, weights))

        return gradients, [[tf.constant(d[name]) for name in ("xs", "wx", "wh", "b")]], []

    def w5(self, case: str, d: dict) -> tuple:
        tf, dt = self.tf, problems.EULER_TIME

        def gradients(rates, start):
            with tf.GradientTape() as tape:
                tape.watch(rates)
                a, b, c, e = tf.unstack(rates)

                def body(i, x, y):
                    return i + 1, x + dt * (a * x - b * x * y), y + dt * (c * x * y - e * y)

                _, x, y = tf.while_loop(
                    lambda i, *_: i < problems.EULER_STEPS,
                    body,
                    (0, start[0], start[1]),
                    maximum_iterations=problems.EULER_STEPS,
                )
                loss = x * x + y * y
            return loss, tape.gradient(loss, rates)

        return gradients, [(tf.constant(d["rates"]), tf.constant(d["start"]))], []

    def w6(self, case: str, d: dict) -> tuple:
        tf = self.tf
        weights = k1, b1, k2, b2, w3, b3 = [tf.Variable(d[n]) for n in problems.WEIGHTS["w6"].split()]

        def layer(x, k, b):
            return tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, k, 1, "SAME") + b), 2, 2, "VALID")

        def step(x, labels):
            with tf.GradientTape() as tape:
                hidden = tf.reshape(layer(layer(x, k1, b1), k2, b2), [len(d["x"]), 1568])
                loss = self.crossentropy(labels, hidden @ w3 + b3)
            for w, g in zip(weights, tape.gradient(loss, weights)):
                w.assign_sub(problems.RATES["w6"] * g)
            return loss

        return step, [(tf.constant(d["x"]), tf.constant(d["labels"]))], weights

    def product(self, case: str, d: dict) -> tuple:
        tf = self.tf
        return lambda a, b: [a @ b], [(tf.constant(d["a"]), tf.constant(d["b"]))], []

    def softmax(self, case: str, d: dict) -> tuple:
        tf = self.tf
        return lambda x: [tf.nn.softmax(x)], [(tf.constant(d["x"]),)], []

    def w7(self, case: str, d: dict) -> tuple:
        return self.hessian(d) if case == "w7_hess" else self.along(d)

    def hessian(self, d: dict) -> tuple:
        tf = self.tf

        def hessian(x):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as inner:
                    inner.watch(x)
                    y = tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
                g = inner.gradient(y, x)
            return (outer.jacobian(g, x),)

        return hessian, [(tf.constant(d["x"]),)], []

    def along(self, d: dict) -> tuple:
        tf = self.tf
        x, labels = tf.constant(d["x"]), tf.constant(d["labels"])

        def product(*both):
            weights, along = both[:4], both[4:]
            with tf.autodiff.ForwardAccumulator(weights, along) as forward, tf.GradientTape() as tape:
                tape.watch(weights)
                loss = self.classified(x, labels, *weights)
                gradients = tape.gradient(loss, weights)
            return forward.jvp(gradients)

        return product, [[tf.constant(a) for a in (*d["weights"], *d["along"])]], []

    def w8(self, case: str, d: dict) -> tuple:
        tf, rate = self.tf, problems.RATES["w8"]
        v, table = tf.constant(d["v"]), tf.Variable(d["table"])

        def step(ids):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table, ids) * v)
            g = tape.gradient(loss, table)
            if case == "w8_sparse":
                table.scatter_sub(tf.IndexedSlices(rate * g.values, g.indices))
            else:
                table.assign_sub(rate * tf.convert_to_tensor(g))
            return loss

        return step, [(tf.constant(ids),) for ids in d["ids"]], [table]
