"""How often predictions are right, as functions and as metrics."""

from typing import Any

from nbtape.core.dtype import float32, int32
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.shape import reshape, squeeze
from nbtape.ops.sort import argmax, in_top_k
from nbtape.train.losses.reduction import beside
from nbtape.train.metrics.metric import NamedMean


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where target and prediction are equal, and 0 elsewhere."""
    return cast(o.equal(*beside(y_true, y_pred)), float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a prediction is above `threshold` and its target 1, or neither; and 0 elsewhere.

    >>> tf.keras.metrics.binary_accuracy([[1], [0]], [[0.9], [0.6]]).numpy().tolist()
    [[1.0], [0.0]]
    """
    y_true, y_pred = beside(y_true, y_pred)
    return cast(o.equal(y_true, cast(y_pred > threshold, y_pred.dtype)), float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the highest prediction is that of the class that the target is highest for.

    >>> tf.keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]).numpy()
    array([1., 0.], dtype=float32)
    """
    return cast(o.equal(argmax(y_true, -1), argmax(y_pred, -1)), float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the highest prediction is that of the class whose number is the target.

    >>> tf.keras.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]]).numpy()
    array([1., 0.], dtype=float32)
    """
    best = argmax(y_pred, -1)
    y_true = tensor(y_true)
    if y_true.shape.rank == best.shape.rank + 1 and y_true.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    return cast(o.equal(cast(y_true, best.dtype), best), float32)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class that the target is highest for is among the `k` highest predictions.

    >>> tf.keras.metrics.top_k_categorical_accuracy([[0, 0, 1]], [[0.5, 0.2, 0.3]], k=2).numpy()
    array([1.], dtype=float32)
    """
    return sparse_top_k_categorical_accuracy(argmax(y_true, -1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class whose number is the target is among the `k` highest predictions.

    >>> tf.keras.metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2).numpy()
    array([1.], dtype=float32)
    """
    y_true, y_pred = cast(y_true, int32), tensor(y_pred)
    found = in_top_k(reshape(y_true, [-1]), reshape(y_pred, [-1, y_pred.shape[-1]]), k)
    return cast(reshape(found, shape_of(y_true)), float32)


class Accuracy(NamedMean):
    """How often predictions equal targets.

    >>> float(tf.keras.metrics.Accuracy()([1, 2], [1, 3]))
    0.5
    """

    direction, function = "up", staticmethod(accuracy)


class BinaryAccuracy(NamedMean):
    """How often predictions are on their target's side of `threshold`.

    >>> float(tf.keras.metrics.BinaryAccuracy()([[1], [0]], [[0.9], [0.6]]))
    0.5
    """

    direction, function = "up", staticmethod(binary_accuracy)

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype, threshold=threshold)


class CategoricalAccuracy(NamedMean):
    """How often the highest prediction is that of the target's class, for targets that are distributions.

    >>> float(tf.keras.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    direction, function = "up", staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(NamedMean):
    """How often the highest prediction is that of the target's class, for targets that are numbers.

    >>> float(tf.keras.metrics.SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    direction, function = "up", staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(NamedMean):
    """How often the target's class is among the `k` highest predictions, for targets that are distributions.

    >>> float(tf.keras.metrics.TopKCategoricalAccuracy(k=2)([[0, 0, 1]], [[0.5, 0.2, 0.3]]))
    1.0
    """

    direction, function = "up", staticmethod(top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype, k=k)


class SparseTopKCategoricalAccuracy(NamedMean):
    """How often the target's class is among the `k` highest predictions, for targets that are numbers.

    >>> float(tf.keras.metrics.SparseTopKCategoricalAccuracy(k=2)([2], [[0.5, 0.2, 0.3]]))
    1.0
    """

    direction, function = "up", staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(self, k: int = 5, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype, k=k)
