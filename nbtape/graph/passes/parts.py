"""Parts: what takes neighbours of an array is a `subscript`, what puts them among zeros a `pad`."""

import math

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, Found, Rules
from nbtape.graph.passes.shapes import shape_of
from nbtape.graph.program import Step
from nbtape.ops.key import Key, row_key, without_ellipsis

rules = Rules()


@rules("slice", "slice_like")
def _slice(build: Builder, step: Step) -> Found:
    x, y, begin = step.inputs[0], step.outputs[0], step.attrs["begin"]
    if not (x.static and y.static) or begin is None:
        return None
    key = tuple([slice(b, b + n) for b, n in zip(begin, shape_of(y) or ())])
    return build(o.subscript, x, key=Key(key))


@rules("subscript")
def _whole(build: Builder, step: Step) -> Found:
    """A key that takes everything, or takes nothing away but axes of size 1."""
    x, y = step.inputs[0], step.outputs[0]
    if not (x.static and y.static) or math.prod(shape_of(x) or ()) != math.prod(shape_of(y) or ()):
        return None
    items = [k for k in step.attrs["key"].items if type(k) is slice]
    forward = all(k.step is None or k.step > 0 for k in items)
    return build(o.reshape, x, shape=y.shape) if forward else None


@rules("unslice")
def _unslice(build: Builder, step: Step) -> Found:
    """What is put among zeros is padded with them: of the whole only the shape matters."""
    (g, like), begin = step.inputs, step.attrs["begin"]
    if not (g.static and like.static):
        return None
    sizes = zip(begin, shape_of(g) or (), shape_of(like) or ())
    return build(o.pad, g, paddings=tuple([(b, whole - b - n) for b, n, whole in sizes]))


@rules("unsubscript")
def _unsubscript(build: Builder, step: Step) -> Found:
    g, like = step.inputs
    if not (g.static and like.static):
        return None
    whole = shape_of(like) or ()
    items = [k for k in without_ellipsis(step.attrs["key"].items, len(whole)) if k is not None]
    spans = [_span(k, n) for k, n in zip(items, whole)]
    if None in spans or len(spans) != len(whole):
        return None
    parts = build(o.reshape, g, shape=tuple([end - begin for begin, end in spans]))  # type: ignore[misc]
    paddings = tuple([(begin, n - end) for (begin, end), n in zip(spans, whole)])  # type: ignore[misc]
    return build(o.pad, parts, paddings=paddings)


def _span(item: int | slice, n: int) -> tuple[int, int] | None:
    """Where one item of a key begins and ends, if it takes neighbours in their order."""
    if not isinstance(item, slice):
        return item % n, item % n + 1
    begin, end, step = item.indices(n)
    return (begin, max(begin, end)) if step == 1 else None


@rules("pad")
def _pad_nothing(build: Builder, step: Step) -> Found:
    none = all(before == after == 0 for before, after in step.attrs["paddings"])
    return step.inputs[0] if none else None


@rules("unstack")
def _unstack(build: Builder, step: Step) -> Found:
    axis = step.attrs["axis"]
    return tuple([
        build(o.subscript, step.inputs[0], key=row_key(i, axis)) for i in range(len(step.outputs))
    ])  # fmt: skip


@rules("stack")
def _stack_of_one(build: Builder, step: Step) -> Found:
    """The same several times is a broadcast."""
    x, y, axis = step.inputs[0], step.outputs[0], step.attrs["axis"]
    if any(other is not x for other in step.inputs) or not (x.static and y.static):
        return None
    shape = shape_of(x) or ()
    return build(o.broadcast_to, build(o.reshape, x, shape=(*shape[:axis], 1, *shape[axis:])), shape=y.shape)


@rules("split")
def _split(build: Builder, step: Step) -> Found:
    x, axis = step.inputs[0], step.attrs["axis"]
    if not x.static:
        return None
    sizes = [(shape_of(y) or ())[axis] for y in step.outputs]
    ends = np.cumsum(sizes).tolist()
    keys = [Key((*(slice(None),) * axis, slice(end - n, end))) for n, end in zip(sizes, ends)]
    return tuple([build(o.subscript, x, key=key) for key in keys])
