"""What was read from a variable never changes, and a write that fails changes nothing."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest

import nbtape as tf
from nbtape.graph.trace import trace
from nbtape.state.writes import exclusive, in_place

ERROR = tf.errors.InvalidArgumentError


def address(variable):
    return variable._value.__array_interface__["data"][0]


def slices(values, indices):
    return tf.IndexedSlices(values, indices)


WRITES = {
    "assign": lambda v: v.assign([[9.0, 9.0], [9.0, 9.0], [9.0, 9.0]]),
    "assign_add": lambda v: v.assign_add(tf.ones([3, 2])),
    "assign_sub": lambda v: v.assign_sub(tf.ones([3, 2])),
    "slice": lambda v: v[1].assign([7.0, 7.0]),
    "element": lambda v: v[1, 0].assign(7.0),
    "mask": lambda v: v[v > 2.0].assign(0.0),
    "scatter_add": lambda v: v.scatter_add(slices([[1.0, 1.0]], [2])),
    "scatter_update": lambda v: v.scatter_update(slices([[1.0, 1.0]], [2])),
    "scatter_nd_add": lambda v: v.scatter_nd_add([[0, 1]], [5.0]),
    "batch_scatter_update": lambda v: v.batch_scatter_update(slices([[5.0], [6.0], [7.0]], [[0], [1], [0]])),
    "adam": lambda v: tf.optimizers.Adam(0.1).apply_gradients([(tf.ones([3, 2]), v)]),
    "sgd": lambda v: tf.optimizers.SGD(0.1).apply_gradients([(tf.ones([3, 2]), v)]),
    "sgd_rows": lambda v: tf.optimizers.SGD(0.1).apply_gradients(
        [(tf.IndexedSlices(tf.ones([1, 2]), tf.constant([1]), [3, 2]), v)]
    ),
}
READS = {
    "read_value": lambda v: v.read_value(),
    "value": lambda v: v.value(),
    "convert": tf.convert_to_tensor,
    "identity": tf.identity,
    "slice": lambda v: v[0:2],
    "reshape": lambda v: tf.reshape(v, [2, 3]),
    "transpose": tf.transpose,
    "numpy": lambda v: v.numpy(),
    "asarray": np.asarray,
    "view of numpy": lambda v: v.numpy()[1:],
    "memoryview": lambda v: memoryview(v.numpy()),
    "dlpack": np.from_dlpack,
    "variable": tf.Variable,
    "plus zero": lambda v: v + 0.0,
    "iterated": lambda v: list(v)[2],
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("read", READS)
def test_what_was_read_before_a_write_stays(read, write):
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    v.assign_add(tf.zeros([3, 2]))  # now the array is the variable's alone, and may be written in place
    seen = READS[read](v)
    before = np.array(seen)
    WRITES[write](v)
    assert np.array_equal(np.array(seen), before)
    assert not np.array_equal(v.numpy(), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@pytest.mark.parametrize("write", WRITES)
def test_a_traced_write_does_what_an_eager_one_does(write):
    start = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    eager, traced = tf.Variable(start), tf.Variable(start)
    WRITES[write](eager)
    graph = trace(lambda: [WRITES[write](traced), None][1], [])
    assert traced.numpy().tolist() == start
    graph.run([])
    assert traced.numpy().tolist() == eager.numpy().tolist()


def test_a_write_is_in_place_while_nobody_else_holds_the_array():
    v = tf.Variable(np.zeros([300, 200], np.float32))
    v.assign_add(tf.ones([300, 200]))
    place = address(v)
    v.assign_sub(tf.ones([300, 200]))
    v.scatter_add(slices(tf.ones([1, 200]), [7]))
    v[3].assign(tf.ones([200]))
    assert address(v) == place


def test_a_write_is_in_place_again_once_the_reader_is_gone():
    v = tf.Variable(np.zeros(1000, np.float32))
    v.assign_add(tf.ones([1000]))
    place = address(v)
    seen = v.read_value()
    v.assign_add(tf.ones([1000]))
    assert address(v) != place
    assert seen.numpy()[0] == 1.0
    del seen
    place = address(v)
    v.assign_add(tf.ones([1000]))
    assert address(v) == place


@pytest.mark.parametrize("read", ["read_value", "numpy", "slice", "asarray", "memoryview", "variable"])
def test_exclusive_copies_what_somebody_holds(read):
    v = tf.Variable(np.arange(6.0).reshape(3, 2))
    v._value = exclusive(v)
    assert exclusive(v) is v._value
    seen = READS[read](v)
    assert not np.shares_memory(exclusive(v), np.asarray(seen))


def test_exclusive_is_in_c_order_whatever_came():
    v = tf.Variable(tf.transpose(tf.ones([3, 5])))
    assert exclusive(v).flags.carray


def test_a_variable_does_not_share_what_it_was_made_from():
    given = np.ones(3, np.float32)
    tensor = tf.constant([1.0, 1.0, 1.0])
    a, b, c = tf.Variable(given), tf.Variable(tensor), tf.Variable([0.0, 0.0, 0.0])
    c.assign(tensor)
    given[0] = 5.0
    for v in (a, b, c):
        v.assign_add([1.0, 1.0, 1.0])
        assert v.numpy().tolist() == [2.0, 2.0, 2.0]
    assert tensor.numpy().tolist() == [1.0, 1.0, 1.0]


FAILURES = {
    "assign shape": (
        ValueError,
        r"Cannot assign value to variable ' Variable:0': Shape mismatch.The variable "
        r"shape \(3, 2\), and the assigned value shape \(2,\) are incompatible.",
        lambda v: v.assign([1.0, 2.0]),
    ),
    "assign scalar": (ValueError, "Shape mismatch", lambda v: v.assign(1.0)),
    "assign dtype": (
        ValueError,
        "Tensor conversion requested dtype float32 for Tensor with dtype int32",
        lambda v: v.assign(tf.constant([[1, 2], [3, 4], [5, 6]])),
    ),
    "assign None": (ValueError, "unsupported type", lambda v: v.assign(None)),
    "add shape": (
        ERROR,
        r"Cannot update variable with shape \[3,2\] using a Tensor with shape \[2\], shapes must be "
        "equal.",
        lambda v: v.assign_add([1.0, 2.0]),
    ),
    "sub scalar": (ERROR, r"using a Tensor with shape \[\]", lambda v: v.assign_sub(1.0)),
    "slice shape": (
        ERROR,
        r"Cannot broadcast input shape \[3\] into final shape \[2\]",
        lambda v: v[0].assign([1.0, 2.0, 3.0]),
    ),
    "slice range": (ERROR, "slice index 5 of dimension 0 out of bounds", lambda v: v[5].assign([1.0, 2.0])),
    "no slices": (
        TypeError,
        r"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: \(1, 2\)",
        lambda v: v.scatter_add((1, 2)),
    ),
    "rows range": (
        ERROR,
        r"indices\[1\] = 9 is not in \[0, 3\)",
        lambda v: v.scatter_add(slices([[1.0, 1.0], [1.0, 1.0]], [0, 9])),
    ),
    "rows negative": (
        ERROR,
        r"indices\[0\] = -1 is not in \[0, 3\)",
        lambda v: v.scatter_update(slices([[1.0, 1.0]], [-1])),
    ),
    "rows shape": (
        ERROR,
        "Must have updates.shape = indices.shape",
        lambda v: v.scatter_add(slices([1.0, 2.0], [0, 1])),
    ),
    "rows count": (
        ERROR,
        r"The shape of indices \(\[2\]\) must be a prefix of the shape of updates \(\[3\]\)",
        lambda v: v.scatter_add(slices([1.0, 2.0, 3.0], [0, 1])),
    ),
    "rows float": (
        ERROR,
        "Value for attr 'Tindices' of float",
        lambda v: v.scatter_add(slices([[1.0, 1.0]], [0.0])),
    ),
    "div zero": (ERROR, "updates must not contain 0", lambda v: v.scatter_div(slices([[1.0, 0.0]], [0]))),
    "nd range": (
        ERROR,
        r"indices\[1\] = \[0, 5\] does not index into shape \[3,2\]",
        lambda v: v.scatter_nd_update([[0, 1], [0, 5]], [10.0, 11.0]),
    ),
    "nd shape": (
        ERROR,
        r"Dimensions \[0,1\) of indices\[shape=\[1,1\]\] = 1 must match",
        lambda v: v.scatter_nd_add([[0]], [10.0, 1.0]),
    ),
    "sparse_read": (ERROR, r"indices\[1\] = 3 is not in \[0, 3\)", lambda v: v.sparse_read([0, 3])),
    "item": (TypeError, "does not support item assignment", lambda v: v.__setitem__(0, 1.0)),
    "optimizer": (
        ERROR,
        "Cannot update variable with shape",
        lambda v: tf.optimizers.Adam().apply_gradients([(tf.ones([2]), v)]),
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_write_that_fails_leaves_the_variable_whole(failure):
    error, words, write = FAILURES[failure]
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with pytest.raises(error, match=words):
        write(v)
    assert v.numpy().tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    v.assign_add(tf.ones([3, 2]))  # and it is not locked
    assert v.numpy()[0, 0] == 2.0


def test_numpy_told_to_raise_does_not_stop_a_write_halfway():
    v = tf.Variable([1e38, 1.0])
    with np.errstate(all="raise"):
        v.assign_add([3e38, 1.0])
        w = tf.Variable(3e38)
        w.assign_add(3e38)
    assert v.numpy().tolist() == [np.inf, 2.0]
    assert np.isinf(float(w))


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_writes_of_several_threads_add_up(restless):
    v, s = tf.Variable(tf.zeros([300_000])), tf.Variable(0)
    one = tf.ones([300_000])

    def work():
        for _ in range(25):
            v.assign_add(one)
            s.assign_add(1)
            v.scatter_add(slices([1.0], [0]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert int(s) == 100 and v.numpy()[0] == 200.0
    assert v.numpy()[1:].min() == v.numpy()[1:].max() == 100.0


def test_a_read_beside_writes_of_another_thread_is_of_one_moment_and_stays(restless):
    v, one = tf.Variable(tf.zeros([500_000])), tf.ones([500_000])
    started, stop, torn = threading.Event(), threading.Event(), 0

    def write():
        while not stop.is_set():
            v.assign_add(one)
            started.set()

    writer = threading.Thread(target=write)
    writer.start()
    started.wait()
    try:
        for _ in range(500):
            read = v.read_value()
            torn += read._value.min() != read._value.max()
    finally:
        stop.set()
        writer.join()
    assert not torn


def test_threads_that_write_the_same_variables_in_other_orders_do_not_lock_up():
    a, b = tf.Variable(tf.zeros([10])), tf.Variable(tf.zeros([10]))

    def work(variables):
        for _ in range(500):
            in_place(lambda x, y: (x.__iadd__(1), y.__iadd__(1)), variables)

    threads = [threading.Thread(target=work, args=(pair,), daemon=True) for pair in [(a, b), (b, a)]]
    [t.start() for t in threads]
    [t.join(30) for t in threads]
    assert a.numpy()[0] == b.numpy()[0] == 1000.0


@pytest.mark.parametrize("kind, want", {
    "add": [3.0, 2.0, 11.0], "sub": [-1.0, 2.0, -5.0], "mul": [2.0, 2.0, 45.0], "div": [0.5, 2.0, 0.2],
    "max": [2.0, 2.0, 5.0], "min": [1.0, 2.0, 3.0], "update": [2.0, 2.0, 5.0],
}.items())  # fmt: skip
def test_scatter_kinds(kind, want):
    v = tf.Variable([1.0, 2.0, 3.0])
    result = getattr(v, f"scatter_{kind}")(slices([2.0, 3.0, 5.0], [0, 2, 2]))
    assert np.allclose(v.numpy(), want)
    assert np.allclose(result.numpy(), want)


@pytest.mark.parametrize("kind", ["add", "sub", "mul", "div", "max", "min", "update"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int8", "int64", "complex64"])
def test_scatter_dtypes_agree_with_rows_one_by_one(kind, dtype):
    if dtype == "complex64" and kind in ("max", "min"):
        pytest.skip("complex numbers have no order")
    random = np.random.default_rng(3)
    start, rows = random.integers(1, 5, (6, 4)), random.integers(1, 5, (40, 4))
    indices = random.permutation(6)[:5]
    v = tf.Variable(tf.cast(start, dtype))
    getattr(v, f"scatter_{kind}")(slices(tf.cast(rows[:5], dtype), indices))
    divide = np.floor_divide if tf.as_dtype(dtype).is_integer else np.divide
    function = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": divide, "max": np.maximum,
                "min": np.minimum, "update": lambda a, b: b}[kind]  # fmt: skip
    want = start.astype(np.complex128 if dtype == "complex64" else np.float64)
    want[indices] = function(want[indices], rows[:5])
    assert np.allclose(tf.cast(v, "complex128").numpy(), want, rtol=1e-2)


def test_many_rows_scatter_as_few_do():
    random = np.random.default_rng(5)
    table, rows = random.normal(size=(500, 32)), random.normal(size=(3000, 32))
    indices = random.integers(0, 500, 3000)
    v = tf.Variable(table)
    v.scatter_add(slices(rows, indices))
    np.add.at(table, indices, rows)
    assert np.allclose(v.numpy(), table)


def test_one_number_scatters_to_all_rows_named():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    v.scatter_add(slices(1.0, [1, 1]))
    assert v.numpy().tolist() == [[1.0, 2.0], [5.0, 6.0]]


def test_bools_are_updated_but_not_added():
    v = tf.Variable([True, False])
    v.scatter_update(slices([True], [1]))
    assert v.numpy().tolist() == [True, True]
    for write in (lambda: v.scatter_add(slices([True], [1])), lambda: v.assign_add([True, True])):
        with pytest.raises(ERROR):
            write()


def test_string_variables():
    v = tf.Variable(["a", "b"], name="words")
    assert v.dtype == tf.string
    v.assign(["c", "d"])
    v[0].assign("x")
    v.scatter_update(slices(["y"], [1]))
    assert v.numpy().tolist() == [b"x", b"y"]
    assert (
        repr(v) == "<tf.Variable 'words:0' shape=(2,) dtype=string, numpy=array([b'x', b'y'], dtype=object)>"
    )
    one = tf.Variable("text")
    one.assign("other")
    assert one.numpy() == b"other"
    with pytest.raises(ERROR, match="dtype=DT_STRING"):
        one.assign_add("more")


def test_parts_are_assigned_by_every_kind_of_key():
    v = tf.Variable(tf.zeros([3, 4], tf.int32))
    v[0].assign([1, 2, 3, 4])
    v[1, 2].assign(5)
    v[:, 0].assign(6)
    v[..., 3].assign([[7, 8, 9]])
    v[2, 1:3].assign([[10, 11]])
    v[1, ::-3].assign([12, 13])
    v[tf.constant(0), 1].assign(14)
    assert v.numpy().tolist() == [[6, 14, 3, 7], [13, 0, 5, 12], [6, 10, 11, 9]]
    v[v > 9].assign(0)
    v[[0, 2], [2, 0]].assign([-1, -2])
    assert v.numpy().tolist() == [[6, 0, -1, 7], [0, 0, 5, 0], [-2, 0, 0, 9]]
    s = tf.Variable(2.0)
    s[...].assign(3.0)
    assert float(s) == 3.0


def test_a_part_is_a_tensor_like_any_other():
    v = tf.Variable([1.0, 2.0])
    assert type(v[0]) is type(tf.constant(1.0))
    with tf.GradientTape() as tape:
        y = v[1] * v[1]
    assert tape.gradient(y, v).numpy().tolist() == [0.0, 4.0]
    with pytest.raises(AttributeError, match="EagerTensor' object has no attribute 'assign'"):
        tf.constant([1.0])[0].assign(2.0)


def test_unknown_sizes_are_kept_open():
    v = tf.Variable([1.0, 2.0], shape=[None])
    assert v.shape == [None] and v.read_value().shape == [2]
    v.assign([1.0, 2.0, 3.0])
    assert (
        repr(v)
        == "<tf.Variable 'Variable:0' shape=(None,) dtype=float32, numpy=array([1., 2., 3.], dtype=float32)>"
    )
    with pytest.raises(
        ValueError, match=r"The variable shape \(None,\), and the assigned value shape \(1, 3\)"
    ):
        v.assign([[1.0, 2.0, 3.0]])
    with pytest.raises(ERROR, match=r"with shape \[3\] using a Tensor with shape \[2\]"):
        v.assign_add([1.0, 2.0])
    free = tf.Variable([1.0], shape=tf.TensorShape(None))
    free.assign([[1.0, 2.0]])
    assert free.shape.rank is None and free.read_value().shape == [1, 2]
    v.set_shape([3])
    assert v.shape == [3]
    with pytest.raises(ValueError, match="are not compatible"):
        v.set_shape([4])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: tf.Variable(), "The `initial_value` arg to `tf.Variable` must be specified"),
        (
            lambda: tf.Variable([1.0, 2.0], shape=[3]),
            r"the initial value's shape \(\(2,\)\) is not compatible with the "
            r"explicitly supplied `shape` argument \(\[3\]\)",
        ),
        (
            lambda: tf.Variable(1.0, constraint=3),
            r"must be None or a callable. a callable. Got a <class 'int'>:  3",
        ),
        (
            lambda: tf.Variable(1.0, synchronization="x"),
            "Invalid variable synchronization mode: x for variable: None",
        ),
        (
            lambda: tf.Variable(1.0, aggregation="x", name="n"),
            "Invalid variable aggregation mode: x for variable: n",
        ),
        (lambda: tf.Variable(1.0, name=3), "name for name_scope must be a string"),
        (lambda: tf.Variable(tf.constant(1), dtype=tf.float32), "Tensor conversion requested dtype float32"),
        (lambda: tf.Variable([[1], [1, 2]]), "non-rectangular"),
    ],
)
def test_what_makes_no_variable(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_initial_values_of_each_kind():
    calls = []
    v = tf.Variable(lambda: calls.append(1) or [1, 2], dtype=tf.float64)
    assert v.numpy().tolist() == [1.0, 2.0] and v.dtype == tf.float64 and calls == [1]
    assert tf.Variable(np.float64(1)).dtype == tf.float64
    assert tf.Variable(1.5).dtype == tf.float32
    assert tf.Variable(tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), [2])).numpy().tolist() == [
        1.0,
        0.0,
    ]
    old = tf.Variable([1.0])
    new = tf.Variable(old)
    old.assign([2.0])
    assert new.numpy().tolist() == [1.0] and new.name == "Variable:0"


def test_an_on_read_variable_is_not_trainable_by_itself():
    on_read = tf.VariableSynchronization.ON_READ
    assert not tf.Variable(1.0, synchronization=on_read).trainable
    assert tf.Variable(1.0, synchronization=on_read, trainable=True).trainable


@pytest.mark.parametrize(
    "operator, words",
    [
        ("+", "`variable += value` with `tf.Variable`s is not supported. Use `variable.assign_add(value)`"),
        ("-", "`variable -= value` with `tf.Variable`s is not supported. Use `variable.assign_sub(value)`"),
        ("*", "`var *= value` with `tf.Variable`s is not supported. Use `var.assign(var * value)`"),
        ("/", "`var /= value` with `tf.Variable`s is not supported. Use `var.assign(var / value)`"),
        ("**", "`var **= value` with `tf.Variable`s is not supported. Use `var.assign(var ** value)`"),
    ],
)
def test_in_place_operators_are_refused_with_advice(operator, words):
    names = {"v": tf.Variable(1.0)}
    with pytest.raises(RuntimeError) as raised:
        exec(f"v {operator}= 1.0", names)
    assert str(raised.value).startswith(words)
    assert float(names["v"]) == 1.0


def test_what_assign_gives_is_a_live_view():
    v = tf.Variable([1.0], name="v")
    view = v.assign([2.0])
    v.assign([4.0])
    assert view.numpy().tolist() == [4.0]
    view.assign_add([1.0])
    assert v.numpy().tolist() == [5.0] and (view + 1.0).numpy().tolist() == [6.0]
    assert (
        repr(view)
        == "<tf.Variable 'UnreadVariable' shape=(1,) dtype=float32, numpy=array([5.], dtype=float32)>"
    )
    assert isinstance(view, tf.Variable) and view is not v and view.ref() == v.ref()
    assert v.assign([0.0], read_value=False) is None


def test_a_gradient_flows_through_the_view_to_the_variable():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v.assign(2.0) ** 2
    assert float(tape.gradient(y, v)) == 4.0


@pytest.mark.parametrize(
    "value, text",
    [
        (3, "shape=() dtype=int32, numpy=3"),
        (True, "shape=() dtype=bool, numpy=True"),
        ([1, 2], "shape=(2,) dtype=int32, numpy=array([1, 2], dtype=int32)"),
        (
            [[1.5, 2.5], [1.0, 2.0]],
            "shape=(2, 2) dtype=float32, numpy=\narray([[1.5, 2.5],\n       [1. , 2. ]], dtype=float32)",
        ),
        ("text", "shape=() dtype=string, numpy=b'text'"),
        (
            np.zeros([0, 3], np.float32),
            "shape=(0, 3) dtype=float32, numpy=array([], shape=(0, 3), dtype=float32)",
        ),
    ],
)
def test_repr_is_tensorflows(value, text):
    v = tf.Variable(value, name="v")
    assert repr(v) == str(v) == f"{v}" == f"<tf.Variable 'v:0' {text}>"


def test_names_take_the_scope_and_need_not_differ():
    with tf.name_scope("outer"):
        a = tf.Variable(1.0, name="a")
        with tf.name_scope("inner"):
            b = tf.Variable(1.0)
        with tf.name_scope("other/"):
            c = tf.Variable(1.0, name="c")
    assert [a.name, b.name, c.name] == ["outer/a:0", "outer/inner/Variable:0", "other/c:0"]
    assert tf.Variable(1.0, name="a").name == tf.Variable(1.0, name="a").name == "a:0"


def test_copies():
    v = tf.Variable([1.0, 2.0], name="n", trainable=False, shape=[None], constraint=abs)
    assert copy.copy(v) is v
    deep, pickled = copy.deepcopy(v), pickle.loads(pickle.dumps(v))
    nested = copy.deepcopy({"a": v, "b": [v]})
    assert nested["a"] is nested["b"][0] and nested["a"] is not v
    v.assign([5.0, 6.0])
    with tf.name_scope("elsewhere"):
        again = copy.deepcopy(deep)
    for c in (deep, pickled, nested["a"], again):
        assert c.numpy().tolist() == [1.0, 2.0]
        assert (c.name, c.trainable, c.shape, c.constraint) == ("n:0", False, [None], abs)
    deep.assign_add([1.0, 1.0])
    assert pickled.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [1.5, ["a", "b"], [1 + 2j], [True], np.float16([1, 2])])
def test_values_of_each_kind_survive_pickling(value):
    v = tf.Variable(value)
    w = pickle.loads(pickle.dumps(v))
    assert w.dtype == v.dtype and np.array_equal(w.numpy(), v.numpy())
    assert repr(pickle.loads(pickle.dumps(v.assign(v)))) == repr(v)


def test_a_variable_is_no_tensor_and_no_key():
    v = tf.Variable(1.0)
    assert not isinstance(v, tf.Tensor) and tf.is_tensor(v)
    with pytest.raises(TypeError, match=r"Variable is unhashable. Instead, use variable.ref\(\) as the key."):
        hash(v)
    assert {v.ref(): 1}[v.ref()] == 1 and v.ref().deref() is v
    with pytest.raises(TypeError, match=r"object of type 'ResourceVariable' has no len\(\)"):
        len(v)


def test_numbers_out_of_a_variable():
    v, n = tf.Variable(2.75), tf.Variable(7)
    assert (float(v), int(v), int(n), complex(v)) == (2.75, 2, 7, 2.75 + 0j)
    assert not bool(tf.Variable(0.0)) and f"{v:.1f}" == "2.8" and [10, 20][tf.Variable(1)] == 20
    with pytest.raises(TypeError, match="only 0-dimensional arrays"):
        float(tf.Variable([1.0, 2.0]))
    with pytest.raises(ValueError, match="truth value of an array"):
        bool(tf.Variable([1.0, 2.0]))


def test_an_array_from_numpy_cannot_be_written_to():
    v = tf.Variable([1.0, 2.0])
    for array in (v.numpy(), np.asarray(v)):
        with pytest.raises(ValueError):
            array[0] = 5.0
        with pytest.raises(ValueError):
            array.flags.writeable = True
    own = np.array(v)
    own[0] = 5.0
    assert v.numpy().tolist() == [1.0, 2.0]


def test_count_up_to():
    v = tf.Variable(1)
    assert [int(v.count_up_to(3)), int(v.count_up_to(3)), int(v)] == [1, 2, 3]
    with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 3"):
        v.count_up_to(3)


def test_what_only_graphs_have_says_so():
    v = tf.Variable(1.0)
    assert v.initializer is None and bool(v.is_initialized()) and v.constraint is None
    for ask in (lambda: v.op, lambda: v.graph):
        with pytest.raises(AttributeError, match="is undefined when eager execution is enabled"):
            ask()
    for ask in (lambda: v.eval(), lambda: v.to_proto(), lambda: v.initial_value):
        with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
            ask()


def test_integers_wrap_around():
    v = tf.Variable(250, dtype=tf.uint8)
    v.assign_add(10)
    assert int(v) == 4
