"""The rows of random numbers, and what the public functions that draw have in common.

Each kind of number is two rows around one sampler: `random_KIND`, which draws from a stream, and
`stateless_KIND`, a function of its seed. A compiled graph runs the rows in STATEFUL anew at each call, and
takes no two of them for the same.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from nbtape.core.convert import fit
from nbtape.core.dtype import DType, as_dtype, int32, int64
from nbtape.core.engine import Op, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.shape import Spec, TensorShape, bracket, broadcast
from nbtape.ops import sampler
from nbtape.ops.row import op
from nbtape.ops.sampler import OpStream, whole
from nbtape.ops.static import (
    NotAVector,
    as_tf_name,
    entries,
    hint,
    integer,
    is_static,
    known,
    partial_dims,
    rank_of,
    sizes_of,
    vector,
    wrong_type,
)

_WIDE = np.dtype(np.float64)
_SEED_TYPES = (np.dtype(np.int32), np.dtype(np.int64))
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_TF_FLOATS = "half, bfloat16, float, double"
_TINY = {"float16": 6.104e-05, "float32": 1.1754944e-38, "float64": 2.2250738585072014e-308}
STATEFUL: set[str] = set()


class Algorithm(Enum):
    """The generators that TensorFlow names. Here each stands for Philox."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


def algorithm(alg: Any) -> int:
    """The number of an algorithm given by name, number or `Algorithm`."""
    found = alg.value if isinstance(alg, Algorithm) else alg
    if isinstance(found, str):
        found = next((a.value for a in Algorithm if a.name == found.upper()), None)
    elif not isinstance(found, int):
        found = integer(found)
    if found not in (1, 2, 3):
        raise ValueError(
            f"Argument `alg` got unsupported value {alg}. Supported values are philox for the Philox "
            "algorithm, threefry for the ThreeFry algorithm, and auto_select for auto-selection."
        )
    return found


# Rows


def sampled(
    name: str,
    sample: Callable,
    inputs: int = 0,
    grad: Callable | None = None,
    lower: Callable | None = None,
) -> None:
    """The two rows of a sampler with `inputs` tensors; a shape that is not known comes as one more.

    `grad` is the rule of the first of them. `lower` makes what the sampler gives of uniform float64 numbers.
    """

    def draw(rng, xs, shape, dtype, attrs):
        if len(xs) > inputs:
            *xs, sizes = xs
            shape = tuple(sizes.tolist())
        return sample(rng, shape, dtype, *xs, **attrs)

    def stateful(*xs, shape, dtype, stream, **attrs):
        return draw(stream.next(), xs, shape, dtype, attrs)

    def stateless(seed, *xs, shape, dtype, **attrs):
        if seed.dtype not in _SEED_TYPES or seed.shape != (2,):
            raise ValueError
        return draw(sampler.philox((int(seed[0]), int(seed[1]))), xs, shape, dtype, attrs)

    def stateless_spec(seed, *xs, shape, dtype, **attrs):
        if seed.dtype not in _SEED_TYPES:
            raise wrong_type(as_tf_name(seed), "Tseed")
        if seed.shape not in (None, (2,), (None,)):
            raise invalid(f"seed must have shape [2], not {bracket(seed.shape)}")
        return Spec(shape, dtype)

    rules = (grad, *[None] * inputs) if grad else ()
    op(f"random_{name}", stateful, lambda *xs, shape, dtype, **attrs: Spec(shape, dtype), *rules,
       kernel=_of_uniform(lower, o.random_uniform, 0, inputs) if lower else None)  # fmt: skip
    op(f"stateless_{name}", stateless, stateless_spec, *(_second(rules) if grad else ()),
       kernel=_of_uniform(lower, o.stateless_uniform, 1, inputs) if lower else None)  # fmt: skip
    STATEFUL.add(f"random_{name}")


def _of_uniform(lower: Callable, uniform: Op, seeds: int, inputs: int) -> Composite:
    """What a sampler is made of, whose numbers come from those of `uniform`, which takes so many seeds."""

    def lowered(*xs, shape, dtype, **source):
        seed, xs = xs[:seeds], xs[seeds:]
        if len(xs) > inputs:
            return None
        u = apply(uniform, *seed, shape=shape, dtype=_WIDE, **source)  # in a trace even where nothing goes in
        return lower(u, *xs, dtype=dtype)

    return Composite(lowered)


def _second(rules: tuple) -> tuple:
    """The rules of a row with a seed in front."""
    return (None, lambda g, y, seed, *xs, **attrs: rules[0](g, y, *xs, **attrs), *rules[1:])


