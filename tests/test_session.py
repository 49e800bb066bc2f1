"""Session: what it runs, what it is given and gives, and the values that it keeps."""

import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.settings import Settings

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def session(graph):
    with v1.Session() as s:
        yield s


def test_fetches_come_back_in_their_structure(session):
    Pair = namedtuple("Pair", "a b")
    a, b, op = tf.constant(1.0), tf.constant([2, 3]), tf.no_op()
    assert session.run(a) == 1.0 and type(session.run(a)) is np.float32
    found = session.run(OrderedDict(x=[a, (b, a)], y=Pair(a, op), z={}))
    assert list(found) == ["x", "y", "z"] and type(found) is OrderedDict
    assert found["y"] == Pair(1.0, None) and type(found["x"][1]) is tuple
    assert session.run([]) == [] and session.run(op) is None
    assert session.run("Const:0") == 1.0 and session.run(["NoOp"]) == [None]


def test_strings_are_bytes(session):
    assert session.run(tf.constant("a")) == b"a"
    assert session.run(tf.constant(["a", "b"])).tolist() == [b"a", b"b"]


def test_indexed_slices_are_fetched_part_by_part(session):
    x = tf.constant([[1.0], [2.0], [3.0]])
    (g,) = tf.gradients(tf.gather(x, [2, 2]), x)
    found = session.run(g)
    assert found.values.tolist() == [[1.0], [1.0]] and found.indices.tolist() == [2, 2]


def test_any_tensor_can_be_fed(session):
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    y = x * 2.0
    z = tf.reduce_sum(y)
    assert session.run(z, {x: [[1, 2]]}) == 6.0
    assert session.run(z, {y: [[1.0, 1.0], [1.0, 1.0]]}) == 4.0
    assert session.run([y, x], {"x:0": np.ones([1, 2])})[0].tolist() == [[2.0, 2.0]]
    assert session.run(z, {(x,): ([[0.0, 1.0]],)}) == 2.0
    assert session.make_callable([z], [x])([[3.0, 4.0]]) == [14.0]


@pytest.mark.parametrize(
    "feed, error, words",
    [
        (lambda x: {}, tf.errors.InvalidArgumentError, "You must feed a value for placeholder tensor 'x' "
         "with dtype float and shape [?,2]"),
        (lambda x: {x: [1.0, 2.0, 3.0]}, ValueError, "Cannot feed value of shape (3,) for Tensor x:0, which "
         "has shape (None, 2)"),
        (lambda x: {x: x}, TypeError, "The value of a feed cannot be a tf.Tensor object."),
        (lambda x: {x: "text"}, ValueError, "could not convert string to float"),
        (lambda x: {3: 3}, TypeError, "Cannot interpret feed_dict key as Tensor: Can not convert a int"),
        (lambda x: [x], TypeError, "feed_dict must be a dictionary"),
    ],
)  # fmt: skip
def test_feeds_that_are_refused(session, feed, error, words):
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    with pytest.raises(error) as raised:
        session.run(x, feed(x))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "fetch, error, words",
    [
        (None, TypeError, "has invalid type \"NoneType\""),
        (3, TypeError, "must be a string or Tensor."),
        ("absent", ValueError, "refers to an Operation not in the graph"),
        ("absent:0", ValueError, "refers to a Tensor which does not exist"),
    ],
)  # fmt: skip
def test_fetches_that_are_refused(session, fetch, error, words):
    tf.constant(1.0)
    with pytest.raises(error) as raised:
        session.run(fetch)
    assert words in str(raised.value)


def test_tensors_of_another_graph_are_refused(session):
    tf.constant(1.0)
    with tf.Graph().as_default():
        other = tf.constant(2.0)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        session.run(other)


def test_a_closed_session_and_an_empty_graph_run_nothing(graph):
    with v1.Session() as s, pytest.raises(RuntimeError, match="The Session graph is empty"):
        s.run("x:0")
    c = tf.constant(1.0)
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        s.run(c)


def test_eval_and_run_use_the_session_that_is_open(graph):
    v = tf.Variable(2.0)
    step = v.assign_add(1.0)
    with pytest.raises(ValueError, match="No default session is registered"):
        v.eval()
    with v1.Session() as s:
        v.initializer.run()
        step.op.run()
        assert (v * 10.0).eval() == 30.0 and v1.get_default_session() is s
        with v1.Session() as other:
            v.load(7.0)
            assert v.eval() == 7.0 and v.eval(s) == 3.0 and v1.get_default_session() is other
    assert v1.get_default_session() is None


def test_an_interactive_session_is_open_until_it_is_closed():
    graph = tf.Graph()
    session = v1.InteractiveSession(graph=graph)
    c = tf.constant(4.0)
    assert c.graph is graph and c.eval() == 4.0
    session.close()
    assert v1.get_default_session() is None and v1.get_default_graph() is not graph


