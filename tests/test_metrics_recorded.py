"""Metrics of counts, curves, overlaps and correlations say what Keras says, batch after batch."""

import numpy as np
import pytest
import recorded
from recorded.metric_cases import CASES

import nbtape as tf

M = tf.keras.metrics
KERAS = recorded.table("metrics")


def array(x):
    return None if x is None else np.asarray(x, np.float32)


def after_each_batch(name, run=lambda f: f):
    kind, settings, batches = CASES[name]
    metric, found = getattr(M, kind)(**settings), []
    for batch in batches:
        run(lambda metric=metric, batch=batch: metric.update_state(*map(array, batch)))()
        found.append(metric.result().numpy())
    return metric, found


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_batches_are_brought_together_as_by_keras(name, run):
    metric, found = after_each_batch(name, run)
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)
    metric.reset_state()
    assert not any(np.any(v.numpy()) for v in metric.variables)


@pytest.mark.parametrize("name", CASES)
def test_a_metric_survives_its_config(name):
    kind, settings, batches = CASES[name]
    metric = getattr(M, kind)(**settings)
    again = type(metric).from_config(metric.get_config())
    assert again.get_config() == metric.get_config()
    batch = [array(x) for x in batches[0]]
    np.testing.assert_array_equal(again(*batch), metric(*batch))


SOME = ["Precision of the highest", "AUC PR interpolation", "AUC ROC of uneven labels", "MeanIoU", "R2Score"]


@pytest.mark.parametrize("name", SOME)
def test_an_update_compiles(name, compiled):
    _, found = after_each_batch(name, tf.function)
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("make", [M.AUC, M.Precision, lambda: M.AUC(multi_label=True), M.F1Score, M.R2Score])
def test_one_function_takes_batches_of_any_size(make):
    metric, other = make(), make()
    row = tf.TensorSpec([None, 2])

    @tf.function(input_signature=[row, row])
    def step(y_true, y_pred):
        metric.update_state(y_true, y_pred)
        return metric.result()

    for n in (3, 5):
        y_true = np.arange(2 * n).reshape(n, 2) % 3 % 2
        y_pred = np.linspace(0.0, 1.0, 2 * n).reshape(n, 2)
        found = step(tf.constant(y_true, tf.float32), tf.constant(y_pred, tf.float32))
        np.testing.assert_allclose(found, other(y_true, y_pred), rtol=1e-6)


def test_no_batches_give_zero():
    for metric in (M.Precision(), M.AUC(), M.AUC(curve="PR"), M.MeanIoU(2), M.RecallAtPrecision(0.5)):
        assert float(metric.result()) == 0.0


def test_an_adjusted_score_says_when_there_are_too_few_samples():
    metric = M.R2Score(num_regressors=3)
    metric.update_state([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
    with pytest.warns(UserWarning, match="Too few samples"):
        assert float(metric.result()) == pytest.approx(4 / 7)


def test_relative_errors_leave_out_what_nothing_is_relative_to():
    metric = M.MeanRelativeError(normalizer=[1.0, 0.0, 2.0])
    assert float(metric([1.0, 2.0, 3.0], [2.0, 9.0, 4.0])) == 0.5
    assert type(metric).from_config(metric.get_config()).normalizer == [1.0, 0.0, 2.0]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: M.Precision(thresholds=[0.5, 1.5]), "Threshold values must be in [0, 1]. Received: [1.5]"),
        (lambda: M.Precision(class_id=1).update_state([1.0], [1.0]), "When class_id is provided"),
        (lambda: M.PrecisionAtRecall(1.5), "Argument `recall` must be in the range [0, 1]"),
        (lambda: M.SensitivityAtSpecificity(0.5, 0), "Argument `num_thresholds` must be an integer > 0"),
        (lambda: M.AUC(1), "Argument `num_thresholds` must be an integer > 1"),
        (lambda: M.AUC(curve="area"), 'Invalid AUC curve value: "AREA"'),
        (lambda: M.AUC(summation_method="sum"), "Invalid AUC summation method value"),
        (lambda: M.AUC(num_labels=2), "`num_labels` is needed only when `multi_label` is True"),
        (lambda: M.AUC(multi_label=True).update_state([1.0], [1.0]), "`y_pred` must have rank 2"),
        (lambda: M.IoU(2, [2]), "Target class id 2 is out of range, which is [0, 2)"),
        (lambda: M.F1Score(average="mean"), "Invalid `average` argument value"),
        (lambda: M.FBetaScore(beta=0.0), "Invalid `beta` argument value"),
        (lambda: M.F1Score(threshold=1.5), "Invalid `threshold` argument value"),
        (lambda: M.F1Score().update_state([1.0], [1.0]), "FBetaScore expects 2D inputs"),
        (lambda: M.R2Score(class_aggregation="sum"), "Invalid value for argument `class_aggregation`"),
        (lambda: M.R2Score(num_regressors=-1), "Expected a value >= 0"),
        (lambda: M.R2Score().update_state([1.0], [1.0]), "R2Score expects 2D inputs"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError) as raised:
        make()
    assert words in str(raised.value)


def test_overlaps_tell_when_weights_are_cut_to_integers():
    metric = M.MeanIoU(2)
    metric.update_state([0, 1], [0, 1], sample_weight=[1, 2])
    with pytest.warns(UserWarning, match="Weights are floats, and `dtype` is int64"):
        metric.update_state([0, 1], [0, 1], sample_weight=[0.5, 2.0])
    assert metric.total_cm.numpy().tolist() == [[1, 0], [0, 4]]


def test_metrics_are_found_by_name():
    for name, kind in {"auc": M.AUC, "AUC": M.AUC, "recall": M.Recall, "r2_score": M.R2Score}.items():
        assert type(M.get(name)) is kind
    assert M.get("pearson_correlation") is M.pearson_correlation
