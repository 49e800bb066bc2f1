"""Optimizers step as Keras's do, by whichever way they take: NumPy, a kernel, or a trace."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.graph.trace import trace

K = tf.keras.optimizers
MAKE = {
    "sgd": lambda: K.SGD(0.1),
    "momentum": lambda: K.SGD(0.1, momentum=0.9),
    "nesterov": lambda: K.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: K.Adam(0.1),
    "adam_betas": lambda: K.Adam(0.05, 0.8, 0.95, 1e-3),
    "amsgrad": lambda: K.Adam(0.1, amsgrad=True),
    "decay": lambda: K.SGD(0.1, weight_decay=0.1),
    "clipnorm": lambda: K.SGD(0.1, clipnorm=1.0),
    "clipvalue": lambda: K.SGD(0.1, clipvalue=0.5),
    "global_clipnorm": lambda: K.Adam(0.1, global_clipnorm=1.0, weight_decay=0.01),
}
KERAS = {  # w and b after five steps of `descend`, by Keras 3 in TensorFlow 2.21
    "sgd": [-0.0430118, -1.18098, 0.00512, 0.0107791],
    "momentum": [-1.3802104, 0.0583199, -0.11503, -0.4030309],
    "nesterov": [-1.0453063, 0.2091633, 0.0307214, -0.1147007],
    "adam": [0.5072318, -1.5029601, 0.027818, -0.181947],
    "adam_betas": [0.7523442, -1.7513565, 0.2558409, 0.0552909],
    "amsgrad": [0.5072318, -1.5029601, 0.027818, -0.181947],
    "decay": [-0.0545596, -1.116812, 0.0045112, 0.0108923],
    "clipnorm": [0.6556334, -1.7660528, 0.2249735, -0.1425218],
    "clipvalue": [0.7499999, -1.7500002, 0.25, 0.05],
    "global_clipnorm": [0.4946709, -1.488795, 0.0114473, -0.1963964],
}


def descend(optimizer, w, b, steps=5, run=lambda f: f):
    weights = np.resize(np.float32([1.0, 0.5, 3.0]), w.shape)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * w * weights) + tf.exp(b) * tf.reshape(w, [-1])[0]
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b]))

    step = run(step)
    for _ in range(steps):
        step()
    return np.append(w.numpy(), b.numpy())


def traced(f):
    graph = trace(lambda: f(), [])
    return lambda: graph.run([])


@pytest.mark.parametrize("run", [lambda f: f, traced], ids=["eager", "traced"])
@pytest.mark.parametrize("name", MAKE)
def test_values_are_those_of_keras(name, run):
    optimizer = MAKE[name]()
    found = descend(optimizer, tf.Variable([1.0, -2.0, 0.5]), tf.Variable(0.3), run=run)
    assert np.allclose(found, KERAS[name], atol=1e-6)
    assert int(optimizer.iterations) == 5


@pytest.mark.parametrize("shape", [(64,), (70, 80)])  # by a kernel once it is loaded; by a kernel in any case
@pytest.mark.parametrize("name", MAKE)
def test_kernels_do_what_the_rule_does(name, shape):
    start = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    ways = [MAKE[name]() for _ in range(3)]
    ways[1].fused = lambda: None
    found = [
        descend(o, tf.Variable(start), tf.Variable(0.3), run=run)
        for o, run in zip(ways, [lambda f: f] * 2 + [traced])
    ]
    assert np.allclose(found[0], found[1], rtol=2e-6, atol=1e-6)
    assert np.allclose(found[0], found[2], rtol=2e-6, atol=1e-6)
    for slots in zip(*[o.variables[2:] for o in ways]):
        assert np.allclose(slots[0], slots[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype, tolerance", [("float16", 1e-2), ("bfloat16", 5e-2), ("float64", 1e-5)])
@pytest.mark.parametrize("size", [3, 6000])
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_other_dtypes(name, size, dtype, tolerance):
    start = np.random.default_rng(2).normal(size=size)
    gradients = np.random.default_rng(3).normal(size=(4, size))
    found = []
    for kind in ("float32", dtype):
        optimizer, v = MAKE[name](), tf.Variable(tf.cast(start, kind))
        for g in gradients:
            optimizer.apply_gradients([(tf.cast(g, kind), v)])
        assert {slot.dtype.name for slot in optimizer.variables[2:]} == {kind} == {v.dtype.name}
        found.append(tf.cast(v, "float64").numpy())
    assert np.allclose(*found, atol=tolerance)


def rows(values, indices, shape=(3, 2)):
    return tf.IndexedSlices(tf.constant(values), tf.constant(indices), shape)


def table():
    return tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_sgd_updates_the_rows_of_slices_alone():
    v = table()
    K.SGD(0.1).apply_gradients([(rows([[1.0, 1.0], [2.0, 2.0]], [0, 0]), v)])
    assert np.allclose(v.numpy(), [[0.7, 1.7], [3.0, 4.0], [5.0, 6.0]])


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("run", [lambda f: f, traced], ids=["eager", "traced"])
def test_slices_step_as_the_dense_gradient_they_stand_for(name, run):
    found = []
    for dense in (False, True):
        optimizer, v = MAKE[name](), table()

        def step(optimizer=optimizer, v=v, dense=dense):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(v, [0, 2]) ** 2)
            g = tape.gradient(loss, v)
            assert isinstance(g, tf.IndexedSlices)
            optimizer.apply_gradients([(tf.convert_to_tensor(g) if dense else g, v)])

        step = run(step)
        for _ in range(4):
            step()
        found.append(v.numpy())
    assert np.allclose(*found, atol=1e-6)


def test_adam_takes_rows_named_twice_as_their_sum():
    found = []
    for dense in (False, True):
        v, optimizer = table(), K.Adam(0.1)
        for _ in range(2):
            g = rows([[1.0, 1.0], [2.0, 2.0]], [0, 0])
            optimizer.apply_gradients([(tf.convert_to_tensor(g) if dense else g, v)])
        found.append(v.numpy())
    assert np.array_equal(*found)


def test_vanished_moments_become_zero():
    v, optimizer = tf.Variable(tf.ones([6000])), K.Adam(0.1)
    optimizer.apply_gradients([(tf.ones([6000]), v)])
    zero = tf.zeros([6000])
    for _ in range(1000):
        optimizer.apply_gradients([(zero, v)])
    assert optimizer.variables[2].numpy().max() == 0.0


def test_the_learning_rate_is_a_variable_that_can_be_set():
    optimizer, v = K.SGD(0.5), tf.Variable(1.0)
    assert optimizer.learning_rate.numpy() == np.float32(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate.assign(0.125)
    optimizer.apply_gradients([(1.0, v)])
    assert float(v) == 0.875


def test_the_learning_rate_can_be_a_function_or_a_schedule():
    class Tenth(K.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * tf.cast(step + 1, tf.float32)

    v, w, u = tf.Variable(0.0), tf.Variable(0.0), tf.Variable(0.0)
    by_function, by_schedule, in_a_trace = K.SGD(lambda: 0.5), K.SGD(Tenth()), K.SGD(Tenth())
    step = traced(lambda: [in_a_trace.apply_gradients([(1.0, u)]), None][1])
    for _ in range(3):
        by_function.apply_gradients([(1.0, v)])
        by_schedule.apply_gradients([(1.0, w)])
        step()
    assert np.allclose([float(v), float(w), float(u)], [-1.5, -0.6, -0.6])
    assert float(by_schedule.learning_rate) == pytest.approx(0.4)
    with pytest.raises(TypeError, match="hence its learning rate is not settable"):
        by_schedule.learning_rate = 0.1
    by_number = K.SGD(0.1)
    by_number.learning_rate = Tenth()
    assert len(by_number.variables) == 1


def test_variables_are_named_after_what_they_are_kept_for():
    optimizer, v = K.Adam(name="opt"), tf.Variable([1.0, 2.0], name="a/b")
    optimizer.build([v])
    assert [x.name for x in optimizer.variables] == [
        "opt/iteration:0", "opt/learning_rate:0", "opt/a_b_0_momentum:0", "opt/a_b_0_velocity:0"]  # fmt: skip
    assert not any(x.trainable for x in optimizer.variables)
    assert optimizer.iterations.dtype == tf.int64
    first, second = K.SGD().name, K.SGD().name
    assert first.startswith("sgd") and first != second


def test_a_missing_gradient_is_passed_over_with_a_warning():
    a, b, optimizer = tf.Variable(1.0), tf.Variable(1.0, name="b"), K.SGD(0.5)
    with pytest.warns(
        UserWarning, match=r"Gradients do not exist for variables \['b:0'\] when minimizing the loss"
    ):
        optimizer.apply_gradients([(1.0, a), (None, b)])
    assert [float(a), float(b)] == [0.5, 1.0]
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        K.SGD().apply_gradients([(None, a)])
    optimizer.apply([])
    assert int(optimizer.iterations) == 1


def test_constraints_are_applied_after_the_step():
    v = tf.Variable([1.0, 2.0], constraint=lambda x: tf.maximum(x, 0.75))
    K.SGD(0.5).apply_gradients([([1.0, 2.0], v)])
    assert v.numpy().tolist() == [0.75, 1.0]


def test_weight_decay_passes_over_what_it_is_told_to():
    found = []
    for words, listed in [((), False), (("bia",), False), ((), True)]:
        v, optimizer = tf.Variable([1.0, 2.0], name="bias"), K.SGD(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay([v] if listed else None, words)
        optimizer.apply_gradients([([0.0, 0.0], v)])
        found.append(v.numpy()[0])
    assert np.allclose(found, [0.95, 1.0, 1.0])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: K.SGD("a"), "Argument `learning_rate` should be float"),
        (lambda: K.SGD([0.1]), "Argument `learning_rate` should be float"),
        (lambda: K.SGD(momentum=2.0), "`momentum` must be a float between [0, 1]."),
        (
            lambda: K.SGD(clipnorm=1.0, clipvalue=2.0),
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set.",
        ),
        (lambda: K.SGD(foo=1), "Argument(s) not recognized: {'foo': 1}"),
        (
            lambda: K.SGD().apply([1.0]),
            "When passing `grads` without `variables`, the optimizer must already be built",
        ),
        (
            lambda: K.SGD().minimize(tf.constant(1.0), []),
            "`tape` is required when a `Tensor` loss is passed.",
        ),
    ],
)
def test_what_an_optimizer_refuses(make, words):
    with pytest.raises(ValueError) as raised:
        make()
    assert words in str(raised.value)


def test_an_optimizer_knows_its_variables():
    optimizer, v = K.SGD(0.5), tf.Variable(1.0)
    optimizer.build([v])
    optimizer.apply([1.0])
    assert float(v) == 0.5 and optimizer.built
    with pytest.raises(
        ValueError, match="Received a list of 2 gradients, but the optimizer is tracking 1 trainable"
    ):
        optimizer.apply([1.0, 1.0])
    with pytest.raises(ValueError, match=r"Unknown variable: <tf.Variable 'new:0' shape=\(\) dtype=float32>"):
        optimizer.apply_gradients([(1.0, tf.Variable(1.0, name="new"))])


def test_the_view_that_assign_gives_stands_for_its_variable():
    optimizer, v = K.SGD(0.5), tf.Variable(1.0)
    optimizer.build([v])
    optimizer.apply_gradients([(1.0, v.assign(2.0))])
    assert float(v) == 1.5


def test_minimize_takes_a_function_or_a_tape():
    v, optimizer = tf.Variable(2.0), K.SGD(0.1)
    steps = optimizer.minimize(lambda: v * v, [v])
    with tf.GradientTape() as tape:
        loss = v * v
    optimizer.minimize(loss, lambda: [v], tape)
    assert np.isclose(float(v), 2.0 * 0.8 * 0.8) and int(steps) == 2


def test_an_optimizer_survives_its_config():
    for name, make in MAKE.items():
        config = make().get_config()
        again = type(make()).from_config(config)
        assert again.get_config() == config, name
    assert (
        repr(K.Adam(0.01))
        == "Adam(learning_rate=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)"
    )


@pytest.mark.parametrize("run", [lambda f: f, traced], ids=["eager", "traced"])
def test_an_optimizer_of_ones_own(run):
    class Keras(K.Optimizer):
        def build(self, variables):
            super().build(variables)
            self.sums = [self.add_variable_from_reference(v, "sum", "ones") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            total = self.sums[0]
            total.assign_add(gradient)
            variable.assign_sub(learning_rate * total)

    class Own(K.Optimizer):
        slots = ("sum",)

        def rule(self, g, p, total, rate):
            return p - rate * (total + g + 1.0), total + g

    found = []
    for make in (Keras, Own):
        optimizer, v = make(0.1), tf.Variable([1.0, 2.0])
        optimizer.build([v])
        step = run(lambda optimizer=optimizer, v=v: [optimizer.apply_gradients([(tf.ones([2]), v)]), None][1])
        step()
        step()
        found.append(v.numpy())
    assert np.allclose(*found)


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "traced"])
def test_a_rule_of_ones_own_is_followed_though_its_base_has_a_kernel(run, size):
    class Halving(tf.keras.optimizers.SGD):
        def rule(self, g, p, *values):
            return (p * 0.5,)

    v, halving = tf.Variable(tf.ones([size])), Halving()
    run(lambda: halving.apply([tf.ones([size])], [v]))()
    np.testing.assert_array_equal(v.numpy(), np.full(size, 0.5))


def test_a_step_of_ones_own_is_made_for_each_variable():
    class Counting(tf.keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            stepped.append(variable)
            super().update_step(gradient, variable, learning_rate)

    stepped, variables = [], [tf.Variable(tf.ones([n])) for n in (3, 5000)]
    Counting().apply_gradients([(tf.ones_like(v), v) for v in variables])
    assert [v.shape for v in stepped] == [[3], [5000]]
    assert all(np.all(v.numpy() < 1) for v in variables)


def test_a_variable_may_be_named_twice_in_a_step():
    v = tf.Variable(tf.ones([5000]))
    tf.keras.optimizers.SGD(0.25).apply_gradients([(tf.ones([5000]), v), (tf.ones([5000]), v)])
    np.testing.assert_array_equal(v.numpy(), np.full(5000, 0.5))


def test_a_value_read_before_a_step_stays_as_it_was():
    v, adam = tf.Variable(tf.ones([5000])), tf.keras.optimizers.Adam()
    for _ in range(3):
        before = v.value()
        copy = before.numpy().copy()
        adam.apply_gradients([(before, v)])
        np.testing.assert_array_equal(before.numpy(), copy)
        assert np.all(v.numpy() < copy)


def test_an_optimizer_made_in_a_function_trains_on():
    v, optimizer = tf.Variable([1.0, -2.0]), K.Adam(0.1)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v**4)
        optimizer.apply_gradients([(tape.gradient(loss, v), v)])
        return loss

    losses = [float(step()) for _ in range(4)]
    assert np.allclose(losses, [17.0, 13.688221, 10.9275503, 8.65352535], atol=1e-4)
