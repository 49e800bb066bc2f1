"""Models are made of symbols, survive their configs, have several inputs and outputs, train as Keras's."""

import json

import numpy as np
import pytest

import nbtape as tf

L = tf.keras.layers


def wave(shape, k=0):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape).astype("float32")


def with_waves(model):
    model.set_weights([wave(w.shape, i + 1) for i, w in enumerate(model.weights)])
    return model


class Scaled(L.Layer):
    def __init__(self, units, scale=2.0, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.scale = L.Dense(units), scale

    def call(self, x):
        return self.dense(x) * self.scale


def two_towers():
    a, b = tf.keras.Input((2,), name="a"), tf.keras.Input((3,), name="b")
    shared = L.Dense(3, "tanh", name="shared")
    x = L.Concatenate(name="both")([shared(L.Dense(3)(a)), shared(b)])
    return tf.keras.Model([a, b], {"p": L.Dense(1, name="p")(x), "q": Scaled(2, scale=0.5, name="q")(x)})


def recurrent():
    ids = tf.keras.Input((4,), dtype="int32")
    x = L.Embedding(6, 3, mask_zero=True)(ids)
    y, *states = L.Bidirectional(L.LSTM(2, return_sequences=True, return_state=True))(x)
    z = L.GRU(4)(y, initial_state=L.Concatenate()(states[:2]))
    return tf.keras.Model(ids, L.MultiHeadAttention(2, 2)(y, y)[:, 0] + 2.0 * z - 1.0)


def sequential():
    normal = tf.keras.initializers.RandomNormal(0.0, 0.5)
    return tf.keras.Sequential([
        tf.keras.Input((4, 4, 1)), L.Conv2D(2, 2, activation="relu", kernel_regularizer="l2"), L.Flatten(),
        L.Dense(2, kernel_initializer=normal, kernel_constraint="max_norm"),
    ])  # fmt: skip


MODELS = {
    "towers": (two_towers, [wave((5, 2)), wave((5, 3))]),
    "recurrent": (recurrent, np.array([[1, 2, 0, 0], [3, 0, 0, 0]])),
    "sequential": (sequential, wave((2, 4, 4, 1))),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_its_config(name):
    make, x = MODELS[name]
    model = with_waves(make())
    again = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.set_weights(model.get_weights())
    for ours, theirs in zip(tf.nest.flatten(again(x)), tf.nest.flatten(model(x))):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert len(again.losses) == len(model.losses)


def test_a_clone_has_weights_of_its_own():
    model = sequential()
    clone = tf.keras.models.clone_model(model)
    clone.layers[0].kernel.assign(0.0 * clone.layers[0].kernel)
    assert model.layers[0].kernel.numpy().any()


def test_a_layer_without_a_config_has_that_of_its_arguments():
    layer = Scaled(3, scale=4.0, name="s")
    assert layer.get_config() == {
        "name": "s",
        "trainable": True,
        "dtype": "float32",
        "units": 3,
        "scale": 4.0,
    }
    assert Scaled.from_config(layer.get_config()).scale == 4.0


def test_a_config_of_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match="There is no layer class 'Nothing'"):
        L.deserialize({"class_name": "Nothing", "config": {}})


OPERATORS = {
    "add": lambda x: x + 1.0, "radd": lambda x: 1.0 + x, "sub": lambda x: x - x * 0.5,
    "rsub": lambda x: 1.0 - x, "div": lambda x: x / 2.0, "rdiv": lambda x: 1.0 / x, "pow": lambda x: x**2,
    "neg": lambda x: -x, "abs": lambda x: abs(x), "slice": lambda x: x[:, 1:], "less": lambda x: x < 0.0,
    "unlike": lambda x: x != 0.0, "product": lambda x: x @ tf.ones([3, 2]),
    "array": lambda x: np.float32(2.0) * x,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_between_symbols_are_layers(name):
    x, f = tf.keras.Input((3,)), OPERATORS[name]
    model, given = tf.keras.Model(x, f(x)), tf.constant(wave((2, 3)))
    np.testing.assert_allclose(model(given), f(given), atol=1e-6)
    assert model.output_shape == (None, *f(given).shape[1:])


def test_layers_stand_in_keras_order():
    assert [layer.name for layer in two_towers().layers][-4:] == ["shared", "both", "p", "q"]
    a = tf.keras.Input((2,))
    outputs = [L.Dense(1, name=f"{k}1")(L.Dense(2, name=f"{k}0")(a)) for k in "xy"]
    assert [layer.name for layer in tf.keras.Model(a, outputs).layers[1:]] == ["x0", "y0", "x1", "y1"]


def test_inputs_may_be_given_by_name_or_lack_an_axis():
    model, (a, b) = two_towers(), MODELS["towers"][1]
    assert np.array_equal(model({"b": b, "a": a})["p"], model([a, b])["p"])
    x = tf.keras.Input((1,))
    assert tf.keras.Model(x, L.Dense(2)(x))(wave((5,))).shape == (5, 2)
    with pytest.raises(ValueError, match=r"needs inputs named \['b'\]"):
        model({"a": a})
    with pytest.raises(ValueError, match=r"expected 2 input\(s\). Received 1 instead"):
        model([a])


def test_losses_of_several_outputs_are_told_by_name():
    a = tf.keras.Input((4,), dtype="int32")
    outputs = {k: L.Dense(n, name=k)(L.Flatten()(L.Embedding(6, 2)(a))) for k, n in (("p", 1), ("q", 2))}
    model = with_waves(tf.keras.Model(a, outputs))
    model.compile("sgd", {"p": "mse", "q": "mae"}, {"p": 1.0, "q": 0.5}, metrics={"q": ["mae"]})
    ids = np.array([[1, 2, 0, 3], [4, 0, 0, 0], [2, 2, 2, 2]])
    y = {"p": wave((3, 1)), "q": wave((3, 2))}
    found = model.fit(ids, y, epochs=2, verbose=0, batch_size=2, shuffle=False).history
    assert list(found) == ["loss", "p_loss", "q_loss", "q_mae"]
    np.testing.assert_allclose(found["loss"], [2.41846, 2.22517], atol=2e-5)  # as by Keras
    np.testing.assert_allclose(found["q_mae"], [2.80858, 2.75649], atol=2e-5)
    np.testing.assert_allclose(
        np.array(found["p_loss"]) + 0.5 * np.array(found["q_loss"]), found["loss"], rtol=1e-5
    )


def test_class_weights_and_a_share_for_validation_count_as_in_keras():
    model = tf.keras.Sequential([tf.keras.Input((2,)), L.Dense(3, activation="softmax")])
    with_waves(model).compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        wave((6, 2)), np.array([0, 1, 2, 0, 1, 2]), batch_size=4, epochs=2, shuffle=False, verbose=0,
        class_weight={0: 1.0, 1: 2.0, 2: 0.5}, validation_split=0.34
    ).history  # fmt: skip
    wanted = {"accuracy": [0.33333] * 2, "loss": [2.53624, 2.52302], "val_accuracy": [0.66667] * 2,
              "val_loss": [0.99334, 0.99398]}  # fmt: skip
    assert list(history) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(history[name], values, atol=2e-5)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"loss": {"z": "mse"}}, r"no output named \['z'\]"),
        ({"loss": ["mse", "mse", "mse"]}, "`loss` has 3 parts for 2 outputs"),
        ({"loss": "mse", "metrics": ["mae"]}, "`metrics` has 1 parts for 2 outputs"),
    ],
)
def test_what_does_not_fit_the_outputs_is_refused(arguments, text):
    model, x = two_towers(), MODELS["towers"][1]
    model.compile("sgd", **arguments)
    with pytest.raises(ValueError, match=text):
        model.fit(x, {"p": wave((5, 1)), "q": wave((5, 2))}, verbose=0)


