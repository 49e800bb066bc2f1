"""Programs and the passes over them: what they compute stays, and what each pass takes away goes."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from test_graph import ACTS, NEEDS_SIZES, differentiated
from test_table import CASES

import nbtape as tf
from nbtape.core.engine import EagerTensor, o
from nbtape.core.kernel import Composite
from nbtape.core.shape import Spec
from nbtape.graph import verify
from nbtape.graph.evaluate import evaluate
from nbtape.graph.passes import optimise, specialise
from nbtape.graph.program import Value, program_of
from nbtape.graph.trace import trace

FLOAT: np.dtype = np.dtype(np.float32)
DOUBLE: np.dtype = np.dtype(np.float64)


def program(function, *shapes, dtype=FLOAT):
    """The program of a function of tensors of these shapes, as it was traced."""
    return program_of(trace(function, [Spec(shape, dtype) for shape in shapes]))


def optimised(function, *shapes, dtype=FLOAT):
    return optimise(program(function, *shapes, dtype=dtype), checked=True)


def names(found):
    """The ops of a program, in order."""
    return [step.op.name for step in found.steps]


def random(*shapes, dtype=FLOAT, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype)[()] for shape in shapes]


def agree(function, *shapes, dtype=FLOAT):
    """The ops that are left of a function, once it is sure that they compute what was traced."""
    before, after = program(function, *shapes, dtype=dtype), optimised(function, *shapes, dtype=dtype)
    xs = random(*shapes, dtype=dtype)
    for a, b in zip(evaluate(before, xs), evaluate(after, xs), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    return names(after)


def gradients(function, count):
    """The value of a function and its gradients, from a tape inside."""

    def inside(*xs):
        with tf.GradientTape() as tape:
            tape.watch(xs)
            y = function(*xs)
        found = tape.gradient(y, xs[:count], unconnected_gradients="zero")
        return [y, *found]

    return inside


# What stands in a program


def test_a_program_reads_as_text():
    def f(x):
        return tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 2.0), (tf.constant(0), x))[1]

    text = str(program(f, (2,)))
    assert text.startswith("program f(%0: float32[2])\n")
    assert "while_(0, %0, carries=2" in text
    assert "      %" in text and "mul(" in text and text.endswith("return %2")


def test_captured_tensors_are_the_last_inputs():
    c = tf.constant([1.0, 2.0])
    found = program(lambda x: x + c, (2,))
    assert len(found.inputs) == 2 and found.captures == [c]


def broken(change):
    found = program(lambda x: tf.sin(x) * 2.0, (2,))
    change(found)
    return found


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda p: p.steps.reverse(), "before it is given"),
        (lambda p: p.steps.append(p.steps[0]), "given twice"),
        (lambda p: setattr(p.steps[0].outputs[0], "spec", Spec((3,), FLOAT)), "stands for"),
        (lambda p: setattr(p.steps[0].outputs[0], "spec", Spec((2,), DOUBLE)), "stands for"),
        (lambda p: p.outputs.append(Value(Spec((), FLOAT))), "before it is given"),
    ],
)
def test_verify_refuses_a_program(change, says):
    with pytest.raises(verify.InvalidProgram, match=says):
        verify.check(broken(change))


# Passes one by one


def test_dead_steps_go_and_effects_stay():
    v = tf.Variable(1.0)

    def f(x):
        tf.exp(x)
        v.assign(tf.reduce_sum(x))
        return x + 1.0

    assert names(optimised(f, (2,))) == ["sum", "assign_variable", "add"]


def test_equal_steps_are_one():
    assert agree(lambda x, y: tf.sin(x * y) + tf.sin(y * x), (2,), (2,)) == ["mul", "sin", "add"]


def test_random_numbers_are_drawn_as_often_as_asked():
    found = optimised(lambda x: x + tf.random.uniform([2]) - tf.random.uniform([2]), (2,))
    assert names(found).count("random_uniform") == 2


def test_a_variable_is_read_once_between_assignments():
    v = tf.Variable([1.0, 2.0])

    def f(x):
        y = v * x + v
        v.assign(y)
        return v * 3.0

    found = optimised(f, (2,))
    assert names(found) == ["read_variable", "mul", "add", "assign_variable", "mul"]
    assert evaluate(found, [np.float32([1, 1])])[0].tolist() == [6.0, 12.0]
    assert v.numpy().tolist() == [2.0, 4.0]


def test_a_python_function_may_change_variables():
    v = tf.Variable(1.0)

    def f(x):
        before = v + x
        tf.py_function(lambda: v.assign(5.0), [], [])
        return before + v

    assert names(optimised(f, ())).count("read_variable") == 2


def test_constants_are_worked_out():
    found = optimised(lambda x: x * (tf.constant(2.0) + 3.0) + tf.zeros([4, 2]) + tf.ones([2]), (4, 2))
    assert names(found) == ["mul", "add", "add"]
    assert [s.inputs[1].constant for s in found.steps] == [5.0, 0.0, 1.0]


def test_an_error_in_constants_is_left_for_the_run():
    found = optimised(lambda x: x + tf.gather([1.0, 2.0], [5])[0], ())
    with pytest.raises(tf.errors.InvalidArgumentError):
        evaluate(found, [np.float32(1)])


@pytest.mark.parametrize(
    "function, left",
    [
        (lambda x: x * 1.0, []),
        (lambda x: x - 0.0, []),
        (lambda x: x + 0.0, ["add"]),
        (lambda x: x + -0.0, []),
        (lambda x: x * 0.0, ["mul"]),
        (lambda x: x / 4.0, ["mul"]),
        (lambda x: x / 3.0, ["div"]),
        (lambda x: x**2.0, ["mul"]),
        (lambda x: x**3.0, ["mul", "mul"]),
        (lambda x: x**0.5, ["pow"]),
        (lambda x: tf.negative(-x), []),
        (lambda x: 1.0 - -x, ["add"]),
        (lambda x: tf.square(x) + x * x, ["mul", "add"]),
        (lambda x: tf.math.multiply_no_nan(x, 2.0), ["mul"]),
        (lambda x: tf.cast(tf.cast(x, tf.float64), tf.float32), []),
        (lambda x: tf.where(tf.constant(True), x, 0.0), []),
        (
            lambda x: tf.math.multiply_no_nan(x, tf.cast(x > 0.0, tf.float32)),
            ["greater", "where"],
        ),
        (
            lambda x: tf.where(
                x < 1.0, tf.reshape(tf.cast(tf.reshape(x, [6]) > 0.0, tf.float32), [3, 2]), 0.0
            ),
            ["less", "reshape", "greater", "reshape", "logical_and", "cast"],
        ),
        (lambda x: tf.add_n([x, x, x]), ["add", "add"]),
        (lambda x: tf.reduce_mean(x), ["sum", "div"]),
        (lambda x: tf.transpose(tf.transpose(x)), []),
        (lambda x: tf.reshape(tf.reshape(x, [2, 3]), [3, 2]), []),
        (lambda x: tf.squeeze(tf.expand_dims(x, 1), 1), []),
        (lambda x: tf.stop_gradient(tf.identity(tf.ensure_shape(x, [3, None]))), []),
        (lambda x: tf.broadcast_to(x[0], [3, 2]) * x, ["subscript", "mul"]),
        (lambda x: tf.matmul(tf.transpose(x), x), ["matmul"]),
        (lambda x: tf.transpose(tf.matmul(x, tf.transpose(x))), ["matmul"]),
        (lambda x: tf.linalg.matvec(x, x[0]), ["subscript", "reshape", "matmul", "reshape"]),
        (lambda x: tf.add_n(tf.unstack(x)), ["subscript"] * 3 + ["add"] * 2),
        (lambda x: tf.shape(x)[0] + tf.size(x), []),
        (lambda x: tf.logical_and(x == 1.0, x != 1.0), ["broadcast_to"]),
        (gradients(lambda x: tf.reduce_sum(x[:2] ** 2.0), 1), ["subscript", "mul", "sum", "mul", "pad"]),
        (
            gradients(lambda x: tf.reduce_sum(x[1] ** 2.0), 1),
            ["subscript", "mul", "sum", "mul", "reshape", "pad"],
        ),
    ],
)
def test_simpler_forms(function, left):
    assert agree(lambda x: function(x), (3, 2)) == left


@pytest.mark.parametrize(
    "function, value",
    [
        (lambda x: tf.math.log(tf.nn.softmax(x)), [-200.0, 0.0]),
        (lambda x: tf.math.log(tf.sigmoid(x)), [-200.0, -0.6931472]),
        (lambda x: tf.math.log(1.0 - tf.sigmoid(-x)), [-200.0, -0.6931472]),
        (lambda x: tf.math.log(tf.reduce_sum(tf.exp(x * -1.0), 0, keepdims=True)), [200.0]),
        (lambda x: tf.math.log(1.0 + x * -1e-10), [2e-8, 0.0]),
        (lambda x: tf.exp(x * -1e-10) - 1.0, [2e-8, 0.0]),
    ],
)
def test_stable_forms(function, value):
    found = evaluate(optimised(function, (2,)), [np.float32([-200.0, 0.0])])
    np.testing.assert_allclose(found[0], value, rtol=1e-6)


def test_guards_of_gradients_go_where_they_are_of_no_use():
    bounded = agree(gradients(lambda x: tf.reduce_sum(tf.tanh(x) * 2.0), 1), (3,))
    assert "absorb" not in bounded and "mul_no_nan" not in bounded
    chosen = agree(gradients(lambda x: tf.reduce_sum(tf.nn.relu(x)), 1), (3,))
    assert "absorb" not in chosen


def test_guards_stay_where_they_are_needed():
    def f(x):
        return tf.reduce_sum(tf.where(x > 0.0, tf.sqrt(x), 0.0))

    found = optimised(gradients(f, 1), (3,))
    assert evaluate(found, [np.float32([4.0, 0.0, -1.0])])[1].tolist() == [0.25, 0.0, 0.0]


def test_rows_of_a_variable_are_changed_in_place():
    v = tf.Variable(np.ones((5, 2), np.float32))

    def dense(i, g):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.gather(v, tf.cast(i, tf.int32)) * g)
        v.assign_sub(0.5 * tf.convert_to_tensor(tape.gradient(y, v)))
        return y

    def sparse(i, g):
        v.scatter_sub(tf.IndexedSlices(0.5 * g, tf.cast(i, tf.int32)))
        return g

    for function in (dense, sparse):
        v.assign(np.ones((5, 2), np.float32))
        found = optimised(function, (3,), (3, 2))
        assert "scatter_variable" in names(found) and "assign_variable" not in names(found)
        evaluate(found, [np.float32([0, 3, 0]), np.ones((3, 2), np.float32)])
        assert v.numpy()[:, 0].tolist() == [0.0, 1.0, 1.0, 0.5, 1.0]


def test_what_is_read_before_an_update_stays():
    v = tf.Variable(np.ones((5, 2), np.float32))

    def f(i):
        before = v.read_value()
        v.scatter_add(tf.IndexedSlices(tf.ones([1, 2]), tf.cast(i, tf.int32)))
        return before

    found = optimised(f, (1,))
    assert "assign_variable" in names(found)
    assert evaluate(found, [np.float32([2])])[0].tolist() == np.ones((5, 2)).tolist()


def test_a_known_branch_is_taken():
    def choice(condition):
        return lambda x: tf.cond(condition(x), lambda: tf.sin(x), lambda: tf.cos(x))

    assert agree(choice(lambda x: tf.constant(1) > 0), (2,)) == ["sin"]
    assert agree(choice(lambda x: tf.size(x) > 2), (2,)) == ["cos"]
    assert agree(choice(lambda x: x[0] > 0.0), (2,))[-1] == "cond"


def test_regions_give_and_take_only_what_is_used():
    def f(x, w):
        def body(i, a, dead):
            return i + 1, tf.sin(a), tf.cos(dead) * w

        return tf.while_loop(lambda i, a, dead: i < 3, body, (tf.constant(0), x, x))[1]

    found = optimised(f, (2,), (2,))
    (loop,) = found.steps
    assert len(loop.outputs) == 1 and found.inputs[1] not in loop.inputs
    assert evaluate(found, [np.float32([1, 2]), np.float32([0, 0])])[0] == pytest.approx(
        np.sin(np.sin(np.sin([1, 2])))
    )


# Loops


def rnn(x, w, u):
    def body(t, h, total):
        h = tf.tanh(x[t] @ w + h @ u)
        return t + 1, h, total + tf.reduce_sum(h * h)

    start = (tf.constant(0), tf.zeros([2, 4]), tf.constant(0.0, x.dtype))
    return tf.while_loop(lambda t, h, total: t < 5, body, start)[2]


def test_a_recurrent_layer_keeps_one_product_in_each_loop():
    found = optimised(gradients(rnn, 3), (5, 2, 3), (3, 4), (4, 4))
    forwards, backwards = [step for step in found.steps if step.op is o.while_]
    assert forwards.attrs["trips"] == backwards.attrs["trips"] == 5
    assert names(forwards.attrs["body"]) == ["matmul", "add", "tanh"]
    inside = names(backwards.attrs["body"])
    assert inside.count("matmul") == 1 and "tanh" not in inside
    assert names(found).count("matmul") == 4  # the inputs, their gradient, and those of both matrices


def looped(body, test=lambda t: t < 4, start=0):
    """A function of two tensors that runs `body(t, a, x)` over a carry `a`."""

    def function(a, x):
        def step(t, a):
            return t + 1, body(t, a, x)

        return tf.reduce_sum(tf.while_loop(lambda t, a: test(t), step, (tf.constant(start), a))[1])

    return function


def counted_down(a, x):
    def body(t, a):
        return t - 2, tf.sin(a + x[t])

    return tf.reduce_sum(tf.while_loop(lambda t, a: t >= 0, body, (tf.constant(3), a))[1])


def rows_stacked(a, x):
    def body(t, a, rows):
        a = tf.sin(a) * x[t]
        return t + 1, a, rows.write(t, a)

    rows = tf.TensorArray(x.dtype, 4)
    return tf.reduce_sum(tf.while_loop(lambda t, a, rows: t < 4, body, (0, a, rows))[2].stack() ** 2.0)


def until_large(a, x):
    test, body = (lambda a: tf.reduce_sum(a * a) < 50.0), (lambda a: (a * 1.5 + x[0],))
    return tf.reduce_sum(tf.while_loop(test, body, (a,))[0])


LOOPS = {
    "stream": looped(lambda t, a, x: tf.sin(a * x[t])),
    "never": looped(lambda t, a, x: tf.sin(a * x[t]), test=lambda t: t < 0),
    "once": looped(lambda t, a, x: tf.sin(a * x[t]), test=lambda t: t <= 0),
    "part": looped(lambda t, a, x: tf.sin(a * x[t]), start=2),
    "turned": looped(lambda t, a, x: tf.sin(a * x[t]), test=lambda t: 4 > t),
    "both": looped(lambda t, a, x: tf.sin(a * x[t]), test=lambda t: tf.logical_and(t < 3, t < 7)),
    "invariant": looped(lambda t, a, x: a + tf.exp(x[0]) * tf.reduce_sum(x)),
    "accumulated": looped(lambda t, a, x: a + tf.exp(x[t])),
    "outer": looped(lambda t, a, x: a + tf.reduce_sum(tf.matmul(x[t][:, None], x[t][None] * 2.0), 0)),
    "branch": looped(lambda t, a, x: tf.cond(t > 1, lambda: tf.sin(a), lambda: a * x[t])),
    "counted": looped(lambda t, a, x: a * tf.cast(t, a.dtype) + x[3 - t]),
    "nested": looped(lambda t, a, x: LOOPS["once"](a, x) * a),
    "scan": lambda a, x: tf.reduce_sum(tf.scan(lambda a, r: tf.sin(a) * r, x, a)),
    "map": lambda a, x: tf.reduce_sum(tf.map_fn(lambda r: tf.sin(r) * a, x)),
    "counted_down": counted_down,
    "rows_stacked": rows_stacked,
    "until_large": until_large,
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_their_gradients_compute_the_same_after_all_passes(name):
    agree(gradients(LOOPS[name], 2), (3,), (4, 3), dtype=DOUBLE)
    agree(LOOPS[name], (3,), (4, 3), dtype=DOUBLE)


@pytest.mark.parametrize("name", ["stream", "accumulated", "rows_stacked", "until_large"])
def test_gradients_of_gradients_of_loops_compute_the_same_after_all_passes(name):
    def slope(a, x):
        return tf.reduce_sum(gradients(LOOPS[name], 1)(a, x)[1] ** 2.0)

    agree(gradients(slope, 2), (3,), (4, 3), dtype=DOUBLE)


@pytest.mark.parametrize("name", ["stream", "part", "turned", "both", "counted", "counted_down", "scan"])
def test_trips_are_known_beforehand(name):
    found = optimised(LOOPS[name], (3,), (4, 3))
    (loop,) = [step for step in found.steps if step.op is o.while_]
    assert loop.attrs["cond"] is None and loop.attrs["trips"] in (2, 3, 4)
    assert "dynamic_index" not in names(loop.attrs["body"]) or name in ("counted", "counted_down")


def test_what_is_added_up_leaves_the_loop():
    assert "while_" not in names(optimised(LOOPS["accumulated"], (3,), (4, 3)))


def test_an_array_that_a_loop_fills_is_stacked():
    found = optimised(gradients(LOOPS["rows_stacked"], 2), (3,), (4, 3))
    inside = [name for step in found.steps for inner in step.programs for name in names(inner)]
    assert "dynamic_update" not in inside and "dynamic_index" not in inside


def test_a_loop_that_never_runs_is_gone():
    assert "while_" not in names(optimised(gradients(LOOPS["never"], 2), (3,), (4, 3)))


def test_random_numbers_stay_in_their_loop():
    def f(a, x):
        def body(t, a):
            return t + 1, a + tf.random.uniform([3]) * x[0]

        return tf.while_loop(lambda t, a: t < 4, body, (tf.constant(0), a))[1]

    found = optimised(f, (3,), (4, 3))
    (loop,) = [step for step in found.steps if step.op is o.while_]
    assert "random_uniform" in names(loop.attrs["body"])


def test_a_loop_without_carries_is_gone():
    def f(x):
        return tf.while_loop(lambda t: t < 4, lambda t: (t + 1,), (tf.constant(0),))[0] + x

    assert names(optimised(f, (), dtype=np.dtype(np.int32))) == ["add"]


# Sizes that are known only at a call


def test_open_sizes_are_known_at_a_call():
    def f(x):
        def body(t, a, r):
            return t + 1, a * tf.reduce_mean(x), tf.concat([r, x], 0)

        start = (tf.constant(0), x + 1.0, x)
        open_ends = [tf.TensorShape([]), x.shape, tf.TensorShape([None, 2])]
        _, a, r = tf.while_loop(lambda t, a, r: t < 3, body, start, shape_invariants=open_ends)
        return a, r, tf.reshape(x, [-1])

    found = specialise(program(f, (None, 2)), [(5, 2)])
    verify.check(found)
    assert [y.shape for y in found.outputs] == [(5, 2), (None, 2), (10,)]
    after = optimise(specialise(program(f, (None, 2)), [(5, 2)]), checked=True)
    for a, b in zip(evaluate(program(f, (None, 2)), random((5, 2))), evaluate(after, random((5, 2)))):
        np.testing.assert_allclose(b, a, rtol=1e-5)


# All rows, and all programs


@pytest.mark.filterwarnings("ignore::nbtape.core.errors.GradientWarning")
@pytest.mark.parametrize("name, case", [c.values for c in CASES if c.values[0] not in ACTS])
@pytest.mark.parametrize("sizes", ["known", "open"])
def test_rows_and_their_gradients_compute_the_same_after_all_passes(name, case, sizes):
    if sizes == "known" or name not in NEEDS_SIZES:
        check_row(getattr(o, name), case.args, case.attrs, sizes == "open")


def check_row(op, args, attrs, is_open=False):
    args = [EagerTensor(a if a.dtype == object else a[()]) if hasattr(a, "dtype") else a for a in args]
    arrays = [a._value for a in args if isinstance(a, EagerTensor)]
    specs = [Spec((None,) * x.ndim if is_open else x.shape, x.dtype) for x in arrays]
    found = trace(lambda *xs: differentiated(op, attrs, args, xs), specs)
    before = evaluate(program_of(found), arrays)
    left = specialise(program_of(found), [x.shape for x in arrays])
    after = evaluate(optimise(left, checked=True), arrays)
    for a, b in zip(before, after, strict=True):
        same(a, b)


def same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape
    if a.dtype == object:
        assert a.tolist() == b.tolist()
    elif a.dtype.kind in "fcV":
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        tolerance = 1e-2 if a.dtype.itemsize == 2 else 1e-5
        np.testing.assert_allclose(b.astype(wide), a.astype(wide), rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "name", sorted(op.name for op in o if isinstance(op.kernel, Composite) and op.name not in ACTS)
)
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_lowered_rows_keep_inf_and_nan(name, special):
    for id_, case in [c.values for c in CASES]:
        if id_ != name:
            continue
        args = [np.array(x) for x in case.args]
        for x in args:
            if x.dtype.kind == "f" and x.size > 1:
                x.reshape(-1)[0] = special
        check_row(getattr(o, name), [x[()] for x in args], case.attrs)


UNARY = [tf.sin, tf.tanh, tf.sigmoid, tf.nn.relu, tf.negative, tf.square, tf.exp, tf.abs, tf.identity,
         tf.nn.softplus, lambda x: x**2.0, lambda x: x / 8.0, lambda x: x * 1.0,
         lambda x: tf.cast(x, x.dtype), lambda x: tf.maximum(x, 0.5),
         lambda x: tf.where(x > 0.0, x, 0.0), tf.zeros_like, tf.ones_like]  # fmt: skip
BINARY = [tf.add, tf.subtract, tf.multiply, lambda x, y: x + tf.negative(y), tf.math.squared_difference,
          lambda x, y: tf.add_n([x, x]) - y, lambda x, y: tf.where(x > y, x, y)]  # fmt: skip
MOVES = [
    lambda x: tf.transpose(x),
    lambda x: tf.reshape(x, [-1]),
    lambda x: tf.reshape(x, [1, -1, 1]),
    lambda x: tf.expand_dims(x, 0),
    lambda x: tf.squeeze(tf.expand_dims(x, -1), -1),
    lambda x: tf.reduce_sum(x),
    lambda x: tf.reduce_mean(x, keepdims=True),
    lambda x: tf.reduce_sum(x, 0) if x.shape.rank else x,
    lambda x: x[..., None],
    lambda x: tf.broadcast_to(x, [2, *x.shape]),
    lambda x: tf.reduce_max(x),
    lambda x: x + tf.ones([3, 1], x.dtype) if x.shape.rank < 2 else x,
    lambda x: tf.stack([x, x * 2.0])[1],
    lambda x: tf.nn.softmax(x) if x.shape.rank else x,
    lambda x: tf.matmul(x, x, transpose_b=True) if x.shape.rank == 2 else x,
]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 0.3, -7.0]


@st.composite
def functions(draw):
    """A function of two tensors, made of a few ops on what there is so far."""
    plan = draw(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
            min_size=2,
            max_size=8,
        )
    )

    def function(a, b):
        values = [a, b, tf.constant(draw_constant, a.dtype)]
        for kind, which, i, j in plan:
            x, y = values[i % len(values)], values[j % len(values)]
            if kind == 0:
                values.append(UNARY[which % len(UNARY)](x))
            elif kind == 1 and fits(x.shape, y.shape):
                values.append(BINARY[which % len(BINARY)](x, y))
            else:
                values.append(MOVES[which % len(MOVES)](x))
        return tf.add_n([tf.reduce_sum(v) for v in values[3:]])

    draw_constant = draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5]))
    return function


def fits(a, b):
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return len(shape) <= 4 and np.prod(shape) <= 200


few = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@few
@given(
    functions(),
    st.sampled_from([(), (1,), (3,), (2, 3)]),
    st.lists(st.sampled_from(SPECIAL), min_size=12, max_size=12),
)
def test_random_programs_compute_the_same_after_all_passes(function, shape, numbers):
    """Values and gradients; with inf, nan and zeros among the inputs."""
    n = int(np.prod(shape))
    xs = [
        np.array(numbers[:n], DOUBLE).reshape(shape)[()],
        np.array(numbers[n : 2 * n], DOUBLE).reshape(shape)[()],
    ]
    inside = gradients(function, 2)
    before = evaluate(program(inside, shape, shape, dtype=DOUBLE), xs)
    after = evaluate(optimised(inside, shape, shape, dtype=DOUBLE), xs)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
