"""The device model on simulated cards: what lies and runs where, and that it gives what the CPU gives.

`test_cuda.py` runs this in a process that has two simulated cards. Arrays are small, since each thread of a
card is one of Python's here.
"""

import copy
import pickle

import numpy as np
import pytest

import nbtape as tf
import nbtape.compat.v1 as v1
from nbtape.core import dlpack, memory
from nbtape.core.memory import TransferWarning
from nbtape.graph.v1 import device_memory, hardware, placement

HOST, CARD, OTHER = [f"/job:localhost/replica:0/task:0/device:{kind}" for kind in ("CPU:0", "GPU:0", "GPU:1")]
NUMBERS = np.array([0.5, -1.0, 2.0], np.float32)


def on(device, value):
    with tf.device(device):
        return tf.constant(value)


def same(found, wanted, tolerance=1e-6):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=tolerance)


# Tensors


def test_blocks_put_constants_and_operations_on_a_card():
    with tf.device("/GPU:0"):
        x = tf.constant(NUMBERS)
        with tf.device("/device:CPU:0"):
            y = tf.constant(NUMBERS) + 1.0
            with tf.device("gpu:1"):
                z = tf.constant(NUMBERS)
        with tf.device(None):
            w = tf.constant(NUMBERS)
        made = [tf.zeros([2, 3]), tf.fill([2], 3), tf.ones([]), tf.eye(2), tf.range(3)]
    assert [t.device for t in (x, y, z, w)] == [CARD, HOST, OTHER, HOST]
    assert {t.device for t in made} == {CARD} and made[1].tolist() == [3, 3] and made[2].shape == ()


def test_an_operation_runs_where_its_inputs_are():
    x = on("/GPU:1", NUMBERS)
    y = tf.exp(x * 2.0) + NUMBERS
    assert (y.device, y[0].device, tf.constant(NUMBERS).device) == (OTHER, OTHER, HOST)
    same(y, np.exp(NUMBERS * 2) + NUMBERS)
    with tf.device("/CPU:0"):
        assert tf.exp(x).device == HOST
        with v1.colocate_with(x):
            assert tf.constant(1.0).device == OTHER


def test_values_leave_a_card_as_they_are():
    x, n = on("/GPU:0", NUMBERS), on("/GPU:0", 3)
    assert repr(x) == repr(tf.constant(NUMBERS)) and str(x) == str(tf.constant(NUMBERS))
    assert repr(n) == repr(tf.constant(3)) and str(n) == str(tf.constant(3))
    assert (int(n), float(n), bool(n), len(x), x.shape, x.dtype) == (3, 3.0, True, 3, (3,), tf.float32)
    assert [1, 2, 3, 4][n] == 4 and x.numpy().tolist() == x.tolist() == NUMBERS.tolist()
    assert type(n.numpy()) is np.int32 and f"{x[0]:.1f}" == "0.5"
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 1.0


