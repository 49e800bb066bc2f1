"""Steps as the compiler wants them: checks of indices apart from what uses them, and few kinds of access.

A check is a step that gives the indices it was given; what may go wrong goes wrong there, before a loop nest
runs. What puts elements into zeros is a `pad` or a choice; what puts rows somewhere, a `scatter`.
"""

from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import numpy as np

from nbtape.compile.fusion import (
    access,
    counts,
    diagonals,
    draws,
    positions,
    scatters,
)
from nbtape.compile.fusion.access import CHECK, SCATTER
from nbtape.core.engine import Op, o
from nbtape.core.kernel import Scalar
from nbtape.core.shape import Spec
from nbtape.graph.passes.rewrite import Builder, Rules, constant
from nbtape.graph.program import Step, Value
from nbtape.graph.rows import spec_of_variable
from nbtape.ops.key import ALL, Key, without_ellipsis

_INT64 = np.dtype(np.int64)
_SAME = frozenset("identity reshape expand_dims squeeze transpose cast broadcast_to".split())  # of integers


def settled(steps: Iterable[Step], native: frozenset) -> list[Step]:
    """`steps`, with those that the compiler does not know in themselves as others that it does."""
    settler = _Settler(native)
    for step in steps:
        settler.take(step)
    return settler.build.steps


class _Settler:
    def __init__(self, native: frozenset):
        self.native = native
        self.build = Builder(Rules())
        self.checked: dict[tuple, Value] = {}
        self.below: dict[Value, int] = {}  # what integers are less than, and not less than 0

    def take(self, step: Step) -> None:
        """Append `step`, or what it is made of; its outputs stay the same Values."""
        self.build.place = step.place
        step = self._defined(step)
        rule = _broadcast_late if isinstance(step.op.kernel, Scalar) else _RULES.get(step.op.name)
        values = (*step.inputs, *step.outputs)
        if step.op is o.split and step.inputs[0].static:
            self._split(step)
        elif rule is None or not all(v.static and v.dtype in self.native for v in values):
            self.build.append(step)
        elif (found := rule(self, step)) is None:
            self.build.append(step)
        else:
            self._give(found, step.outputs)
        if step.op in (o.argsort, o.top_k) and step.inputs[0].static:
            self.below[step.outputs[-1]] = (step.inputs[0].shape or (0,))[step.attrs.get("axis", -1)]
        if step.op.name in _SAME and step.inputs[0] in self.below and step.outputs[0].dtype.kind in "iu":
            self.below[step.outputs[0]] = self.below[step.inputs[0]]

    def _split(self, step: Step) -> None:
        """Each part as a slice of the whole."""
        axis, start = step.attrs["axis"], 0
        for y in step.outputs:
            stop = start + (y.shape or (0,))[axis]
            key = Key((*[ALL] * axis, slice(start, stop)))
            self.append(o.subscript, step.inputs, {"key": key}, y)
            start = stop

    def _defined(self, step: Step) -> Step:
        """`step`, with a check of what it divides by, or raises to, where these are integers."""
        test = access.undefined(step)
        if not test or not all(v.static and v.dtype in self.native for v in step.inputs):
            return step
        x, i = step.inputs
        key = i, test
        if key not in self.checked:
            y = self.checked[key] = Value(i.spec)
            self.append(CHECK, (i, constant([1], _INT64)), {"wrap": 0, "of": step, "test": test}, y)
        return Step(step.op, (x, self.checked[key]), step.attrs, step.outputs, step.place)

    def _give(self, found: Value, outputs: tuple[Value, ...]) -> None:
        """Let `found` be what a step gave."""
        made = self.build.maker(found)
        if made is None or made.op is CHECK or made is not self.build.steps[-1]:
            self.build.append(Step(o.identity, (found,), {}, outputs, self.build.place))
        elif outputs:
            made.outputs = outputs
            self.build.append(self.build.steps.pop())  # who asks for its maker finds it

    def within(self, i: Value, sizes: list[int], step: Step, wrap: int = 0) -> Value:
        """Indices `i`, each column of which (all of them, for one size) is sure to be less than its size, and
        not below 0 by more than `wrap` times that.
        """
        if self.below.get(i, np.inf) <= sizes[0] and len(sizes) == 1 or _fit(i, sizes, wrap):
            return i
        key = i, tuple(sizes), wrap
        if key not in self.checked:
            given = constant(sizes, _INT64)
            y = self.checked[key] = Value(i.spec)
            self.append(CHECK, (i, given), {"wrap": wrap, "of": step}, y)
        return self.checked[key]

    def from_start(self, i: Value, n: int, step: Step) -> Value:
        """Checked indices that may count from the end, counted from the start."""
        build, i = self.build, self.within(i, [n], step, wrap=1)
        if i.dtype.kind == "u" or self.below.get(i, n + 1) <= n:
            return i
        wide = build(o.cast, i, dtype=_INT64)
        return build(o.where, build(o.less, wide, 0), build(o.add, wide, n), wide)

    def append(self, op: Op, inputs: tuple, attrs: dict, y: Value) -> Value:
        self.build.append(Step(op, inputs, attrs, (y,), self.build.place))
        return y


