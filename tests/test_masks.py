"""Masks go from layer to layer, through models, and into losses and metrics."""

import warnings

import numpy as np
import pytest

import nbtape as tf

L = tf.keras.layers
IDS = np.array([[1, 2, 0, 3], [4, 0, 0, 0], [2, 2, 2, 2]])
STEPS = IDS != 0


def wave(shape, k=0):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape).astype("float32")


def mask(x):
    found = getattr(x, "_keras_mask", None)
    return None if found is None else found.numpy()


def embedded():
    return L.Embedding(6, 3, mask_zero=True)(IDS)


def tagger():
    ids = tf.keras.Input((4,), dtype="int32")
    x = L.LSTM(2, return_sequences=True)(L.Embedding(6, 3, mask_zero=True)(ids))
    model = tf.keras.Model(ids, L.TimeDistributed(L.Dense(1))(x))
    model.set_weights([wave(w.shape, i + 1) for i, w in enumerate(model.weights)])
    return model


@pytest.mark.parametrize(
    "layer",
    [L.Dense(2), L.Dropout(0.5), L.Activation("relu"), L.LayerNormalization(), L.BatchNormalization(),
     L.PReLU(), L.LSTM(2, return_sequences=True), L.Bidirectional(L.GRU(2, return_sequences=True)),
     L.TimeDistributed(L.Dense(2)), L.Lambda(lambda x: x, mask=lambda x, m: m), L.Identity(),
     L.GaussianNoise(1.0)],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_a_mask_goes_on(layer):
    assert np.array_equal(mask(layer(embedded())), STEPS)


@pytest.mark.parametrize("layer", [L.LSTM(2), L.GlobalAveragePooling1D(), L.Bidirectional(L.GRU(2))],
                         ids=lambda layer: type(layer).__name__)  # fmt: skip
def test_a_mask_ends_where_steps_do(layer):
    assert mask(layer(embedded())) is None


def test_a_layer_that_knows_nothing_of_masks_says_that_it_loses_one():
    with pytest.warns(UserWarning, match="does not support masking and will therefore destroy the mask"):
        assert mask(L.Flatten()(embedded())) is None


def test_masks_of_several_inputs_are_joined():
    a, b = embedded(), L.Embedding(6, 3, mask_zero=True)(IDS[:, ::-1])
    assert np.array_equal(mask(L.Add()([a, b])), STEPS | STEPS[:, ::-1])
    assert mask(L.Add()([a, tf.ones([3, 4, 3])])) is None
    assert np.array_equal(mask(L.Concatenate(1)([a, b])), np.concatenate([STEPS, STEPS[:, ::-1]], 1))
    assert mask(L.Concatenate(1)([a, tf.ones([3, 1, 3])]))[:, 4].all()
    assert np.array_equal(mask(L.Attention()([a, b])), STEPS)


def test_a_layer_of_ones_own_takes_and_gives_masks():
    class Counted(L.Layer):
        def call(self, x, mask=None):
            return tf.reduce_sum(tf.cast(mask, "float32"), 1)

    class Shifted(L.Layer):
        def call(self, x):
            return x[:, 1:]

        def compute_mask(self, x, mask=None):
            return mask[:, 1:]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Counted()(embedded()).numpy().tolist() == [3.0, 1.0, 4.0]
    assert np.array_equal(mask(Shifted()(embedded())), STEPS[:, 1:])


def test_a_layer_of_several_tensors_takes_the_mask_of_each():
    class Both(L.Layer):
        supports_masking = True

        def call(self, query, value, query_mask=None, value_mask=None):
            return query_mask, value_mask

    a, b = embedded(), tf.ones([3, 4])
    first, second = Both()(a, b)
    assert np.array_equal(first, STEPS) and second is None


def test_attention_takes_and_gives_masks_without_a_word():
    x = embedded()
    layer = L.MultiHeadAttention(2, 2)
    y, scores = layer(x, x, return_attention_scores=True)
    assert np.array_equal(mask(y), STEPS)
    looked = scores.numpy() != 0
    assert np.array_equal(looked[:, 0], STEPS[:, :, None] & STEPS[:, None])


def test_a_mask_that_is_given_comes_before_that_on_the_tensor():
    layer, x = L.GRU(2), embedded()
    assert not np.allclose(layer(x, mask=tf.ones([3, 4], "bool")), layer(x))


def test_a_cast_keeps_the_mask():
    x = L.Masking()(wave((2, 3, 2)))
    double = L.Identity(dtype="float64")(x)
    assert double.dtype == tf.float64 and mask(double).all()


def test_a_model_hands_masks_on():
    model = tagger()
    assert np.array_equal(mask(model(IDS)), STEPS)
    nested = tf.keras.Sequential([model, L.LSTM(1)])
    cut = tf.keras.Sequential([model, L.Identity()])
    assert np.array_equal(mask(cut(IDS)), STEPS)
    assert not np.allclose(nested(IDS), nested.layers[1](model(IDS).numpy()))


@pytest.mark.parametrize(
    "loss, weighted, wanted",  # as by Keras
    [
        (tf.keras.losses.MeanSquaredError(), False, 0.58544),
        (tf.keras.losses.MeanSquaredError(), True, 0.06933),
        (tf.keras.losses.MeanSquaredError(reduction="sum"), False, 4.68355),
        ("mae", False, 0.67688),
        (lambda y, p: tf.reduce_mean(abs(y - p), -1), True, 0.07715),
    ],
    ids=["mse", "weighted", "sum", "name", "function"],
)
def test_what_is_masked_counts_in_no_loss(loss, weighted, wanted):
    model = tagger()
    model.compile("sgd", loss)
    weights = wave((3, 4), 2) if weighted else None
    found = model.evaluate(IDS, wave((3, 4, 1)), sample_weight=weights, verbose=0)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_what_is_masked_counts_in_no_metric():
    model = tagger()
    metrics = ["mse", tf.keras.metrics.MeanAbsoluteError()]
    model.compile("sgd", "mse", metrics=metrics, weighted_metrics=["mse"])
    found = model.evaluate(IDS, wave((3, 4, 1)), sample_weight=wave((3, 4), 2), verbose=0, return_dict=True)
    assert list(found) == ["loss", "mean_absolute_error", "mse", "weighted_mse"]
    np.testing.assert_allclose(list(found.values()), [0.06933, 0.67688, 0.58544, 0.29005], atol=2e-5)


def test_masked_predictions_get_no_gradient():
    model, y = tagger(), wave((3, 4, 1))
    with tf.GradientTape() as tape:
        p = model(IDS)
        loss = tf.keras.losses.MeanSquaredError()(y, p)
    slopes = tape.gradient(loss, p).numpy()[..., 0]
    assert np.array_equal(slopes != 0, STEPS)