def test_copies_are_explicit_and_gradients_come_back_through_them():
    x = on("/GPU:0", NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x.cpu()
        z = (y * y).gpu(1)
        loss = tf.reduce_sum(z * 2.0)
    assert [t.device for t in (y, z, loss)] == [HOST, OTHER, OTHER]
    assert x.gpu() is x and y.cpu() is y
    g = tape.gradient(loss, x)
    assert g.device == CARD
    same(g, 4 * NUMBERS)
    with tf.device("/GPU:1"):
        assert tf.identity(x).device == OTHER


def test_errors_name_the_users_line_and_the_operands():
    x = on("/GPU:0", NUMBERS)
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        x + on("/GPU:0", [1.0, 2.0])
    assert "simulated_gpu.py, line" in str(raised.value) and "float32[2]" in str(raised.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match="tf.cast"):
        x + on("/GPU:0", [1, 2, 3])
    assert (x + x).device == CARD


def test_numpy_takes_no_value_of_a_card_for_an_array():
    value = on("/GPU:0", NUMBERS)._value
    for compute in (np.sin, np.sum, lambda a: a + np.ones(3), lambda a: np.concatenate([a, a])):
        with pytest.raises(TypeError, match=r"x\.cpu\(\)"):
            compute(value)
    assert np.asarray(value).tolist() == NUMBERS.tolist()


def test_strings_and_shapes_work_beside_a_card():
    with tf.device("/GPU:0"):
        names = tf.constant(["a", "b"])
        x = tf.reshape(tf.range(6), [2, 3])
        assert (names.device, x.device) == (HOST, CARD)
        assert (names + "c").numpy().tolist() == [b"ac", b"bc"]
        assert tf.reshape(x, tf.shape(x)[::-1]).shape == (3, 2)
        assert [int(n) for n in tf.shape(x)] == [2, 3]
        assert [row.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]


def test_a_mixed_operation_says_once_for_each_line_what_it_copied():
    x, large = on("/GPU:0", 1.0), tf.zeros([1 << 19])
    text = r"copies to GPU:0, .*float32\[524288\] \(2 MB\) from CPU:0"
    with pytest.warns(TransferWarning, match=text) as told:
        for _ in range(2):
            tf.gather(large, on("/GPU:0", [1]))  # here
    assert len(told) == 1 and told[0].filename == __file__
    with pytest.warns(tf.config.TransferWarning, match=r"mul copies to GPU:0, .*\(12 B\) from GPU:1"):
        assert (on("/GPU:0", NUMBERS) * on("/GPU:1", NUMBERS)).device == CARD
    assert (x + NUMBERS).device == CARD


# Variables and tapes


def test_variables_stay_where_they_were_made():
    with tf.device("/GPU:0"):
        v = tf.Variable(NUMBERS)
    w = tf.Variable(NUMBERS)
    for _ in range(2):
        for x in (v, w):
            x.assign(on("/GPU:1", [1.0, 2.0, 3.0]))
            x.assign_add(tf.ones([3]))
            x.assign_sub(on("/GPU:0", [0.5, 0.5, 0.5]))
            x[0].assign(7.0)
            x[2:0:-1].assign(on("/GPU:0", [8.0, 9.0]))
            x.scatter_add(tf.IndexedSlices([1.0, 1.0], [1, 1]))
            x.scatter_nd_update([[2]], [4.0])
            assert x.numpy().tolist() == [7.0, 11.0, 4.0]
    assert (v.device, w.device, (v + w).device) == (CARD, HOST, CARD)
    assert repr(v).endswith("numpy=array([ 7., 11.,  4.], dtype=float32)>")
    read = v.value()
    v.assign_add(tf.ones([3]))
    assert (read.tolist(), v.numpy().tolist()) == ([7.0, 11.0, 4.0], [8.0, 12.0, 5.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="shapes must be equal"):
        v.assign_add([1.0])


def test_numbers_on_a_card_are_variables_too():
    with tf.device("/GPU:0"):
        v = tf.Variable(1.0)
        n = tf.Variable(lambda: 3)
    v.assign_add(1.0)
    n.assign_sub(on("/GPU:0", 1))
    assert (float(v), int(n), v.device, n.device) == (2.0, 2, CARD, CARD)


def trained(device):
    """What a few steps of gradient descent on a small network give, on a device."""
    rng = np.random.default_rng(0)
    with tf.device(device):
        x, y = [tf.constant(rng.standard_normal(s).astype(np.float32)) for s in [(4, 3), (4, 2)]]
        w, b = tf.Variable(rng.standard_normal((3, 2)).astype(np.float32)), tf.Variable(tf.zeros([2]))
    losses = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - y))
        for v, g in zip((w, b), tape.gradient(loss, (w, b)), strict=True):
            assert g.device == v.device
            v.assign_sub(0.1 * g)
        losses.append(loss)
    return losses, w, b


def test_a_loop_of_training_runs_wholly_on_a_card():
    (losses, w, b), (_, *wanted) = trained("/GPU:0"), trained("/CPU:0")
    assert {t.device for t in (*losses, w, b)} == {CARD} and losses[1] < losses[0]
    for found, value in zip((w, b), wanted, strict=True):
        same(found, value, 1e-5)


