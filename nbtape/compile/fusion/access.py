"""Steps that find elements at computed places: gathers, padding, scatters, and positions along an axis.

What such a step reads lies in memory before its group runs, and the loops of the group work out where in it
each element is. So do they for the target of a scatter, which may be written more than once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from nbtape.core.engine import Op
from nbtape.core.kernel import Extern, Index
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value

Axes = tuple[int | None, ...]  # for each axis of a value the axis of the domain, None where its size is 1

_GATHERS = frozenset({"take", "gather", "take_along"})
# Rows that only tell axes apart or repeat elements: inside a group they move nothing.
RELABELS = frozenset("expand_dims squeeze transpose matrix_transpose broadcast_to reshape identity".split())
_PADS = frozenset({"pad", "pad_value"})

# `scatter(i, u, t)`: `t` with rows `u` combined into those along `axis` that `i` names; zeros without `t`,
# or, with `variable`, what that holds, in place.
SCATTER = Op(
    "scatter",
    lambda *xs, of, **attrs: of.op.eager(*xs),
    lambda *xs, of, **attrs: of.outputs[0].spec,
    None,
    Extern(),
)
# `check(i, sizes)`: the indices `i`, once it is sure that they are in range, or that the `test` holds for
# none, an expression over `{0}`; else the step `of` says what is wrong.
CHECK = Op(
    "check",
    lambda i, sizes, *, wrap, of, test="": i,
    lambda i, sizes, *, wrap, of, test="": i,
    None,
    Extern(),
)

# `draw(*seed)`: where the next `count` numbers of a stream are, or, without one, those of a seed, in words
# that kernels/philox.py reads; `each` of them come from a block of the generator.
DRAW = Op(
    "draw",
    lambda *seed, **attrs: None,
    lambda *seed, **attrs: Spec((8,), np.dtype(np.int64)),
    None,
    Extern(),
)
# `random(draw)`: the numbers of a draw, in [0, 1).
FRACTIONS = Op(
    "random",
    lambda draw, **attrs: None,
    lambda draw, *, shape, dtype, each: Spec(shape, dtype),
    None,
    Extern(),
)
# `normal(*seed)`: normal numbers from a stream or a seed. How much of it they take turns out on the way.
NORMAL = Op(
    "normal",
    lambda *seed, **attrs: None,
    lambda *seed, shape, dtype, **attrs: Spec(shape, dtype),
    None,
    Extern(),
)

# What the second of two integers must not be, as a test of `{0}`.
_UNDEFINED = {
    "floordiv": "{0} == 0",
    "floormod": "{0} == 0",
    "truncatediv": "{0} == 0",
    "truncatemod": "{0} == 0",
    "pow": "{0} < 0",
}


def undefined(step: Step) -> str:
    """What the second input of a step must not be, as a test of `{0}`; "" where it may be anything."""
    test = _UNDEFINED.get(step.op.name, "")
    if not test or (x := step.inputs[1]).dtype.kind not in "iu":
        return ""
    if x.constant is None:
        return test
    found = np.asarray(x.constant)
    return test if np.any(found < 0 if "<" in test else found == 0) else ""


def is_position(step: Step) -> bool:
    """Whether a step gives positions along an axis."""
    return isinstance(step.op.kernel, Index)


def is_gather(step: Step) -> bool:
    return step.op.name in _GATHERS


def is_pad(step: Step) -> bool:
    return step.op.name in _PADS


def is_scatter(step: Step) -> bool:
    return step.op is SCATTER


def is_broadcast(step: Step) -> bool:
    return step.op.name == "broadcast_to"


def is_fractions(step: Step) -> bool:
    return step.op is FRACTIONS


def is_read(step: Step) -> bool:
    """Whether a step is a read at a computed place, which costs no more than any other read."""
    return is_position(step) or source(step) is not None or is_broadcast(step)


def source(step: Step) -> Value | None:
    """What a read finds its elements in."""
    return step.inputs[0] if is_gather(step) or is_pad(step) or is_fractions(step) else None


def whole(step: Step) -> tuple[Value, ...]:
    """What has to be there as a whole before a step: the source of a read, and what a scatter starts from."""
    found = source(step)
    return (found,) if found is not None else step.inputs[2:] if is_scatter(step) else ()


def values(step: Step) -> tuple[Value, ...]:
    """The inputs of a read that are elements themselves: an index, or what stands outside."""
    return step.inputs if source(step) is None else step.inputs[1:]


def rank(x: Value) -> int:
    return len(x.shape or ())


def _index_axes(step: Step) -> tuple[int, int]:
    """Where the axes of a gather's index are among those of its output, and how many they are."""
    n = rank(step.inputs[1])
    return (0, n) if step.op.name == "take_along" else (step.attrs["axis"], n)


def source_axes(step: Step, axes: Axes) -> Axes:
    """The axes of a read's source, from those of its output; None for the one that an index chooses."""
    if is_gather(step):
        a, n = step.attrs["axis"], 1 if step.op.name == "take_along" else rank(step.inputs[1])
        return (*axes[:a], None, *axes[a + n :])
    return axes


def value_axes(step: Step, axes: Axes) -> list[Axes]:
    """The axes of each of `values(step)`, from those of the output."""
    if is_gather(step):
        a, n, i = *_index_axes(step), step.inputs[1]
        return [_ones(i.shape or (), axes[a : a + n])]
    if is_pad(step):
        return [(None,) * rank(x) for x in values(step)]
    if step.op.name in RELABELS and not is_broadcast(step):
        left = iter([a for a in axes if a is not None])
        return [tuple([None if n == 1 else next(left) for n in step.inputs[0].shape or ()])]
    return [_ones(x.shape or (), axes[len(axes) - rank(x) :]) for x in step.inputs]


def partial_axes(step: Step, known: Mapping[Value, Axes]) -> Axes:
    """The axes of a read's output that follow from what is known of its values, and None for the others."""
    axes: list[int | None] = [None] * rank(step.outputs[0])
    if is_gather(step) and step.inputs[1] in known:
        a, n = _index_axes(step)
        axes[a : a + n] = known[step.inputs[1]]
    elif is_broadcast(step) and step.inputs[0] in known:
        axes[len(axes) - rank(step.inputs[0]) :] = known[step.inputs[0]]
    return tuple(axes)


def row_axes(step: Step, axes: Axes) -> tuple[Axes, Axes]:
    """The axes of the indices and of the target of a scatter, from those of its rows."""
    a, i = step.attrs["axis"], step.inputs[0]
    target = (*axes[:a], None, *axes[a + rank(i) :])
    return _ones(i.shape or (), axes[a : a + rank(i)]), target


def pinned(step: Step, axes: Axes) -> set[int]:
    """The axes of the domain of which the step has to know the position."""
    if is_position(step):
        return {a for a in axes if a is not None}
    if is_pad(step):
        return {a for a, amount in zip(axes, step.attrs["paddings"]) if a is not None and any(amount)}
    return set()


def _ones(shape: Sequence, axes: Axes) -> Axes:
    return tuple([None if n == 1 else a for n, a in zip(shape, axes)])
