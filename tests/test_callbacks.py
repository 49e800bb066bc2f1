"""Callbacks hear of everything in `fit`, in Keras's order, and do what Keras's do."""

import csv
import io
import sys

import numpy as np
import pytest

import nbtape as tf
from nbtape.train.callbacks import progress

K = tf.keras
C = K.callbacks
X = np.arange(8, dtype=np.float32).reshape(8, 1) / 8


class Model:
    """What callbacks ask of a model, with losses that are told beforehand."""

    def __init__(self, **kwargs):
        self.optimizer, self.stop_training = K.optimizers.SGD(0.5, **kwargs), False
        self.weights, self.saved = 0, []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save_weights(self, path, overwrite):
        self.saved.append(path)


def go_through(callback, model=None, **numbers):
    """Tell a callback of epochs whose logs are the columns of `numbers`, until it stops; gives the logs."""
    model, told = model or Model(), []
    callbacks = C.CallbackList([callback], model=model, epochs=len(next(iter(numbers.values()))))
    callbacks.on_train_begin()
    for epoch, row in enumerate(zip(*numbers.values())):
        logs = dict(zip(numbers, row))
        callbacks.on_epoch_begin(epoch)
        model.weights = epoch
        callbacks.on_epoch_end(epoch, logs)
        told.append(logs)
        if model.stop_training:
            break
    callbacks.on_train_end()
    return told


def compiled(**kwargs):
    model = K.Sequential([K.Input((1,)), K.layers.Dense(1, kernel_initializer="ones")])
    model.compile(K.optimizers.SGD(0.1, **kwargs), "mse", metrics=["mae"])
    return model


def test_every_event_is_heard_in_order():
    class Scribe(C.Callback):
        def __getattribute__(self, name):
            if name.startswith("on_"):
                return lambda *args: heard.append((name, *(a for a in args if isinstance(a, int))))
            return super().__getattribute__(name)

    heard, model = [], compiled()
    model.fit(
        X, X, batch_size=4, validation_data=(X, X), validation_batch_size=8, verbose=0, callbacks=Scribe()
    )
    assert heard == [
        ("on_train_begin",),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0), ("on_train_batch_end", 0),
        ("on_train_batch_begin", 1), ("on_train_batch_end", 1),
        ("on_test_begin",), ("on_test_batch_begin", 0), ("on_test_batch_end", 0), ("on_test_end",),
        ("on_epoch_end", 0),
        ("on_train_end",),
    ]  # fmt: skip
    heard.clear()
    model.predict(X, batch_size=4, verbose=0, callbacks=[Scribe()])
    assert heard == [
        ("on_predict_begin",),
        ("on_predict_batch_begin", 0), ("on_predict_batch_end", 0),
        ("on_predict_batch_begin", 1), ("on_predict_batch_end", 1),
        ("on_predict_end",),
    ]  # fmt: skip


def test_the_short_names_of_batches_are_those_of_training():
    class Counts(C.Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(batch)

        def on_batch_end(self, batch, logs=None):
            seen.append(sorted(logs))

    seen, model = [], compiled()
    model.fit(X, X, batch_size=8, verbose=0, callbacks=[Counts()])
    model.evaluate(X, X, verbose=0, callbacks=[Counts()])
    assert seen == [0, ["loss", "mae"]]


def test_callbacks_know_the_model_and_the_plan():
    callback, model = C.Callback(), compiled()
    history = model.fit(X, X, epochs=3, verbose=0, callbacks=[callback])
    assert callback.model is model and callback.params["epochs"] == 3 and history.epoch == [0, 1, 2]
    assert model.history is history and set(history.history) == {"loss", "mae"}


def test_a_list_made_beforehand_is_taken_as_it_is():
    history, model = C.History(), compiled()
    callbacks = C.CallbackList([history], add_history=True, model=model)
    assert callbacks.history is history and len(callbacks.callbacks) == 1
    assert model.fit(X, X, verbose=0, callbacks=callbacks) is history
    later = []
    callbacks.append(C.LambdaCallback(on_epoch_end=lambda epoch, logs: later.append(epoch)))
    callbacks.on_epoch_end(5, {})
    assert later == [5]


LOSSES = [5.0, 4.0, 4.5, 3.9, 4.2, 4.1, 4.0, 3.0]


@pytest.mark.parametrize(
    "settings, epochs, weights",
    [
        ({"patience": 2}, 6, 5),
        ({"patience": 0}, 3, 2),
        ({"patience": 2, "min_delta": 0.2}, 4, 3),
        ({"patience": 2, "restore_best_weights": True}, 6, 3),
        ({"patience": 2, "baseline": 1.0}, 3, 2),
        ({"patience": 1, "start_from_epoch": 4}, 8, 7),
        ({"patience": 2, "mode": "max"}, 3, 2),
    ],
)
def test_training_stops_early(settings, epochs, weights):
    model = Model()
    told = go_through(C.EarlyStopping(monitor="loss", **settings), model, loss=LOSSES)
    assert (len(told), model.weights) == (epochs, weights)


def test_a_stop_is_told_of(capsys):
    stop = C.EarlyStopping("loss", patience=1, restore_best_weights=True, verbose=1)
    go_through(stop, loss=[1.0, 2.0])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 2: early stopping",
        "Restoring model weights from the end of the best epoch: 1.",
    ]


