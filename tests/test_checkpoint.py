"""Checkpoints by object graph: what they save, what finds its values again, and what is refused."""

import copy
import gc
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

import nbtape as tf
from nbtape.state.saving import bundle
from nbtape.state.saving.bundle import CheckpointReader
from nbtape.state.saving.tracking import waiting

VALUES = {
    "half": np.float16([0.5, -2.0]),
    "single": np.float32([[1.5], [np.nan]]),
    "double": np.float64(np.pi),
    "int8": np.int8([-128, 127]),
    "int64": np.int64(2**62),
    "uint64": np.uint64(2**63),
    "bool": np.array([[True, False]]),
    "complex64": np.complex64([1 + 2j]),
    "complex128": np.complex128([[1e300j]]),
    "empty": np.zeros((0, 3), np.float32),
    "bfloat16": np.array([1.5, -3.0], tf.bfloat16.as_numpy_dtype),
    "string": np.array([b"ab", b"", "ü".encode()], object),
    "scalar string": np.array(b"x", object),
}


@pytest.fixture
def prefix(tmp_path):
    return str(tmp_path / "ckpt")


def saved(prefix, **objects):
    return tf.train.Checkpoint(**objects).save(prefix)


def keys(path):
    first, *names = [name for name, _ in tf.train.list_variables(path)]
    assert first == "_CHECKPOINTABLE_OBJECT_GRAPH"
    return [name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name in names]


# Files


@pytest.mark.parametrize("name", VALUES)
def test_arrays_of_every_dtype_come_back(prefix, name):
    x = VALUES[name]
    bundle.write(prefix, {name: x})
    reader = CheckpointReader(prefix)
    y = reader.read([name])[name]
    assert y.dtype == x.dtype and y.shape == x.shape
    assert y.tolist() == x.tolist() if x.dtype == object else y.tobytes() == x.tobytes()
    assert reader.get_variable_to_shape_map() == {name: list(x.shape)}
    assert reader.get_variable_to_dtype_map() == {name: tf.as_dtype(x.dtype)}


def test_readers_show_what_they_have(prefix):
    bundle.write(prefix, {"b": np.zeros((2, 3), np.float32), "a": np.int64(7), "c": np.array(b"x", object)})
    reader = tf.train.load_checkpoint(prefix)
    assert reader.debug_string() == b"a (DT_INT64) []\nb (DT_FLOAT) [2,3]\nc (DT_STRING) []\n"
    assert reader.has_tensor("a") and not reader.has_tensor("d") and list(reader) == ["a", "b", "c"]
    assert type(reader.get_tensor("a")) is np.int64 and reader.get_tensor("c") == b"x"


def test_readers_go_on_with_a_file_that_was_replaced_or_removed(prefix):
    bundle.write(prefix, {"a": np.float32([1.0, 2.0])})
    reader = CheckpointReader(prefix)
    bundle.write(prefix, {"b": np.zeros(9), "a": np.float32([3.0, 4.0])})
    assert reader.get_tensor("a").tolist() == [1.0, 2.0]
    os.remove(bundle.filename(prefix))
    assert reader.get_tensor("a").tolist() == [1.0, 2.0]


def test_files_are_safetensors_that_others_read(prefix):
    bundle.write(prefix, VALUES)
    found = load_file(bundle.filename(prefix))
    assert found.keys() == VALUES.keys()
    np.testing.assert_array_equal(found["single"], VALUES["single"])
    np.testing.assert_array_equal(found["complex64"], [[1.0, 2.0]])
    assert found["bfloat16"].astype(np.float32).tolist() == [1.5, -3.0]


def test_no_byte_can_be_changed_or_lost_unseen(prefix):
    bundle.write(prefix, {"a": np.arange(3.0), "b": np.array(True)})
    path = bundle.filename(prefix)
    with open(path, "rb") as file:
        whole = file.read()
    altered = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(len(whole))]
    for text in [*altered, *[whole[:i] for i in range(0, len(whole), 7)], whole + b" "]:
        with open(path, "wb") as file:
            file.write(text)
        with pytest.raises(tf.errors.DataLossError, match="cut short, was altered"):
            CheckpointReader(prefix).check()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(prefix, tmp_path):
    bundle.write(prefix, {"a": np.float32([1.0])})
    with pytest.raises(ZeroDivisionError), bundle.replacing(bundle.filename(prefix)) as file:
        file.write(b"half of")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["ckpt.safetensors"]
    assert CheckpointReader(prefix).get_tensor("a").tolist() == [1.0]


