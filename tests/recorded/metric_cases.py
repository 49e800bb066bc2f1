"""Metrics, by name: the class, its arguments, and batches of (targets, predictions, weights)."""

import numpy as np

rng = np.random.default_rng(7)


def draw(*shape):
    """Scores that meet some thresholds exactly, as well as the ends."""
    scores = rng.uniform(size=shape).astype(np.float32)
    scores.flat[:4] = [0.0, 1.0, 0.5, 0.25]
    return scores.tolist()


def labels(*shape, classes=2):
    return rng.integers(0, classes, shape).tolist()


def weights(*shape):
    return rng.uniform(0.1, 2.0, size=shape).astype(np.float32).round(2).tolist()


FLAT = [(labels(9), draw(9), None), (labels(6), draw(6), weights(6))]
TABLE = [(labels(6, 3), draw(6, 3), None), (labels(4, 3), draw(4, 3), weights(4))]
CELLS = [*TABLE, (labels(4, 3), draw(4, 3), weights(4, 3))]
ONE_HOT = [(np.eye(3)[labels(n, classes=3)].tolist(), draw(n, 3), w) for n, w in [(6, None), (4, weights(4))]]
CLASSES = [(labels(8, classes=3), labels(8, classes=3), None), (labels(2, 3), labels(2, 3), [[1, 0, 2]] * 2)]
STRAY = [([0, 1, 2, 2, 255, 1, -1], [0, 2, 2, 1, 1, 7, 0], [1, 2, 1, 3, 1, 1, 1])]
LOGITS = [(y, (np.asarray(p) * 6 - 3).tolist(), w) for y, p, w in FLAT]
REAL = [(draw(6, 2), draw(6, 2), None), (draw(4, 2), draw(4, 2), weights(4))]
IGNORED = [(labels(4, classes=3), draw(4, 3), w) for w in (None, weights(4))]
SAME = [([[1.0], [1.0]], [[1.0], [2.0]], None)]
RELATED = [(draw(5, 4), draw(5, 4), None), (draw(3, 4), draw(3, 4), weights(3))]
COUNTS = ["TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"]

CASES = {
    **{name: (name, {}, TABLE) for name in COUNTS},
    **{f"{name} at thresholds": (name, {"thresholds": [0.8, 0.2]}, CELLS) for name in COUNTS},
    **{f"{name} at even thresholds": (name, {"thresholds": [0.0, 0.5, 1.0]}, TABLE) for name in COUNTS},
}
for name in ("Precision", "Recall"):
    CASES |= {
        name: (name, {}, FLAT),
        f"{name} at one": (name, {"thresholds": 0.25}, CELLS),
        f"{name} at several": (name, {"thresholds": [0.1, 0.6, 0.4]}, TABLE),
        f"{name} of the highest": (name, {"top_k": 2}, TABLE),
        f"{name} of a class": (name, {"class_id": 1}, TABLE),
        f"{name} of a class among the highest": (name, {"class_id": 0, "top_k": 1}, ONE_HOT),
        f"{name} of the highest at thresholds": (name, {"top_k": 2, "thresholds": [0.3, 0.7]}, ONE_HOT),
    }
for name, held in [
    ("SensitivityAtSpecificity", "specificity"),
    ("SpecificityAtSensitivity", "sensitivity"),
    ("PrecisionAtRecall", "recall"),
    ("RecallAtPrecision", "precision"),
]:
    CASES |= {
        name: (name, {held: 0.5}, FLAT),
        f"{name} at few thresholds": (name, {held: 0.3, "num_thresholds": 5}, CELLS),
        f"{name} at one threshold": (name, {held: 0.2, "num_thresholds": 1}, TABLE),
        f"{name} of a class": (name, {held: 0.4, "class_id": 1}, TABLE),
        f"{name} that is not reached": (name, {held: 1.0}, TABLE),
    }
for curve in ("ROC", "PR", "PRGAIN"):
    for method in ("interpolation", "minoring", "majoring"):
        CASES[f"AUC {curve} {method}"] = ("AUC", {"curve": curve, "summation_method": method}, FLAT)
    CASES |= {
        f"AUC {curve} at few": ("AUC", {"curve": curve, "num_thresholds": 4}, CELLS),
        f"AUC {curve} at uneven": ("AUC", {"curve": curve, "thresholds": [0.7, 0.1, 0.4]}, CELLS),
        f"AUC {curve} of labels": ("AUC", {"curve": curve, "multi_label": True}, TABLE),
        f"AUC {curve} of uneven labels": (
            "AUC",
            {"curve": curve, "multi_label": True, "num_labels": 3, "thresholds": [0.2, 0.5]},
            TABLE,
        ),
    }
FLOATS = {"dtype": "float32"}  # so that weights are kept whole
WEIGHED = {"label_weights": [1.0, 0.5, 2.0]}
CASES |= {
    "AUC of logits": ("AUC", {"from_logits": True}, LOGITS),
    "AUC of weighed labels": ("AUC", {"multi_label": True, **WEIGHED}, TABLE),
    "AUC of weighed columns": ("AUC", {"num_thresholds": 20, **WEIGHED}, TABLE),
    "AUC at two": ("AUC", {"num_thresholds": 2}, FLAT),
    "IoU": ("IoU", {"num_classes": 3, "target_class_ids": [0, 2], **FLOATS}, CLASSES),
    "IoU of strays": (
        "IoU",
        {"num_classes": 3, "target_class_ids": [1, 2], "ignore_class": 0, **FLOATS},
        STRAY,
    ),
    "MeanIoU": ("MeanIoU", {"num_classes": 3}, CLASSES[:1] * 2),
    "MeanIoU of floats": ("MeanIoU", {"num_classes": 3, **FLOATS}, CLASSES),
    "MeanIoU of absent classes": ("MeanIoU", {"num_classes": 5, "ignore_class": 255, **FLOATS}, STRAY),
    "MeanIoU of one-hot": (
        "MeanIoU",
        {"num_classes": 3, "sparse_y_true": False, "sparse_y_pred": False, **FLOATS},
        ONE_HOT,
    ),
    "BinaryIoU": ("BinaryIoU", {**FLOATS}, FLAT),
    "BinaryIoU above": ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.25, **FLOATS}, FLAT),
    "OneHotIoU": ("OneHotIoU", {"num_classes": 3, "target_class_ids": [0, 1], **FLOATS}, ONE_HOT),
    "OneHotMeanIoU": ("OneHotMeanIoU", {"num_classes": 3, **FLOATS}, ONE_HOT),
    "R2Score": ("R2Score", {}, REAL),
    "R2Score by column": ("R2Score", {"class_aggregation": None}, REAL),
    "R2Score by variance": ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL),
    "R2Score adjusted": ("R2Score", {"num_regressors": 2}, REAL),
    "R2Score without variance": ("R2Score", {}, SAME),
    "PearsonCorrelation": ("PearsonCorrelation", {}, RELATED),
    "ConcordanceCorrelation": ("ConcordanceCorrelation", {"axis": -1}, RELATED),
    "CosineSimilarity along 0": ("CosineSimilarity", {"axis": 0}, RELATED[:1]),
}
CASES["SparseCategoricalCrossentropy ignoring"] = (
    "SparseCategoricalCrossentropy",
    {"ignore_class": 1, "from_logits": True},
    IGNORED,
)
for average in (None, "micro", "macro", "weighted"):
    CASES |= {
        f"F1Score {average}": ("F1Score", {"average": average}, ONE_HOT),
        f"FBetaScore {average}": ("FBetaScore", {"average": average, "beta": 2.0, "threshold": 0.4}, TABLE),
    }
