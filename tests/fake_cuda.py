"""A driver of CUDA that is none, to run what speaks with one: its functions take arguments as C passes them.

Device memory is memory of the computer. What is asked of a stream is done late, when somebody asks whether it
is done, so that who does not wait, or changes too early what the card has yet to read, is found out. Kernels
are texts, which `run` is asked to run.
"""

import ctypes
from collections import deque
from ctypes import CFUNCTYPE, c_float, c_int, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p, memmove, memset

INVALID_VALUE, OUT_OF_MEMORY, NOT_INITIALIZED, NO_CONTEXT = 1, 2, 3, 201
NOT_FOUND, NOT_READY = 500, 600
CONTEXT, PORTABLE = 0xC0, 1

# As cuda.h has them; every pointer and every handle is passed as a pointer is.
PROTOTYPES = """
cuInit(unsigned)  cuDriverGetVersion(*)  cuGetErrorName(int, *)  cuGetErrorString(int, *)
cuDeviceGetCount(*)  cuDeviceGet(*, int)  cuDeviceGetName(*, int, int)  cuDeviceGetAttribute(*, int, int)
cuDevicePrimaryCtxRetain(*, int)  cuCtxSetCurrent(*)
cuMemGetInfo_v2(*, *)  cuMemAlloc_v2(*, size_t)  cuMemFree_v2(address)  cuMemHostAlloc(*, size_t, unsigned)
cuMemcpyHtoDAsync_v2(address, *, size_t, *)  cuMemcpyDtoHAsync_v2(*, address, size_t, *)
cuMemcpyDtoDAsync_v2(address, address, size_t, *)  cuMemcpyPeerAsync(address, *, address, *, size_t, *)
cuStreamCreate(*, unsigned)  cuStreamQuery(*)  cuStreamWaitEvent(*, *, unsigned)
cuEventCreate(*, unsigned)  cuEventRecord(*, *)  cuEventQuery(*)  cuEventElapsedTime(*, *, *)
cuEventDestroy_v2(*)
cuModuleLoadDataEx(*, *, unsigned, *, *)  cuModuleGetFunction(*, *, *)
cuLaunchKernel(*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, *, *, *)
cuGraphCreate(*, unsigned)  cuGraphAddKernelNode(*, *, *, size_t, *)
cuGraphInstantiateWithFlags(*, *, long)  cuGraphLaunch(*, *)  cuGraphExecKernelNodeSetParams(*, *, *)
cuGraphExecDestroy(*)  cuGraphDestroy(*)
"""
TYPES = {
    "int": c_int,
    "unsigned": c_uint,
    "size_t": c_size_t,
    "address": c_uint64,
    "long": c_uint64,
    "*": c_void_p,
}


def put(place, kind, value):
    """Write a result where a pointer points to."""
    kind.from_address(place).value = value