def test_what_killed_writers_left_goes_at_the_next_write(prefix, tmp_path):
    (tmp_path / "ckpt.safetensors.0123abcd.partial").write_bytes(b"half of")
    (tmp_path / "ckpt-2.safetensors.0123abcd.partial").write_bytes(b"of another")
    bundle.write(prefix, {})
    assert sorted(os.listdir(tmp_path)) == ["ckpt-2.safetensors.0123abcd.partial", "ckpt.safetensors"]


# A program that trains in children which it kills, and looks after each death at what there is to restore.
KILLER = """
import os, random, signal, sys, time
import numpy as np
import nbtape as tf

folder, moments = sys.argv[1], sys.argv[2]

def train(moment):
    step, w = tf.Variable(np.int64(0)), tf.Variable(np.zeros(5000, np.float32))
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(step=step, w=w), folder, max_to_keep=2)
    manager.restore_or_initialize()
    seen = iter(range(moment or 10**9))
    if moment:  # counted in openings, renamings and removals
        sys.addaudithook(lambda *event: next(seen, None) is None and os.kill(os.getpid(), signal.SIGKILL))
    while True:
        w.assign(np.full(5000, step.assign_add(1), np.float32))
        manager.save()

def killed(moment):
    child = os.fork()
    if not child:
        train(moment)
    if not moment:
        time.sleep(random.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

def newest():
    state = tf.train.get_checkpoint_state(folder)
    if state is None:
        return 0
    assert state.model_checkpoint_path == state.all_model_checkpoint_paths[-1]
    for path in state.all_model_checkpoint_paths:
        step, w = tf.Variable(np.int64(0)), tf.Variable(np.zeros(5000, np.float32))
        tf.train.Checkpoint(step=step, w=w).restore(path).assert_consumed()
        assert np.all(w.numpy() == step.numpy()), path
    return int(step)

random.seed(0)
steps = [0]
for moment in [0] * 200 if moments == "random" else range(1, 40):
    killed(moment)
    steps.append(newest())
assert steps == sorted(steps), steps  # what was there once never goes
print(len(steps) - 1, steps[-1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, to have many writers in no time")
@pytest.mark.parametrize("moments, deaths", [("random", 200), ("each", 39)])
def test_a_kill_at_any_moment_leaves_the_newest_whole_checkpoint(tmp_path, moments, deaths):
    command = [sys.executable, "-W", "error", "-c", KILLER, str(tmp_path), moments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found, last = map(int, done.stdout.split())
    assert found == deaths and last > 0


# What is saved, and under which names


def test_callbacks_hear_of_what_was_written(prefix):
    heard = []
    options = tf.train.CheckpointOptions(
        experimental_write_callbacks=[heard.append, lambda: heard.append("written")]
    )
    tf.train.Checkpoint(v=tf.Variable(1.0)).save(prefix, options)
    assert heard == [prefix + "-1", "written"]


def test_parts_of_a_variable_are_saved_like_a_list(prefix):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as sess:
        v = v1.get_variable("v", [3], partitioner=v1.fixed_size_partitioner(2))
        sess.run(v1.global_variables_initializer())
        assert keys(tf.train.Checkpoint(v=v).save(prefix)) == ["save_counter", "v/0", "v/1"]


def test_keys_are_the_shortest_paths_of_attributes_as_in_tensorflow(prefix):
    m = tf.Module()
    m.d = {"a/b": tf.Variable(1.0), "c.d": tf.Variable(2.0)}
    m.l = [tf.Variable(3.0), tf.Variable(4.0)]
    m.t = (tf.Variable(5.0), [tf.Variable(6.0)])
    m.e = m.l[0]
    m.self = m
    assert keys(saved(prefix, mod=m)) == [
        "mod/d/a.Sb", "mod/d/c..d", "mod/e", "mod/l/1", "mod/t/0", "mod/t/1/0", "save_counter"
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["bfloat16", "complex128", "bool", "string", "uint8", "int64", "float16"])
def test_variables_of_every_dtype_are_restored(prefix, dtype):
    value = [["a"], ["bc"]] if dtype == "string" else [[1], [0]]
    v = tf.Variable(value, dtype=dtype) if dtype == "string" else tf.Variable(tf.cast(value, dtype))
    path = saved(prefix, v=v)
    w = tf.Variable(tf.zeros_like(v))
    tf.train.Checkpoint(v=w).restore(path).assert_consumed()
    assert w.dtype == dtype and w.numpy().tolist() == v.numpy().tolist()


def test_a_root_is_saved_without_a_prefix_and_what_stands_beside_it_too(prefix):
    m, v = tf.Module(), tf.Variable(1.0)
    m.w = tf.Variable(2.0)
    path = tf.train.Checkpoint(m, extra=v).save(prefix)
    assert keys(path) == ["extra", "save_counter", "w"]
    m.w.assign(0.0)
    v.assign(0.0)
    tf.train.Checkpoint(m, extra=v).restore(path).assert_consumed()
    assert (float(m.w), float(v)) == (2.0, 1.0)


def test_saved_values_are_those_of_one_moment(prefix):
    v = tf.Variable([1.0, 2.0])
    path = saved(prefix, v=v)
    v.assign_add([1.0, 1.0])
    assert tf.train.load_variable(path, "v").tolist() == [1.0, 2.0]


def test_restored_tensors_that_were_read_before_stay(prefix):
    v = tf.Variable([1.0, 2.0])
    checkpoint = tf.train.Checkpoint(v=v)
    path = checkpoint.save(prefix)
    v.assign([3.0, 4.0])
    before = v.read_value()
    checkpoint.restore(path)
    v.assign_add([1.0, 1.0])
    assert before.numpy().tolist() == [3.0, 4.0] and v.numpy().tolist() == [2.0, 3.0]


def test_compiled_functions_go_on_from_restored_values(prefix, compiled):
    v = tf.Variable(np.ones(100, np.float32))
    checkpoint = tf.train.Checkpoint(v=v)

    @tf.function
    def step():
        v.assign_add(v * 2.0)

    step()
    path = checkpoint.save(prefix)
    step()
    checkpoint.restore(path)
    before = v.read_value()
    step()
    assert set(before.numpy()) == {3.0} and set(v.numpy()) == {9.0}
    assert set(tf.train.load_variable(path, "v")) == {3.0}


class Words(tf.train.experimental.PythonState):
    def __init__(self):
        self.words = []

    def serialize(self):
        return " ".join(self.words)

    def deserialize(self, string_value):
        self.words = string_value.decode().split()


def test_python_state_is_saved(prefix):
    words, others = Words(), Words()
    words.words = ["ä", "b"]
    path = saved(prefix, words=words)
    tf.train.Checkpoint(words=others).restore(path).assert_consumed()
    assert others.words == ["ä", "b"] and "words/.ATTRIBUTES/py_state" in keys(path)


def train(model, optimizer, steps):
    x = tf.constant([[1.0, 2.0], [3.0, -1.0]])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))


def layers():
    return tf.keras.Sequential([tf.keras.layers.Dense(3, activation="tanh"), tf.keras.layers.Dense(1)])


@pytest.mark.parametrize("made", ["before", "after", "in a function"])
def test_training_goes_on_where_it_was(prefix, made):
    """Wherever model and optimizer make their variables: before the restore, after it, or in a trace."""
    model, optimizer = layers(), tf.keras.optimizers.Adam(0.1)
    train(model, optimizer, 3)
    path = saved(prefix, model=model, optimizer=optimizer)
    train(model, optimizer, 3)
    other, again = layers(), tf.keras.optimizers.Adam(0.5)
    if made == "before":
        other.build((None, 2))
        again.build(other.trainable_variables)
    status = tf.train.Checkpoint(model=other, optimizer=again).restore(path)
    run = tf.function(train) if made == "in a function" else train
    run(other, again, 3)
    status.assert_consumed()
    assert int(again.iterations) == 6
    rounding = 1e-6 if made == "in a function" else 0  # there a kernel may round otherwise than a trace
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(a, b, rounding)


def test_slots_of_optimizers_of_tensorflow_1_are_saved(prefix):
    v, optimizer = tf.Variable([1.0], name="v"), tf.compat.v1.train.MomentumOptimizer(0.1, 0.9)
    optimizer.apply_gradients([(tf.constant([2.0]), v)])
    path = saved(prefix, v=v, optimizer=optimizer)
    again = tf.compat.v1.train.MomentumOptimizer(0.1, 0.9)
    status = tf.train.Checkpoint(v=v, optimizer=again).restore(path)
    again.apply_gradients([(tf.constant([0.0]), v)])
    status.assert_consumed()
    np.testing.assert_allclose(again.get_slot(v, "momentum").numpy(), [1.8])


def test_metrics_are_saved(prefix):
    mean, other = tf.keras.metrics.Mean(), tf.keras.metrics.Mean()
    mean.update_state([1.0, 5.0])
    path = saved(prefix, mean=mean)
    tf.train.Checkpoint(mean=other).restore(path).assert_consumed()
    assert float(other.result()) == 3.0


# Values that come later


def test_what_is_set_after_a_restore_takes_its_value(prefix):
    source = tf.Module()
    source.v, source.below = tf.Variable([5.0, 6.0]), tf.Module()
    source.below.w = tf.Variable(7)
    path = saved(prefix, m=source)
    m = tf.Module()
    status = tf.train.Checkpoint(m=m).restore(path)
    m.v = tf.Variable([0.0, 0.0])
    below = tf.Module()
    below.w = tf.Variable(0)
    assert m.v.numpy().tolist() == [5.0, 6.0] and int(below.w) == 0
    m.below = below
    assert int(below.w) == 7
    status.assert_consumed()
    assert id(m) not in waiting


def test_lists_that_are_set_after_a_restore_grow_too(prefix):
    """The example of TensorFlow's guide."""
    source = tf.train.Checkpoint()
    source.listed = [tf.Variable(1.0)]
    source.listed.append(tf.Variable(2.0))
    source.mapped = {"one": source.listed[0]}
    source.mapped["two"] = source.listed[1]
    path = source.save(prefix)
    restored, one, two = tf.train.Checkpoint(), tf.Variable(0.0), tf.Variable(0.0)
    restored.mapped = {"two": two}
    restored.restore(path)
    assert float(two) == 2.0
    restored.listed = []
    restored.listed.append(one)
    assert float(one) == 1.0


