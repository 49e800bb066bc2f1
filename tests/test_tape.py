"""What a GradientTape records, what it gives back, and what it lets go of."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.errors import GradientWarning


def test_gradient_has_the_structure_of_the_sources():
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = a * a * b
    g = tape.gradient(y, {"a": a, "nested": (b, [a])})
    assert float(g["a"]) == 12 and float(g["nested"][0]) == 4 and float(g["nested"][1][0]) == 12


def test_a_constant_equal_to_the_variable_is_not_the_variable():
    v = tf.Variable(3.0)
    old = v.read_value()
    with tf.GradientTape() as tape:
        y = (v - old) * old
    assert float(tape.gradient(y, v)) == 3.0


def test_a_read_in_one_tape_is_a_constant_in_the_next():
    v = tf.Variable(3.0)
    with tf.GradientTape():
        old = v * 1.0
        read = v.value()
    with tf.GradientTape() as tape:
        y = v * read * old
    assert float(tape.gradient(y, v)) == 9.0


def test_reads_before_and_after_an_assignment_both_count():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * 3.0
        v.assign(10.0)
        z = v * v
    assert float(tape.gradient([y, z], v)) == 23.0


def test_a_variable_is_its_own_gradient():
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        v * 2.0
    assert tape.gradient(v, v).numpy().tolist() == [1.0, 1.0]


def test_nested_tapes_give_higher_derivatives():
    x = tf.Variable(2.0)
    with tf.GradientTape() as third, tf.GradientTape() as second:
        with tf.GradientTape() as first:
            y = x**4
        g = first.gradient(y, x)
        with second.stop_recording():
            pass
        h = second.gradient(g, x)
    assert (float(g), float(h), float(third.gradient(h, x))) == (32.0, 48.0, 48.0)


def test_a_persistent_tape_differentiates_its_own_gradients():
    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x**3
        g = tape.gradient(y, x)
    assert float(tape.gradient(g, x)) == 18.0


def test_output_gradients_weigh_and_are_checked():
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
    assert tape.gradient(y, x, [10.0, 100.0]).numpy().tolist() == [20.0, 400.0]
    assert tape.gradient([y, y], x, [None, tf.constant([1.0, 1.0])]).numpy().tolist() == [4.0, 8.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        tape.gradient(y, x, tf.ones([3]))
    with pytest.raises(ValueError, match="2 entries for 1 target"):
        tape.gradient([y], x, [tf.ones([2]), tf.ones([2])])


def test_a_spent_tape_says_so():
    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(
        RuntimeError, match="A non-persistent GradientTape can only be used to compute one set"
    ):
        tape.gradient(y, x)


def test_misuse_is_named():
    tape = tf.GradientTape()
    with pytest.raises(RuntimeError, match="never entered"):
        tape.gradient(tf.constant(1.0), tf.constant(1.0))
    with tape:
        with pytest.raises(ValueError, match="re-enter an already-active tape"):
            tape.__enter__()
        with pytest.raises(ValueError, match="Passed in object 3.0 of type 'float'"):
            tape.watch(3.0)
    for call in (tape.reset, lambda: tape.stop_recording().__enter__()):
        with pytest.raises(ValueError, match="Tape is not recording"):
            call()
    with pytest.raises(AttributeError, match="'float' object has no attribute 'dtype'"):
        tape.gradient(tf.constant(1.0), 3.0)
    with pytest.raises(TypeError, match="Cannot convert the argument `type_value`: None"):
        tape.gradient(tf.constant(1.0), None)
    with pytest.raises(TypeError, match="Argument `target`"):
        tape.gradient(None, tf.constant(1.0))
    with pytest.raises(ValueError, match="unconnected_gradients: 'nonsense'"):
        tape.gradient(tf.constant(1.0), tf.constant(1.0), unconnected_gradients="nonsense")


def test_reset_forgets_and_goes_on():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        x * x
        tape.reset()
        tape.watch(x)
        y = x * 5.0
    assert float(tape.gradient(y, x)) == 5.0


def test_an_exception_in_the_block_leaves_no_tape_open():
    with pytest.raises(KeyError), tf.GradientTape():
        raise KeyError
    assert tf.GradientTape().__class__ and _open_recorders() == ()


def _open_recorders():
    from nbtape.core.context import local

    return local.recorders


def test_watched_variables_come_in_the_order_of_their_making():
    a, b, c = (tf.Variable(1.0, name=n) for n in "abc")
    with tf.GradientTape() as tape:
        _ = b + a
    assert [v.name for v in tape.watched_variables()] == ["a:0", "b:0"]
    assert c.name == "c:0"


def test_zeros_stand_for_what_is_not_connected_when_asked_for():
    x, y = tf.Variable(1.0), tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        z = x * 2.0
    gx, gy = tape.gradient(z, [x, y], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert float(gx) == 2.0 and gy.numpy().tolist() == [0.0, 0.0]


def test_jacobian_and_batch_jacobian():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.stack([x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1]], axis=1)
    full, batch = tape.jacobian(y, x).numpy(), tape.batch_jacobian(y, x).numpy()
    assert full.shape == (2, 3, 2, 2) and batch.shape == (2, 3, 2)
    for i in range(2):
        np.testing.assert_array_equal(batch[i], full[i, :, i])
    assert batch[0].tolist() == [[2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]


def test_jacobian_wants_one_target():
    x = tf.Variable([1.0])
    with tf.GradientTape() as tape:
        y = x * x
    with pytest.raises(TypeError, match="one target"):
        tape.jacobian([y, y], x)


def test_gather_gives_sparse_gradients_that_add_up():
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.reduce_sum(tf.gather(table, [0, 2])) + 2.0 * tf.reduce_sum(tf.gather(table, [0, 0]))
        z = y + tf.reduce_sum(table)
    g = tape.gradient(y, table)
    assert isinstance(g, tf.IndexedSlices)
    assert tf.convert_to_tensor(g).numpy().tolist() == [[5.0, 5.0], [0.0, 0.0], [1.0, 1.0]]
    assert tape.gradient(z, table).numpy().tolist() == [[6.0, 6.0], [1.0, 1.0], [2.0, 2.0]]


def test_a_zero_cotangent_absorbs_inf_and_nan():
    x = tf.constant([0.0, 4.0])
    for f in (tf.sqrt, tf.math.log, lambda t: 1.0 / t, lambda t: t**-0.5, tf.math.rsqrt):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.where(x > 0.0, f(x), 0.0)
        g = tape.gradient(y, x).numpy()
        assert g[0] == 0.0 and np.isfinite(g[1])


def test_absorbing_keeps_mixed_second_derivatives():
    """At w = 0 the cotangent of x * x is 0, and yet d2/dxdw is 2x."""
    x, w = tf.Variable(3.0), tf.Variable(0.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x * x * w
        gx = inner.gradient(y, x)
    assert float(outer.gradient(gx, w)) == 6.0


def test_a_spent_tape_holds_nothing():
    x = tf.Variable(tf.ones([10]))
    with tf.GradientTape() as tape:
        middle = x * 2.0
        y = tf.reduce_sum(middle)
    alive = weakref.ref(middle)
    del middle
    assert alive() is not None
    gc.disable()
    try:
        tape.gradient(y, x)
        assert alive() is None
    finally:
        gc.enable()


def test_a_dropped_tape_is_freed_without_the_collector():
    gc.disable()
    try:
        x = tf.Variable(tf.ones([10]))
        with tf.GradientTape(persistent=True) as tape:
            y = tf.reduce_sum(x * 2.0)
        tape.gradient(y, x)
        alive = weakref.ref(tape)
        del tape
        assert alive() is None
    finally:
        gc.enable()


def test_memory_stays_flat_over_ten_thousand_steps():
    resource = pytest.importorskip("resource")
    w = tf.Variable(tf.ones([2000]))
    x = tf.constant(np.linspace(0, 1, 2000, dtype=np.float32))

    def steps(n):
        for _ in range(n):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum((w * x - 1.0) ** 2)
            w.assign_sub(0.0001 * tape.gradient(loss, w))

    steps(500)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steps(10_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 4_000  # kilobytes; one leaked array a step would be 80,000


def test_threads_have_tapes_of_their_own():
    x = tf.Variable(3.0)
    found = {}

    def work():
        with tf.GradientTape() as tape:
            y = x * x
        found["inside"] = float(tape.gradient(y, x))

    with tf.GradientTape() as outer:
        z = x * 2.0
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found["inside"] == 6.0 and float(outer.gradient(z, x)) == 2.0


def test_numpy_warnings_made_errors_do_not_reach_the_user():
    x = tf.Variable([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tf.GradientTape() as tape:
            y = tf.math.log(x)
        g = tape.gradient(y, x)
    assert g.numpy().tolist() == [np.inf, 1.0]
    with np.errstate(all="raise"):
        with tf.GradientTape() as tape:
            y = tf.sqrt(x)
        assert tape.gradient(y, x).numpy().tolist() == [np.inf, 0.5]


def test_errors_say_the_line_and_the_operands():
    w = tf.Variable(tf.ones([2, 3]), name="weights")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.matmul(w, tf.ones([2, 3]))  # the line
    text = str(caught.value)
    assert "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]" in text
    assert "test_tape.py" in text and "# the line" in text
    assert "float32[2,3] 'weights:0'" in text


def test_errors_of_the_backward_pass_say_the_forward_line():
    @tf.custom_gradient
    def f(x):
        return x * 2.0, lambda g: tf.ones([5])

    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = f(x)  # forward line
    with pytest.raises(ValueError, match="a gradient has the shape of its argument") as caught:
        tape.gradient(y, x)
    assert "# forward line" in str(caught.value)


def test_a_none_is_warned_of_once():
    x, y = tf.Variable(1.0), tf.Variable(1.0)

    def lost():
        with tf.GradientTape() as tape:
            z = x * 2.0
        return tape.gradient(z, y)

    with pytest.warns(GradientWarning, match="a gradient is None: variable 'Variable:0' was not read"):
        assert lost() is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lost() is None


def test_gradient_of_a_tensor_that_was_not_watched_is_none_beside_a_variable():
    b, c = tf.Variable(0.5), tf.constant(1.0)
    with tf.GradientTape() as tape:
        y = b * c
    with pytest.warns(tf.errors.GradientWarning, match="not watched"):
        assert tape.gradient(y, c) is None
