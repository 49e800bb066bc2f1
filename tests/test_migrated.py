"""What programs of TensorFlow 1 use beside variables and sessions: checks, logging, scopes of graphs."""

import logging
from pathlib import Path

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.settings import Settings

v1 = tf.compat.v1


@pytest.fixture
def graph():
    with tf.Graph().as_default() as g:
        yield g


def test_print_shows_data_each_time_that_its_input_is_computed(graph, capsys):
    x = v1.placeholder(tf.float32, [None])
    y = v1.Print(x * 2.0, [x, tf.shape(x)], "x: ") + 1.0
    apart = x + 1.0
    with v1.Session() as sess:
        assert sess.run(y, {x: [1.0, 2.0]}).tolist() == [3.0, 5.0]
        sess.run(apart, {x: [1.0]})
        sess.run(y, {x: np.arange(9)})
    assert capsys.readouterr().err == "x: [1 2][2]\nx: [0 1 2 ... 6 7 8][9]\n"


def test_print_stops_after_the_first_times(graph, capsys):
    x = v1.placeholder(tf.float32, [])
    y = v1.Print(x, [x], first_n=2, summarize=1)
    with v1.Session() as sess:
        for value in range(4):
            sess.run(y, {x: value})
    assert capsys.readouterr().err == "[0]\n[1]\n"


def test_print_at_once_and_in_functions(capsys):
    assert v1.Print(tf.constant(3), ["text"]).numpy() == 3
    tf.function(lambda x: v1.Print(x, [x * 2]))(tf.constant(3))
    assert capsys.readouterr().err == '["text"]\n[6]\n'


@pytest.mark.parametrize("mode", ["off", "synchronous"])
def test_checks_of_a_graph_name_the_first_tensor_that_is_not_finite(graph, mode, monkeypatch):
    monkeypatch.setattr(Settings, "mode", mode)
    x = v1.placeholder(tf.float32, [], name="x")
    w = v1.get_variable("w", initializer=2.0)
    y = tf.add(tf.math.log(x, name="log"), w, name="y")
    check = v1.add_check_numerics_ops()
    with v1.Session() as sess:
        sess.run(w.initializer)
        assert sess.run([y, check], {x: 1.0}) == [2.0, None]
        with pytest.raises(tf.errors.InvalidArgumentError, match="^log:0 : Tensor had Inf"):
            sess.run([y, check], {x: 0.0})


def test_checks_are_of_graphs():
    with pytest.raises(RuntimeError, match="not compatible with eager execution"):
        v1.add_check_numerics_ops()


def test_name_scopes_of_a_graph(graph):
    with graph.name_scope("a") as scope:
        x = tf.constant(1.0, name="x")
        with graph.name_scope("b/"):
            y = tf.constant(1.0, name="y")
        with graph.name_scope(None):
            z = tf.constant(1.0, name="z")
    with graph.name_scope("a"):
        again = tf.constant(1.0, name="x")
    assert (scope, x.name, y.name, z.name, again.name) == ("a/", "a/x:0", "b/y:0", "z:0", "a_1/x:0")


def test_operations_are_put_beside_others(graph):
    with tf.device("/job:ps/task:1"):
        x = tf.constant(1.0)
    with graph.colocate_with(x.op), graph.container("box"), v1.container("box"):
        assert tf.constant(2.0).op.device == x.op.device


def test_a_graph_grows_with_each_operation(graph):
    before = graph.version
    tf.constant(1.0)
    graph.switch_to_thread_local()
    assert graph.version == before + 1


def test_what_is_always_so():
    v1.disable_resource_variables()
    v1.disable_control_flow_v2()
    assert v1.resource_variables_enabled() and v1.control_flow_v2_enabled()
    v1.enable_resource_variables()
    v1.enable_control_flow_v2()


def test_options_and_tables_change_nothing(graph):
    with v1.Session() as sess:
        assert sess.run(v1.tables_initializer()) is None
        options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
        assert sess.run(tf.constant(1.0), options=options) == 1.0
    assert options.trace_level == 3


def test_messages_are_logged_from_the_users_line(caplog):
    log = v1.logging
    with caplog.at_level(log.INFO, logger="nbtape"):
        log.debug("unseen")
        log.info("loss %s", 0.5)
        for i in range(5):
            log.log_every_n(log.WARN, "every %d", 2, i)
            log.log_first_n(log.ERROR, "first %d", 1, i)
            log.log_if(log.FATAL, "if", i == 4)
    expected = ["loss 0.5", "every 0", "first 0", "every 2", "every 4", "if"]
    assert [record.getMessage() for record in caplog.records] == expected
    assert {record.filename for record in caplog.records} == {"test_migrated.py"}
    assert caplog.records[0].levelno == logging.INFO


def test_how_much_is_logged_can_be_set():
    before = v1.logging.get_verbosity()
    try:
        v1.logging.set_verbosity(v1.logging.ERROR)
        assert tf.get_logger().level == logging.ERROR == v1.logging.get_verbosity()
    finally:
        v1.logging.set_verbosity(before)
    v1.logging.flush()


