"""The compiler for NVIDIA's cards: the only place that names it.

It is Numba's: its own, or the package numba-cuda, which takes its place where it is installed. Its successor,
numba-cuda-mlir 0.6, is no help yet: it compiles only where a card is, and has another way for functions that
write their own instructions, as those of `kernels/` do. With NUMBA_ENABLE_CUDASIM=1 in the environment it is
a simulator, which runs kernels as Python. Importing this imports Numba.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import config, cuda as compiler, types

from nbtape.compile.card import turns
from nbtape.compile.code.objects import symbol
from nbtape.compile.cpu import type_of
from nbtape.core.kernel import late
from nbtape.kernels.narrow import Narrow
from nbtape.kernels.value import dialects

cuda: Any = compiler  # which has other names in each of its forms
_simulator = late("numba.cuda.simulator.kernelapi:FakeCUDAModule")  # what a kernel finds under `cuda`
SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]
if not SIMULATED and hasattr(cuda, "typing"):  # numba-cuda, which has signatures of its own
    dialects[cuda.target.CUDATypingContext] = cuda.typing.templates.signature


class Pointer:
    """An element of an array and those around it: what a simulated kernel is given for an address."""

    def __init__(self, array: np.ndarray, offset: int):
        self._array, self._offset = array, offset

    def __getitem__(self, index: int) -> Any:
        return self._array[self._offset + index]

    def __setitem__(self, index: int, value: Any) -> None:
        self._array[self._offset + index] = value


class NarrowPointer(Pointer):
    """The same of floats of 16 bits, which kernels compute with as float32."""

    def __getitem__(self, index: int) -> Any:
        return np.float32(super().__getitem__(index))


def function(text: str) -> Any:
    """The Python function that a kernel's text defines."""
    names: dict[str, Any] = {"__name__": "nbtape.compile"}
    exec(compile(text, "<kernel>", "exec"), names)
    return names["kernel"]


def simulate(kernel: Any, blocks: int, lanes: int, arguments: Sequence[Any]) -> None:
    """Run a kernel, the Python function of a text, as blocks of `lanes` threads."""
    kernel.__globals__["cuda"] = _simulator((blocks, 1, 1), (lanes, 1, 1), 0)
    turns.run(blocks, lanes, kernel, arguments)


def ptx(text: str, capability: tuple[int, int]) -> bytes:
    """A kernel as PTX, the assembly language of cards, for those of a compute capability. Its name in there
    is the `symbol` of its text.
    """
    kernel = function(text)
    signature = types.void(*[_type_of(kind) for kind in kernel.__annotations__.values()])
    with _card_of(capability):
        written, _ = cuda.compile(kernel, signature, device=False, abi="numba", cc=capability, output="ptx")
    written = written if isinstance(written, str) else written.decode()
    entry = re.search(r"\.visible\s+\.entry\s+(\w+)", written)
    assert entry, "the compiler wrote no kernel"
    return written.replace(entry[1], symbol(text)).encode()


def _type_of(kind: str) -> Any:
    """What Numba calls the type of an argument."""
    return Narrow(kind[:-1]) if kind in ("float16*", "bfloat16*") else type_of(kind)


@contextmanager
def _card_of(capability: tuple[int, int]) -> Iterator[None]:
    """Have functions that kernels call compiled for a capability: of their card the compiler asks the driver,
    which may not be there, and would take memory of the card.
    """
    module = cuda.dispatcher
    asked = module.get_current_device
    module.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        module.get_current_device = asked
