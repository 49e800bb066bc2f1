"""`variable.trainable` switched in mid-run, and a look at gradients, eagerly and in compiled functions."""

import numpy as np
import pytest

import nbtape as tf


class Line:
    """A model with two variables and an optimizer, and a step that names both of them."""

    def __init__(self, wrap):
        self.w, self.b = tf.Variable([[1.0], [2.0]], name="w"), tf.Variable([0.5], name="b")
        self.optimizer = tf.optimizers.Adam(0.1, weight_decay=0.01)
        self.x, self.y = tf.constant([[1.0, 2.0], [3.0, -1.0]]), tf.constant([[1.0], [0.0]])
        self.step = wrap(self._step)

    def _step(self):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.x @ self.w + self.b - self.y) ** 2)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, [self.w, self.b]), [self.w, self.b]))
        return loss

    def bytes(self):
        return self.w.numpy().tobytes(), self.b.numpy().tobytes()


@pytest.fixture(params=["eager", "compiled"])
def line(request):
    if request.param == "compiled":
        request.getfixturevalue("compiled")
    return Line(tf.function if request.param == "compiled" else lambda f: f)


def test_switched_off_variable_keeps_its_bytes_from_the_next_step_on(line):
    for i in range(30):
        if i % 3 == 2:
            line.w.trainable = not line.w.trainable
        before = line.bytes()
        line.step()
        assert [a != b for a, b in zip(before, line.bytes())] == [line.w.trainable, True]


def test_all_switched_off_is_no_error(line):
    line.w.trainable = line.b.trainable = False
    before = line.bytes()
    line.step()
    assert line.bytes() == before and int(line.optimizer.iterations) == 0


def test_look_keeps_the_gradients_of_the_last_step_while_it_is_on(line):
    line.step()
    assert line.optimizer.look.gradient(line.b) is None
    line.optimizer.look.on = True
    x, y, w, b = (np.array(v) for v in (line.x, line.y, line.w, line.b))
    line.step()
    wanted = 2 * (x @ w + b - y)
    np.testing.assert_allclose(line.optimizer.look.gradient(line.b), [wanted.mean()], rtol=1e-5)
    np.testing.assert_allclose(line.optimizer.look.gradient(line.w), x.T @ wanted / 2, rtol=1e-5)
    line.optimizer.look.on = False
    line.step()
    np.testing.assert_allclose(line.optimizer.look.gradient(line.b), [wanted.mean()], rtol=1e-5)


def test_switching_back_and_forth_costs_two_traces(compiled):
    line = Line(tf.function)
    for _ in range(20):
        line.step()
        line.w.trainable = not line.w.trainable
    assert line.step.experimental_get_tracing_count() == 2


def test_function_that_does_not_read_the_variable_is_not_traced_again():
    line, other = Line(lambda f: f), tf.Variable(1.0)
    double = tf.function(lambda: other * 2.0)
    double()
    line.w.trainable = False
    double()
    assert double.experimental_get_tracing_count() == 1


def test_switched_off_weights_keep_their_place_in_a_layer():
    dense = tf.keras.layers.Dense(2)
    dense.build((None, 3))
    before = [v.name for v in dense.variables]
    dense.variables[0].trainable = False
    assert [v.name for v in dense.variables] == before
    assert [v.name for v in dense.trainable_variables] == before[1:]
