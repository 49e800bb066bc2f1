"""tf.summary writes what TensorBoard reads: the files are read back with TensorBoard's own reader."""

import io
import sys
import warnings

import matplotlib.image
import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.settings import Settings
from nbtape.graph.v1 import protos

pytest.importorskip("tensorboard")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

v1, summary = tf.compat.v1, tf.summary


@pytest.fixture
def writer(tmp_path):
    writer = summary.create_file_writer(tmp_path)
    yield writer
    writer.close()


def read(writer):
    """What a folder's files hold."""
    writer.flush()
    folder = writer.logdir if isinstance(writer, summary.SummaryWriter) else writer.get_logdir()
    return EventAccumulator(folder, size_guidance={"tensors": 0}).Reload()


def tensors(writer, tag):
    """The steps and values of a tag."""
    return [(event.step, make_ndarray(event.tensor_proto).tolist()) for event in read(writer).Tensors(tag)]


# At once


def test_numbers_are_recorded_at_their_steps_under_the_name_scope(writer):
    with writer.as_default():
        with tf.name_scope("train"):
            assert bool(summary.scalar("loss", 2, step=1, description="what is *minimised*"))
        summary.scalar("train/loss", tf.constant(0.5, tf.bfloat16), step=tf.Variable(2))
    assert tensors(writer, "train/loss") == [(1, 2.0), (2, 0.5)]
    metadata = read(writer).SummaryMetadata("train/loss")
    assert metadata.plugin_data.plugin_name == "scalars"
    assert metadata.summary_description == "what is *minimised*"


def test_histograms_count_what_is_finite(writer):
    with writer.as_default(step=3):
        summary.histogram("w", [0.0, 1.0, 1.0, 4.0, np.nan, np.inf], buckets=4)
        summary.histogram("same", [2.0, 2.0], buckets=2)
        summary.histogram("none", [], buckets=1)
    assert tensors(writer, "w") == [(3, [[0, 1, 1], [1, 2, 2], [2, 3, 0], [3, 4, 1]])]
    assert tensors(writer, "same") == [(3, [[2, 2, 0], [2, 2, 2]])]
    assert tensors(writer, "none") == [(3, [[0, 0, 0]])]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_png_files_of_their_pixels(writer, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 3, channels)).astype(np.uint8)
    with writer.as_default(step=0):
        summary.image("bytes", pixels, max_outputs=2)
        summary.image("floats", pixels / np.float32(255))
    for tag, count in ("bytes", 2), ("floats", 3):
        ((_, (width, height, *files)),) = tensors(writer, tag)
        assert (width, height, len(files)) == (b"3", b"4", count)
        found = (matplotlib.image.imread(io.BytesIO(files[1])) * 255).round().astype(np.uint8)
        assert (found.reshape(4, 3, -1)[..., : min(channels, 3)] == pixels[1][..., : min(channels, 3)]).all()
    assert read(writer).SummaryMetadata("bytes").plugin_data.plugin_name == "images"


def test_texts_are_recorded_as_they_are(writer):
    with writer.as_default(step=0):
        summary.text("note", "<b>bold</b>")
        summary.text("notes", [["a", "b"]])
        with pytest.raises(ValueError, match="have strings, got dtype float32"):
            summary.text("note", 1.0)
    assert tensors(writer, "note") == [(0, b"<b>bold</b>")]
    assert tensors(writer, "notes") == [(0, [[b"a", b"b"]])]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "../../../etc/passwd", "a\nb\0c", "\ud800", "π/℮"]
)
def test_a_tag_is_text_and_nothing_else(writer, name, tmp_path):
    with writer.as_default(step=0):
        summary.scalar(name, 1.0)
    assert read(writer).Tags()["tensors"] == [name.encode("utf-8", "replace").decode()]
    assert [path.name.startswith("events.out.tfevents") for path in tmp_path.iterdir()] == [True]


