"""Fusion: which steps of a program run together, as one nest of loops.

A Group has a domain, the axes that its loops run over, and each value in it knows which of these axes its own
are. Pointwise steps, broadcasts and reductions join the group that computes what they read, forward and
backward steps alike, as long as no path leads out of the group and back in. What needs the result of a
reduction needs it whole: it joins only where the reduction folds the inner axes, so that the loop can run
over them again for each point of the outer ones (a further stage, as in a softmax).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from nbtape.core.kernel import Reduce, Scalar
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts

# What kernels compute with. Halves and complex numbers run as NumPy's.
NATIVE = frozenset(
    np.dtype(t) for t in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
)
# Rows that only tell axes apart or repeat elements: inside a group they move nothing.
RELABELS = frozenset("expand_dims squeeze transpose matrix_transpose broadcast_to reshape identity".split())
_MOST_STEPS, _MOST_ARRAYS = 160, 48  # of one kernel, so that it compiles in a moment

Axes = tuple[int | None, ...]  # for each axis of a value the axis of the domain, None where its size is 1


@dataclass(eq=False, slots=True)
class Group:
    """Steps that run as one nest of loops over `domain`."""

    domain: list[int]
    steps: list[Step] = field(default_factory=list)
    axes: dict[Value, Axes] = field(default_factory=dict)  # of the values that it reads and makes
    folded: dict[Value, frozenset[int]] = field(default_factory=dict)  # axes that made each reduction
    split: int | None = None  # where the inner axes begin, which run again in each stage
    made: set[Value] = field(default_factory=set)

    def level(self, value: Value) -> frozenset[int]:
        """The axes of the domain that a value varies along."""
        return frozenset(a for a in self.axes[value] if a is not None)

    @property
    def read(self) -> list[Value]:
        """The values that come from elsewhere."""
        return [x for x in self.axes if x not in self.made]


Unit = Group | Step


def units_of(program: Program) -> list[Unit]:
    """The steps of `program` in groups, and those that no group takes, in an order in which they can run."""
    return _Fuser(program).units()


def fusable(step: Step) -> bool:
    """Whether a step can be part of a loop nest."""
    if any(v.dtype not in NATIVE or not v.static for v in (*step.inputs, *step.outputs)):
        return False
    kernel = step.op.kernel
    if isinstance(kernel, Scalar) and kernel.text:
        return True
    return isinstance(kernel, Reduce) or (step.op.name in RELABELS and _relabels(step))


def _relabels(step: Step) -> bool:
    """Whether a reshape only puts in or takes out axes of one element."""
    x, y = step.inputs[0].shape or (), step.outputs[0].shape or ()
    return step.op.name != "reshape" or _long(x) == _long(y)


def _long(shape: Sequence) -> list:
    return [n for n in shape if n != 1]


class _Fuser:
    """Puts each step into the best group there is, or makes one of it."""

    def __init__(self, program: Program):
        self.program = program
        self.found: list[Unit] = []
        self.before: list[int] = []  # for each unit the set of units that it needs, as bits
        self.maker: dict[Value, int] = {}
        self.readers: dict[Value, list[int]] = {}
        self.barrier = 0  # units from here on may still grow: effects keep their order

    def units(self) -> list[Unit]:
        for step in self.program.steps:
            if fusable(step):
                self._join(step)
            else:
                self._alone(step)
        return self._ordered()

    def _alone(self, step: Step) -> None:
        self._append(step, step.inputs, step.outputs)
        if acts(step) and step.op.name != "assign_variable":  # type: ignore[arg-type]
            self.barrier = len(self.found)

    def _append(self, unit: Unit, inputs: Iterable[Value], outputs: Iterable[Value]) -> int:
        i = len(self.found)
        self.found.append(unit)
        self.before.append(0)
        self._note(i, inputs, outputs)
        return i

    def _note(self, i: int, inputs: Iterable[Value], outputs: Iterable[Value]) -> None:
        """Unit i reads `inputs` and makes `outputs`: it, and what needs it, comes after what it needs."""
        new = 0
        for x in inputs:
            j = self.maker.get(x, i)
            if j != i:
                new |= 1 << j | self.before[j]
            self.readers.setdefault(x, []).append(i)
        for y in outputs:
            self.maker[y] = i
        if new & ~self.before[i]:
            self.before[i] |= new
            for k, needs in enumerate(self.before):
                if needs >> i & 1:
                    self.before[k] |= self.before[i]

    def _join(self, step: Step) -> None:
        for i in self._candidates(step):
            group = self.found[i]
            assert isinstance(group, Group)
            if self._cycle(i, step):
                continue
            if _accepts(group, step):
                self._note(i, step.inputs, step.outputs)
                return
        group = _started(step)
        self._append(group, step.inputs, step.outputs)

    def _candidates(self, step: Step) -> list[int]:
        """Groups that make what the step reads, the latest first; then those that read the same."""
        makers = {self.maker[x] for x in step.inputs if x in self.maker}
        siblings = {i for x in step.inputs if x.constant is None for i in self.readers.get(x, ())}
        found = [*sorted(makers, reverse=True), *sorted(siblings - makers, reverse=True)]
        return [i for i in found if i >= self.barrier and isinstance(self.found[i], Group)]

    def _cycle(self, i: int, step: Step) -> bool:
        """Whether something that the step needs, outside unit i, needs unit i."""
        for x in step.inputs:
            j = self.maker.get(x)
            if j is not None and j != i and self.before[j] >> i & 1:
                return True
        return False

    def _ordered(self) -> list[Unit]:
        """The units, each after those that it needs, otherwise in the order of their first steps."""
        done, order = 0, []
        left = list(range(len(self.found)))
        while left:
            i = next(i for i in left if not self.before[i] & ~done)
            left.remove(i)
            done |= 1 << i
            order.append(self.found[i])
        return order


# Placing a step in a group


def _started(step: Step) -> Group:
    """A group of one step."""
    big = max((*step.inputs, *step.outputs), key=lambda v: (prod(v.shape or ()), len(v.shape or ())))
    group = Group(_long(big.shape or ()))
    assert _accepts(group, step), step
    return group


def _accepts(group: Group, step: Step) -> bool:
    """Put `step` into `group`, if it can be."""
    if len(group.steps) >= _MOST_STEPS or len(group.axes) - len(group.made) > _MOST_ARRAYS:
        return False
    domain = list(group.domain)
    placed = _placed(group, step, domain)
    if placed is None:
        return False
    y = step.outputs[0]
    level = {a for a in placed[y] if a is not None}
    kernel = step.op.kernel
    folds = frozenset(_folded(step, placed)) if isinstance(kernel, Reduce) else None
    inner = level | folds if folds is not None else level
    if inner != set(range(len(inner))) or (not inner and domain):
        return False  # it would run again and again for what varies along inner axes alone
    split = _split(group, step, len(domain))
    if split is False:
        return False
    group.domain, group.split = domain, split
    group.axes.update(placed)
    group.steps.append(step)
    group.made.add(y)
    if folds is not None:
        group.folded[y] = folds
    return True


def _folded(step: Step, placed: dict[Value, Axes]) -> list[int]:
    """The axes of the domain that a reduction folds."""
    (x,) = step.inputs
    gone = range(len(x.shape or ())) if step.attrs["axis"] is None else step.attrs["axis"]
    return [a for i in gone if (a := placed[x][i]) is not None]


def _split(group: Group, step: Step, rank: int) -> int | None | bool:
    """Where the inner axes begin once `step` is in the group; False where it needs a result that is not
    there yet.
    """
    split = group.split
    for x in step.inputs:
        origin = _reductions_behind(group, x)
        for y in origin:
            axes = group.folded[y]
            first = min(axes, default=rank)
            if axes != frozenset(range(first, rank)) or first == 0 or split not in (None, first):
                return False
            split = first
    if split is not None and rank != len(group.domain):
        return False
    return split


def _reductions_behind(group: Group, x: Value) -> set[Value]:
    """The reductions of the group that `x` is, or was computed from."""
    if x not in group.made:
        return set()
    found, todo, seen = set(), [x], set()
    made_by = {s.outputs[0]: s for s in group.steps}
    while todo:
        v = todo.pop()
        if v in seen or v not in group.made:
            continue
        seen.add(v)
        if v in group.folded:
            found.add(v)
        todo += made_by[v].inputs
    return found


def _placed(group: Group, step: Step, domain: list[int]) -> dict[Value, Axes] | None:
    """The axes of what a step reads and makes; `domain` grows where it may."""
    if isinstance(step.op.kernel, Scalar):
        return _pointwise(group, step, domain)
    x, y = step.inputs[0], step.outputs[0]
    if isinstance(step.op.kernel, Reduce) or len(_long(x.shape or ())) >= len(_long(y.shape or ())):
        axes = group.axes.get(x) or _fresh(group, x.shape or (), domain)
        return None if axes is None else {x: axes, y: _onward(step, axes)}
    back = _broadcast_axes(group, x, y, domain)
    return None if back is None else {x: back[len(back) - len(x.shape or ()) :], y: back} | _ones(x, back)


def _ones(x: Value, back: Axes) -> dict[Value, Axes]:
    """The axes of a broadcast's input: those of the output that it has itself."""
    rank = len(x.shape or ())
    tail = back[len(back) - rank :] if rank else ()
    return {x: tuple([None if n == 1 else a for n, a in zip(x.shape or (), tail)])}


