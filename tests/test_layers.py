"""Layers give Keras's values and names; models hold and train them, and are made from KerasTensors."""

import numpy as np
import pytest

import nbtape as tf

L = tf.keras.layers
KERAS = {  # layer, shape in; then shape out, sum, and sum weighted by `wave(shape, 9)`, by Keras 3
    "dense": (lambda: L.Dense(2, activation="tanh"), (2, 3), (2, 2), 2.84009, 0.36446),
    "gru": (lambda: L.GRU(2), (2, 3, 2), (2, 2), 1.08809, 0.28324),
    "gru_before": (lambda: L.GRU(2, reset_after=False), (2, 3, 2), (2, 2), 0.98245, 0.17518),
    "lstm": (lambda: L.LSTM(2, return_sequences=True), (2, 3, 2), (2, 3, 2), 4.47465, -0.64749),
    "rnn": (lambda: L.SimpleRNN(2, go_backwards=True), (2, 3, 2), (2, 2), 3.23931, 0.37453),
    "layer_norm": (lambda: L.LayerNormalization(axis=[1, 2]), (2, 3, 2), (2, 3, 2), 6.76224, 0.08792),
    "group_norm": (lambda: L.GroupNormalization(2), (2, 3, 4), (2, 3, 4), 15.10532, -3.93022),
    "batch_norm": (lambda: L.BatchNormalization(axis=1), (2, 3, 2), (2, 3, 2), -1.93255, -1.15047),
    "conv1d": (lambda: L.Conv1D(2, 2, padding="causal"), (2, 4, 2), (2, 4, 2), 12.06435, -1.58817),
    "conv2d": (lambda: L.Conv2D(2, 2, strides=2, groups=2), (1, 4, 4, 2), (1, 2, 2, 2), 5.61979, -0.07492),
    "transpose": (lambda: L.Conv2DTranspose(2, 3, strides=2), (1, 2, 2, 2), (1, 5, 5, 2), 33.8441, -0.85237),
    "separable": (
        lambda: L.SeparableConv2D(2, 2, depth_multiplier=2), (1, 3, 3, 2), (1, 2, 2, 2), 5.25236, 0.27964),
    "depthwise": (
        lambda: L.DepthwiseConv2D(2, depth_multiplier=2), (1, 3, 3, 2), (1, 2, 2, 4), 8.93931, -1.15922),
    "prelu": (lambda: L.PReLU(shared_axes=[1]), (2, 3, 2), (2, 3, 2), 1.3707, -0.48873),
    "max_pool": (lambda: L.MaxPooling2D(2, 1, "same"), (1, 3, 3, 1), (1, 3, 3, 1), 6.93087, -0.10369),
    "average_pool": (lambda: L.AveragePooling1D(2), (1, 5, 2), (1, 2, 2), 0.20339, -0.01551),
    "elu": (lambda: L.ELU(0.5), (2, 3), (2, 3), 1.84099, -0.1509),
}  # fmt: skip


def wave(shape, k):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape).astype("float32")


@pytest.mark.parametrize("name", KERAS)
@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
def test_values_are_those_of_keras(name, run):
    make, given, shape, total, weighted = KERAS[name]
    layer = make()
    layer.build(given)
    layer.set_weights([abs(wave(w.shape, i + 2)) for i, w in enumerate(layer.weights)])
    y = run(layer)(tf.constant(wave(given, 1))).numpy()
    assert y.shape == shape
    np.testing.assert_allclose([y.sum(), (y * wave(shape, 9)).sum()], [total, weighted], rtol=1e-4, atol=1e-4)


def test_the_shape_of_a_layer_is_known_before_it_runs():
    for make, given, shape, *_ in KERAS.values():
        found = make()(tf.keras.Input(given[1:]))
        assert found.shape == (None, *shape[1:])


def small():
    return tf.keras.Sequential([tf.keras.Input((3,)), L.Dense(4, "tanh"), L.Dense(2)], name="net")


def test_weights_are_named_after_the_layers_that_hold_them():
    model = tf.keras.Sequential(
        [tf.keras.Input((3,)), L.Dense(2, name="one"), L.BatchNormalization(name="two")]
    )
    assert [w.name for w in model.weights] == [
        "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"
    ]  # fmt: skip
    assert [w.path for w in model.weights][:3] == [
        f"{model.name}/one/kernel", f"{model.name}/one/bias", f"{model.name}/two/gamma"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "cls, name",
    [(L.Conv2D, "conv2d"), (L.PReLU, "p_re_lu"), (L.LSTM, "lstm"), (L.GlobalAveragePooling2D, None)],
)
def test_names_of_layers_are_in_snake_case(cls, name):
    made = cls.__new__(cls)
    tf.keras.layers.Layer.__init__(made)
    assert made.name.startswith(name or "global_average_pooling2d")


