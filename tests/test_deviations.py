"""Each intended difference from TensorFlow has a reason, and is what the library really does."""

import doctest
import tomllib
from pathlib import Path

import numpy as np
import pytest

import nbtape as tf

DEVIATIONS = tomllib.loads(Path(__file__).with_name("deviations.toml").read_text())["deviation"]


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda d: d["case"])
def test_the_example_gives_what_it_says(deviation):
    assert len(deviation["reason"]) > 40
    test = doctest.DocTestParser().get_doctest(
        deviation["example"], {"tf": tf, "np": np}, deviation["case"], "deviations.toml", 0
    )
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_no_case_is_listed_twice():
    cases = [d["case"] for d in DEVIATIONS]
    assert len(cases) == len(set(cases))
