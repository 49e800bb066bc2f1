"""Groups: steps that run as one nest of loops, and whether one more step fits in.

A Group has a domain, the axes that its loops run over, and each value in it knows which of these axes its own
are. What needs the result of a reduction needs it whole: it joins only where the reduction folds the inner
axes, so that the loop can run over them again for each point of the outer ones (a further stage, as in a
softmax).
"""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nbtape.compile.fusion import access
from nbtape.compile.fusion.access import RELABELS as RELABELS, Axes
from nbtape.core.kernel import Reduce, Scalar
from nbtape.graph.program import Step, Value

# What kernels read and write. Halves run as NumPy's on the CPU, and complex numbers everywhere.
NATIVE = frozenset(
    np.dtype(t) for t in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
)
_MOST_STEPS, _MOST_ARRAYS = 160, 48  # of one kernel, so that it compiles in a moment


@dataclass(eq=False, slots=True)
class Group:
    """Steps that run as one nest of loops over `domain`."""

    domain: list[int]
    steps: list[Step] = field(default_factory=list)
    axes: dict[Value, Axes] = field(default_factory=dict)  # of the values that it reads and makes
    folded: dict[Value, frozenset[int]] = field(default_factory=dict)  # axes that made each reduction
    split: int | None = None  # where the inner axes begin, which run again in each stage
    made: set[Value] = field(default_factory=set)
    copies: dict[Value, Value] = field(default_factory=dict)  # of reads, by what they copy

    def level(self, value: Value) -> frozenset[int]:
        """The axes of the domain that a value varies along."""
        return frozenset(a for a in self.axes[value] if a is not None)

    @property
    def sources(self) -> set[Value]:
        """The values in which it finds elements at computed places."""
        return {x for step in self.steps if (x := access.source(step)) is not None}

    @property
    def scatters(self) -> list[Step]:
        return [step for step in self.steps if access.is_scatter(step)]

    @property
    def targets(self) -> list[Value]:
        """The values that its scatters start from."""
        return [x for step in self.scatters for x in step.inputs[2:]]

    @property
    def read(self) -> list[Value]:
        """The values that come from elsewhere."""
        inputs = [x for x in self.axes if x not in self.made]
        return [*inputs, *[x for x in self.sources if x not in self.axes]]


def fusable(step: Step, native: frozenset = NATIVE) -> bool:
    """Whether a step can be part of a loop nest over arrays of these dtypes."""
    if any(v.dtype not in native or not v.static for v in (*step.inputs, *step.outputs)):
        return False
    kernel = step.op.kernel
    if isinstance(kernel, Scalar) and kernel.text:
        return True
    if isinstance(kernel, Reduce) or access.is_scatter(step):
        return True
    return step.op.name in RELABELS and _relabels(step)


def _relabels(step: Step) -> bool:
    """Whether a reshape only puts in or takes out axes of one element."""
    x, y = step.inputs[0].shape or (), step.outputs[0].shape or ()
    return step.op.name != "reshape" or _long(x) == _long(y)


def _long(shape: Sequence) -> list:
    return [n for n in shape if n != 1]


def started(step: Step, reads: Sequence[Step] = ()) -> Group | None:
    """A group of one step, and of the reads that it needs; None if they want one value on two axes."""
    shapes = [_long(v.shape or ()) for v in (_whole(step), *step.inputs[:1])]
    moved = step.op.name in RELABELS and len(shapes[1]) >= len(shapes[0])
    group = Group(shapes[1 if moved or isinstance(step.op.kernel, Reduce) else 0])
    return group if accepts(group, step, reads) else None


def _whole(step: Step) -> Value:
    """The value that has an element for each time that a step is done."""
    return step.inputs[1] if access.is_scatter(step) else step.outputs[0]


def accepts(group: Group, step: Step, reads: Sequence[Step] = ()) -> bool:
    """Put `step` into `group`, if it can be, and before it the reads that it needs."""
    if len(group.steps) >= _MOST_STEPS or len(group.axes) - len(group.made) > _MOST_ARRAYS:
        return False
    steps = [*reads, step]
    if any(x in group.made for s in steps for x in access.whole(s)) or _needs_scattered(group, steps):
        return False
    domain = list(group.domain)
    known = ChainMap({}, group.axes)
    for read in reads:
        known[read.outputs[0]] = access.partial_axes(read, known)
    placed = _placed(group, step, domain, known)
    if placed is None or not _reads_placed(group, reads, placed):
        return False
    y = step.outputs[0]
    level = {a for a in placed[_whole(step)] if a is not None}
    kernel = step.op.kernel
    folds = frozenset(_folded(step, placed)) if isinstance(kernel, Reduce) else None
    inner = level | folds if folds is not None else level
    if inner != set(range(len(inner))) or (not inner and domain):
        return False  # it would run again and again for what varies along inner axes alone
    split = _split(group, steps, len(domain))
    if split is False:
        return False
    group.domain, group.split = domain, split
    group.axes.update(placed)
    group.steps += steps
    group.made.update(s.outputs[0] for s in steps)
    if folds is not None:
        group.folded[y] = folds
    return True


def _reads_placed(group: Group, reads: Sequence[Step], placed: dict[Value, Axes]) -> bool:
    """Add the axes of what `reads` need to `placed`; False if others are known already."""
    for step in reversed(reads):
        for x, axes in zip(access.values(step), access.value_axes(step, placed[step.outputs[0]])):
            if group.axes.get(x, axes) != axes or placed.setdefault(x, axes) != axes:
                return False
    return True


