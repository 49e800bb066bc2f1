"""Saver: checkpoints by the names of variables, in sessions and eagerly; checkpoints of graphs by object."""

import os

import numpy as np
import pytest

import nbtape as tf

v1 = tf.compat.v1


@pytest.fixture
def prefix(tmp_path):
    return str(tmp_path / "model")


@pytest.fixture
def graph():
    with tf.Graph().as_default() as g:
        yield g


def session():
    sess = v1.Session()
    sess.run(v1.global_variables_initializer())
    return sess


def test_each_session_saves_and_restores_its_own_values(graph, prefix):
    a = v1.get_variable("scope/a", initializer=[1.0, 2.0])
    b = v1.get_variable("b", initializer=3)
    saver = v1.train.Saver()
    with session() as one, v1.Session() as two:
        one.run(a.assign([5.0, 6.0]))
        path = saver.save(one, prefix)
        assert path == prefix and tf.train.list_variables(path) == [("b", []), ("scope/a", [2])]
        saver.restore(two, path)
        assert [x.tolist() for x in two.run([a, b])] == [[5.0, 6.0], 3]
        one.run(b.assign(0))
        assert two.run(b) == 3


def test_a_compiled_step_goes_on_from_restored_values(graph, prefix):
    v = v1.get_variable("v", initializer=[1.0, 2.0])
    step = v.assign_add([1.0, 1.0])
    saver = v1.train.Saver()
    with session() as sess:
        path = saver.save(sess, prefix)
        for _ in range(3):
            sess.run(step)
        saver.restore(sess, path)
        assert sess.run(step).tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "step, name", [(7, "-7"), (np.int64(7), "-7"), ("variable", "-3"), ("name", "-3"), ("tensor", "-4")]
)
def test_the_step_is_a_number_a_variable_or_a_tensor(graph, prefix, step, name):
    g = v1.get_variable("g", initializer=3)
    step = {"variable": g, "name": "g:0", "tensor": g + 1}.get(step, step)
    with session() as sess:
        assert v1.train.Saver().save(sess, prefix, global_step=step) == prefix + name
        padded = v1.train.Saver(pad_step_number=True).save(sess, prefix, global_step=step)
        assert padded == f"{prefix}-{name[1:]:0>8}"


def test_names_of_a_dict_are_those_in_the_file(graph, prefix):
    a, b = v1.get_variable("a", initializer=1.0), v1.get_variable("b", initializer=2.0)
    with session() as sess:
        path = v1.train.Saver({"alpha": a}).save(sess, prefix)
        v1.train.Saver({"alpha": b}).restore(sess, path)
        assert tf.train.list_variables(path) == [("alpha", [])] and sess.run([a, b]) == [1.0, 1.0]


def test_averages_can_be_restored_in_place_of_variables(graph, prefix):
    v = v1.get_variable("v", initializer=1.0)
    average = v1.train.ExponentialMovingAverage(0.5)
    update = average.apply([v])
    with session() as sess:
        sess.run(v.assign(3.0))
        sess.run(update)
        path = v1.train.Saver().save(sess, prefix)
        v1.train.Saver(average.variables_to_restore()).restore(sess, path)
        assert sess.run(v) == 2.0


def test_partitioned_variables_are_one_array_however_they_are_cut(prefix):
    def made(parts):
        with tf.Graph().as_default():
            cut = v1.fixed_size_partitioner(parts)
            v = v1.get_variable("v", [5, 2], partitioner=cut, initializer=v1.random_normal_initializer())
            return tf.identity(v), v1.train.Saver(), session()

    v, saver, sess = made(2)
    path = saver.save(sess, prefix)
    w, saver, other = made(3)
    saver.restore(other, path)
    assert tf.train.list_variables(path) == [("v", [5, 2])]
    np.testing.assert_array_equal(other.run(w), sess.run(v))


