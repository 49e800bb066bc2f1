"""tf.function: when it traces, what its arguments are, state, gradients, methods, errors."""

import copy
import functools
import gc
import weakref

import numpy as np
import pytest

import nbtape as tf


def counting(function=lambda *args: tf.constant(0), **options):
    """A tf.function, and the list of its traces."""
    traces: list = []

    def counted(*args):
        traces.append(args)
        return function(*args)

    return tf.function(counted, **options), traces


class Thing:
    pass


THING, VARIABLE = Thing(), tf.Variable(1.0)


@pytest.mark.parametrize(
    "calls, count",
    [
        ([1, 2, 1], 2),
        ([1, 1.0, True], 3),
        ([np.float32(1), np.float32(2), tf.constant(3.0)], 1),
        ([np.ones(2), np.zeros(2)], 1),
        ([[1], [1, 2], [1, 2, 3]], 3),
        ([(1, 2), [1, 2]], 2),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], 1),
        ([None, None, "a", b"a", "a"], 3),
        ([THING, Thing(), THING], 2),
        ([VARIABLE, tf.Variable(1.0), VARIABLE], 2),
        ([float("nan"), float("nan")], 1),
        ([tf.constant([1]), tf.constant([2]), tf.constant([1, 2]), tf.constant([1.0])], 3),
        ([len, abs, len], 2),
        ([tf.float32, tf.int32, tf.float32], 2),
    ],
)
def test_a_signature_is_traced_once(calls, count):
    f, traces = counting()
    for argument in calls:
        f(argument)
    assert len(traces) == count == f.experimental_get_tracing_count()


def test_reduced_retracing_lets_sizes_vary():
    f, traces = counting(reduce_retracing=True)
    for n in range(1, 6):
        f(tf.ones([n, 2]))
    assert len(traces) == 2


def test_defaults_and_keywords_are_the_same_call():
    f = tf.function(lambda x, y=2: x * y)
    assert [int(v) for v in (f(1), f(1, 2), f(x=1), f(1, y=2))] == [2] * 4
    assert f.experimental_get_tracing_count() == 1


def test_wider_trace_serves_narrower_calls():
    f, traces = counting(lambda x: x * 2.0)
    f.get_concrete_function(tf.TensorSpec([None]))
    assert f(tf.constant([1.0])).numpy().tolist() == [2.0]
    assert f(tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    assert len(traces) == 1


def test_results_keep_their_structure():
    f = tf.function(lambda x: {"b": [x, (x + 1, None)], "a": 5})
    found = f(tf.constant(1))
    assert list(found) == ["b", "a"] and found["b"][1][1] is None and isinstance(found["b"][1], tuple)
    assert tf.is_tensor(found["a"]) and int(found["b"][1][0]) == 2
    assert tf.function(lambda: None)() is None


def test_results_that_are_no_tensors_are_refused():
    with pytest.raises(TypeError, match="must return zero or more Tensors or ExtensionTypes"):
        tf.function(lambda: object())()


def test_arguments_that_may_change_unseen_are_refused():
    with pytest.raises(TypeError, match="Could not generate a generic TraceType for {1, 2}"):
        tf.function(lambda x: 1)({1, 2})


@pytest.mark.parametrize(
    "call, text",
    [
        (
            lambda f: f(tf.constant([1.0])),
            "Can not cast TensorSpec.shape=.1,., dtype=tf.float32, name=None. to",
        ),
        (lambda f: f(tf.constant([[1]])), "Can not cast TensorSpec"),
        (lambda f: f(tf.constant([1]), tf.constant([2])), "too many positional arguments"),
        (lambda f: f(), "missing a required argument: 'x'"),
        (lambda f: f([1.5]), "Cannot convert"),
    ],
)
def test_input_signature_refuses_others(call, text):
    f = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec([None], tf.int32)])
    assert f([1, 2]).numpy().tolist() == f(np.array([1, 2], np.int32)).numpy().tolist() == [2, 3]
    with pytest.raises(TypeError, match=text):
        call(f)
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    "function, signature, text",
    [
        (lambda x, y: x, [tf.TensorSpec([])], "missing type constraint for y"),
        (lambda x: x, [tf.TensorSpec([])] * 2, "1 extra type constraints"),
        (lambda x: x, 3, "must be either a tuple or a list"),
        (lambda x: x, [3], "must be a possibly nested sequence of TensorSpec objects"),
    ],
)
def test_input_signature_is_checked(function, signature, text):
    with pytest.raises(TypeError, match=text):
        tf.function(function, input_signature=signature)


def test_concrete_function_is_one_trace():
    f = tf.function(lambda x, y=3: x * y)
    concrete = f.get_concrete_function(tf.TensorSpec([None], tf.float32))
    x = tf.constant([1.0, 2.0])
    assert concrete(x).numpy().tolist() == concrete(x=x).numpy().tolist() == concrete(x, 3).numpy().tolist()
    assert [t.name for t in concrete.inputs] == ["x:0"]
    assert concrete.structured_input_signature == ((tf.TensorSpec([None], tf.float32, "x"), 3), {})
    assert concrete.output_dtypes is tf.float32 and concrete.output_shapes.as_list() == [None]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="expected to be a float32 tensor but is a int32"
    ):
        concrete(tf.constant([1]))
    with pytest.raises(TypeError, match="Can not cast 4 to Literal.3."):
        concrete(x, 4)


