"""What was compiled, for people to read: the source that ran, the plan, and what it moves and computes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbtape.compile.card import actions as actions_of_cards
from nbtape.compile.card.control import launches
from nbtape.compile.code.texts import kernels_of
from nbtape.compile.planning import control
from nbtape.compile.planning.plan import Call, Commit, Launch
from nbtape.compile.running.host import Host
from nbtape.compile.running.phases import Stretch
from nbtape.core.report import size


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that a call does: a kernel, a product, a step in Python, or a loop around such."""

    what: str
    bytes: int = 0
    flops: int = 0
    parts: int = 1
    depth: int = 0


@dataclass(frozen=True, slots=True)
class PlanReport:
    """The units of a compiled function in the order in which they run, and the memory between them.

    `bytes` and `flops` are those of one call, of a loop those of one trip.
    """

    units: tuple[Unit, ...]
    arena: int
    inputs: int
    outputs: int

    def __repr__(self) -> str:
        head = [("", "unit", "moves", "flops", "parts")]
        rows = [
            (str(i), "  " * u.depth + u.what, size(u.bytes) if u.bytes else "", count(u.flops), str(u.parts))
            for i, u in enumerate(self.units, 1)
        ]
        table = head + rows
        widths = [max(len(row[k]) for row in table) for k in range(5)]
        lines = [
            "  ".join([f"{cell:{side}{width}}" for cell, side, width in zip(row, "><>>>", widths)]).rstrip()
            for row in table
        ]
        told = f"arena {size(self.arena)}, {self.inputs} arrays in, {self.outputs} out"
        return "\n".join([*lines, told])


def count(n: int) -> str:
    return f"{n:,}" if n else ""


def report(host: Any) -> PlanReport:
    """The plan of a host."""
    plan = host.plan
    buffers = [b.origin for b in plan.buffers]
    given = sum(origin in ("input", "variable", "constant") for origin in buffers)
    return PlanReport(tuple(units_of(plan.actions)), plan.arena, given, len(plan.outputs))


def units_of(actions: list[Any], depth: int = 0) -> Iterator[Unit]:
    """The units of actions, in the order in which they run."""
    for action in actions:
        match action:
            case Launch():
                k = action.kernel
                yield Unit(_title(k.text), k.bytes, k.flops, len(action.parts), depth)
            case actions_of_cards.Launch(k):
                yield Unit(_title(k.text), k.bytes, k.flops, action.blocks, depth)
            case actions_of_cards.HostCall():
                yield Unit(f"{action.step.op.name}, on the host", depth=depth)
            case actions_of_cards.Late():
                yield Unit(f"{action.step.op.name}, planned when it runs", depth=depth)
            case control.Growing():
                yield from units_of([action.action], depth)
            case control.Loop():
                told = "while its test holds" if action.limit < 0 else f"{action.limit} times"
                yield Unit(f"loop, {told}", depth=depth)
                yield from units_of([*(action.test or ()), *action.body], depth + 1)
            case control.Branch():
                yield Unit("branch", depth=depth)
                for program in reversed(action.programs):
                    yield from units_of(program, depth + 1)
            case Call():
                yield Unit(f"{action.step.op.name}, in Python", depth=depth)
            case Commit():
                yield Unit(f"assign {len(action.variables)} variables", depth=depth)
            case control.Repeat():
                yield Unit("loop, in Python", depth=depth)
                yield from units_of(action.body.actions, depth + 1)
            case control.Choose():
                yield Unit("branch, in Python", depth=depth)
                for plan in reversed(action.plans):
                    yield from units_of(plan.actions, depth + 1)


def _title(text: str) -> str:
    return text.split('"""')[1].split("\n")[0].rstrip(".")


def source(host: Any) -> str:
    """The Python source of what runs: the function of a call, and its kernels, which Numba compiles; on a
    card the kernels alone.
    """
    if not isinstance(host, Host):
        texts = dict.fromkeys(launch.kernel.text for launch in launches(host.plan))
        return "\n\n".join([f"# kernel {n}\n{text}" for n, text in enumerate(texts, 1)])
    kernels: dict[str, int] = {}
    stretches = []
    for k, phase in enumerate(host.phases):
        if type(phase) is Stretch:
            names = [f"kernel {kernels.setdefault(t, len(kernels) + 1)}" for t in kernels_of(phase.actions)]
            stretches.append(f"# run{k}: {', '.join(names)}")
        else:
            for text in kernels_of(phase.actions):
                kernels.setdefault(text, len(kernels) + 1)
    texts = [f"# kernel {n}\n{text}" for text, n in kernels.items()]
    return "\n\n".join([host.source + "\n".join(stretches), *texts])