def test_what_was_given_once_is_not_given_again(prefix):
    path = saved(prefix, m=holding(v=1.0))
    m = tf.Module()
    tf.train.Checkpoint(m=m).restore(path)
    m.v = tf.Variable(0.0)
    m.v = tf.Variable(9.0)
    assert float(m.v) == 9.0


def holding(**values):
    m = tf.Module()
    for name, value in values.items():
        setattr(m, name, tf.Variable(value))
    return m


def test_lists_and_dicts_take_their_values_as_they_grow(prefix):
    source, m = tf.Module(), tf.Module()
    source.ws = [tf.Variable(float(i)) for i in range(5)]
    source.d = {"a": [tf.Variable(5.0)], "b": {"c/d": tf.Variable(6.0)}, "e": tf.Variable(7.0)}
    path = saved(prefix, m=source)
    m.ws, m.d = [tf.Variable(-1.0)], {}
    status = tf.train.Checkpoint(m=m).restore(path)
    m.ws.append(tf.Variable(-1.0))
    m.ws += [tf.Variable(-1.0), tf.Variable(-1.0)]
    m.ws.insert(4, tf.Variable(-1.0))
    m.d["a"] = []
    m.d["a"].append(tf.Variable(-1.0))
    m.d.setdefault("b", {}).update({"c/d": tf.Variable(-1.0)})
    m.d.update(e=tf.Variable(-1.0))
    assert [float(w) for w in m.ws] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [float(w) for w in (m.d["a"][0], m.d["b"]["c/d"], m.d["e"])] == [5.0, 6.0, 7.0]
    status.assert_consumed()
    assert [type(x) for x in vars(copy.deepcopy(m)).values() if isinstance(x, list | dict)] == [list, dict]


