"""Graphs: symbolic tensors, tracing, control flow with its gradients, effects."""

import io

import numpy as np
import pytest
from samples import Case
from test_table import SAMPLES

import nbtape as tf
from nbtape.core.engine import EagerTensor, apply, o
from nbtape.core.shape import Spec
from nbtape.graph.emit import packed
from nbtape.graph.trace import trace
from nbtape.ops.draw import STATEFUL

FLOAT = np.dtype(np.float32)


def graph(function):
    """`function`, run as a graph."""
    return tf.function(function, autograph=False)


def tape_around(function):
    def derivative(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x, unconnected_gradients="zero")

    return derivative


def ways(function):
    """The function eagerly, as a graph, and their gradients: by a tape around it and by one inside."""
    return [tape_around(function), tape_around(graph(function)), graph(tape_around(function))]


# Rows that act, and rows whose gradient needs sizes that an open shape does not tell.
ACTS = {
    "read_variable",
    "assign_variable",
    "scatter_variable",
    "spoil_variable",
    "print_",
    "assert_true",
    "no_op",
    "py_function",
    *STATEFUL,
}
NEEDS_SIZES = {"bin_of", "qr", "svd"}


@pytest.mark.filterwarnings("ignore::nbtape.core.errors.GradientWarning")
@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - ACTS))
@pytest.mark.parametrize("sizes", ["known", "open"])
def test_rows_compute_and_differentiate_in_a_graph_what_they_do_eagerly(name, sizes):
    if sizes == "open" and name in NEEDS_SIZES:
        pytest.skip("its gradient needs to know the sizes")
    found = SAMPLES[name]
    for case in [found] if isinstance(found, Case) else found:
        check_traced(getattr(o, name), case, sizes)


