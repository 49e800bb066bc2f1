"""What becomes of code that runs at once, and of functions, on devices that are not there."""

import threading
import warnings

import pytest

import nbtape as tf
from nbtape.graph.v1 import placement

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
REFUSED = (
    "Could not satisfy device specification '/job:localhost/replica:0/task:0/device:GPU:3'. "
    f"enable_soft_placement=0. Supported device types [CPU]. All available devices [{CPU}]."
)


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.setattr(placement, "_told", set())


@pytest.fixture
def hard():
    tf.config.set_soft_device_placement(False)
    yield
    tf.config.set_soft_device_placement(True)


def line(text: str) -> int:
    """The number of the first line of this file that ends with `text`."""
    with open(__file__) as file:
        return next(i for i, each in enumerate(file, 1) if each.rstrip().endswith(text))


def test_a_device_that_is_not_there_is_told_once_on_the_line_that_asks_for_it():
    with pytest.warns(UserWarning, match="There is no device /device:GPU:3, only /device:CPU:0") as told:
        with tf.device("/GPU:3"):  # here
            x, v = tf.constant([1.0]) + 1.0, tf.Variable(1.0)
    assert [x.device, v.device] == [CPU, CPU]
    assert (told[0].filename, told[0].lineno) == (__file__, line("# here"))
    assert 'Write tf.device("/CPU:0")' in str(told[0].message)
    with tf.device("/device:gpu:3"):  # the same device, which would now be an error
        assert tf.zeros([2]).device == CPU


def test_blocks_complete_each_other_where_operations_run_at_once():
    with tf.device("/job:localhost"), pytest.warns(UserWarning, match="no device /job:localhost/device:GPU"):
        with tf.device("/GPU:1"), tf.device("/CPU:0"), tf.device(None):
            assert tf.constant(1.0).device == CPU


def test_a_warning_that_is_an_error_leaves_the_block_unopened():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning), tf.device("/GPU:3"):
            pass
    tf.config.set_soft_device_placement(False)
    try:
        assert float(tf.constant(1.0)) == 1.0
    finally:
        tf.config.set_soft_device_placement(True)


def test_functions_are_told_of_where_they_put_operations_and_not_of_where_they_are_called():
    seen = []

    @tf.function
    def f(x):
        y = x + 1.0
        with tf.device("/GPU:2"):
            z = y * 2.0  # there
        seen.extend([y.device, z.device, z.op.device])
        return z

    with tf.device("/CPU:0"), pytest.warns(UserWarning, match="There is no device /device:GPU:2") as told:
        z = f(tf.constant(1.0))
    assert (float(z), z.device) == (4.0, CPU)
    assert seen == ["", "/device:GPU:2", "/device:GPU:2"]
    assert [w.lineno for w in told] == [line("# there")]


def test_hard_placement_refuses_what_is_put_on_a_device_that_is_not_there(hard):
    x, v, f = tf.constant([1.0]), tf.Variable([1.0]), tf.function(lambda x: x + x)
    places = [
        *[lambda: tf.constant(1.0), lambda: tf.zeros([2]), lambda: tf.random.normal([2]), lambda: f(x)],
        *[lambda: x + x, lambda: -x, lambda: x[0], lambda: v + 1.0, lambda: v.assign([2.0])],
        *[lambda: tf.Variable(1.0), lambda: tf.compat.v1.get_variable("hard_w", [2])],
        lambda: tf.keras.layers.Dense(1)(x[None]),
    ]
    with tf.device("/GPU:3"):
        assert tf.compat.v1.executing_eagerly_outside_functions() and tf.executing_eagerly()
        assert x.numpy().tolist() == [1.0]
        for put in places:
            with pytest.raises(tf.errors.InvalidArgumentError) as raised:
                put()
            assert str(raised.value).startswith(REFUSED) and "test_placement.py, line" in str(raised.value)
        with tf.device("/CPU:0"):
            assert float(x[0] + tf.constant(1.0)) == 2.0
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[Op:Neg\]\n  neg at .*\n  input 0: f"):
            tf.negative(x)
    assert (x + tf.constant(1.0)).numpy().tolist() == [2.0] and v.numpy().tolist() == [1.0]


def test_hard_placement_refuses_operations_of_functions_too(hard):
    @tf.function
    def f(x):
        with tf.device("/GPU:3"):
            return -x

    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        f(tf.constant(1.0))
    assert str(raised.value).startswith(f"{REFUSED} [Op:Neg]\n  neg at ")


def test_a_tape_goes_on_over_blocks_of_refused_devices(hard):
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
        with tf.device("/GPU:3"), pytest.raises(tf.errors.InvalidArgumentError):
            tf.exp(y)
        y = y * x
    assert float(tape.gradient(y, x)) == 27.0


def test_devices_of_other_processes_are_refused_with_soft_placement_too():
    with tf.device("/job:ps/task:1"), pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.constant(1.0)
    assert "/job:ps/replica:0/task:1/device:CPU:0 unknown device." in str(raised.value)


def test_functions_of_operations_need_a_graph():
    with pytest.raises(RuntimeError, match="does not support functions when eager execution is enabled"):
        with tf.device(lambda op: "/CPU:0"):
            pass


def test_branches_in_graphs_are_left_to_the_session():
    with tf.Graph().as_default(), tf.device("/job:ps/GPU:3"):
        x = tf.constant(1.0)
        assert tf.cond(x > 0.0, lambda: x + 1.0, lambda: x).device == "/job:ps/device:GPU:3"


def test_blocks_open_beside_another_tensor():
    with tf.compat.v1.colocate_with(x := tf.constant(1.0)), tf.device("/CPU:0"):
        assert (x + 1.0).device == CPU


def test_other_threads_are_elsewhere(hard):
    found = []
    with tf.device("/GPU:3"):
        thread = threading.Thread(target=lambda: found.append(float(tf.constant(2.0))))
        thread.start()
        thread.join()
    assert found == [2.0]


def test_sessions_without_settings_do_as_the_program_does(hard):
    with tf.Graph().as_default():
        with tf.device("/GPU:3"):
            x = tf.constant(1.0)
        with tf.compat.v1.Session() as session:
            assert [d.name for d in session.list_devices()] == [CPU]
            with pytest.raises(tf.errors.InvalidArgumentError, match="explicitly assigned to /device:GPU:3"):
                session.run(x)


def test_what_there_is():
    config = tf.config
    [cpu] = config.list_physical_devices()
    assert config.get_visible_devices("CPU") == config.experimental.list_physical_devices("CPU") == [cpu]
    assert config.list_physical_devices("GPU") == config.list_logical_devices("GPU") == []
    assert (tf.test.gpu_device_name(), tf.test.is_gpu_available()) == ("", False)
    config.set_visible_devices([], "GPU")
    config.set_visible_devices(cpu)
    with pytest.raises(ValueError, match="Unrecognized device: PhysicalDevice"):
        config.set_visible_devices([cpu], "GPU")
    with pytest.raises(RuntimeError, match="cannot be modified after being initialized"):
        config.set_visible_devices([], "CPU")


def test_memory_of_the_process():
    found = tf.config.experimental.get_memory_info("CPU:0")
    assert found["peak"] >= found["current"] >= 0
    with pytest.raises(ValueError, match="No matching devices found for 'GPU:0'"):
        tf.config.experimental.get_memory_info("GPU:0")
    for name in ("foo", "CPU"):
        with pytest.raises(ValueError, match=f"Failed parsing device name: '{name}'"):
            tf.config.experimental.get_memory_info(name)
