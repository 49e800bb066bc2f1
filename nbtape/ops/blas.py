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
_GEMM = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_")  # whose integers have 64 bits
_SYMBOLS = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


def _find() -> tuple[Any, Any, Any] | None:
    """OpenBLAS, and its functions that get and set its number of threads, if NumPy carries an OpenBLAS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in [p for name in _NAMES for p in sorted(folder.glob(name))]:
            library = ctypes.PyDLL(str(path))  # quick calls: to let go of the GIL costs more
            for symbol in _SYMBOLS:
                get, put = (getattr(library, symbol.format(verb), None) for verb in ("get", "set"))
                if get and put:
                    put.argtypes, put.restype = [ctypes.c_int], None
                    return library, get, put
    return None


_openblas = _find() if sys.platform != "emscripten" else None
_threads = _openblas[1:] if _openblas else None


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


def gemm_address(dtype: str) -> int | None:
    """Where the machine code of CBLAS's product of float32 or float64 matrices is, if NumPy's BLAS has it."""
    if _openblas is None:
        return None
    for name in _GEMM:
        if function := getattr(_openblas[0], name.format({"float32": "s", "float64": "d"}[dtype]), None):
            return ctypes.cast(function, ctypes.c_void_p).value
    return None


def threads_address() -> int | None:
    """Where the machine code is that sets how many threads NumPy's BLAS uses, `void set(int)`."""
    return ctypes.cast(_threads[1], ctypes.c_void_p).value if _threads else None


def thread_count() -> int:
    """How many threads NumPy's BLAS uses now; 1 where that is not known."""
    return _threads[0]() if _threads else 1
