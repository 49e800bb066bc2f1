"""Held against each other: what functions give compiled, and what they give eagerly."""

import numpy as np

import nbtape as tf


def both(f, *arrays):
    """`f` compiled, which gives what `f` gives eagerly, and runs in kernels alone."""
    xs, compiled = [tf.constant(x) for x in arrays], tf.function(f)
    with np.errstate(all="ignore"):
        wanted, found = f(*xs), compiled(*xs)
    for eager, ours in zip(tf.nest.flatten(wanted), tf.nest.flatten(found), strict=True):
        assert (eager.dtype, eager.shape) == (ours.dtype, ours.shape)
        np.testing.assert_allclose(ours.numpy(), eager.numpy(), 1e-5, 1e-6)
    assert not any("in Python" in unit.what for unit in compiled.plan.units)
    return compiled