def test_a_part_of_a_variable_is_not_saved_as_the_whole(graph, prefix):
    v = v1.get_variable("v", [5, 2], partitioner=v1.fixed_size_partitioner(2))
    with session() as sess, pytest.raises(ValueError, match="v can only be saved as a whole"):
        v1.train.Saver([list(v)[0]]).save(sess, prefix)


def test_a_value_of_another_shape_is_let_in_where_reshape_says_so(prefix):
    with tf.Graph().as_default():
        v1.get_variable("v", initializer=[[1.0, 2.0, 3.0]])
        path = v1.train.Saver().save(session(), prefix)
    with tf.Graph().as_default():
        v = v1.get_variable("v", [3, 1])
        sess = session()
        with pytest.raises(tf.errors.InvalidArgumentError, match="mismatch between the current graph"):
            v1.train.Saver().restore(sess, path)
        v1.train.Saver(reshape=True).restore(sess, path)
        assert sess.run(v).tolist() == [[1.0], [2.0], [3.0]]


def test_nothing_is_restored_by_halves(prefix):
    with tf.Graph().as_default():
        a = v1.get_variable("a", initializer=1.0)
        b = v1.get_variable("b", initializer=[1.0])
        path = v1.train.Saver().save(session(), prefix)
    with tf.Graph().as_default():
        a, b = v1.get_variable("a", initializer=0.0), v1.get_variable("b", initializer=[0])
        c = v1.get_variable("c", initializer=0.0)
        sess = session()
        with pytest.raises(tf.errors.NotFoundError, match="Key c not found in checkpoint"):
            v1.train.Saver([a, c]).restore(sess, path)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="dtype int32 does not equal original dtype float32"
        ):
            v1.train.Saver([a, b]).restore(sess, path)
        assert sess.run(a) == 0.0
        os.truncate(path + ".safetensors", os.path.getsize(path + ".safetensors") - 1)
        with pytest.raises(tf.errors.DataLossError, match="cut short"):
            v1.train.Saver([a]).restore(sess, path)
        assert sess.run(a) == 0.0


def test_savers_keep_the_last_checkpoints(graph, tmp_path):
    v1.get_variable("a", initializer=1.0)
    saver = v1.train.Saver(max_to_keep=2)
    with session() as sess:
        for i in range(4):
            saver.save(sess, tmp_path / "m", global_step=i)
        kept = [str(tmp_path / "m-2"), str(tmp_path / "m-3")]
        assert saver.last_checkpoints == kept and tf.train.latest_checkpoint(tmp_path) == kept[1]
        assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m-2.safetensors", "m-3.safetensors"]
        again = v1.train.Saver(max_to_keep=2)
        again.recover_last_checkpoints([str(tmp_path / "m-0"), *kept])
        again.save(sess, tmp_path / "m", global_step=4)
        assert again.last_checkpoints == [kept[1], str(tmp_path / "m-4")]
        again.set_last_checkpoints(kept)
        assert again.last_checkpoints == kept


@pytest.mark.parametrize("keep", [None, 0])
def test_savers_can_keep_all(graph, tmp_path, keep):
    v1.get_variable("a", initializer=1.0)
    saver = v1.train.Saver(max_to_keep=keep)
    with session() as sess:
        for i in range(7):
            saver.save(sess, tmp_path / "m", global_step=i)
    assert (
        len(os.listdir(tmp_path)) == 8
        and saver.last_checkpoints == []
        and tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-6")
    )


def test_the_file_of_the_newest_can_have_another_name_or_not_be_written(graph, tmp_path):
    v1.get_variable("a", initializer=1.0)
    with session() as sess:
        v1.train.Saver().save(sess, tmp_path / "m", write_state=False)
        assert tf.train.latest_checkpoint(tmp_path) is None
        path = v1.train.Saver(save_relative_paths=True).save(sess, tmp_path / "m", latest_filename="newest")
    assert tf.train.latest_checkpoint(tmp_path, "newest") == path
    assert 'model_checkpoint_path: "m"' in (tmp_path / "newest").read_text()


