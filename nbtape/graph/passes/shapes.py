"""What the known shapes settle: ops that move or repeat elements in their plainest form, or gone.

The plain forms are `reshape`, `transpose`, `broadcast_to`, `subscript` and `sum`. A broadcast goes behind the
elementwise ops that it feeds, since these broadcast by themselves: they then run on fewer elements.
"""

import math

from nbtape.core.engine import o
from nbtape.core.errors import OpError
from nbtape.core.kernel import Scalar, View
from nbtape.core.shape import broadcast
from nbtape.graph.passes.rewrite import Builder, Found, Rules, constant, scalar_of
from nbtape.graph.program import Step, Value

rules = Rules()
_STAYS = {"broadcast_to", "bitcast"}


def shape_of(x: Value) -> tuple[int, ...] | None:
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
    return constant(x.shape if step.op is o.shape else math.prod(shape_of(x) or ()), step.attrs["dtype"])


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
    axis, shape = step.attrs["axis"], shape_of(like)
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
    size, parts = math.prod(shape_of(like) or ()), math.prod(shape_of(g) or ())
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
