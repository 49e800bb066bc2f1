"""Cells that are run again, in a real shell: variables are found again, or made anew; other cells may not."""

import atexit

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import nbtape as tf

SETUP = "import nbtape as tf\nv1 = tf.compat.v1\nget_variable = v1.get_variable\nsize = 2"


@pytest.fixture(autouse=True)
def reset():
    tf.reset()
    yield
    tf.reset()


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        history = {"hist_file": ":memory:", "connection_options": {"check_same_thread": False}}
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance(config=Config({"HistoryManager": history}))
        database = shell.history_manager.db
        yield shell
        InteractiveShell.clear_instance()
        shell.atexit_operations()
        atexit.unregister(shell.atexit_operations)
        database.close()


@pytest.fixture
def run(shell):
    def run(cell, cell_id=None):
        """The value of the cell's last expression; raises what the cell raised."""
        result = shell.run_cell(cell, store_history=True, cell_id=cell_id)
        result.raise_error()
        return result.result

    shell.reset()
    run(SETUP)
    return run


@pytest.fixture
def told(capsys):
    """What notes said since the last time."""
    return lambda: [line for line in capsys.readouterr().out.splitlines() if line.startswith("Variables")]


def test_a_cell_run_again_finds_its_variables_and_says_so_in_a_line(run, told):
    cell = "w = get_variable('w', [2]); b = get_variable('b', [2])"
    run(cell)
    first = run("w.assign([3.0, 4.0]); w")
    assert not told()
    run(cell)
    assert told() == ["Variables used again: w, b"]
    assert run("w") is first and run("w.numpy().tolist()") == [3.0, 4.0]


def test_a_cell_run_again_makes_a_variable_anew_whose_shape_or_dtype_changed(run, told):
    cell = "with v1.variable_scope('a'):\n    w = get_variable('w', [size])"
    run(cell)
    old = run("w")
    run("size = 3")
    run(cell)
    assert told() == ["Variables replaced: a/w from float32(2,) to float32(3,)"]
    assert run("w.shape") == [3] and run("w") is not old
    constant = "c = get_variable('c', initializer=[1] * size)"
    run(constant)
    run("size = 4")
    run(constant)
    assert run("c.shape") == [4]


def test_a_cell_that_was_edited_is_the_same_cell_where_it_has_an_id(run, told):
    run("w = get_variable('w', [2])", "one")
    run("w = get_variable('w', [2], tf.float64)  # edited", "one")
    assert told() == ["Variables replaced: w from float32(2,) to float64(2,)"]
    with pytest.raises(ValueError, match="already exists, disallowed"):
        run("w = get_variable('w', [2], tf.float64)  # edited", "two")


def test_another_cell_may_not_claim_the_name(run):
    run("w = get_variable('w', [2])")
    with pytest.raises(ValueError) as raised:
        run("v = get_variable('w', [2])")
    assert str(raised.value) == (
        "Variable w already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
        "VarScope? It was made by Cell In[2], and is claimed by Cell In[3]. nbtape.reset() starts afresh."
    )


@pytest.mark.parametrize("reuse", ["True", "v1.AUTO_REUSE"])
def test_another_cell_shares_where_its_scope_says_so(run, reuse):
    run("with v1.variable_scope('a'):\n    w = get_variable('w', [2])")
    run(f"with v1.variable_scope('a', reuse={reuse}):\n    same = get_variable('w', [2])")
    assert run("same is w")


def test_a_cell_run_again_makes_anew_what_it_shares(run, told):
    cell = "with v1.variable_scope('a', reuse=v1.AUTO_REUSE):\n    w = get_variable('w', [size])"
    run(cell)
    run("size = 3")
    run(cell)
    assert told() == ["Variables replaced: a/w from float32(2,) to float32(3,)"]
    with pytest.raises(ValueError, match="Trying to share variable a/w, but specified shape"):
        run(cell.replace("size", "4"))


def test_a_function_finds_its_variables_in_whichever_cell_it_is_called(run, told):
    run("def model():\n    return get_variable('w', [size])")
    run("w = model()")
    assert run("all(model() is w for _ in range(3))")
    assert not told()
    run("size = 3")
    with pytest.raises(ValueError, match="Trying to share variable w, but specified shape"):
        run("x = model()")
    run("w = model()")
    assert run("w.shape") == [3] and told() == ["Variables replaced: w from float32(2,) to float32(3,)"]


def test_names_made_unique_are_made_unique_anew(run):
    cell = """\
def dense(x):
    with v1.variable_scope(None, "dense"):
        return x @ get_variable("kernel", [2, 2])
y = dense(dense(tf.ones([1, 2])))
names = sorted(current_store().variables)
"""
    run("from nbtape.state.scopes.store import current_store")
    run(cell)
    run(cell)
    assert run("names") == ["dense/kernel", "dense_1/kernel"]


def test_collections_have_what_a_cell_made_last(run):
    run("total = lambda x: tf.reduce_sum(x * x)")
    cell = "w = get_variable('w', initializer=[2.0] * size, regularizer=total)"
    run(cell)
    run("size = 3")
    run(cell)
    assert run("[v is w for v in v1.trainable_variables()]") == [True]
    assert run("[float(x) for x in v1.losses.get_regularization_losses()]") == [12.0]


def test_variables_in_parts_are_made_anew_as_a_whole(run):
    cell = "w = get_variable('w', [size, 2], partitioner=v1.fixed_size_partitioner(2))"
    run(cell)
    old = run("w")
    run(cell)
    assert run("w") is old
    run("size = 5")
    run(cell)
    assert run("w.shape") == [5, 2]


def test_many_variables_are_told_of_in_one_line(run, told):
    cell = "ws = [get_variable(f'w{i}', []) for i in range(30)];"
    run(cell)
    run(cell)
    assert told() == ["Variables used again: w0, w1, w2, w3 and 26 more"]


def test_reset_starts_afresh(run):
    run("w = get_variable('w', [2])")
    run("tf.reset()")
    assert run("get_variable('w', [3]).shape") == [3]


def test_reset_forgets_graph_sessions_seeds_and_counts():
    v1 = tf.compat.v1
    session = v1.InteractiveSession()
    v1.get_variable("w", [2])
    v1.set_random_seed(1)
    tf.random.set_seed(3)
    tf.reset()
    assert tf.executing_eagerly() and v1.get_default_session() is None
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run([])
    graph = v1.get_default_graph()
    assert not graph.get_operations() and graph.seed is None and not graph.get_all_collection_keys()
    assert tf.optimizers.Adam().name == "adam"
    with tf.Graph().as_default(), pytest.raises(AssertionError, match="nested graphs"):
        tf.reset()


def test_without_a_notebook_a_name_means_one_variable():
    first = tf.compat.v1.get_variable("w", [2])
    assert tf.compat.v1.get_variable("w", [2]) is first
