"""The adaptive optimizers and the schedules give TensorFlow's numbers."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.graph.trace import trace

K = tf.keras.optimizers
S = K.schedules
MAKE = {
    "rmsprop": lambda: K.RMSprop(0.05),
    "rmsprop_all": lambda: K.RMSprop(0.05, momentum=0.5, centered=True),
    "rmsprop_centered": lambda: K.RMSprop(0.05, centered=True),
    "rmsprop_momentum": lambda: K.RMSprop(0.05, momentum=0.5),
    "adagrad": lambda: K.Adagrad(0.1),
    "adadelta": lambda: K.Adadelta(1.0),
    "adamw": lambda: K.AdamW(0.05),
    "adamax": lambda: K.Adamax(0.05),
    "nadam": lambda: K.Nadam(0.05),
    "lion": lambda: K.Lion(0.05),
    "ftrl": lambda: K.Ftrl(0.1),
    "ftrl_all": lambda: K.Ftrl(0.1, -0.6, 0.2, 0.01, 0.02, 0.03, 0.1),
}
KERAS = {  # w and b after fifty steps of `descend`, by Keras 3 in TensorFlow 2.21
    "rmsprop": [-1.3337626, -0.0517612, 0.0, 1.5975198],
    "rmsprop_all": [-8.4873571, -2e-07, -0.0, 9.0098515],
    "rmsprop_centered": [-3.2876599, -0.0014705, -0.0, 3.3390746],
    "rmsprop_momentum": [-5.6664157, 4.5e-06, -0.0, 6.3852692],
    "adagrad": [0.0528717, -0.9105031, 0.0014558, -0.372816],
    "adadelta": [0.9261556, -1.9250203, 0.428501, 0.2283758],
    "adamw": [-0.3523566, -0.1104512, -0.0025818, -0.5392884],
    "adamax": [-0.2171726, -0.3884422, 0.0009937, -0.4622797],
    "nadam": [-0.3174091, -0.2695161, 0.0123422, -0.5026299],
    "lion": [-0.4000002, 0.4999993, -0.0, -2.1999991],
    "ftrl": [-0.0096402, -0.6596072, 0.0006079, -0.3673469],
    "ftrl_all": [0.2082923, -0.7915387, 0.0076545, -0.3955034],
}
SCHEDULES = {
    "exponential": S.ExponentialDecay(0.1, 4, 0.5),
    "staircase": S.ExponentialDecay(0.1, 4, 0.5, True),
    "inverse": S.InverseTimeDecay(0.1, 4, 0.5),
    "inverse_stairs": S.InverseTimeDecay(0.1, 4, 0.5, True),
    "piecewise": S.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]),
    "polynomial": S.PolynomialDecay(0.1, 4, 0.01, 2.0),
    "cycle": S.PolynomialDecay(0.1, 4, 0.01, 0.5, cycle=True),
    "cosine": S.CosineDecay(0.1, 6, 0.1),
    "warmup": S.CosineDecay(0.01, 4, 0.1, warmup_target=0.2, warmup_steps=3),
    "restarts": S.CosineDecayRestarts(0.1, 2, 2.0, 0.8, 0.1),
    "even": S.CosineDecayRestarts(0.1, 3, 1.0, 0.5),
}
STEPS = [0, 1, 2, 3, 5, 8, 11]
RATES = {  # at STEPS, by Keras 3 in TensorFlow 2.21
    "exponential": [0.1, 0.0840896, 0.0707107, 0.0594604, 0.0420448, 0.025, 0.0148651],
    "staircase": [0.1, 0.1, 0.1, 0.1, 0.05, 0.025, 0.025],
    "inverse": [0.1, 0.0888889, 0.08, 0.0727273, 0.0615385, 0.05, 0.0421053],
    "inverse_stairs": [0.1, 0.1, 0.1, 0.1, 0.0666667, 0.05, 0.05],
    "piecewise": [1.0, 1.0, 1.0, 0.5, 0.5, 0.1, 0.1],
    "polynomial": [0.1, 0.060625, 0.0325, 0.015625, 0.01, 0.01, 0.01],
    "cycle": [0.1, 0.0879423, 0.0736396, 0.055, 0.0651135, 0.01, 0.0359808],
    "cosine": [0.1, 0.0939711, 0.0775, 0.055, 0.0160289, 0.01, 0.01],
    "warmup": [0.01, 0.0733333, 0.1366667, 0.2, 0.11, 0.02, 0.02],
    "restarts": [0.1, 0.055, 0.082, 0.0714559, 0.0205442, 0.0591647, 0.0277787],
    "even": [0.1, 0.075, 0.025, 0.05, 0.0125, 0.00625, 0.003125],
}


def traced(f):
    graph = trace(lambda: f(), [])
    return lambda: graph.run([])


def descend(optimizer, run=lambda f: f):
    w, b = tf.Variable([1.0, -2.0, 0.5]), tf.Variable(0.3)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * w * [1.0, 0.5, 3.0]) + tf.exp(b) * w[0]
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b]))

    step = run(step)
    for _ in range(50):
        step()
    return np.append(w.numpy(), b.numpy())


@pytest.mark.parametrize("run", [lambda f: f, traced], ids=["eager", "traced"])
@pytest.mark.parametrize("name", MAKE)
def test_fifty_steps_are_those_of_keras(name, run):
    optimizer = MAKE[name]()
    np.testing.assert_allclose(descend(optimizer, run), KERAS[name], rtol=1e-5, atol=1e-5)
    assert int(optimizer.iterations) == 50


@pytest.mark.parametrize("name", ["rmsprop_all", "nadam", "ftrl_all"])
def test_a_compiled_step_is_the_eager_step(name):
    make = MAKE[name]
    np.testing.assert_allclose(descend(make(), tf.function), descend(make()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MAKE)
def test_an_optimizer_survives_its_config(name):
    config = MAKE[name]().get_config()
    assert type(MAKE[name]()).from_config(config).get_config() == config


def test_default_rates_and_starts():
    v = tf.Variable([1.0, 2.0])
    for make, start in [(K.Adagrad, 0.1), (lambda: K.Ftrl(initial_accumulator_value=0.5), 0.5)]:
        optimizer = make()
        optimizer.build([v])
        assert float(optimizer.learning_rate) == np.float32(0.001)
        assert optimizer.variables[2].numpy().tolist() == [np.float32(start)] * 2


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: K.AdamW(weight_decay=None), "Argument `weight_decay` must be a float"),
        (lambda: K.Lion(beta_1=0.0), "Argument `beta_1` must be in the [0, 1] range"),
        (lambda: K.Ftrl(learning_rate_power=0.5), "`learning_rate_power` needs to be negative or zero"),
        (lambda: K.Ftrl(beta=0.0, l1_regularization_strength=-1.0), "needs to be positive or zero"),
        (lambda: K.RMSprop(foo=1), "Argument(s) not recognized: {'foo': 1}"),
        (lambda: S.ExponentialDecay(0.1, 0, 0.5), "Argument `decay_steps` must be > 0"),
        (lambda: S.PiecewiseConstantDecay([1], [1.0]), "The length of boundaries should be 1 less"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(ValueError) as raised:
        make()
    assert words in str(raised.value)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_keras(name):
    schedule = SCHEDULES[name]
    np.testing.assert_allclose([float(schedule(i)) for i in STEPS], RATES[name], rtol=1e-5)
    again = type(schedule).from_config(schedule.get_config())
    np.testing.assert_array_equal([float(again(i)) for i in STEPS], [float(schedule(i)) for i in STEPS])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_can_be_traced(name):
    rate = tf.function(SCHEDULES[name])
    found = [float(rate(tf.constant(i, tf.int64))) for i in STEPS]
    np.testing.assert_allclose(found, RATES[name], rtol=1e-5)