def test_nothing_is_recorded_without_a_writer_or_where_it_is_not_wanted(writer):
    assert not bool(summary.scalar("x", 1.0)) and not bool(summary.should_record_summaries())
    with writer.as_default(step=0), summary.record_if(False):
        assert not bool(summary.should_record_summaries())
        assert not bool(summary.scalar("x", 1.0))
        with summary.record_if(lambda: tf.constant(True)):
            assert bool(summary.scalar("y", 1.0))
    with summary.create_noop_writer().as_default(step=0):
        summary.scalar("z", 1.0)
    assert read(writer).Tags()["tensors"] == ["y"]


def test_a_step_is_needed(writer):
    with writer.as_default():
        with pytest.raises(ValueError, match="No step set. Please specify one either through the `step`"):
            summary.scalar("x", 1.0)
        summary.experimental.set_step(7)
        try:
            assert summary.experimental.get_step() == 7
            summary.scalar("x", 1.0)
        finally:
            summary.experimental.set_step(None)
    assert tensors(writer, "x") == [(7, 1.0)]


def test_a_number_has_no_axes(writer):
    with writer.as_default(step=0), pytest.raises(ValueError, match=r"saw shape: \(2,\)"):
        summary.scalar("x", [1.0, 2.0])
    unseen = pytest.raises(tf.errors.InvalidArgumentError, match="1, 2, 3 or 4 channels")
    with writer.as_default(step=0), unseen:
        summary.image("x", np.zeros((1, 2, 2, 5)))


def test_a_closed_writer_says_so(writer):
    writer.close()
    writer.close()
    with pytest.raises(RuntimeError, match="is already closed"), writer.as_default():
        pass


def test_any_tensor_can_be_written(writer):
    whole = protos.Summary(value=[protos.Summary.Value(tag="whole", simple_value=3.0)])
    with writer.as_default(step=1), tf.name_scope("scope"):
        summary.write("tag", [1, 2])
        summary.experimental.write_raw_pb(whole.SerializeToString())
        with summary.experimental.summary_scope("a b") as (tag, scope):
            assert (tag, scope) == ("scope/a b", "scope/a_b/")
    assert tensors(writer, "tag") == [(1, [1, 2])]
    assert [event.value for event in read(writer).Scalars("whole")] == [3.0]


# In functions


@pytest.mark.parametrize("mode", ["off", "synchronous"])
def test_a_function_records_each_time_that_it_runs(writer, mode, monkeypatch):
    monkeypatch.setattr(Settings, "mode", mode)
    step = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def train(x):
        step.assign_add(1)
        with tf.name_scope("in"):
            summary.scalar("x", x, step=step)
        return x * 2.0

    with writer.as_default():
        for x in 1.0, 2.0, 3.0:
            train(tf.constant(x))
    assert tensors(writer, "in/x") == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_compiled_function_records_too(writer, compiled):
    @tf.function
    def f(x):
        y = tf.sin(x) * 2.0
        summary.histogram("y", y, buckets=1)
        return y + 1.0

    with writer.as_default():
        for step in range(2):
            summary.experimental.set_step(step)
            f(tf.zeros([3]))
    summary.experimental.set_step(None)
    assert tensors(writer, "y") == [(0, [[0, 0, 3]]), (1, [[0, 0, 3]])]


def test_a_function_asks_for_writer_step_and_wish_when_it_runs(writer, tmp_path):
    @tf.function
    def f(x):
        summary.scalar("x", x)
        return x

    f(tf.constant(0.0))  # traced where nothing is recorded
    other = summary.create_file_writer(tmp_path / "other")
    with writer.as_default(step=1):
        f(tf.constant(1.0))
        with other.as_default(step=2):
            f(tf.constant(2.0))
        with summary.record_if(lambda: False):
            f(tf.constant(3.0))
    assert tensors(writer, "x") == [(1, 1.0)] and tensors(other, "x") == [(2, 2.0)]
    with writer.as_default(), pytest.raises(tf.errors.InvalidArgumentError, match="No step set"):
        f(tf.constant(1.0))
    other.close()


