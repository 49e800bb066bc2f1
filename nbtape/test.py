"""Helpers for tests: `tf.test`."""

from nbtape.autodiff.check import compute_gradient as compute_gradient
from nbtape.graph.v1.hardware import gpu_device_name as gpu_device_name, is_gpu_available as is_gpu_available
