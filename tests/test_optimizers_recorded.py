"""Fifty steps of every optimizer, with every option, go where Keras's go."""

import numpy as np
import pytest
import recorded
from recorded.optimizer_cases import CASES, SHOWN, descend

import nbtape as tf

KERAS = recorded.table("optimizers")


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_are_those_of_keras(name, run):
    _, found = descend(tf, name, run)
    assert len(found) == len(KERAS[name]) >= len(SHOWN)
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