def _onward(step: Step, axes: Axes) -> Axes:
    """The axes of the output of a reduction, or of a step that only relabels axes."""
    name, attrs = step.op.name, step.attrs
    shape = step.outputs[0].shape or ()
    if name == "transpose":
        return tuple([axes[i] for i in attrs["perm"]])
    if name == "matrix_transpose":
        return (*axes[:-2], axes[-1], axes[-2])
    if name in ("expand_dims", "squeeze", "reshape"):
        left = iter([a for a in axes if a is not None])
        return tuple([None if n == 1 else next(left) for n in shape])
    if isinstance(step.op.kernel, Reduce):
        gone = set(range(len(axes)) if attrs["axis"] is None else attrs["axis"])
        if attrs["keepdims"]:
            return tuple([None if i in gone else a for i, a in enumerate(axes)])
        return tuple([a for i, a in enumerate(axes) if i not in gone])
    return axes


def _fresh(group: Group, shape: Sequence, domain: list[int]) -> Axes | None:
    """Axes for a value that the group has not seen: it has to be as large as the domain."""
    if _long(shape) != domain or (group.steps and not domain):
        return () if not _long(shape) and not domain else None
    left = iter(range(len(domain)))
    return tuple([None if n == 1 else next(left) for n in shape])


def _broadcast_axes(group: Group, x: Value, y: Value, domain: list[int]) -> Axes | None:
    return _matched(group, [x], y.shape or (), domain)


