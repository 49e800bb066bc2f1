"""A card that is none: memory of the computer, and kernels run by Numba's simulator of CUDA."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtape.compile import device
from nbtape.compile.card.errors import OutOfMemory

_MEMORY = 1 << 30  # bytes of a simulated card


class Card:
    """A simulated card. Its addresses are those of the computer's memory."""

    name, capability, processors = "simulated", (9, 0), 2

    def __init__(self, number: int):
        self.number = number
        self._starts: list[int] = []  # of what is allocated, in order
        self._held: dict[int, np.ndarray] = {}

    def enter(self) -> None:
        """Let what this thread asks for be for this card."""

    # Memory

    def memory(self) -> tuple[int, int]:
        """The bytes that are free, and all bytes."""
        return _MEMORY - sum(array.size for array in self._held.values()), _MEMORY

    def allocate(self, bytes: int) -> int:
        """The address of so many bytes; raises OutOfMemory."""
        if bytes > self.memory()[0]:
            raise OutOfMemory
        array = np.full(bytes, 0xA5, np.uint8)  # no zeros: who reads what nobody wrote is to see it
        address = array.ctypes.data
        bisect.insort(self._starts, address)
        self._held[address] = array
        return address

    def free(self, address: int) -> None:
        self._starts.remove(address)
        del self._held[address]

    def at(self, address: int, dtype: Any) -> tuple[np.ndarray, int]:
        """The elements that lie around an address, and which one is there."""
        start = self._starts[bisect.bisect(self._starts, address) - 1]
        flat = self._held[start]
        size = np.dtype(dtype).itemsize
        return flat[: flat.size // size * size].view(dtype), (address - start) // size

    def _bytes(self, address: int, bytes: int) -> np.ndarray:
        flat, first = self.at(address, np.uint8)
        assert first + bytes <= flat.size, "bytes that nobody allocated"
        return flat[first : first + bytes]

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy an array in C order to the card."""
        self._bytes(address, array.nbytes)[:] = array.reshape(-1).view(np.uint8)

    def read(self, address: int, array: np.ndarray) -> None:
        """Copy from the card to an array in C order, and wait until it is there."""
        array.reshape(-1).view(np.uint8)[:] = self._bytes(address, array.nbytes)

    def copy(self, target: int, source: int, bytes: int) -> None:
        """Copy within the card."""
        self._bytes(target, bytes)[:] = self._bytes(source, bytes)

    def receive(self, target: int, card: Any, source: int, bytes: int) -> None:
        """Copy from another card."""
        self._bytes(target, bytes)[:] = card._bytes(source, bytes)

    # Work

    def prepared(self, text: str, words: np.ndarray, blocks: int, lanes: int) -> "Call":
        """A function that runs a kernel with the arguments that are then in `words`."""
        return Call(self, device.function(text), words, blocks, lanes)

    def graph(self, calls: Sequence["Call"]) -> "Graph":
        """Calls that run at once, with the arguments that they have now."""
        return Graph(calls)

    def argument(self, kind: str, word: np.int64) -> Any:
        """What a kernel is given for a word."""
        if kind.endswith("*"):
            pointer = device.NarrowPointer if kind in ("float16*", "bfloat16*") else device.Pointer
            return pointer(*self.at(int(word), kind[:-1]))
        return int(word) if kind == "int64" else np.array([word]).view(kind)[0]

    def wait(self) -> None:
        """Wait until all is done."""


@dataclass(eq=False)
class Call:
    """A kernel with its arguments, which may change from run to run."""

    card: Card
    kernel: Any
    words: np.ndarray
    blocks: int
    lanes: int

    def run(self, words: np.ndarray | None = None) -> None:
        """Run the kernel, with these words or those that it has now."""
        given = self.words if words is None else words
        kinds = self.kernel.__annotations__.values()
        arguments = [self.card.argument(kind, word) for kind, word in zip(kinds, given, strict=True)]
        device.simulate(self.kernel, self.blocks, self.lanes, arguments)


class Graph:
    """Calls with the arguments that they had when they were added or updated."""

    def __init__(self, calls: Sequence[Call]):
        self._calls, self._words = calls, [call.words.copy() for call in calls]

    def update(self, k: int) -> None:
        """Let call k have the arguments that it has now."""
        self._words[k] = self._calls[k].words.copy()

    def replay(self) -> None:
        """Run all."""
        for call, words in zip(self._calls, self._words):
            call.run(words)