def check_traced(op, case, sizes):
    args = [EagerTensor(a if a.dtype == object else a[()]) if hasattr(a, "dtype") else a for a in case.args]
    inputs = [x for x in args if isinstance(x, EagerTensor)]
    specs = [Spec(x._value.shape, x._value.dtype) for x in inputs]
    if sizes == "open":
        specs = [Spec((None,) * len(shape), dtype) for shape, dtype in specs]
    g = trace(lambda *xs: differentiated(op, case.attrs, args, xs), specs)
    eager = tf.nest.flatten(differentiated(op, case.attrs, args, inputs))
    traced = tf.nest.flatten(packed(g.structure, g.run(inputs)))
    for a, b, symbol in zip(eager, traced, tf.nest.flatten(g.structure), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert symbol.dtype is a.dtype and symbol.shape.is_compatible_with(a.shape)
            same = np.array_equal if a._value.dtype == object else np.testing.assert_allclose
            assert same(b._value, a._value) in (True, None)


def differentiated(op, attrs, args, xs):
    """The outputs of a row for the tensors `xs` among its arguments, and its gradients for float64 ones."""
    left = iter(xs)
    full = [next(left) if isinstance(a, EagerTensor) else a for a in args]
    exact = [x for x in full if isinstance(x, tf.Tensor) and x.dtype in (tf.float64, tf.complex128)]
    with tf.GradientTape() as tape:
        tape.watch(exact)
        y = apply(op, *full, **attrs)
    ys = list(y) if op.many else [y]
    targets = [y for y in ys if y.dtype.is_floating or y.dtype.is_complex]
    gradients = tape.gradient(targets, exact) if targets and exact else []
    return ys, [None if g is None else tf.convert_to_tensor(g) for g in gradients]


def test_graph_lists_its_operations_with_the_users_lines():
    g = trace(lambda x: x * x + 1.0, [Spec((2,), FLOAT)], "f", ["x"])
    first, *lines, last = str(g).splitlines()
    assert first == "graph f(x:0: float32[2])"
    assert [line.split(" = ")[0].strip() for line in lines] == [
        "mul:0: float32[2]",
        "add/y:0: float32[]",
        "add:0: float32[2]",
    ]
    assert "test_graph.py" in lines[0] and last == "  return add:0"


def test_graph_runs_again_for_other_inputs():
    g = trace(lambda x, y: (x + y, x * y), [Spec((), FLOAT)] * 2)
    assert [float(v) for v in g.run([tf.constant(2.0), tf.constant(3.0)])] == [5.0, 6.0]
    assert [float(v) for v in g.run([tf.constant(4.0), tf.constant(3.0)])] == [7.0, 12.0]


def test_graph_drops_what_is_not_used_but_keeps_effects():
    v = tf.Variable(0.0)

    def f(x):
        tf.sin(x)
        v.assign_add(x)
        return x * 2.0

    g = trace(f, [Spec((), FLOAT)])
    ops = [node.op.name for node in g.nodes]
    assert "sin" not in ops and "assign_variable" in ops


def test_names_are_unique_without_regard_to_case():
    with tf.Graph().as_default() as g:
        names = [g.unique_name(name) for name in ("c", "c", "C", "d", "c_1")]
    assert names == ["c", "c_1", "C_2", "d", "c_1_1"]


def test_graph_finds_operations_and_tensors_by_name():
    with tf.Graph().as_default() as g:
        y = tf.constant(1.0) * 2.0
    assert g.get_tensor_by_name("mul:0") is y and g.get_operation_by_name("mul") is y.op
    with pytest.raises(KeyError, match="does not exist"):
        g.get_tensor_by_name("nope:0")
    with pytest.raises(ValueError, match="refers to an Operation, not a Tensor"):
        g.get_tensor_by_name("mul")
    with pytest.raises(KeyError, match="not in the graph"):
        g.get_operation_by_name("nope")


def test_graphs_do_not_mix():
    with tf.Graph().as_default():
        a = tf.constant(1.0)
    with tf.Graph().as_default(), pytest.raises(ValueError, match="must be from the same graph"):
        a + 1.0


@pytest.mark.parametrize(
    "misuse, error, text",
    [
        (bool, tf.errors.OperatorNotAllowedInGraphError, "symbolic `tf.Tensor` as a Python `bool`"),
        (float, TypeError, "not 'SymbolicTensor'"),
        (int, TypeError, "not 'SymbolicTensor'"),
        (len, TypeError, "len is not well defined"),
        (lambda x: x.numpy(), AttributeError, "'SymbolicTensor' object has no attribute 'numpy'"),
        (np.asarray, NotImplementedError, "Cannot convert a symbolic tf.Tensor .x:0. to a numpy array"),
        (np.sum, NotImplementedError, "Cannot convert a symbolic"),
        (np.sin, NotImplementedError, "Cannot convert a symbolic"),
        (hash, TypeError, "unhashable"),
        (list, tf.errors.OperatorNotAllowedInGraphError, "Iterating over a symbolic"),
        (lambda x: x + tf.ones([3]), ValueError, "Incompatible shapes"),
        (lambda x: x + tf.constant(1), TypeError, "expected to be a"),
    ],
)
def test_symbolic_tensors_explain_misuse(misuse, error, text):
    x = tf.TensorSpec([None] if misuse is list else [2], tf.float32, "x")
    with pytest.raises(error, match=text):
        tf.function(lambda x: misuse(x), input_signature=[x], autograph=False).get_concrete_function()


def test_arrays_beside_symbolic_tensors_are_operands():
    f = graph(lambda x: np.float32([1, 2]) + x * np.float32([2, 2]))
    assert f(tf.constant([1.0, 1.0])).numpy().tolist() == [3.0, 4.0]


def test_leaked_tensor_is_out_of_scope():
    kept = []
    graph(lambda x: kept.append(x * 2.0))(tf.constant(1.0))
    with pytest.raises(TypeError, match="out of scope"):
        kept[0] + 1.0
    with pytest.raises(TypeError, match="out of scope"):
        graph(lambda x: x + kept[0])(tf.constant(1.0))


def test_constants_are_known_while_tracing():
    f = graph(lambda x: tf.reduce_sum(x, axis=tf.constant(0) + 1))
    assert f(tf.ones([2, 3])).numpy().tolist() == [3.0, 3.0]


BRANCHED = {
    "cond": lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * x, lambda: 3.0 * x),
    "case": lambda x: tf.case(
        [(x[0] > 10.0, lambda: x**3), (x[0] > 0.0, lambda: tf.sin(x))], default=lambda: -x
    ),
    "switch": lambda x: tf.switch_case(tf.cast(x[0] > 0, tf.int32), [lambda: x * 2.0, lambda: tf.exp(x)]),
    "while": lambda x: tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1],
    "while on data": lambda x: tf.while_loop(
        lambda y: tf.reduce_sum(y * y) < 50.0, lambda y: (y * x,), (x * 2.0,)
    )[0],
    "no step": lambda x: tf.while_loop(lambda i, y: i < 0, lambda i, y: (i + 1, y * x), (0, x * x))[1],
    "nested": lambda x: tf.while_loop(
        lambda i, y: i < 2,
        lambda i, y: (
            i + 1,
            tf.while_loop(lambda j, z: j < i + 1, lambda j, z: (j + 1, z * x + y), (0, y))[1],
        ),
        (0, x),
    )[1],
    "cond in while": lambda x: tf.while_loop(
        lambda i, y: i < 4,
        lambda i, y: (i + 1, tf.cond(tf.equal(i % 2, 0), lambda: y * x, lambda: y + x)),
        (tf.constant(0), x),
    )[1],
    "growing": lambda x: tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: (i + 1, tf.concat([y * x[0], y], 0)),
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )[1],
    "scan": lambda x: tf.scan(lambda a, e: a * e + 1.0, x),
    "scan reversed": lambda x: tf.scan(lambda a, e: a * e + 1.0, x, initializer=0.5, reverse=True),
    "map": lambda x: tf.map_fn(lambda e: e * e * x[0], x),
    "foldl": lambda x: tf.foldl(lambda a, e: a * e + e, x),
    "foldr": lambda x: tf.foldr(lambda a, e: a * e + e, x),
    "vectorized": lambda x: tf.vectorized_map(lambda e: tf.sin(e) * x, x),
}