def _fit(i: Value, sizes: list[int], wrap: int) -> bool:
    """Whether constant indices are in range."""
    if i.constant is None:
        return False
    found = np.asarray(i.constant).astype(np.int64)
    low = -np.array(sizes) * wrap
    return bool(((found >= low) & (found < np.array(sizes))).all())


def _broadcast_late(settler: _Settler, step: Step) -> Value | None:
    """Arithmetic on broadcasts of one shape, and numbers, before they are broadcast."""
    y, build = step.outputs[0], settler.build
    inner = [_inner(settler, x, y.shape) for x in step.inputs]
    shapes = {x.shape for x in inner if x is not None and x.shape != ()}
    if None in inner or len(shapes) != 1 or shapes == {y.shape}:
        return None
    (shape,) = shapes
    small = settler.append(step.op, tuple(inner), step.attrs, Value(Spec(shape, y.dtype)))  # type: ignore[arg-type]
    return build(o.broadcast_to, small, shape=y.shape)


def _inner(settler: _Settler, x: Value, shape: tuple | None) -> Value | None:
    """What is broadcast to `shape`; a number, as it is."""
    made = settler.build.made_by(x, "broadcast_to")
    if made is not None and x.shape == shape:
        return made.inputs[0]
    return x if x.shape == () else None


# Gathers


def _take(settler: _Settler, step: Step) -> Value:
    x, i = step.inputs
    checked = settler.within(i, [x.shape[step.attrs["axis"]]], step)  # type: ignore[index]
    return settler.append(step.op, (x, checked), step.attrs, Value(step.outputs[0].spec))


def _take_along(settler: _Settler, step: Step) -> Value | None:
    x, i = step.inputs
    axis, shape = step.attrs["axis"] % access.rank(x), x.shape or (0,)
    if any(a != axis and m != n for a, (m, n) in enumerate(zip(shape, i.shape or ()))):
        return None  # NumPy broadcasts them
    start = settler.from_start(i, shape[axis], step)
    return settler.append(step.op, (x, start), {"axis": axis}, Value(step.outputs[0].spec))


def _dynamic_index(settler: _Settler, step: Step) -> Value:
    x, i = step.inputs
    n = x.shape[step.attrs["axis"]]  # type: ignore[index]
    start = settler.from_start(i, n, step)
    return settler.append(o.take, (x, start), step.attrs, Value(step.outputs[0].spec))


