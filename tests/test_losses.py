"""Losses have Keras's values: over a batch, each alone, summed, and weighted."""

import numpy as np
import pytest

import nbtape as tf

L = tf.keras.losses
T, P = [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]], [[0.6, 0.4], [0.4, 0.6], [0.9, 0.2]]
CT, CP = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.05, 0.9, 0.05], [0.3, 0.6, 0.3]]
CASES = {
    "MeanSquaredError": ({}, T, P),
    "MeanAbsoluteError": ({}, T, P),
    "MeanAbsolutePercentageError": ({}, P, T),
    "MeanSquaredLogarithmicError": ({}, T, P),
    "CosineSimilarity": ({}, T, P),
    "Huber": ({"delta": 0.5}, T, P),
    "LogCosh": ({}, T, P),
    "Hinge": ({}, T, P),
    "SquaredHinge": ({}, P, P),
    "CategoricalHinge": ({}, CT, CP),
    "KLDivergence": ({}, T, P),
    "Poisson": ({}, T, P),
    "BinaryCrossentropy": ({"label_smoothing": 0.1}, T, P),
    "BinaryFocalCrossentropy": ({"apply_class_balancing": True, "from_logits": True}, T, P),
    "CategoricalCrossentropy": ({"label_smoothing": 0.1}, CT, CP),
    "CategoricalFocalCrossentropy": ({"gamma": 1.5}, CT, CP),
    "SparseCategoricalCrossentropy": ({"from_logits": True}, [1, 2], CP),
    "Dice": ({"axis": -1}, T, P),
    "Tversky": ({"alpha": 0.3, "beta": 0.6, "axis": -1}, T, P),
}
KERAS = {  # mean, sum, weighted mean and its gradient; by Keras 3 in TensorFlow 2.21
    "MeanSquaredError": [0.315, 0.945, 0.38, 0.2, -0.2, 0.066667, 0.1],
    "MeanAbsoluteError": [0.516667, 1.55, 0.583333, 0.166667, -0.166667, 0.083333, 0.083333],
    "MeanAbsolutePercentageError": [
        143.518509,
        430.555542,
        195.370361,
        -27.777779,
        41.666668,
        -20.833334,
        -13.888889,
    ],
    "MeanSquaredLogarithmicError": [0.157635, 0.472905, 0.173721, 0.097917, -0.084923, 0.040056, 0.048959],
    "CosineSimilarity": [-0.466121, -1.398362, -0.747341, 0.213346, -0.320019, 0.0, 0.0],
    "Huber": [0.1475, 0.4425, 0.172917, 0.083333, -0.083333, 0.033333, 0.041667],
    "LogCosh": [0.147351, 0.442052, 0.175968, 0.089508, -0.089508, 0.031662, 0.044754],
    "Hinge": [1.016667, 3.05, 0.916667, 0.166667, -0.166667, 0.083333, 0.083333],
    "SquaredHinge": [0.53135, 1.59405, 0.598033, -0.128, -0.112, -0.056, -0.064],
    "CategoricalHinge": [0.725, 1.45, 0.4, 0.25, -0.5, 0.25, 0.0],
    "KLDivergence": [0.877028, 2.631084, 1.448628, -0.0, -0.833333, -0.0, -0.0],
    "Poisson": [0.955181, 2.865544, 1.340981, 0.166667, -0.25, 0.083333, 0.083333],
    "BinaryCrossentropy": [0.829083, 2.487248, 1.002714, 0.381944, -0.381944, 0.121528, 0.190972],
    "BinaryFocalCrossentropy": [0.158712, 0.476136, 0.117466, 0.071958, -0.006815, 0.029828, 0.035979],
    "CategoricalCrossentropy": [0.830621, 1.661242, 0.489823, 0.166667, -0.018519, 0.166667, 0.180556],
    "CategoricalFocalCrossentropy": [0.11297, 0.225939, 0.056693, 0.009575, -0.001064, 0.009575, 0.057278],
    "SparseCategoricalCrossentropy": [0.913356, 1.826711, 0.611126, 0.115217, -0.230433, 0.115217, 0.07463],
    "Dice": [0.630108, 1.890323, 0.560215, 0.066667, -0.266667, 0.0, 0.0],
    "Tversky": [0.590516, 1.771549, 0.489543, 0.090539, -0.248981, 0.0, 0.0],
}
WEIGHTS = [1.0, 0.5, 2.0]


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_keras(name, run):
    settings, targets, predictions = CASES[name]
    make, weights = getattr(L, name), WEIGHTS[: len(targets)]

    def values(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = make(**settings)(targets, x, sample_weight=weights)
        summed = make(reduction="sum", **settings)(targets, x)
        return make(**settings)(targets, x), summed, loss, tape.gradient(loss, x)

    *losses, slope = run(values)(tf.constant(predictions))
    found = [*map(float, losses), *slope.numpy().reshape(-1)[:4]]
    np.testing.assert_allclose(found, KERAS[name], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_loss_survives_its_config(name):
    settings, targets, predictions = CASES[name]
    loss = getattr(L, name)(reduction="sum", **settings)
    again = type(loss).from_config(loss.get_config())
    assert again.get_config() == loss.get_config()
    assert float(again(targets, predictions)) == float(loss(targets, predictions))


def test_reductions():
    losses = {
        how: L.MeanSquaredError(reduction=how)(
            [[0.0], [0.0]], [[1.0], [2.0]], sample_weight=[1.0, 3.0]
        ).numpy()
        for how in ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
    }
    assert losses["sum_over_batch_size"] == losses["mean"] == 6.5
    assert losses["sum"] == 13.0 and losses["mean_with_sample_weight"] == 3.25
    assert losses["none"].tolist() == losses[None].tolist() == [1.0, 12.0]


def test_targets_may_lack_the_last_axis():
    assert float(L.MeanSquaredError()([1.0, 2.0], [[1.0], [4.0]])) == 2.0
    assert float(L.MeanSquaredError()([[1.0], [2.0]], [1.0, 4.0])) == 2.0


def test_ignored_classes_cost_nothing():
    loss = L.sparse_categorical_crossentropy([1, -1], [[0.5, 0.5], [0.5, 0.5]], ignore_class=-1)
    np.testing.assert_allclose(loss, [np.log(2.0), 0.0], rtol=1e-6)


def test_a_loss_takes_any_function():
    loss = tf.keras.losses.LossFunctionWrapper(lambda t, p, times: times * (p - t), times=3.0)
    assert float(loss([1.0], [2.0])) == 3.0


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: L.MeanSquaredError(reduction="average"), "Invalid value for argument `reduction`"),
        (lambda: L.BinaryCrossentropy()([[1.0, 0.0]], [[0.5, 0.5, 0.5]]), "must have the same shape"),
        (
            lambda: L.CategoricalCrossentropy()([1.0, 2.0], [[0.5, 0.5], [0.5, 0.5]]),
            "write sparse_categorical",
        ),
        (
            lambda: L.sparse_categorical_crossentropy([1], [[0.5, 0.5]], axis=0),
            "Only axis=-1 is currently supported",
        ),
    ],
)
def test_what_a_loss_refuses(make, words):
    with pytest.raises(ValueError) as raised:
        make()
    assert words in str(raised.value)