@pytest.mark.parametrize("name", BRANCHED)
@pytest.mark.parametrize("point", [[1.5, 2.0], [-1.5, 0.5]])
def test_gradients_of_control_flow_agree(name, point):
    f, x = BRANCHED[name], tf.constant(point)
    assert np.allclose(f(x), graph(f)(x), rtol=1e-5)
    eager, *others = [way(x).numpy() for way in ways(f)]
    for other in others:
        assert np.allclose(eager, other, rtol=1e-4), name


@pytest.mark.parametrize("name", [n for n in BRANCHED if n != "while on data"])
def test_second_derivatives_of_control_flow_agree(name):
    def energy(first):
        return tape_around(lambda x: tf.reduce_sum(first(x) ** 2))

    f, x = BRANCHED[name], tf.constant([1.5, 2.0])
    eager = energy(tape_around(f))(x).numpy()
    assert np.allclose(eager, energy(tape_around(graph(f)))(x), rtol=1e-4)
    assert np.allclose(eager, graph(energy(tape_around(f)))(x), rtol=1e-4)


def test_branch_not_taken_protects_the_gradient():
    f = graph(lambda x: tf.cond(x > 0, lambda: tf.math.log(x), lambda: tf.zeros_like(x)))
    assert float(tape_around(f)(tf.constant(-1.0))) == 0.0


def test_gradient_of_a_loop_sees_the_random_numbers_of_the_loop():
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            step = lambda i, y: (i + 1, y + x * tf.random.normal([]))  # noqa: E731
            y = tf.while_loop(lambda i, y: i < 3, step, (0, 0.0 * x))[1]
        return y, tape.gradient(y, x) * x

    y, expected = graph(f)(tf.constant(2.0))
    assert np.isclose(y, expected)


def test_loops_and_branches_assign_variables_in_order():
    v, w = tf.Variable(2.0), tf.Variable([1.0, 2.0])

    def body(i):
        v.assign_add(tf.cast(i, tf.float32))
        tf.cond(i > 1, lambda: w.assign(w * v), lambda: w.assign_add([1.0, 1.0]))
        return (i + 1,)

    def f(n):
        tf.while_loop(lambda i: i < n, body, (0,))
        return v * 1.0

    assert float(graph(f)(tf.constant(4))) == 8.0
    assert w.numpy().tolist() == [120.0, 160.0]


