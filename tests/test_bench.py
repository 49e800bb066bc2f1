"""The benchmark checks answers, takes turns, and prints a table that can be read."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[1] / "nbtape" / "bench"
bench = runpy.run_path(str(BENCH / "__main__.py"), run_name="bench")


@pytest.fixture
def workloads(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH / "peers"))
    return pytest.importorskip("workloads")


def test_it_runs_and_prints_a_table():
    command = [
        sys.executable,
        "-m",
        "nbtape.bench",
        "eager",
        "--rounds",
        "1",
        "--peers",
        "--cases",
        "w1_scalar",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    head, names, row = done.stdout.splitlines()
    assert head.startswith("Time of a step, eager") and "nbtape" in names and row.startswith("w1_scalar")


def test_wrong_answers_are_not_timed(workloads):
    class Wrong:
        @staticmethod
        def gradients(case, a, b):
            return lambda: (np.float32(1.0), np.float32(2.0))

    with pytest.raises(AssertionError, match="a gradient is off by"):
        workloads.check("w1_scalar", Wrong)


def test_the_table_has_ratios_to_the_first_column():
    results = {"case": {"nbtape": 2e-5, "torch": 5e-5}, "other": {"nbtape": 1.5}}
    assert bench["table"](results, ["nbtape", "torch"]).splitlines() == [
        "       nbtape         torch",
        "case    20 us  50 us  x2.50",
        "other   1.5 s             -",
    ]
