"""Hand-written kernels: a leaf floor, which knows numpy and numba and nothing of nbtape."""
