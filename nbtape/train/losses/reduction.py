"""What losses and metrics share: ranks and dtypes made alike, and values brought to one number."""

from typing import Any

from nbtape.core.engine import tensor
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.reduce import reduce_mean, reduce_sum
from nbtape.ops.shape import expand_dims, squeeze

EPSILON = 1e-7  # what probabilities and divisors are kept away from 0 by


def same_rank(a: Any, b: Any, expand: bool = True) -> tuple[Any, Any]:
    """Two tensors, one of which may have a last axis of size 1 more than the other.

    That axis is taken off, unless the other has one dimension only, and is given one (if `expand`).
    """
    ranks = a.shape.rank, b.shape.rank
    if None in ranks or abs(ranks[0] - ranks[1]) != 1:
        return a, b
    if ranks[0] < ranks[1]:
        return same_rank(b, a, expand)[::-1]
    if a.shape[-1] != 1:
        return a, b
    return (a, expand_dims(b, -1)) if ranks[1] == 1 and expand else (squeeze(a, -1), b)


def beside(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets in the dtype and rank of the predictions, and these."""
    y_pred = tensor(y_pred)
    return same_rank(cast(y_true, y_pred.dtype), y_pred)


def reduced(values: Any, weights: Any = None, reduction: str | None = "sum_over_batch_size") -> Any:
    """Losses times `weights`, brought to one number as `reduction` says."""
    if weights is not None:
        values, weights = same_rank(values, cast(weights, values.dtype))
        values = values * weights
    if reduction in (None, "none") or values.shape.rank == 0:
        return values
    total = reduce_sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(total, reduce_sum(weights))
    return reduce_mean(values) if values.shape.num_elements() != 0 else values
