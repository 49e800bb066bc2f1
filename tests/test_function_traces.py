"""What `fn.traces()` tells, and the warnings about too many traces."""

import warnings

import numpy as np
import pytest

import nbtape as tf
from nbtape.program.traces import RetracingWarning

scale = 2.0


class Thing:
    pass


def causes(f):
    return [trace.cause for trace in f.traces()]


def test_each_trace_says_why_it_was_made(monkeypatch):
    @tf.function
    def f(x, n=1, training=False):
        return x * n * scale

    x = tf.ones([2, 3])
    f(x), f(x)
    f(tf.ones([4, 3]))
    f(tf.ones([4, 3]), 2)
    f(tf.ones([2, 3]), 3, True)
    f(tf.ones([2, 3], tf.float64), training=True)
    monkeypatch.setitem(globals(), "scale", 5.0)
    f(x)
    assert causes(f) == [
        "first call",
        "x: float32[2,3] -> float32[4,3]",
        "n: 1 -> 2",
        "n: 1 -> 3; training: False -> True",
        "x: float32[2,3] -> float64[2,3]; n: 3 -> 1",
        "global scale: 2.0 -> 5.0",
    ]
    first = f.traces()[0]
    assert first.signature == "x: float32[2,3], n: 1, training: False"
    assert first.nodes == len(first.concrete.graph.nodes) > 2 and first.seconds > 0.0
    assert first.concrete is f.get_concrete_function(x) or causes(f)[-1].startswith("global")


def test_traces_tell_structures_and_objects_apart():
    f = tf.function(lambda a, *rest, **more: tf.constant(0))
    things = Thing(), Thing()
    f([tf.constant(1.0), {"k": (1, None)}])
    f([tf.constant(1.0), {"k": (2, None)}])
    f(things[0]), f(things[1]), f(things[0])
    f(1, tf.constant(1), key="v")
    assert len(f.traces()) == 5
    assert causes(f)[1] == "a: [float32[], {'k': (1, None)}] -> [float32[], {'k': (2, None)}]"
    assert causes(f)[3] == "a: <Thing> -> another <Thing>"
    assert f.traces()[4].signature == "a: 1, rest: (int32[]), more: {'key': 'v'}"
    g = tf.function(lambda a: tf.constant(0))
    g(len), g(tf.Variable(1.0, name="v"))
    assert causes(g)[1] == "a: <len> -> <v:0>"


def test_traces_print_as_a_table():
    f = tf.function(lambda x: x + 1.0)
    f(tf.constant(1.0)), f(tf.constant([1.0]))
    head, first, second = repr(f.traces()).splitlines()
    assert head.split() == ["signature", "traced", "because", "ms", "nodes", "compiled"]
    assert first.startswith("1  x: float32[]   first call")
    assert second.startswith("2  x: float32[1]  x: float32[] -> float32[1]")
    assert repr(tf.function(lambda: 1).traces()).splitlines() == [
        "  signature  traced because  ms  nodes  compiled"
    ]


def test_a_trace_that_makes_variables_counts_once():
    made = []

    @tf.function
    def f(x):
        if not made:
            made.append(tf.Variable(1.0))
        return made[0] * x

    f(1.0)
    assert causes(f) == ["first call"]


def test_reduced_retracing_shows_the_sizes_left_open():
    f = tf.function(lambda x: x * 2.0, reduce_retracing=True)
    for n in range(1, 5):
        f(tf.ones([n, 3]))
    assert [trace.signature for trace in f.traces()] == ["x: float32[1,3]", "x: float32[?,3]"]


@pytest.mark.parametrize(
    "values, text",
    [
        (range(8), r"argument n changed .0, 1, 2, 3, 4, 5.\. Pass a tensor, tf.constant\(n\)"),
        (
            [tf.ones([k, 2]) for k in range(8)],
            r"reduce_retracing=True.*tf.TensorSpec\(\[None, 2\], tf.float32\)",
        ),
        ([tf.ones([1] * k) for k in range(8)], r"tf.TensorSpec\(None, tf.float32\)"),
        ([Thing() for _ in range(8)], "Each Python object is traced on its own"),
    ],
)
def test_many_traces_for_one_argument_are_said_once(values, text):
    f = tf.function(lambda x, n: x * 1.0)
    x = tf.constant(1.0)
    with pytest.warns(RetracingWarning, match=text) as caught:
        for n in values:
            f(x, n)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_no_warning_while_traces_are_few_or_calls_many():
    f = tf.function(lambda x: x * 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(5):
            f(tf.ones([n]))
        for n in range(20):
            for _ in range(20):
                f(tf.ones([n]))


def test_calls_find_their_trace_whatever_comes_between():
    f = tf.function(lambda x, y: x + y)
    for dtype in (np.float32, np.float64, np.int32):
        for shape in ((), (3,), (2, 3)):
            x = tf.constant(np.ones(shape, dtype))
            for _ in range(20):
                found = f(x, x)
                assert found.dtype.as_numpy_dtype is dtype and found.shape == shape
                assert np.all(np.asarray(found) == 2)
    assert f.experimental_get_tracing_count() == 9


def test_one_open_size_serves_all_and_keeps_its_shapes():
    f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None])])
    for n in (1, 2, 1, 3, 2):
        assert f(tf.ones([n])).shape == (n,)
    assert f.experimental_get_tracing_count() == 1
    with pytest.raises(TypeError, match="Can not cast"):
        f(tf.ones([2, 2]))


def test_a_trace_found_fast_still_runs_eagerly_when_asked():
    seen = []

    @tf.function
    def f(x):
        seen.append(tf.executing_eagerly())
        return x + 1.0

    x = tf.constant(1.0)
    f(x), f(x)
    tf.config.run_functions_eagerly(True)
    try:
        f(x)
    finally:
        tf.config.run_functions_eagerly(False)
    f(x)
    assert seen == [False, True]


def test_calls_inside_a_trace_become_part_of_it():
    inner = tf.function(lambda x: x * 2.0)
    c = tf.constant(3.0)
    inner(c)
    outer = tf.function(lambda x: inner(x) + inner(c))
    assert float(outer(tf.constant(1.0))) == 8.0
    names = [node.op.name for node in outer.concrete_functions[0].graph.nodes]
    assert names.count("mul") == 2 and inner.experimental_get_tracing_count() == 1
