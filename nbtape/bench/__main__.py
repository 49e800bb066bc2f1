"""nbtape and its peers on the same work, in turn, with ratios.

    python -m nbtape.bench eager       operation by operation
    python -m nbtape.bench compiled    as each library compiles it; with --layers, Keras's programs too
    python -m nbtape.bench graph       a session that runs a graph, as in TensorFlow 1
    python -m nbtape.bench data        60,000 images, shuffled and in batches
    python -m nbtape.bench memory      a fused loop beside plain loops that read and write as much
    python -m nbtape.bench live        a training without a live panel, with a closed and with an open one
    python -m nbtape.bench fresh       what a new process waits for, and its memory
    python -m nbtape.bench gpu         on a card, whose figures go to tests/benchmarks/gpu.md

Each library runs in a process of its own: in this interpreter if it is installed there, or in the one that an
environment variable names, NBTAPE_BENCH_TORCH=/path/to/python, and so NBTAPE_BENCH_TENSORFLOW, _JAX,
_PYTENSOR, _AUTOGRAD, _CUPY. Its answers are checked in float64; then the libraries take turns, so that what
else the machine does is shared.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from nbtape.bench.fresh import newly
from nbtape.bench.libraries import LAYERED, LIBRARIES, PEERS, SKIPPED, environment_of, installed
from nbtape.core.kernel import late

CASES = {
    "eager": "w1_scalar w1_chain100 w2_b32 w2_b256".split(),
    "compiled": (
        "w1_scalar w1_chain100 w2_b32 w2_b256 w3_1e6 w3_1e7 w3s_1e7 w4_rnn w4_lstm w5 w6 w7_hvp w7_hess "
        "w8_sparse w8_dense"
    ).split(),
    "graph": ["w2_b32", "w2_b256"],
    "data": "images_uint8 images_float32 pairs_uint8 scaled".split(),
    "memory": ["w3_1e6", "w3_1e7"],
    "live": "w2_b32 w2_b256 variables_200 empty".split(),
    "fresh": ["w2_b32", "w4_rnn"],
    "gpu": "copy_2e9 w2_b256 w2_b4096 w3_1e8 w6_b256 product_4096 softmax_65536x1024".split(),
}
REPORT = Path(__file__).parents[2] / "tests" / "benchmarks" / "gpu.md"
_REST = 0.1  # seconds between samples: threads of one library that still spin would slow down the next
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class Worker:
    """A process that runs one library in one way."""

    def __init__(self, library: str, mode: str, way: str, python: str, threads: int | None):
        limits = {name: str(threads) for name in THREADS} if threads else {}
        environment = environment_of(library, mode) | limits
        command = [python, PEERS / "worker.py", library, mode, way]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.library, self.way = library, way
        self.name = f"{self._answer()['name']} {way}".strip()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"the process ended with {self.process.wait()}: see what it said above")
        return json.loads(line)

    def takes(self, case: str) -> bool:
        """Whether there is a program of its way for a case."""
        if case.startswith(SKIPPED.get(self.library, ())):
            return False
        return self.way != "layers" or case.startswith(LAYERED)

    def ask(self, **request: str) -> dict:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def started(options: argparse.Namespace) -> list[Worker]:
    workers = []
    for library, way, python in installed(options.mode, options.peers, options.layers):
        try:
            workers.append(Worker(library, options.mode, way, python, options.threads))
        except RuntimeError as error:
            print(f"{library}: {error}")
    return workers


def timed(workers: list[Worker], case: str, rounds: int, pick: Callable[..., Any]) -> dict[str, float]:
    """Seconds that a step of the case takes in each library: what `pick` takes of samples taken in turn."""
    print(f"{case} ...", end="\r", file=sys.stderr, flush=True)
    ready = []
    for worker in [worker for worker in workers if worker.takes(case)]:
        reply = worker.ask(load=case)
        if "error" in reply:
            print(f"{worker.name}, {case}: {reply['error']}")
        else:
            ready.append(worker)
    samples: dict[str, list[float]] = {worker.name: [] for worker in ready}
    for i in range(rounds if ready else 0):
        for worker in ready[i % len(ready) :] + ready[: i % len(ready)]:
            time.sleep(_REST)
            samples[worker.name].append(worker.ask(time=case)["seconds"])
    for worker in ready:
        worker.ask(drop=case)
    return {name: pick(seconds) for name, seconds in samples.items()}


def spelled(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError


def megabytes(size: float) -> str:
    return f"{size:.0f} MB"


def table(results: dict[str, dict[str, float]], names: list[str], spelled: Callable = spelled) -> str:
    """A row for each case: times, and after the first library's how many times that they are."""
    rows = [["", *names]]
    for case, times in results.items():
        own = times.get(names[0])
        cells = []
        for name in names:
            text = spelled(times[name]) if name in times else "-"
            cells.append(
                f"{text}  x{times[name] / own:.2f}" if own and name in times and name != names[0] else text
            )
        rows.append([case, *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(row[1:], widths[1:])]])
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def sampled(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> tuple[dict, list]:
    """Seconds by case and library, and the libraries' names."""
    workers = started(options)
    try:
        results = {case: timed(workers, case, options.rounds, pick) for case in cases}
    finally:
        for worker in workers:
            worker.stop()
    return results, [worker.name for worker in workers]


def in_turn(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> str:
    """The table of steps."""
    return table(*sampled(options, cases, pick))


def on_card(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> str:
    """The table of steps on a card, and how it stands by what was wanted; both are written down as well."""
    if told := late("nbtape.bench.gpu:missing")():
        print(told, file=sys.stderr)
        sys.exit(2)
    results, names = sampled(options, cases, pick)
    return late("nbtape.bench.gpu:reported")(table(results, names), results, names, options)


def anew(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> str:
    """The tables of new processes."""
    seconds, memory = newly(options.peers, cases, options.rounds, pick)
    names = list(dict.fromkeys(name for row in seconds.values() for name in row))
    return "\n\n".join([table(seconds, names), table(memory, names, megabytes)])


def beside_panels(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> str:
    """The table of a loop that is watched or not, in a kernel."""
    results = late("nbtape.bench.live:watched")(cases, options.rounds, pick)
    return table(results, list(next(iter(results.values()))))


def beside_memory(options: argparse.Namespace, cases: list[str], pick: Callable[..., Any]) -> str:
    """The table of a fused loop and plain ones, in this process."""
    results = late("nbtape.bench.memory:moving")(cases, options.rounds, pick)
    return table(results, list(next(iter(results.values()))))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m nbtape.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mode", choices=list(CASES))
    known = dict.fromkeys(case for mode in ("compiled", "data", "live", "gpu") for case in CASES[mode])
    parser.add_argument("--cases", nargs="+", choices=known, help="(default: all of the mode)")
    parser.add_argument("--peers", nargs="*", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=5, help="samples of each library (default 5)")
    parser.add_argument(
        "--threads", type=int, help="threads that each library may use (default: as it likes)"
    )
    parser.add_argument(
        "--layers", action="store_true", help="compiled: also programs of Keras's layers and optimizers"
    )
    parser.add_argument("--conformance", help="gpu: the run.py of conformance cases, to be run on the card")
    parser.add_argument("--report", type=Path, default=REPORT, help="gpu: where the figures go")
    parser.add_argument("--fastest", action="store_true", help="the fastest sample, not the median")
    options = parser.parse_args()
    if options.layers and options.mode != "compiled":
        parser.error("--layers goes with compiled")
    word, pick = ("fastest", min) if options.fastest else ("median", median)
    cases = [case for case in CASES[options.mode] if case in (options.cases or CASES[options.mode])]
    ways = {"fresh": anew, "memory": beside_memory, "live": beside_panels, "gpu": on_card}
    made = ways.get(options.mode, in_turn)(options, cases, pick)
    head = "What new processes wait for" if options.mode == "fresh" else f"Time of a step, {options.mode}"
    print(f"{head}, {word} of {options.rounds} samples in turn; x: times nbtape's")
    print(made)


if __name__ == "__main__":
    main()