class FakeCuda:
    """A library with the functions of the driver, for `count` cards of `memory` bytes each.

    `run(text, kinds, blocks, lanes, words)` is called for each kernel. `fail` holds results that the next
    calls of a function return, by its name. `log` names all calls.
    """

    def __init__(self, memory=1 << 24, count=1, run=print):
        self.memory, self.count, self.run = memory, count, run
        self.held, self.pinned, self.objects, self.fail, self.log = {}, {}, {}, {}, []
        self.context, self.ready, self.handles = None, False, 0x1000
        for declared in PROTOTYPES.replace(")  ", ")\n").split("\n"):
            if declared:
                self._declare(*declared.strip(" )").split("("))

    def _declare(self, name, kinds):
        work = getattr(self, f"_{name}")

        def called(*arguments):
            self.log.append(name)
            if self.fail.get(name):
                return self.fail[name].pop(0)
            if not self.ready and name != "cuInit" and not name.startswith("cuGetError"):
                return NOT_INITIALIZED
            return work(*arguments) or 0

        kinds = [TYPES[kind] for kind in kinds.split(", ")]
        setattr(self, name, CFUNCTYPE(c_int, *kinds)(called))

    def made(self, place, thing):
        """Give out a handle of a thing."""
        self.handles += 16
        handle = self.handles
        self.objects[handle] = thing
        put(place, c_void_p, handle)

    def bytes_at(self, address, size):
        """Check that bytes were allocated on a card."""
        inside = any(a <= address and address + size <= a + len(b) for a, b in self.held.items())
        assert inside, "a copy outside of what was allocated"
        return address

    # The driver and its cards

    def _cuInit(self, flags):
        if not self.count:
            return 100
        self.ready = True

    def _cuDriverGetVersion(self, version):
        put(version, c_int, 13000)

    _texts = {
        1: (b"CUDA_ERROR_INVALID_VALUE", b"invalid argument"),
        222: (b"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", b"compiled with an unsupported toolchain"),
        700: (b"CUDA_ERROR_ILLEGAL_ADDRESS", b"an illegal memory access was encountered"),
    }

    def _told(self, which, error, place):
        if error not in self._texts:
            return INVALID_VALUE
        put(place, ctypes.c_char_p, self._texts[error][which])

    def _cuGetErrorName(self, error, place):
        return self._told(0, error, place)

    def _cuGetErrorString(self, error, place):
        return self._told(1, error, place)

    def _cuDeviceGetCount(self, count):
        put(count, c_int, self.count)

    def _cuDeviceGet(self, device, number):
        put(device, c_int, 40 + number)

    def _cuDeviceGetName(self, name, size, device):
        memmove(name, b"Fake\0", 5)

    def _cuDeviceGetAttribute(self, value, attribute, device):
        put(value, c_int, {75: 9, 76: 0, 16: 2}[attribute])

    def _cuDevicePrimaryCtxRetain(self, context, device):
        put(context, c_void_p, CONTEXT + device)

    def _cuCtxSetCurrent(self, context):
        self.context = context

    # Memory

    def _cuMemGetInfo_v2(self, free, total):
        put(free, c_size_t, self.memory - sum(map(len, self.held.values())))
        put(total, c_size_t, self.memory)

    def _cuMemAlloc_v2(self, address, size):
        if self.context is None:
            return NO_CONTEXT
        if sum(map(len, self.held.values())) + size > self.memory:
            return OUT_OF_MEMORY
        room = bytearray(size + 512)
        start = -ctypes.addressof(c_ubyte.from_buffer(room)) % 512
        array = (c_ubyte * size).from_buffer(room, start)
        memset(array, 0xA5, size)
        self.held[ctypes.addressof(array)] = array
        put(address, c_uint64, ctypes.addressof(array))

    def _cuMemFree_v2(self, address):
        for stream in self.streams():
            stream.finish()
        del self.held[address]

    def _cuMemHostAlloc(self, place, size, flags):
        assert flags == PORTABLE
        array = (c_ubyte * size)()
        self.pinned[ctypes.addressof(array)] = array
        put(place, c_void_p, ctypes.addressof(array))

    def _cuMemcpyHtoDAsync_v2(self, target, source, size, stream):
        target = self.bytes_at(target, size)
        if any(a <= source < a + len(b) for a, b in self.pinned.items()):
            self.objects[stream].ask(lambda: memmove(target, source, size))
        else:
            staged = ctypes.string_at(source, size)
            self.objects[stream].ask(lambda: memmove(target, staged, size))

    def _cuMemcpyDtoHAsync_v2(self, target, source, size, stream):
        source = self.bytes_at(source, size)
        self.objects[stream].ask(lambda: memmove(target, source, size))
        if not any(a <= target < a + len(b) for a, b in self.pinned.items()):
            self.objects[stream].finish()

    def _cuMemcpyDtoDAsync_v2(self, target, source, size, stream):
        target, source = self.bytes_at(target, size), self.bytes_at(source, size)
        self.objects[stream].ask(lambda: memmove(target, source, size))

    def _cuMemcpyPeerAsync(self, target, theirs, source, ours, size, stream):
        assert theirs != ours and {theirs, ours} <= {CONTEXT + 40, CONTEXT + 41}
        self._cuMemcpyDtoDAsync_v2(target, source, size, stream)

    # Streams and events

    def streams(self):
        return [thing for thing in self.objects.values() if isinstance(thing, Stream)]

    def _cuStreamCreate(self, stream, flags):
        assert flags == 0  # so that the default stream and this one wait for each other
        self.made(stream, Stream())

    def _cuStreamQuery(self, stream):
        return self.objects[stream].asked()

    def _cuStreamWaitEvent(self, stream, event, flags):
        self.objects[stream].ask(self.objects[event].finish)

    def _cuEventCreate(self, event, flags):
        self.made(event, Event())

    def _cuEventRecord(self, event, stream):
        self.objects[event].record(self.objects[stream])

    def _cuEventQuery(self, event):
        return self.objects[event].asked()

    def _cuEventElapsedTime(self, milliseconds, start, end):
        put(milliseconds, c_float, 250.0)

    def _cuEventDestroy_v2(self, event):
        del self.objects[event]

    # Kernels

    def _cuModuleLoadDataEx(self, module, image, count, options, values):
        assert list((c_int * count).from_address(options)) == [5, 6]
        log, size = (c_void_p * count).from_address(values)
        text = ctypes.string_at(image).decode()
        if text.startswith("no PTX"):
            memmove(log, b"line 1: syntax error\0", min(size, 21))
            return 218
        self.made(module, text)

    def _cuModuleGetFunction(self, function, module, name):
        if not ctypes.string_at(name).startswith(b"kernel_"):
            return NOT_FOUND
        self.made(function, self.objects[module])

    def words(self, text, places):
        """The arguments of a kernel, each as many bytes as its type has."""
        kinds = kinds_of(text)
        found = []
        for kind, place in zip(kinds, (c_void_p * len(kinds)).from_address(places)):
            found.append(ctypes.string_at(place, 8 if kind.endswith("*") else SIZES[kind]))
        return found

    def launched(self, text, blocks, lanes, words):
        return lambda: self.run(text, kinds_of(text), blocks, lanes, words)

    def _cuLaunchKernel(self, function, gx, gy, gz, bx, by, bz, shared, stream, places, extra):
        assert (gy, gz, by, bz, shared, extra) == (1, 1, 1, 1, 0, None) and self.context is not None
        text = self.objects[function]
        self.objects[stream].ask(self.launched(text, gx, bx, self.words(text, places)))

    # Graphs

    def _cuGraphCreate(self, graph, flags):
        self.made(graph, {})

    def node(self, given):
        """The kernel of a node, with the arguments that it has now."""
        n = Node.from_address(given)
        assert (n.gy, n.gz, n.by, n.bz, n.shared, n.extra) == (1, 1, 1, 1, 0, None)
        text = self.objects[n.function]
        return self.launched(text, n.gx, n.bx, self.words(text, n.places))

    def _cuGraphAddKernelNode(self, node, graph, before, count, given):
        nodes = self.objects[graph]
        assert list((c_void_p * count).from_address(before)) == list(nodes)[-1:], "each after the one before"
        self.made(node, None)
        nodes[c_void_p.from_address(node).value] = self.node(given)

    def _cuGraphInstantiateWithFlags(self, runs, graph, flags):
        self.made(runs, dict(self.objects[graph]))

    def _cuGraphExecKernelNodeSetParams(self, runs, node, given):
        self.objects[runs][node] = self.node(given)

    def _cuGraphLaunch(self, runs, stream):
        for work in self.objects[runs].values():
            self.objects[stream].ask(work)

    def _cuGraphExecDestroy(self, runs):
        self.objects[runs] = None

    def _cuGraphDestroy(self, graph):
        self.objects[graph] = None


