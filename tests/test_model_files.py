"""Whole models in files: what was saved comes back, or nothing does."""

import os

import numpy as np
import pytest

import nbtape as tf

K, L = tf.keras, tf.keras.layers
X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
Y = np.array([0, 1, 0, 1, 1, 0, 1, 1])


class Doubled(L.Layer):
    def __init__(self, inner=None, units=2, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner or L.Dense(units)
        self.units = units

    def call(self, x):
        return 2.0 * self.inner(x)

    def get_config(self):
        return super().get_config() | {"units": self.units}


class Own(K.Model):
    def __init__(self, units):
        super().__init__()
        self.first, self.towers = L.Dense(units, "relu"), [L.Dense(2), L.Dense(2, use_bias=False)]
        self.norm = L.BatchNormalization()

    def call(self, x, training=False):
        x = self.norm(self.first(x), training=training)
        return self.towers[0](x) + self.towers[1](x)


class Stepwise(K.Model):
    def train_step(self, data):
        return super().train_step(data) | {"steps": self.optimizer.iterations}


def cubed(x):
    return x**3


def off(y, p):
    return tf.reduce_mean(tf.abs(tf.cast(y, p.dtype)[:, None] - p), -1)


def functional():
    x = K.Input((3,), name="x")
    h = L.Dense(4, "tanh", activity_regularizer="l2", kernel_constraint="max_norm", name="h")(x)
    return K.Model({"x": x}, L.Concatenate()([h, x[:, :1]]) + 1.0)


MODELS = {
    "sequential": lambda: K.Sequential([K.Input((3,)), L.Dense(4, "relu"), L.Dense(2)]),
    "without an input": lambda: K.Sequential([L.Flatten(), L.Dense(2)]),
    "functional": functional,
    "by a class": lambda: Own(5),
    "with steps of its own": lambda: Stepwise((x := K.Input((3,))), L.Dense(2)(x)),
    "with a layer of one's own": lambda: K.Sequential([Doubled(units=2), L.BatchNormalization()]),
    "in a model": lambda: K.Sequential([K.Sequential([L.Dense(3)]), L.Dropout(0.5), L.Dense(2)]),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=list(MODELS))
def test_a_model_comes_back_with_its_weights(make, tmp_path):
    model = make()
    given = {"x": X} if make is functional else X
    model(given)
    model.set_weights([w + 0.25 for w in model.get_weights()])
    wanted = model(given)
    model.save(tmp_path / "m.keras")
    again = K.models.load_model(tmp_path / "m.keras")
    assert type(again).__name__ == type(model).__name__
    assert [(w.name, w.shape) for w in again.weights] == [(w.name, w.shape) for w in model.weights]
    np.testing.assert_array_equal(again(given).numpy(), wanted.numpy())
    assert len(again.losses) == len(model.losses)


def trained(optimizer="adam", **compiled):
    tf.random.set_seed(3)
    model = K.Sequential([K.Input((3,)), L.Dense(4, "tanh"), L.Dense(2)])
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, **{"loss": loss, "metrics": ["accuracy"]} | compiled)
    model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    return model


OPTIMIZERS = {
    "adam": lambda: K.optimizers.Adam(K.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), clipnorm=1.0),
    "momentum": lambda: K.optimizers.SGD(0.1, momentum=0.9, nesterov=True, use_ema=True),
    "scaled": lambda: K.optimizers.LossScaleOptimizer(K.optimizers.RMSprop(0.01)),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_training_goes_on_as_if_nothing_had_been(make, tmp_path):
    model = trained(make())
    model.save(tmp_path / "m.keras")
    again = K.models.load_model(tmp_path / "m.keras")
    assert int(again.optimizer.iterations) == 4
    histories = [
        m.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0).history for m in (model, again)
    ]
    assert histories[0] == histories[1]
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_compile_was_given_comes_back(tmp_path):
    given = {
        "metrics": ["accuracy", K.metrics.SparseTopKCategoricalAccuracy(2, name="two")],
        "loss_weights": [0.5],
    }
    model = trained(**given)
    model.save(tmp_path / "m.keras")
    again = K.models.load_model(tmp_path / "m.keras")
    assert again.get_compile_config() == model.get_compile_config()
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    bare = K.models.load_model(tmp_path / "m.keras", compile=False)
    assert not bare.compiled and bare.optimizer is None
    np.testing.assert_array_equal(bare(X).numpy(), model(X).numpy())