def test_more_is_better_for_some_metrics():
    for name, values in {
        "val_accuracy": [0.1, 0.2, 0.1],
        "auc": [0.1, 0.2, 0.1],
        "val_mae": [2.0, 1.0, 2.0],
    }.items():
        assert len(go_through(C.EarlyStopping(name, patience=1), **{name: [*values, 0.0]})) == 3
    with pytest.raises(ValueError, match="it is not known whether that metric should be maximized"):
        go_through(C.EarlyStopping("height"), height=[1.0, 2.0])
    model = Model()
    model.metrics = [K.metrics.Recall(name="height")]
    assert len(go_through(C.EarlyStopping("height", patience=1), model, height=[1.0, 2.0, 1.0, 0.0])) == 3


def test_what_is_not_there_is_warned_of():
    for callback in (C.EarlyStopping(), C.ReduceLROnPlateau()):
        with pytest.warns(UserWarning, match="conditioned on metric `val_loss` which is not available"):
            go_through(callback, loss=[1.0])
    with pytest.warns(UserWarning, match="mode 'best' is unknown, fallback to auto mode"):
        C.EarlyStopping(mode="best")


@pytest.mark.parametrize(
    "settings, rates",
    [
        ({"patience": 1}, [0.5, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 1, "cooldown": 3}, [0.5, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ({"patience": 1, "min_lr": 0.4}, [0.5, 0.5, 0.5, 0.4, 0.4, 0.4]),
        ({"patience": 2, "min_delta": 2.0}, [0.5, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ({"patience": 3}, [0.5] * 6),
    ],
)
def test_the_rate_is_reduced_on_a_plateau(settings, rates):
    callback = C.ReduceLROnPlateau("loss", factor=0.5, **settings)
    told = go_through(callback, loss=[3.0, 2.0, 2.5, 1.5, 1.6, 1.7])
    assert [logs["learning_rate"] for logs in told] == pytest.approx(rates)


def test_the_rate_follows_a_schedule(capsys):
    told = go_through(C.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1), verbose=1), loss=[1.0, 1.0])
    assert [logs["learning_rate"] for logs in told] == pytest.approx([0.1, 0.2])
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.2." in capsys.readouterr().out
    with pytest.raises(ValueError, match="The output of the `schedule` function should be a float. Got: 1"):
        go_through(C.LearningRateScheduler(lambda epoch, rate: 1), loss=[1.0])


def test_epochs_are_logged_as_lines(tmp_path):
    path = tmp_path / "log.csv"
    for append in (False, False, True):
        go_through(C.CSVLogger(path, ";", append), loss=[1.0, 0.5], val_loss=[np.float32(2.0), [1.5, 1.0]])
    rows = list(csv.reader(path.read_text().splitlines(), delimiter=";"))
    assert rows == [["epoch", "loss", "val_loss"], *[["0", "1.0", "2.0"], ["1", "0.5", "[1.5, 1.0]"]] * 2]


def test_training_ends_at_nan(capsys):
    model = compiled()
    history = model.fit(X, X * np.nan, batch_size=2, epochs=3, verbose=0, callbacks=[C.TerminateOnNaN()])
    assert len(history.epoch) == 1 and int(model.optimizer.iterations) == 1
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"


def test_weights_are_kept(tmp_path):
    numbers = {"loss": [3.0, 1.0, 2.0, 0.5], "val_loss": [1.0, 2.0, 0.5, 0.75]}
    kept = []
    for settings in (
        {},
        {"save_best_only": True},
        {"save_best_only": True, "monitor": "loss"},
        {"save_best_only": True, "initial_value_threshold": 0.75},
        {"save_best_only": True, "mode": "max"},
    ):
        model = Model()
        go_through(C.ModelCheckpoint("{epoch}:{loss}", save_weights_only=True, **settings), model, **numbers)
        kept.append(model.saved)
    assert kept == [
        ["1:3.0", "2:1.0", "3:2.0", "4:0.5"],
        ["1:3.0", "3:2.0"],
        ["1:3.0", "2:1.0", "4:0.5"],
        ["3:2.0"],
        ["1:3.0", "2:1.0"],
    ]


def test_weights_are_kept_by_the_batch(tmp_path):
    model = compiled()
    keep = C.ModelCheckpoint(tmp_path / "{epoch}-{batch}.safetensors", save_weights_only=True, save_freq=3)
    model.fit(X, 3 * X, batch_size=2, epochs=2, verbose=0, callbacks=[keep])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-3.safetensors", "2-2.safetensors"]
    after = model.get_weights()
    model.load_weights(tmp_path / "1-3.safetensors")
    assert not np.array_equal(after[0], model.get_weights()[0])


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: C.ModelCheckpoint("x"), ValueError, "must end in `.keras` or in `.safetensors`"),
        (lambda: C.ModelCheckpoint("x", save_freq="day"), ValueError, "Unrecognized save_freq: day"),
        (lambda: C.ReduceLROnPlateau(factor=1.0), ValueError, "does not support a factor >= 1.0"),
        (lambda: C.TensorBoard(profile_batch=2), ValueError, "no profiles or embeddings"),
        (lambda: C.LambdaCallback(on_lunch=print), ValueError, "There is no event 'on_lunch'"),
        (
            lambda: go_through(C.ModelCheckpoint("{day}", save_weights_only=True), loss=[1.0]),
            KeyError,
            "Failed to format this callback filepath",
        ),
        (
            lambda: go_through(C.ModelCheckpoint(".", save_weights_only=True), loss=[1.0]),
            OSError,
            "Please specify a non-directory filepath",
        ),
        (
            lambda: C.CallbackList(C.SwapEMAWeights(), model=Model()).on_test_begin(),
            ValueError,
            "`use_ema=True`",
        ),
    ],
)
def test_what_is_refused(make, error, words):
    with pytest.raises(error) as raised:
        make()
    assert words in str(raised.value)


