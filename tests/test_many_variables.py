"""A model of many variables: what its scopes and collections cost grows with their number, and no faster."""

import sys

import pytest

import nbtape as tf

v1 = tf.compat.v1


def lines(function, *args):
    """How many lines of Python run while `function` does."""
    count = 0

    def traced(frame, event, arg):
        nonlocal count
        count += 1
        return traced

    outer = sys.gettrace()
    sys.settrace(traced)
    try:
        function(*args)
    finally:
        sys.settrace(outer)
    return count


def variable(name="w"):
    return v1.get_variable(name, [], initializer=tf.zeros_initializer())


def in_named_scopes(count):
    for i in range(count):
        with v1.variable_scope(f"layer{i}"):
            variable()


def in_scopes_of_one_name(count):
    for _ in range(count):
        with v1.variable_scope(None, "layer"):
            variable()


def in_one_scope(count):
    with v1.variable_scope("model"):
        for i in range(count):
            variable(f"w{i}")


def in_a_scope_entered_again(count):
    with v1.variable_scope("model") as model:
        pass
    for i in range(count):
        with v1.variable_scope(model), v1.variable_scope(f"layer{i}"):
            variable()


def found_again(count):
    in_named_scopes(count)
    for i in range(count):
        with v1.variable_scope(f"layer{i}", reuse=True):
            variable()


WAYS = [in_named_scopes, in_scopes_of_one_name, in_one_scope, in_a_scope_entered_again, found_again]


@pytest.mark.parametrize("build", WAYS)
@pytest.mark.parametrize("mode", ["graph", "eager"])
def test_building_costs_twice_as_much_for_twice_the_variables(build, mode):
    def model(count):
        tf.reset()
        if mode == "eager":
            return build(count)
        with tf.Graph().as_default():
            build(count)

    model(10)
    once, twice = lines(model, 200), lines(model, 400)
    tf.reset()
    assert twice < 2.1 * once


def test_collecting_and_initialising_cost_twice_as_much_for_twice_the_variables():
    def collect():
        assert v1.trainable_variables() == v1.global_variables("layer")
        graph = v1.get_default_graph()
        assert all(v.op is graph.get_operation_by_name(v.op.name) for v in v1.global_variables())
        with v1.Session() as sess:
            sess.run(v1.global_variables_initializer())
            assert not sess.run(v1.report_uninitialized_variables()).size

    def of_model(count):
        with tf.Graph().as_default():
            in_named_scopes(count)
            return lines(collect)

    of_model(10)
    assert of_model(400) < 2.1 * of_model(200)