def test_persistent_tapes_higher_orders_and_forward_mode():
    x = on("/GPU:0", NUMBERS)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        g = inner.gradient(y, x)
    second = outer.gradient(g, x)
    same(g, 3 * NUMBERS**2)
    same(second, 6 * NUMBERS)
    same(outer.gradient(y, x, output_gradients=tf.constant([1.0, 0.0, 2.0])), 3 * NUMBERS**2 * [1, 0, 2])
    assert {t.device for t in (g, second)} == {CARD}
    with tf.autodiff.ForwardAccumulator(x, on("/GPU:0", [1.0, 0.0, 1.0])) as accumulator:
        z = tf.reduce_sum(tf.sin(x) * x)
    wanted = (np.sin(NUMBERS) + NUMBERS * np.cos(NUMBERS)) @ np.array([1, 0, 1], np.float32)
    same(accumulator.jvp(z), wanted, 1e-5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    same(tape.jacobian(y, x), np.diag(2 * NUMBERS))


def test_gradients_lie_where_their_sources_lie():
    v, w = tf.Variable(NUMBERS), on("/GPU:0", NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(w)
        with tf.device("/CPU:0"):
            loss = tf.reduce_sum(v * w)
    assert loss.device == HOST
    gv, gw = tape.gradient(loss, (v, w))
    assert (gv.device, gw.device) == (HOST, CARD)
    same(gv, NUMBERS)
    with tf.GradientTape() as tape, tf.device("/GPU:0"):
        loss = tf.reduce_sum(tf.gather(v, [0, 0, 2]))
    same(tape.gradient(loss, v), [2.0, 0.0, 1.0])


def test_traps_see_inf_on_a_card():
    with tf.debugging.nan_trap():
        x = on("/GPU:0", [4.0, 0.0])
        assert tf.sqrt(x).device == CARD
        with pytest.raises(tf.errors.InvalidArgumentError, match="log made 1 of 2 values inf or nan"):
            tf.math.log(x)


def test_layers_and_optimizers_train_on_a_card():
    rng = np.random.default_rng(0)
    x, y = [rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3), (4, 1)]]

    def fitted(device):
        with tf.device(device):
            ones = tf.keras.initializers.Constant(0.25)
            model = tf.keras.Sequential(
                [
                    tf.keras.layers.Dense(2, "tanh", kernel_initializer=ones),
                    tf.keras.layers.Dense(1, kernel_initializer=ones),
                ]
            )
            optimizer = tf.keras.optimizers.Adam(0.1)
            for _ in range(2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.square(model(tf.constant(x)) - y))
                variables = model.trainable_variables
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return model, optimizer

    (model, optimizer), (other, _) = fitted("/GPU:0"), fitted("/CPU:0")
    assert {v.device for v in (*model.variables, *optimizer.variables)} == {CARD}
    assert int(optimizer.iterations) == 2
    for found, wanted in zip(model.variables, other.variables, strict=True):
        same(found, wanted, 1e-5)


def test_slots_lie_where_their_variables_lie():
    with tf.device("/GPU:0"):
        v = tf.Variable(NUMBERS)
    w = tf.Variable(NUMBERS)
    optimizer = tf.keras.optimizers.SGD(0.5, momentum=0.9)
    optimizer.build([v, w])
    optimizer.apply_gradients([(tf.ones([3]), v), (on("/GPU:0", [1.0, 1.0, 1.0]), w)])
    assert [v.device for v in optimizer.variables] == [HOST, HOST, CARD, HOST]
    same(v, NUMBERS - 0.5)
    same(w, NUMBERS - 0.5)


# Programs


def test_models_fit_on_a_card_what_comes_from_the_computer():
    x, y = np.ones((4, 3), np.float32), np.ones((4, 1), np.float32)
    with tf.device("/GPU:0"):
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile(tf.keras.optimizers.SGD(0.1), "mse")
        history = model.fit(x, y, batch_size=2, epochs=1, shuffle=False, verbose=0)
    assert {v.device for v in model.variables} == {CARD}
    same(history.history["loss"], [(4 + 0.16) / 2], 1e-5)
    same(model.predict(x, verbose=0), np.full((4, 1), 1.08), 1e-5)


def test_loops_that_run_step_by_step_leave_their_values_on_the_card():
    def f(x):
        for i in tf.range(3):
            x = x * tf.cast(i + 1, tf.float32)
        return x

    mode = tf.config.get_compilation()
    tf.config.set_compilation("off")
    try:
        x = on("/GPU:0", NUMBERS)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.function(f)(x)
        g = tape.gradient(y, x)
    finally:
        tf.config.set_compilation(mode)
    assert (y.device, g.device) == (CARD, CARD)
    same(y, 6 * NUMBERS)
    same(g, [6.0, 6.0, 6.0])