def test_what_a_function_sets_itself_holds_in_it(writer, tmp_path):
    inner = summary.create_file_writer(tmp_path / "inner")

    @tf.function
    def f(x):
        with inner.as_default(step=5), summary.record_if(x > 1.0):
            summary.scalar("x", x)
        return x

    with writer.as_default(step=1):
        for x in 1.0, 2.0:
            f(tf.constant(x))
    assert tensors(inner, "x") == [(5, 2.0)] and read(writer).Tags()["tensors"] == []
    inner.close()


# Graphs


def test_a_graph_has_the_hierarchy_of_its_name_scopes(writer):
    graph = tf.Graph()
    with graph.as_default():
        with tf.name_scope("layer"):
            x = v1.placeholder(tf.float32, [None, 2], name="x")
            y = x @ v1.get_variable("w", [2, 3])
        with tf.control_dependencies([y]):
            tf.identity(y, name="y")
        tf.cond(y[0, 0] > 0.0, lambda: y + 1.0, lambda: y)
    with writer.as_default():
        assert bool(summary.graph(graph))
        with pytest.raises(ValueError, match="is not tf.Graph"):
            summary.graph("graph")
        with graph.as_default(), pytest.raises(RuntimeError, match="inside a graph"):
            summary.graph(graph)
    nodes = {node.name: node for node in read(writer).Graph().node}
    assert {op.name for op in graph.get_operations()} <= nodes.keys()
    assert list(nodes["y"].input) == ["layer/matmul", "^layer/matmul"]
    assert nodes["layer/x"].op == "Placeholder" and nodes["layer/x"].attr["dtype"].type == 1
    assert [d.size for d in nodes["layer/x"].attr["_output_shapes"].list.shape[0].dim] == [-1, 2]
    assert list(nodes["layer/ReadVariableOp"].input) == ["w"]
    assert nodes["w"].op == "VarHandleOp"
    assert len(read(writer).Graph().library.function) == 2


def test_graphs_of_functions_are_collected_between_two_points(writer):
    w = tf.Variable([1.0, 2.0], name="layer/w")

    @tf.function
    def f(x):
        with tf.name_scope("layer"):
            return tf.tanh(x * w)

    f(tf.zeros([2]))
    summary.trace_on()
    f(tf.zeros([2]))
    with writer.as_default():
        summary.trace_export("run", step=4)
        with pytest.raises(ValueError, match="Must enable trace before export"):
            summary.trace_export("run", step=4)
    (event,) = read(writer).Tensors("run")
    found = protos.RunMetadata.FromString(make_ndarray(event.tensor_proto).item())
    names = [node.name for node in found.function_graphs[0].pre_optimization_graph.node]
    assert event.step == 4 and {"layer/w", "layer/Tanh", "layer/mul"} <= set(names)
    with pytest.raises(ValueError, match="no profiles"):
        summary.trace_on(profiler=True)


# TensorFlow 1

# Of the values in the tests below, by TensorFlow 2.21.
HISTOGRAM = (
    [-1.008971, -0.9172464, 0.0, 1e-12, 0.4706924, 0.5177617, 2.878712, 3.166583, np.finfo(float).max],
    [0, 1, 0, 1, 0, 2, 0, 1, 0],
)
IMAGES = [[0, 255, 255], [1, 128, 191]]


