"""`python -m nbtape.bench eager`: nbtape and its peers on the same work, in turn, with ratios.

Each library runs in a process of its own: in this interpreter if it is installed there, or in the one that an
environment variable names, NBTAPE_BENCH_TORCH=/path/to/python, and so NBTAPE_BENCH_TENSORFLOW, _JAX,
_AUTOGRAD. Its answers are checked against float64 NumPy; then the libraries take turns, so that what else the
machine does is shared.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
CASES = ("w1_scalar", "w1_chain100", "w2_b32", "w2_b256")
PEERS = ("torch", "tensorflow", "jax", "autograd")
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}


class Worker:
    """A process that runs one library."""

    def __init__(self, peer: str, python: str, threads: int | None):
        environment = os.environ | QUIET | ({name: str(threads) for name in THREADS} if threads else {})
        if peer == "nbtape":
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
            )
        self.process = subprocess.Popen([python, HERE / "peers" / "worker.py", peer], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment)  # fmt: skip
        self.name = self._answer()["name"]

    def _answer(self) -> dict:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"the process ended with {self.process.wait()}: see what it said above")
        return json.loads(line)

    def ask(self, **request: str) -> dict:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def python_of(peer: str) -> str | None:
    """The interpreter that has a library."""
    named = os.environ.get(f"NBTAPE_BENCH_{peer.upper()}")
    if named or peer == "nbtape" or importlib.util.find_spec(peer):
        return named or sys.executable
    return None


def started(peers: list[str], threads: int | None) -> list[Worker]:
    workers = []
    for peer in ["nbtape", *peers]:
        python = python_of(peer)
        if python is None:
            print(
                f"{peer} is not installed: NBTAPE_BENCH_{peer.upper()}=/path/to/python names one that has it"
            )
            continue
        try:
            workers.append(Worker(peer, python, threads))
        except RuntimeError as error:
            print(f"{peer}: {error}")
    return workers


def timed(workers: list[Worker], case: str, rounds: int, pick: Callable[..., Any]) -> dict[str, float]:
    """Seconds that a step of the case takes in each library: what `pick` takes of samples taken in turn."""
    ready = []
    for worker in workers:
        reply = worker.ask(load=case)
        if "error" in reply:
            print(f"{worker.name}, {case}: {reply['error']}")
        else:
            ready.append(worker)
    samples: dict[str, list[float]] = {worker.name: [] for worker in ready}
    for i in range(rounds):
        for worker in ready[i % len(ready) :] + ready[: i % len(ready)]:
            samples[worker.name].append(worker.ask(time=case)["seconds"])
    return {name: pick(seconds) for name, seconds in samples.items()}


def table(results: dict[str, dict[str, float]], names: list[str]) -> str:
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


def spelled(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m nbtape.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mode", choices=["eager"], help="how the libraries run: operation by operation")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=5, help="samples of each library (default 5)")
    parser.add_argument(
        "--threads", type=int, help="threads that each library may use (default: as it likes)"
    )
    parser.add_argument("--fastest", action="store_true", help="the fastest sample, not the median")
    options = parser.parse_args()
    word, pick = ("fastest", min) if options.fastest else ("median", median)
    workers = started(options.peers, options.threads)
    try:
        results = {case: timed(workers, case, options.rounds, pick) for case in options.cases}
    finally:
        for worker in workers:
            worker.stop()
    print(f"Time of a step, {options.mode}, {word} of {options.rounds} samples in turn; x: times nbtape's")
    print(table(results, [worker.name for worker in workers]))


if __name__ == "__main__":
    main()