def test_the_last_restore_counts(prefix):
    first, second = (saved(f"{prefix}{value}", m=holding(v=value, w=value)) for value in (1.0, 2.0))
    m = tf.Module()
    for path in (first, second, first):
        tf.train.Checkpoint(m=m).restore(path).expect_partial()
    assert len(waiting[id(m)]) == 1
    m.v = tf.Variable(0.0)
    assert float(m.v) == 1.0
    tf.train.Checkpoint(m=m).restore(second).expect_partial()
    m.w = tf.Variable(0.0)
    assert (float(m.v), float(m.w)) == (2.0, 2.0)


def test_restores_for_different_parts_add_up(prefix):
    first, second = saved(prefix, m=holding(v=1.0)), saved(prefix + "b", m=holding(w=2.0))
    m = tf.Module()
    for path in (first, second):
        tf.train.Checkpoint(m=m).restore(path)
    m.v, m.w = tf.Variable(0.0), tf.Variable(0.0)
    assert (float(m.v), float(m.w)) == (1.0, 2.0) and id(m) not in waiting


def test_a_later_value_that_does_not_fit_is_refused(prefix):
    path = saved(prefix, m=holding(v=[1.0, 2.0]))
    m = tf.Module()
    tf.train.Checkpoint(m=m).restore(path).expect_partial()
    with pytest.raises(ValueError, match=r"incompatible tensor with shape \(2,\)"):
        m.v = tf.Variable([0.0, 0.0, 0.0])


