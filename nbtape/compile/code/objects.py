"""Object files in memory: machine code, compiled here or elsewhere, is loaded with llvmlite alone."""

import ctypes
import hashlib
import os
import sys
import threading
from functools import cache
from typing import Any

import llvmlite.binding as llvm

_MATH = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 expm1 fabs
    floor fma fmax fmin fmod frexp hypot ldexp lgamma log log10 log1p log2 modf nearbyint pow remainder rint
    round sin sincos sinh sqrt tan tanh tgamma trunc
""".split()
_MEMORY = "memcpy memmove memset memcmp".split()

_addresses: dict[str, int] = {}
_lock = threading.Lock()


class CompileError(Exception):
    """A kernel's text could not be made into machine code."""


def symbol(text: str) -> str:
    """The name of a text's function in its object file.

    Example:
        >>> symbol("")
        'kernel_e3b0c44298fc1c14'
    """
    return "kernel_" + hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def target() -> tuple[str, str, str]:
    """The system, the CPU and what the CPU can do, as LLVM writes them.

    What NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say to Numba holds here too: machine code for a plain CPU can
    be made on one machine for all.
    """
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES", "" if name == "generic" else None)
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        # LLVM keeps to half of the vector width, for older CPUs that slowed down when they used all of it;
        # where a loop computes more than it waits for memory, the full width gains a fifth.
        features += ",-prefer-256-bit"
    return llvm.get_process_triple(), name, features


def target_machine() -> Any:
    """LLVM's code generator for this CPU."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, cpu, features = target()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu,
        features=features,
        opt=3,
        reloc="static" if triple.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def foreign() -> dict[str, int]:
    """What object files may leave for the loader to find: C's memory and mathematics, none of Python's."""
    library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
    found = {
        name: getattr(library, name, None) for name in [*_MEMORY, *_MATH, *(name + "f" for name in _MATH)]
    }
    return {name: ctypes.cast(f, ctypes.c_void_p).value or 0 for name, f in found.items() if f is not None}


@cache
def _engine() -> Any:
    """The engine that holds all objects. It lives as long as the process, since addresses were given away."""
    for name, address in foreign().items():
        llvm.add_symbol(name, address)
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())


def find(text: str) -> int | None:
    """The address of a text's machine code, if it was loaded."""
    return _addresses.get(text)


def load(text: str, data: bytes) -> int:
    """Make a text's object file executable: the address of its entry."""
    with _lock:
        if text not in _addresses:
            engine = _engine()
            engine.add_object_file(llvm.ObjectFileRef.from_data(data))
            engine.finalize_object()
            _addresses[text] = engine.get_function_address(symbol(text))
        return _addresses[text]


if hasattr(os, "register_at_fork"):  # a child must not find the lock taken by a thread that it does not have
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
