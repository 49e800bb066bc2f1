"""Which kernel each operation of a graph became part of, and what the kernels move and compute."""

from typing import Any, NamedTuple

from nbtape.compile.fusion.group import Group
from nbtape.compile.planning.plan import Planner
from nbtape.compile.show import units_of
from nbtape.graph.passes import optimise, specialise
from nbtape.graph.program import Program, program_and_values
from nbtape.graph.trace import FunctionGraph


class KernelFacts(NamedTuple):
    """A kernel: its number in the plan, what it does, and what it moves and computes."""

    number: int
    what: str
    bytes: int
    flops: int


class _Noting(Planner):
    """Plans, and notes what is done for each unit."""

    def __init__(self, program: Program):
        super().__init__(program)
        self.done: dict[int, list[Any]] = {}

    def act(self, action: Any) -> None:
        self.done.setdefault(self.now, []).append(action)
        super().act(action)


def kernels_of(graph: FunctionGraph, shapes: Any = None) -> dict[int, KernelFacts]:
    """The kernels of a graph by the ids of the tensors that they compute; those that the compiler leaves out
    have none. `shapes` are those of the inputs, where the graph leaves them open.
    """
    program, values = program_and_values(graph)
    if shapes is not None:
        specialise(program, list(shapes))
    elif any(not x.static for x in program.inputs):
        return {}
    planner = _Noting(optimise(program))
    planner.plan()
    numbered, n = {}, 1
    for i in sorted(planner.done):
        units = list(units_of(planner.done[i]))
        told = next((unit for unit in units if unit.bytes), units[0])
        moved, flops = sum(unit.bytes for unit in units), sum(unit.flops for unit in units)
        facts = KernelFacts(n, told.what, moved, flops)
        n += len(units)
        if i < len(planner.units):
            unit = planner.units[i]
            steps = unit.steps if isinstance(unit, Group) else [unit]
            numbered |= {y: facts for step in steps for y in step.outputs}
    return {key: numbered[value] for key, value in values.items() if value in numbered}
