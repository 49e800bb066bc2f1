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


def test_compiled_steps_by_hand_and_with_layers_are_checked_and_timed():
    command = [sys.executable, "-m", "nbtape.bench", "compiled", "--layers", "--rounds", "1", "--peers"]
    cases = ["w1_scalar", "w4_rnn", "w6", "w8_sparse"]
    done = subprocess.run([*command, "--cases", *cases], capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    head, names, *rows = done.stdout.splitlines()
    assert head.startswith("Time of a step, compiled")
    assert names.split()[-1] == "layers" and [row.split()[0] for row in rows] == cases
    assert rows[0].endswith("-") and all(" x" in row for row in rows[1:])


def test_layers_are_for_compiled_programs():
    command = [sys.executable, "-m", "nbtape.bench", "eager", "--layers"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 2 and "--layers goes with compiled" in done.stderr


def test_a_session_is_checked_and_timed():
    command = [sys.executable, "-m", "nbtape.bench", "graph", "--rounds", "1", "--peers", "--cases", "w2_b32"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    head, names, row = done.stdout.splitlines()
    assert head.startswith("Time of a step, graph") and "session" in names and row.startswith("w2_b32")


def test_an_epoch_of_data_is_checked_and_timed():
    command = [sys.executable, "-m", "nbtape.bench", "data", "--rounds", "1", "--peers"]
    done = subprocess.run(
        [*command, "--cases", "pairs_uint8"], capture_output=True, text=True, cwd=BENCH.parents[1]
    )
    assert done.returncode == 0, done.stderr
    head, names, row = done.stdout.splitlines()
    assert head.startswith("Time of a step, data") and "nbtape" in names and row.startswith("pairs_uint8")


def test_a_new_process_is_watched():
    command = [sys.executable, "-m", "nbtape.bench", "fresh", "--rounds", "1", "--peers", "--cases", "w2_b32"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ")[0] for line in done.stdout.splitlines()[2:]]
    assert "import" in rows and "w2_b32, cold cache: compiled result, from the start" in rows


@pytest.mark.parametrize("case", ["w4_lstm", "w6", "w8_sparse"])
def test_gradients_of_compiled_programs_are_held_against_differences(workloads, case):
    problems = pytest.importorskip("problems")
    given = problems.data(case)

    class Wrong:
        @staticmethod
        def build(case, data, way):
            names = problems.WEIGHTS[problems.kind(case)].split()
            return None, lambda: [problems.loss(case, given), *[np.ones_like(given[n]) for n in names]]

    with pytest.raises(AssertionError, match="an answer is off by"):
        problems.check(case, Wrong, "")


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


def test_a_fused_loop_is_timed_beside_plain_ones():
    command = [sys.executable, "-m", "nbtape.bench", "memory", "--rounds", "1", "--cases", "w3_1e6"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCH.parents[1])
    assert done.returncode == 0, done.stderr
    _, names, row = done.stdout.splitlines()
    assert "plain loop" in names and row.startswith("w3_1e6") and row.count(" x") == 2


def test_a_loop_is_timed_with_a_panel_and_without():
    live = pytest.importorskip("nbtape.bench.live")
    (row,) = live.watched(["empty"], 1, min, seconds=0.05).values()
    assert list(row) == ["no panel", "again none", "closed panel", "open panel"] and min(row.values()) > 0
