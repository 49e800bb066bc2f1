"""Loops of scalars in one kernel, and their gradients, against the interpreter."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.planning.linear import collected, shows
from nbtape.graph.evaluate import evaluate
from nbtape.graph.passes import optimise
from nbtape.graph.program import program_of


@pytest.fixture(autouse=True)
def compiled_at_once():
    before = tf.config.get_compilation()
    tf.config.set_compilation("synchronous")
    yield
    tf.config.set_compilation(before)


def both(f, *args):
    """What a function gives compiled, and interpreted."""
    compiled = [y.numpy() for y in f(*args)]
    tf.config.set_compilation("off")
    interpreted = [y.numpy() for y in f(*args)]
    tf.config.set_compilation("synchronous")
    return compiled, interpreted


def gradient_of_a_loop(body, steps=20):
    @tf.function
    def f(x, y):
        with tf.GradientTape() as tape:
            tape.watch((x, y))
            a, b = tf.constant(1.0), tf.constant(0.5)
            _, a, b = tf.while_loop(
                lambda i, *_: i < steps, lambda i, a, b: (i + 1, *body(a, b, x, y)), (0, a, b)
            )
            loss = a * a + b
        return loss, *tape.gradient(loss, (x, y))

    return f


BODIES = {
    "linear": lambda a, b, x, y: (a + 0.01 * (x * a - b * y), b - 0.01 * a * x),
    "products": lambda a, b, x, y: (a + 0.001 * a * b * x, b + 0.001 * (a * b * y - b)),
    "functions": lambda a, b, x, y: (tf.sin(a * x) + b, tf.tanh(b) * y),
    "choice": lambda a, b, x, y: (tf.where(a > 1.0, a * x, a * y), b + a),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_loop_and_its_gradient_agree_with_the_interpreter(name):
    compiled, interpreted = both(gradient_of_a_loop(BODIES[name]), tf.constant(0.7), tf.constant(1.1))
    np.testing.assert_allclose(compiled, interpreted, rtol=2e-5)


def test_a_zero_cotangent_absorbs_infinity_in_a_loop():
    # sqrt has an infinite slope at 0, and what is computed there is multiplied by 0
    f = gradient_of_a_loop(lambda a, b, x, y: (a + 0.0 * tf.sqrt(x), b + y * a), steps=3)
    compiled, interpreted = both(f, tf.constant(0.0), tf.constant(2.0))
    np.testing.assert_array_equal(compiled, interpreted)
    assert np.isfinite(compiled).all()


def test_an_infinite_gradient_stays_infinite():
    f = gradient_of_a_loop(lambda a, b, x, y: (a + tf.sqrt(x), b + y), steps=3)
    compiled, interpreted = both(f, tf.constant(0.0), tf.constant(2.0))
    np.testing.assert_array_equal(compiled, interpreted)
    assert np.isinf(compiled[1])


def test_an_index_out_of_range_is_reported_at_its_line():
    table = tf.constant([1.0, 2.0, 3.0])

    @tf.function
    def f(n):
        return tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + table[i]), (0, tf.constant(0.0)))[1]

    assert float(f(tf.constant(3))) == 6.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)index 3 .* out of bounds.*table\[i\]"):
        f(tf.constant(4))
    assert float(f(tf.constant(2))) == 3.0


def backward_body(f, *args):
    """The body of the loop that goes back, in the program of a function."""
    program = optimise(program_of(f.get_concrete_function(*args).graph))
    return [s for s in program.steps if s.op.name == "while_"][-1].attrs


def test_a_loop_writes_and_reads_an_array_at_any_index():
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            array = tf.TensorArray(tf.float32, size=12, clear_after_read=False).write(0, x).write(1, x * x)
            for i in tf.range(2, 12):
                array = array.write(i, 0.5 * array.read(i - 1) + tf.sin(array.read(i - 2)))
            y = array.stack()
        return y, tape.gradient(y, x)

    compiled, interpreted = both(f, tf.constant([0.3, -1.2]))
    for y, wanted in zip(compiled, interpreted):
        np.testing.assert_allclose(y, wanted, rtol=1e-5)
    assert "in Python" not in str(f.plan)


def test_a_write_past_the_end_is_reported_at_its_line():
    @tf.function
    def f(n):
        array = tf.TensorArray(tf.float32, size=3).write(0, 0.0)
        for i in tf.range(n):
            array = array.write(i + 1, 1.0)  # here
        return array.stack()

    assert f(tf.constant(2)).numpy().tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(tf.errors.OutOfRangeError, match="write to index 3 but array size is: 3") as raised:
        f(tf.constant(4))
    assert "# here" in str(raised.value)


def test_a_backward_body_is_a_sum_of_factors_times_carries():
    attrs = backward_body(gradient_of_a_loop(BODIES["products"]), tf.constant(0.7), tf.constant(1.1))
    body, carries = attrs["body"], attrs["carries"]
    assert shows(body, carries)
    written = collected(body, carries)
    assert written is not body
    numbers = [np.float32(n) for n in np.linspace(-1.0, 2.0, len(body.inputs))]
    np.testing.assert_allclose(evaluate(written, numbers), evaluate(body, numbers), rtol=1e-5, atol=1e-6)


def test_a_choice_hides_what_it_does_not_take_so_that_infinities_are_absorbed_at_once():
    attrs = backward_body(gradient_of_a_loop(BODIES["choice"]), tf.constant(0.7), tf.constant(1.1))
    assert not shows(attrs["body"], attrs["carries"])
