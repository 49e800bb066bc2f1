"""A gradient that is None says why, and where."""

import threading

import numpy as np
import pytest

import nbtape as tf

pytestmark = pytest.mark.filterwarnings("ignore::nbtape.core.errors.GradientWarning")


def explained(make, source, **options):
    with tf.GradientTape(persistent=True, **options) as tape:
        target = make(tape)
    assert tape.gradient(target, source) is None
    return tape.explain(target, source)


def test_never_watched():
    x = tf.constant(3.0)
    text = explained(lambda tape: x * x, x)  # used here
    assert "not watched" in text and "# used here" in text and "tape.watch(x)" in text


def test_watched_too_late():
    x = tf.constant(3.0)

    def make(tape):
        y = x * x  # too early
        tape.watch(x)
        return y

    text = explained(make, x)
    assert "watched too late" in text and "# too early" in text


def test_integer_source():
    v = tf.Variable(3)
    assert "integer" in explained(lambda tape: v * v, v)


def test_integer_on_the_way():
    v = tf.Variable([1.0, 5.0])
    text = explained(lambda tape: tf.cast(tf.argmax(v), tf.float32) * 2.0, v)
    assert "argmax gives int64[]" in text and "test_explain.py" in text


def test_left_through_numpy():
    v = tf.Variable([1.0, 2.0])

    def make(tape):
        y = v * 2.0
        a = y.numpy() + 1.0  # here it leaves
        return tf.constant(a) * 3.0

    text = explained(make, v)
    assert "NumPy" in text and "# here it leaves" in text


def test_only_a_value_that_can_have_come_back_is_blamed_for_leaving():
    v, w = tf.Variable(3.0), tf.Variable(2.0)

    def shown(tape):
        print(v.numpy())
        return w * w

    def shown_later(tape):
        y = w * 5.0
        v.numpy()
        return y

    def shown_and_scaled(tape):
        v.numpy()
        return w * 5.0

    assert "NumPy" not in explained(shown, v) and "does not depend" in explained(shown, v)
    assert "NumPy" not in explained(shown_later, v)
    assert "the value may have left the tape" in explained(shown_and_scaled, v)
    assert "the value left the tape" in explained(lambda tape: w * float(v), v)


def test_a_numpy_function_of_a_tensor_does_not_leave():
    v = tf.Variable([0.0, 1.0])
    with tf.GradientTape() as tape:
        y = np.exp(v * 2.0)
    assert np.allclose(tape.gradient(y, v), 2 * np.exp([0.0, 2.0]))


def test_stop_gradient():
    v = tf.Variable(1.0)
    text = explained(lambda tape: tf.stop_gradient(v * 2.0) * 3.0, v)  # stopped here
    assert "stop_gradient stops the gradient" in text and "# stopped here" in text


def test_another_thread():
    v = tf.Variable(1.0)

    def make(tape):
        x, out = v * 2.0, []
        thread = threading.Thread(target=lambda: out.append(x * 3.0))
        thread.start()
        thread.join()
        return out[0]

    assert "another thread" in explained(make, v)


def test_recording_stopped():
    v = tf.Variable(1.0)

    def make(tape):
        x = v * 2.0
        with tape.stop_recording():
            return x * 3.0

    assert "recording was stopped" in explained(make, v)


def test_not_trainable():
    v = tf.Variable(1.0, trainable=False)
    text = explained(lambda tape: v * 2.0, v)  # read here
    assert "not trainable" in text and "# read here" in text


def test_variables_not_watched_by_this_tape():
    v = tf.Variable(1.0)
    assert "watch_accessed_variables=False" in explained(
        lambda tape: v * 2.0, v, watch_accessed_variables=False
    )


def test_gone_through_assign():
    v, w = tf.Variable(1.0), tf.Variable(0.0, name="copy")

    def make(tape):
        w.assign(v * 2.0)  # assigned here
        return w * 3.0

    text = explained(make, v)
    assert "assigned to variable 'copy:0'" in text and "# assigned here" in text


def test_not_read_at_all():
    v, w = tf.Variable(1.0), tf.Variable(1.0, name="unused")
    assert "variable 'unused:0' was not read" in explained(lambda tape: v * 2.0, w)


def test_not_on_the_way():
    v, w = tf.Variable(1.0), tf.Variable(1.0)

    def make(tape):
        w * 2.0
        return v * 2.0

    assert "nothing that the tape recorded leads" in explained(make, w)


def test_the_reason_outlives_a_spent_tape():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None
    assert "not watched" in tape.explain(y, x)
