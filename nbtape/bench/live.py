"""What a live panel costs a step: none, one that is closed as in a headless run, one that is open."""

import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import mean, median
from typing import Any

import numpy as np
from jupyter_client.manager import KernelManager

import nbtape as tf

PLAIN, WAYS = "no panel", ("again none", "closed panel", "open panel")
_SAMPLE = 4.0  # seconds that a sample lasts: an open panel looks at the variables every two, or more often
_SIZES = {"w2_b32": 32, "w2_b256": 256}
_READY = {"client": "bench", "seq": 0, "command": "ready", "args": []}


def watched(
    cases: list[str], rounds: int, pick: Callable[..., Any], seconds: float = _SAMPLE
) -> dict[str, dict[str, float]]:
    """Rows of seconds a step, by panel; a kernel runs the loops, in turn, and sends to a client.

    Each sample is held against those without a panel just before and after it, so that a machine that grows
    slower or faster favours none; the row has the median of these ratios. That of "again none", which should
    be 1, tells how far off the others may be.
    """
    with _kernel() as value:

        def take(case: str, way: str) -> float:
            return float(value(f"sample({case!r}, {way!r}, {seconds})"))

        return {case: _row(functools.partial(take, case), rounds, pick) for case in cases}


def _row(take: Callable[[str], float], rounds: int, pick: Callable[..., Any]) -> dict[str, float]:
    for way in WAYS:  # which compiles the step, and traces what looks at it
        take(way)
    plain, ratios = [take(PLAIN)], {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            found = take(way)
            plain.append(take(PLAIN))
            ratios[way].append(found / mean(plain[-2:]))
    step = pick(plain)
    return {PLAIN: step, **{way: step * median(found) for way, found in ratios.items()}}


@contextmanager
def _kernel() -> Iterator[Callable[[str], str]]:
    """A kernel that gives what an expression is printed as."""
    manager = KernelManager()
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    printed: list[str] = []

    def hear(message: dict) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    def value(expression: str) -> str:
        printed.clear()
        code = f"from nbtape.bench.live import sample\nprint({expression})"
        reply = client.execute_interactive(code, output_hook=hear, timeout=600)
        if reply["content"]["status"] != "ok":
            raise RuntimeError("\n".join(reply["content"]["traceback"]))
        return "".join(printed)

    try:
        yield value
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def sample(case: str, way: str, seconds: float) -> float:
    """Seconds that a step takes, of a loop that goes on for so long."""
    step, variables, optimizer = _made(case)
    with _panel(way, variables, optimizer) as live:
        if way == "open panel":
            live.feed.panel._heard(None, _READY, [])  # as a page does that shows the panel
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            loss = step()
            if live is not None:
                live.log(loss=loss)
            steps += 1
        return (time.perf_counter() - start) / steps


def _panel(way: str, variables: list, optimizer: Any) -> AbstractContextManager:
    os.environ["NBTAPE_HEADLESS"] = "0" if way == "open panel" else "1"
    return tf.live(variables, optimizer=optimizer) if way in WAYS[1:] else nullcontext()


@functools.cache
def _made(case: str) -> tuple[Callable[[], Any], list, Any]:
    """A step, its variables and its optimizer."""
    tf.config.set_compilation("synchronous")
    if case == "empty":
        return lambda: 0.0, [], None
    loss_of, variables = _classifier(_SIZES[case]) if case in _SIZES else _many()
    optimizer = tf.optimizers.Adam(1e-3)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = loss_of()
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    return step, variables, optimizer


def _classifier(size: int) -> tuple[Callable[[], Any], list]:
    """784-128-10 on a batch of `size`."""
    rng = np.random.default_rng(0)
    x, y = rng.random((size, 784), np.float32), rng.integers(0, 10, size)
    layers = [tf.keras.layers.Dense(128, activation="relu"), tf.keras.layers.Dense(10)]
    model = tf.keras.Sequential([tf.keras.Input((784,)), *layers])
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return lambda: loss_of(y, model(x)), model.trainable_variables


def _many() -> tuple[Callable[[], Any], list]:
    """200 layers of 64 on a batch of 32."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((32, 64), np.float32))
    weights = [
        tf.Variable(rng.normal(0, 0.125, (64, 64)), dtype=tf.float32, name=f"layer_{i}/kernel")
        for i in range(200)
    ]

    def loss_of():
        h = x
        for w in weights:
            h = tf.tanh(h @ w)
        return tf.reduce_mean(h * h)

    return loss_of, weights
