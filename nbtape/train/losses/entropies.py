"""Losses as objects: cross-entropies."""

from typing import Any

from nbtape.train.losses import crossentropies as f
from nbtape.train.losses.loss import NamedLoss


class BinaryCrossentropy(NamedLoss):
    """Cross-entropy with targets of 0 and 1.

    >>> loss = tf.keras.losses.BinaryCrossentropy()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.binary_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class BinaryFocalCrossentropy(NamedLoss):
    """Binary cross-entropy that passes over what is easy.

    >>> loss = tf.keras.losses.BinaryFocalCrossentropy()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1733
    """

    function = staticmethod(f.binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **common: Any,
    ):
        super().__init__(
            **common,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(NamedLoss):
    """Cross-entropy with targets that are distributions.

    >>> loss = tf.keras.losses.CategoricalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class CategoricalFocalCrossentropy(NamedLoss):
    """Categorical cross-entropy that passes over what is easy.

    >>> loss = tf.keras.losses.CategoricalFocalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    function = staticmethod(f.categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **common: Any,
    ):
        super().__init__(
            **common,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(NamedLoss):
    """Cross-entropy with targets that are numbers of classes.

    >>> loss = tf.keras.losses.SparseCategoricalCrossentropy()
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.sparse_categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """Between the cross-entropy (`q` near 0) and the absolute error (`q` near 1), for numbers of classes.

    >>> loss = tf.keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    >>> round(float(loss([1], [[0.75, 0.25]])), 4)
    1.0
    """

    function = staticmethod(f.categorical_generalized_cross_entropy)

    def __init__(self, q: float = 0.5, **common: Any):
        super().__init__(**common, q=q)
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