def test_variables_read_in_a_loop_get_their_gradient():
    w = tf.Variable([[0.9, 0.1], [0.0, 0.8]])

    def f(x):
        with tf.GradientTape() as tape:
            y = tf.while_loop(lambda i, h: i < 4, lambda i, h: (i + 1, tf.matmul(h, w)), (0, x))[1]
        return tape.gradient(y, w)

    x = tf.constant([[1.0, 2.0]])
    assert np.allclose(f(x), graph(f)(x))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda p: tf.cond(p, 1, lambda: 2), TypeError, "'true_fn' must be callable"),
        (lambda p: tf.cond(p, lambda: 1, lambda: 1.0), TypeError, "same number, type, and overall structure"),
        (lambda p: tf.cond(p, lambda: (1, 2), lambda: 1), TypeError, "same nested structure"),
        (
            lambda p: tf.cond(tf.constant(1), lambda: 1, lambda: 2),
            tf.errors.InvalidArgumentError,
            "expected bool",
        ),
        (lambda p: tf.while_loop(lambda: p, lambda: [], []), ValueError, "'loop_vars' must be provided"),
        (lambda p: tf.while_loop(lambda i: i < 3, 3, [0]), TypeError, "'body' must be callable"),
        (
            lambda p: tf.while_loop(lambda i: i < 3, lambda i: [1.0], [tf.constant(0)]),
            TypeError,
            "type should remain",
        ),
        (
            lambda p: tf.while_loop(lambda i, j: i < 3, lambda i, j: [i], [0, 0]),
            ValueError,
            "nested structure",
        ),
        (lambda p: tf.while_loop(lambda i: i, lambda i: [i], [0]), TypeError, "boolean scalar"),
        (
            lambda p: tf.while_loop(lambda x: p, lambda x: [tf.concat([x, x], 0)], [tf.ones([1])]),
            ValueError,
            "enters the loop with shape .1,., but has shape .2,. after one iteration",
        ),
        (lambda p: tf.switch_case(1, [lambda: 1]), TypeError, "'branch_index' must be a Tensor"),
        (
            lambda p: tf.switch_case(tf.constant(0), {0: lambda: 1, 3: lambda: 2}),
            ValueError,
            "contiguous range",
        ),
        (lambda p: tf.case([1]), TypeError, "must be a 2-tuple"),
        (lambda p: tf.map_fn(lambda x: x, tf.constant(1)), ValueError, "1\\+ dimensional"),
        (
            lambda p: tf.vectorized_map(lambda t: t[0], (tf.ones([3]), tf.ones([4]))),
            ValueError,
            "first dimension",
        ),
    ],
)
def test_control_flow_explains_misuse(call, error, text):
    with pytest.raises(error, match=text):
        graph(call)(tf.constant(True))


@pytest.mark.parametrize("run", [lambda f: f, graph])
def test_case_without_a_match_fails_when_it_runs(run):
    f = run(lambda p: tf.case([(p, lambda: tf.constant(1))]))
    assert int(f(tf.constant(True))) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="None of conditions evaluated as True"):
        f(tf.constant(False))


def test_vectorized_map_agrees_with_map_fn():
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    for f in [
        lambda r: tf.reduce_sum(r) * r,
        lambda r: tf.matmul(tf.reshape(r, [2, 2]), [[1.0, 2.0], [3.0, 4.0]]),
        lambda r: tf.concat([r[::2], tf.nn.softmax(r)], 0),
        lambda r: tf.transpose(tf.reshape(r, [2, 2])) + tf.constant([[1.0], [2.0]]),
        lambda r: tf.cond(r[0] > 0.0, lambda: r, lambda: -r),
        lambda r: tf.einsum("i,i->", r, r),
        lambda r: tf.linalg.det(tf.reshape(r, [2, 2])),
        lambda r: tf.constant([1.0, 2.0]),
    ]:
        assert np.allclose(tf.vectorized_map(f, x), tf.map_fn(f, x), rtol=1e-5)


def test_tensor_array_is_a_loop_variable():
    def f(n):
        ta = tf.TensorArray(tf.float32, size=4)
        step = lambda i, ta: (i + 1, ta.write(i, tf.cast(i, tf.float32) * [1.0, 2.0]))  # noqa: E731
        return tf.while_loop(lambda i, ta: i < n, step, (0, ta))[1].stack()

    assert graph(f)(tf.constant(3)).numpy().tolist() == [[0, 0], [1, 2], [2, 4], [0, 0]]


def test_empty_slots_of_a_tensor_array_cost_no_operations():
    def f(x):
        ta = tf.TensorArray(tf.float32, size=1000).write(0, x)
        for i in tf.range(10):
            ta = ta.write(i + 1, x * x)
        return ta.stack()

    traced = tf.function(f)
    assert traced(tf.constant(3.0)).numpy().tolist() == [3.0] + [9.0] * 10 + [0.0] * 989
    assert traced.traces()[0].nodes < 30


