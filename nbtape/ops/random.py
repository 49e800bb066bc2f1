"""Random numbers with state: each call gives new ones, and seeds make the sequence repeat."""

from typing import Any

from nbtape.core.dtype import float32
from nbtape.core.engine import tensor
from nbtape.ops.draw import (
    STATEFUL as STATEFUL,
    categorical_from,
    gamma_from,
    normal_from,
    poisson_from,
    seeded,
    shape_of,
    shuffled,
    uniform_dtype,
    uniform_from,
)
from nbtape.ops.static import sizes_of


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Normal numbers. `mean` and `stddev` broadcast to the shape; gradients flow to them if they are tensors.

    >>> tf.random.normal([2, 3]).shape
    TensorShape([2, 3])
    """
    return normal_from(seeded("normal", seed), "normal", shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Normal numbers of which those two standard deviations from the mean, or more, are drawn again.

    >>> bool(abs(tf.random.truncated_normal([1000])).numpy().max() <= 2)
    True
    """
    source = seeded("truncated_normal", seed)
    return normal_from(source, "truncated_normal", shape, mean, stddev, dtype)


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: Any = None,
    name: str | None = None
) -> Any:  # fmt: skip
    """Numbers evenly distributed over [minval, maxval): floats, by default over [0, 1), or int32 or int64.

    Raises ValueError for integers without `maxval` and for other dtypes, InvalidArgumentError for integers
    unless minval < maxval.

    >>> sorted(set(tf.random.uniform([100], 0, 3, dtype=tf.int32, seed=1).numpy().tolist()))
    [0, 1, 2]
    """
    kind = uniform_dtype(dtype, ("int32", "int64"))
    if maxval is None:
        if kind.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {kind!r}")
        maxval = 1
    return uniform_from(seeded("uniform", seed), shape, minval, maxval, kind)


def gamma(
    shape: Any, alpha: Any, beta: Any = None, dtype: Any = float32, seed: Any = None, name: str | None = None
) -> Any:
    """Gamma-distributed numbers, of the shape `shape` + that of `alpha` and `beta` broadcast to each other.

    `alpha` is the shape parameter, `beta` the inverse scale (1 by default), to which gradients flow.

    >>> tf.random.gamma([10], [0.5, 1.5]).shape
    TensorShape([10, 2])
    """
    return gamma_from(seeded("gamma", seed), shape, alpha, beta, dtype, prefix=True)


def poisson(shape: Any, lam: Any, dtype: Any = float32, seed: Any = None, name: str | None = None) -> Any:
    """Poisson-distributed whole numbers of the rates `lam`, of the shape `shape` + that of `lam`.

    >>> tf.random.poisson([10], [0.5, 1.5]).shape
    TensorShape([10, 2])
    """
    lam = tensor(lam)
    return poisson_from(seeded("poisson", seed), [*shape_of(shape), *sizes_of(lam)], lam, dtype)


def categorical(
    logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None, name: str | None = None
) -> Any:
    """`num_samples` classes, int64 by default, for each row of `logits`, with probabilities softmax(logits).

    >>> tf.random.categorical([[0.0, -1000.0], [-1000.0, 0.0]], 3).numpy().tolist()
    [[0, 0, 0], [1, 1, 1]]
    """
    return categorical_from(seeded("categorical", seed), logits, num_samples, dtype)


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Any:
    """The slices of `value` along its first axis in random order.

    >>> sorted(tf.random.shuffle([3, 1, 2]).numpy().tolist())
    [1, 2, 3]
    """
    return shuffled(seeded("permutation", seed), value)