def test_datasets_give_elements_of_the_computer():
    dataset = tf.data.Dataset.from_tensor_slices(NUMBERS).map(lambda x: x * 2.0).batch(2)
    with tf.device("/GPU:0"):
        for batch in dataset:
            assert (batch.device, (batch + 1.0).device) == (HOST, CARD)
        assert [x.device for x in tf.data.Dataset.from_tensors(tf.constant(NUMBERS))] == [HOST]
        assert tf.constant(1.0).device == CARD


def test_functions_run_where_their_arguments_are():
    f = tf.function(lambda x: tf.reduce_sum(x * x))
    x = on("/GPU:0", NUMBERS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    g = tape.gradient(y, x)
    assert (f(NUMBERS).device, y.device, g.device) == (HOST, CARD, CARD)
    same(y, NUMBERS @ NUMBERS)
    same(g, 2 * NUMBERS)


# What tf.config says


def test_processors_and_devices_are_listed():
    gpus = tf.config.list_physical_devices("GPU")
    assert [gpu.name for gpu in gpus] == ["/physical_device:GPU:0", "/physical_device:GPU:1"]
    names = [device.name for device in tf.config.list_logical_devices()]
    assert names == ["/device:CPU:0", "/device:GPU:0", "/device:GPU:1"]
    assert tf.test.gpu_device_name() == "/device:GPU:0" and tf.test.is_gpu_available()
    assert not tf.test.is_gpu_available(min_cuda_compute_capability=(99, 0))
    details = tf.config.experimental.get_device_details(gpus[0])
    assert details == {"device_name": "simulated", "compute_capability": (9, 0)}
    assert tf.config.experimental.get_device_details(tf.config.list_physical_devices("CPU")[0]) == {}
    on("/GPU:0", NUMBERS)
    with pytest.raises(RuntimeError, match="a GPU was used"):
        tf.config.set_visible_devices(gpus[1], "GPU")
    with pytest.raises(RuntimeError, match="operations need the CPU"):
        tf.config.set_visible_devices([], "CPU")


def test_visible_cards_are_numbered_anew(monkeypatch):
    monkeypatch.setattr(memory, "state", state := type(memory.state)())
    monkeypatch.setattr(hardware, "state", state)
    tf.config.set_visible_devices(tf.config.list_physical_devices("GPU")[1:], "GPU")
    assert [gpu.name for gpu in tf.config.list_logical_devices("GPU")] == ["/device:GPU:0"]
    assert [gpu.name for gpu in tf.config.get_visible_devices("GPU")] == ["/physical_device:GPU:1"]
    x = on("/GPU:0", NUMBERS)
    assert (x._value.card, x.device, x.cpu().gpu(0)._value.card) == (1, CARD, 1)
    monkeypatch.setattr(placement, "_told", set())
    with pytest.warns(UserWarning, match="no device /device:GPU:1, only /device:CPU:0, /device:GPU:0"):
        assert on("/GPU:1", NUMBERS).device == HOST


def test_hard_placement_names_what_there_is():
    tf.config.set_soft_device_placement(False)
    try:
        with tf.device("/GPU:2"), pytest.raises(tf.errors.InvalidArgumentError) as raised:
            tf.constant(1.0)
        with tf.device("/GPU:1"):
            assert tf.constant(1.0).device == OTHER
    finally:
        tf.config.set_soft_device_placement(True)
    wanted = f"Supported device types [CPU, GPU]. All available devices [{HOST}, {CARD}, {OTHER}]"
    assert wanted in str(raised.value)


def test_memory_is_counted_and_comes_back():
    config = tf.config.experimental
    x = on("/GPU:1", np.zeros(1000, np.float32))
    before = config.get_memory_info("GPU:1")
    y = x + 1.0
    more = config.get_memory_info("GPU:1")["current"]
    assert more >= before["current"] + y._value.nbytes
    del y
    after = config.get_memory_info("GPU:1")
    assert after["current"] == before["current"] == config.get_memory_usage("GPU:1") and after["peak"] >= more
    config.reset_memory_stats("GPU:1")
    assert config.get_memory_info("GPU:1")["peak"] == before["current"]
    stats = tf.config.memory_stats("GPU:1")
    assert stats["reserved"] >= stats["current"] and stats["limit"] > 0
    with pytest.raises(ValueError, match="No matching devices"):
        config.get_memory_info("GPU:2")
    with pytest.raises(ValueError, match="is no GPU"):
        config.reset_memory_stats("CPU:0")


def test_memory_can_be_limited_before_it_is_used(monkeypatch):
    gpu = tf.config.list_physical_devices("GPU")[1]
    limit = tf.config.LogicalDeviceConfiguration(memory_limit=8)
    with pytest.raises(RuntimeError, match="a GPU was used"):
        tf.config.set_logical_device_configuration(gpu, [limit])
    monkeypatch.setattr(device_memory, "state", type(memory.state)())
    monkeypatch.setattr(device_memory, "_configured", {})
    with pytest.raises(ValueError, match="one logical device"):
        tf.config.set_logical_device_configuration(gpu, [limit, limit])
    try:
        tf.config.set_logical_device_configuration(gpu, [limit])
        assert tf.config.memory_stats("GPU:1")["limit"] == 8 << 20
        assert tf.config.get_logical_device_configuration(gpu) == [limit]
        with pytest.raises(tf.errors.ResourceExhaustedError, match="GPU:1 has no memory"):
            on("/GPU:1", np.zeros(9 << 20, np.uint8))
        assert float(on("/GPU:1", 2.0)) == 2.0
    finally:
        tf.config.set_logical_device_configuration(gpu, [tf.config.LogicalDeviceConfiguration()])
    tf.config.experimental.set_memory_growth(gpu, True)
    assert tf.config.experimental.get_memory_growth(gpu)


# Copies, pickles, checkpoints


def test_copies_stay_on_the_card_and_pickles_come_to_the_computer():
    with tf.device("/GPU:0"):
        x, v = tf.constant(NUMBERS), tf.Variable(NUMBERS, name="v")
    for copied in (copy.deepcopy(x), copy.copy(x)):
        assert copied.device == CARD and copied.tolist() == x.tolist()
    other = copy.deepcopy(v)
    other.assign_add(tf.ones([3]))
    assert (other.device, other.name, v.numpy().tolist()) == (CARD, "v:0", NUMBERS.tolist())
    for pickled in (pickle.loads(pickle.dumps(x)), pickle.loads(pickle.dumps(v))):
        assert pickled.device == HOST and pickled.numpy().tolist() == NUMBERS.tolist()


def test_checkpoints_save_variables_of_a_card_and_restore_them_there(tmp_path):
    with tf.device("/GPU:0"):
        v, n = tf.Variable(NUMBERS), tf.Variable(3)
    path = tf.train.Checkpoint(v=v, n=n).save(str(tmp_path / "saved"))
    v.assign(tf.zeros([3]))
    n.assign(0)
    tf.train.Checkpoint(v=v, n=n).restore(path)
    assert (v.device, v.numpy().tolist(), n.device, int(n)) == (CARD, NUMBERS.tolist(), CARD, 3)
    w = tf.Variable(tf.zeros([3]))
    tf.train.Checkpoint(v=w).restore(path).expect_partial()
    assert (w.device, w.numpy().tolist()) == (HOST, NUMBERS.tolist())


# Other libraries


class Shared:
    """An array of a library that knows `__cuda_array_interface__` only."""

    def __init__(self, x, **changes):
        self.__cuda_array_interface__ = x.__cuda_array_interface__ | changes


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8", "uint64", "complex64", "bool"])
def test_capsules_share_the_memory_of_a_card(dtype):
    x = on("/GPU:1", np.arange(6).reshape(2, 3).astype(tf.as_dtype(dtype).as_numpy_dtype))
    assert x.__dlpack_device__() == (2, 1)
    y = tf.experimental.dlpack.from_dlpack(x)
    z = tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(x[1]))
    assert y._value.block.address == x._value.block.address and (y.device, z.device) == (OTHER, OTHER)
    assert (y.dtype, y.tolist(), z.tolist()) == (x.dtype, x.tolist(), x[1].tolist())