def test_weights_made_in_a_function_last():
    layer = L.Dense(2)
    f = tf.function(lambda x: layer(x))
    first = f(tf.ones([1, 3])).numpy()
    assert len(layer.weights) == 2
    assert np.array_equal(f(tf.ones([1, 3])).numpy(), first)


def test_layers_inside_are_told_whether_to_train():
    class Outer(L.Layer):
        def __init__(self):
            super().__init__()
            self.inner = [L.Dropout(0.5, seed=1)]

        def call(self, x):
            return self.inner[0](x)

    layer, x = Outer(), tf.ones([100])
    assert 0.0 in layer(x, training=True).numpy()
    assert 0.0 not in layer(x).numpy()


def test_control_flow_in_call_becomes_a_graph():
    class Signed(L.Layer):
        def call(self, x):
            if tf.reduce_sum(x) > 0.0:
                return x
            return -x

    f = tf.function(Signed())
    assert f(tf.constant([1.0])).numpy() == f(tf.constant([-1.0])).numpy() == 1.0


def test_freezing_a_model_freezes_its_layers():
    model = small()
    model.trainable = False
    assert not model.layers[0].trainable and not model.trainable_variables
    model.layers[1].trainable = True
    model.trainable = True
    assert len(model.trainable_variables) == 4


def test_a_frozen_batch_normalization_keeps_its_means():
    layer = L.BatchNormalization()
    layer.trainable = False
    layer(tf.constant([[1.0], [3.0]]), training=True)
    assert layer.moving_mean.numpy() == [0.0]


def test_losses_are_those_of_the_last_call():
    model = tf.keras.Sequential([
        tf.keras.Input((3,)),
        L.Dense(1, kernel_initializer="ones", kernel_regularizer="l2", activity_regularizer="l1"),
    ])  # fmt: skip
    for _ in range(2):
        model(tf.ones([2, 3]))
        np.testing.assert_allclose([float(x) for x in model.losses], [0.03, 0.03], rtol=1e-5)


@pytest.mark.parametrize(
    "f, text",
    [
        (lambda: L.Dense(0), "expected a positive integer"),
        (lambda: L.Dense(2, activation="foo"), "Could not interpret activation function identifier: foo"),
        (lambda: L.Dropout(2.0), "Expected a float value between 0 and 1"),
        (lambda: L.Dense(2)("a"), "Only input tensors may be passed as positional arguments"),
        (lambda: L.Dense(2)(tf.ones([5])), "expected min_ndim=2, found ndim=1"),
        (lambda: small()(tf.ones([2, 4])), "expected axis -?1 of input shape to have value 3"),
        (lambda: L.Dense(2).count_params(), "isn't built"),
        (lambda: L.Dense(2, color="red"), "Unrecognized keyword arguments passed to Dense"),
        (lambda: L.Reshape([5])(tf.ones([2, 3])), "The total size of the tensor must be unchanged"),
        (lambda: tf.keras.Sequential([3]), "Only instances of `keras.Layer` can be added"),
        (lambda: small().get_layer("zz"), "No such layer: zz"),
        (lambda: small().fit(np.ones([2, 3]), np.ones([2, 2])), r"You must call `compile\(\)`"),
    ],
)
def test_misuse_is_told(f, text):
    with pytest.raises(ValueError, match=text):
        f()


def test_a_model_of_several_inputs_and_outputs_shares_layers():
    a, b = tf.keras.Input((2,)), tf.keras.Input((2,))
    shared = L.Dense(1, kernel_initializer="ones")
    model = tf.keras.Model([a, b], [L.Concatenate()([shared(a), shared(b)]), shared(b)])
    y, z = model([tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])])
    assert y.numpy().tolist() == [[3.0, 7.0]] and z.numpy().tolist() == [[7.0]]
    assert len(model.weights) == 2


def test_an_output_that_no_input_leads_to_is_refused():
    with pytest.raises(ValueError, match="must be connected to `inputs`"):
        tf.keras.Model(tf.keras.Input((2,)), L.Dense(1)(tf.keras.Input((3,))))


def test_the_summary_counts_what_training_changes():
    lines = []
    layers = [L.Dense(4, name="d"), L.BatchNormalization(name="b")]
    model = tf.keras.Sequential([tf.keras.Input((3,)), *layers])
    model.summary(print_fn=lines.append)
    rows = lines[0].splitlines()
    assert "│ d (Dense)                       │ (None, 4)              │            16 │" in rows
    assert rows[-3:] == [
        " Total params: 32 (128.00 B)",
        " Trainable params: 24 (96.00 B)",
        " Non-trainable params: 8 (32.00 B)",
    ]  # fmt: skip


def squares(y, p):
    return tf.reduce_mean(tf.square(y - p), -1)


