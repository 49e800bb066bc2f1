"""Metrics bring batches together as Keras's do."""

import numpy as np
import pytest

import nbtape as tf

M = tf.keras.metrics
T, P = [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]], [[0.6, 0.4], [0.4, 0.6], [0.9, 0.2]]
SCORES = [[0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]
ONE_HOT = [[0, 1, 0], [0, 0, 1], [0, 1, 0]]
BATCHES = (T, P, None), (T[:2], P[1:], [1.0, 3.0])
CLASSES = (ONE_HOT, SCORES, None), (ONE_HOT[:2], SCORES[1:], [1.0, 3.0])
NUMBERS = ([1, 2, 1], SCORES, None), ([1, 2], SCORES[1:], [1.0, 3.0])
METRIC_CASES = {
    "Accuracy": ({}, *BATCHES),
    "BinaryAccuracy": ({"threshold": 0.45}, *BATCHES),
    "CategoricalAccuracy": ({}, *CLASSES),
    "SparseCategoricalAccuracy": ({}, *NUMBERS),
    "TopKCategoricalAccuracy": ({"k": 2}, *CLASSES),
    "SparseTopKCategoricalAccuracy": ({"k": 2}, *NUMBERS),
    "RootMeanSquaredError": ({}, *BATCHES),
    "MeanSquaredError": ({}, *BATCHES),
    "MeanAbsoluteError": ({}, *BATCHES),
    "MeanSquaredLogarithmicError": ({}, *BATCHES),
    "LogCoshError": ({}, *BATCHES),
    "CosineSimilarity": ({}, *BATCHES),
    "Hinge": ({}, *BATCHES),
    "SquaredHinge": ({}, *BATCHES),
    "CategoricalHinge": ({}, *CLASSES),
    "KLDivergence": ({}, *BATCHES),
    "Poisson": ({}, *BATCHES),
    "BinaryCrossentropy": ({"label_smoothing": 0.1}, *BATCHES),
    "CategoricalCrossentropy": ({}, *CLASSES),
    "SparseCategoricalCrossentropy": ({"from_logits": True}, *NUMBERS),
}
KERAS = {  # after one batch, and after two; by Keras 3 in TensorFlow 2.21
    "Accuracy": [0.0, 0.0],
    "BinaryAccuracy": [0.333333, 0.5],
    "CategoricalAccuracy": [0.333333, 0.571429],
    "SparseCategoricalAccuracy": [0.333333, 0.571429],
    "TopKCategoricalAccuracy": [0.666667, 0.857143],
    "SparseTopKCategoricalAccuracy": [0.666667, 0.857143],
    "RootMeanSquaredError": [0.561249, 0.583095],
    "MeanSquaredError": [0.315, 0.34],
    "MeanAbsoluteError": [0.516667, 0.514286],
    "MeanSquaredLogarithmicError": [0.157635, 0.174605],
    "LogCoshError": [0.147351, 0.15565],
    "CosineSimilarity": [0.466121, 0.31863],
    "Hinge": [1.016667, 1.228571],
    "SquaredHinge": [1.348333, 1.811429],
    "CategoricalHinge": [1.066667, 0.971429],
    "KLDivergence": [0.877028, 0.448843],
    "Poisson": [0.955181, 0.752994],
    "BinaryCrossentropy": [0.829083, 0.963731],
    "CategoricalCrossentropy": [1.108079, 0.94395],
    "SparseCategoricalCrossentropy": [1.07765, 1.027468],
}


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", METRIC_CASES)
def test_batches_are_brought_together_as_by_keras(name, run):
    settings, *batches = METRIC_CASES[name]
    metric, found = getattr(M, name)(**settings), []
    for batch in batches:
        run(lambda batch=batch: metric.update_state(*batch))()
        found.append(float(metric.result()))
    np.testing.assert_allclose(found, KERAS[name], rtol=1e-5, atol=1e-6)
    metric.reset_state()
    assert [float(v) for v in metric.variables] == [0.0, 0.0]


@pytest.mark.parametrize("name", METRIC_CASES)
def test_a_metric_survives_its_config(name):
    settings, batch, _ = METRIC_CASES[name]
    metric = getattr(M, name)(**settings)
    again = type(metric).from_config(metric.get_config())
    assert again.get_config() == metric.get_config()
    assert float(again(*batch)) == float(metric(*batch))


def test_weights_fold_what_they_do_not_reach():
    mean, total = M.Mean(), M.Sum()
    values = tf.constant([[1.0, 3.0], [5.0, 7.0]])
    assert float(mean(values, sample_weight=[1.0, 3.0])) == 5.0
    assert float(total(values, sample_weight=[1.0, 3.0])) == 40.0
    assert float(M.Mean()(values, sample_weight=[[1.0, 0.0], [0.0, 1.0]])) == 4.0


def test_a_metric_is_made_once_and_updated_in_functions():
    mean = M.Mean(name="loss", dtype="float64")

    @tf.function
    def update(x):
        return mean(x)

    assert [float(update(tf.constant(x))) for x in (1.0, 3.0, 5.0)] == [1.0, 2.0, 3.0]
    assert mean.name == "loss" and repr(mean) == "<Mean name=loss>"
    assert [v.name for v in mean.variables] == ["loss/total:0", "loss/count:0"]
    assert {v.dtype for v in mean.variables} == {tf.float64} and not any(v.trainable for v in mean.variables)


def test_a_metric_knows_the_variables_of_metrics_in_it():
    class Both(M.Metric):
        def __init__(self):
            super().__init__()
            self.mean, self.most = M.Mean(), self.add_weight(name="most", initializer="ones")

        def update_state(self, x):
            self.mean.update_state(x)
            self.most.assign(tf.maximum(self.most, tf.reduce_max(x)))

        def result(self):
            return self.mean.result(), self.most.read_value()

    both = Both()
    assert len(both.variables) == 3
    assert [float(x) for x in both([2.0, 4.0])] == [3.0, 4.0]
    both.reset_state()
    assert [float(v) for v in both.variables] == [0.0, 0.0, 0.0]