def _gamma_in_alpha(g, z, alpha, *sizes, **attrs):
    """How a number that keeps its probability moves with alpha: -(dP/dalpha) / (dP/dz)."""
    density = o.exp((alpha - 1) * o.log(z) - z - o.lgamma(alpha))
    return o.where(z > 0, -g * o.igamma_in_a(alpha, z, n=1) / density, 0.0)


def _categorical_lower(u, logits, *, dtype):
    """The class at whose share of all each number falls."""
    if not logits.shape.is_fully_defined() or 0 in logits.shape.as_list():
        return None
    x = o.cast(logits, dtype=_WIDE)
    x = o.where(o.is_finite(x), x, -np.inf)
    top = o.maximum(o.max(x, axis=(1,), keepdims=True), -1e308)
    ends = o.cumsum(o.exp(x - top), axis=1, exclusive=False, reverse=False)
    return o.searchsorted(ends, u * ends[:, -1:], side="right", dtype=dtype)


sampled("uniform", sampler.uniform)
sampled("uniform_int", sampler.uniform_int, inputs=2)
sampled("full_int", sampler.full_int)
sampled("normal", sampler.normal)
sampled("truncated_normal", sampler.truncated_normal)
sampled("bounded_normal", sampler.bounded_normal, inputs=4)
sampled("gamma", sampler.gamma, inputs=1, grad=_gamma_in_alpha)
sampled("poisson", sampler.poisson, inputs=1)
sampled("binomial", sampler.binomial, inputs=2)
sampled("categorical", sampler.categorical, inputs=1, lower=_categorical_lower)
sampled("permutation", sampler.permutation)


class Source:
    """Where a public function draws from: the stream of its op, of a `Generator`, or a stateless seed."""

    def __init__(self, stream: Any = None, seed: Any = None):
        self.stream, self.seed = stream, seed

    def draw(self, name: str, shape: list | Any, dtype: DType, *xs: Any, **attrs: Any) -> Any:
        """Apply the row of `name` for a shape as `shape_of` gives it."""
        if is_static(shape):
            attrs["shape"] = tuple(shape)
        else:
            attrs["shape"] = hint(shape)
            xs = (*xs, vector(shape))
        if self.seed is not None:
            return apply(getattr(o, f"stateless_{name}"), self.seed, *xs, dtype=dtype.np, **attrs)
        return apply(getattr(o, f"random_{name}"), *xs, dtype=dtype.np, stream=self.stream, **attrs)


def seeded(name: str, seed: Any) -> Source:
    """The source of an op with TensorFlow's `seed` argument."""
    return Source(OpStream(name, None if seed is None else whole(seed)))


def stateless(seed: Any, alg: Any = "auto_select") -> Source:
    algorithm(alg)
    return Source(seed=tensor(seed))


def shape_of(shape: Any) -> Any:
    """A shape argument as sizes; raises InvalidArgumentError for what is no vector of sizes."""
    try:
        sizes = entries(shape)
    except NotAVector:
        got = bracket(np.shape(known(shape)))
        raise invalid(f"shape must be a vector of {{int32,int64}}, got shape {got}") from None
    for n in sizes if isinstance(sizes, list) else ():
        if isinstance(n, int) and n < 0:
            raise invalid(f"Dimension {n} must be >= 0")
    return sizes


def parameter(x: Any, dtype: DType, name: str) -> Any:
    """A parameter of a distribution as a tensor of `dtype`."""
    try:
        return tensor(x, dtype)
    except ValueError as error:
        if str(error).startswith("Tensor conversion requested"):
            raise ValueError(f"{name}: {error}") from None
        raise


def number(x: Any, dtype: DType) -> float | None:
    """A parameter that is a plain number, as a float; None for one that is a tensor or an array."""
    if isinstance(x, int | float):
        return float(fit(x, dtype))
    return None


def float_dtype(dtype: Any) -> DType:
    kind = as_dtype(dtype)
    if kind.is_complex or kind.is_bool or kind.name == "string":
        raise not_allowed(kind, _TF_FLOATS)
    return kind


def uniform_dtype(dtype: Any, integers: tuple) -> DType:
    kind, accepted = as_dtype(dtype), (*_FLOATS, *integers)
    if kind.name not in accepted:
        listed = ", ".join(f"tf.{a}" for a in accepted)
        raise ValueError(f"Argument `dtype` got invalid value {kind!s}. Accepted dtypes are ({listed}).")
    return kind