@pytest.mark.parametrize("name", ["loss", "metrics"])
def test_an_unknown_name_is_refused_at_once(name):
    with pytest.raises(ValueError, match="Could not interpret"):
        sequential().compile("sgd", **{name: ["nonsense"]})


def test_a_model_may_write_its_own_train_step():
    class Own(tf.keras.Sequential):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            slopes = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(slopes, self.trainable_variables))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, self(x))
            return {metric.name: metric.result() for metric in self.metrics}

    model = Own([L.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    found = model.fit(wave((8, 2)), wave((8, 1)), epochs=3, verbose=0).history
    assert list(found) == ["loss", "mae"] and found["loss"][2] < found["loss"][0]


def test_rounds_of_some_steps_go_on_in_a_dataset():
    model, seen = sequential(), []
    data = tf.data.Dataset.range(6).map(
        lambda i: (tf.cast(tf.fill([1, 4, 4, 1], i), "float32"), tf.zeros([1, 2]))
    )
    model.compile("sgd", "mse", run_eagerly=True)
    step = model.train_step
    model.train_step = lambda batch: (seen.append(int(batch[0][0, 0, 0, 0])), step(batch))[1]
    model.fit(data, epochs=4, steps_per_epoch=2, verbose=0)
    assert seen == [0, 1, 2, 3, 4, 5, 0, 1]


def test_training_stops_within_a_round_where_a_callback_says_so():
    model, seen = sequential(), []
    model.compile("sgd", "mse")

    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.stop_training = batch == 1

    model.fit(wave((8, 4, 4, 1)), wave((8, 2)), batch_size=2, epochs=5, verbose=0, callbacks=[Stop()])
    assert seen == [0, 1]


def test_the_metrics_of_a_single_batch_are_of_that_batch_alone():
    model = tf.keras.Sequential([tf.keras.Input((2,)), L.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse")
    ones, zeros, x = np.ones([2, 1]), np.zeros([2, 1]), np.ones([2, 2])
    assert model.test_on_batch(x, ones) == 1.0 and model.test_on_batch(x, zeros) == 0.0
    assert model.train_on_batch(x, ones, return_dict=True) == {"loss": 1.0}


def test_compile_says_where_metrics_belong():
    model = tf.keras.Sequential([tf.keras.Input((2,)), L.Dense(1)])
    with pytest.raises(ValueError, match=r"metrics are given by name: .*metrics=\['accuracy'\]"):
        model.compile("sgd", "mse", ["accuracy"])
    with pytest.raises(ValueError, match=r"Put it in a list: metrics=\['mae'\]"):
        model.compile("sgd", "mse", metrics="mae")


def test_a_layer_freed_after_compile_asks_for_another_compile():
    model = tf.keras.Sequential([tf.keras.Input((2,)), L.Dense(3), L.Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(wave((6, 2)), wave((6, 1)), batch_size=6, verbose=0)
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match=r"Unknown variable.*frozen or freed, call `compile\(\)` again"):
        model.fit(wave((6, 2)), wave((6, 1)), batch_size=3, verbose=0)
    model.compile("adam", "mse")
    model.fit(wave((6, 2)), wave((6, 1)), batch_size=3, verbose=0)
    assert len(model.optimizer.variables) == 2 + 2 * 4


def test_the_summary_shows_connections_and_models_inside():
    x = tf.keras.Input((4,), name="x")
    dense, inner = L.Dense(4, name="d"), tf.keras.Sequential([L.Dense(2, name="e")], name="inner")
    model = tf.keras.Model(x, inner(L.Add(name="sum")([dense(x), x])))
    dense.trainable = False
    lines = []
    model.summary(print_fn=lines.append, expand_nested=True, show_trainable=True)
    cells = [
        [cell.strip() for cell in row.split("│")[1:-1]] for row in lines[0].splitlines() if row[0] == "│"
    ]
    assert cells == [
        ["x (InputLayer)", "(None, 4)", "0", "-", "Y"],
        ["d (Dense)", "(None, 4)", "20", "x[0][0]", "N"],
        ["sum (Add)", "(None, 4)", "0", "d[0][0], x[0][0]", "Y"],
        ["inner (Sequential)", "(None, 2)", "10", "sum[0][0]", "Y"],
        ["└ e (Dense)", "(None, 2)", "10", "-", "Y"],
    ]
    model.summary(print_fn=lines.append, layer_range=["d", "sum"])
    assert lines[1].count("│\n") == 2


def test_a_model_may_end_at_a_layer_inside_of_another():
    model = sequential()
    cut = tf.keras.Model(model.input, [model.layers[0].output, model.get_layer(index=1).output])
    x = MODELS["sequential"][1]
    images, flat = cut(x)
    assert np.array_equal(images, model.layers[0](x)) and flat.shape == (2, 18)
    assert cut.layers[1] is model.layers[0] and model.layers[1].input.shape == (None, 3, 3, 2)
    with pytest.raises(AttributeError, match="has never been called"):
        L.Dense(2).output  # noqa: B018


def test_merging_functions_make_layers():
    a, b = tf.keras.Input((2,)), tf.keras.Input((2,))
    model = tf.keras.Model(
        [a, b], [L.add([a, b]), L.maximum([a, b]), L.concatenate([a, b]), L.dot([a, b], 1)]
    )
    found = model([tf.constant([[1.0, 4.0]]), tf.constant([[3.0, 2.0]])])
    assert [y.numpy().tolist() for y in found] == [
        [[4.0, 6.0]],
        [[3.0, 4.0]],
        [[1.0, 4.0, 3.0, 2.0]],
        [[11.0]],
    ]


def test_normalization_adapts_to_a_dataset_as_to_an_array():
    x = wave((50, 3))
    one, two = L.Normalization(), L.Normalization()
    one.adapt(x)
    two.adapt(tf.data.Dataset.from_tensor_slices(x).batch(8))
    assert np.allclose(one(x), two(x), atol=1e-5)
    np.testing.assert_allclose(one(x).numpy().mean(0), np.zeros(3), atol=1e-6)
    np.testing.assert_allclose(one(x).numpy().std(0), np.ones(3), atol=1e-5)
    assert [v.shape.as_list() for v in one.weights] == [[3], [3], []]
    whole = L.Normalization(axis=None)
    whole.adapt(x)
    assert abs(whole(x).numpy().std() - 1) < 1e-5


def test_a_model_survives_as_text():
    model = with_waves(sequential())
    again = tf.keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    x = MODELS["sequential"][1]
    assert np.array_equal(again(x), model(x))


def test_a_step_of_fit_is_one_program_without_python():
    before = tf.config.get_compilation()
    tf.config.set_compilation("synchronous")
    try:
        layers = [L.Dense(8, "relu"), L.LayerNormalization(), L.Dense(3)]
        model = tf.keras.Sequential([tf.keras.Input((4,)), *layers])
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        model.fit(wave((8, 4)), np.arange(8) % 3, batch_size=4, epochs=2, verbose=0)
        plan = str(model._step("train_step").plan)
        assert "assign" in plan and "in Python" not in plan
    finally:
        tf.config.set_compilation(before)


def test_a_class_of_ones_own_may_be_made_of_symbols():
    class Doubled(tf.keras.Model):
        def test_step(self, data):
            return {name: 2.0 * value for name, value in super().test_step(data).items()}

    class Fixed(tf.keras.Model):
        def __init__(self, units):
            x = tf.keras.Input((2,))
            super().__init__(inputs=x, outputs=L.Dense(units, kernel_initializer="ones")(x))
            self.units = units

    x = tf.keras.Input((2,))
    model = Doubled(x, L.Dense(1, kernel_initializer="ones")(x))
    model.compile("sgd", "mse")
    assert isinstance(model, Doubled) and model.name.startswith("doubled")
    assert model.evaluate(np.ones([1, 2]), np.zeros([1, 1]), verbose=0) == 8.0
    again = tf.keras.models.clone_model(model)
    assert isinstance(again, Doubled) and again.count_params() == 3
    fixed = Fixed(3)
    assert isinstance(fixed, Fixed) and fixed.units == 3
    assert fixed(tf.ones([1, 2])).numpy().tolist() == [[2.0, 2.0, 2.0]]


def test_a_model_of_steps_alone_needs_no_call():
    class Line(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.slope, self.mean = tf.Variable(0.0), tf.keras.metrics.Mean("error")

        @property
        def metrics(self):
            return [self.mean]

        def train_step(self, data):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(2.0 * data - self.slope * data))
            self.optimizer.apply_gradients([(tape.gradient(loss, self.slope), self.slope)])
            self.mean.update_state(loss)
            return {"error": self.mean.result()}

    model = Line()
    model.compile(tf.keras.optimizers.SGD(0.5))
    history = model.fit(np.ones([4]), epochs=9, verbose=0).history
    assert list(history) == ["error"] and abs(model.slope.numpy() - 2.0) < 1e-3


def test_weights_of_a_model_that_is_built_have_its_name_once():
    class Net(tf.keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.dense = L.Dense(1, name="d")

        def call(self, x):
            return self.dense(x)

    built, called = Net(), Net()
    built.build((None, 2))
    called(tf.ones([1, 2]))
    assert (
        [w.path for w in built.weights] == [w.path for w in called.weights] == ["net/d/kernel", "net/d/bias"]
    )


def test_clones_may_have_other_layers_in_the_places_of_the_old():
    x = tf.keras.Input((3,), name="x")
    inner = tf.keras.Sequential([tf.keras.Input((3,)), L.Dense(3, name="inside")], name="inner")
    dense = L.Dense(3, name="dense")
    model = tf.keras.Model(x, L.Add(name="sum")([dense(x), inner(dense(x)), x]), name="whole")
    seen = []

    def copied(layer):
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    clone = tf.keras.models.clone_model(model, clone_function=copied)
    assert seen == ["dense", "inner", "sum"] and clone.name == "whole"
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(wave((2, 3))), model(wave((2, 3))))
    seen.clear()
    tf.keras.models.clone_model(model, clone_function=copied, recursive=True)
    assert seen == ["dense", "inside", "sum"]

    def noisy(layer, *args):
        return L.Dropout(0.5)(layer(*args)) if isinstance(layer, L.Dense) else layer(*args)

    other = tf.keras.Input((3,), name="other")
    clone = tf.keras.models.clone_model(model, [other], call_function=noisy)
    assert clone.inputs[0] is other and sum(isinstance(layer, L.Dropout) for layer in clone.layers) == 2
    wide = tf.keras.models.clone_model(inner, clone_function=lambda layer: L.Dense(2 * layer.units))
    assert wide.output_shape == (None, 6) and wide.input_shape == (None, 3)
    with pytest.raises(ValueError, match="for functional models"):
        tf.keras.models.clone_model(inner, call_function=noisy)
