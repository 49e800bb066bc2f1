"""The rows of convolution, depthwise too, and of their gradients: each is the transpose of the others.

x is (batch, *spatial, channels). k is (*size, channels in, channels out); where it takes a part of the
channels, that is a group, and each group has kernels of its own. In depthwise rows k is (*size, channels,
multiplier). Rows of gradients give `shape` (but for the batch), or, where that is not known, the shape of a
further input.
"""

from typing import Any

import numpy as np

from nbtape.core.engine import Op
from nbtape.core.errors import invalid
from nbtape.core.kernel import Late, late
from nbtape.core.shape import Dims, Spec, bracket
from nbtape.ops.row import op
from nbtape.ops.static import dims
from nbtape.ops.window import Ints, Padding, inner_dims, out_dims, pads

_KINDS = "fVi"
_ROLES = ("", "_input_grad", "_kernel_grad")


# What fits what


def _check(x: Spec, k: Spec, n: int) -> None:
    if x.dtype.kind == "i" and x.dtype != np.int32:
        allowed = "half, bfloat16, float, double, int32"
        raise invalid(f"Value for attr 'T' of {x.dtype.name} is not in the list of allowed values: {allowed}")
    for name, spec in (("input", x), ("filter", k)):
        if spec.shape is not None and len(spec.shape) != n + 2:
            raise invalid(f"convolution {name} must be {n + 2}-dimensional: {bracket(spec.shape)}")
    if k.shape is not None and 0 in k.shape:
        raise invalid("filter must not have zero elements (i.e. all dimensions must be non-zero)")


