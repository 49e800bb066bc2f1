"""JAX with jit on the first card, not rounding float32. It has no events, so it is timed by the clock."""

import jax  # pyright: ignore[reportMissingImports]
from jax_compiled import NAME as NAME, build as build, wait as wait  # pyright: ignore[reportMissingImports]

if jax.default_backend() != "gpu":
    raise SystemExit("jax has no card: it was installed without CUDA")
jax.config.update("jax_default_matmul_precision", "highest")
