"""The libraries that are compared: where each is installed, and in which ways it runs."""

import importlib.util
import os
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"  # what stands there runs in interpreters that need not have nbtape
LIBRARIES = ("torch", "tensorflow", "jax", "autograd", "pytensor", "cupy")
COMPILED = {
    "nbtape": ["function"],
    "jax": ["jit"],
    "tensorflow": ["function", "xla"],
    "torch": ["eager", "compile"],
    "pytensor": ["numba"],
}
LAYERS = {library: ["layers"] for library in ("nbtape", "tensorflow")}
LAYERED = ("w2", "w4", "w6", "w8")  # kinds of cases that are written with layers as well
SKIPPED = {"jax": ("copy",), "cupy": ("w",)}  # kinds of cases that a library has no program for
EAGER = {library: [""] for library in ("nbtape", "torch", "tensorflow", "jax", "autograd")}
GRAPH = {library: ["session"] for library in ("nbtape", "tensorflow")}
DATA = {library: [""] for library in ("nbtape", "tensorflow", "torch")}
GPU = {"nbtape": ["function"], "torch": ["eager", "compile"], "jax": ["jit"], "cupy": [""]}
WAYS = {"eager": EAGER, "compiled": COMPILED, "graph": GRAPH, "data": DATA, "fresh": COMPILED, "gpu": GPU}
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # a card, with others


def installed(mode: str, libraries: list[str], layers: bool = False) -> list[tuple[str, str, str]]:
    """The libraries and ways that a mode compares, nbtape first, each with its interpreter; with `layers`,
    Keras's programs as well.
    """
    found = []
    for library, ways in WAYS[mode].items():
        if library != "nbtape" and library not in libraries:
            continue
        if python := python_of(library):
            more = LAYERS.get(library, []) if layers else []
            found += [(library, way, python) for way in [*ways, *more]]
        else:
            variable = f"NBTAPE_BENCH_{library.upper()}"
            print(f"{library} is not installed: {variable}=/path/to/python names one that has it")
    return found


def python_of(library: str) -> str | None:
    """The interpreter that has a library."""
    named = os.environ.get(f"NBTAPE_BENCH_{library.upper()}")
    if named or library == "nbtape" or importlib.util.find_spec(library):
        return named or sys.executable
    return None


def environment_of(library: str, mode: str = "") -> dict[str, str]:
    """The environment variables of a process that runs a library."""
    told = SHARED if mode == "gpu" else QUIET
    if library != "nbtape":
        return os.environ | told
    path = [str(PEERS.parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | told | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
