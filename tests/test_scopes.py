"""Names and scopes in graphs of TensorFlow 1, and collections."""

import numpy as np
import pytest

import nbtape as tf

v1 = tf.compat.v1
get_variable, variable_scope = v1.get_variable, v1.variable_scope


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def names(things):
    return [x.name for x in things]


# Names of operations


def test_a_call_names_its_result_and_what_it_needed_stands_under_it(graph):
    v = get_variable("v", [2])
    x = tf.add(v + 1.0, 2.0, name="sum")
    y = tf.square(v) * 3.0
    assert names(graph.get_operations())[-9:] == [
        *["ReadVariableOp", "add/y", "add", "sum/y", "sum"],
        *["Square/ReadVariableOp", "Square", "mul/y", "mul"],
    ]
    assert x.name == "sum:0" and y.op.type == "Mul" and graph.get_tensor_by_name("sum:0") is x


def test_a_variable_is_five_operations(graph):
    v = get_variable("s/v", [2], initializer=tf.zeros_initializer())
    assert names(graph.get_operations())[1:] == [
        *["s/v", "s/v/IsInitialized/VarIsInitializedOp", "s/v/Assign", "s/v/Read/ReadVariableOp"]
    ]
    assert v.op.type == "VarHandleOp" and v.initializer.name == "s/v/Assign" and v.graph is graph
    with pytest.raises(ValueError, match="appears to refer to a Tensor"):
        graph.get_operation_by_name("s/v:0")


def test_equal_calls_one_after_another_are_different_calls():
    x = tf.constant(1.0, name="x")
    found = [tf.add(x, 1.0) for _ in range(3)]
    assert names(found) == ["Add:0", "Add_1:0", "Add_2:0"]
    assert [y.op.inputs[1].name for y in found] == ["Add/y:0", "Add_1/y:0", "Add_2/y:0"]


@pytest.mark.parametrize("name", ["has space", "-x", "é"])
def test_names_are_checked(name):
    for make in (lambda: tf.constant(1, name=name), lambda: v1.name_scope(name).__enter__()):
        with pytest.raises(ValueError, match="is not a valid root scope name"):
            make()


def test_name_scopes_are_made_unique_unless_they_end_in_a_slash():
    with v1.name_scope("s") as scope:
        a = tf.constant(1.0, name="c")
    with v1.name_scope("s"), v1.name_scope(None, "t"):
        b = tf.constant(1.0, name="c")
    with v1.name_scope(scope):
        c = tf.constant(1.0, name="c")
    assert (scope, a.name, b.name, c.name) == ("s/", "s/c:0", "s_1/t/c:0", "s/c_1:0")


# Variable scopes


def test_scopes_name_variables_and_operations_each_in_its_way():
    with variable_scope("a") as a:
        v, c = get_variable("v", [1]), tf.constant(1.0)
    with variable_scope("b"):
        with variable_scope(a):
            w, d = get_variable("w", [1]), tf.constant(1.0)
        with variable_scope("in", auxiliary_name_scope=False) as inner:
            x, e = get_variable("x", [1]), tf.constant(1.0)
        with v1.name_scope(a.original_name_scope):
            f = tf.constant(1.0)
        with v1.name_scope("ops"):
            y, z = get_variable("y", [1]), tf.Variable(1.0, name="z")
    assert names([v, w, x, y, z]) == ["a/v:0", "a/w:0", "b/in/x:0", "b/y:0", "b/ops/z:0"]
    assert names([c, d, e, f]) == ["a/Const:0", "b/a/Const:0", "b/Const:0", "a/Const_1:0"]
    assert inner.name == "b/in" and v1.get_variable_scope().name == ""


def test_default_names_are_made_unique_until_the_scope_around_is_opened_again():
    def layers():
        with variable_scope("model", reuse=tf.compat.v1.AUTO_REUSE):
            for _ in range(2):
                with variable_scope(None, "layer"):
                    yield get_variable("w", [1]).name

    assert list(layers()) == ["model/layer/w:0", "model/layer_1/w:0"] == list(layers())


def test_reuse_is_inherited_and_not_taken_back():
    with variable_scope("s"):
        v = get_variable("v", [2])
    with variable_scope("s", reuse=True) as s:
        assert get_variable("v") is v and s.reuse is True
        with variable_scope("t", reuse=False) as t:
            assert t.reuse is True
    with variable_scope("s") as s:
        s.reuse_variables()
        assert get_variable("v", [2]) is v
    with variable_scope("n", reuse=v1.AUTO_REUSE):
        assert get_variable("v", [2]) is get_variable("v", [2])


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((None,), TypeError, "If default_name is None then name_or_scope is required"),
        ((3,), TypeError, "VariableScope: name_or_scope must be a string or VariableScope."),
        (
            ("s", None, None, None, None, None, None, None, "no"),
            ValueError,
            "The reuse parameter must be True",
        ),
        ((None, "d", None, None, None, None, None, None, True), ValueError, "reuse=True cannot be used"),
    ],
)
def test_scopes_that_are_refused(arguments, error, words):
    with pytest.raises(error) as raised:
        variable_scope(*arguments)
    assert words in str(raised.value)


def test_scopes_give_defaults():
    def getter(real, name, **options):
        return real(name + "_x", **options)

    def inner(real, name, **options):
        return real(name + "_i", **options)

    with variable_scope("s", initializer=tf.ones_initializer(), dtype=tf.float64, custom_getter=getter):
        v = get_variable("v", [2])
        with variable_scope("t", custom_getter=inner) as t:
            w = get_variable("w", [2])
            t.set_initializer(tf.zeros_initializer())
            z = get_variable("z", [2], tf.float32, custom_getter=inner)
    assert names([v, w, z]) == ["s/v_x:0", "s/t/w_i_x:0", "s/t/z_i:0"]
    assert (v.dtype, z.dtype) == (tf.float64, tf.float32)
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert [x.tolist() for x in session.run([v, w, z])] == [[1, 1], [1, 1], [0, 0]]


