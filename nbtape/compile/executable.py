"""An Executable: a finished graph that runs as machine code as soon as there is some.

Until its kernels are compiled, by worker processes that fill the cache, calls are answered by the interpreter
(`None` here). With other sizes the same kernels serve: only the plan is made anew. Whatever goes wrong in a
compiler is said once, and the interpreter goes on answering.
"""

import os
import time
import warnings
from collections.abc import Sequence
from typing import Any

from nbtape.compile.code.native import find, request
from nbtape.compile.code.texts import ahead, needed
from nbtape.compile.planning.plan import plan_of
from nbtape.compile.running.host import Host
from nbtape.compile.settings import Settings
from nbtape.core import source
from nbtape.graph.passes import optimise, specialise
from nbtape.graph.program import program_of
from nbtape.graph.trace import FunctionGraph

_HOSTS = 32  # sizes of one trace that are kept ready


class Executable:
    """The compiled forms of one graph, one for the sizes of each signature that it was called with."""

    def __init__(self, graph: FunctionGraph):
        self.graph = graph
        self.failed = False
        self.hosts: dict[tuple, Host | _Building] = {}
        self.static = all(x._spec.shape is not None and None not in x._spec.shape for x in graph.inputs)
        self.seconds: float | None = None  # how long the last compilation took
        self.cached: bool | None = None  # and whether all of it came from the cache
        self.only: Any = None  # what runs, where there is one for all signatures

    def host(self, values: Sequence[Any]) -> Host | None:
        """What runs for inputs of these shapes; None while there is nothing yet."""
        key = () if self.static else tuple([v.shape for v in values])
        found = self.hosts.get(key)
        if type(found) is Host:
            return found
        if self.failed or Settings.mode == "off":
            return None
        try:
            return self._advanced(key, found, values, Settings.mode == "synchronous")
        except Exception as error:
            self._give_up(error)
            return None

    def _advanced(self, key: tuple, building: Any, values: Sequence[Any], wait: bool) -> Host | None:
        if building is None:
            building = self.hosts[key] = _Building(self.graph, values if key else None)
        host = building.host(wait)
        if host is not None:
            self.hosts[key] = host
            if len(self.hosts) > _HOSTS:
                del self.hosts[next(iter(self.hosts))]  # the sizes that came first; each keeps memory
            self.seconds, self.cached = time.perf_counter() - building.began, building.cached
        return host

    def ready(self) -> Host | None:
        """The host of the last sizes, waiting for it if need be."""
        key = next(reversed(self.hosts), ())
        found = self.hosts.get(key)
        return found if type(found) is Host else self._advanced(key, found, (), wait=True)

    def _give_up(self, error: Exception) -> None:
        self.failed = True
        if os.environ.get("NBTAPE_COMPILE_ERRORS"):
            raise error
        warnings.warn(
            f"{self.graph.name or 'a function'} runs without being compiled, since compiling it failed: "
            f"{type(error).__name__}: {error}",
            stacklevel=source.depth(),
        )

    def run(self, tensors: Sequence[Any]) -> list[Any] | None:
        """The outputs for these Tensors; None where the interpreter has to answer."""
        run = self.only or self._chosen(tensors)
        return None if run is None else run(tensors)

    def _chosen(self, tensors: Sequence[Any]) -> Any:
        host = self.host([t._value for t in tensors])
        if host is None:
            return None
        if self.static:
            self.only = host.run
        return host.run


class _Building:
    """A plan whose kernels are being compiled."""

    def __init__(self, graph: FunctionGraph, values: Sequence[Any] | None):
        self.began = time.perf_counter()
        program = program_of(graph)
        self.captured = [x._value for x in program.captures]
        if values is not None:
            ragged = [v.dtype != x.dtype for v, x in zip(values, program.inputs)]  # rows of several shapes
            specialise(program, [None if r else v.shape for v, r in zip(values, ragged)])
        program = optimise(program)
        self.plan = plan_of(program)
        texts = needed(self.plan.actions)
        self.cached = all(find(text) is not None for text in texts)
        self.addresses = request(texts)

    def host(self, wait: bool) -> Host | None:
        """What runs the plan, once all of it is compiled."""
        if not wait and not self.addresses.done():
            return None
        self.addresses.result()
        later = request(ahead(self.plan.actions))  # so that a far larger batch need not wait
        if wait:
            later.result()
        return Host(self.plan, self.captured)
