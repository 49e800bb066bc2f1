"""What only cards are asked for: what a replayed step costs the host, whether memory stays flat, how near the
bars are; and the report, which has nothing in it that was not measured.
"""

import argparse
import subprocess
import sys
import time
from statistics import median
from typing import Any

import nbtape as tf
from nbtape.bench.libraries import PEERS
from nbtape.compile.card import cards, driver

NO_CARD = "No card of NVIDIA's, with its driver, was found: there is nothing to measure."
SIMULATED = "The cards are simulated (NUMBA_ENABLE_CUDASIM): there is nothing to measure."
_COPY, _FUSED, _PRODUCT = "copy_2e9", "w3_1e8", "product_4096"
_ARRAYS = 6  # that w3 reads and writes, each once
_BANDWIDTH, _OF_BLAS, _OF_BEST, _OVERHEAD = 0.75, 1.05, 1.2, 20e-6  # the bars

Row = dict[str, float]

_HEAD = """# Cards

{card}, compute capability {major}.{minor}; its driver knows CUDA {cuda}.

Written by `python -m nbtape.bench gpu`. Answers were checked against float64 first. Times are what the card
took for a step, by its events (JAX, which has none, by the clock over many steps): the {word} of {rounds}
samples, the libraries in turn; x: times nbtape's.
"""


def missing() -> str | None:
    """Why there is nothing to measure; None where there is a card."""
    return SIMULATED if cards.SIMULATED else None if cards.count() else NO_CARD


def conforming(runner: str) -> str:
    """What the runner of conformance cases counts, of nbtape on the card; without a count, its last line."""
    command = [sys.executable, runner, str(PEERS / "nbtape_on_card.py")]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()
    return next((line.strip() for line in lines if line.strip().startswith("total")), lines[-1])


def training(units: int) -> Any:
    """A small step of training on the card, of a few kernels, as a function of nothing."""
    with tf.device("/GPU:0"):
        x = tf.random.stateless_normal([units, units], [1, 2])
        w, b = tf.Variable(tf.random.stateless_normal([units, units], [3, 4])), tf.Variable(tf.zeros([units]))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - x))
        for v, g in zip((w, b), tape.gradient(loss, (w, b))):
            v.assign_sub(0.1 * g)
        return loss

    return step


def overhead(rounds: int = 21, steps: int = 100, units: int = 32) -> float:
    """The seconds that the host takes for a step whose plan is replayed. For so few steps it never waits for
    the card, which does them in its own time.
    """
    step, samples = training(units), []
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(steps):
            loss = step()
        samples.append((time.perf_counter() - begin) / steps)
        loss.numpy()
    return median(samples)


def growth(steps: int = 10_000, units: int = 32) -> int:
    """By how many bytes the memory that is taken from the card grows over a loop of steps."""
    step = training(units)
    for _ in range(10):
        step()
    before = tf.config.memory_stats("GPU:0")["reserved"]
    for _ in range(steps):
        step()
    return tf.config.memory_stats("GPU:0")["reserved"] - before


def judged(results: dict[str, Row], names: list[str]) -> list[str]:
    """A line for each bar whose figures were measured: how near nbtape came, and whether that is enough."""
    lines, own = [], names[0]
    copied = results.get(_COPY, {}).get(own)
    if copied:
        bandwidth = 2 * float(_COPY.split("_")[1]) / copied
        lines.append(f"copy bandwidth: {bandwidth / 1e9:.0f} GB/s")
        if own in results.get(_FUSED, {}):
            moved = 4 * _ARRAYS * float(_FUSED.split("_")[1]) / results[_FUSED][own]
            lines.append(_line(f"{_FUSED}: of the copy bandwidth", moved / bandwidth, _BANDWIDTH, True))
    for case, row in results.items():
        others = {name: seconds for name, seconds in row.items() if name != own}
        if own not in row or not others or case == _COPY:
            continue
        if case == _PRODUCT:
            others = {name: s for name, s in others.items() if name.startswith("torch")} or others
        best = min(others, key=lambda name: others[name])
        bar = _OF_BLAS if case == _PRODUCT else _OF_BEST
        lines.append(_line(f"{case}: of the time of {best}", row[own] / others[best], bar, False))
    return lines


def alone() -> list[str]:
    """Lines for what nbtape does alone."""
    tf.config.set_compilation("synchronous")
    grown, seconds = growth(), overhead()
    verdict = "met" if not grown else "missed"
    return [
        _line("host's microseconds for a replayed step", 1e6 * seconds, 1e6 * _OVERHEAD, False),
        f"memory taken from the card in 10,000 steps: {grown} bytes, wanted 0: {verdict}",
    ]


def _line(what: str, found: float, bar: float, least: bool) -> str:
    met = found >= bar if least else found <= bar
    wanted = f"at {'least' if least else 'most'} {bar:.3g}"
    return f"{what}: {found:.3g}, wanted {wanted}: {'met' if met else 'missed'}"


def reported(table: str, results: dict[str, Row], names: list[str], options: argparse.Namespace) -> str:
    """The table and what it comes to, which are written down as well."""
    lines = [f"conformance: {conforming(options.conformance)}"] if options.conformance else []
    lines += [*judged(results, names), *alone()]
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(
        _report(table, lines, "fastest" if options.fastest else "median", options.rounds)
    )
    return "\n".join([table, "", *lines])


def _report(table: str, lines: list[str], word: str, rounds: int) -> str:
    card = cards.card(0)
    major, minor = card.capability
    told = {"card": card.name, "major": major, "minor": minor, "cuda": driver.version()}
    head = _HEAD.format(**told, word=word, rounds=rounds)
    return "\n".join([head, "```", table, "```", "", *[f"- {line}" for line in lines], ""])
