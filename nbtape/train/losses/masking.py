"""Weights of losses and metrics where predictions carry a mask: what is masked weighs nothing."""

from typing import Any

from nbtape.core.dtype import DType
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.measure import size
from nbtape.ops.reduce import reduce_sum
from nbtape.train.losses.reduction import same_rank


def masked_weights(y_pred: Any, weights: Any, dtype: DType, mean: bool = False) -> Any:
    """`weights` times the mask that lies on `y_pred`, if one does.

    `mean`: what is left weighs as much as all did, so that a mean over all is one over what is left.
    """
    mask = getattr(y_pred, "_keras_mask", None)
    if mask is None:
        return weights
    kept = cast(mask, dtype)
    if mean:
        kept = kept * divide_no_nan(cast(size(kept), dtype), reduce_sum(kept))
    if weights is None:
        return kept
    kept, weights = same_rank(kept, cast(weights, dtype))
    return kept * weights