def test_what_has_no_value_cannot_be_saved(graph, prefix):
    v = v1.get_variable("v", initializer=1.0)
    with v1.Session() as sess:
        with pytest.raises(
            tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"
        ):
            v1.train.Saver().save(sess, prefix)
        sess.run(v.initializer)
        v1.train.Saver().save(sess, prefix)
    with pytest.raises(RuntimeError, match="closed Session"):
        v1.train.Saver().restore(sess, prefix)


@pytest.mark.parametrize(
    "given, error, message",
    [([], ValueError, "No variables to save"), (None, ValueError, "No variables to save"),
     (3, TypeError, "should be passed in a dict or a list"), ([3], TypeError, "Not a variable: 3")],
)  # fmt: skip
def test_savers_refuse_what_cannot_be_saved(graph, given, error, message):
    with pytest.raises(error, match=message):
        v1.train.Saver(given)


def test_savers_refuse_one_name_or_one_variable_twice(graph):
    a = v1.get_variable("a", initializer=1.0)
    with pytest.raises(ValueError, match="At least two variables have the same name: a"):
        v1.train.Saver([a, a])
    with pytest.raises(ValueError, match="The same saveable will be restored with two names: y"):
        v1.train.Saver({"x": a, "y": a})


def test_savers_refuse_calls_that_mean_nothing(graph, prefix):
    v1.get_variable("a", initializer=1.0)
    saver = v1.train.Saver()
    with session() as sess:
        with pytest.raises(TypeError, match="'sess' must be a Session"):
            saver.save("sess", prefix)
        with pytest.raises(ValueError, match="must not contain path components"):
            saver.save(sess, prefix, latest_filename="a/b")
        with pytest.raises(ValueError, match="collides with 'save_path'"):
            saver.save(sess, "checkpoint")
        with pytest.raises(ValueError, match="Can't load save_path when it is None"):
            saver.restore(sess, None)
        with pytest.raises(ValueError, match="is not a valid checkpoint"):
            saver.restore(sess, prefix)
        with pytest.raises(RuntimeError, match="`build\\(\\)` should be called"):
            v1.train.Saver(defer_build=True).save(sess, prefix)


def test_savers_work_eagerly(prefix):
    with pytest.raises(RuntimeError, match="`var_list` must specify"):
        v1.train.Saver()
    v = tf.Variable([1.0, 2.0], name="v")
    saver = v1.train.Saver([v])
    path = saver.save(None, prefix, global_step=1)
    v.assign([0.0, 0.0])
    saver.restore(None, path)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_weights_of_layers_have_their_whole_path_as_name(prefix):
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, name=name) for name in ("one", "two")], name="m")
    model.build((None, 2))
    path = v1.train.Saver(model.weights).save(None, prefix)
    names = [name for name, _ in tf.train.list_variables(path)]
    assert names == sorted(w.path for w in model.weights) and len(set(names)) == 4


# First values


@pytest.mark.parametrize(
    "assignment, values",
    [({"old/": "new/"}, [[1.0, 2.0], 3.0, 0.0]), ({"old/a": "new/a"}, [[1.0, 2.0], 0.0, 0.0]),
     ([("old/b", "c")], [[0.0, 0.0], 0.0, 3.0]), ({"c": "c", "old/b": "new/b"}, [[0.0, 0.0], 3.0, 4.0])],
)  # fmt: skip
def test_variables_start_from_a_checkpoint(prefix, assignment, values):
    with tf.Graph().as_default():
        path = v1.train.Saver(made("old")).save(session(), prefix)
    with tf.Graph().as_default():
        variables = made("new", 0.0)
        v1.train.init_from_checkpoint(path, assignment)
        assert [x.tolist() for x in session().run(variables)] == values