def test_fit_takes_the_steps_that_a_loop_takes():
    x, y = wave((10, 3), 1), wave((10, 2), 2)
    fitted, looped = small(), small()
    looped.set_weights(fitted.get_weights())
    fitted.compile(tf.keras.optimizers.SGD(0.1), squares)
    history = fitted.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    optimizer = tf.keras.optimizers.SGD(0.1)
    means = []
    for _ in range(3):
        total = 0.0
        for i in (0, 4, 8):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(squares(y[i : i + 4], looped(x[i : i + 4], training=True)))
            variables = looped.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            total += float(loss) * len(x[i : i + 4])
        means.append(total / 10)
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-5)
    for a, b in zip(fitted.get_weights(), looped.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_step_is_traced_once_for_each_size_of_batch():
    traces = []

    class Counted(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x):
            traces.append(x.shape[0])
            return self.dense(x)

    model = Counted()
    model.compile("adam", squares)
    model(tf.ones([4, 3]))
    traces.clear()
    model.fit(wave((10, 3), 1), wave((10, 2), 2), batch_size=4, epochs=3, verbose=0)
    assert traces == [4, 2]


def test_evaluate_is_the_mean_over_examples_and_validation_says_the_same():
    x, y, model = wave((10, 3), 1), wave((10, 2), 2), small()
    model.compile("sgd", squares)
    seen = []
    callback = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    history = model.fit(x, y, batch_size=4, epochs=1, validation_data=(x, y), verbose=0, callbacks=[callback])
    found = model.evaluate(x, y, batch_size=4, verbose=0)
    np.testing.assert_allclose(found, squares(y, model(x)).numpy().mean(), rtol=1e-5)
    np.testing.assert_allclose(history.history["val_loss"], [found], rtol=1e-5)
    assert seen[0]["val_loss"] == history.history["val_loss"][0]


def test_fit_takes_a_dataset():
    model = small()
    model.compile("sgd", squares)
    data = tf.data.Dataset.from_tensor_slices((wave((6, 3), 1), wave((6, 2), 2))).batch(3)
    assert len(model.fit(data, epochs=2, verbose=0).history["loss"]) == 2
    assert model.predict(data, verbose=0).shape == (6, 2)


def test_fit_prints_a_line_an_epoch(capsys):
    model = small()
    model.compile("sgd", squares)
    model.fit(wave((4, 3), 1), wave((4, 2), 2), epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]


def test_build_gets_the_shapes_that_it_names():
    class Two(L.Layer):
        def build(self, a_shape, b_shape=None):
            self.seen = a_shape, b_shape

        def call(self, a, b=None):
            return a

    layer, other = Two(), Two()
    layer(b=tf.ones([2, 3]), a=tf.ones([2, 4]))
    other(tf.ones([5]))
    assert layer.seen == ((2, 4), (2, 3)) and other.seen == ((5,), None)


def test_batch_renormalization_corrects_batches_to_what_was_seen():
    limits = {"rmin": 0.5, "rmax": 1.5, "dmax": 0.25}
    layer = L.BatchNormalization(
        epsilon=0.0, momentum=0.75, renorm=True, renorm_momentum=0.5, renorm_clipping=limits
    )
    x = np.array([[1.0], [5.0]], np.float32)
    assert np.ravel(layer(x, training=True)).tolist() == [-1.25, 1.75]  # r and d are cut to 1.5 and 0.25
    seen = {v.name: v.numpy().item() for v in layer.non_trainable_weights}
    assert seen == {
        "moving_mean": 0.75, "moving_variance": 1.5625, "moving_stddev": 1.25,
        "renorm_mean": 1.5, "renorm_stddev": 1.5,
    }  # fmt: skip
    assert np.ravel(layer(2 * x, training=True)).tolist() == [-1.25, 1.75]
    np.testing.assert_allclose(np.ravel(layer(x)), [-0.548387, 1.516129], 1e-6)
    assert L.BatchNormalization.from_config(layer.get_config()).renorm_clipping == limits
    with pytest.raises(ValueError, match="rmin, rmax and dmax"):
        L.BatchNormalization(renorm=True, renorm_clipping={"max": 1.0})


def test_filters_that_do_not_fit_into_their_inputs_are_refused():
    image = tf.ones([1, 4, 4, 2])
    for layer in (
        L.Conv2D(2, 5),
        L.Conv2D(2, 3, dilation_rate=2),
        L.DepthwiseConv2D(5),
        L.SeparableConv2D(2, 5),
    ):
        with pytest.raises(ValueError, match="output size would be zero or negative.*padding='same'"):
            layer(image)
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        tf.keras.Sequential([tf.keras.Input((4, 1)), L.Conv1D(2, 5)])
    assert L.Conv2D(2, 5, padding="same")(image).shape == [1, 4, 4, 2]
    assert L.Conv2D(2, 4)(tf.keras.Input((None, None, 1))).shape == (None, None, None, 2)
    with pytest.raises(ValueError, match="must be one of"):
        L.Conv2D(2, 3, padding="causal")
