"""Losses, by name: the class, its arguments, targets and predictions."""

import numpy as np

rng = np.random.default_rng(5)


def shares(*shape):
    x = rng.uniform(0.05, 1.0, size=shape)
    return (x / x.sum(-1, keepdims=True)).astype(np.float32)


def one_hot(*shape, classes=4):
    return np.eye(classes, dtype=np.float32)[rng.integers(0, classes, shape)]


def real(*shape):
    return rng.normal(size=shape).astype(np.float32)


def unit(*shape):
    x = real(*shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


REAL, POSITIVE = (real(3, 4), real(3, 4)), (rng.uniform(0.1, 2, (2, 3, 4)), rng.uniform(0.1, 2, (2, 3, 4)))
SIGNS = (np.sign(real(3, 4)), real(3, 4))
BITS = (rng.integers(0, 2, (3, 4)).astype(np.float32), rng.uniform(0.0, 1.0, (3, 4)).astype(np.float32))
CERTAIN = (np.float32([[0, 1, 1, 0]]), np.float32([[0, 1, 0, 1]]))
LOGITS = (BITS[0], 3 * real(3, 4))
CLASSES, CLASS_LOGITS = (one_hot(3), shares(3, 4)), (one_hot(3), 2 * real(3, 4))
STEPS = (one_hot(2, 3), shares(2, 3, 4))
NUMBERS, NUMBER_LOGITS = (np.array([0, 3, 1]), shares(3, 4)), (np.array([0, 3, 1]), 2 * real(3, 4))
COLUMN = (np.array([[0], [3], [1]]), 2 * real(3, 4))
PIXELS = (np.array([[0, 255, 1], [3, 3, 255]]), 2 * real(2, 3, 4))
EMBEDDINGS = (np.array([0, 1, 0, 1, 2]), unit(5, 3))

CASES = {
    **{f"{name} {i}": (name, {}, *data) for i, data in enumerate([REAL, POSITIVE]) for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
        "CosineSimilarity", "Huber", "LogCosh")},
    "MeanSquaredError of a column": ("MeanSquaredError", {}, real(3), real(3, 1)),
    "CosineSimilarity along 1": ("CosineSimilarity", {"axis": 1}, *POSITIVE),
    "Huber of small errors": ("Huber", {"delta": 0.3}, *REAL),
    "Hinge of signs": ("Hinge", {}, *SIGNS),
    "Hinge of bits": ("Hinge", {}, *BITS),
    "SquaredHinge of signs": ("SquaredHinge", {}, *SIGNS),
    "SquaredHinge of bits": ("SquaredHinge", {}, *BITS),
    "CategoricalHinge": ("CategoricalHinge", {}, *CLASSES),
    "KLDivergence": ("KLDivergence", {}, shares(3, 4), shares(3, 4)),
    "Poisson": ("Poisson", {}, *POSITIVE),
    "BinaryCrossentropy": ("BinaryCrossentropy", {}, *BITS),
    "BinaryCrossentropy where certain": ("BinaryCrossentropy", {}, *CERTAIN),
    "BinaryCrossentropy smoothed": ("BinaryCrossentropy", {"label_smoothing": 0.2}, *BITS),
    "BinaryCrossentropy of logits": (
        "BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, *LOGITS),
    "BinaryCrossentropy along 0": ("BinaryCrossentropy", {"axis": 0}, *BITS),
    "BinaryFocalCrossentropy": ("BinaryFocalCrossentropy", {"gamma": 1.5}, *BITS),
    "BinaryFocalCrossentropy of logits": (
        "BinaryFocalCrossentropy",
        {"from_logits": True, "apply_class_balancing": True, "alpha": 0.4, "label_smoothing": 0.1},
        *LOGITS,
    ),
    "CategoricalCrossentropy": ("CategoricalCrossentropy", {}, *CLASSES),
    "CategoricalCrossentropy of steps": ("CategoricalCrossentropy", {"label_smoothing": 0.3}, *STEPS),
    "CategoricalCrossentropy of logits": ("CategoricalCrossentropy", {"from_logits": True}, *CLASS_LOGITS),
    "CategoricalCrossentropy along 1": ("CategoricalCrossentropy", {"axis": 1}, *STEPS),
    "CategoricalFocalCrossentropy": ("CategoricalFocalCrossentropy", {}, *CLASSES),
    "CategoricalFocalCrossentropy of logits": (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.0, "label_smoothing": 0.1},
        *CLASS_LOGITS,
    ),
    "SparseCategoricalCrossentropy": ("SparseCategoricalCrossentropy", {}, *NUMBERS),
    "SparseCategoricalCrossentropy of logits": (
        "SparseCategoricalCrossentropy", {"from_logits": True}, *NUMBER_LOGITS),
    "SparseCategoricalCrossentropy of a column": (
        "SparseCategoricalCrossentropy", {"from_logits": True}, *COLUMN),
    "SparseCategoricalCrossentropy ignoring": (
        "SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 255}, *PIXELS),
    "SparseCategoricalCrossentropy ignoring a class": (
        "SparseCategoricalCrossentropy", {"ignore_class": 3}, *NUMBERS),
    "CategoricalGeneralizedCrossEntropy": ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, *NUMBERS),
    "CTC": ("CTC", {}, np.array([[1, 2, 0], [3, 3, 1], [0, 0, 0], [2, 0, 0]]), real(4, 6, 4)),
    "Dice": ("Dice", {}, *BITS),
    "Dice along some": ("Dice", {"axis": (1, 2)}, *STEPS),
    "Tversky": ("Tversky", {"alpha": 0.3, "beta": 0.7}, *BITS),
    "Tversky along some": ("Tversky", {"alpha": 0.3, "beta": 0.7, "axis": (1, 2)}, *STEPS),
    "Circle": ("Circle", {}, *EMBEDDINGS),
    "Circle with itself": ("Circle", {"gamma": 5.0, "margin": 0.2, "remove_diagonal": False}, *EMBEDDINGS),
}  # fmt: skip
REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", None)


def measured(tf, name, run=lambda f: f):
    """The loss by each reduction, without weights and with; and the gradient of the weighted mean."""
    kind, settings, y_true, y_pred = CASES[name]
    make = getattr(tf.keras.losses, kind)
    y_true, y_pred = tf.constant(y_true), tf.constant(np.float32(y_pred))
    each = make(reduction=None, **settings)(y_true, y_pred)
    weight = np.float32(0.5)
    if each.shape.rank:  # a weight an example
        weight = np.linspace(0.5, 2.0, each.shape[0], dtype=np.float32)
        weight = weight.reshape([-1, *[1] * (each.shape.rank - 1)]) + np.zeros(each.shape, np.float32)

    @run
    def values(y_pred):
        losses = [make(reduction=reduction, **settings) for reduction in REDUCTIONS]
        found = [loss(y_true, y_pred, sample_weight=w) for loss in losses for w in (None, weight)]
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            loss = losses[0](y_true, y_pred, sample_weight=weight)
        return [*found, tape.gradient(loss, y_pred)]

    return [np.asarray(x) for x in values(y_pred)]
