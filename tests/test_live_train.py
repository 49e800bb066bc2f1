"""`%%train`, and `fit` in front of the live panel, in a shell without a panel."""

import numpy as np
import pytest
from IPython.core.error import UsageError

import nbtape as tf
from nbtape.notebook.graphs.show import still

pytest_plugins = ["shells"]

DATA = "data = [(tf.constant([[1.0, 2.0]]), 8.0), (tf.constant([[0.0, 1.0]]), 3.0)]"
BATCHES = """\
%%train run --steps 5 --optimizer adam --vars b --batch data
xs, ys = batch
loss = tf.reduce_mean((xs @ w + b - ys) ** 2)
"""


@pytest.mark.parametrize("compile", ["", "--compile"])
def test_cell_is_the_step(notebook, compile, capsys, request):
    if compile:
        request.getfixturevalue("compiled")
    notebook.run(
        f"%%train --steps 200 --optimizer sgd(0.01) {compile}\nloss = tf.reduce_sum((x @ w + b - 1.0) ** 2)"
    )
    assert notebook.run("float((x @ w + b)[0, 0])") == pytest.approx(1.0, abs=1e-3)
    assert notebook.run("live.step, live.state, list(live.table.names)") == (
        200,
        "done",
        ["weights", "Variable"],
    )
    assert capsys.readouterr().out.startswith("live: 200 of 200 steps, done, loss ")
    assert "loss" not in notebook.shell.user_ns and "_nbtape_step" not in notebook.shell.user_ns


def test_batches_come_again_and_only_named_variables_are_trained(notebook):
    notebook.run(DATA)
    notebook.run(BATCHES)
    assert notebook.run("run.name, len(run.history['loss']), w.numpy().tolist()") == (
        "run",
        5,
        [[1.0], [2.0]],
    )


def test_users_own_optimizer_goes_on_where_it_was(notebook):
    notebook.run("mine = tf.keras.optimizers.Adam(0.1)")
    for _ in range(2):
        notebook.run("%%train --steps 3 --optimizer mine\nloss = b * b")
    assert notebook.run("int(mine.iterations)") == 6


def test_errors_of_the_step_name_its_cell_and_line(notebook, capsys):
    cell = '%%train --steps 3\ntext = """\nfirst\n"""\nloss = b * undefined'
    result = notebook.shell.run_cell(cell, store_history=True)
    assert isinstance(result.error_in_exec, NameError)
    assert f"Cell In[{result.execution_count}], line 5" in capsys.readouterr().out


def test_operation_that_makes_nan_is_named_by_its_line(notebook, capsys):
    notebook.run(
        "%%train --steps 4 --optimizer sgd(0.5) --vars b\nroot = tf.sqrt(b)\nloss = root * b * 0.0 + b"
    )
    told = capsys.readouterr().out
    assert told.startswith("step 2: loss is not finite") and "sqrt made 1 of 1" in told
    assert "line 2: root = tf.sqrt(b)" in told


@pytest.mark.parametrize(
    "line, told",
    [
        ("--steps 0", "whole number"),
        ("--optimizer nothing(1)", "nothing"),
        ("--vars 5", "wants variables"),
        ("--batch []", "has no batch"),
        ("--fast", "--fast"),
        ("a b", "no name"),
    ],
)
def test_usage_is_told(notebook, line, told):
    with pytest.raises(UsageError, match=told):
        notebook.run(f"%%train {line}\nloss = b * b")


class Model:
    """A small model, its data, and the callback that shows it."""

    def __init__(self, **options):
        self.model = tf.keras.Sequential(
            [tf.keras.layers.Dense(3, activation="tanh"), tf.keras.layers.Dense(1)]
        )
        self.model.compile(tf.keras.optimizers.SGD(0.1), "mse")
        self.shown = tf.keras.callbacks.Live(**options)

    def fit(self, *callbacks, **options):
        x, y = np.ones((8, 2), "f"), np.zeros((8, 1), "f")
        self.model.fit(x, y, batch_size=4, verbose=0, callbacks=[self.shown, *callbacks], **options)


def test_fit_is_shown_with_its_validation():
    run = Model()
    run.fit(epochs=2, validation_data=(np.ones((4, 2), "f"), np.zeros((4, 1), "f")))
    live = run.shown.live
    assert (live.step, live.total, live.state, len(live.table.names)) == (4, 4, "done", 4)
    assert live.history["val_loss"].steps.tolist() == [1, 3]
    assert "dense" in still(live.called)[1]  # the graph that the panel shows


class Send(tf.keras.callbacks.Callback):
    def __init__(self, shown, *commands):
        self.shown, self.commands = shown, commands

    def on_train_batch_begin(self, batch, logs=None):
        for number, (name, *args) in enumerate(self.commands):
            self.shown.live.mailbox.put({"client": "browser", "seq": number, "command": name, "args": args})


def test_fit_is_stopped_from_the_panel():
    run = Model()
    run.fit(Send(run.shown, ("stop",)), epochs=5)
    assert (run.shown.live.step, run.shown.live.state) == (1, "stopped")


def test_layer_that_is_switched_off_in_mid_fit_stays_as_it_is():
    run, before = Model(), []

    class Keep(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            before.append([v.numpy().copy() for v in self.model.variables])

    run.model.build((None, 2))
    names = ("trainable", next(iter(tf.live(run.model).table.names)), False)
    run.fit(Send(run.shown, names), Keep(), epochs=4)
    assert [entry[1] for entry in run.shown.live.journal] == ["trainable"]
    first, others = [[not np.array_equal(a[i], b[i]) for a, b in zip(before[1:], before[2:])] for i in (0, 2)]
    assert not any(first) and all(others)