def test_what_was_lent_is_held_until_it_is_given_back():
    x = on("/GPU:0", np.zeros([0, 2], np.float32))
    dlpack._sweep()
    y = tf.experimental.dlpack.from_dlpack(x)
    assert y.shape == (0, 2) and len(dlpack._lent) == 1
    del y
    assert not dlpack._lent
    capsule = x.__dlpack__(stream=7)
    tf.experimental.dlpack.from_dlpack(capsule)
    with pytest.raises(ValueError, match="PyCapsule"):
        tf.experimental.dlpack.from_dlpack(capsule)  # which was used
    assert not dlpack._lent
    with pytest.raises(RuntimeError, match="Unsupported device"):
        np.from_dlpack(x)
    capsule = tf.experimental.dlpack.to_dlpack(x)
    assert len(dlpack._lent) == 1  # what NumPy refused was let go of
    del capsule


def test_capsules_may_be_of_copies_and_for_the_computer():
    with tf.device("/GPU:0"):
        v = tf.Variable(NUMBERS)
    copied = tf.experimental.dlpack.from_dlpack(v.value().__dlpack__(copy=True))
    assert v.__dlpack_device__() == (2, 0) and copied.tolist() == NUMBERS.tolist()
    assert copied._value.block.address != v._value.block.address
    assert tf.Variable(1.0).__dlpack_device__() == tf.constant(1.0).__dlpack_device__() == (1, 0)
    assert np.from_dlpack(v.value().cpu()).tolist() == NUMBERS.tolist()