def test_files_of_graphs_and_events(graph, tmp_path):
    pytest.importorskip("tensorboard")
    tf.constant(1.0, name="one")
    path = v1.train.write_graph(graph, tmp_path / "logs", "graph.pbtxt")
    assert 'name: "one"' in Path(path).read_text()
    path = v1.train.write_graph(graph.as_graph_def(), tmp_path, "graph.pb", as_text=False)
    assert [node.name for node in v1.GraphDef.FromString(Path(path).read_bytes()).node] == ["one"]
    with v1.summary.FileWriter(tmp_path / "run", graph):
        pass
    (path,) = (tmp_path / "run").iterdir()
    version, event = v1.train.summary_iterator(path)
    assert (
        version.file_version == "brain.Event:2"
        and v1.GraphDef.FromString(event.graph_def).node[0].op == "Const"
    )


@v1.RegisterGradient("Migrated")
def twice(op, *gs):
    assert op.inputs and op.outputs
    return [2.0 * g for g in gs] + [None] * (len(op.inputs) - len(gs))


v1.NotDifferentiable("MigratedToNothing")


def test_gradients_of_operations_can_be_overridden(graph):
    x = tf.constant([0.3, -1.0])
    with graph.gradient_override_map({"Sign": "Migrated", "Mul": "Migrated"}):
        y = tf.sign(x)
        with graph.gradient_override_map({"Mul": "MigratedToNothing"}):
            nothing = x * 3.0
        z = x * 5.0
    plain = tf.sign(x) * 3.0
    with v1.Session() as sess:
        found = sess.run([tf.gradients(t, x)[0] for t in (y * 7.0, z, plain)])
    assert [g.tolist() for g in found] == [[14.0, 14.0], [2.0, 2.0], [0.0, 0.0]]
    assert tf.gradients(nothing, x) == [None]


def test_what_is_no_override(graph):
    with pytest.raises(KeyError, match="Registering two gradient with name 'Migrated'!"):
        v1.RegisterGradient("Migrated")(twice)
    with pytest.raises(TypeError, match="dictionary mapping strings to strings"):
        graph.gradient_override_map({"Sign": 1}).__enter__()
    x = tf.constant(1.0)
    with graph.gradient_override_map({"Sign": "Unknown"}):
        y = tf.sign(x)
    with pytest.raises(LookupError, match="gradient registry has no entry for: Unknown"):
        tf.gradients(y, x)


@pytest.fixture
def dimensions():
    v1.disable_v2_tensorshape()
    yield
    v1.enable_v2_tensorshape()


def test_sizes_are_dimensions_where_a_program_asks_for_them(graph, dimensions):
    x = v1.placeholder(tf.float32, [None, 3])
    shape = x.get_shape()
    assert [d.value for d in shape] == [None, 3] and shape[1:][0].value == 3 and shape.as_list() == [None, 3]
    assert shape[1] == 3 and shape[1] * 2 == 6 and repr(shape[1]) == "Dimension(3)" and f"{shape[1]}" == "3"
    assert tf.reshape(x, [-1, shape[1]]).shape == [None, 3]
    assert (
        v1.placeholder(tf.float32, shape).shape == v1.placeholder(tf.float32, list(shape)).shape == [None, 3]
    )
    w = v1.get_variable("w", [shape[1], 2])
    assert w.get_shape()[0].value == 3 and (x @ w).get_shape()[1].value == 2
    assert v1.placeholder(tf.float32).get_shape().ndims is None


def test_sizes_are_ints_otherwise(graph):
    x = v1.placeholder(tf.float32, [None, 3])
    assert x.get_shape()[0] is None and type(x.get_shape()[1]) is int
    assert v1.dimension_value(x.shape[1]) == 3 and v1.dimension_value(v1.Dimension(None)) is None
    assert v1.dimension_at_index(x.shape, 1).value == 3 and v1.dimension_at_index(None, 0).value is None


def test_an_unknown_dimension_computes_and_compares_to_unknown():
    unknown, three = v1.Dimension(None), v1.Dimension(3)
    assert [(f(unknown)).value for f in (lambda d: d + 1, lambda d: 2 * d, lambda d: d // 2)] == [None] * 3
    assert (unknown == 3) is None and (unknown < unknown) is None and str(unknown) == "?"
    assert unknown.merge_with(3).value == three.merge_with(None).value == 3
    assert three.is_compatible_with(unknown) and not three.is_compatible_with(4)
    with pytest.raises(ValueError, match="Dimensions 3 and 4 are not compatible"):
        three.merge_with(4)
    with pytest.raises(ValueError, match="must be >= 0"):
        v1.Dimension(-1)


def test_behaviour_of_tensorflow_1_is_graphs_and_dimensions():
    v1.disable_v2_behavior()
    try:
        assert tf.constant([1.0, 2.0]).get_shape()[0].value == 2 and not tf.executing_eagerly()
    finally:
        v1.enable_v2_behavior()
    assert tf.executing_eagerly() and type(tf.constant([1.0]).get_shape()[0]) is int
    tf.reset()