class Node(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v1."""

    _fields_ = [
        ("function", c_void_p),
        *[(name, c_uint) for name in ("gx", "gy", "gz", "bx", "by", "bz", "shared")],
        ("places", c_void_p),
        ("extra", c_void_p),
    ]


class Stream:
    """Work in order, done when somebody asks for the second time whether it is."""

    def __init__(self):
        self.work, self.done, self.told = deque(), 0, 0

    def ask(self, work):
        self.work.append(work)
        self.told += 1

    def finish(self, until=None):
        while self.work and self.done != until:
            self.work.popleft()()
            self.done += 1

    def asked(self):
        if self.work:
            self.finish()
            return NOT_READY


class Event:
    """How far a stream was when it was recorded; before that it counts as done."""

    stream = None

    def record(self, stream):
        self.stream, self.point = stream, stream.told

    def finish(self):
        if self.stream:
            self.stream.finish(self.point)

    def asked(self):
        if self.stream and self.stream.done < self.point:
            self.finish()
            return NOT_READY


SIZES = {"bool": 1, "int32": 4, "float32": 4, "int64": 8, "float64": 8, "uint32": 4, "uint64": 8}


def kinds_of(text):
    """The kinds of a kernel's arguments."""
    names = {"__name__": "nbtape.compile"}
    exec(text, names)
    return list(names["kernel"].__annotations__.values())
