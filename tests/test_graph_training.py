"""What TensorFlow 1 trains with: optimizers, losses, averages and decays, held to what TensorFlow gives."""

import numpy as np
import pytest

import nbtape as tf

v1 = tf.compat.v1
train, losses = v1.train, v1.losses


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(things):
    return [x.name for x in things]


# Three steps down sum(v*v) + sum(gather(e, [0, 2, 2])**2): v, row 0 and row 2 of e, by TensorFlow 2.21.
STEPS = {
    "GradientDescent": (lambda: train.GradientDescentOptimizer(0.1), [1.024, 2.048], [0.512, 1.024],
                        [1.08, 1.296]),
    "Momentum": (lambda: train.MomentumOptimizer(0.1, 0.9), [0.124, 0.248], [0.062, 0.124], [-2.7, -3.24]),
    "Nesterov": (lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True), [-0.21670395, -0.4334079],
                 [-0.10835198, -0.21670395], [-2.1664798, -2.5997758]),
    "Adam": (lambda: train.AdamOptimizer(0.1), [1.7006245, 3.700275], [0.7015873, 1.7006245],
             [4.7002144, 5.700176]),
    "Adagrad": (lambda: train.AdagradOptimizer(0.1), [1.7762966, 3.7737634], [0.7822992, 1.7762966],
                [4.7732377, 5.7729506]),
    "Adadelta": (lambda: train.AdadeltaOptimizer(0.1), [1.9998643, 3.999864], [0.99986434, 1.9998643],
                 [4.999864, 5.999864]),
    "RMSProp": (lambda: train.RMSPropOptimizer(0.1, momentum=0.5), [1.131669, 2.9910452],
                [0.387154, 1.131669], [3.9438443, 4.9368997]),
    "centered": (lambda: train.RMSPropOptimizer(0.1, centered=True), [1.363653, 3.2522416],
                 [0.5589304, 1.363653], [4.214627, 5.2088943]),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_optimizers_step_as_tensorflow_does(name):
    make, wanted, first, last = STEPS[name]
    v = tf.Variable([2.0, 4.0], name="v")
    e = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], name="e")
    step, optimizer = train.get_or_create_global_step(), make()
    loss = tf.reduce_sum(v * v) + tf.reduce_sum(tf.gather(e, [0, 2, 2]) ** 2.0)
    descend = optimizer.minimize(loss, global_step=step)
    assert descend.type == "AssignAddVariableOp" and descend.name == optimizer.get_name()
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for _ in range(3):
            session.run(descend)
        np.testing.assert_allclose(session.run(v), wanted, rtol=2e-5)
        np.testing.assert_allclose(session.run(e), [first, [3.0, 4.0], last], rtol=2e-5)
        assert session.run(step) == 3 == train.global_step(session, step)


def test_slots_are_named_after_their_variables():
    v = tf.Variable([2.0, 4.0], name="v")
    adam = train.AdamOptimizer(0.1)
    op = adam.minimize(tf.reduce_sum(v))
    assert names(adam.variables()) == ["beta1_power:0", "beta2_power:0", "v/Adam:0", "v/Adam_1:0"]
    assert adam.get_slot_names() == ["m", "v"] and adam.get_slot(v, "v").name == "v/Adam_1:0"
    assert v1.get_collection(v1.GraphKeys.TRAIN_OP) == [op] and v1.trainable_variables() == [v]


def test_gradients_may_be_changed_before_they_are_applied():
    v, unused = tf.Variable([3.0, 4.0]), tf.Variable(1.0)
    rate = v1.placeholder(tf.float32, [])
    optimizer = train.GradientDescentOptimizer(rate)
    pairs = optimizer.compute_gradients(tf.reduce_sum(v * v))
    assert [x for _, x in pairs] == [v, unused] and pairs[1][0] is None
    assert pairs[0][0].name.startswith("gradients/")
    op = optimizer.apply_gradients([(tf.clip_by_norm(g, 1.0), x) for g, x in pairs if g is not None])
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        session.run(op, {rate: 1.0})
        np.testing.assert_allclose(session.run(v), [2.4, 3.2], rtol=1e-6)


@pytest.mark.parametrize(
    "misuse, error, words",
    [
        (lambda o, v, c: o.minimize(c), ValueError, "No gradients provided for any variable"),
        (lambda o, v, c: o.minimize(c, var_list=[]), ValueError, "No variables to optimize"),
        (lambda o, v, c: o.apply_gradients([]), ValueError, "No variables provided"),
        (lambda o, v, c: o.apply_gradients([(3, v)]), TypeError, "Gradient must be a Tensor"),
        (
            lambda o, v, c: o.compute_gradients(c, gate_gradients=7),
            ValueError,
            "gate_gradients must be one of",
        ),
    ],
)
def test_optimizers_explain_misuse(misuse, error, words):
    v, c = tf.Variable(1.0), tf.constant(1.0)
    with pytest.raises(error) as raised:
        misuse(train.GradientDescentOptimizer(0.1), v, c)
    assert words in str(raised.value)