def _undynamic_index(settler: _Settler, step: Step) -> Value:
    """`g` where the position along the axis is `i`, and zeros elsewhere."""
    build, (g, i, like), axis = settler.build, step.inputs, step.attrs["axis"]
    shape: Any = like.shape
    at = build(o.iota, size=shape[axis], dtype=_INT64)
    start = build(o.cast, settler.from_start(i, shape[axis], step), dtype=_INT64)
    here = build(o.reshape, build(o.equal, at, start), shape=(-1, *[1] * (len(shape) - axis - 1)))
    row = build(o.expand_dims, g, axis=axis)
    return build(o.where, here, row, constant(0, g.dtype))


def _batch_index(settler: _Settler, step: Step) -> Value | None:
    """Each index plus where its batch starts."""
    build, (i, *_), batch = settler.build, step.inputs, step.attrs["batch_dims"]
    found = _known(step, "n")
    if found is None:
        return None
    size = int(found)
    wide = build(o.cast, settler.within(i, [size], step), dtype=_INT64)
    many = prod((i.shape or ())[:batch])
    settler.below[step.outputs[0]] = size * many
    if many == 1:
        return wide
    start = build(o.mul, build(o.iota, size=many, dtype=_INT64), size)
    shape = (*(i.shape or ())[:batch], *[1] * (len(i.shape or ()) - batch))
    return build(o.add, wide, build(o.reshape, start, shape=shape))


def _known(step: Step, name: str) -> Any:
    """A size or sizes, an attribute of a step or else its last input; None where they are not known."""
    if (found := step.attrs.get(name)) is not None:
        return found
    given = step.inputs[-1].constant
    return None if given is None else np.asarray(given)


def _class_numbers(settler: _Settler, step: Step) -> Value:
    return settler.within(step.inputs[0], [step.attrs["n"]], step)


def _flat_index(settler: _Settler, step: Step) -> Value | None:
    build, (i, *_) = settler.build, step.inputs
    found = _known(step, "sizes")
    if found is None or not i.shape[-1]:  # type: ignore[index]
        return None
    sizes = [int(n) for n in found[: i.shape[-1]]]  # type: ignore[index]
    i = settler.within(i, sizes, step)
    flat = None
    for k, size in enumerate(sizes):
        column = build(o.slice, i, begin=(*[0] * (len(i.shape or ()) - 1), k), size=(*i.shape[:-1], 1))  # type: ignore[index]
        column = build(o.cast, build(o.reshape, column, shape=i.shape[:-1]), dtype=_INT64)  # type: ignore[index]
        flat = column if flat is None else build(o.add, build(o.mul, flat, size), column)
    settler.below[step.outputs[0]] = prod(sizes)
    return flat


def _sorted(settler: _Settler, step: Step) -> Value | None:
    """Sorts run along the last axis."""
    (x,), axis, last = step.inputs, step.attrs["axis"], access.rank(step.inputs[0]) - 1
    if axis % (last + 1) == last:
        return None
    perm = [*range(last + 1)]
    perm[axis], perm[last] = last, perm[axis]
    turned = settler.build(o.transpose, x, perm=tuple(perm))
    found = settler.build(step.op, turned, **{**step.attrs, "axis": last})
    return settler.build(o.transpose, found, perm=tuple(perm))


# Into zeros


def _shift(settler: _Settler, step: Step) -> Value:
    """What comes after each element along an axis, or before it; nothing does at the end."""
    build, (x,), axis = settler.build, step.inputs, step.attrs["axis"]
    shape: Any = x.shape
    axis, after = axis % len(shape), step.attrs["by"] > 0
    if not prod(shape):
        return x
    sizes = (*shape[:axis], shape[axis] - 1, *shape[axis + 1 :])
    rest = build(o.slice, x, begin=tuple([int(a == axis and after) for a in range(len(shape))]), size=sizes)
    if not prod(sizes):
        return _filled(build, constant(0, x.dtype), step)
    sides = (0, 1) if after else (1, 0)
    return build(o.pad, rest, paddings=tuple([sides if a == axis else (0, 0) for a in range(len(shape))]))