def test_concrete_function_makes_tensors_of_its_dtypes_of_lists_and_arrays():
    concrete = tf.function(lambda x: x * 2.0).get_concrete_function(tf.TensorSpec([None], tf.float32))
    for given in ([1.0, 2.0], [1, 2], np.array([1.0, 2.0])):
        assert concrete(given).numpy().tolist() == concrete(x=given).numpy().tolist() == [2.0, 4.0]
    for misfit in (1.0, [[1.0]], "a"):
        with pytest.raises(TypeError):
            concrete(misfit)


def test_concrete_function_takes_its_tensors_flat():
    f = tf.function(lambda d, s: d["k"] + s[0])
    concrete = f.get_concrete_function({"k": tf.TensorSpec([])}, [tf.TensorSpec([])])
    assert float(concrete({"k": tf.constant(1.0)}, [tf.constant(2.0)])) == 3.0
    assert float(concrete(tf.constant(1.0), tf.constant(2.0))) == 3.0


def test_traces_do_not_keep_their_arguments_alive():
    f = tf.function(lambda x, thing: x * 2.0)
    x, thing = tf.constant(1.0), Thing()
    refs = weakref.ref(x), weakref.ref(thing)
    f(x, thing)
    del x, thing
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_traces_for_objects_that_are_gone_are_let_go():
    f = tf.function(lambda x, thing: x * 2.0)
    x = tf.constant(1.0)
    for _ in range(4):
        f(x, Thing())
    assert len(f.concrete_functions) == 1 and len(f.traces()) == 4
    assert [trace.concrete is None for trace in f.traces()] == [True, True, True, False]


def test_traces_do_not_keep_tapes_alive():
    f = tf.function(lambda x: tf.cond(x > 0, lambda: x, lambda: -x))
    with tf.GradientTape() as tape:
        f(tf.constant(1.0))
    ref = weakref.ref(tape)
    del tape
    gc.collect()
    assert ref() is None


def test_variables_are_made_in_the_first_call_only():
    made = []

    @tf.function
    def f(x):
        if not made:
            made.append(tf.Variable(x * 2.0))
        return made[0] * x

    assert float(f(tf.constant(3.0))) == 18.0
    assert float(f(tf.constant(4.0))) == 24.0

    with pytest.raises(ValueError, match="only supports singleton tf.Variables created on the first call"):
        tf.function(lambda x: tf.Variable(1.0) * x)(tf.constant(1.0))


def test_assignments_happen_in_program_order_in_each_call():
    v = tf.Variable(1.0)

    @tf.function
    def f():
        before = v * 1.0
        v.assign_add(1.0)
        between = v.read_value()
        v.assign(v * 10.0)
        return before, between, v.read_value()

    assert [float(x) for x in f()] == [1.0, 2.0, 20.0]
    assert [float(x) for x in f()] == [20.0, 21.0, 210.0] and float(v) == 210.0


def test_no_gradient_goes_through_an_assignment():
    v = tf.Variable(2.0)

    @tf.function
    def f(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            a = v * x
            v.assign(x * 5.0)
            b = v * x
        return tape.gradient(a, [v, x]), tape.gradient(b, [v, x])

    first, second = f(tf.constant(3.0))
    assert [float(g) for g in (*first, *second)] == [3.0, 2.0, 3.0, 15.0]


def test_tape_sees_through_a_function_and_variables_in_it():
    w = tf.Variable([0.5, -0.5])
    f = tf.function(lambda x: tf.reduce_sum(tf.tanh(x * w)))
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x) * 2.0
    with tf.GradientTape() as plain:
        plain.watch(x)
        z = f.python_function(x) * 2.0
    for a, b in zip(tape.gradient(y, [x, w]), plain.gradient(z, [x, w])):
        assert np.allclose(a, b)


def test_tapes_and_accumulators_work_inside():
    @tf.function
    def f(x):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as acc:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(x**3)
            g = tape.gradient(y, x)
        return g, acc.jvp(g)

    g, h = f(tf.constant([1.0, 2.0]))
    assert g.numpy().tolist() == [3.0, 12.0] and h.numpy().tolist() == [6.0, 12.0]


def test_functions_call_functions():
    inner = tf.function(lambda x: x * x)
    outer = tf.function(lambda x: inner(x) + inner(2.0 * x))
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = outer(x)
    assert (float(y), float(tape.gradient(y, x))) == (45.0, 30.0)


def test_inner_functions_may_capture_tensors_of_the_outer_trace():
    @tf.function
    def outer(x):
        z = x * 2.0

        @tf.function
        def inner(y):
            return y + z

        return inner(x) + inner(z)

    assert [float(outer(tf.constant(v))) for v in (1.0, 5.0)] == [7.0, 35.0]