def not_allowed(kind: DType, allowed: str, attr: str = "dtype") -> Exception:
    return invalid(f"Value for attr '{attr}' of {kind.name} is not in the list of allowed values: {allowed}")


# Distributions, from any source


def normal_from(source: Source, name: str, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    """Normal numbers, truncated or not; gradients flow to a mean and a deviation that are tensors."""
    kind = float_dtype(dtype)
    sizes, m, s = shape_of(shape), number(mean, kind), number(stddev, kind)
    if m is not None and s is not None:
        return source.draw(name, sizes, kind, mean=m, stddev=s)
    m, s = parameter(mean, kind, "mean"), parameter(stddev, kind, "stddev")
    return source.draw(name, sizes, kind, mean=0.0, stddev=1.0) * s + m


def uniform_from(source: Source, shape: Any, minval: Any, maxval: Any, kind: DType) -> Any:
    sizes = shape_of(shape)
    if kind.is_integer:
        low, high = parameter(minval, kind, "min"), parameter(maxval, kind, "max")
        return source.draw("uniform_int", sizes, kind, low, high)
    low, high = number(minval, kind), number(maxval, kind)
    if low is not None and high is not None:
        return source.draw("uniform", sizes, kind, low=low, high=high)
    low, high = parameter(minval, kind, "min"), parameter(maxval, kind, "max")
    return source.draw("uniform", sizes, kind, low=0.0, high=1.0) * (high - low) + low


def full_int_from(source: Source, shape: Any, kind: DType) -> Any:
    if kind.name not in ("int32", "int64", "uint32", "uint64"):
        raise not_allowed(kind, "int32, int64, uint32, uint64")
    return source.draw("full_int", shape_of(shape), kind)


def check_ends(shape: list | Any, *parameters: Any) -> None:
    """The shape of a stateless draw ends with the shape that its parameters broadcast to."""
    inner = broadcast(*[partial_dims(p) for p in parameters])
    outer = hint(shape)
    if inner is None or outer is None:
        return
    if len(inner) > len(outer) or not TensorShape(outer[len(outer) - len(inner) :]).is_compatible_with(inner):
        raise invalid("Shape passed in must end with broadcasted shape.")


def categorical_from(source: Source, logits: Any, num_samples: Any, dtype: Any) -> Any:
    x, kind = tensor(logits), int64 if dtype is None else as_dtype(dtype)
    if kind not in (int32, int64):
        raise ValueError(
            f"Argument `dtype` got invalid value {kind!s}. Accepted dtypes are (tf.int32, tf.int64)."
        )
    if not x.dtype.is_floating:
        raise not_allowed(x.dtype, _TF_FLOATS, "T")
    if rank_of(x) != 2:
        raise invalid(f"logits should be a matrix, got shape {bracket(x.shape)}")
    n = entries(num_samples, scalar=True)[0]
    if isinstance(n, int) and n < 0:
        raise invalid(f"num_samples should be non-negative, got {n}")
    return source.draw("categorical", [sizes_of(x)[0], n], kind, x)


def shuffled(source: Source, value: Any) -> Any:
    x = tensor(value)
    if not rank_of(x):
        return x
    return apply(o.take, x, source.draw("permutation", sizes_of(x)[:1], int64), axis=0)


def gamma_from(source: Source, shape: Any, alpha: Any, beta: Any, dtype: Any, prefix: bool) -> Any:
    """Gamma-distributed numbers; the shape stands before the parameters' if `prefix`, else ends with it."""
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise ValueError(f"data type {kind.as_numpy_dtype!r} not inexact")
    sizes, alpha = shape_of(shape), parameter(alpha, kind, "alpha")
    if beta is not None:
        beta = parameter(beta, kind, "beta")
        alpha = alpha + apply(o.zeros_like, beta)
    if prefix:
        sizes = [*sizes, *sizes_of(alpha)]
    else:
        check_ends(sizes, alpha)
    z = source.draw("gamma", sizes, kind, alpha)
    return apply(o.maximum, _TINY.get(kind.name, _TINY["float32"]), z if beta is None else z / beta)


def poisson_from(source: Source, sizes: Any, lam: Any, dtype: Any) -> Any:
    kind = as_dtype(dtype)
    if kind.name not in ("float16", "float32", "float64", "int32", "int64"):
        raise not_allowed(kind, "half, float, double, int32, int64")
    return source.draw("poisson", sizes, kind, lam)
