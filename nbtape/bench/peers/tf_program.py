"""TensorFlow's program, which is nbtape's too: only the import differs."""

from itertools import cycle
from typing import Any

import workloads  # pyright: ignore[reportMissingImports]


def program(tf: Any) -> tuple:
    """The workloads' two functions, `gradients` and `training`, for TensorFlow or what runs its programs."""

    def gradients(case, a, b):
        a, b = tf.constant(a), tf.constant(b)

        def scalar():
            with tf.GradientTape() as tape:
                tape.watch((a, b))
                y = a * a * b + tf.sin(a)
            return tape.gradient(y, (a, b))

        def chain():
            with tf.GradientTape() as tape:
                tape.watch((a, b))
                x = a
                for _ in range(workloads.LINKS):
                    x = tf.sin(x * b)
            return tape.gradient(x, (a, b))

        return scalar if case == "w1_scalar" else chain

    def training(data):
        weights = w1, b1, w2, b2 = [tf.Variable(w) for w in data.weights]
        adam = tf.optimizers.Adam(workloads.RATE, workloads.BETA1, workloads.BETA2, workloads.EPSILON)
        todo = cycle([(tf.constant(x), tf.constant(y)) for x, y in zip(data.images, data.labels)])

        def step():
            x, labels = next(todo)
            with tf.GradientTape() as tape:
                hidden = tf.nn.relu(tf.matmul(x, w1) + b1)
                logits = tf.matmul(hidden, w2) + b2
                loss = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
                )
            adam.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss

        return step, lambda: [w.numpy() for w in weights]

    return gradients, training


def wait(result: Any) -> None:
    """Results are there when a step returns."""