def test_sizes_may_be_open():
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(
                tf.nn.softmax(x) * tf.reduce_mean(x, axis=0) * tf.cast(tf.shape(x)[0], tf.float32)
            )
        return tape.gradient(y, x)

    for n in (1, 3):
        x = tf.constant(np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32))
        assert np.allclose(f(x), f.python_function(x), atol=1e-5)
    assert f.experimental_get_tracing_count() == 1


class Counter(tf.Module):
    def __init__(self):
        super().__init__()
        self.n = tf.Variable(0)
        self.traces = 0

    @tf.function
    def step(self, k):
        self.traces += 1
        self.n.assign_add(k)
        return self.n.read_value()


def test_methods_have_traces_of_their_own():
    a, b = Counter(), Counter()
    assert [int(a.step(tf.constant(2))), int(a.step(tf.constant(3))), int(b.step(tf.constant(10)))] == [
        2,
        5,
        10,
    ]
    assert (a.traces, b.traces) == (1, 1)
    assert int(Counter.step(a, tf.constant(1))) == 6
    assert a.step.experimental_get_tracing_count() == 1


def test_input_signature_of_a_method_leaves_out_its_object():
    class Doubling:
        @tf.function(input_signature=[tf.TensorSpec([None])])
        def call(self, x, times=2):
            return x * float(times)

    doubling = Doubling()
    assert doubling.call([1.0]).numpy().tolist() == [2.0]
    assert doubling.call(tf.ones([3])).numpy().tolist() == [2.0] * 3
    assert Doubling.call(doubling, [5.0]).numpy().tolist() == [10.0]
    assert doubling.call.experimental_get_tracing_count() == 1
    with pytest.raises(TypeError, match="Can not cast"):
        doubling.call(tf.ones([3, 3]))
    with pytest.raises(TypeError, match="missing type constraint for x"):
        tf.function(lambda self, x: x, input_signature=[])


def test_methods_do_not_keep_objects_alive():
    a = Counter()
    a.step(tf.constant(1))
    ref = weakref.ref(a)
    del a
    gc.collect()
    assert ref() is None
    assert int(Counter().step(tf.constant(4))) == 4


def test_objects_with_functions_can_be_copied():
    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(2.0)
            self.f = tf.function(self.call)

        def call(self, x):
            return x * self.w

    model = Model()
    model.f(tf.constant(1.0))
    other = copy.deepcopy(model)
    other.w.assign(5.0)
    assert (float(model.f(tf.constant(1.0))), float(other.f(tf.constant(1.0)))) == (2.0, 5.0)


def test_partials_lambdas_and_names():
    f = tf.function(functools.partial(lambda a, b: a * 10 + b, 3))
    assert int(f(tf.constant(4))) == 34 and f.name == "<lambda>"
    assert Counter.step.__name__ == "step" and "step(self, k)" in repr(Counter.step)


def test_functions_can_run_eagerly():
    f, traces = counting(lambda x: x + 1)
    f(tf.constant(1))
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        f(tf.constant(1)), f(tf.constant(1))
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(traces) == 3


def test_init_scope_leaves_the_trace():
    seen = []

    @tf.function
    def f(x):
        seen.append((tf.executing_eagerly(), tf.inside_function()))
        with tf.init_scope():
            seen.append((tf.executing_eagerly(), tf.inside_function()))
            c = tf.constant(2.0) * 3.0
        return x * c

    assert float(f(tf.constant(2.0))) == 12.0 and seen == [(False, True), (True, False)]


def test_errors_name_the_line_in_the_function():
    @tf.function
    def f(x, i):
        return tf.gather(x, i)  # here

    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in .0, 1") as caught:
        f(tf.constant([1]), tf.constant([5]))
    assert "return tf.gather(x, i)  # here" in str(caught.value)


def test_errors_of_python_code_are_left_alone():
    with pytest.raises(ZeroDivisionError):
        tf.function(lambda x: 1 // 0)(tf.constant(1))
    f, traces = counting(lambda x: [][1] if len(traces) == 1 else x)
    with pytest.raises(IndexError):
        f(tf.constant(1))
    assert int(f(tf.constant(1))) == 1


def test_binding_errors_speak_of_the_signature():
    with pytest.raises(
        TypeError, match=r"`missing a required argument: 'y'`. Received args: .* signature: \(x, y\)"
    ):
        tf.function(lambda x, y: x)(tf.constant(1))
    with pytest.raises(TypeError, match="3 is not a callable object"):
        tf.function(3)


def test_random_numbers_are_drawn_anew_in_each_call():
    f = tf.function(lambda: tf.random.normal([3]))
    assert not np.array_equal(f(), f())


def test_training_step_agrees_with_eager():
    def build():
        w = tf.Variable(np.linspace(-1, 1, 12).reshape(4, 3).astype(np.float32))
        optimizer = tf.keras.optimizers.Adam(0.1)
        x, y = tf.constant(np.eye(4, dtype=np.float32)), tf.constant([0, 1, 2, 0])

        def step():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x @ w))
            optimizer.apply_gradients([(tape.gradient(loss, w), w)])
            return loss

        return step

    eager, traced = build(), tf.function(build())
    assert np.allclose([float(eager()) for _ in range(4)], [float(traced()) for _ in range(4)], atol=1e-6)
