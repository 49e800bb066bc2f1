"""Activations: relu and its kin, and the smooth ones."""

import math
from typing import Any

import numpy as np

from nbtape.core.dtype import float32
from nbtape.core.engine import apply, o, pair, stands_for_tensor, tensor
from nbtape.core.kernel import Scalar, late
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, broadcast
from nbtape.ops.join import concat
from nbtape.ops.numeric import in_float32
from nbtape.ops.row import REAL, REAL_FLOATS, elementwise_spec, op, row

_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805  # of selu: they keep mean 0 and variance 1
_ROOT_HALF = math.sqrt(0.5)
_PDF_0 = 1 / math.sqrt(2 * math.pi)
_TANH_1, _TANH_3 = math.sqrt(2 / math.pi), 0.044715
_erfc = late("scipy.special:erfc")
_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def masked(g, keep):
    """`g` where `keep`, else 0, whatever `g` is there.

    Anding bits is several times faster than np.where on a mask that branches cannot predict.
    """
    if not (g.ndim and keep.ndim):
        return np.where(keep, g, g.dtype.type(0))[()]
    kept = np.negative(keep.view(np.int8)).astype(_BITS[g.itemsize])
    bits = g.view(kept.dtype)
    return np.bitwise_and(bits, kept, out=kept if kept.shape == bits.shape else None).view(g.dtype)


def _relu(x):
    return np.maximum(x, 0)


def _relu6(x):
    return np.minimum(np.maximum(x, 0), 6)


def _relu_grad(g, y):
    return masked(g, y > 0)


def _relu6_grad(g, y):
    return masked(g, (y > 0) & (y < 6))


@in_float32
def _leaky_relu(x, alpha):
    if type(alpha) is float and 0 <= alpha <= 1:
        return np.maximum(x, alpha * x)
    return np.where(x > 0, x, alpha * x)[()]


def _leaky_relu_grad(g, x, alpha):
    up = x > 0
    return masked(g, up) + masked(g * g.dtype.type(alpha) if isinstance(alpha, float) else g * alpha, ~up)


@in_float32
def _elu(x):
    return np.maximum(x, 0) + np.expm1(np.minimum(x, 0))


@in_float32
def _selu(x):
    return _SCALE * (np.maximum(x, 0) + _ALPHA * np.expm1(np.minimum(x, 0)))


@in_float32
def _silu(x, beta):
    return x * np.reciprocal(1 + np.exp(-beta * x))


@in_float32
def _gelu(x):
    return 0.5 * x * _erfc(-_ROOT_HALF * x)


@in_float32
def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(_TANH_1 * (x + _TANH_3 * x * x * x)))


def _silu_in_x(g, y, x, beta):
    s = o.sigmoid(beta * x)
    return g * (s * (1 + beta * x * (1 - s)))


def _silu_in_beta(g, y, x, beta):
    s = o.sigmoid(beta * x)
    return g * (x * x * s * (1 - s))


def _gelu_grad(g, y, x):
    return g * (0.5 * o.erfc(-_ROOT_HALF * x) + x * (_PDF_0 * o.exp(-0.5 * x * x)))


def _gelu_tanh_grad(g, y, x):
    t = o.tanh(_TANH_1 * (x + _TANH_3 * x * x * x))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_TANH_1 * (1 + 3 * _TANH_3 * x * x)))


def step(name, eager, text):
    """The gradient of a piecewise linear op; the derivative of its steps is 0, not absent."""
    op(name, eager, elementwise_spec,
       lambda h, z, g, y: getattr(o, name)(h, y), lambda h, z, g, y: o.zeros_like(y),
       kernel=Scalar(text), kinds=REAL_FLOATS)  # fmt: skip


# fmt: off
op("relu", _relu, elementwise_spec, lambda g, y, x: o.relu_grad(g, y),
   kernel=Scalar("maximum({0}, 0)"), kinds=REAL)
op("relu6", _relu6, elementwise_spec, lambda g, y, x: o.relu6_grad(g, y),
   kernel=Scalar("minimum(maximum({0}, 0), 6)"), kinds=REAL)
step("relu_grad", _relu_grad, "where({1} > 0, {0}, 0)")
step("relu6_grad", _relu6_grad, "where(({1} > 0) & ({1} < 6), {0}, 0)")
op("masked", masked, lambda g, keep: Spec(broadcast(g.shape, keep.shape), g.dtype),
   lambda h, z, g, keep: o.masked(h, keep), None, kernel=Scalar("where({1}, {0}, 0)"))

row("leaky_relu", _leaky_relu, "where({0} > 0, {0}, {1} * {0})",
    lambda g, y, x, a: o.leaky_relu_grad(g, x, a), lambda g, y, x, a: g * o.minimum(x, 0.0),
    kinds=REAL_FLOATS)
