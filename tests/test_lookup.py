"""Losses and metrics by name."""

import pytest

import nbtape as tf


@pytest.mark.parametrize(
    "name, function", [("mse", "mean_squared_error"), ("kld", "kl_divergence"), ("huber", "huber")]
)
def test_short_and_long_names_are_functions(name, function):
    assert tf.keras.losses.get(name) is getattr(tf.keras.losses, function)


def test_names_of_classes_give_objects():
    assert isinstance(tf.keras.losses.get("Huber"), tf.keras.losses.Huber)
    assert isinstance(tf.keras.metrics.get("Mean"), tf.keras.metrics.Mean)


def test_what_is_callable_or_none_comes_back():
    assert tf.keras.losses.get(len) is len
    assert tf.keras.metrics.get(None) is None


@pytest.mark.parametrize("face", [tf.keras.losses, tf.keras.metrics])
def test_other_names_are_refused_with_those_there_are(face):
    with pytest.raises(ValueError, match="Could not interpret .* 'nope'.*mean_squared_error"):
        face.get("nope")
    with pytest.raises(ValueError, match="3"):
        face.get(3)