def test_averages_stand_for_weights_when_they_are_asked_to():
    model = compiled(use_ema=True, ema_momentum=0.5)
    seen = []
    look = C.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()[0]))
    model.fit(X, 3 * X, epochs=2, batch_size=4, verbose=0, callbacks=[look, C.SwapEMAWeights(True), look])
    assert not np.array_equal(seen[2], seen[3]) and not model.optimizer.has_swapped
    np.testing.assert_array_equal(model.get_weights()[0], seen[3])
    model.fit(X, 3 * X, verbose=0, callbacks=[C.LambdaCallback(on_train_end=lambda logs: seen.append(0))])
    average, other = model.get_weights()[0], model.optimizer._averages[0]
    other.assign(average + 1.0)
    model.predict(X, callbacks=[C.LambdaCallback(on_predict_begin=lambda logs: None), C.SwapEMAWeights()])
    np.testing.assert_array_equal(model.get_weights()[0], average)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    model, terminal = compiled(), Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(progress, "_PAUSE", 0.0)
        model.fit(X, X, batch_size=4, epochs=2, verbose=1)
    last = terminal.getvalue().replace("\r", "\n").split("\n")
    assert any(line.startswith("Epoch 2/2: 100%") and "2/2" in line and "loss: " in line for line in last)
    model.fit(X, X, batch_size=4, epochs=2, verbose=1)
    model.evaluate(X, X)
    model.fit(X, X, verbose=0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["Epoch 1/2 - loss", "Epoch 2/2 - loss", "loss"]


def test_numbers_are_written_as_keras_writes_them():
    logs = {"loss": 0.25, "small": 1e-4, "zero": 0.0, "whole": 3, "each": np.array([0.5, 1.0])}
    assert progress.described(logs) == (
        "loss: 0.2500 - small: 1.0000e-04 - zero: 0.0000e+00 - whole: 3.0000 - each: [0.5 1. ]"
    )


def test_tensorboard_gets_numbers_weights_and_the_step(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def events(where):
        found = accumulator.EventAccumulator(str(tmp_path / where), {"tensors": 0}).Reload()
        return found, {tag: [e.step for e in found.Tensors(tag)] for tag in found.Tags()["tensors"]}

    model = compiled()
    board = C.TensorBoard(tmp_path, 2, write_images=True, update_freq=3, write_steps_per_second=True)
    model.fit(X, 3 * X, batch_size=2, epochs=3, validation_data=(X, X), verbose=0, callbacks=[board])
    found, steps = events("train")
    for name in ("loss", "mae", "learning_rate", "steps_per_second"):
        assert steps[f"epoch_{name}"] == [0, 1, 2]
    assert steps["batch_loss"] == steps["batch_steps_per_second"] == [3, 6, 9, 12]
    weights = [name for name in steps if name.endswith("/histogram")]
    assert len(weights) == 2 and all(steps[name] == [0, 2] for name in weights)
    assert sum(name.endswith("/image") for name in steps) == 2
    assert steps["train_step"] == [0]
    (rate, *_) = [event.tensor_proto for event in found.Tensors("epoch_learning_rate")]
    assert rate.float_val[0] == np.float32(0.1)
    _, steps = events("validation")
    assert steps["epoch_loss"] == [0, 1, 2] and steps["evaluation_loss_vs_iterations"] == [4, 8, 12]


def test_a_metric_may_say_several_numbers(tmp_path):
    model = K.Sequential([K.Input((1,)), K.layers.Dense(3, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[K.metrics.F1Score()])
    y, logger = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0, 1]], C.CSVLogger(tmp_path / "log.csv")
    history = model.fit(X, y, verbose=2, callbacks=[logger]).history
    assert history["f1_score"][0].shape == (3,) and isinstance(history["loss"][0], float)
    assert model.evaluate(X, y, verbose=0)[1].shape == (3,)
