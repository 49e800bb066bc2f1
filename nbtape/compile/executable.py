"""An Executable: a finished graph that runs as machine code as soon as there is some.

Until its kernels are compiled, by worker processes that fill the cache, calls are answered by the interpreter
(`None` here). With other sizes the same kernels serve: only the plan is made anew. Whatever goes wrong in a
compiler is said once, and the interpreter goes on answering.
"""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nbtape.compile import control, steps
from nbtape.compile.bind import PATCH
from nbtape.compile.host import Host
from nbtape.compile.native import request
from nbtape.compile.plan import Launch, plan_of
from nbtape.compile.settings import Settings
from nbtape.core import source
from nbtape.graph.passes import optimise
from nbtape.graph.program import program_of
from nbtape.graph.trace import FunctionGraph


class Executable:
    """The compiled forms of one graph, one for the sizes of each signature that it was called with."""

    def __init__(self, graph: FunctionGraph):
        self.graph = graph
        self.failed = False
        self.hosts: dict[tuple, Host | _Building] = {}
        self.static = all(x._spec.shape is not None and None not in x._spec.shape for x in graph.inputs)
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
            return self._advanced(key, found, values)
        except Exception as error:
            self._give_up(error)
            return None

    def _advanced(self, key: tuple, building: Any, values: Sequence[Any]) -> Host | None:
        if building is None:
            building = self.hosts[key] = _Building(self.graph, values if key else None)
        host = building.host(wait=Settings.mode == "synchronous")
        if host is not None:
            self.hosts[key] = host
        return host

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


# What steers kernels, compiled with the first of them.
ALWAYS = (steps.RUN, steps.LOOP, steps.BRANCH, PATCH)


def texts_of(actions: Iterable[Any]) -> Iterator[str]:
    """The texts of all kernels of a plan, of its regions and of the plans that it runs in Python."""
    for action in actions:
        match action:
            case Launch():
                yield action.kernel.text
            case control.Growing():
                yield from texts_of([action.action])
            case control.Loop():
                yield from texts_of([*action.body, *(action.test or ())])
            case control.Branch():
                yield from texts_of([a for program in action.programs for a in program])
            case control.Repeat():
                yield from texts_of([*action.body.actions, *(action.test.actions if action.test else ())])
            case control.Choose():
                yield from texts_of([a for plan in action.plans for a in plan.actions])


class _Building:
    """A plan whose kernels are being compiled."""

    def __init__(self, graph: FunctionGraph, values: Sequence[Any] | None):
        program = program_of(graph)
        self.captured = [x._value for x in program.captures]
        program = optimise(program)
        self.plan = plan_of(program)
        self.addresses = request([*ALWAYS, *dict.fromkeys(texts_of(self.plan.actions))])

    def host(self, wait: bool) -> Host | None:
        """What runs the plan, once all of it is compiled."""
        if not wait and not self.addresses.done():
            return None
        self.addresses.result()
        return Host(self.plan, self.captured)