def test_weights_that_were_not_trained_are_not_the_optimizers(tmp_path):
    model = K.Sequential([K.Input((3,)), L.Dense(4), L.Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(X, X[:, :1], verbose=0)
    model.save(tmp_path / "m.keras")
    again = K.models.load_model(tmp_path / "m.keras")
    assert not again.layers[0].trainable and len(again.optimizer.variables) == len(model.optimizer.variables)


def test_functions_and_classes_of_ones_own_are_found_by_name(tmp_path):
    class Shrunk(K.regularizers.Regularizer):
        def __init__(self, by):
            self.by = by

        def __call__(self, w):
            return self.by * tf.reduce_sum(abs(w))

    model = K.Sequential([
        K.Input((3,)),
        L.Dense(4, activation=cubed, kernel_regularizer=Shrunk(0.5)),
        L.Lambda(cubed),
        L.Dense(1),
    ])  # fmt: skip
    model.compile("sgd", off, metrics=[off])
    path = tmp_path / "m.keras"
    model.save(path)
    with pytest.raises(
        ValueError, match=r"no function 'cubed': give it as custom_objects=\{'cubed': \.\.\.\}"
    ):
        K.models.load_model(path)
    again = K.models.load_model(path, {"cubed": cubed, "off": off, "Shrunk": Shrunk})
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())
    assert again.layers[0].activation is cubed and again.loss is off
    assert float(again.losses[0]) == float(model.losses[0]) > 0


def test_what_was_registered_is_found_everywhere():
    @K.saving.register_keras_serializable("tests", "halved")
    def half(x):
        return x / 2.0

    text = K.Sequential([K.Input((3,)), L.Activation(half)]).to_json()
    assert K.models.model_from_json(text).layers[0].activation is half
    assert K.saving.get_registered_name(half) == "tests>halved"
    assert K.saving.get_registered_object("tests>halved") is half
    with pytest.raises(ValueError, match="does not have a get_config"):
        K.saving.register_keras_serializable()(type("Bare", (), {}))


def test_a_scope_is_left_with_its_block():
    def inner(x):
        return x

    with K.utils.custom_object_scope({"inner": inner}):
        assert K.activations.get("inner") is inner
    with pytest.raises(ValueError, match="Could not interpret activation function identifier: inner"):
        K.activations.get("inner")


def test_what_has_no_words_is_not_saved(tmp_path):
    model = K.Sequential([K.Input((3,)), L.Lambda(lambda x, by: x, arguments={"by": object()})])
    with pytest.raises(ValueError, match="A config has no words for <object object"):
        model.save(tmp_path / "m.keras")
    assert os.listdir(tmp_path) == []


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "m.keras"
    trained().save(path)
    return path


def test_a_file_that_was_cut_short_or_altered_is_refused(saved):
    whole = saved.read_bytes()
    middle = len(whole) - 40
    for broken in (whole[:-1], whole[:100], whole[:middle] + b"\xff" + whole[middle + 1 :], b""):
        saved.write_bytes(broken)
        with pytest.raises(tf.errors.DataLossError, match="Nothing was restored"):
            K.models.load_model(saved)


def test_other_files_are_refused(tmp_path, saved):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        K.models.load_model(tmp_path / "none.keras")
    (tmp_path / "zip.keras").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(ValueError, match="was written by Keras itself"):
        K.models.load_model(tmp_path / "zip.keras")
    trained().save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="holds variables but no model"):
        K.models.load_model(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="Invalid filepath extension for saving"):
        trained().save(tmp_path / "model.h5")
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        trained().save(saved, overwrite=False)
    assert saved.read_bytes() == before


