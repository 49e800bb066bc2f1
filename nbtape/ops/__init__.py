"""The op table: every operation, one row each, with its gradient beside it."""

from nbtape.ops import numpy_api as numpy_api  # which opens NumPy's doors to Tensors