def test_only_what_is_fetched_runs(session):
    v = tf.Variable(0.0)
    v.assign_add(100.0)
    session.run(v.initializer)
    assert session.run(tf.constant(1.0)) == 1.0 and session.run(v) == 0.0


def test_control_dependencies_run_first(session):
    v = tf.Variable(0.0)
    more = v.assign_add(1.0)
    with tf.control_dependencies([more]):
        c, now = tf.constant(5.0), v.read_value()
        with tf.control_dependencies(None):
            free = tf.constant(6.0)
    assert c.op.control_inputs == [more.op] and free.op.control_inputs == []
    session.run(v.initializer)
    session.run(free)
    assert session.run(v) == 0.0
    assert session.run([c, now]) == [5.0, 1.0] and session.run(now) == 2.0


def test_group_and_tuple_wait_for_all(session):
    v, w = tf.Variable(1.0), tf.Variable(2.0)
    both = tf.group(v.assign(10.0), [w.assign(20.0)], name="both")
    assert both.name == "both" and both.type == "NoOp"
    session.run(both)
    assert session.run([v, w]) == [10.0, 20.0]
    a, none, b = v1.tuple([v * 2.0, None, w * 2.0], control_inputs=[v.assign_add(1.0)])
    assert none is None and session.run([a, b]) == [20.0, 40.0] and session.run(v) == 11.0


def test_each_session_has_its_own_values(graph):
    v = tf.Variable(5.0)
    double = v.assign(v * 2.0)
    one, two = v1.Session(), v1.Session()
    one.run(v.initializer)
    assert one.run(double) == 10.0
    with pytest.raises(tf.errors.FailedPreconditionError, match="Could not find variable Variable"):
        two.run(v)
    two.run(v.initializer)
    assert (one.run(v), two.run(v)) == (10.0, 5.0)


def test_assignments_are_read_after_they_are_made(session):
    v = tf.Variable([1.0, 2.0])
    session.run(v.initializer)
    assert session.run(v.assign([5.0, 6.0])).tolist() == [5.0, 6.0]
    assert session.run(v1.assign_add(v, [1.0, 1.0]) * 2.0).tolist() == [12.0, 14.0]
    assert session.run(v.assign([0.0, 0.0]).assign_add([1.0, 3.0])).tolist() == [1.0, 3.0]
    assert session.run(v1.scatter_add(v, [1], [2.0])).tolist() == [1.0, 5.0]
    assert session.run(v1.scatter_nd_update(v, [[0]], [9.0])).tolist() == [9.0, 5.0]
    assert session.run(v[1:].assign([4.0])).tolist() == [9.0, 4.0]
    assert isinstance(v.assign([1.0, 1.0], read_value=False), tf.Operation)


def test_initial_values_may_need_other_variables(session):
    v = tf.Variable(3.0)
    late = tf.Variable(v.initialized_value() + 1.0)
    early = tf.Variable(v.initial_value * 2.0)
    plain = tf.Variable(v + 0.5)
    assert session.run([late.initializer, early.initializer, late, early]) == [None, None, 4.0, 6.0]
    with pytest.raises(tf.errors.FailedPreconditionError):
        session.run(plain.initializer)
    session.run(v.assign(8.0))
    session.run([late.initializer, plain.initializer])
    assert session.run([late, plain]) == [9.0, 8.5]


def test_what_has_no_value_is_reported(session):
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    report, known = v1.report_uninitialized_variables(), v1.is_variable_initialized(a)
    assert session.run(report).tolist() == [b"a", b"b"] and not session.run(known)
    session.run(a.initializer)
    assert session.run(report).tolist() == [b"b"] and session.run(known)
    session.run(v1.global_variables_initializer())
    assert session.run(report).tolist() == [] and session.run(b) == 2.0


def test_what_is_fetched_is_the_users_own(session):
    v = tf.Variable([1.0, 2.0])
    session.run(v.initializer)
    found = session.run([v, v * 1.0, tf.constant([3.0])])
    for x in found:
        x[0] = 100.0
    assert session.run(v).tolist() == [1.0, 2.0] and session.run("Const:0") is not None
    x = v1.placeholder(tf.float32, [2])
    given = np.array([7.0, 8.0], np.float32)
    session.run(v.assign(x), {x: given})
    given[0] = 0.0
    assert session.run(v).tolist() == [7.0, 8.0]
    same = session.run(x, {x: given})
    same[1] = 0.0
    assert given.tolist() == [0.0, 8.0]