def _needs_scattered(group: Group, steps: Sequence[Step]) -> bool:
    """Whether a step needs what the group scatters, which is there only after all of its loops."""
    targets = {s.outputs[0] for s in group.scatters}
    return bool(targets) and any(x in targets for step in steps for x in step.inputs)


def _folded(step: Step, placed: dict[Value, Axes]) -> list[int]:
    """The axes of the domain that a reduction folds."""
    (x,) = step.inputs
    gone = range(len(x.shape or ())) if step.attrs["axis"] is None else step.attrs["axis"]
    return [a for i in gone if (a := placed[x][i]) is not None]


def _split(group: Group, steps: Sequence[Step], rank: int) -> int | None | bool:
    """Where the inner axes begin once `steps` are in the group; False where they need a result that is not
    there yet.
    """
    split = group.split
    for x in [x for step in steps for x in step.inputs]:
        for y in reductions_behind(group, x):
            axes = group.folded[y]
            first = min(axes, default=rank)
            if axes != frozenset(range(first, rank)) or first == 0 or split not in (None, first):
                return False
            split = first
    if split is not None and rank != len(group.domain):
        return False
    return split


def reductions_behind(group: Group, x: Value) -> set[Value]:
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


def _placed(group: Group, step: Step, domain: list[int], known: Mapping) -> dict[Value, Axes] | None:
    """The axes of what a step reads and makes; `domain` grows where it may. For what is read just before,
    some axes are `known`.
    """
    if isinstance(step.op.kernel, Scalar):
        return _pointwise(group, step, domain, known)
    if access.is_scatter(step):
        return _scattered(group, step, domain, known)
    if access.is_read(step):
        return _read(group, step, domain)
    x, y = step.inputs[0], step.outputs[0]
    if x in group.axes:
        axes = group.axes[x]
    elif x in known:
        axes = _filled(group, [*known[x]], x.shape or (), domain)
    else:
        axes = _fresh(group, x.shape or (), domain)
    return None if axes is None else {x: axes, y: _onward(step, axes)}


def _read(group: Group, step: Step, domain: list[int]) -> dict[Value, Axes] | None:
    """The axes of a read at a computed place: where its index has some in the group, the same."""
    y = step.outputs[0]
    found = _filled(group, [*access.partial_axes(step, group.axes)], y.shape or (), domain)
    placed = None if found is None else {y: found}
    return placed if placed is None or _reads_placed(group, [step], placed) else None


def _scattered(group: Group, step: Step, domain: list[int], known: Mapping) -> dict[Value, Axes] | None:
    """The axes of a scatter: its target has those of the rows, but for the one that the indices choose."""
    i, u = step.inputs[:2]
    axes: list[int | None] = [*known.get(u, [None] * access.rank(u))]
    a = step.attrs["axis"]
    for k, axis in enumerate(group.axes.get(i, ())):
        if axis is not None and axes[a + k] not in (None, axis):
            return None
        axes[a + k] = axis if axis is not None else axes[a + k]
    found = _filled(group, axes, u.shape or (), domain)
    if found is None or group.axes.get(u, found) != found:
        return None
    of_index, of_target = access.row_axes(step, found)
    if group.axes.get(i, of_index) != of_index:
        return None
    return {u: found, i: of_index, step.outputs[0]: of_target}


def _ones(x: Value, axes: Axes) -> Axes:
    """The axes of a broadcast's input: those of the output that it has itself."""
    rank = len(x.shape or ())
    tail = axes[len(axes) - rank :] if rank else ()
    return tuple([None if n == 1 else a for n, a in zip(x.shape or (), tail)])


def _onward(step: Step, axes: Axes) -> Axes:
    """The axes of the output of a reduction, or of a step that only relabels axes."""
    name, attrs = step.op.name, step.attrs
    shape = step.outputs[0].shape or ()
    if name == "transpose":
        return tuple([axes[i] for i in attrs["perm"]])
    if name == "matrix_transpose":
        return (*axes[:-2], axes[-1], axes[-2])
    if name in ("expand_dims", "squeeze", "reshape", "broadcast_to"):
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
    if _long(shape) != domain:
        return None
    left = iter(range(len(domain)))
    return tuple([None if n == 1 else next(left) for n in shape])


def _pointwise(group: Group, step: Step, domain: list[int], known: Mapping) -> dict[Value, Axes] | None:
    y = step.outputs[0]
    axes = _matched(group, step.inputs, y.shape or (), domain, known)
    if axes is None:
        return None
    placed = {y: axes}
    for x in step.inputs:
        mine = _ones(x, axes)
        if x in group.axes and group.axes[x] != mine or placed.get(x, mine) != mine:
            return None
        placed[x] = mine
    return placed


def _matched(
    group: Group, xs: Sequence[Value], shape: Sequence, domain: list[int], known: Mapping
) -> Axes | None:
    """The axes of an output of `shape` that `xs` broadcast to: those of its inputs in the group, and others
    of their size.
    """
    axes: list[int | None] = [None] * len(shape)
    for x in xs:
        if x not in known:
            continue
        start = len(shape) - len(x.shape or ())
        for i, a in enumerate(known[x]):
            if a is not None:
                if axes[start + i] not in (None, a):
                    return None
                axes[start + i] = a
    return _filled(group, axes, shape, domain)


def _filled(group: Group, axes: list[int | None], shape: Sequence, domain: list[int]) -> Axes | None:
    """`axes` with axes of the domain for those that have none yet; the domain grows where it may."""
    taken = {a for a in axes if a is not None}
    if len(taken) < sum(a is not None for a in axes):
        return None  # a value beside itself on another axis: it would have to be read twice
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
    return tuple(axes)
