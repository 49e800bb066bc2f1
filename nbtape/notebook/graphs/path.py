"""The way of a gradient: what lies between a variable and a loss, and where the way ends."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from nbtape.autodiff.explain import block_of
from nbtape.core.report import spec_of
from nbtape.core.source import describe
from nbtape.notebook.cards import plain_name
from nbtape.notebook.graphs.parts import Drawing, Flow, Part


@dataclass
class Path:
    """The parts on the way, those where it ends before the loss, and why, "" where it does not."""

    parts: set[Part] = field(default_factory=set)
    ends: set[Part] = field(default_factory=set)
    reason: str = ""


def sources_of(drawing: Drawing) -> dict[str, list[Part]]:
    """What a gradient can be taken with respect to, by name: variables, and tensors that are watched."""
    found: dict[str, list[Part]] = {}
    for part in drawing.root.leaves:
        if part.kind == "variable" and part.variable.trainable:
            named = found.setdefault(plain_name(part.variable), [])
            if not any(_serial(other) != _serial(part) for other in named):
                named.append(part)
        elif part.kind == "input" and part.parent is drawing.root and _is_float(part):
            found.setdefault(part.label, []).append(part)
    return found


def _serial(part: Part) -> Any:
    return getattr(part.variable, "_serial", None)


def _is_float(part: Part) -> bool:
    return bool(part.outputs) and spec_of(part.outputs[0]).dtype.kind in "fcV"


def loss_of(drawing: Drawing) -> Part | None:
    """The part that gives what is most likely the loss: the first result that is one number, else what was
    computed last.
    """
    results = [flow for flow in drawing.flows if flow.target.kind == "output"]
    for flow in results:
        spec = spec_of(flow.tensor)
        if spec.shape == () and spec.dtype.kind in "fV":
            return flow.source
    ops = [part for part in drawing.root.leaves if part.kind == "op"]
    taken = {flow.source for flow in drawing.flows if flow.target.kind not in ("output", "assign")}
    last = [part for part in ops if part not in taken] or ops
    return results[0].source if results else last[-1] if last else None


def giver_of(drawing: Drawing, x: Any) -> Part | None:
    """The part that gives a tensor."""
    parts = drawing.root.leaves
    return next((part for part in parts if any(y is x for y in part.outputs)), None)


def path_between(drawing: Drawing, starts: Iterable[Part], loss: Part | None) -> Path:
    """The way from parts to a loss; where none leads there, as far as one leads, and why it ends."""
    starts = set(starts)
    free, blocked = _followed(drawing.flows, starts)
    if loss is None:
        return Path(free)
    if loss in free:
        return Path(free & _leading_to(drawing.flows, {loss}, free))
    towards = _leading_to(drawing.flows, {loss})
    ends = {part: why for part, why in blocked.items() if part in towards} or blocked
    if not ends:
        return Path(free, starts, "nothing leads from here to the loss")
    why = f"the gradient ends where {next(iter(ends.values()))}"
    return Path(_leading_to(drawing.flows, {*ends}, free), {*ends}, why)


def _followed(flows: list[Flow], starts: set[Part]) -> tuple[set[Part], dict[Part, str]]:
    """What a gradient comes from, beginning at these parts; and those that stop one, with the reason."""
    free, blocked = {*starts}, {}
    for part, coming in groupby(flows, key=lambda flow: flow.target):
        reached = {id(flow.tensor) for flow in coming if flow.source in free}
        if not reached or part.kind in ("assign", "output"):
            continue
        why = "" if part.node is None or part.kind != "op" else _block(part, reached)
        if why:
            blocked[part] = why
        else:
            free.add(part)
    return free, blocked


def _block(part: Part, reached: set[int]) -> str:
    op, inputs, _, outputs, place = part.node
    if not outputs or op.name == "cond":  # the test of a branch
        return f"{op.name} takes it" if not outputs else "it decides which branch runs"
    why = block_of(op, inputs, outputs, reached)
    return f"{why} at {describe(place)}" if why else ""


def _leading_to(flows: list[Flow], ends: set[Part], among: set[Part] | None = None) -> set[Part]:
    """Parts, and all that they depend on."""
    found = {*ends}
    for flow in reversed(flows):
        if flow.target in found and (among is None or flow.source in among):
            found.add(flow.source)
    return found