@pytest.mark.parametrize("growing", [False, True])
def test_a_tensor_says_how_long_a_tensor_array_is(growing):
    def f(x):
        n = tf.shape(x)[0]
        with tf.GradientTape() as tape:
            tape.watch(x)
            given = tf.TensorArray(tf.float32, size=n).unstack(x)
            made = tf.TensorArray(tf.float32, size=0 if growing else n, dynamic_size=growing)
            y = tf.zeros([2])
            for i in tf.range(n):
                y = tf.sin(y) + given.read(i)
                made = made.write(i, y)
            loss = tf.reduce_sum(made.stack() ** 2)
        return loss, tape.gradient(loss, x), made.size()

    traced = tf.function(f, input_signature=[tf.TensorSpec([None, 2])])
    for n in (3, 5):
        x = tf.reshape(tf.range(2.0 * n), [n, 2]) / 7
        for found, wanted in zip(traced(x), f(x)):
            assert np.allclose(found, wanted, rtol=1e-5)


def test_print_writes_at_each_run_and_once_a_step():
    out = io.StringIO()

    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)

            def body(i, y):
                tf.print("step", i, output_stream=out)
                return i + 1, y * x

            y = tf.while_loop(lambda i, y: i < 2, body, (0, x))[1]
        return tape.gradient(y, x)

    f = graph(f)
    assert [float(f(tf.constant(2.0))), float(f(tf.constant(1.0)))] == [12.0, 3.0]
    assert out.getvalue() == "step 0\nstep 1\n" * 2


def test_print_shows_tensors_as_tensorflow_does():
    def shown(*inputs, **options):
        out = io.StringIO()
        tf.print(*inputs, output_stream=out, end="", **options)
        return out.getvalue()

    assert shown("a", tf.constant([1.0, 2.5, 0.1])) == "a [1 2.5 0.1]"
    assert shown(tf.range(10)) == "[0 1 2 ... 7 8 9]"
    assert shown(tf.range(10), summarize=-1) == "[0 1 2 3 4 5 6 7 8 9]"
    assert shown(tf.constant([[1, 2], [3, 4]])) == "[[1 2]\n [3 4]]"
    assert shown({"b": tf.constant(2), "a": [tf.constant(1 / 3)]}) == "{'a': [0.333333343], 'b': 2}"
    assert shown(tf.constant(["x"]), tf.constant("x"), "x", sep=",") == '["x"],x,x'


def test_py_function_runs_at_each_call_and_is_differentiated():
    calls = []

    def python(x):
        calls.append(float(x))
        return x * x * 3.0

    f = graph(lambda x: tf.py_function(python, [x], tf.float32))
    assert float(tape_around(f)(tf.constant(2.0))) == 12.0
    assert float(f(tf.constant(3.0))) == 27.0 and calls == [2.0, 3.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="ValueError: invalid literal"):
        graph(lambda x: tf.py_function(lambda x: int("no"), [x], tf.int32))(1)


def test_custom_gradient_holds_through_a_graph():
    @tf.custom_gradient
    def f(x):
        return x * x, lambda upstream: upstream * 3.0 * x

    for way in ways(lambda x: f(x) * x):
        assert float(way(tf.constant(2.0))) == 16.0


def test_gradients_in_a_graph():
    def f(x):
        y, z = x**3, tf.sin(x)
        return (
            tf.gradients(y, x)[0],
            tf.gradients(y * z, x, stop_gradients=[z])[0],
            tf.gradients([y, y], x, grad_ys=[tf.constant(2.0), None])[0],
            tf.gradients(1.0, x, unconnected_gradients="zero")[0],
            tf.hessians(y, x)[0],
        )

    found = [float(v) for v in graph(f)(tf.constant(2.0))]
    assert np.allclose(found, [12.0, 12.0 * np.sin(2.0), 36.0, 0.0, 12.0])
    with pytest.raises(RuntimeError, match="tf.gradients is not supported when eager execution"):
        tf.gradients(tf.constant(1.0), tf.constant(1.0))


def test_device_strings_are_checked():
    with tf.device("/CPU:0"), tf.device("/job:localhost/task:0/device:CPU:0"), tf.device(None):
        assert tf.constant(1.0).device.endswith("CPU:0")
    for name in ("/gpu:foo", "/foo:1", "/gpu:0/cpu:0"):
        with pytest.raises(ValueError):
            tf.device(name)
