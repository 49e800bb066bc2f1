"""Folds and products: sums over the axes that matter, products of matrices that BLAS reads as they lie."""

import math

import numpy as np

from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, Found, Rules
from nbtape.graph.passes.shapes import shape_of
from nbtape.graph.program import Step
from nbtape.ops.spread import lost

rules = Rules()


@rules("sum_to_like")
def _sum_to_like(build: Builder, step: Step) -> Found:
    shape = shape_of(step.inputs[1])
    return None if shape is None else build(o.sum_to, step.inputs[0], shape=shape)


@rules("sum_to")
def _sum_to(build: Builder, step: Step) -> Found:
    """What broadcasting made is summed, and axes of size 1 are put back."""
    x, shape = step.inputs[0], step.attrs["shape"]
    if not x.static:
        return None
    if x.shape == shape:
        return x
    total = build(o.sum, x, axis=lost(x.shape, shape), keepdims=False)
    return build(o.reshape, total, shape=shape)


@rules("sum", "prod", "max", "min", "any", "all")
def _fold_nothing(build: Builder, step: Step) -> Found:
    """Over axes of size 1 it is a reshape."""
    x, axis = step.inputs[0], step.attrs["axis"]
    if x.shape is None or not x.static:
        return None
    if axis is None:
        return build(step.op, x, axis=tuple(range(len(x.shape))), keepdims=step.attrs["keepdims"])
    long = tuple([a for a in axis if x.shape[a] != 1])
    if long:
        return None
    return build(o.reshape, x, shape=step.outputs[0].shape)


@rules("sum", "prod", "max", "min", "any", "all")
def _fold_twice(build: Builder, step: Step) -> Found:
    """A fold of a fold is one, over the axes of both."""
    inner = build.made_by(step.inputs[0], step.op.name)
    if inner is None or step.attrs["keepdims"] or inner.attrs["keepdims"] or not inner.inputs[0].static:
        return None
    gone = inner.attrs["axis"]
    left = [a for a in range(len(shape_of(inner.inputs[0]) or ())) if a not in gone]
    axis = tuple(sorted([*gone, *[left[a] for a in step.attrs["axis"]]]))
    return build(step.op, inner.inputs[0], axis=axis, keepdims=False)


@rules("sum")
def _sum_of_same(build: Builder, step: Step) -> Found:
    """n equal elements, in all the axes that are summed, add up to n times one of them."""
    x, y = step.inputs[0], step.outputs[0]
    inner = build.made_by(x, "broadcast_to")
    if inner is None or not x.static or x.dtype.kind not in "f" or not inner.inputs[0].static:
        return None
    one = inner.inputs[0]
    extra = len(x.shape) - len(one.shape)  # type: ignore[arg-type]
    n = math.prod([x.shape[a] for a in step.attrs["axis"]])  # type: ignore[index]
    repeated = all(a < extra or one.shape[a - extra] == 1 for a in step.attrs["axis"])  # type: ignore[index]
    if not repeated or not n:
        return None
    few = build(o.mul, one, float(n))
    left = [(1 if a < extra else one.shape[a - extra]) for a in range(len(x.shape))]  # type: ignore[index, arg-type]
    if not step.attrs["keepdims"]:
        left = [m for a, m in enumerate(left) if a not in step.attrs["axis"]]
    return build(o.broadcast_to, build(o.reshape, few, shape=tuple(left)), shape=y.shape)


@rules("mean")
def _mean(build: Builder, step: Step) -> Found:
    x, y = step.inputs[0], step.outputs[0]
    if not (x.static and y.static) or x.dtype.kind not in "fcV":
        return None
    if x.dtype.itemsize == 2:
        wide = build(o.cast, x, dtype=np.dtype(np.float32))
        return build(o.cast, build(o.mean, wide, **step.attrs), dtype=x.dtype)
    size, parts = math.prod(shape_of(x) or ()), math.prod(shape_of(y) or ())
    return build(o.div, build(o.sum, x, **step.attrs), size // max(parts, 1)) if size else None


# Products of matrices


@rules("matvec")
def _matvec(build: Builder, step: Step) -> Found:
    a, b = step.inputs
    if not (a.static and b.static) or len(a.shape) != 2 or len(b.shape) != 1:  # type: ignore[arg-type]
        return None
    column = build(o.reshape, b, shape=(b.shape[0], 1))  # type: ignore[index]
    y = build(o.matmul, a, column, **_set(transpose_a=step.attrs.get("transpose_a", False)))
    return build(o.reshape, y, shape=step.outputs[0].shape)


@rules("matmul")
def _matmul_of_transposed(build: Builder, step: Step) -> Found:
    """BLAS reads a transposed matrix as it lies. Flags that are not set are not written."""
    flags = [step.attrs.get(name, False) for name in ("transpose_a", "transpose_b")]
    xs = list(step.inputs)
    for i, x in enumerate(xs):
        inner = build.made_by(x, "transpose")
        if inner is not None and _swaps_last(inner.attrs["perm"]):
            xs[i], flags[i] = inner.inputs[0], not flags[i]
    attrs = _set(transpose_a=flags[0], transpose_b=flags[1])
    return None if xs == list(step.inputs) and attrs == step.attrs else build(o.matmul, *xs, **attrs)


def _set(**flags: bool) -> dict[str, bool]:
    return {name: True for name, flag in flags.items() if flag}


@rules("transpose")
def _transposed_matmul(build: Builder, step: Step) -> Found:
    inner = build.made_by(step.inputs[0], "matmul")
    perm = step.attrs["perm"]
    if inner is None or perm is None or not _swaps_last(perm):
        return None
    flip = [not inner.attrs.get(name, False) for name in ("transpose_b", "transpose_a")]
    return build(o.matmul, *inner.inputs[::-1], **_set(transpose_a=flip[0], transpose_b=flip[1]))


def _swaps_last(perm: tuple) -> bool:
    n = len(perm)
    return n >= 2 and tuple(perm) == (*range(n - 2), n - 1, n - 2)
