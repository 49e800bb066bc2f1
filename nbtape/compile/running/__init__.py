"""The machine that runs kernels, and the host that calls it."""
