"""Compiled gathers, padding, scatters, positions and long sums, held against what runs at once."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.planning.plan import Call, plan_of
from nbtape.graph.passes import optimise
from nbtape.graph.program import program_of

pytestmark = pytest.mark.usefixtures("compiled")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def agree(f, *arrays):
    """`f`, compiled, gives what it gives eagerly, and no step of it runs in Python."""
    given = [tf.constant(x) for x in arrays]
    wanted, compiled = f(*given), tf.function(f)
    for _ in range(2):
        found = compiled(*given)
        for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(wanted), strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a.numpy(), b.numpy(), 2e-5, 1e-6)
    program = optimise(program_of(compiled.get_concrete_function(*given).graph))
    assert not [a.step.op.name for a in plan_of(program).actions if isinstance(a, Call)]


def with_gradients(f):
    """`f`, and its gradients by those of its arguments that are floats."""

    def both(*xs):
        watched = [x for x in xs if x.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            y = f(*xs)
            loss = sum(tf.reduce_sum(tf.cos(part)) for part in tf.nest.flatten(y))
        return y, [tf.convert_to_tensor(g) for g in tape.gradient(loss, watched)]

    return both


GATHERS = [
    ((5, 3), 0, ()),
    ((5, 3), 1, ()),
    ((5, 3), 0, (4,)),
    ((5, 3), 1, (4,)),
    ((5,), 0, (4,)),
    ((5,), 0, (2, 3)),
    ((2, 5, 3), 1, (2, 2)),
    ((2, 3, 5), 2, (1,)),
    ((5, 1), 0, (4,)),
    ((5, 3), 0, (0,)),
    ((5, 0), 0, (4,)),
    ((1, 3), 0, (4,)),
]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("shape, axis, many", GATHERS)
def test_gathers_agree(shape, axis, many, dtype):
    i = np.random.default_rng(1).integers(0, shape[axis], many).astype(dtype)
    agree(with_gradients(lambda x, i: tf.gather(x, i, axis=axis) * 2 + 1), draw(*shape), i)


@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.bool_])
def test_gathers_of_other_types_agree(dtype):
    x = (draw(5, 3) > 0).astype(dtype)
    agree(lambda x, i: tf.gather(x, i), x, np.array([4, 0, 4]))


def test_an_index_that_is_computed_is_read_in_the_same_loops():
    agree(
        lambda x, i: tf.gather(x, (i * 3 + 1) % 5) * tf.cast(i, tf.float32)[:, None], draw(5, 3), np.arange(7)
    )


def test_rows_of_a_gather_meet_other_arrays():
    f = with_gradients(lambda table, w, i: tf.reduce_sum(tf.gather(table, i) * w, 1))
    agree(f, draw(9, 4), draw(6, 4, seed=1), np.array([8, 0, 3, 3, 8, 1]))


def test_one_loop_gathers_from_two_tables():
    f = with_gradients(lambda a, b, i: tf.gather(a, i) + tf.gather(b, i, axis=1)[0])
    agree(f, draw(7), draw(2, 7, seed=1), np.array([6, 2, 2]))


def test_a_gather_from_what_the_same_steps_compute_waits_for_all_of_it():
    agree(with_gradients(lambda x, i: tf.gather(tf.tanh(x), i) + x[:3]), draw(5), np.array([4, 0, 1]))


def test_batches_of_indices_agree():
    i = np.array([[0, 2], [1, 1], [2, 0]])
    agree(with_gradients(lambda x, i: tf.gather(x, i, batch_dims=1)), draw(3, 4), i)
    agree(with_gradients(lambda x, i: tf.gather(x, i, batch_dims=1)), draw(3, 4, 2), i)
    agree(with_gradients(lambda x, i: tf.gather_nd(x, i)), draw(3, 4), i[:, ::-1].copy())


@pytest.mark.parametrize("t", [0, 3, -1, -4])
def test_one_index_counts_from_either_end(t):
    agree(with_gradients(lambda x, t: x[t] * 2.0), draw(4, 3), np.int32(t))
    agree(with_gradients(lambda x, t: x[:, t]), draw(3, 4), np.int64(t))


WRONG = [
    (lambda x, i: tf.gather(x, i), [[1, 5]]),
    (lambda x, i: tf.gather(x, i), [[-1, 0]]),
    (lambda x, i: tf.gather(x, i, batch_dims=1), [[0], [1], [3], [1], [0]]),
    (lambda x, i: x[i], 5),
    (lambda x, i: x[i], -6),
    (lambda x, i: tf.gather_nd(x, i), [[0, 2], [1, 3]]),
    (lambda x, i: tf.scatter_nd(i, x, [4, 3]), [[0], [1], [3], [4], [0]]),
]


@pytest.mark.parametrize("f, i", WRONG)
def test_an_index_out_of_range_says_what_it_says_eagerly(f, i):
    x, i = tf.constant(draw(5, 3)), tf.constant(i)
    with pytest.raises(tf.errors.InvalidArgumentError) as eager:
        f(x, i)
    compiled = tf.function(f)
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        compiled(x, i)
    assert found.value.message.split("\n")[0] == eager.value.message.split("\n")[0]
    good = tf.zeros_like(i)
    np.testing.assert_array_equal(compiled(x, good), f(x, good))


def test_an_index_out_of_range_leaves_variables_as_they_were():
    v, table = tf.Variable([1.0, 2.0]), tf.constant(draw(5))

    @tf.function
    def step(i):
        v.assign_add([1.0, 1.0])
        return tf.gather(table, i)

    step(tf.constant([0]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(tf.constant([7]))
    assert v.numpy().tolist() == [2.0, 3.0]


def test_an_index_out_of_range_in_a_loop_is_found():
    x = tf.constant(draw(5, 2))

    @tf.function
    def f(n, start):
        total = tf.zeros([2])
        for i in tf.range(n):
            total = tf.tanh(total) + x[i + start]
        return total

    wanted = f.python_function(5, tf.constant(0))
    np.testing.assert_allclose(f(tf.constant(5), tf.constant(0)), wanted, 1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 5 of dimension 0 out of bounds"):
        f(tf.constant(5), tf.constant(1))
    np.testing.assert_allclose(f(tf.constant(5), tf.constant(0)), wanted, 1e-5)


PADS = [
    ((3,), [[1, 2]]),
    ((3, 4), [[1, 2], [0, 0]]),
    ((3, 4), [[0, 0], [2, 1]]),
    ((3, 4), [[0, 1], [2, 0]]),
    ((1, 4), [[3, 0], [1, 1]]),
    ((0, 4), [[1, 1], [0, 0]]),
    ((2, 3, 4), [[0, 0], [1, 1], [0, 0]]),
]


@pytest.mark.parametrize("value", [0, 1.5])
@pytest.mark.parametrize("shape, amounts", PADS)
def test_padding_agrees(shape, amounts, value):
    agree(with_gradients(lambda x: tf.pad(x * 2, amounts, constant_values=value) + 1), draw(*shape))


def test_padding_of_other_types_agrees():
    agree(lambda x: tf.pad(x, [[1, 1]]), np.array([True, True]))
    agree(lambda x: tf.pad(x, [[1, 1]]), np.array([3, 4], np.int8))


def test_gradients_of_slices_are_summed_in_one_kernel():
    def f(x):
        return tf.reduce_sum((x[1:] - x[:-1] ** 2) ** 2) + tf.reduce_sum(x[2:5] * x[5:8]) + x[3] * x[-1]

    agree(with_gradients(f), draw(11))
    agree(with_gradients(lambda x: x[1:, :, None] * x[:-1, :, None] + x[1:, 1:2, None]), draw(4, 5))
    agree(with_gradients(lambda x: x[..., ::2] * x[..., 1::2] + x[::-1, 1:6:2]), draw(3, 6))
    agree(with_gradients(lambda x: x[::-2, 3:1] * 2), draw(3, 6))
    agree(with_gradients(lambda x: x[6:1:-3]), draw(7))


def test_positions_are_known_to_the_loops():
    agree(lambda i: tf.one_hot(i, 4) * 2.0, np.array([0, 3, 1, 7]))
    agree(lambda x: x * tf.cast(tf.range(5), tf.float32) + tf.cast(tf.range(5), tf.float32), draw(3, 5))
    agree(lambda x: tf.where(tf.range(3)[:, None] >= tf.range(3), x, 0.0), draw(3, 3))
    agree(lambda x: tf.range(4), draw(1))


@pytest.mark.parametrize("shape", [(), (3,), (0,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_scatters_add_up_what_has_one_index(shape, dtype):
    rows = (10 * draw(6, *shape)).astype(dtype)
    f = lambda i, u: tf.scatter_nd(i, u + u, [5, *shape])  # noqa: E731
    agree(f, np.array([[4], [0], [4], [4], [1], [0]]), rows)


@pytest.mark.parametrize("kind", ["add", "sub", "max", "min", "update"])
def test_scatters_into_a_tensor_agree(kind):
    f = getattr(tf, f"tensor_scatter_nd_{kind}")
    i = np.array([[4], [0], [4]])
    agree(lambda t, i, u: f(t, i, u * 2) + t, draw(5, 3), i, draw(3, 3, seed=1))
    agree(lambda t, i, u: f(tf.tanh(t), i, u), draw(5, 3), i, draw(3, 3, seed=1))
    agree(lambda t, i, u: f(t, i, u), draw(5), i, draw(3, seed=1))
    agree(lambda t, i, u: f(t, i, u), draw(5, 3), np.array([[4, 0], [1, 1]]), draw(2, seed=1))


def test_sparse_rows_of_a_variable_change_in_place():
    start, i, w = draw(50, 4), np.array([3, 0, 3, 49, 3]), draw(4, seed=1)

    def made():
        table = tf.Variable(start)

        def step(i, w):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table, i) * w)
            g = tape.gradient(loss, table)
            table.scatter_sub(tf.IndexedSlices(0.1 * g.values, g.indices))
            return loss

        return table, step

    (eager, f), (table, g) = made(), made()
    compiled = tf.function(g)
    for _ in range(3):
        held = tf.convert_to_tensor(table)
        before = held.numpy().copy()
        np.testing.assert_allclose(
            compiled(tf.constant(i), tf.constant(w)), f(tf.constant(i), tf.constant(w)), 1e-5
        )
        np.testing.assert_allclose(table.numpy(), eager.numpy(), 1e-5)
        np.testing.assert_array_equal(held.numpy(), before)


@pytest.mark.parametrize("rate", [0.5, np.inf, np.nan])
def test_a_rate_that_is_a_variable_changes_rows_too_and_all_of_them_where_it_is_not_finite(rate):
    start, i, g = draw(50, 4), np.array([3, 0, 3, 49]), draw(4, 4, seed=1)
    rates = tf.Variable(rate)

    def step(v, i, g):
        v.assign_sub(rates * tf.scatter_nd(i[:, None], g, [50, 4]))

    v, eager = tf.Variable(start), tf.Variable(start)
    compiled = tf.function(lambda i, g: step(v, i, g))
    for _ in range(2):
        compiled(tf.constant(i), tf.constant(g))
        step(eager, i, g)
    assert "mul scatter" in str(compiled.plan)  # of rows, and no loop over all of them
    np.testing.assert_array_equal(np.isfinite(v.numpy()), np.isfinite(eager.numpy()))
    if np.isfinite(rate):
        np.testing.assert_allclose(v.numpy(), eager.numpy(), 1e-5)


def test_what_was_read_before_a_scatter_stays_as_it_was():
    v = tf.Variable(draw(4, 2))

    @tf.function
    def step(i, u):
        old = v.read_value()
        v.scatter_add(tf.IndexedSlices(u, i))
        new = v.read_value()
        v.scatter_mul(tf.IndexedSlices(u, i))
        return old, new, old[0] + v[0]

    start, u = v.numpy().copy(), draw(2, 2, seed=1)
    old, new, total = step(tf.constant([0, 2]), tf.constant(u))
    wanted = start.copy()
    wanted[[0, 2]] += u
    np.testing.assert_array_equal(old, start)
    np.testing.assert_allclose(new, wanted, 1e-6)
    wanted[[0, 2]] *= u
    np.testing.assert_allclose(v.numpy(), wanted, 1e-6)
    np.testing.assert_allclose(total, start[0] + wanted[0], 1e-6)


def test_a_scatter_after_an_assignment_changes_what_was_assigned():
    v = tf.Variable(draw(4, 2))

    @tf.function
    def step(x, i, u):
        v.assign(x * 2)
        v.scatter_update(tf.IndexedSlices(u, i))
        return v + 0

    x, u = draw(4, 2, seed=1), draw(2, 2, seed=2)
    wanted = x * 2
    wanted[[3, 0]] = u
    for _ in range(2):
        found = step(tf.constant(x), tf.constant([3, 0]), tf.constant(u))
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(v.numpy(), wanted)


@pytest.mark.parametrize(
    "shape, axis",
    [((100_003,), None), ((20_011, 3), 0), ((3, 20_011), 1), ((300, 70), None), ((9001, 2, 3), (0, 2))],
)
def test_long_sums_of_float32_keep_their_digits(shape, axis):
    x = draw(*shape) + 1000
    found = tf.function(lambda x: tf.reduce_sum(x, axis))(tf.constant(x))
    np.testing.assert_allclose(found, x.astype(np.float64).sum(axis), 1e-7)


def test_reductions_agree():
    x = draw(5, 7)
    x[2, 3] = np.nan
    x[4] = -np.inf
    for f in (tf.reduce_max, tf.reduce_min, tf.reduce_sum, tf.reduce_mean, tf.reduce_prod):
        for axis in (None, 0, 1):
            agree(lambda x, f=f, axis=axis: f(x, axis), x)
    agree(lambda x: tf.reduce_max(x, 1), (10 * draw(5, 7)).astype(np.int8))
    agree(lambda x: (tf.reduce_any(x, 0), tf.reduce_all(x, 1)), draw(5, 7) > 0)


def test_joins_agree():
    f = with_gradients(lambda x, y: tf.concat([x * 2, y, tf.tanh(x)], 0))
    agree(f, draw(2, 3), draw(1, 3))
    agree(with_gradients(lambda x, y: tf.concat([x * 2, y, x], 1) * 2), draw(3, 2), draw(3, 0))
    agree(with_gradients(lambda x, y: tf.stack([x * 2, y, x], 1)), draw(3, 2), draw(3, 2))
    agree(with_gradients(lambda x: tf.stack([tf.reduce_sum(x), x[0, 0], tf.reduce_max(x)])), draw(3, 2))
    agree(with_gradients(lambda x: tf.concat([tf.reduce_sum(x, 0), tf.reduce_max(x, 1)], 0)), draw(3, 2))


def test_parts_of_a_join_are_made_in_their_places():
    agree(with_gradients(lambda a, b: tf.concat([a @ b, a + 1, a @ a], 1)), draw(3, 3), draw(3, 4, seed=1))
    agree(with_gradients(lambda a, b: tf.concat([a @ b, b], 0)), draw(3, 3), draw(3, 4, seed=1))
    agree(with_gradients(lambda a: tf.stack([a @ a, tf.transpose(a)], 2)), draw(3, 3))
    agree(with_gradients(lambda a: tf.concat([a @ a, a], 2)), draw(2, 3, 3))
    agree(lambda x: (tf.concat([s := x * 2, x], 1), s), draw(3, 2))
    agree(lambda x: tf.concat([tf.concat([x * 2, x], 1), tf.exp(tf.concat([x, x * 3], 1))], 0), draw(3, 2))
    agree(lambda x: tf.concat([tf.reduce_sum(x, 0)[:, None], x[0][:, None] + 1], 1), draw(4, 3))


def test_splits_agree():
    def f(x):
        a, b, c = tf.split(x, [1, 2, 3], 1)
        return tf.tanh(a) * b[:, :1] + tf.reduce_sum(c, 1, keepdims=True)

    agree(with_gradients(f), draw(4, 6))
    agree(with_gradients(lambda x: tf.split(x, 2)[1] @ tf.split(x, 2)[0]), draw(4, 2))
    agree(with_gradients(lambda x: sum(tf.unstack(x, axis=1))), draw(4, 3))


def test_a_step_of_a_recurrent_network_joins_its_input_and_its_state():
    def f(xs, w):
        h = tf.zeros([2, 3])
        for x in xs:
            h = tf.tanh(tf.concat([x, h], 1) @ w)
        return h

    compiled = tf.function(with_gradients(f))
    xs, w = tf.constant(draw(5, 2, 4)), tf.constant(draw(7, 3, seed=1))
    for found, wanted in zip(tf.nest.flatten(compiled(xs, w)), tf.nest.flatten(with_gradients(f)(xs, w))):
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


def test_an_index_out_of_range_in_a_loop_of_numbers_is_found():
    x = tf.constant(draw(5))

    @tf.function
    def f(n, start):
        total = 0.0
        for i in tf.range(n):
            total = total * 0.5 + x[i + start]
        return total

    wanted = f.python_function(5, tf.constant(-5))
    np.testing.assert_allclose(f(tf.constant(5), tf.constant(-5)), wanted, 1e-5)
    for start in (1, -6):
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="slice index -?. of dimension 0 out of bounds"
        ):
            f(tf.constant(5), tf.constant(start))
    np.testing.assert_allclose(f(tf.constant(5), tf.constant(-5)), wanted, 1e-5)


def test_a_loop_that_stacks_rows_until_it_is_done_checks_its_indices():
    x = tf.constant(draw(200) + 5)

    @tf.function
    def f(most):
        i, total = tf.constant(0), tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            while total < most:
                total = total + tf.square(x[i])
                i = i + 1
        return total, tape.gradient(total, x)

    for most in (100.0, 3000.0):
        total, g = f(tf.constant(most))
        k = int(np.argmax(np.cumsum(x.numpy() ** 2) >= most)) + 1
        np.testing.assert_allclose(total, np.sum(x.numpy()[:k] ** 2), 1e-5)
        np.testing.assert_allclose(g, np.where(np.arange(200) < k, 2 * x.numpy(), 0), 1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="slice index 200 of dimension 0 out of bounds"):
        f(tf.constant(1e9))
    np.testing.assert_allclose(f(tf.constant(3000.0))[0], total, 1e-5)


def test_arithmetic_on_positions_is_done_where_it_is_needed():
    def eye(n):
        return tf.cast(tf.range(n)[:, None] == tf.range(n), tf.float32)

    agree(lambda x: eye(4)[1:, 1:] * x + eye(4)[1:, ::-2][:, :1] + x * eye(3), draw(1, 3))
    agree(lambda x: tf.pad(eye(3), [[1, 2], [0, 1]]) * x, draw(6, 4))
    agree(lambda x: (eye(3), eye(3) @ x, tf.reduce_sum(eye(3)), tf.reduce_sum(eye(3) + x)), draw(3, 3))
    agree(
        lambda x: x + eye(3) + tf.cast(tf.range(3), tf.float32) + tf.cast(tf.range(3)[:, None], tf.float32),
        draw(3, 3),
    )
    agree(
        lambda x, i: tf.gather(x, i) + tf.cast(tf.broadcast_to(i, [3, 3]), tf.float32),
        draw(4, 3),
        np.arange(3),
    )
    agree(lambda x: tf.gather(x, tf.range(3) + 1) * 2, draw(4, 3))
    agree(lambda x: tf.where(tf.range(5) < 3, x, 0.0)[1:4] * 2, draw(5))


def test_hessians_agree():
    def hessian(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
            g = inner.gradient(y, x)
        return outer.jacobian(g, x)

    agree(hessian, draw(7))


def test_rows_are_those_of_the_time_when_they_were_gathered():
    v = tf.Variable(draw(4, 2))

    @tf.function
    def step(i, u):
        rows, edges = tf.gather(v, i), tf.pad(v[1:3], [[1, 0], [0, 0]])
        v.assign(v * 2 + 1)
        again = tf.gather(v, i)
        v.scatter_sub(tf.IndexedSlices(u, i))
        return rows * 3, edges * 3, again + rows, tf.gather(v, i) + rows

    i, u, now = np.array([3, 1, 3]), draw(3, 2, seed=1), v.numpy().copy()
    for _ in range(2):
        rows, edges, again, last = step(tf.constant(i), tf.constant(u))
        new = now * 2 + 1
        np.testing.assert_allclose(rows, now[i] * 3, 1e-5)
        np.testing.assert_allclose(edges, np.pad(now[1:3], [[1, 0], [0, 0]]) * 3, 1e-5)
        np.testing.assert_allclose(again, new[i] + now[i], 1e-5)
        old, now = now, new
        np.subtract.at(now, i, u)
        np.testing.assert_allclose(last, now[i] + old[i], 1e-5, 1e-6)
        np.testing.assert_allclose(v.numpy(), now, 1e-5, 1e-6)
