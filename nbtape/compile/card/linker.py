"""NVIDIA's assembler for PTX, nvJitLink, by ctypes: from PTX to the machine code of one kind of card.

The driver can assemble too, but only PTX that is no newer than itself, and at each start of a process. This
needs no driver and no card, and says how many registers a kernel takes, and whether they were enough.
"""

import ctypes
import re
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

from nbtape.compile.card.libraries import library

_PTX = 2  # NVJITLINK_INPUT_PTX
_SIGNATURES: dict[str, tuple] = {
    "nvJitLinkCreate": (POINTER(c_void_p), c_uint32, POINTER(c_char_p)),
    "nvJitLinkDestroy": (POINTER(c_void_p),),
    "nvJitLinkAddData": (c_void_p, c_int, c_char_p, c_size_t, c_char_p),
    "nvJitLinkComplete": (c_void_p,),
    "nvJitLinkGetLinkedCubinSize": (c_void_p, POINTER(c_size_t)),
    "nvJitLinkGetLinkedCubin": (c_void_p, c_void_p),
    "nvJitLinkGetErrorLogSize": (c_void_p, POINTER(c_size_t)),
    "nvJitLinkGetErrorLog": (c_void_p, c_void_p),
    "nvJitLinkGetInfoLogSize": (c_void_p, POINTER(c_size_t)),
    "nvJitLinkGetInfoLog": (c_void_p, c_void_p),
}
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


class AssemblerError(Exception):
    """The assembler does not take a kernel's PTX."""


@dataclass(frozen=True)
class Assembled:
    """The machine code of a kernel, and what the assembler said of it."""

    code: bytes
    report: str

    @property
    def spilled(self) -> int:
        """The bytes of local memory, which is slow, that a thread needs since registers are not enough."""
        return sum(int(bytes) for found in _FRAME.findall(self.report) for bytes in found)


@cache
def linker() -> Any:
    """The library; None where it is not installed."""
    found = library("nvJitLink")
    for name, types in _SIGNATURES.items() if found else ():
        getattr(found, name).argtypes = types
    return found


def assembled(ptx: bytes, capability: tuple[int, int]) -> Assembled:
    """PTX as machine code of cards of a compute capability; raises AssemblerError."""
    link, handle, size = linker(), c_void_p(), c_size_t()
    options = (c_char_p * 2)(b"-arch=sm_%d%d" % capability, b"-verbose")

    def text(what: str) -> str:
        getattr(link, f"nvJitLinkGet{what}Size")(handle, byref(size))
        buffer = ctypes.create_string_buffer(size.value + 1)
        getattr(link, f"nvJitLinkGet{what}")(handle, buffer)
        return buffer.value.decode(errors="replace")

    if link.nvJitLinkCreate(byref(handle), len(options), options):
        raise AssemblerError(f"There is no assembler for cards of compute capability {capability}.")
    try:
        failed = link.nvJitLinkAddData(handle, _PTX, ptx, len(ptx), b"kernel")
        if failed or link.nvJitLinkComplete(handle):
            raise AssemblerError(text("ErrorLog"))
        link.nvJitLinkGetLinkedCubinSize(handle, byref(size))
        code = ctypes.create_string_buffer(size.value)
        link.nvJitLinkGetLinkedCubin(handle, code)
        return Assembled(code.raw, text("InfoLog"))
    finally:
        link.nvJitLinkDestroy(byref(handle))
