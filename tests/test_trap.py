"""The NaN microscope."""

import pytest

import nbtape as tf
from nbtape.autodiff.trap import NonFiniteError


def test_the_first_bad_op_is_named_with_its_line_and_ranges():
    x = tf.Variable([1.0, 0.0, 4.0], name="x")
    with pytest.raises(NonFiniteError) as caught, tf.debugging.nan_trap():
        y = tf.math.log(x)  # here
        y * 2.0
    text = str(caught.value)
    assert text.startswith("log made 1 of 3 values inf or nan (-inf)")
    assert "# here" in text and "float32[3] 'x:0', from 0 to 4" in text


def test_the_backward_pass_is_watched_too():
    x = tf.Variable([0.0, 4.0])
    with pytest.raises(NonFiniteError) as caught, tf.debugging.nan_trap():
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.sqrt(x))  # forward
        tape.gradient(y, x)
    assert str(caught.value).startswith("the gradient of sqrt made 1 of 2") and "# forward" in str(
        caught.value
    )


def test_what_is_absorbed_does_not_count():
    x = tf.Variable([0.0, 4.0])
    with tf.debugging.nan_trap():
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.where(x > 0.0, tf.sqrt(x), 0.0))
        assert tape.gradient(y, x).numpy().tolist() == [0.0, 0.25]


def test_the_trap_is_gone_after_the_block():
    with tf.debugging.nan_trap():
        tf.exp(tf.constant(1.0))
    assert float(tf.math.log(tf.constant(0.0))) == float("-inf")


def test_the_same_values_come_out_with_and_without_it():
    x = tf.Variable([1.0, 2.0])

    def run():
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.sin(x) * tf.exp(x))
        return tape.gradient(y, x).numpy().tolist()

    plain = run()
    with tf.debugging.nan_trap():
        assert run() == plain
