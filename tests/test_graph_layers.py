"""Layers of TensorFlow 1, whose variables are those of the scope that they stand in."""

import numpy as np
import pytest

import nbtape as tf

v1 = tf.compat.v1
layers = v1.layers


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(things):
    return [x.name for x in things]


def test_layers_name_and_share_their_variables():
    x = tf.ones([2, 3])
    a, b = layers.dense(x, 4), layers.dense(x, 4)
    with v1.variable_scope("net", reuse=v1.AUTO_REUSE):
        c, d = [layers.dense(x, 4, tf.nn.relu, name="fc") for _ in range(2)]
    assert names(v1.trainable_variables()) == [
        *["dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0"],
        *["net/fc/kernel:0", "net/fc/bias:0"],
    ]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        ya, yb, yc, yd = session.run([a, b, c, d])
    assert ya.tolist() != yb.tolist() and yc.tolist() == yd.tolist() and (yc >= 0).all()


def test_a_small_network_of_all_layers_learns():
    x, training = v1.placeholder(tf.float32, [None, 8, 8, 3]), v1.placeholder(tf.bool, [])
    h = layers.conv2d(x, 4, 3, padding="same", activation=tf.nn.relu)
    h = layers.average_pooling2d(layers.max_pooling2d(h, 2, 2), 2, 2)
    h = layers.dropout(
        layers.flatten(layers.batch_normalization(h, training=training)), 0.2, training=training
    )
    loss = tf.reduce_mean((layers.dense(h, 1) - 3.0) ** 2.0)
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates):
        step = v1.train.AdamOptimizer(0.05).minimize(loss)
    images = np.random.default_rng(0).random((6, 8, 8, 3))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        losses = [session.run([loss, step], {x: images, training: True})[0] for _ in range(40)]
        mean = session.run("batch_normalization/moving_mean:0")
        before = session.run(loss, {x: images, training: False})
        assert session.run(loss, {x: images, training: False}) == before
    assert h.shape == [None, 16] and len(updates) == 2 and mean.any()
    assert np.mean(losses[-5:]) < losses[0] / 4


def test_batch_normalization_uses_the_batch_or_the_averages():
    x = tf.constant([[1.0, 10.0], [3.0, 30.0]])
    trained = layers.batch_normalization(x, training=True, name="a", momentum=0.5)
    used = layers.batch_normalization(x, training=False, name="a", reuse=True)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        np.testing.assert_allclose(session.run(trained), [[-1.0, -1.0], [1.0, 1.0]], atol=1e-3)
        np.testing.assert_allclose(session.run(used), x.eval() / np.sqrt(1.001), rtol=1e-5)
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        assert session.run(v1.global_variables("a/moving_mean"))[0].tolist() == [1.0, 10.0]


# Recurrent cells


def _lstm(x, kernel, bias, lengths):
    """An LSTM in NumPy: its outputs, zero where rows are over."""
    n = bias.size // 4
    c = h = np.zeros((len(x), n))
    outputs = []
    for t in range(x.shape[1]):
        i, j, f, o = np.split(np.concatenate([x[:, t], h], 1) @ kernel + bias, 4, 1)
        i, f, o = [1 / (1 + np.exp(-v)) for v in (i, f + 1.0, o)]
        goes_on = (np.array(lengths) > t)[:, None]
        c = np.where(goes_on, c * f + i * np.tanh(j), c)
        h = np.where(goes_on, np.tanh(c) * o, h)
        outputs.append(np.where(goes_on, h, 0.0))
    return np.stack(outputs, 1), c, h


def test_cells_in_a_loop_and_one_after_the_other_agree():
    x = v1.placeholder(tf.float32, [None, 5, 3])
    lengths = tf.constant([5, 2])
    cell = v1.nn.rnn_cell.BasicLSTMCell(4)
    looped, state = v1.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
    steps, last = v1.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths)
    gradient = tf.gradients(tf.reduce_sum(looped), v1.trainable_variables())
    given = np.random.default_rng(0).random((2, 5, 3)).astype(np.float32)
    assert names(v1.trainable_variables()) == [f"rnn/basic_lstm_cell/{k}:0" for k in ("kernel", "bias")]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        a, b, s, t, g = session.run([looped, tf.stack(steps, 1), state, last, gradient], {x: given})
        kernel, bias = session.run(v1.trainable_variables())
    wanted, c, h = _lstm(given, kernel, bias, [5, 2])
    for y in (a, b):
        np.testing.assert_allclose(y, wanted, atol=1e-5)
    for y in (s, t):
        assert type(y).__name__ == "LSTMStateTuple"
        np.testing.assert_allclose(y, [c, h], atol=1e-5)
    assert all(np.abs(x).sum() > 0 for x in g)


def test_cells_stand_one_above_the_other():
    cells = v1.nn.rnn_cell
    stack = cells.MultiRNNCell([cells.GRUCell(4), cells.BasicRNNCell(2)])
    y, state = v1.nn.dynamic_rnn(stack, tf.ones([3, 6, 5]), dtype=tf.float32, time_major=True)
    assert y.shape == [3, 6, 2] and [s.shape[-1] for s in state] == [4, 2]
    assert names(v1.trainable_variables())[::2] == [
        f"rnn/multi_rnn_cell/cell_{name}/kernel:0"
        for name in ("0/gru_cell/gates", "0/gru_cell/candidate", "1/basic_rnn_cell")
    ]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        last, (_, top) = session.run([y[-1], state])
    assert last.tolist() == top.tolist()