def test_objects_that_wait_for_values_can_be_forgotten(prefix):
    path = saved(prefix, m=holding(v=1.0))
    m = tf.Module()
    tf.train.Checkpoint(m=m).restore(path).expect_partial()
    assert id(m) in waiting
    place = id(m)
    del m
    gc.collect()
    assert place not in waiting


# What does not fit


def test_nothing_is_restored_by_halves(prefix):
    path = saved(prefix, a=tf.Variable(1.0), b=tf.Variable([1.0, 2.0]), c=tf.Variable(1))
    a, b = tf.Variable(0.0), tf.Variable([0.0])
    with pytest.raises(
        ValueError, match=r"shape \(2,\) when .* variable with shape \(1,\) and name Variable:0"
    ):
        tf.train.Checkpoint(a=a, b=b).restore(path)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="dtype float32 does not equal original dtype int32"
    ):
        tf.train.Checkpoint(a=a, c=tf.Variable(1.0)).restore(path)
    with open(path + ".safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 255]))
    with pytest.raises(tf.errors.DataLossError):
        tf.train.Checkpoint(a=a).restore(path)
    assert float(a) == 0.0


def test_a_checkpoint_that_is_not_there_is_named(prefix):
    with pytest.raises(tf.errors.NotFoundError, match="missing the checkpoint suffix"):
        tf.train.Checkpoint(a=tf.Variable(1.0)).restore(prefix)
    with pytest.raises(tf.errors.NotFoundError, match="Unsuccessful TensorSliceReader constructor"):
        tf.train.Checkpoint(a=tf.Variable(1.0)).read(prefix)
    with pytest.raises(tf.errors.NotFoundError, match="Key b not found in checkpoint"):
        tf.train.load_variable(saved(prefix, a=tf.Variable(1.0)), "b")


@pytest.mark.parametrize("wrong", [3, "text", None, np.zeros(3)])
def test_what_is_no_object_with_variables_is_refused(wrong):
    with pytest.raises(ValueError, match="expecting x to be a trackable object"):
        tf.train.Checkpoint(x=wrong)


def test_names_that_cannot_be_paths_are_refused(prefix):
    m = tf.Module()
    m.d = {1: tf.Variable(1.0)}
    with pytest.raises(ValueError, match="Use strings as keys"):
        saved(prefix, m=m)
    m.d = {1: "no variable"}
    assert keys(saved(prefix, m=m)) == ["save_counter"]
    with pytest.raises(ValueError, match="keyword argument d if root.d already exists"):
        tf.train.Checkpoint(m, d=tf.Variable(1.0))


def test_checkpoints_are_not_written_while_a_function_is_traced(prefix):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    checkpoint.write(prefix)
    for method in (checkpoint.save, checkpoint.write, checkpoint.read):
        with pytest.raises(NotImplementedError, match=f"Checkpoint.{method.__name__}.. from a function"):
            tf.function(lambda method=method: method(prefix))()
    assert int(checkpoint.save_counter) == 0


def test_two_objects_for_one_are_told(prefix):
    v = tf.Variable(1.0)
    path = saved(prefix, a=v, b=v)
    a, b = tf.Variable(0.0), tf.Variable(0.0)
    with pytest.warns(UserWarning, match="Inconsistent references"):
        tf.train.Checkpoint(a=a, b=b).restore(path)
    assert (float(a), float(b)) == (1.0, 0.0)


# What a restore says of itself


def test_status_says_what_was_not_matched(prefix):
    path = saved(prefix, a=tf.Variable(1.0), b=tf.Variable(2.0))
    status = tf.train.Checkpoint(a=tf.Variable(0.0)).restore(path).expect_partial()
    assert status.assert_existing_objects_matched() is status.assert_nontrivial_match() is status
    with pytest.raises(AssertionError, match=r"Unresolved object in checkpoint \(root\).b"):
        status.assert_consumed()
    status = tf.train.Checkpoint(c=tf.Variable(0.0)).restore(path).expect_partial()
    with pytest.raises(AssertionError, match="Found 1 Python objects that were not bound"):
        status.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match="Nothing except the root object matched"):
        status.assert_nontrivial_match()


