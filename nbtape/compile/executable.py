"""An Executable: a finished graph that runs as machine code as soon as there is some.

Until its kernels are compiled, by worker processes that fill the cache, calls are answered by the interpreter
(`None` here). With other sizes the same kernels serve: only the plan is made anew. Whatever goes wrong in a
compiler is said once, and the interpreter goes on answering.

A graph runs on a card where the block around says so, where an input, a variable or what it captured is on
one, or where its own operations were put on one: see `compile/card/executable.py`.
"""

import os
import time
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from nbtape.compile.code.native import find, request
from nbtape.compile.code.texts import ahead, needed
from nbtape.compile.planning.plan import plan_of
from nbtape.compile.running.host import Host
from nbtape.compile.settings import Settings
from nbtape.core import context, source
from nbtape.core.engine import EagerTensor
from nbtape.core.kernel import late
from nbtape.core.memory import CardArray, on_host, state
from nbtape.graph.passes import optimise, specialise
from nbtape.graph.program import Program, program_of
from nbtape.graph.trace import FunctionGraph
from nbtape.graph.v1.device import here
from nbtape.graph.v1.device_spec import DeviceSpec
from nbtape.graph.v1.hardware import card_of

_HOSTS = 32  # sizes of one trace that are kept ready
_on_card = late("nbtape.compile.card.executable:OnCard")


class Executable:
    """The compiled forms of one graph, one for the sizes of each signature that it was called with."""

    def __init__(self, graph: FunctionGraph):
        self.graph = graph
        self.failed = False
        self.hosts: dict[tuple, Any] = {}
        self._cards: dict[int, Executable] = {}  # its forms for cards
        self.static = all(x._spec.shape is not None and None not in x._spec.shape for x in graph.inputs)
        self.seconds: float | None = None  # how long the last compilation took
        self.cached: bool | None = None  # and whether all of it came from the cache
        self.only: Any = None  # what runs, where there is one for all signatures

    def host(self, values: Sequence[Any]) -> Any:
        """What runs for inputs of these shapes; None while there is nothing yet."""
        key = () if self.static else tuple([v.shape for v in values])
        found = self.hosts.get(key)
        if found is not None and not isinstance(found, Building):
            return found
        if self.failed or Settings.mode == "off":
            return None
        try:
            return self._advanced(key, found, values, Settings.mode == "synchronous")
        except Exception as error:
            self._give_up(error)
            return None

    def building(self, values: Sequence[Any] | None) -> "Building":
        """Begin to compile for inputs of these shapes."""
        return Building(self.graph, values)

    def _advanced(self, key: tuple, building: Any, values: Sequence[Any], wait: bool) -> Any:
        if building is None:
            building = self.hosts[key] = self.building(values if key else None)
        host = building.host(wait)
        if host is not None:
            self.hosts[key] = host
            if len(self.hosts) > _HOSTS:
                del self.hosts[next(iter(self.hosts))]  # the sizes that came first; each keeps memory
            self.seconds, self.cached = time.perf_counter() - building.began, building.cached
        return host

    def ready(self) -> Any:
        """The host of the last sizes, waiting for it if need be."""
        card = self._card(())
        if card is not None:
            return self._cards[card].ready()
        key = next(reversed(self.hosts), ())
        found = self.hosts.get(key)
        building = found is None or isinstance(found, Building)
        return self._advanced(key, found, (), wait=True) if building else found

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
        values = [t._value for t in tensors]
        if state.used or self._put is not None:
            card = self._card(values)
            if card is not None:
                return self._cards[card]._chosen(tensors)
            if self._held is not None:  # the block around says to run here, and op by op that works
                return None
            if any([type(v) is CardArray for v in values]):
                return self._with_copies(values)
        host = self.host(values)
        if host is None:
            return None
        if self.static and not state.used:
            self.only = host.run
        return host.run

    # Where it runs

    def _card(self, values: Sequence[Any]) -> int | None:
        """The card to run on; None: here."""
        if context.local.seat is not None:
            card = context.local.seat.card
        elif self._put is not None:
            card = self._put
        elif context.local.device and here().device_type == "CPU":
            return None
        else:
            card = next((v.card for v in values if type(v) is CardArray), self._held)
        if card is not None and card not in self._cards:
            self._cards[card] = _on_card(self.graph, card)
        return card

    def _with_copies(self, values: Sequence[Any]) -> Any:
        """What runs here on copies of what is on a card."""
        host = self.host([on_host(v) for v in values])
        if host is None:
            return None
        return lambda tensors: host.run([EagerTensor(on_host(x._value)) for x in tensors])

    @cached_property
    def _put(self) -> int | None:
        """The card that an operation of the graph was put on."""
        names = {node.outputs[0].op.device for node in self.graph.nodes if node.outputs}
        cards = [card_of(DeviceSpec.from_string(name)) for name in sorted(names - {""})]
        return next((card for card in cards if card is not None), None)

    @cached_property
    def _held(self) -> int | None:
        """The card that a variable or what was captured is on, which stays there."""
        held = [outside for outside, _ in self.graph.captures.values()]
        held += [node.attrs["variable"].deref() for node in self.graph.nodes if "variable" in node.attrs]
        values = [getattr(x, "_value", None) for x in held]
        return next((v.card for v in values if type(v) is CardArray), None)


class Building:
    """A plan whose kernels are being compiled."""

    def __init__(self, graph: FunctionGraph, values: Sequence[Any] | None):
        self.began = time.perf_counter()
        program = program_of(graph)
        self.captured = [x._value for x in program.captures]
        self.plan = plan_of(sized(program, values))
        texts = needed(self.plan.actions)
        self.cached = all(find(text) is not None for text in texts)
        self.addresses = request(texts)

    def host(self, wait: bool) -> Any:
        """What runs the plan, once all of it is compiled."""
        if not wait and not self.addresses.done():
            return None
        self.addresses.result()
        later = request(ahead(self.plan.actions))  # so that a far larger batch need not wait
        if wait:
            later.result()
        return Host(self.plan, self.captured)


def sized(program: Program, values: Sequence[Any] | None) -> Program:
    """A program made better, for inputs of the shapes of `values` if there are any."""
    if values is not None:
        ragged = [v.dtype != x.dtype for v, x in zip(values, program.inputs)]  # rows of several shapes
        specialise(program, [None if r else v.shape for v, r in zip(values, ragged)])
    return optimise(program)
