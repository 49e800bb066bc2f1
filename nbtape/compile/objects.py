"""Object files in memory: kernels that were compiled, here or elsewhere, loaded with llvmlite alone."""

import ctypes
import ctypes.util
import hashlib
import threading
from functools import cache
from typing import Any

import llvmlite.binding as llvm

_MATH = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 expm1 fabs floor
    fma fmax fmin fmod frexp hypot ldexp lgamma log log10 log1p log2 modf nearbyint pow remainder rint round
    sin sincos sinh sqrt tan tanh tgamma trunc
""".split()
_MEMORY = ["memcpy", "memmove", "memset", "memcmp"]
# What object files may leave for the loader to find, by name: C's memory and math, and nothing of Python's.
FOREIGN = frozenset([*_MEMORY, *_MATH, *(name + "f" for name in _MATH)])

_lock = threading.Lock()


def symbol(text: str) -> str:
    """The name of a text's function in its object file.

    Example:
        >>> symbol("")
        'kernel_e3b0c44298fc1c14'
    """
    return "kernel_" + hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def features() -> str:
    """What this CPU can do, as LLVM writes it."""
    return llvm.get_host_cpu_features().flatten()


def target_machine() -> Any:
    """LLVM's view of this CPU, with all of its vector width: loops over arrays are what kernels are."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=features(),
        opt=3,
        reloc="static" if llvm.get_process_triple().startswith(("x86", "i")) else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _engine() -> Any:
    """The one engine that holds every object; it lives as long as the process, for addresses are handed out."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    library = ctypes.CDLL(ctypes.util.find_library("m") or None)
    for name in FOREIGN:
        if (function := getattr(library, name, None)) is not None:
            llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return engine


def load(name: str, data: bytes) -> int:
    """Make an object file's code executable: the address of its function `name`."""
    with _lock:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        engine.finalize_object()
        return engine.get_function_address(name)