def test_restoring_none_asserts_nothing_and_initializes(prefix):
    status = tf.train.Checkpoint(a=tf.Variable(1.0)).restore(None)
    status.initialize_or_restore()
    for wanted in (
        status.assert_consumed,
        status.assert_existing_objects_matched,
        status.assert_nontrivial_match,
    ):
        with pytest.raises(AssertionError, match="No checkpoint specified"):
            wanted()


@pytest.mark.parametrize("expected", [True, False])
def test_values_that_nobody_took_are_told_unless_expected(prefix, caplog, expected):
    path = saved(prefix, a=tf.Variable(1.0), b=tf.Variable(2.0))
    status = tf.train.Checkpoint(a=tf.Variable(0.0)).restore(path)
    if expected:
        status.expect_partial()
    with caplog.at_level(logging.WARNING, "nbtape"):
        del status
        gc.collect()
    assert ("never restored: b." in caplog.text) == (not expected)


# Numbers, folders, and how many are kept


def test_names_count_on_after_a_restore(prefix):
    path = tf.train.Checkpoint(v=tf.Variable(1.0)).save(prefix)
    checkpoint = tf.train.Checkpoint(v=tf.Variable(0.0))
    checkpoint.restore(path)
    assert path == prefix + "-1" and checkpoint.save(prefix) == prefix + "-2"
    assert int(checkpoint.save_counter) == 2
    assert checkpoint.write(prefix) == prefix and int(checkpoint.save_counter) == 2


def test_a_folder_knows_its_newest_checkpoint_and_can_be_moved(tmp_path):
    assert tf.train.latest_checkpoint(tmp_path / "a") is tf.train.get_checkpoint_state(tmp_path / "a") is None
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    manager = tf.train.CheckpointManager(checkpoint, tmp_path / "a", max_to_keep=3)
    for _ in range(2):
        manager.save()
    assert tf.train.latest_checkpoint(tmp_path / "a") == str(tmp_path / "a" / "ckpt-2")
    os.rename(tmp_path / "a", tmp_path / "b")
    assert tf.train.latest_checkpoint(tmp_path / "b") == str(tmp_path / "b" / "ckpt-2")
    assert tf.train.load_variable(tmp_path / "b", "v") == 1.0
    state = tf.train.get_checkpoint_state(tmp_path / "b")
    assert state.all_model_checkpoint_paths == [str(tmp_path / "b" / f"ckpt-{i}") for i in (1, 2)]


def test_checkpoints_in_the_working_folder_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    assert checkpoint.save("ckpt") == "ckpt-1" and tf.train.latest_checkpoint(".") == "./ckpt-1"
    assert checkpoint.save("below/it") == "below/it-2" and tf.train.latest_checkpoint("below") == "below/it-2"


def test_a_manager_goes_on_with_what_the_folder_has(tmp_path):
    v = tf.Variable(1.0)
    first = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), tmp_path, max_to_keep=2)
    assert first.restore_or_initialize() is first.latest_checkpoint is None
    for i in range(3):
        v.assign(float(i))
        first.save()
    w = tf.Variable(0.0)
    second = tf.train.CheckpointManager(tf.train.Checkpoint(v=w), tmp_path, max_to_keep=2)
    assert second.checkpoints == first.checkpoints
    assert second.restore_or_initialize() == first.latest_checkpoint and float(w) == 2.0
    assert second.save() == str(tmp_path / "ckpt-4")
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "ckpt-3.safetensors", "ckpt-4.safetensors"]


def test_one_checkpoint_in_some_hours_stays(tmp_path, monkeypatch):
    now = [1e6]
    monkeypatch.setattr("time.time", lambda: now[0])
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(v=tf.Variable(1.0)), tmp_path, max_to_keep=1, keep_checkpoint_every_n_hours=2
    )
    for _ in range(6):
        now[0] += 3600.0
        manager.save()
    kept = sorted(name for name in os.listdir(tmp_path) if name != "checkpoint")
    assert kept == [f"ckpt-{i}.safetensors" for i in (2, 4, 6)]
    assert manager.checkpoints == [str(tmp_path / "ckpt-6")]


