"""How near a fused loop comes to the memory's own speed: w3 beside plain loops over as many arrays."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

import nbtape as tf
from nbtape.core.crew import crew

_SAMPLE = 0.1  # seconds that a sample is to last


def moving(cases: list[str], rounds: int, pick: Callable[..., Any]) -> dict[str, dict[str, float]]:
    """Rows of seconds, by what runs: nbtape's w3, which reads three arrays and writes three, and plain loops
    that do; they take turns.
    """
    tf.config.set_compilation("synchronous")
    return {case: _timed(int(float(case.split("_")[1])), rounds, pick) for case in cases}


def _timed(n: int, rounds: int, pick: Callable[..., Any]) -> dict[str, float]:
    read = [np.random.default_rng(k).standard_normal(n, np.float32) for k in range(3)]
    arrays, threads = [*read, *map(np.empty_like, read)], crew()
    cuts = [n * i // threads.size for i in range(threads.size + 1)]
    parts = [[a[begin:end] for a in arrays] for begin, end in zip(cuts, cuts[1:])]
    xs = [tf.constant(a) for a in read]
    ways = {
        "nbtape function": lambda: _gradients(*xs),
        "plain loop": lambda: _plain(*arrays),
        f"plain loop, {threads.size} threads": lambda: threads.run([lambda p=p: _plain(*p) for p in parts]),
    }
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            samples[name].append(_sample(way))
    return {name: pick(seconds[1:]) for name, seconds in samples.items()}  # the first compiles


def _sample(way: Callable[[], Any]) -> float:
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < _SAMPLE:
        way()
        steps += 1
    return (time.perf_counter() - start) / steps


@njit(nogil=True)
def _plain(a, b, c, x, y, z):
    for i in range(len(a)):
        x[i] = a[i]
        y[i] = b[i]
        z[i] = c[i]


@tf.function
def _gradients(x, w, b):
    with tf.GradientTape() as tape:
        tape.watch((x, w, b))
        loss = tf.reduce_mean(tf.tanh(x * w + b) ** 2 * tf.sigmoid(x))
    return tape.gradient(loss, (x, w, b))
