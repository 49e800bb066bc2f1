"""Recurrent layers hold their states where told to, and compile into loops without a line of Python."""

import inspect

import numpy as np
import pytest

import nbtape as tf

L = tf.keras.layers
KINDS = [L.SimpleRNN, L.LSTM, L.GRU]


def wave(shape, k=0):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape).astype("float32")


@pytest.fixture
def synchronous():
    before = tf.config.get_compilation()
    tf.config.set_compilation("synchronous")
    yield
    tf.config.set_compilation(before)


MAKERS = {
    "simple": lambda: L.SimpleRNN(3),
    "lstm": lambda: L.LSTM(3, return_sequences=True),
    "gru": lambda: L.GRU(3),
    "stack": lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)]),
}


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("name", MAKERS)
def test_a_train_step_has_no_python_in_it(name, masked, synchronous):
    layer, x = MAKERS[name](), tf.constant(wave((4, 6, 2)))
    mask = tf.constant(wave((4, 6), 3) > -0.5) if masked else None

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x, mask=mask)))
        return loss, tape.gradient(loss, layer.trainable_variables)

    wanted = step(x)
    compiled = tf.function(step)
    compiled(x)
    plan = str(compiled.plan)
    assert plan.count("loop, 6 times") == 2 and "in Python" not in plan
    loss, gradients = compiled(x)
    np.testing.assert_allclose(loss, wanted[0], rtol=1e-5)
    for ours, theirs in zip(gradients, wanted[1]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_masked_steps_are_as_if_they_were_not_there(kind):
    layer, x = kind(3, return_state=True), wave((1, 5, 2))
    mask = np.array([[True, False, True, True, False]])
    for ours, theirs in zip(layer(x, mask=tf.constant(mask)), layer(x[:, mask[0]])):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stateful_layer_goes_on_where_it_stopped(kind):
    layer, x = kind(3, stateful=True), wave((2, 6, 2))
    whole = kind(3)
    whole.build((2, 6, 2))
    layer.build((2, 3, 2))
    whole.set_weights(layer.get_weights())
    layer(x[:, :3])
    np.testing.assert_allclose(layer(x[:, 3:]), whole(x), atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(layer(x[:, :3]), whole(x[:, :3]), atol=1e-6)
    assert len(layer.weights) == 3


def test_a_stateful_layer_in_a_function_goes_on_as_well():
    layer, x = L.GRU(3, stateful=True), tf.constant(wave((2, 3, 2)))
    first = tf.function(layer)(x).numpy()
    second = tf.function(layer)(x).numpy()
    layer.reset_state()
    np.testing.assert_allclose(layer(x), first, atol=1e-6)
    np.testing.assert_allclose(layer(x), second, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_begun_with_the_states_of_another_goes_on(kind):
    layer, x = kind(3, return_state=True), wave((2, 6, 2))
    y, *states = layer(x[:, :2])
    np.testing.assert_allclose(layer(x[:, 2:], initial_state=states)[0], layer(x)[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_backwards_is_forwards_over_what_is_turned_round(kind):
    forwards, x = kind(3, return_sequences=True), wave((2, 5, 2))
    backwards = kind(3, return_sequences=True, go_backwards=True)
    forwards.build(x.shape)
    backwards.build(x.shape)
    backwards.set_weights(forwards.get_weights())
    np.testing.assert_allclose(backwards(x), forwards(x[:, ::-1]), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_step_by_step_is_the_layer(kind):
    layer, x = kind(3, return_sequences=True), tf.constant(wave((2, 4, 2)))
    wanted, states = layer(x), layer.cell.get_initial_state(2)
    for t in range(4):
        y, states = layer.cell(x[:, t], states)
        np.testing.assert_allclose(y, wanted[:, t], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_dropout_leaves_out_the_same_at_every_step(kind):
    tf.random.set_seed(3)
    layer, x = kind(4, dropout=0.5, recurrent_dropout=0.5, seed=7), tf.ones([50, 6, 3])
    assert np.array_equal(layer(x), layer(x))
    assert not np.array_equal(layer(x, training=True), layer(x))
    same = L.SimpleRNN(1, "linear", kernel_initializer="ones", recurrent_initializer="zeros", dropout=0.5,
                       return_sequences=True)  # fmt: skip
    y = same(x, training=True).numpy()
    assert np.array_equal(y, np.repeat(y[:, :1], 6, 1)) and len(np.unique(y)) > 1


def test_the_settings_of_a_layer_are_its_cells():
    layer = L.LSTM(3, dropout=0.1, return_sequences=True)
    assert (layer.units, layer.dropout, layer.state_size) == (3, 0.1, [3, 3])
    with pytest.raises(AttributeError, match="no attribute 'gates_of_units'"):
        layer.gates_of_units  # noqa: B018


def test_weights_are_named_after_the_cell():
    layer = L.LSTM(2, name="reader")
    layer.build((None, 3, 2))
    assert [w.path for w in layer.weights] == [
        "reader/lstm_cell/kernel", "reader/lstm_cell/recurrent_kernel", "reader/lstm_cell/bias"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "f, text",
    [
        (lambda: L.LSTM(0), "expected a positive integer"),
        (lambda: L.LSTM(2)(tf.ones([2, 3])), "expected ndim=3, found ndim=2"),
        (
            lambda: tf.keras.Sequential([tf.keras.Input((None, 2)), L.GRU(4), L.GRU(4)]),
            "expected ndim=3, found ndim=2",
        ),
        (lambda: L.RNN(3), "must have a `call`"),
        (lambda: L.GRU(2, stateful=True)(tf.keras.Input((3, 2))), "batch size must be static"),
        (lambda: L.Bidirectional(3), "`Bidirectional` layer with a `keras.layers.Layer` instance"),
        (lambda: L.Bidirectional(L.GRU(2), merge_mode="x"), "Invalid merge mode"),
        (lambda: L.Bidirectional(L.GRU(2), backward_layer=L.GRU(2)), "different `go_backwards` value"),
        (lambda: L.TimeDistributed(3), "`TimeDistributed` layer with a `keras.layers.Layer` instance"),
        (lambda: L.TimeDistributed(L.Dense(2))(tf.ones([2, 3])), "at least 3 dimensions"),
    ],
)
def test_misuse_is_told(f, text):
    with pytest.raises(ValueError, match=text):
        f()


def test_a_layer_learns_to_sum(synchronous):
    tf.random.set_seed(0)
    x = np.random.RandomState(0).randint(0, 2, (256, 8, 1)).astype("float32")
    model = tf.keras.Sequential([tf.keras.Input((8, 1)), L.GRU(8), L.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.02), "mse")
    model.fit(x, x.sum(1), epochs=40, verbose=0)
    assert model.evaluate(x, x.sum(1), verbose=0) < 0.1


def test_signatures_of_recurrent_layers_say_all_that_they_take():
    for name, own in (("LSTM", "unit_forget_bias"), ("GRU", "reset_after"), ("SimpleRNN", "seed")):
        layer, cell = getattr(L, name), getattr(L, f"{name}Cell")
        told, of_cell = (inspect.signature(cls).parameters for cls in (layer, cell))
        assert set(told) >= {*of_cell, own, "return_sequences", "stateful"} and "args" not in told
        assert layer(2, "relu", return_state=True).units == 2
    assert inspect.signature(L.LSTM).parameters["recurrent_activation"].default == "sigmoid"
