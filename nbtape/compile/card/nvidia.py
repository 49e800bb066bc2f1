"""A card by NVIDIA: memory, one stream, kernels and graphs of them, through the driver.

The stream waits for the driver's own default stream and that one for it, so that what other libraries do
there (PyTorch and CuPy, unless told otherwise) and what is done here keep their order.
"""

import ctypes
from collections.abc import Callable, Sequence
from ctypes import byref, c_int, c_size_t, c_uint, c_void_p
from functools import partial
from typing import Any

import numpy as np

from nbtape.compile.card.driver import Address, Driver, DriverError, Handle, KernelNode
from nbtape.compile.card.errors import OutOfMemory
from nbtape.compile.card.events import Event, until_done
from nbtape.compile.card.programs import image
from nbtape.compile.card.staging import Staging
from nbtape.compile.code.objects import symbol

_ATTRIBUTES = 75, 76, 16  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR, _MULTIPROCESSOR_COUNT
_ERROR_LOG, _ERROR_LOG_BYTES = 5, 6  # CU_JIT_...
_LOG = 4096


class Card:
    """A card, in the context that all libraries of the process share."""

    def __init__(self, driver: Driver, number: int):
        self.number, self.driver = number, driver
        device = driver.number(driver.cuDeviceGet, number)
        self.context = driver.made(driver.cuDevicePrimaryCtxRetain, device)
        self.enter()
        name = ctypes.create_string_buffer(256)
        driver.cuDeviceGetName(name, len(name), device)
        self.name = name.value.decode()
        attributes = [driver.number(driver.cuDeviceGetAttribute, k, device) for k in _ATTRIBUTES]
        self.capability, self.processors = (attributes[0], attributes[1]), attributes[2]
        self.stream = driver.made(driver.cuStreamCreate, 0)
        self._functions: dict[str, Handle] = {}
        self._staging = Staging(self)

    def enter(self) -> None:
        """Let what this thread asks of the driver be for this card."""
        self.driver.cuCtxSetCurrent(self.context)

    # Memory

    def memory(self) -> tuple[int, int]:
        """The bytes that are free, and all bytes."""
        self.enter()
        free, all = c_size_t(), c_size_t()
        self.driver.cuMemGetInfo_v2(byref(free), byref(all))
        return free.value, all.value

    def allocate(self, bytes: int) -> int:
        """The address of so many bytes; raises OutOfMemory."""
        self.enter()
        address = Address()
        self.driver.cuMemAlloc_v2(byref(address), bytes)
        return address.value

    def free(self, address: int) -> None:
        self.enter()
        self.driver.cuMemFree_v2(address)

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy an array in C order to the card; it may be changed as soon as this returns."""
        self.enter()
        self._staging.write(address, array.ctypes.data, array.nbytes)

    def read(self, address: int, array: np.ndarray) -> None:
        """Copy from the card to an array in C order, and wait until it is there."""
        self.enter()
        self._staging.read(array.ctypes.data, address, array.nbytes)

    def copy(self, target: int, source: int, bytes: int) -> None:
        """Copy within the card."""
        self.enter()
        self.driver.cuMemcpyDtoDAsync_v2(target, source, bytes, self.stream)

    def receive(self, target: int, card: "Card", source: int, bytes: int) -> None:
        """Copy from another card, after what it does now, and before what it does next."""
        self._after(card)
        self.enter()
        self.driver.cuMemcpyPeerAsync(target, self.context, source, card.context, bytes, self.stream)
        card._after(self)

    def _after(self, card: "Card") -> None:
        """Let what comes on this stream wait for what is on another card's now."""
        card.enter()
        reached = Event(self.driver, card.stream).record()
        self.enter()
        self.driver.cuStreamWaitEvent(self.stream, reached.handle, 0)

    # Work

    def event(self) -> Event:
        """A point on the stream, to measure from; call its `record`."""
        self.enter()
        return Event(self.driver, self.stream)

    def wait(self) -> None:
        """Wait until all is done."""
        self.enter()
        until_done(self.driver.cuStreamQuery, self.stream)

    def prepared(self, text: str, words: np.ndarray, blocks: int, lanes: int) -> "Call":
        """A function that runs a kernel with the arguments that are then in `words`."""
        return Call(self, self._function(text), words, blocks, lanes)

    def _function(self, text: str) -> Handle:
        """The kernel of a text, loaded at its first call."""
        if text not in self._functions:
            self.enter()
            module = self._loaded(image(text, self.capability))
            name = symbol(text).encode()
            self._functions[text] = self.driver.made(self.driver.cuModuleGetFunction, module, name)
        return self._functions[text]

    def _loaded(self, code: bytes) -> Handle:
        log = ctypes.create_string_buffer(_LOG)
        options = (c_int * 2)(_ERROR_LOG, _ERROR_LOG_BYTES)
        values = (c_void_p * 2)(ctypes.addressof(log), len(log))
        try:
            return self.driver.made(self.driver.cuModuleLoadDataEx, code, len(options), options, values)
        except DriverError as error:
            said = f"{error}\n{log.value.decode(errors='replace')}"
            raise DriverError(error.number, said.rstrip()) from None

    def graph(self, calls: "Sequence[Call]") -> "Graph | None":
        """Calls that run at once, with the arguments that they have now; None where the driver will not."""
        try:
            return Graph(self, calls)
        except (DriverError, OutOfMemory):
            return None


class Call:
    """A kernel with its arguments, whose words the driver reads when it is called."""

    def __init__(self, card: Card, function: Handle, words: np.ndarray, blocks: int, lanes: int):
        self.words = words  # which live as long as what points to them
        places = [words.ctypes.data + 8 * k for k in range(len(words))]
        self._pointers = (c_void_p * len(places))(*places)
        pointers = c_void_p(ctypes.addressof(self._pointers))
        one = c_uint(1)
        sizes = c_uint(blocks), one, one, c_uint(lanes), one, one, c_uint(0)
        self.run: Callable[[], int] = partial(
            card.driver.cuLaunchKernel, function, *sizes, card.stream, pointers, None
        )
        grid, block = (c_uint * 3)(blocks, 1, 1), (c_uint * 3)(lanes, 1, 1)
        self.node = KernelNode(function, grid, block, 0, pointers, None)


class Graph:
    """Calls that run at once, one after another, with the arguments that they had when they were added or
    updated. It is made of nodes and not by a capture, for which the stream would have to be kept from others.
    """

    def __init__(self, card: Card, calls: Sequence[Call]):
        self._card, self._driver, self._calls = card, card.driver, calls
        self._nodes: list[Handle] = []
        self._graph, self._runs = Handle(), Handle()
        card.enter()
        self._driver.cuGraphCreate(byref(self._graph), 0)
        for call in calls:
            before = self._nodes[-1:]
            node = self._driver.made(
                self._driver.cuGraphAddKernelNode,
                *(self._graph, (Handle * 1)(*before), len(before), byref(call.node)),
            )
            self._nodes.append(node)
        self._driver.cuGraphInstantiateWithFlags(byref(self._runs), self._graph, 0)

    def update(self, k: int) -> None:
        """Let call k have the arguments that it has now."""
        node = byref(self._calls[k].node)
        self._driver.cuGraphExecKernelNodeSetParams(self._runs, self._nodes[k], node)

    def replay(self) -> None:
        """Run all."""
        self._driver.cuGraphLaunch(self._runs, self._card.stream)

    def __del__(self):
        if self._runs:
            self._driver.cuGraphExecDestroy(self._runs)
        if self._graph:
            self._driver.cuGraphDestroy(self._graph)