@pytest.mark.parametrize(
    "assignment, message",
    [({"/": "new/"}, r"Tensor a \(a in /\) is not found"), ({"nope": "c"}, "Tensor nope is not found"),
     ({"c": "nope"}, "scope only name nope should map to scope only c"),
     ({"c": "new/"}, "Should be 'scope/': 'other_scope/'"),
     ({"old/a": "c"}, r"Shape of variable c .* doesn't match with shape of tensor old/a \(\[2\]\)")],
)  # fmt: skip
def test_first_values_that_are_not_there_are_refused(prefix, assignment, message):
    with tf.Graph().as_default():
        path = v1.train.Saver(made("old")).save(session(), prefix)
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        made("new", 0.0)
        v1.train.init_from_checkpoint(path, assignment)


def made(scope, factor=1.0):
    with v1.variable_scope(scope):
        a = v1.get_variable("a", initializer=[1.0 * factor, 2.0 * factor])
        b = v1.get_variable("b", initializer=3.0 * factor)
    return [a, b, v1.get_variable("c", initializer=4.0 * factor)]


def test_parts_and_eager_variables_start_from_a_checkpoint(prefix):
    with tf.Graph().as_default():
        v1.get_variable("v", initializer=[1.0, 2.0, 3.0])
        path = v1.train.Saver().save(session(), prefix)
    with tf.Graph().as_default():
        v = v1.get_variable("v", [3], partitioner=v1.fixed_size_partitioner(2))
        v1.train.init_from_checkpoint(path, {"v": v})
        assert session().run(v).tolist() == [1.0, 2.0, 3.0]
    w = tf.Variable([0.0, 0.0, 0.0])
    v1.train.init_from_checkpoint(path, {"v": w})
    assert w.numpy().tolist() == [1.0, 2.0, 3.0]


# Between names and objects


def test_a_checkpoint_takes_values_by_name_from_what_a_saver_wrote(prefix):
    v = tf.Variable([1.0, 2.0], name="v")
    path = v1.train.Saver([v]).save(None, prefix)
    m = tf.Module()
    m.w = tf.Variable([0.0, 0.0], name="v")
    status = tf.train.Checkpoint(m=m).restore(path)
    assert status.assert_consumed() is status.assert_nontrivial_match() is status
    assert m.w.numpy().tolist() == [1.0, 2.0]
    m.x = tf.Variable(0.0, name="x")
    with pytest.raises(AssertionError, match="Object not restored"):
        status.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"were not restored: \['v'\]"):
        tf.train.Checkpoint(x=m.x).restore(path).assert_consumed()


def test_a_saver_takes_values_by_name_from_what_a_checkpoint_wrote(prefix):
    v = tf.Variable([1.0, 2.0], name="v")
    path = tf.train.Checkpoint(m=[v]).save(prefix)
    v.assign([0.0, 0.0])
    v1.train.Saver([v]).restore(None, path)
    assert v.numpy().tolist() == [1.0, 2.0]


def test_checkpoints_by_object_give_sessions_their_values(graph, prefix):
    m = tf.Module()
    m.v = v1.get_variable("v", initializer=[1.0, 2.0])
    checkpoint = tf.train.Checkpoint(m=m)
    with session() as sess:
        sess.run(m.v.assign([5.0, 6.0]))
        path = checkpoint.save(prefix, session=sess)
    with v1.Session() as sess:
        m.w = v1.get_variable("w", initializer=7.0)
        status = checkpoint.restore(path)
        status.initialize_or_restore(sess)
        assert sess.run(m.v).tolist() == [5.0, 6.0] and sess.run(m.w) == 7.0
        with pytest.raises(AssertionError, match="Found 1 Python objects"):
            status.assert_consumed()
    with v1.Session():
        tf.train.Checkpoint(m=m).restore(None).initialize_or_restore()
        assert m.v.eval().tolist() == [1.0, 2.0]


def test_checkpoints_of_graphs_are_read_eagerly(prefix):
    with tf.Graph().as_default():
        v = v1.get_variable("v", initializer=[1.0, 2.0])
        path = tf.train.Checkpoint(v=v).save(prefix, session=session())
    w = tf.Variable([0.0, 0.0])
    tf.train.Checkpoint(v=w).restore(path).assert_consumed()
    assert w.numpy().tolist() == [1.0, 2.0]
