"""The CUDA driver, by ctypes: its functions with the types of their arguments, and its errors.

The driver's interface is stable: a function keeps its arguments, and what changes gets another name (`_v2`).
So this needs no package, only the library that comes with the driver of a card. Each function raises
DriverError, or OutOfMemory, where the driver reports an error.
"""

import ctypes
import sys
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p
from functools import cache
from typing import Any

from nbtape.compile.card.errors import OutOfMemory
from nbtape.core.errors import InternalError

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_SUCCESS, _OUT_OF_MEMORY, _ENDING, NOT_READY = 0, 2, 4, 600

Device = c_int
Address = c_uint64
Handle = c_void_p  # of a context, a stream, an event, ...


class KernelNode(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v1: what a node of a graph launches."""

    _fields_ = [
        ("function", Handle),
        ("blocks", c_uint * 3),
        ("lanes", c_uint * 3),
        ("shared", c_uint),
        ("parameters", c_void_p),
        ("extra", c_void_p),
    ]


# fmt: off
SIGNATURES: dict[str, tuple] = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(Device), c_int),
    "cuDeviceGetName": (c_char_p, c_int, Device),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, Device),
    "cuDevicePrimaryCtxRetain": (POINTER(Handle), Device),
    "cuCtxSetCurrent": (Handle,),
    "cuMemGetInfo_v2": (POINTER(c_size_t), POINTER(c_size_t)),
    "cuMemAlloc_v2": (POINTER(Address), c_size_t),
    "cuMemFree_v2": (Address,),
    "cuMemHostAlloc": (POINTER(c_void_p), c_size_t, c_uint),
    "cuMemcpyHtoDAsync_v2": (Address, c_void_p, c_size_t, Handle),
    "cuMemcpyDtoHAsync_v2": (c_void_p, Address, c_size_t, Handle),
    "cuMemcpyDtoDAsync_v2": (Address, Address, c_size_t, Handle),
    "cuMemcpyPeerAsync": (Address, Handle, Address, Handle, c_size_t, Handle),
    "cuStreamCreate": (POINTER(Handle), c_uint),
    "cuStreamQuery": (Handle,),
    "cuStreamWaitEvent": (Handle, Handle, c_uint),
    "cuEventCreate": (POINTER(Handle), c_uint),
    "cuEventRecord": (Handle, Handle),
    "cuEventQuery": (Handle,),
    "cuEventElapsedTime": (POINTER(c_float), Handle, Handle),
    "cuEventDestroy_v2": (Handle,),
    "cuModuleLoadDataEx": (POINTER(Handle), c_char_p, c_uint, POINTER(c_int), POINTER(c_void_p)),
    "cuModuleGetFunction": (POINTER(Handle), Handle, c_char_p),
    "cuLaunchKernel": (Handle, *[c_uint] * 6, c_uint, Handle, c_void_p, c_void_p),
    "cuGraphCreate": (POINTER(Handle), c_uint),
    "cuGraphAddKernelNode": (POINTER(Handle), Handle, POINTER(Handle), c_size_t, POINTER(KernelNode)),
    "cuGraphInstantiateWithFlags": (POINTER(Handle), Handle, c_uint64),
    "cuGraphLaunch": (Handle, Handle),
    "cuGraphExecKernelNodeSetParams": (Handle, Handle, POINTER(KernelNode)),
    "cuGraphExecDestroy": (Handle,),
    "cuGraphDestroy": (Handle,),
}
# fmt: on

_LOST = "What was on the card is lost: restart the process, or the notebook's kernel."
_REMEDIES = {
    3: "A process that was forked has no use of its parent's cards: start it with the method 'spawn'.",
    100: "Is a card there, and visible (CUDA_VISIBLE_DEVICES)?",
    209: "The card is older than those that kernels are compiled for.",
    218: "A kernel is no valid PTX: please report it, with the function that was called.",
    222: "The driver is older than the compiler: update the driver, or install an older numba-cuda.",
    700: f"A kernel read or wrote where nothing is. {_LOST}",
    715: _LOST,
    716: _LOST,
    717: _LOST,
    718: _LOST,
    719: _LOST,
    803: "The driver was updated while it was in use: restart the computer.",
    804: "The driver is too old for this card's libraries: update it.",
    999: "Try again after a restart of the computer; `nvidia-smi` may say more.",
}


class DriverError(InternalError):
    """The driver reports an error, of the number `number`.

    Kernels run later than they are launched: what one does wrong may be reported by any call after it.
    """

    def __init__(self, number: int, message: str):
        super().__init__(None, None, message)
        self.number = number


class Driver:
    """The functions of a driver's library, each under its own name."""

    __getattr__: Callable[[str], Any]  # for who checks types: the functions are found in the library

    def __init__(self, library: Any):
        for name, types in SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = types, c_int
            if not name.startswith("cuGetError"):
                function.errcheck = self._checked
            setattr(self, name, function)

    def number(self, tell: Callable, *arguments: Any) -> int:
        """The number that a function of the driver tells."""
        found = c_int()
        tell(ctypes.byref(found), *arguments)
        return found.value

    def made(self, make: Callable, *arguments: Any) -> Handle:
        """The handle of what a function of the driver makes."""
        handle = Handle()
        make(ctypes.byref(handle), *arguments)
        return handle

    def _checked(self, result: int, function: Any, arguments: tuple) -> int:
        if result in (_SUCCESS, NOT_READY, _ENDING):  # the last while the process ends, and all goes
            return result
        if result == _OUT_OF_MEMORY:
            raise OutOfMemory("The card has no memory left for what its driver needs.")
        raise DriverError(result, self._told(result))

    def _told(self, result: int) -> str:
        """What the driver says of an error, and what to do."""
        texts = []
        for tell in (self.cuGetErrorName, self.cuGetErrorString):
            text = c_char_p()
            if tell(result, ctypes.byref(text)) == _SUCCESS:  # else this driver does not know the number
                texts.append((text.value or b"").decode())
        said = ": ".join(texts) or f"error {result}"
        return f"CUDA reports {said}. {_REMEDIES.get(result, '')}".rstrip()


@cache
def driver() -> Driver | None:
    """The driver of this computer, ready for use; None where there is none, or no card."""
    try:
        found = Driver(ctypes.CDLL(_LIBRARY))
        found.cuInit(0)
    except (OSError, AttributeError, DriverError):
        return None
    return found


def count() -> int:
    """How many cards there are."""
    return 0 if (found := driver()) is None else found.number(found.cuDeviceGetCount)


def version() -> str:
    """The newest CUDA that the driver knows, as in "13.0"; "" where there is no driver."""
    if (found := driver()) is None:
        return ""
    number = found.number(found.cuDriverGetVersion)
    return f"{number // 1000}.{number % 1000 // 10}"