def test_a_class_that_makes_other_weights_now_is_refused(tmp_path):
    class Grown(L.Layer):
        wide = 2

        def build(self, shape):
            self.w = self.add_weight((shape[-1], self.wide), name="w")

        def call(self, x):
            return x @ self.w

    model = K.Sequential([K.Input((3,)), Grown()])
    model.save(tmp_path / "m.keras")
    Grown.wide = 4
    with pytest.raises(ValueError, match=r"has the shape \(3, 4\) in the model, \(3, 2\) in the file"):
        K.models.load_model(tmp_path / "m.keras")


def test_a_class_of_the_same_name_does_not_stand_in_for_a_layer_of_keras(tmp_path):
    model = K.Sequential([K.Input((3,)), L.Dense(2)])
    model.save(tmp_path / "m.keras")

    @K.saving.register_keras_serializable("tests")
    class Dense(L.Dense):
        def call(self, x):
            return 2.0 * super().call(x)

    np.testing.assert_array_equal(K.models.load_model(tmp_path / "m.keras")(X).numpy(), model(X).numpy())
    given = K.models.load_model(tmp_path / "m.keras", {"Dense": Dense})
    np.testing.assert_array_equal(given(X).numpy(), 2.0 * model(X).numpy())
    own = K.Sequential([K.Input((3,)), Dense(2)])
    assert type(K.models.clone_model(own).layers[0]) is Dense


def test_weights_are_taken_out_of_the_file_of_a_whole_model(saved):
    model, again = trained(), K.Sequential([K.Input((3,)), L.Dense(4, "tanh"), L.Dense(2)])
    again.load_weights(saved)
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())
    with pytest.raises(ValueError, match="weights could not be loaded"):
        K.Sequential([K.Input((3,)), L.Dense(4)]).load_weights(saved)


def test_a_model_that_is_not_built_is_saved_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="has not yet been built"):
        K.Sequential([L.Dense(2)]).save(tmp_path / "m.keras")
    again = K.models.load_model(tmp_path / "m.keras")
    assert not again.built and again(X).shape == (8, 2)


def test_a_compile_of_ones_own_is_left_to_its_owner(tmp_path):
    class Two(K.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = L.Dense(1)

        def call(self, x):
            return self.dense(x)

        def compile(self, first, second):
            super().compile(first, "mse")

    model = Two()
    model.compile("sgd", "adam")
    model(X)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="Two has a `compile` of its own"):
        again = K.models.load_model(tmp_path / "m.keras")
    assert not again.compiled


def test_the_best_model_is_kept_while_training(tmp_path):
    model = trained()
    keep = K.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", monitor="loss", save_best_only=True)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[keep])
    assert sorted(os.listdir(tmp_path)) == ["1.keras", "2.keras"]
    again = K.models.load_model(tmp_path / "2.keras")
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())


@pytest.mark.parametrize(
    "face, base, given",
    [
        (K.regularizers, K.regularizers.Regularizer, K.regularizers.L2(0.5)),
        (K.constraints, K.constraints.Constraint, K.constraints.MinMaxNorm(0.25)),
    ],
)
def test_what_is_said_of_weights_survives_its_config(face, base, given):
    config = face.serialize(given)
    assert config["class_name"] == type(given).__name__ and config["module"] == face.__name__[7:]
    assert face.serialize(face.deserialize(config)) == config
    own = {"class_name": "Own", "config": {}}
    kind = type("Own", (base,), {})
    assert type(face.deserialize(own, {"Own": kind})) is kind
    with pytest.raises(ValueError, match="Could not interpret"):
        face.deserialize(own)


def test_activations_are_told_by_name():
    A = K.activations
    assert A.serialize(A.relu) == "relu" and A.deserialize("relu") is A.relu
    config = A.serialize(cubed)
    assert A.deserialize(config, {"cubed": cubed}) is cubed
    with pytest.raises(ValueError, match="identifier: cubed"):
        A.deserialize(config)
