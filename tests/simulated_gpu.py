"""The device model on simulated cards: what lies and runs where, and that it gives what the CPU gives.

`test_cuda.py` runs this in a process that has two simulated cards. Arrays are small, since each thread of a
card is one of Python's here.
"""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.memory import TransferWarning

HOST, CARD, OTHER = [f"/job:localhost/replica:0/task:0/device:{kind}" for kind in ("CPU:0", "GPU:0", "GPU:1")]
NUMBERS = np.array([0.5, -1.0, 2.0], np.float32)


def on(device, value):
    with tf.device(device):
        return tf.constant(value)


def same(found, wanted, tolerance=1e-6):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=tolerance)


# Tensors


def test_blocks_put_constants_and_operations_on_a_card():
    with tf.device("/GPU:0"):
        x = tf.constant(NUMBERS)
        with tf.device("/device:CPU:0"):
            y = tf.constant(NUMBERS) + 1.0
            with tf.device("gpu:1"):
                z = tf.constant(NUMBERS)
        with tf.device(None):
            w = tf.constant(NUMBERS)
    assert [t.device for t in (x, y, z, w)] == [CARD, HOST, OTHER, HOST]


def test_an_operation_runs_where_its_inputs_are():
    x = on("/GPU:1", NUMBERS)
    y = tf.exp(x * 2.0) + NUMBERS
    assert (y.device, y[0].device, tf.constant(NUMBERS).device) == (OTHER, OTHER, HOST)
    same(y, np.exp(NUMBERS * 2) + NUMBERS)
    with tf.device("/CPU:0"):
        assert tf.exp(x).device == HOST


def test_values_leave_a_card_as_they_are():
    x, n = on("/GPU:0", NUMBERS), on("/GPU:0", 3)
    assert repr(x) == repr(tf.constant(NUMBERS)) and str(x) == str(tf.constant(NUMBERS))
    assert repr(n) == repr(tf.constant(3)) and str(n) == str(tf.constant(3))
    assert (int(n), float(n), bool(n), len(x), x.shape, x.dtype) == (3, 3.0, True, 3, (3,), tf.float32)
    assert [1, 2, 3, 4][n] == 4 and x.numpy().tolist() == x.tolist() == NUMBERS.tolist()
    assert type(n.numpy()) is np.int32 and f"{x[0]:.1f}" == "0.5"
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1.0