row("leaky_relu_grad", _leaky_relu_grad, "where({1} > 0, {0}, {2} * {0})",
    lambda h, z, g, x, a: o.leaky_relu_grad(h, x, a), lambda h, z, g, x, a: o.zeros_like(x),
    lambda h, z, g, x, a: o.masked(h * g, x <= 0), kinds=REAL_FLOATS)
row("elu", _elu, "(maximum({0}, 0) + expm1(minimum({0}, 0)))",
    lambda g, y, x: g * o.where(y < 0, y + 1, 1.0), kinds=REAL_FLOATS)
row("selu", _selu, "selu({0})",
    lambda g, y, x: g * o.where(y < 0, y + _SCALE * _ALPHA, _SCALE), kinds=REAL_FLOATS)
row("silu", _silu, "({0} * sigmoid({1} * {0}))", _silu_in_x, _silu_in_beta, kinds=REAL_FLOATS)
row("gelu", _gelu, "gelu({0})", _gelu_grad, kinds=REAL_FLOATS)
row("gelu_tanh", _gelu_tanh,
    "gelu_tanh({0})",
    _gelu_tanh_grad, kinds=REAL_FLOATS)
# fmt: on


def relu(features: Any, name: str | None = None) -> Any:
    """max(features, 0), elementwise; its gradient at 0 is 0. Takes real numbers.

    >>> tf.nn.relu([-2.0, 0.0, 3.0]).numpy()
    array([0., 0., 3.], dtype=float32)
    """
    return apply(o.relu, tensor(features))


def relu6(features: Any, name: str | None = None) -> Any:
    """min(max(features, 0), 6), elementwise; its gradient at 0 and at 6 is 0. Takes real numbers.

    >>> tf.nn.relu6([-2.0, 3.0, 8.0]).numpy()
    array([0., 3., 6.], dtype=float32)
    """
    return apply(o.relu6, tensor(features))


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Any:
    """`features` where positive, else `alpha * features`, elementwise; its gradient at 0 is `alpha`.

    Ints become float32. `alpha` may be a tensor, and is then learnt like any other.

    >>> tf.nn.leaky_relu([-1.0, 2.0], alpha=0.5).numpy()
    array([-0.5,  2. ], dtype=float32)
    """
    x = tensor(features)
    x, alpha = pair(x if spec_of(x).dtype.kind not in "iu" else apply(o.cast, x, dtype=float32.np), alpha)
    return apply(o.leaky_relu, x, alpha)


def elu(features: Any, name: str | None = None) -> Any:
    """`features` where positive, else exp(features) - 1, elementwise. Takes floats.

    >>> tf.nn.elu([-1000.0, 2.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    return apply(o.elu, tensor(features))


def selu(features: Any, name: str | None = None) -> Any:
    """Scaled elu, which keeps mean 0 and variance 1 from layer to layer. Takes floats.

    >>> tf.nn.selu([-1000.0, 1.0]).numpy()
    array([-1.7580993,  1.050701 ], dtype=float32)
    """
    return apply(o.selu, tensor(features))


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """`features` times the probability that a normal variable is less, or its tanh form if `approximate`.

    >>> tf.nn.gelu([-1000.0, 0.0, 1000.0]).numpy()
    array([  -0.,    0., 1000.], dtype=float32)
    """
    x = tensor(features)
    if not x.dtype.is_floating:
        told = "`features.dtype` must be a floating point tensor.Received:features.dtype="
        raise ValueError(f"{told}{x.dtype!s}")
    return apply(o.gelu_tanh if approximate else o.gelu, x)


def silu(features: Any, beta: Any = 1.0) -> Any:
    """`features * sigmoid(beta * features)`, elementwise: SiLU, also called swish. Takes floats.

    >>> tf.nn.silu([-1000.0, 0.0, 1000.0]).numpy()
    array([  -0.,    0., 1000.], dtype=float32)
    """
    x = tensor(features)
    if stands_for_tensor(beta):
        beta = tensor(beta)
        return apply(o.silu, x, beta if beta.dtype is x.dtype else apply(o.cast, beta, dtype=x.dtype.np))
    return apply(o.silu, x, float(beta))


swish = silu


def crelu(features: Any, axis: Any = -1, name: str | None = None) -> Any:
    """relu of `features` and of `-features`, joined along `axis`, which becomes twice as long.

    >>> tf.nn.crelu([1.0, -2.0]).numpy()
    array([1., 0., 0., 2.], dtype=float32)
    """
    x = tensor(features)
    return relu(concat([x, -x], axis))