def test_what_is_not_in_order_is_not_shared():
    capsule = on("/GPU:0", np.zeros([2, 3], np.float32)).__dlpack__()
    dlpack._held(capsule).tensor.strides[1] = 2
    with pytest.raises(BufferError, match="not in order: make it contiguous"):
        tf.experimental.dlpack.from_dlpack(capsule)
    capsule = on("/GPU:0", NUMBERS).__dlpack__()
    dlpack._held(capsule).tensor.bits = 24
    with pytest.raises(BufferError, match="No tensor has DLPack's type"):
        tf.experimental.dlpack.from_dlpack(capsule)


def test_arrays_with_the_interface_of_cuda_are_shared_by_from_dlpack_and_copied_by_constant(monkeypatch):
    x = on("/GPU:0", NUMBERS.reshape(3, 1))
    told = x.__cuda_array_interface__
    assert (told["shape"], told["typestr"], told["version"]) == ((3, 1), "<f4", 3)
    assert not hasattr(tf.constant(1.0), "__cuda_array_interface__")
    with pytest.raises(BufferError, match="on which of 2 cards"):
        tf.constant(Shared(x))
    monkeypatch.setattr(dlpack, "_cards", lambda: 1)
    y, z = tf.experimental.dlpack.from_dlpack(Shared(x)), tf.constant(Shared(x, strides=(4, 4)))
    assert (y.device, z.device, y.tolist(), z.tolist()) == (CARD, CARD, x.tolist(), x.tolist())
    addresses = [t._value.block.address for t in (x, y, z)]
    assert addresses[0] == addresses[1] != addresses[2]
    assert tf.constant(Shared(x), tf.int32).tolist() == [[0], [-1], [2]]
    for changes, text in [({"strides": (8, 8)}, "not in order"), ({"stream": 9}, "a stream of its own")]:
        with pytest.raises(BufferError, match=text):
            tf.constant(Shared(x, **changes))


# Notebooks


def test_devices_are_described(capsys):
    tf.doctor()
    assert "; /device:GPU:1: simulated, compute capability 9.0, 1 GB" in capsys.readouterr().out


def test_a_session_takes_values_on_cards_and_gives_arrays_of_the_computer():
    with v1.Graph().as_default(), v1.device("/GPU:0"):
        x = v1.placeholder(tf.float32, [3])
        ys = [x * 2.0, tf.reduce_sum(x)]
        with v1.Session() as session:
            for _ in range(2):  # as it is, and compiled
                found = session.run(ys, {x: np.ones(3, np.float32)})
                assert type(found[0]) is np.ndarray and type(found[1]) is np.float32
                assert found[0].tolist() == [2, 2, 2] and found[1] == 3
    with tf.device("/GPU:0"):
        there = tf.ones(3)
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [3])
        assert session.run(x + 1.0, {x: there}).tolist() == [2, 2, 2]
