"""The benchmark of cards says that there is none, and what its figures come to."""

import argparse
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbtape.bench import gpu
from nbtape.compile.card import cards

ROOT = Path(__file__).parents[1]
RESULTS = {
    "copy_2e9": {"nbtape": 1e-3, "torch eager": 1e-3},
    "w3_1e8": {"nbtape": 0.8e-3, "torch compile": 1.5e-3},
    "product_4096": {"nbtape": 3.3e-3, "jax jit": 1e-3, "torch eager": 3e-3, "torch compile": 3.2e-3},
    "softmax_65536x1024": {"nbtape": 2.3e-4, "torch eager": 2e-4},
    "w6_b256": {"nbtape": 1e-3},
}


@pytest.mark.skipif(cards.count() > 0, reason="there is a card")
def test_without_a_card_it_says_so():
    command = [sys.executable, "-m", "nbtape.bench", "gpu"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", gpu.NO_CARD + "\n")


def test_simulated_cards_are_not_measured(monkeypatch):
    monkeypatch.setattr(cards, "SIMULATED", True)
    assert gpu.missing() == gpu.SIMULATED


def test_figures_are_held_against_what_is_wanted():
    assert gpu.judged(RESULTS, ["nbtape", "torch eager", "torch compile", "jax jit"]) == [
        "copy bandwidth: 4000 GB/s",
        "w3_1e8: of the copy bandwidth: 0.75, wanted at least 0.75: met",
        "w3_1e8: of the time of torch compile: 0.533, wanted at most 1.2: met",
        "product_4096: of the time of torch eager: 1.1, wanted at most 1.05: missed",
        "softmax_65536x1024: of the time of torch eager: 1.15, wanted at most 1.2: met",
    ]


def test_nothing_is_said_of_what_was_not_measured():
    assert gpu.judged({"w3_1e8": {"nbtape": 1e-3}, "w2_b256": {}}, ["nbtape"]) == []


def test_the_report_names_the_card_and_its_driver(monkeypatch, tmp_path):
    monkeypatch.setattr(cards, "card", lambda number: SimpleNamespace(name="Some Card", capability=(9, 0)))
    monkeypatch.setattr(gpu.driver, "version", lambda: "13.0")
    monkeypatch.setattr(gpu, "alone", lambda: ["what it does alone"])
    report = tmp_path / "benchmarks" / "gpu.md"
    options = argparse.Namespace(conformance=None, report=report, fastest=False, rounds=5)
    shown = gpu.reported("the table", RESULTS, ["nbtape", "torch eager"], options)
    text = report.read_text()
    assert "Some Card, compute capability 9.0; its driver knows CUDA 13.0" in text
    assert "median of 5" in text and "```\nthe table\n```" in text
    assert "- what it does alone" in text and shown.endswith("what it does alone")
