"""Fifty steps of every optimizer, with every option, go where Keras's go."""

import json

import numpy as np
import pytest
import recorded
from recorded.optimizer_cases import CASES, SHOWN, descend

import nbtape as tf

K = tf.keras.optimizers
KERAS = recorded.table("optimizers")


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_are_those_of_keras(name, run):
    _, found = descend(tf, name, run)
    assert len(found) == len(KERAS[name]) >= len(SHOWN)
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


SOME = ["Adam all at once", "Adafactor", "Lamb", "Nadam accumulating"]


@pytest.mark.parametrize("name", [*SOME, "SGD CosineDecay", "SGD sparse accumulating"])
def test_a_step_compiles(name, compiled):
    _, found = descend(tf, name, tf.function)
    np.testing.assert_allclose(found, KERAS[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_survives_its_config(name):
    kind, config, _ = CASES[name]
    optimizer = getattr(K, kind).from_config(config)
    written = json.loads(json.dumps(K.serialize(optimizer)))
    assert K.serialize(K.deserialize(written)) == written
    assert {key: written["config"][key] for key in config.keys() - {"learning_rate"}} == {
        key: config[key] for key in config.keys() - {"learning_rate"}
    }


def test_variables_come_in_order():
    optimizer = K.Adam(name="adam", use_ema=True, gradient_accumulation_steps=2)
    optimizer.build([tf.Variable([1.0], name="v"), tf.Variable([2.0], name="w")])
    assert [x.name.removeprefix("adam/") for x in optimizer.variables] == [
        "iteration:0", "learning_rate:0", "v_0_average:0", "w_0_average:0",
        "v_0_gradient_accumulator:0", "w_0_gradient_accumulator:0",
        "v_0_momentum:0", "v_0_velocity:0", "w_0_momentum:0", "w_0_velocity:0",
    ]  # fmt: skip


def test_iterations_count_what_changed_variables():
    v, optimizer = tf.Variable([1.0]), K.SGD(1.0, gradient_accumulation_steps=3)
    found = []
    for slope in (1.0, 2.0, 6.0, 3.0):
        calls = optimizer.apply_gradients([([slope], v)])
        found.append((float(v[0]), int(optimizer.iterations), int(calls)))
    assert found == [(1.0, 0, 1), (1.0, 0, 2), (-2.0, 1, 3), (-2.0, 1, 4)]


def test_values_of_all_variables_can_be_set():
    v, optimizer = tf.Variable([1.0]), K.SGD(0.5, momentum=0.5)
    with pytest.raises(ValueError, match="has not yet been built"):
        optimizer.set_weights([3, 0.25, [1.0]])
    optimizer.build([v])
    optimizer.set_weights([3, 0.25, [1.0]])
    assert [x.numpy().tolist() for x in optimizer.variables] == [3, 0.25, [1.0]]


def test_scaled_slices_are_rows_still():
    v, optimizer = tf.Variable([[1.0], [2.0]]), K.SGD(1.0, loss_scale_factor=2.0)
    optimizer.apply_gradients([(tf.IndexedSlices(tf.constant([[2.0]]), tf.constant([1])), v)])
    assert v.numpy().tolist() == [[1.0], [1.0]] and float(optimizer.scale_loss(3.0)) == 6.0


def test_an_optimizer_written_for_keras():
    class Momentum(K.Optimizer):
        def build(self, variables):
            if not self.built:
                super().build(variables)
                self.momentums, self.counts = self.add_optimizer_variables(variables, ["momentum", "count"])
                self.total = self.add_variable((), "ones", name="total")

        def update_step(self, gradient, variable, learning_rate):
            i = self._get_variable_index(variable)
            self.assign(self.momentums[i], self.momentums[i] * 0.5 - gradient * learning_rate)
            self.assign_add(variable, self.momentums[i])
            self.assign_sub(self.counts[i], [1])

    v, w, optimizer = tf.Variable([1.0]), tf.Variable([2.0]), Momentum(1.0)
    for _ in range(2):
        optimizer.apply_gradients([([1.0], v), ([2.0], w)])
    assert [v.numpy()[0], w.numpy()[0]] == [-1.5, -3.0]
    assert [float(c[0]) for c in optimizer.counts] == [-2.0, -2.0] and float(optimizer.total) == 1.0


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: K.SGD(gradient_accumulation_steps=1), "must be an integer >= 2"),
        (lambda: K.SGD(use_ema=True, ema_momentum=1.5), "`ema_momentum` must be in the range [0, 1]"),
        (lambda: K.SGD(use_ema=True, ema_overwrite_frequency=0.5), "must be an integer >= 1 or None"),
        (lambda: K.SGD().add_optimizer_variables([], ["a"], ["zeros", "ones"]), "number of provided names"),
        (lambda: K.get("adamant"), "Could not interpret optimizer identifier: 'adamant'"),
        (lambda: K.deserialize({"class_name": "Adamant", "config": {}}), "Unknown object: 'Adamant'"),
        (lambda: K.schedules.deserialize({"class_name": "Never", "config": {}}), "'Never'. Give its class"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError) as raised:
        make()
    assert words in str(raised.value)


def test_optimizers_are_found_by_name():
    for given in ("adam", "Adam", {"class_name": "adam", "config": {"learning_rate": 0.001}}, K.Adam()):
        assert repr(K.get(given)) == repr(K.Adam())
    assert K.get("adafactor").learning_rate.numpy() == np.float32(0.001)


def test_optimizers_losses_and_metrics_have_shorter_names():
    assert tf.optimizers.Adagrad is K.Adagrad and set(dir(tf.optimizers)) >= {
        n for n in dir(K) if n[0] != "_"
    }
    assert tf.optimizers.schedules.CosineDecay is K.schedules.CosineDecay
    assert tf.losses is tf.keras.losses and tf.metrics is tf.keras.metrics
