"""What the known shapes settle: ops that move or repeat elements in their plainest form, or gone.

The plain forms are `reshape`, `transpose`, `broadcast_to`, `subscript` and `sum`. A broadcast goes behind the
elementwise ops that it feeds, since these broadcast by themselves: they then run on fewer elements.
"""

import math

import numpy as np

from nbtape.core.engine import o
from nbtape.core.errors import OpError
from nbtape.core.kernel import Scalar, View
from nbtape.core.shape import broadcast
from nbtape.graph.passes.rewrite import Builder, Found, Rules, constant, scalar_of
from nbtape.graph.program import Step, Value
from nbtape.ops.key import Key, row_key
from nbtape.ops.spread import lost

rules = Rules()
_STAYS = {"broadcast_to", "bitcast"}


def _shape(x: Value) -> tuple[int, ...] | None:
    """The shape of `x` where all of it is known."""
    return x.shape if x.static else None  # type: ignore[return-value]


# Names for the same value


@rules("identity", "stop_gradient", "linked", "reassigned")
def _first(build: Builder, step: Step) -> Found:
    return step.inputs[0]


@rules("ensure_shape")
def _ensured(build: Builder, step: Step) -> Found:
    """What is known to hold needs no check at run time."""
    x, wanted = step.inputs[0], step.attrs["shape"]
    if wanted is None or x.shape is not None and all(n in (None, m) for n, m in zip(wanted, x.shape)):
        return x
    return None


# What depends on shapes alone


@rules("zeros_like", "ones_like")
def _alike(build: Builder, step: Step) -> Found:
    y = step.outputs[0]
    if not y.static or y.dtype == object:
        return None
    number = constant(1 if step.op is o.ones_like else 0, y.dtype)
    return build(o.broadcast_to, number, shape=y.shape)


@rules("shape", "size", "rank")
def _measured(build: Builder, step: Step) -> Found:
    x = step.inputs[0]
    if step.op is o.rank and x.shape is not None:
        return constant(len(x.shape), step.outputs[0].dtype)
    if not x.static:
        return None
    return constant(x.shape if step.op is o.shape else math.prod(_shape(x) or ()), step.attrs["dtype"])


# Reshapes


@rules("expand_dims", "squeeze", "reshape_like")
def _reshaped(build: Builder, step: Step) -> Found:
    y = step.outputs[0]
    return build(o.reshape, step.inputs[0], shape=y.shape) if y.static else None


@rules("reshape_by", "broadcast_by")
def _by_constant(build: Builder, step: Step) -> Found:
    sizes = step.inputs[1].constant
    if sizes is None:
        return None
    op = o.reshape if step.op is o.reshape_by else o.broadcast_to
    return build(op, step.inputs[0], shape=tuple(sizes.tolist()))


@rules("reshape")
def _reshape(build: Builder, step: Step) -> Found:
    x, y = step.inputs[0], step.outputs[0]
    if y.static and x.shape == y.shape:
        return x
    inner = build.made_by(x, "reshape")
    if inner is not None:
        return build(o.reshape, inner.inputs[0], shape=step.attrs["shape"])
    return build(o.reshape, x, shape=y.shape) if y.static and step.attrs["shape"] != y.shape else None


@rules("matrix_transpose")
def _matrix_transpose(build: Builder, step: Step) -> Found:
    shape = step.inputs[0].shape
    if shape is None:
        return None
    axes = range(len(shape))
    return build(o.transpose, step.inputs[0], perm=(*axes[:-2], axes[-1], axes[-2]))


@rules("transpose")
def _transpose(build: Builder, step: Step) -> Found:
    x, perm = step.inputs[0], step.attrs["perm"]
    if x.shape is None:
        return None
    axes = tuple(range(len(x.shape)))
    if perm is None:
        return build(o.transpose, x, perm=axes[::-1])
    if perm == axes:
        return x
    inner = build.made_by(x, "transpose")
    if inner is not None:
        return build(o.transpose, inner.inputs[0], perm=tuple([inner.attrs["perm"][p] for p in perm]))
    long = [p for p in perm if x.shape[p] != 1]
    return build(o.reshape, x, shape=step.outputs[0].shape) if long == sorted(long) and x.static else None


# Broadcasts


@rules("broadcast_to")
def _broadcast(build: Builder, step: Step) -> Found:
    x, y = step.inputs[0], step.outputs[0]
    if x.static and x.shape == y.shape:
        return x
    inner = build.made_by(x, "broadcast_to")
    return build(o.broadcast_to, inner.inputs[0], shape=y.shape) if inner is not None and y.static else None


