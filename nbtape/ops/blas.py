"""How many threads a product of matrices runs on.

NumPy's OpenBLAS splits even small products over all cores. Its threads then spin for a while, waiting for
more, and slow down whatever runs next to them; where another program has one of the cores, a product of
microseconds waits milliseconds for it. So small products run on one thread, here. Where NumPy brings another
BLAS nothing is changed.
"""

import ctypes
import sys
from pathlib import Path
from typing import Any

import numpy as np

SMALL = 10_000_000  # multiplications; below it a second thread has gained less than it cost, on two cores
_NAMES = ("libscipy_openblas64_*", "libscipy_openblas*", "libopenblas*")
_SYMBOLS = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


def _find() -> tuple[Any, Any] | None:
    """OpenBLAS's functions that get and set its number of threads, if NumPy carries an OpenBLAS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in [p for name in _NAMES for p in sorted(folder.glob(name))]:
            library = ctypes.PyDLL(str(path))  # quick calls: to let go of the GIL costs more
            for symbol in _SYMBOLS:
                get, put = (getattr(library, symbol.format(verb), None) for verb in ("get", "set"))
                if get and put:
                    put.argtypes, put.restype = [ctypes.c_int], None
                    return get, put
    return None


_threads = _find() if sys.platform != "emscripten" else None


def matmul(a: Any, b: Any) -> Any:
    """`np.matmul`, on one thread if it is small."""
    if _threads is None or a.shape[-2] * a.shape[-1] * b.shape[-1] >= SMALL:
        return np.matmul(a, b)
    get, put = _threads
    n = get()
    if n == 1:
        return np.matmul(a, b)
    put(1)
    try:
        return np.matmul(a, b)
    finally:
        put(n)