def _pointwise(group: Group, step: Step, domain: list[int]) -> dict[Value, Axes] | None:
    y = step.outputs[0]
    axes = _matched(group, step.inputs, y.shape or (), domain)
    if axes is None:
        return None
    placed = {y: axes}
    for x in step.inputs:
        mine = _ones(x, axes)[x]
        if x in group.axes and group.axes[x] != mine or placed.get(x, mine) != mine:
            return None
        placed[x] = mine
    return placed


def _matched(group: Group, xs: Sequence[Value], shape: Sequence, domain: list[int]) -> Axes | None:
    """The axes of an output of `shape` that `xs` broadcast to: those of its inputs in the group, and others
    of their size.
    """
    axes: list[int | None] = [None] * len(shape)
    for x in xs:
        if x not in group.axes:
            continue
        start = len(shape) - len(x.shape or ())
        for i, a in enumerate(group.axes[x]):
            if a is not None:
                if axes[start + i] not in (None, a):
                    return None
                axes[start + i] = a
    taken = {a for a in axes if a is not None}
    low = -1
    for i, n in enumerate(shape):
        if axes[i] is not None:
            low = max(low, axes[i])  # type: ignore[type-var]
            continue
        if n == 1:
            continue
        free = [a for a in range(low + 1, len(domain)) if a not in taken and domain[a] == n]
        if free:
            low = free[0]
        elif group.steps and not group.domain:
            return None  # scalars are worked out by themselves: a loop would do it for each element
        elif low + 1 == len(domain) or not domain:
            domain.append(n)
            low = len(domain) - 1
        else:
            return None
        axes[i] = low
        taken.add(low)
    if len(taken) < sum(a is not None for a in axes):
        return None  # a value beside itself on another axis: it would have to be read twice
    return tuple(axes)
