"""A program of TensorFlow 1: a graph, an Adam step of w2's classifier in it, and a session that runs it."""

from itertools import cycle
from typing import Any

import workloads  # pyright: ignore[reportMissingImports]


def builder(tf: Any) -> Any:
    """`build(case, data, way)`, for TensorFlow's `compat.v1` or what runs its programs."""

    def build(case: str, data: dict, way: str) -> tuple:
        images, labels, starts = data["batches"]
        with tf.Graph().as_default() as graph:
            x, y = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.int32, [None])
            weights = w1, b1, w2, b2 = [
                tf.get_variable(name, initializer=w) for name, w in zip("w1 b1 w2 b2".split(), starts)
            ]
            logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2) + b2
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
            adam = tf.train.AdamOptimizer(workloads.RATE, workloads.BETA1, workloads.BETA2, workloads.EPSILON)
            train, start = adam.minimize(loss), tf.global_variables_initializer()
        session = tf.Session(graph=graph)
        session.run(start)
        batches = cycle(zip(images, labels))

        def step() -> Any:
            image, label = next(batches)
            return session.run([train, loss], {x: image, y: label})[1]

        def answers() -> list:
            losses = [float(step()) for _ in range(workloads.CHECKED_STEPS)]
            return [losses, *[w - first for w, first in zip(session.run(weights), starts)]]

        return step, answers

    return build
