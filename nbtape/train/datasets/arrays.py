"""Keras's small helpers for arrays: classes as vectors, unit lengths, sequences of one length."""

from typing import Any

import numpy as np

from nbtape.core.engine import Tensor, tensor
from nbtape.ops.create import ones_like
from nbtape.ops.mask import where
from nbtape.ops.norm import norm as tensor_norm
from nbtape.ops.sequence import one_hot


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Classes as rows of zeros with a one at their number.

    >>> tf.keras.utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, Tensor):
        shape = x.shape
        if shape.rank and shape.rank > 1 and shape[-1] == 1:
            x = x[..., 0]
        return one_hot(x, num_classes)
    x = np.array(x, np.int64)
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x[..., 0]
    n = num_classes or int(x.max()) + 1
    if x.size and not -n <= x.min() <= x.max() < n:
        raise ValueError(f"Classes from {x.min()} to {x.max()} do not fit num_classes={n}.")
    return np.eye(n)[x]


def normalize(x: Any, axis: int = -1, order: Any = 2) -> Any:
    """`x` divided by its norm along `axis`, an array where `x` is one; what is all zeros stays so.

    >>> tf.keras.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if not isinstance(x, np.ndarray):
        x = tensor(x)
        length = tensor_norm(x, order, axis, keepdims=True)
        return x / where(length == 0, ones_like(length), length)
    length = np.expand_dims(np.atleast_1d(np.linalg.norm(x, order, axis)), axis)
    return x / np.where(length == 0, 1, length)


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Lists as rows of one array: `value` before the short ones, and the long ones without their beginning.

    >>> tf.keras.utils.pad_sequences([[1, 2, 3], [4]], maxlen=2)
    array([[2, 3],
           [0, 4]], dtype=int32)
    """
    for name, at in (("padding", padding), ("truncating", truncating)):
        if at not in ("pre", "post"):
            raise ValueError(f'`{name}` is "pre" or "post", and {at!r} is neither.')
    if not hasattr(sequences, "__len__") or not all(hasattr(row, "__len__") for row in sequences):
        raise ValueError(f"`sequences` must be a list of sequences, and {sequences!r} is not.")
    rows = [np.asarray(row) for row in sequences]
    n = max(map(len, rows), default=0) if maxlen is None else maxlen
    shape = next((row.shape[1:] for row in rows if len(row)), ())
    out = np.full((len(rows), n, *shape), value, dtype)
    for place, row in zip(out, rows):
        row = (row[-n:] if truncating == "pre" else row[:n]) if n else row[:0]
        if len(row) and row.shape[1:] != shape:
            raise ValueError(f"Shape of sample {row.shape[1:]} of the sequences differs from {shape}.")
        if len(row):
            (place[n - len(row) :] if padding == "pre" else place[: len(row)])[:] = row
    return out
