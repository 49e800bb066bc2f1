"""A graph compiled for a card.

Its operations that were put on the CPU, and those that have no kernel for cards, the host does in the midst
of it. Kernels are compiled by a thread; meanwhile, and where a plan cannot be made, the graph runs op by op.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from typing import Any

from nbtape.compile.card import cards
from nbtape.compile.card.control import launches
from nbtape.compile.card.host import CardHost
from nbtape.compile.card.plan import NotOnDevice, OnHost, plan_of
from nbtape.compile.card.programs import image
from nbtape.compile.executable import Building, Executable, sized
from nbtape.core.engine import EagerTensor, Op
from nbtape.core.kernel import Extern, Region, View
from nbtape.graph.program import program_of
from nbtape.graph.rows import PLACEHOLDER
from nbtape.graph.run import EFFECTS, REPLAYS
from nbtape.graph.trace import FunctionGraph
from nbtape.graph.v1.device_spec import DeviceSpec


class OnCard(Executable):
    """The forms of a graph for one card."""

    def __init__(self, graph: FunctionGraph, card: int):
        super().__init__(graph)
        self.card = card

    def building(self, values: Sequence[Any] | None) -> Building:
        return CardBuilding(self.graph, values, self.card)

    def _chosen(self, tensors: Sequence[Any]) -> Any:
        host = self.host([t._value for t in tensors])
        return None if host is None else lambda tensors: _answered(host, tensors)

    def _card(self, values: Sequence[Any]) -> None:
        """It is there already."""

    def _give_up(self, error: Exception) -> None:
        if isinstance(error, NotOnDevice):
            self.failed = True  # op by op it runs on the card, but for what cannot
        else:
            super()._give_up(error)


def _answered(host: CardHost, tensors: Sequence[Any]) -> list[EagerTensor]:
    return [EagerTensor(y) for y in host.run([x._value for x in tensors])]


class CardBuilding(Building):
    """A plan for a card whose kernels are being compiled."""

    def __init__(self, graph: FunctionGraph, values: Sequence[Any] | None, card: int):
        self.began, self.card = time.perf_counter(), card
        program = program_of(graph, _op_of)
        self.captured = [x._value for x in program.captures]
        self.plan = plan_of(sized(program, values))
        self.images = _requested({launch.kernel.text for launch in launches(self.plan)}, card)
        self.cached = self.images.done()

    def host(self, wait: bool) -> CardHost | None:
        if not wait and not self.images.done():
            return None
        self.images.result()
        return CardHost(self.plan, self.captured, self.card)


def _requested(texts: set[str], card: int) -> Future:
    """Have kernels compiled for a card, by a thread: done when all of them are on disk."""
    done: Future = Future()

    def compile_all() -> None:
        try:
            for text in sorted(texts, key=len):
                image(text, cards.card(card).capability)
            done.set_result(None)
        except BaseException as error:  # which `result` raises where it is asked for
            done.set_exception(error)

    if cards.SIMULATED or not texts:
        done.set_result(None)
    else:
        threading.Thread(target=compile_all, daemon=True).start()
    return done


def _op_of(node: Any) -> Op:
    """The op of a node, or, where the user put it on the CPU, one that the host does."""
    op, device = node.op, node.outputs[0].op.device if node.outputs else ""
    bound = op is PLACEHOLDER or op.name in REPLAYS or op.name in EFFECTS
    if not device or bound or isinstance(op.kernel, Region | View):
        return op
    return _on_host(op) if DeviceSpec.from_string(device).device_type == "CPU" else op


@cache
def _on_host(op: Op) -> Op:
    """An op that does what `op` does, of which compilers know nothing else."""
    return OnHost(f"{op.name}_on_host", op.eager, op.infer, None, Extern(), many=op.many, label=op.label)