A, B = [[1.0, 2.0], [3.0, 5.0]], [[0.5, 2.5], [2.0, 1.0]]
ONE_HOT, WEIGHTS = [[0.0, 1.0], [1.0, 0.0]], [[1.0], [0.0]]
LOSSES = [
    ("mean_squared_error", (ONE_HOT, B), {}, 1.125),
    ("mean_squared_error", (ONE_HOT, B, WEIGHTS), {}, 1.25),
    ("mean_squared_error", (A, B), {"weights": 0.0}, 0.0),
    ("mean_squared_error", (A, B, WEIGHTS), {"reduction": losses.Reduction.SUM}, 0.5),
    ("mean_squared_error", (A, B, WEIGHTS), {"reduction": losses.Reduction.MEAN}, 0.25),
    ("mean_squared_error", (A, B, WEIGHTS), {"reduction": losses.Reduction.SUM_OVER_BATCH_SIZE}, 0.125),
    ("absolute_difference", (ONE_HOT, B, 2.0), {}, 2.0),
    ("huber_loss", (ONE_HOT, B), {}, 0.53125),
    ("log_loss", ([[0.0, 1.0]], [[0.2, 0.7]]), {}, 0.2899092),
    ("hinge_loss", (ONE_HOT, B), {}, 0.875),
    ("softmax_cross_entropy", (ONE_HOT, B), {}, 0.22009),
    ("softmax_cross_entropy", (ONE_HOT, B), {"weights": [1.0, 0.0], "label_smoothing": 0.1}, 0.22693),
    ("sparse_softmax_cross_entropy", ([[0], [1]], B), {"weights": [1.0, 3.0]}, 3.03336),
    ("sigmoid_cross_entropy", (ONE_HOT, B), {"label_smoothing": 0.2}, 0.69829),
    ("cosine_distance", (A, B), {"axis": 1}, -7.25),
]


@pytest.mark.parametrize("name, args, options, wanted", LOSSES)
def test_losses(name, args, options, wanted):
    loss = getattr(losses, name)(*args, **options)
    assert v1.get_collection("losses") == [loss]
    with v1.Session() as session:
        np.testing.assert_allclose(session.run(loss), wanted, rtol=1e-4)


def test_losses_add_up():
    losses.mean_squared_error(A, B, scope="scope")
    losses.add_loss(tf.constant(3.0))
    v1.get_variable("w", [2], regularizer=lambda w: tf.constant(0.5))
    assert names(losses.get_losses()) == ["scope/value:0", "Const:0"]
    total = losses.get_total_loss()
    with v1.Session() as session:
        assert session.run([total, losses.get_regularization_loss()]) == [7.875, 0.5]


@pytest.mark.parametrize(
    "misuse, words",
    [
        (
            lambda: losses.mean_squared_error(A, [[1.0, 2.0]]),
            r"Shapes \(1, 2\) and \(2, 2\) are incompatible",
        ),
        (lambda: losses.mean_squared_error(A, B, weights=[1.0, 2.0, 3.0]), "weights can not be broadcast"),
        (lambda: losses.mean_squared_error(None, B), "Argument `labels` must not be None"),
        (lambda: losses.mean_squared_error(A, B, reduction="bad"), "Invalid Reduction Key bad"),
        (losses.get_total_loss, "There are no losses"),
    ],
)
def test_losses_explain_misuse(misuse, words):
    with pytest.raises(ValueError, match=words):
        misuse()


@pytest.mark.parametrize("counted, wanted", [(False, [1.561, 2.561]), (True, [3.6014, 4.6014])])
def test_averages_of_variables(counted, wanted):
    v, n = tf.Variable([1.0, 2.0], name="v"), tf.Variable(0, trainable=False, name="n")
    ema = train.ExponentialMovingAverage(0.9, num_updates=n if counted else None)
    more, one, move = v.assign_add([1.0, 1.0]), n.assign_add(1), ema.apply()
    assert move.name == "ExponentialMovingAverage" and ema.average_name(v) == "v/ExponentialMovingAverage"
    assert v1.moving_average_variables() == [v] and sorted(ema.variables_to_restore()) == [
        *["n", "v/ExponentialMovingAverage"]
    ]
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        for op in [more, one, move] * 3:
            session.run(op)
        np.testing.assert_allclose(session.run(ema.average(v)), wanted, rtol=1e-4)


