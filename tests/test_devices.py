"""Devices of operations, devices that are not there, and clusters."""

import pytest

import nbtape as tf

v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def test_device_blocks_complete_each_other_the_inner_ones_first(graph):
    with tf.device("/job:ps/task:1/gpu:0"):
        with tf.device("/cpu:2"):
            a = tf.constant(1.0)
        with tf.device(None):
            b = tf.constant(1.0)
        with tf.device(lambda op: op.device + "/replica:3"), graph.device(v1.DeviceSpec(task=5)):
            c = tf.constant(1.0)
        with tf.Graph().as_default():
            d = tf.constant(1.0)
    with v1.colocate_with(a.op):
        e = tf.constant(1.0)
    assert [x.device for x in (a, b, c, d, e)] == [
        *["/job:ps/task:1/device:CPU:2", "", "/job:ps/replica:3/task:5/device:GPU:0", ""],
        "/job:ps/task:1/device:CPU:2",
    ]


def test_a_variable_is_where_its_handle_is_but_its_initial_value_is_free():
    with tf.device("/GPU:1"):
        v = v1.get_variable("v", [1])
    assert (v.device, v.op.device, v.initializer.device) == ("/device:GPU:1",) * 3
    assert v.initial_value.device == ""


@pytest.mark.parametrize(
    "spec, words", [("/foo:0", "Unknown attribute 'foo'"), ("/cpu:0/gpu:1", "Multiple device types")]
)
def test_device_strings_that_are_refused(spec, words):
    with pytest.raises(ValueError, match=words):
        tf.device(spec)


def test_device_specs_have_one_form():
    spec = tf.DeviceSpec.from_string("/job:w/task:2/gpu:1")
    assert spec.to_string() == "/job:w/task:2/device:GPU:1" and spec == tf.DeviceSpec("w", None, 2, "GPU", 1)
    assert spec.make_merged_spec(tf.DeviceSpec(task=3)).task == 3 and spec.replace(job="q").job == "q"
    assert {spec: 1}[tf.DeviceSpec.from_string("/job:w/task:2/device:GPU:1")] == 1
    old = v1.DeviceSpec(job="a")
    old.job = "b"  # type: ignore
    old.merge_from(tf.DeviceSpec(task=1))
    old.merge_from(tf.DeviceSpec(device_type="cpu"))
    assert old.to_string() == "/job:b/task:1/device:CPU:*"


def test_devices_that_are_not_there_are_told_once_or_refused():
    with tf.device("/gpu:7"):
        x = tf.constant(1.0) + 1.0
    with v1.Session() as session:
        with pytest.warns(UserWarning, match="There is no device /device:GPU:7, only /device:CPU:0: Const"):
            assert session.run(x) == 2.0
        assert session.run(x * 2.0) == 4.0
    config = v1.ConfigProto(allow_soft_placement=False)
    config.gpu_options.allow_growth = True
    with v1.Session(config=config) as session, pytest.raises(tf.errors.InvalidArgumentError) as raised:
        session.run(x)
    assert "Const: it was explicitly assigned to /device:GPU:7 but available devices" in str(raised.value)


def test_parameter_servers_get_variables_in_turn():
    cluster = {"ps": ["a:1", "b:1"], "worker": ["c:1"]}
    with tf.device(v1.train.replica_device_setter(cluster=cluster, worker_device="/job:worker/cpu:0")):
        found = [v1.get_variable(f"v{i}", [2]) for i in range(3)]
        with tf.device("/gpu:1"):
            w, c = tf.Variable(1.0), tf.constant(1.0)
    assert [v.device for v in found] == ["/job:ps/task:0", "/job:ps/task:1", "/job:ps/task:0"]
    assert w.device == "/job:ps/task:1/device:GPU:1" and c.device == "/job:worker/device:GPU:1"
    assert v1.train.replica_device_setter(cluster={"worker": ["c:1"]}) is None
    with pytest.raises(TypeError, match="ps_strategy must be callable"):
        v1.train.replica_device_setter(2, ps_strategy=3)  # type: ignore[arg-type]


def test_parameter_servers_get_variables_by_size():
    train = v1.train
    strategy = train.GreedyLoadBalancingStrategy(2, train.byte_size_load_fn)
    with tf.device(train.replica_device_setter(2, ps_strategy=strategy)):
        found = [v1.get_variable(f"v{n}", [n]) for n in (10, 2, 3, 4, 1)]
    assert [v.device[-1] for v in found] == ["0", "1", "1", "1", "1"]


@pytest.mark.parametrize(
    "ask, error, words",
    [
        (lambda c: c.task_address("ps", 1), ValueError, "No task with index 1 in job 'ps'"),
        (lambda c: c.num_tasks("zz"), ValueError, "No such job in cluster: 'zz'"),
        (lambda c: tf.train.ClusterSpec(3), TypeError, "`cluster` must be a dictionary"),
        (lambda c: tf.train.ClusterSpec({"a": "b"}), TypeError, "The tasks for job 'a' must be a list"),
        (lambda c: tf.train.ClusterSpec({"a": [3]}), TypeError, "Task address 3 must be bytes or unicode"),
        (lambda c: tf.train.ClusterSpec({3: ["a"]}), TypeError, "Job name 3 must be bytes or unicode"),
    ],
)
def test_clusters_explain_misuse(ask, error, words):
    with pytest.raises(error) as raised:
        ask(tf.train.ClusterSpec({"ps": {0: "p0:1", 3: "p3:1"}}))
    assert words in str(raised.value)


def test_clusters_know_their_tasks():
    cluster = tf.train.ClusterSpec({"worker": ["w0:1", "w1:1"], "ps": {0: "p0:1", 3: "p3:1"}})
    assert cluster.task_indices("ps") == [0, 3] and cluster.job_tasks("ps") == ["p0:1", None, None, "p3:1"]
    assert cluster.as_dict() == {"worker": ["w0:1", "w1:1"], "ps": {0: "p0:1", 3: "p3:1"}}
    assert tf.train.ClusterSpec(cluster) == cluster and cluster and not tf.train.ClusterSpec({})