def test_random_numbers_are_drawn_at_each_run(session):
    x = tf.random.normal([4])
    assert session.run(x).tolist() != session.run(x).tolist()
    a, b = session.run([x, x + 0.0])
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize(
    "of_graph, of_op, wanted",
    [(None, None, (False, False)), (1, None, (True, True)), (None, 3, (True, False)), (1, 3, (True, True))],
)
def test_each_session_starts_with_the_seeds_of_the_graph(of_graph, of_op, wanted):
    v1.set_random_seed(of_graph)
    x, v = tf.random.normal([2], seed=of_op), v1.get_variable("v", [2])

    def drawn():
        with v1.Session() as s:
            s.run(v.initializer)
            return [s.run(x).tolist(), s.run(x).tolist(), s.run(v).tolist()]

    (a, b, first), (c, d, second) = drawn(), drawn()
    assert a != b and ((a, b) == (c, d), first == second) == wanted


def test_variables_are_drawn_anew_each_time_that_they_are_initialized(session):
    v = v1.get_variable("v", [4])
    both = [session.run([v.initializer, v.initial_value])[1].tolist() for _ in range(2)]
    assert both[0] != both[1] and session.run(v).tolist() == both[1]


def test_control_flow_and_functions_run_in_a_session(session):
    x = v1.placeholder(tf.float32, [])
    v = tf.Variable(10.0)

    @tf.function
    def add(y):
        return v.assign_add(y) + 0.0

    y = tf.cond(x > 0.0, lambda: v * 2.0, lambda: v * 0.0)
    total = tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s + x), [0, 0.0])[1]
    called = add(x)
    session.run(v.initializer)
    assert session.run([y, total], {x: 2.0}) == [20.0, 6.0]
    assert session.run(y, {x: -1.0}) == 0.0
    assert session.run(called, {x: 1.5}) == 11.5 and session.run(v) == 11.5


@pytest.mark.parametrize("mode", ["off", "synchronous"])
def test_compiled_and_interpreted_sessions_train_alike(session, monkeypatch, mode):
    monkeypatch.setattr(Settings, "mode", mode)
    v, step = tf.Variable([2.0, 4.0]), v1.train.get_or_create_global_step()
    x = v1.placeholder(tf.float32, [None])
    loss = tf.reduce_sum(v * v * x)
    train = v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)
    session.run(v1.global_variables_initializer())
    losses = [session.run([loss, train], {x: [1.0, 1.0]})[0] for _ in range(3)]
    np.testing.assert_allclose(losses, [20.0, 12.8, 4.232], rtol=1e-5)
    np.testing.assert_allclose(session.run(v, {x: [0.0]}), [0.124, 0.248], rtol=1e-5)
    assert session.run(step) == 3


def test_the_default_graph_is_built_where_eager_execution_is_off():
    def program():
        v1.disable_eager_execution()
        v1.reset_default_graph()
        c = tf.constant(3.0)
        found = not tf.executing_eagerly(), v1.Session().run(c), c.graph is v1.get_default_graph()
        v1.reset_default_graph()
        assert v1.get_default_graph() is not c.graph
        v1.enable_eager_execution()
        return (*found, tf.executing_eagerly())

    result = []
    thread = threading.Thread(target=lambda: result.append(program()))
    thread.start()
    thread.join()
    assert result == [(True, 3.0, True, True)]


def test_assertions_are_operations_that_others_wait_for():
    with tf.Graph().as_default(), v1.Session() as sess:
        x, any_rank = v1.placeholder(tf.float32, [None]), v1.placeholder(tf.float32)
        checks = [v1.assert_positive(x), v1.assert_rank(x, 1), v1.assert_type(x, tf.float32)]
        with tf.control_dependencies([*checks, v1.assert_rank_in(any_rank, [0, 2], message="shape")]):
            y = tf.identity(x)
        assert sess.run(y, {x: [1.0], any_rank: [[1.0]]}).tolist() == [1.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="Condition x > y did not hold"):
            sess.run(y, {x: [-1.0], any_rank: 1.0})
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape. Tensor must have rank in \(0, 2\)"):
            sess.run(y, {x: [1.0], any_rank: [1.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="did not hold"):
            v1.assert_less(tf.constant(2), 1)  # both are known: no need to run


def test_iterators_are_made_by_functions_too():
    with tf.Graph().as_default(), v1.Session() as sess:
        dataset = v1.data.Dataset.range(2)
        assert v1.data.get_output_types(dataset) is tf.int64
        assert v1.data.get_output_shapes(dataset) == []
        once = v1.data.make_one_shot_iterator(dataset).get_next()
        again = v1.data.make_initializable_iterator(dataset)
        item = again.get_next()
        sess.run(again.initializer)
        assert [sess.run([once, item]) for _ in range(2)] == [[0, 0], [1, 1]]
        with pytest.raises(tf.errors.OutOfRangeError):
            sess.run(once)
