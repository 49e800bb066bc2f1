"""The benchmark of cards on the simulator: its programs give right answers, and its loop flat memory.

The simulator has to be asked for before Numba is imported: `test_cuda.py` runs this in a process of its own.
"""

import subprocess
import sys

import numpy as np
import pytest

import nbtape as tf
from nbtape.bench import gpu
from nbtape.bench.libraries import PEERS

MODULE = "import nbtape_on_card as tf; print(tf.constant(1.0).device)"


@pytest.fixture
def peers(monkeypatch):
    """The modules `problems` and `nbtape_gpu`."""
    monkeypatch.syspath_prepend(str(PEERS))
    mode = tf.config.get_compilation()
    yield pytest.importorskip("problems"), pytest.importorskip("nbtape_gpu")
    tf.config.set_compilation(mode)


@pytest.mark.parametrize("case", ["w3_40", "product_6", "softmax_3x5", "copy_1e3"])
def test_answers_are_right(peers, case):
    problems, peer = peers
    problems.check(case, peer, "function")()


def test_rounded_factors_are_no_right_answer(peers):
    problems, _ = peers

    class Rounded:
        @staticmethod
        def build(case, data, way):
            a, b = [x.astype(np.float16).astype(np.float32) for x in data.values()]
            return None, lambda: [a @ b]

    with pytest.raises(AssertionError, match="an answer is off"):
        problems.check("product_64", Rounded, "")


def test_a_loop_takes_no_more_memory_the_longer_it_runs():
    assert gpu.growth(steps=5, units=2) == 0


def test_the_host_is_timed():
    assert gpu.overhead(rounds=1, steps=1, units=2) > 0


def test_conformance_cases_run_on_the_card():
    command = [sys.executable, "-c", MODULE]
    run = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=True)
    assert "GPU:0" in run.stdout


@pytest.mark.parametrize(
    "said, told", [("one\\n  total 3 / 4\\nfailures:", "total 3 / 4"), ("one\\ntwo", "two")]
)
def test_what_the_runner_counts_is_told(tmp_path, said, told):
    runner = tmp_path / "run.py"
    runner.write_text(f"import sys\nassert sys.argv[1].endswith('nbtape_on_card.py')\nprint('{said}')\n")
    assert gpu.conforming(str(runner)) == told