def _subscript(settler: _Settler, step: Step) -> Value | None:
    """A part of what is made of positions alone is made as such."""
    key, shape = step.attrs["key"].items, step.inputs[0].shape or ()
    if len(key) > len(shape) or not all(type(k) is slice for k in key) or 0 in (step.outputs[0].shape or ()):
        return None
    ranges = [range(n)[k] for n, k in zip(shape, (*key, *[ALL] * (len(shape) - len(key))))]
    return positions.part(settler.build, step.inputs[0], ranges)


def _unsubscript(settler: _Settler, step: Step) -> Value:
    """The elements of a part at their places among zeros: far from each other where the key takes steps."""
    build, (g, like) = settler.build, step.inputs
    key = without_ellipsis(step.attrs["key"].items, access.rank(like))
    items = zip([k for k in key if k is not None], like.shape or ())
    ranges = [range(n)[k] if type(k) is slice else range(k % n, k % n + 1) for k, n in items]
    if not prod(g.shape or ()):
        return _filled(build, constant(0, g.dtype), step)
    block = build(o.reshape, g, shape=tuple([len(r) for r in ranges]))
    backwards = tuple([a for a, r in enumerate(ranges) if r.step < 0])
    if backwards:
        block = build(o.reverse, block, axis=backwards)
        ranges = [r if r.step > 0 else r[::-1] for r in ranges]
    for a, r in enumerate(ranges):
        block = _spread(build, block, a, r.step) if len(r) > 1 and r.step > 1 else block
    starts = [r.start if r else 0 for r in ranges]
    sizes = zip(starts, block.shape or (), like.shape or ())
    return build(o.pad, block, paddings=tuple([(b, n - b - m) for b, m, n in sizes]))


def _padded(settler: _Settler, step: Step) -> Value | None:
    """Around nothing, padding is all there is; what is made of positions alone goes on outside."""
    x, *value = step.inputs
    if prod(x.shape or ()):
        return None if value else positions.padded(settler.build, x, step.attrs["paddings"])
    return _filled(settler.build, value[0] if value else constant(0, x.dtype), step)


def _filled(build: Builder, value: Value, step: Step) -> Value:
    return build(o.broadcast_to, value, shape=step.outputs[0].shape)


def _spread(build: Builder, x: Value, axis: int, step: int) -> Value:
    """`x` with zeros between its elements along an axis, so that they are `step` apart."""
    shape: Any = x.shape
    n = shape[axis]
    x = build(o.expand_dims, x, axis=axis + 1)
    paddings = tuple([(0, step - 1 if a == axis + 1 else 0) for a in range(len(shape) + 1)])
    x = build(
        o.reshape, build(o.pad, x, paddings=paddings), shape=(*shape[:axis], n * step, *shape[axis + 1 :])
    )
    sizes = (*shape[:axis], (n - 1) * step + 1, *shape[axis + 1 :])
    return build(o.slice, x, begin=(0,) * len(shape), size=sizes)


_RULES: dict[str, Callable[[Any, Step], Value | None]] = {
    **scatters.RULES,
    **diagonals.RULES,
    **counts.RULES,
    "take_along": _take_along,
    "take": _take,
    "gather": _take,
    "dynamic_index": _dynamic_index,
    "undynamic_index": _undynamic_index,
    "batch_index": _batch_index,
    "class_numbers": _class_numbers,
    "flat_index": _flat_index,
    "subscript": _subscript,
    "unsubscript": _unsubscript,
    "shift": _shift,
    "sort": _sorted,
    "argsort": _sorted,
    "pad": _padded,
    "pad_value": _padded,
    "random_uniform": lambda settler, step: draws.uniform(settler.build, step),
    "random_normal": lambda settler, step: draws.normal(settler.build, step),
    "stateless_uniform": lambda settler, step: draws.uniform(settler.build, step),
    "stateless_normal": lambda settler, step: draws.normal(settler.build, step),
}
