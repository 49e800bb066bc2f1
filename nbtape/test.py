"""Helpers for tests: `tf.test`."""

from nbtape.autodiff.check import compute_gradient as compute_gradient
