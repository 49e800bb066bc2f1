"""Products of matrices on threads of our own.

NumPy's OpenBLAS splits even small products over all cores. Its threads then spin for a while, waiting for
more, and slow down whatever runs next to them; where another program has one of the cores, a product of
microseconds waits milliseconds for it. So here OpenBLAS runs on one thread, and large products are shared by
the crew, whose threads sleep. Where OpenBLAS would spend its time on copies, a kernel of ours is quicker.
Where NumPy brings another BLAS nothing is changed.
"""

import ctypes
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nbtape.core.crew import crew, native
from nbtape.core.kernel import late

PART = 8_000_000  # multiplications for which it is worth waking up another thread, on two cores
_LEAST = 16  # rows or columns of a part
_NAMES = ("libscipy_openblas64_*", "libscipy_openblas*", "libopenblas*")
_GEMM = ("scipy_cblas_{}gemm64_", "cblas_{}gemm64_")  # whose integers have 64 bits
_SYMBOLS = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")
_CORES = tuple(name.replace("{}_num_threads", "get_corename") for name in _SYMBOLS)
_WIDE = (b"SkylakeX", b"Cooperlake", b"SapphireRapids")  # what OpenBLAS calls cores with AVX-512

_tiles, _tiles_in_parts = map(late, [f"nbtape.kernels.cpu.multiply:{name}" for name in ("multiply", "parts")])
_ROWS, _WIDTH = 6, 64  # of a tile
_FINER = 4  # times as many parts where threads take them in machine code
_LITTLE = 1_000_000  # multiplications, up to which OpenBLAS does not copy either
_COPIES = 10  # multiplications that take as long as it takes to copy a number
_GAIN = 0.11  # of the time of a product, from which on tiles are surely quicker


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
    """`np.matmul` of operands of one dtype, which the crew shares if it is large."""
    if _threads is None:
        return np.matmul(a, b)
    work = a.size * b.shape[-1]
    multiply = np.matmul if work <= _LITTLE else _shared if work >= 2 * PART else _alone
    get, put = _threads
    n = get()
    if n == 1:
        return multiply(a, b)
    put(1)
    try:
        return multiply(a, b)
    finally:
        put(n)


def _core() -> bytes:
    """The kind of core that OpenBLAS found."""
    library = _openblas and _openblas[0]
    for name in _CORES:
        if function := getattr(library, name, None):
            function.restype = ctypes.c_char_p
            return function()
    return b""


_wide = _core() in _WIDE


def _alone(a: Any, b: Any) -> Any:
    """`np.matmul` on this thread."""
    if not _suits(a, b):
        return np.matmul(a, b)
    y = np.empty((len(a), b.shape[1]), a.dtype)
    _into(a, b, y)
    return y


def _suits(a: Any, b: Any) -> bool:
    """Whether a product is made sooner in tiles than by OpenBLAS, which copies both operands first. It is
    not worth it to wait for Numba.
    """
    if not _wide or "numba" not in sys.modules or a.ndim != 2 or b.ndim != 2 or a.dtype.char != "f":
        return False
    (m, k), n = a.shape, b.shape[1]
    if k != len(b) or m < _ROWS or n < _WIDTH or b.strides[1] != b.itemsize:
        return False
    return _COPIES * (1 / m + 1 / n + 1 / k) - (n % _WIDTH) / n > _GAIN


def _into(a: Any, b: Any, y: Any) -> None:
    """Write a product to `y`: in tiles where that suits, but for the columns that are left over."""
    if not _suits(a, b):
        np.matmul(a, b, y)
        return
    n = b.shape[1] // _WIDTH * _WIDTH
    _tiles(a, b[:, :n], y[:, :n])
    _rest(a, b, y, n)


def _rest(a: Any, b: Any, y: Any, n: int) -> None:
    """Write the columns of a product from n on."""
    if n < b.shape[1]:
        np.matmul(a, b[:, n:], y[:, n:])


def _shared(a: Any, b: Any) -> Any:
    """`np.matmul`, cut along the longer side of the product, so that it is the shorter operand that every
    part has to read.
    """
    threads = crew()
    m, n = a.shape[-2], b.shape[-1]
    parts = min(_parts(a.size * n, threads.size), max(m, n) // _LEAST)
    if parts < 2 or a.shape[-1] != b.shape[-2]:
        return _alone(a, b)
    y = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), m, n), a.dtype)
    if _suits(a, b):
        whole = n // _WIDTH * _WIDTH
        threads.share(native(), _tiles_in_parts(a, b[:, :whole], y[:, :whole], _FINER * parts))
        _rest(a, b, y, whole)
        return y
    cuts = [max(m, n) * i // parts for i in range(parts + 1)]
    pieces = [slice(*ends) for ends in zip(cuts, cuts[1:])]
    if m >= n:
        tasks = [partial(_into, a[..., s, :], b, y[..., s, :]) for s in pieces]
    else:
        tasks = [partial(_into, a, b[..., s], y[..., s]) for s in pieces]
    threads.run(tasks)
    return y


def _parts(work: int, threads: int) -> int:
    """Into how many parts `work` multiplications are cut: two a thread where there is enough to do, so that
    one that is slow takes fewer.
    """
    if threads > 1 and work >= 2 * threads * PART:
        return 2 * threads
    return min(threads, work // PART)


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
