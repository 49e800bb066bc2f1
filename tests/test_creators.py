"""`variable_creator_scope`: who is asked when variables are made."""

import inspect
import threading

import pytest

import nbtape as tf

v1 = tf.compat.v1


class Seen:
    """A creator that notes the names of variables, and lets them be made."""

    def __init__(self):
        self.names, self.given = [], {}

    def __call__(self, next_creator, **kwargs):
        self.names.append(kwargs["name"])
        self.given = kwargs
        return next_creator(**kwargs)


def named(name):
    return lambda next_creator, **kwargs: next_creator(**kwargs | {"name": f"{name}_{kwargs['name']}"})


def test_the_innermost_creator_is_asked_first():
    with tf.variable_creator_scope(named("outer")), tf.variable_creator_scope(named("inner")):
        v = tf.Variable(1.0, name="v")
    assert v.name == "outer_inner_v:0" and tf.Variable(1.0, name="v").name == "v:0"


def test_creators_get_every_argument_by_name():
    with tf.variable_creator_scope(seen := Seen()):
        v = tf.Variable([1.0], False, dtype=tf.float64, shape=[None])
    assert list(seen.given) == list(inspect.signature(tf.Variable).parameters)
    assert (v.dtype, v.trainable, v.shape.as_list()) == (tf.float64, False, [None])


def test_a_creator_may_put_something_else_in_the_place_of_a_variable():
    with tf.variable_creator_scope(lambda next_creator, **kwargs: "nothing"):
        assert tf.Variable(1.0) == "nothing"  # type: ignore[comparison-overlap]


def test_creators_are_asked_for_the_variables_of_layers_functions_and_scopes():
    made = []

    @tf.function
    def f():
        if not made:
            made.append(tf.Variable(1.0, name="in_function"))
        return made[0] + 1.0

    with tf.variable_creator_scope(seen := Seen()):
        f()
        tf.keras.layers.Dense(2).build([None, 3])
        v1.get_variable("created_w", [2])
        v1.Variable(1.0, name="old")
        with tf.init_scope():
            tf.Variable(1.0, name="lifted")
    assert seen.names == ["in_function", "kernel", "bias", "created_w", "old", "lifted"]


def test_creators_of_a_graph_are_asked_in_that_graph_alone():
    with tf.variable_creator_scope(outer := Seen()), tf.Graph().as_default():
        with v1.variable_creator_scope(seen := Seen()):
            a = v1.Variable(1.0, name="a", collections=["mine"])
            b = v1.get_variable("b", [2], initializer=tf.zeros_initializer())
            thread = threading.Thread(target=lambda: tf.Variable(1.0, name="elsewhere"))
            thread.start()
            thread.join()
            with v1.Session() as session:
                session.run([a.initializer, b.initializer])
                assert session.run(b).tolist() == [0.0, 0.0]
        assert v1.get_collection("mine") == [a] and {"collections", "use_resource"} <= set(seen.given)
    assert (seen.names, outer.names) == (["a", "b"], [])


def test_blocks_are_closed_in_order():
    outer, inner = tf.variable_creator_scope(Seen()), tf.variable_creator_scope(Seen())
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match="without proper nesting"):
        outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)


def test_types_of_variables_are_made_as_before():
    class Mine(tf.Variable):
        def __init__(self, size):
            super().__init__([0.0] * size)

    with tf.variable_creator_scope(seen := Seen()):
        assert isinstance(Mine(2), Mine) and seen.names == []
    assert list(inspect.signature(Mine).parameters) == ["size"]