def test_copies_are_explicit_and_gradients_come_back_through_them():
    x = on("/GPU:0", NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x.cpu()
        z = (y * y).gpu(1)
        loss = tf.reduce_sum(z * 2.0)
    assert [t.device for t in (y, z, loss)] == [HOST, OTHER, OTHER]
    assert x.gpu() is x and y.cpu() is y
    g = tape.gradient(loss, x)
    assert g.device == CARD
    same(g, 4 * NUMBERS)
    with tf.device("/GPU:1"):
        assert tf.identity(x).device == OTHER


def test_errors_name_the_users_line_and_the_operands():
    x = on("/GPU:0", NUMBERS)
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        x + on("/GPU:0", [1.0, 2.0])
    assert "simulated_gpu.py, line" in str(raised.value) and "float32[2]" in str(raised.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match="tf.cast"):
        x + on("/GPU:0", [1, 2, 3])
    assert (x + x).device == CARD


def test_numpy_takes_no_value_of_a_card_for_an_array():
    value = on("/GPU:0", NUMBERS)._value
    for compute in (np.sin, np.sum, lambda a: a + np.ones(3), lambda a: np.concatenate([a, a])):
        with pytest.raises(TypeError, match=r"x\.cpu\(\)"):
            compute(value)
    assert np.asarray(value).tolist() == NUMBERS.tolist()


def test_strings_and_shapes_work_beside_a_card():
    with tf.device("/GPU:0"):
        names = tf.constant(["a", "b"])
        x = tf.reshape(tf.range(6), [2, 3])
        assert (names.device, x.device) == (HOST, CARD)
        assert (names + "c").numpy().tolist() == [b"ac", b"bc"]
        assert tf.reshape(x, tf.shape(x)[::-1]).shape == (3, 2)
        assert [int(n) for n in tf.shape(x)] == [2, 3]
        assert [row.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]


def test_a_mixed_operation_says_once_for_each_line_what_it_copied():
    x, large = on("/GPU:0", 1.0), tf.zeros([1 << 19])
    text = r"copies to GPU:0, .*float32\[524288\] \(2 MB\) from CPU:0"
    with pytest.warns(TransferWarning, match=text) as told:
        for _ in range(2):
            tf.gather(large, on("/GPU:0", [1]))  # here
    assert len(told) == 1 and told[0].filename == __file__
    assert (x + NUMBERS).device == CARD


# Variables and tapes


def test_variables_stay_where_they_were_made():
    with tf.device("/GPU:0"):
        v = tf.Variable(NUMBERS)
    w = tf.Variable(NUMBERS)
    for _ in range(2):
        for x in (v, w):
            x.assign(on("/GPU:1", [1.0, 2.0, 3.0]))
            x.assign_add(tf.ones([3]))
            x.assign_sub(on("/GPU:0", [0.5, 0.5, 0.5]))
            x[0].assign(7.0)
            x[2:0:-1].assign(on("/GPU:0", [8.0, 9.0]))
            x.scatter_add(tf.IndexedSlices([1.0, 1.0], [1, 1]))
            x.scatter_nd_update([[2]], [4.0])
            assert x.numpy().tolist() == [7.0, 11.0, 4.0]
    assert (v.device, w.device, (v + w).device) == (CARD, HOST, CARD)
    assert repr(v).endswith("numpy=array([ 7., 11.,  4.], dtype=float32)>")
    read = v.value()
    v.assign_add(tf.ones([3]))
    assert (read.tolist(), v.numpy().tolist()) == ([7.0, 11.0, 4.0], [8.0, 12.0, 5.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes must be equal"):
        v.assign_add([1.0])


def test_numbers_on_a_card_are_variables_too():
    with tf.device("/GPU:0"):
        v = tf.Variable(1.0)
        n = tf.Variable(lambda: 3)
    v.assign_add(1.0)
    n.assign_sub(on("/GPU:0", 1))
    assert (float(v), int(n), v.device, n.device) == (2.0, 2, CARD, CARD)


def trained(device):
    """What a few steps of gradient descent on a small network give, on a device."""
    rng = np.random.default_rng(0)
    with tf.device(device):
        x, y = [tf.constant(rng.standard_normal(s).astype(np.float32)) for s in [(4, 3), (4, 2)]]
        w, b = tf.Variable(rng.standard_normal((3, 2)).astype(np.float32)), tf.Variable(tf.zeros([2]))
    losses = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - y))
        for v, g in zip((w, b), tape.gradient(loss, (w, b)), strict=True):
            assert g.device == v.device
            v.assign_sub(0.1 * g)
        losses.append(loss)
    return losses, w, b


def test_a_loop_of_training_runs_wholly_on_a_card():
    (losses, w, b), (_, *wanted) = trained("/GPU:0"), trained("/CPU:0")
    assert {t.device for t in (*losses, w, b)} == {CARD} and losses[1] < losses[0]
    for found, value in zip((w, b), wanted, strict=True):
        same(found, value, 1e-5)


def test_persistent_tapes_higher_orders_and_forward_mode():
    x = on("/GPU:0", NUMBERS)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        g = inner.gradient(y, x)
    second = outer.gradient(g, x)
    same(g, 3 * NUMBERS**2)
    same(second, 6 * NUMBERS)
    same(outer.gradient(y, x, output_gradients=tf.constant([1.0, 0.0, 2.0])), 3 * NUMBERS**2 * [1, 0, 2])
    assert {t.device for t in (g, second)} == {CARD}
    with tf.autodiff.ForwardAccumulator(x, on("/GPU:0", [1.0, 0.0, 1.0])) as accumulator:
        z = tf.reduce_sum(tf.sin(x) * x)
    wanted = (np.sin(NUMBERS) + NUMBERS * np.cos(NUMBERS)) @ np.array([1, 0, 1], np.float32)
    same(accumulator.jvp(z), wanted, 1e-5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    same(tape.jacobian(y, x), np.diag(2 * NUMBERS))


def test_gradients_lie_where_their_sources_lie():
    v, w = tf.Variable(NUMBERS), on("/GPU:0", NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(w)
        with tf.device("/CPU:0"):
            loss = tf.reduce_sum(v * w)
    assert loss.device == HOST
    gv, gw = tape.gradient(loss, (v, w))
    assert (gv.device, gw.device) == (HOST, CARD)
    same(gv, NUMBERS)
    with tf.GradientTape() as tape, tf.device("/GPU:0"):
        loss = tf.reduce_sum(tf.gather(v, [0, 0, 2]))
    same(tape.gradient(loss, v), [2.0, 0.0, 1.0])


def test_layers_and_optimizers_train_on_a_card():
    rng = np.random.default_rng(0)
    x, y = [rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3), (4, 1)]]

    def fitted(device):
        with tf.device(device):
            ones = tf.keras.initializers.Constant(0.25)
            model = tf.keras.Sequential(
                [
                    tf.keras.layers.Dense(2, "tanh", kernel_initializer=ones),
                    tf.keras.layers.Dense(1, kernel_initializer=ones),
                ]
            )
            optimizer = tf.keras.optimizers.Adam(0.1)
            for _ in range(2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.square(model(tf.constant(x)) - y))
                variables = model.trainable_variables
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return model, optimizer

    (model, optimizer), (other, _) = fitted("/GPU:0"), fitted("/CPU:0")
    assert {v.device for v in (*model.variables, *optimizer.variables)} == {CARD}
    assert int(optimizer.iterations) == 2
    for found, wanted in zip(model.variables, other.variables, strict=True):
        same(found, wanted, 1e-5)


def test_slots_lie_where_their_variables_lie():
    with tf.device("/GPU:0"):
        v = tf.Variable(NUMBERS)
    w = tf.Variable(NUMBERS)
    optimizer = tf.keras.optimizers.SGD(0.5, momentum=0.9)
    optimizer.build([v, w])
    optimizer.apply_gradients([(tf.ones([3]), v), (on("/GPU:0", [1.0, 1.0, 1.0]), w)])
    assert [v.device for v in optimizer.variables] == [HOST, HOST, CARD, HOST]
    same(v, NUMBERS - 0.5)
    same(w, NUMBERS - 0.5)