def test_a_manager_saves_at_intervals(tmp_path):
    step, started = tf.Variable(0), []
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(v=tf.Variable(1.0)), tmp_path, max_to_keep=None, step_counter=step,
        checkpoint_interval=2, init_fn=lambda: started.append(1),
    )  # fmt: skip
    assert manager.restore_or_initialize() is None and started == [1]
    made = []
    for i in range(4):
        step.assign(i)
        made.append(manager.save() is not None)
    assert made == [True, False, True, False]
    assert manager.save(check_interval=False) == str(tmp_path / "ckpt-3")
    assert manager.save(checkpoint_number=17, check_interval=False) == str(tmp_path / "ckpt-17")


@pytest.mark.parametrize(
    "wrong, message",
    [({"max_to_keep": 0}, "Expected a positive integer or `None`"),
     ({"max_to_keep": 1, "checkpoint_interval": 2}, "`step_counter` should be passed"),
     ({"max_to_keep": 1, "checkpoint_interval": 2, "step_counter": 3}, "must be a variable of the step")],
)  # fmt: skip
def test_a_manager_refuses_what_it_cannot_do(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        tf.train.CheckpointManager(tf.train.Checkpoint(), tmp_path, **wrong)


def test_an_iterator_gives_checkpoints_until_none_come(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    checkpoint.save(tmp_path / "ckpt")
    found = []
    for path in tf.train.checkpoints_iterator(str(tmp_path), timeout=0):
        found.append(os.path.basename(path))
        if len(found) < 3:
            checkpoint.save(tmp_path / "ckpt")
    assert found == ["ckpt-1", "ckpt-2", "ckpt-3"]


# How much work it is


def calls(f):
    """How many functions `f` calls, in Python and in C."""
    count = 0

    def seen(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        f()
    finally:
        sys.setprofile(None)
    return count


def test_saving_and_restoring_take_work_in_proportion_to_the_variables(prefix):
    def work(count):
        m = tf.Module()
        m.below = [holding(**{f"v{i}": float(i) for i in range(20)}) for _ in range(count // 20)]
        for i in range(count):
            setattr(m, f"v{i}", tf.Variable(float(i)))
        checkpoint = tf.train.Checkpoint(m=m)
        path = checkpoint.write(prefix)
        later = tf.Module()
        later.below = []

        def make():
            for i in range(count):
                setattr(later, f"v{i}", variables[i])
            for modules in below:
                later.below.append(modules)

        status = tf.train.Checkpoint(m=later).read(path)
        variables = [tf.Variable(0.0) for _ in range(count)]
        below = [holding(**{f"v{i}": -1.0 for i in range(20)}) for _ in range(count // 20)]
        found = calls(lambda: checkpoint.write(prefix)), calls(lambda: checkpoint.read(path)), calls(make)
        assert all(float(variables[i]) == i for i in range(count))
        status.assert_existing_objects_matched()
        return np.array(found)

    assert np.all(work(2000) < 4.5 * work(500))


# Weights of models


def test_weights_go_to_safetensors_and_back(tmp_path):
    x, path = tf.ones([2, 4]), tmp_path / "model.weights.safetensors"
    model, other = layers(), layers()
    y = model(x)
    other.build((None, 4))
    model.save_weights(path)
    other.load_weights(path)
    np.testing.assert_array_equal(other(x), y)
    assert sorted(load_file(path)) == [f"_layers/{i}/{name}" for i in (0, 1) for name in ("bias", "kernel")]
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False)


def test_weights_that_do_not_fit_change_nothing(tmp_path):
    path = tmp_path / "model.weights.safetensors"
    model, other = layers(), layers()
    model.build((None, 4))
    model.save_weights(path)
    other.build((None, 5))
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"kernel has the shape \(5, 3\) in the model, \(4, 3\) in the file"):
        other.load_weights(path)
    for a, b in zip(before, other.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="A total of 1 weights could not be loaded"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[2], model.get_weights()[2])


def test_weights_are_not_written_as_hdf5(tmp_path):
    model = layers()
    with pytest.raises(ValueError, match="must end in `.weights.safetensors`"):
        model.save_weights(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="has not yet been built"):
        model.save_weights(tmp_path / "model.safetensors")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "model.safetensors")