def _conv_depth(x: Dims, k: Dims) -> int | None:
    """The channels that a convolution gives."""
    channels, part, depth = x[-1], k[-2], k[-1]
    if channels is None or part is None or depth is None:
        return depth
    if channels % part:
        raise invalid(f"input depth must be evenly divisible by filter depth: {channels} vs {part}")
    if depth % (channels // part):
        groups = channels // part
        raise invalid(f"output depth must be evenly divisible by number of groups: {depth} vs {groups}")
    return depth


def _depthwise_depth(x: Dims, k: Dims) -> int | None:
    channels, part, multiplier = x[-1], k[-2], k[-1]
    if channels is not None and part is not None and channels != part:
        raise invalid(f"input and filter must have the same depth: {channels} vs {part}")
    return None if part is None or multiplier is None else part * multiplier


# Rows


def family(name: str, depth_of: Any, forward: Late, input_grad: Late, kernel_grad: Late) -> tuple[Op, Op, Op]:
    """The three rows of a kind of convolution, from its three kernels and the channels that it gives."""
    rows: dict[str, Op] = {}

    def spec(x: Spec, k: Spec, *, strides: Ints, padding: Padding, dilations: Ints) -> Spec:
        n = len(strides)
        _check(x, k, n)
        if x.shape is None or k.shape is None:
            return Spec((None,) * (n + 2), x.dtype)
        depth = depth_of(x.shape, k.shape)
        out = out_dims(x.shape[1:-1], k.shape[:-2], strides, padding, dilations)
        return Spec((x.shape[0], *out, depth), x.dtype)

    def input_spec(g: Spec, k: Spec, like: Spec | None = None, *, shape: Dims | None, **attrs: Any) -> Spec:
        n = len(attrs["strides"])
        _check(g, k, n)
        if shape is None:
            shape = (None,) * (n + 1) if like is None or like.shape is None else like.shape[1:]
        if g.shape is None:
            return Spec((None, *shape), g.dtype)
        _check_transposed(g, k, Spec((g.shape[0], *shape), g.dtype), spec, attrs)
        return Spec((g.shape[0], *shape), g.dtype)

    def kernel_spec(x: Spec, g: Spec, like: Spec | None = None, *, shape: Dims | None, **attrs: Any) -> Spec:
        return Spec(shape if like is None else like.shape, x.dtype)

    def run(x, k, **attrs):
        spec(Spec(x.shape, x.dtype), Spec(k.shape, k.dtype), **attrs)
        groups = _groups(x.shape[-1], k.shape, name)
        return _grouped(forward, groups, x, k, **_resolved(x.shape[1:-1], k.shape, attrs))

    def run_input(g, k, like: Any = None, *, shape, **attrs):
        inner = shape or like.shape[1:]
        input_spec(Spec(g.shape, g.dtype), Spec(k.shape, k.dtype), shape=inner, **attrs)
        groups = _groups(inner[-1], k.shape, name)
        part = (len(g), *inner[:-1], inner[-1] // groups)
        return _grouped(input_grad, groups, g, k, input_shape=part, **_resolved(inner[:-1], k.shape, attrs))

    def run_kernel(x, g, like: Any = None, *, shape, **attrs):
        shape = shape or like.shape
        groups = _groups(x.shape[-1], shape, name)
        attrs = _resolved(x.shape[1:-1], shape, attrs)
        return _grouped(kernel_grad, groups, x, g, kernel_shape=(*shape[:-1], shape[-1] // groups), **attrs)

    def to_input(g, k, x, attrs):
        shape = inner_dims(x)
        return rows["input"](*([g, k, x] if shape is None else [g, k]), shape=shape, **attrs)

    def to_kernel(x, g, k, attrs):
        shape = dims(k)
        return rows["kernel"](*([x, g, k] if shape is None else [x, g]), shape=shape, **attrs)

    rows["conv"] = op(name, run, spec,
        lambda g, y, x, k, **attrs: to_input(g, k, x, attrs),
        lambda g, y, x, k, **attrs: to_kernel(x, g, k, attrs), kinds=_KINDS)  # fmt: skip
    rows["input"] = op(f"{name}_input_grad", run_input, input_spec,
        lambda h, y, g, k, *like, shape, **attrs: rows["conv"](h, k, **attrs),
        lambda h, y, g, k, *like, shape, **attrs: to_kernel(h, g, k, attrs), None, kinds=_KINDS)  # fmt: skip
    rows["kernel"] = op(f"{name}_kernel_grad", run_kernel, kernel_spec,
        lambda h, y, x, g, *like, shape, **attrs: to_input(g, h, x, attrs),
        lambda h, y, x, g, *like, shape, **attrs: rows["conv"](x, h, **attrs), None,
        kinds=_KINDS)  # fmt: skip
    return rows["conv"], rows["input"], rows["kernel"]


def _check_transposed(g: Spec, k: Spec, x: Spec, spec: Any, attrs: dict) -> None:
    """Raise what TensorFlow says where a convolution of `x` with `k` does not give what `g` is."""
    if k.shape is None or x.shape is None or g.shape is None:
        return
    n = len(attrs["strides"])
    row = f"Conv{max(n, 2)}DCustomBackpropInput"
    channels, part = x.shape[-1], k.shape[-2]
    if channels is not None and part is not None and channels % part:
        raise invalid(f"{row}: input depth must be evenly divisible by filter depth: {channels} vs {part}")
    wanted = spec(x, k, **attrs).shape
    if None not in (g.shape[-1], wanted[-1]) and g.shape[-1] != wanted[-1]:
        raise invalid(f"{row}: filter and out_backprop must have the same out_depth")
    for i, (got, want) in enumerate(zip(g.shape[1:-1], wanted[1:-1])):
        if got != want and None not in (got, want):
            raise invalid(
                f"{row}: Size of out_backprop doesn't match computed: actual = {got}, computed = {want} "
                f"spatial_dim: {i + 1} input: {x.shape[i + 1]} filter: {k.shape[i]} output: {got} "
                f"stride: {attrs['strides'][i]} dilation: {attrs['dilations'][i]}"
            )


def _resolved(spatial: Ints, k: Ints, attrs: dict) -> dict:
    """The attributes as kernels take them, the padding as pairs."""
    strides, dilations = attrs["strides"], attrs["dilations"]
    return {
        "strides": strides,
        "padding": pads(attrs["padding"], spatial, k[:-2], strides, dilations),
        "dilations": dilations,
    }


def _groups(channels: int, k: Ints, name: str) -> int:
    return channels // k[-2] if name == "conv" else 1


def _grouped(kernel: Late, groups: int, a: np.ndarray, b: np.ndarray, **attrs: Any) -> np.ndarray:
    """`kernel` of each group, whose channels are last in both operands and in the result."""
    if groups == 1:
        return kernel(a, b, **attrs)
    parts = zip(np.split(a, groups, -1), np.split(b, groups, -1))
    return np.concatenate([kernel(p, q, **attrs) for p, q in parts], -1)


conv, conv_input_grad, conv_kernel_grad = family(
    "conv", _conv_depth, *[late(f"nbtape.kernels.cpu.conv:conv{role}") for role in _ROLES]
)
depthwise, depthwise_input_grad, depthwise_kernel_grad = family(
    "depthwise", _depthwise_depth, *[late(f"nbtape.kernels.cpu.depthwise:depthwise{role}") for role in _ROLES]
)


# What compilers make of a convolution, a bias and a relu: one step, done while the numbers are at hand.


def _conv_add(x, k, bias, *, relu, **attrs):
    y = conv.eager(x, k, **attrs) + bias
    return np.maximum(y, 0) if relu else y


def _conv_add_spec(x: Spec, k: Spec, bias: Spec, *, relu: bool, **attrs: Any) -> Spec:
    return conv.infer(x, k, **attrs)


op("conv_add", _conv_add, _conv_add_spec, kinds=_KINDS)