def test_summaries_of_a_graph_are_merged_and_written(tmp_path):
    with tf.Graph().as_default() as graph, v1.Session() as sess:
        x = v1.placeholder(tf.float32, [2])
        with tf.name_scope("scope"):
            v1.summary.scalar("sum x", tf.reduce_sum(x))
            v1.summary.scalar("sum x", 1, family="kin")
        v1.summary.histogram("x", x)
        v1.summary.text("note", tf.constant("text"))
        assert v1.summary.scalar("apart", 0.0, collections=[]).dtype is tf.string
        merged = v1.summary.merge_all()
        with v1.summary.FileWriter(tmp_path, graph) as writer:
            for step in range(3):
                writer.add_summary(sess.run(merged, {x: [step, 1.0]}), step)
            own = v1.summary.Summary(value=[v1.summary.Summary.Value(tag="own", simple_value=1.0)])
            writer.add_summary(own, 9)
            found = read(writer)
    assert [(e.step, e.value) for e in found.Scalars("scope/sum_x")] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert set(found.Tags()["scalars"]) == {"scope/sum_x", "kin/scope/kin/sum_x", "own"}
    assert found.Histograms("x")[-1].histogram_value.num == 2
    assert make_ndarray(found.Tensors("note")[0].tensor_proto).item() == b"text"
    assert "scope/sum_x" in [node.name for node in found.Graph().node]


def test_graphs_are_written_whichever_way_they_are_given(tmp_path):
    with tf.Graph().as_default() as graph, v1.Session() as sess:
        tf.constant(1.0, name="one")
        with v1.summary.FileWriter(tmp_path, graph_def=sess.graph_def) as writer:
            writer.add_graph(graph.as_graph_def(), 1)
            with pytest.raises(TypeError, match="must be an instance of `Graph`, not str"):
                writer.add_graph("graph")
            assert [node.name for node in read(writer).Graph().node] == ["one"]


def test_summaries_of_tensorflow_2_in_a_graph_of_tensorflow_1(writer):
    with tf.Graph().as_default(), v1.Session() as sess, writer.as_default():
        x, step = v1.placeholder(tf.float32, []), v1.placeholder(tf.int64, [])
        summary.scalar("x", x, step=step)
        (recorded,) = v1.summary.all_v2_summary_ops()
        sess.run(writer.init())
        for i in range(3):
            sess.run(recorded, {x: i / 2, step: i})
    assert v1.summary.all_v2_summary_ops() is None
    assert tensors(writer, "x") == [(0, 0.0), (1, 0.5), (2, 1.0)]


def test_a_graph_without_summaries_merges_to_none():
    with tf.Graph().as_default():
        assert v1.summary.merge_all() is None


def test_a_tag_stands_once_in_a_merge():
    x = v1.summary.scalar("x", 1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag x found in summary inputs"):
        v1.summary.merge([x, x])


def test_histograms_of_tensorflow_1():
    found = protos.Summary.FromString(v1.summary.histogram("h", [-1.0, 0.0, 0.5, 0.5, 3.0]).numpy())
    histo = found.value[0].histo
    assert (histo.min, histo.max, histo.num, histo.sum, histo.sum_squares) == (-1, 3, 5, 3, 10.5)
    assert (pytest.approx(list(histo.bucket_limit)), list(histo.bucket)) == HISTOGRAM
    with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram for: h"):
        v1.summary.histogram("h", [np.nan])


def test_images_of_tensorflow_1_are_scaled():
    images = np.array([[[[0.0], [2.0], [np.nan]]], [[[-1.0], [0.0], [0.5]]]], np.float32)
    found = protos.Summary.FromString(v1.summary.image("i", images).numpy())
    assert [value.tag for value in found.value] == ["i/image/0", "i/image/1"]
    pixels = [matplotlib.image.imread(io.BytesIO(value.image.encoded_image_string)) for value in found.value]
    assert [(p * 255).round().ravel().tolist() for p in pixels] == IMAGES


def test_writers_of_folders_are_shared(tmp_path):
    cache = v1.summary.FileWriterCache
    writer = cache.get(tmp_path)
    assert cache.get(tmp_path) is writer
    cache.clear()
    writer.reopen()
    writer.add_session_log(v1.summary.SessionLog(status=v1.summary.SessionLog.START), 1)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_without_tensorboard_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    for name in [name for name in sys.modules if name.startswith("tensorboard.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(protos.EventFileWriter, "_function", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        summary.create_file_writer(tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(protos.Summary, "_function", None)
    with summary.create_noop_writer().as_default(step=1):
        assert bool(summary.scalar("x", 1.0))
