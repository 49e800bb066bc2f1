"""get_variable shares variables by name: at once always, in a graph where the scope says so."""

import pytest

import nbtape as tf
from nbtape.state.scopes.store import AUTO_REUSE, VariableScope, current_store

get_variable = tf.compat.v1.get_variable


@pytest.fixture(autouse=True)
def fresh():
    tf.reset()


def test_a_name_means_one_variable_where_operations_run_at_once():
    v = get_variable("w", [2], initializer=tf.ones_initializer())
    v.assign([3.0, 4.0])
    assert get_variable("w", [2]) is v and v.name == "w:0"

    @tf.function
    def f():
        return get_variable("w", [2]) * 2.0

    assert f().numpy().tolist() == [6.0, 8.0]


def test_in_a_graph_a_name_is_taken_once():
    with tf.Graph().as_default():
        get_variable("w", [2])
        with pytest.raises(ValueError) as raised:
            get_variable("w", [2])
    assert str(raised.value) == (
        "Variable w already exists, disallowed. Did you mean to set reuse=True or "
        "reuse=tf.AUTO_REUSE in VarScope?"
    )
    with tf.Graph().as_default():
        get_variable("w", [3])


def test_the_scope_says_name_defaults_and_whether_to_share():
    graph = tf.Graph()
    with graph.as_default(), tf.name_scope("ops"):
        here = current_store()
        here.scope = VariableScope("s", False, initializer=tf.ones_initializer(), dtype=tf.float64)
        v = get_variable("w", [2])
        assert (v.name, v.dtype, v.shape) == ("s/w:0", tf.float64, [2])
        here.scope = VariableScope("s", True, dtype=tf.float64)
        assert get_variable("w", [2]) is v
        with pytest.raises(
            ValueError, match=r"Variable s/x does not exist, or was not created with tf.get_variable\(\)"
        ):
            get_variable("x", [2])
        with pytest.raises(
            ValueError, match=r"Trying to share variable s/w, but specified shape \(3,\) and found shape"
        ):
            get_variable("w", [3])
        with pytest.raises(ValueError, match="but specified dtype float32 and found dtype float64"):
            get_variable("w", [2], dtype=tf.float32)
        here.scope = VariableScope("s", AUTO_REUSE)
        assert get_variable("new", [1]) is get_variable("new", [1])


def test_initial_values():
    assert get_variable("a", [2, 3]).numpy().any()
    assert get_variable("b", [2], tf.int32).numpy().tolist() == [0, 0]
    assert get_variable("c", initializer=[1, 2]).dtype == tf.int32
    assert get_variable("c", initializer=[1, 2]).numpy().tolist() == [1, 2]
    assert get_variable("d", initializer=lambda: tf.constant([5.0])).numpy().tolist() == [5.0]
    assert get_variable("e", [2], initializer=tf.ones_initializer).numpy().tolist() == [1.0, 1.0]
    v = get_variable("f", [2], trainable=False, constraint=abs)
    assert not v.trainable and v.constraint is abs


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({}, "Variable w did not get an initializer, so its `shape` argument must be specified."),
        ({"shape": [2], "initializer": [1.0, 2.0]}, "If initializer is a constant, do not specify shape."),
        ({"shape": [2], "initializer": "zeros"}, "If initializer is a constant, do not specify shape."),
        ({"shape": [None], "initializer": tf.ones_initializer()}, "The initializer passed is not valid."),
        ({"initializer": [1.0], "dtype": tf.int32}, "and explicit dtype '<dtype: 'int32'>' don't match."),
        (
            {"shape": [2], "dtype": tf.complex64},
            "An initializer for variable w of <dtype: 'complex64'> is required",
        ),
    ],
)
def test_what_makes_no_variable(arguments, words):
    with pytest.raises(ValueError) as raised:
        get_variable("w", **arguments)
    assert words in str(raised.value)


def test_a_custom_getter_comes_in_between():
    asked = []

    def getter(real, name, **options):
        asked.append(name)
        return real(name + "_x", **options)

    assert get_variable("w", [1], custom_getter=getter).name == "w_x:0" and asked == ["w"]


def test_what_was_made_at_once_is_in_collections():
    with tf.compat.v1.variable_scope("a"):
        w = get_variable("w", [2], initializer=tf.ones_initializer(), collections=["mine", "variables"])
        b = get_variable("b", [1], trainable=False)
    local = tf.compat.v1.get_local_variable("local", [1])
    v1 = tf.compat.v1
    assert v1.global_variables() == [w, b] and v1.global_variables("a/b") == [b]
    assert v1.trainable_variables() == v1.get_collection("mine") == [w] and v1.local_variables() == [local]
    with tf.Graph().as_default():
        assert v1.global_variables() == []
    tf.reset()
    assert v1.global_variables() == v1.get_collection("mine") == []


def test_losses_of_regularizers_change_with_their_variables():
    v1 = tf.compat.v1
    w = get_variable("w", [2], initializer=tf.ones_initializer(), regularizer=lambda x: tf.reduce_sum(x * x))
    get_variable("b", [1], regularizer=v1.no_regularizer)
    w.assign([1.0, 2.0])
    with tf.GradientTape() as tape:
        (loss,) = v1.losses.get_regularization_losses()
    assert float(loss) == 5.0 and tape.gradient(loss, w).numpy().tolist() == [2.0, 4.0]
    assert not v1.losses.get_regularization_losses("other")
