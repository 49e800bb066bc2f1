"""Stateless random numbers: functions of a shape and a seed of two integers."""

from typing import Any

from nbtape.core.dtype import as_dtype, float32, int32, int64
from nbtape.core.engine import apply, o, tensor
from nbtape.ops.draw import (
    categorical_from,
    check_ends,
    full_int_from,
    gamma_from,
    normal_from,
    poisson_from,
    shape_of,
    shuffled,
    stateless,
    uniform_dtype,
    uniform_from,
)


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32,
    name: str | None = None, alg: Any = "auto_select"
) -> Any:  # fmt: skip
    """Normal numbers that depend on `seed`, two ints, and the shape alone.

    >>> a, b = [tf.random.stateless_normal([2], seed=[1, 2]) for _ in range(2)]
    >>> bool((a.numpy() == b.numpy()).all())
    True
    """
    return normal_from(stateless(seed, alg), "normal", shape, mean, stddev, dtype)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32,
    name: str | None = None, alg: Any = "auto_select"
) -> Any:  # fmt: skip
    """Normal numbers less than two standard deviations from the mean, which depend on `seed` alone.

    >>> tf.random.stateless_truncated_normal([2, 3], seed=[1, 2]).shape
    TensorShape([2, 3])
    """
    return normal_from(stateless(seed, alg), "truncated_normal", shape, mean, stddev, dtype)


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32,
    name: str | None = None, alg: Any = "auto_select"
) -> Any:  # fmt: skip
    """Numbers evenly distributed over [minval, maxval), which depend on `seed`, two ints, alone.

    For integers both bounds are given, or both are None: then any integers of the dtype come.

    >>> tf.random.stateless_uniform([3], seed=[1, 2], minval=5, maxval=6, dtype=tf.int32).numpy().tolist()
    [5, 5, 5]
    """
    kind, source = uniform_dtype(dtype, ("int32", "int64", "uint32", "uint64")), stateless(seed, alg)
    if kind.is_integer and (minval is None) != (maxval is None):
        raise ValueError(
            f"For integer `dtype` argument {kind!s}, argument `minval` and `maxval` must be both None or not "
            f"None. Got `minval`={minval} and `maxval`={maxval}."
        )
    if kind.is_integer and minval is None:
        return full_int_from(source, shape, kind)
    if kind.is_unsigned:
        raise ValueError(
            f"Argument `dtype` got invalid value {kind!s} when argument `minval` is not None. "
            "Please don't use unsigned integers in this case."
        )
    return uniform_from(source, shape, minval, 1 if maxval is None else maxval, kind)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = int64, name: str | None = None
) -> Any:
    """`num_samples` classes for each row of `logits`, with probabilities softmax(logits), from `seed` alone.

    >>> tf.random.stateless_categorical([[0.0, -1000.0]], 3, seed=[1, 2]).numpy().tolist()
    [[0, 0, 0]]
    """
    return categorical_from(stateless(seed), logits, num_samples, dtype)


def stateless_gamma(
    shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = float32, name: str | None = None
) -> Any:
    """Gamma-distributed numbers from `seed` alone; `shape` ends with that of `alpha` and `beta`, broadcast.

    >>> tf.random.stateless_gamma([10, 2], [1, 2], alpha=[0.5, 1.5]).shape
    TensorShape([10, 2])
    """
    return gamma_from(stateless(seed), shape, alpha, beta, dtype, prefix=False)


def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = int32, name: str | None = None) -> Any:
    """Poisson-distributed numbers of the rates `lam`, with whose shape `shape` ends, from `seed` alone.

    >>> tf.random.stateless_poisson([10, 2], [1, 2], lam=[0.5, 1.5]).shape
    TensorShape([10, 2])
    """
    sizes, lam = shape_of(shape), tensor(lam)
    check_ends(sizes, lam)
    return poisson_from(stateless(seed), sizes, lam, dtype)


def stateless_binomial(
    shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = int32, name: str | None = None
) -> Any:
    """How often of `counts` times something of probability `probs` happened; `shape` ends with theirs.

    >>> tf.random.stateless_binomial([3], [1, 2], counts=5.0, probs=[0.0, 1.0, 1.0]).numpy().tolist()
    [0, 5, 5]
    """
    sizes, counts, probs = shape_of(shape), tensor(counts), tensor(probs)
    check_ends(sizes, counts, probs)
    return stateless(seed).draw("binomial", sizes, as_dtype(output_dtype), counts, probs)


def stateless_parameterized_truncated_normal(
    shape: Any, seed: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0, maxvals: Any = 2.0,
    name: str | None = None
) -> Any:  # fmt: skip
    """Normal numbers of `means` and `stddevs` between `minvals` and `maxvals`, from `seed` alone.

    >>> x = tf.random.stateless_parameterized_truncated_normal([99], [1, 2], minvals=3.0, maxvals=4.0)
    >>> bool(3 <= x.numpy().min() and x.numpy().max() <= 4)
    True
    """
    means = tensor(means)
    rest = [tensor(p, None if hasattr(p, "dtype") else means.dtype) for p in (stddevs, minvals, maxvals)]
    sizes = shape_of(shape)
    check_ends(sizes, means, *rest)
    return stateless(seed).draw("bounded_normal", sizes, means.dtype, means, *rest)


def stateless_shuffle(value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None) -> Any:
    """The slices of `value` along its first axis in an order that depends on `seed` alone.

    >>> sorted(tf.random.experimental.stateless_shuffle([3, 1, 2], seed=[1, 2]).numpy().tolist())
    [1, 2, 3]
    """
    return shuffled(stateless(seed, alg), value)


def split(seed: Any, num: Any = 2, alg: Any = "auto_select") -> Any:
    """`num` new seeds, one a row, made from one.

    >>> tf.random.split([1, 2], num=3).shape
    TensorShape([3, 2])
    """
    seed = tensor(seed)
    return full_int_from(stateless(seed, alg), [num, 2], seed.dtype)


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """A new seed made from `seed` and `data`, a number such as that of a step.

    >>> tf.random.fold_in([1, 2], 3).shape
    TensorShape([2])
    """
    data = tensor(data)
    return apply(o.stack, full_int_from(stateless(seed, alg), [], data.dtype), data, axis=0)