def test_averages_of_tensors_start_from_zero_or_make_up_for_it():
    x = v1.placeholder(tf.float32, [])
    plain, debiased = (
        train.ExponentialMovingAverage(0.9),
        train.ExponentialMovingAverage(0.9, None, True, "B"),
    )
    y = x * 1.0
    move = tf.group(plain.apply([y]), debiased.apply([y]))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        found = [session.run(move, {x: value}) or session.run([plain.average(y), debiased.average(y)])
                 for value in (4.0, 6.0)]  # fmt: skip
    np.testing.assert_allclose(found, [[0.4, 4.0], [0.96, 0.96 / 0.19]], rtol=1e-5)
    with pytest.raises(TypeError, match="The variables must be half, float, or double"):
        plain.apply([tf.Variable(1)])


STEPS_OF_DECAY = (0, 3, 5, 10, 25)


@pytest.mark.parametrize(
    "make, wanted",
    [
        (lambda s: train.exponential_decay(0.1, s, 10, 0.5), [0.1, 0.081225, 0.070711, 0.05, 0.017678]),
        (lambda s: train.exponential_decay(0.1, s, 10, 0.5, staircase=True), [0.1, 0.1, 0.1, 0.05, 0.025]),
        (lambda s: train.piecewise_constant(s, [3, 10], [1.0, 0.5, 0.1]), [1.0, 1.0, 0.5, 0.5, 0.1]),
        (lambda s: train.polynomial_decay(0.1, s, 10, 0.01), [0.1, 0.073, 0.055, 0.01, 0.01]),
        (
            lambda s: train.polynomial_decay(0.1, s, 10, 0.01, power=2.0, cycle=True),
            [0.1, 0.0541, 0.0325, 0.01, 0.0125],
        ),
        (lambda s: train.natural_exp_decay(0.1, s, 10, 0.5), [0.1, 0.086071, 0.07788, 0.060653, 0.02865]),
        (lambda s: train.inverse_time_decay(0.1, s, 10, 0.5), [0.1, 0.086957, 0.08, 0.066667, 0.044444]),
        (lambda s: train.cosine_decay(0.1, s, 10, alpha=0.1), [0.1, 0.08145, 0.055, 0.01, 0.01]),
    ],
)
def test_rates_fall_with_the_global_step(make, wanted):
    step = v1.placeholder(tf.int64, [])
    rate = make(step)
    with v1.Session() as session:
        found = [session.run(rate, {step: n}) for n in STEPS_OF_DECAY]
    np.testing.assert_allclose(found, wanted, atol=2e-6)


# Names that are older than the functions they stand for


def test_older_spellings():
    x = tf.constant([[1.0, 2.0], [3.0, 5.0]])
    found = [
        v1.reduce_sum(x, reduction_indices=[1]),
        v1.reduce_mean(x, axis=0, keep_dims=True),
        v1.argmax(x, dimension=1),
        v1.div(7, 2),
        v1.to_int32(x),
        v1.squeeze(x[None], squeeze_dims=[0]),
        v1.nn.softmax(x, dim=0),
        v1.nn.xw_plus_b(x, x, [1.0, 1.0]),
    ]
    with v1.Session() as session:
        sums, means, most, third, whole, same, shares, plus = session.run(found)
    assert sums.tolist() == [3.0, 8.0] and means.tolist() == [[2.0, 3.5]] and most.tolist() == [1, 1]
    assert third == 3 and whole.dtype == np.int32 and same.shape == (2, 2) and plus[0, 0] == 8.0
    np.testing.assert_allclose(shares.sum(0), [1.0, 1.0], rtol=1e-6)
    with pytest.raises(ValueError, match="Cannot specify both 'reduction_indices' and 'axis'"):
        v1.reduce_sum(x, axis=0, reduction_indices=0)


@pytest.mark.parametrize(
    "optimizer, slot",
    [(train.AdamOptimizer(0.1, beta1=0.5), "m"), (train.MomentumOptimizer(0.1, 0.5), "momentum")],
)
def test_moments_that_have_all_but_vanished_are_zero(optimizer, slot):
    v, g = v1.get_variable("v", [2]), v1.placeholder(tf.float32, [2])
    step = optimizer.apply_gradients([(g, v)])
    moment = optimizer.get_slot(v, slot)
    with v1.Session() as sess:
        sess.run(v1.global_variables_initializer())
        sess.run(step, {g: [1.0, 1.0]})
        for _ in range(60):
            sess.run(step, {g: [0.0, 1.0]})
        assert sess.run(moment)[0] > 0
        for _ in range(60):  # 2**-120 is no denormal number yet
            sess.run(step, {g: [0.0, 1.0]})
        assert sess.run(moment)[0] == 0 < sess.run(moment)[1]