@rules("spread")
def _spread(build: Builder, step: Step) -> Found:
    """The cotangent of a reduction over the elements that were reduced."""
    g, like = step.inputs
    axis, shape = step.attrs["axis"], _shape(like)
    if shape is None or not g.static:
        return None
    if not step.attrs["keepdims"] and axis is not None:
        kept = tuple([1 if i in {a % len(shape) for a in axis} else n for i, n in enumerate(shape)])
        g = build(o.reshape, g, shape=kept)
    return build(o.broadcast_to, g, shape=shape)


@rules("spread_evenly")
def _spread_evenly(build: Builder, step: Step) -> Found:
    g, like = step.inputs
    if not (g.static and like.static):
        return None
    size, parts = math.prod(_shape(like) or ()), math.prod(_shape(g) or ())
    return build(o.spread, build(o.div, g, float(max(size // max(parts, 1), 1))), like, **step.attrs)


@rules()
def _sink(build: Builder, step: Step) -> Found:
    """An elementwise op of broadcasts is the broadcast of the op."""
    if not isinstance(step.op.kernel, Scalar) or not step.outputs[0].static:
        return None
    y = step.outputs[0]
    wide = [build.made_by(x, "broadcast_to") for x in step.inputs]
    if not any(wide):
        return None
    xs = [x if made is None else made.inputs[0] for x, made in zip(step.inputs, wide)]
    try:
        spec = step.op.infer(*[x.spec for x in xs], **step.attrs)
        fits = spec.dtype == y.dtype and broadcast(spec.shape, y.shape) == y.shape
    except (OpError, ValueError, TypeError):  # a row that broadcasts only in part
        return None
    if not fits or any(x.shape is None for x in xs) or broadcast(*[x.shape for x in xs]) != spec.shape:
        return None
    return build(o.broadcast_to, build(step.op, *xs, **step.attrs), shape=y.shape)


@rules()
def _move_of_one(build: Builder, step: Step) -> Found:
    """Equal elements are the same in any order."""
    if not isinstance(step.op.kernel, View) or step.op.name in _STAYS or not step.outputs[0].static:
        return None
    number = scalar_of(build, step.inputs[0])
    inner = build.made_by(step.inputs[0], "broadcast_to")
    if number is None or inner is None or step.outputs[0].dtype != inner.inputs[0].dtype:
        return None
    return build(o.broadcast_to, constant(number, inner.inputs[0].dtype), shape=step.outputs[0].shape)


# Parts


@rules("slice", "slice_like")
def _slice(build: Builder, step: Step) -> Found:
    x, y, begin = step.inputs[0], step.outputs[0], step.attrs["begin"]
    if not (x.static and y.static) or begin is None:
        return None
    key = tuple([slice(b, b + n) for b, n in zip(begin, _shape(y) or ())])
    return build(o.subscript, x, key=Key(key))


@rules("subscript")
def _whole(build: Builder, step: Step) -> Found:
    """A key that takes everything, or takes nothing away but axes of size 1."""
    x, y = step.inputs[0], step.outputs[0]
    if not (x.static and y.static) or math.prod(_shape(x) or ()) != math.prod(_shape(y) or ()):
        return None
    items = [k for k in step.attrs["key"].items if type(k) is slice]
    forward = all(k.step is None or k.step > 0 for k in items)
    return build(o.reshape, x, shape=y.shape) if forward else None


@rules("unstack")
def _unstack(build: Builder, step: Step) -> Found:
    axis = step.attrs["axis"]
    return tuple([
        build(o.subscript, step.inputs[0], key=row_key(i, axis)) for i in range(len(step.outputs))
    ])  # fmt: skip


@rules("split")
def _split(build: Builder, step: Step) -> Found:
    x, axis = step.inputs[0], step.attrs["axis"]
    if not x.static:
        return None
    sizes = [(_shape(y) or ())[axis] for y in step.outputs]
    ends = np.cumsum(sizes).tolist()
    keys = [Key((*(slice(None),) * axis, slice(end - n, end))) for n, end in zip(sizes, ends)]
    return tuple([build(o.subscript, x, key=key) for key in keys])


# Sums


@rules("sum_to_like")
def _sum_to_like(build: Builder, step: Step) -> Found:
    shape = _shape(step.inputs[1])
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
    left = [a for a in range(len(_shape(inner.inputs[0]) or ())) if a not in gone]
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
    size, parts = math.prod(_shape(x) or ()), math.prod(_shape(y) or ())
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
