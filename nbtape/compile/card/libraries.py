"""NVIDIA's libraries, by ctypes, wherever they come from: wheels, which nvmath-python, CuPy and PyTorch bring
as well, or an installed CUDA.

Their functions in C keep their arguments, so no package is needed that knows them.
"""

import ctypes
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_VERSIONS = 13, 12  # of CUDA


@cache
def library(name: str) -> Any:
    """A library of CUDA by its name, as "cublas"; None where there is none."""
    for path in [*_in_wheels(name), *[f"lib{name}.so.{version}" for version in _VERSIONS]]:
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def _in_wheels(name: str) -> Iterator[str]:
    """Where NVIDIA's wheels have a library, the newest first."""
    pattern = f"{name}[0-9_]*.dll" if sys.platform == "win32" else f"lib{name}.so.*"
    packages = find_spec("nvidia")
    for folder in packages.submodule_search_locations or () if packages else ():
        yield from sorted(map(str, Path(folder).rglob(pattern)), key=lambda path: path[-8:], reverse=True)