def test_regularizers_put_losses_in_their_collection():
    with variable_scope("s", regularizer=lambda w: tf.reduce_sum(w)):
        get_variable("a", [2])
        get_variable("b", [2], regularizer=v1.no_regularizer)
    with variable_scope("s", reuse=True):
        get_variable("a", [2])
    assert names(v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)) == ["s/a/Regularizer/Sum:0"]


def test_a_variable_without_a_resource_says_so_in_its_dtype():
    with variable_scope("s", use_resource=False):
        v = get_variable("v", [2], initializer=tf.ones_initializer())
        w = v1.Variable(1.0)
    assert v.dtype.name == "float32_ref" != v.dtype.base_dtype == tf.float32 == w.dtype
    assert (v + 1.0).dtype == tf.float32 == v.read_value().dtype
    with variable_scope("s", reuse=True):
        assert get_variable("v", [2]) is v
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run(v.assign_add([1.0, 2.0])).tolist() == [2.0, 3.0]
        assert session.run(v1.scatter_update(v, [0], [7.0])).tolist() == [7.0, 3.0]


# Variables in parts


def test_a_partitioned_variable_acts_as_one():
    parts = v1.fixed_size_partitioner(2)
    with variable_scope("s", partitioner=parts):
        v = get_variable("v", [5, 2], initializer=tf.ones_initializer())
        w = get_variable("w", initializer=np.arange(10.0, dtype=np.float32).reshape(5, 2))
    assert names(w) == ["s/w/part_0:0", "s/w/part_1:0"] and [p.shape for p in w] == [[3, 2], [2, 2]]
    assert [p._save_slice_info.spec for p in w] == ["5 2 0,3:0,2", "5 2 3,2:0,2"]
    assert names(v1.trainable_variables()) == names([*v, *w])
    with variable_scope("s", reuse=True):
        assert get_variable("w", [5, 2], partitioner=parts) is w is get_variable("w", [5, 2])
        with pytest.raises(ValueError, match=r"specified partitions \[3, 1\] and found partitions \[2, 1\]"):
            get_variable("w", [5, 2], partitioner=v1.fixed_size_partitioner(3))
    with v1.Session() as session:
        session.run(v1.global_variables_initializer())
        assert session.run(v).tolist() == [[1.0, 1.0]] * 5
        assert session.run(w * 2.0).ravel().tolist() == [2.0 * i for i in range(10)]
        assert session.run(w.as_tensor()).shape == (5, 2)
        session.run(w.assign_add(tf.ones([5, 2]), read_value=False))
        assert session.run(tf.reduce_sum(w)) == 55.0


@pytest.mark.parametrize(
    "partitioner, words",
    [
        (3, "Partitioner must be callable, but received: 3"),
        (lambda shape, dtype: [2], "does not match the Variable's rank"),
        (lambda shape, dtype: [2, 2], "Can only slice a variable along one dimension"),
        (lambda shape, dtype: [0, 1], "returned zero partitions"),
    ],
)
def test_partitioners_that_are_refused(partitioner, words):
    with pytest.raises(ValueError) as raised:
        get_variable("v", [5, 2], partitioner=partitioner)
    assert words in str(raised.value)


def test_partitioners_count_bytes():
    shape = tf.TensorShape([10, 2])
    assert v1.min_max_variable_partitioner(4, min_slice_size=8)(shape=shape, dtype=tf.float32) == [4, 1]
    assert v1.variable_axis_size_partitioner(16)(shape=shape, dtype=tf.float32) == [5, 1]


# Templates


def test_a_template_makes_its_variables_once():
    scale = v1.make_template("scale", lambda x, by: x * get_variable("w", []) * by, by=2.0)
    a, b = scale(1.0), scale(1.0)
    other = v1.make_template("scale", lambda x: x * get_variable("w", []))
    other(1.0)
    assert names([a, b]) == ["scale/mul_1:0", "scale_1/mul_1:0"]
    assert names(scale.trainable_variables) == ["scale/w:0"] and names(other.variables) == ["scale_1/w:0"]


# Collections


def test_variables_are_found_in_their_collections():
    a = get_variable("gen/a", [1])
    b = get_variable("gen2/b", [1], trainable=False)
    c = v1.get_local_variable("c", [1])
    d = v1.Variable(1.0, collections=["mine"], name="d")
    assert v1.global_variables() == [a, b] and v1.local_variables() == [c]
    assert v1.trainable_variables() == [a, d] and v1.get_collection("mine") == [d]
    assert v1.trainable_variables("gen/") == [a] and v1.global_variables("gen") == [a, b]


def test_collections_are_lists_of_the_graph(graph):
    v1.add_to_collections(["c", "d"], 1)
    v1.get_collection_ref("c").append(2)
    v1.get_collection("c").append(3)
    assert v1.get_collection("c") == [1, 2] and v1.get_collection("c", "any") == []
    graph.clear_collection("d")
    assert graph.get_all_collection_keys() == ["c"] and v1.get_collection("d") == []


def test_each_of_many_variables_makes_the_same_few_operations(graph):
    for i in range(300):
        with variable_scope(f"layer_{i}"):
            get_variable("w", [1], initializer=tf.zeros_initializer())
    assert len(v1.global_variables()) == 300 and len(graph.get_operations()) == 300 * 5
