"""What users rely on when functions are compiled: values that stay, threads, errors, Ctrl-C, no waiting."""

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile import executable
from nbtape.compile.code import native
from nbtape.compile.planning import divide
from nbtape.compile.planning.plan import Launch
from nbtape.compile.settings import Settings
from nbtape.core.crew import THREADS

compiled = pytest.mark.usefixtures("compiled")


@pytest.fixture
def synchronous(monkeypatch):
    """Compile functions at their first call; what may be interpreted nevertheless, is."""
    monkeypatch.setattr(Settings, "mode", "synchronous")
    monkeypatch.setenv("NBTAPE_COMPILE_ERRORS", "1")


# Values stay what they are


@compiled
def test_a_tensor_read_before_an_update_keeps_its_value():
    v = tf.Variable(tf.range(4.0))

    @tf.function
    def step():
        before = v.read_value()
        v.assign_add(tf.ones([4]))
        return before, v.read_value()

    outside = v.read_value()
    first, then = step()
    second, _ = step()
    assert outside.numpy().tolist() == first.numpy().tolist() == [0, 1, 2, 3]
    assert then.numpy().tolist() == second.numpy().tolist() == [1, 2, 3, 4]
    assert v.numpy().tolist() == [2, 3, 4, 5]


@compiled
def test_arrays_that_share_memory_with_a_variable_stay():
    v = tf.Variable(np.zeros(3))
    step = tf.function(lambda: v.assign_add(np.ones(3)))
    seen, part = v.numpy(), v.value()[1:]
    step(), step()
    assert not seen.any() and not part.numpy().any() and v.numpy().tolist() == [2, 2, 2]


@compiled
def test_an_array_that_was_assigned_stays():
    given = np.arange(3.0)
    v = tf.Variable(np.zeros(3))

    @tf.function
    def step(x):
        v.assign(x)
        v.assign_add(x)

    step(given)
    step(given)
    assert given.tolist() == [0, 1, 2] and v.numpy().tolist() == [0, 2, 4]


@compiled
@pytest.mark.parametrize("size", [3, 100_000])  # the second is large enough for its memory to be used again
def test_results_of_one_call_outlive_the_next(size):
    f = tf.function(lambda x: (x + 1, tf.reshape(x * 2, [-1, 1])))
    kept = [f(tf.fill([size], float(i))) for i in range(6)]
    views = [b.numpy()[::2] for _, b in kept]
    del kept[::2]
    for i in range(6, 12):
        f(tf.fill([size], float(i)))
    assert all((view == 2 * i).all() for i, view in enumerate(views))
    assert all((a.numpy() == 2 * k + 2).all() for k, (a, _) in enumerate(kept))


@compiled
def test_swapping_two_variables():
    a, b = tf.Variable(np.arange(3.0)), tf.Variable(np.arange(3.0, 6))

    @tf.function
    def swap():
        old = a.read_value()
        a.assign(b)
        b.assign(old)

    swap(), swap(), swap()
    assert a.numpy().tolist() == [3, 4, 5] and b.numpy().tolist() == [0, 1, 2]


@compiled
def test_arguments_may_lie_in_memory_in_any_order():
    x = np.arange(24.0).reshape(2, 3, 4)
    f = tf.function(lambda x: (tf.reduce_sum(x * x, -1), x + 1))
    for view in (x, x.T, x[:, ::-1], x[..., ::2], np.broadcast_to(x[0], (5, 3, 4)), np.asfortranarray(x)):
        total, more = f(tf.constant(view))
        np.testing.assert_array_equal(total, (view * view).sum(-1))
        np.testing.assert_array_equal(more, view + 1)


@compiled
def test_a_captured_view_is_read_as_it_is():
    table = tf.transpose(tf.reshape(tf.range(6.0), [2, 3]))
    f = tf.function(lambda i: (table * 2, tf.gather(table, i)))
    double, rows = f([0, 2])
    assert double.numpy().tolist() == [[0, 6], [2, 8], [4, 10]] and rows.numpy().tolist() == [[0, 3], [2, 5]]


@compiled
def test_one_element_of_what_was_computed():
    f = tf.function(lambda x: ((x * 5)[-1], tf.cast(x * 3, tf.int32)[1], tf.reshape(x + 1, [1, 4])[0, 2]))
    assert [float(y) for y in f(tf.range(4.0))] == [15, 3, 3]


# Calls inside calls


@pytest.mark.parametrize("mode", ["off", "background", "synchronous"])
def test_no_step_of_another_thread_is_lost(mode, monkeypatch):
    monkeypatch.setattr(Settings, "mode", mode)
    count, v = tf.Variable(0), tf.Variable([0.0, 0.0])

    @tf.function
    def step():
        count.assign_add(1)
        v.assign_add([1.0, 2.0])

    step()
    threads = [threading.Thread(target=lambda: [step() for _ in range(100)]) for _ in range(4)]
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(often)
    assert int(count) == 401
    assert v.numpy().tolist() == [401, 802]


def test_functions_run_in_several_threads_at_once(synchronous):
    v = tf.Variable(tf.zeros([20_000]))

    @tf.function
    def f(x):
        v.assign_add(tf.ones([20_000]))
        return tf.reduce_sum(tf.tanh(x) * x), x * 2

    xs = [tf.fill([20_000], 0.01 * i) for i in range(8)]
    wanted = [[y.numpy() for y in f(x)] for x in xs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            for ys, zs in zip(wanted, pool.map(f, xs)):
                np.testing.assert_allclose(zs[0], ys[0], 1e-5)
                np.testing.assert_array_equal(zs[1], ys[1])
    assert len(np.unique(v.numpy())) == 1, "threads tore what they wrote"


def test_a_function_calls_itself_through_python(synchronous):
    def deeper(n):
        return f(n - 1) if n > 0 else tf.constant(0)

    @tf.function
    def f(n):
        return 1 + tf.py_function(deeper, [n], tf.int32)

    assert int(f(tf.constant(3))) == 4


@compiled
def test_recursion_over_python_values():
    @tf.function
    def power(x, n):
        return x * power(x, n - 1) if n else tf.ones_like(x)

    assert power(tf.constant([2.0, 3.0]), 4).numpy().tolist() == [16, 81]


@compiled
def test_what_acts_keeps_its_order(capsys):
    seen = []
    v = tf.Variable(1.0)

    @tf.function
    def f(x):
        tf.print("first", v)
        v.assign(x)
        tf.py_function(lambda y: seen.append((float(y), float(v))), [x * 2], [])
        v.assign_add(1.0)
        tf.print("last", v, x)
        return v * 1.0

    assert float(f(tf.constant(5.0))) == 6 and float(f(tf.constant(7.0))) == 8
    assert capsys.readouterr().err == "first 1\nlast 6 5\nfirst 6\nlast 8 7\n"
    assert seen == [(10, 5), (14, 7)]


# Errors


def fails_assert(x):
    tf.debugging.assert_greater(tf.reduce_sum(x), 100.0, message="too little")  # here
    return x * 2


def fails_inv(x):
    return tf.linalg.inv(x - 1.0)  # here


def fails_gather(x):
    return tf.gather(x, tf.cast(x[0] + 7.0, tf.int32)) + 1  # here


def fails_reshape(x):
    n = tf.cast(tf.reduce_sum(x), tf.int32)
    return tf.reshape(x, [n, 3])  # here


@compiled
@pytest.mark.parametrize("f", [fails_assert, fails_inv, fails_gather, fails_reshape])
def test_an_error_names_the_line_of_the_user(f):
    source = Path(__file__).read_text().splitlines()
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.function(f)(tf.ones([2, 2]))
    (line,) = set(re.findall(rf"{Path(__file__).name}\D+(\d+)", str(raised.value)))
    assert source[int(line) - 1].endswith("# here") and int(line) - f.__code__.co_firstlineno in (1, 2)


@compiled
def test_an_error_midway_leaves_variables_whole():
    v, w = tf.Variable(tf.ones([50_000])), tf.Variable(1.0)

    @tf.function
    def step(limit):
        v.assign_add(tf.ones([50_000]))
        tf.debugging.assert_less(tf.reduce_max(v), limit)
        w.assign_add(tf.reduce_sum(v))

    step(10.0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(2.5)
    assert np.unique(v.numpy()).tolist() == [3] and float(w) == 100_001
    step(10.0)
    assert np.unique(v.numpy()).tolist() == [4] and float(w) == 300_001


@compiled
def test_ctrl_c_during_a_loop_leaves_variables_whole():
    v = tf.Variable(np.zeros(1000))

    @tf.function
    def run(steps):
        v.assign_add(np.ones(1000))
        x = v.read_value()
        for _ in tf.range(steps):
            x = tf.sin(x) + 0.5
        v.assign(x * 0 + v)
        return tf.reduce_sum(x)

    run(2)
    before = v.numpy()
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run(200_000_000)
    timer.join()
    assert np.unique(v.numpy()).tolist() in ([before[0]], [before[0] + 1])
    start = v.numpy()[0]
    run(2)
    assert np.unique(v.numpy()).tolist() == [start + 1]


@compiled
def test_ctrl_c_in_python_called_midway_leaves_variables_whole():
    v, stop = tf.Variable(np.zeros(3)), [True]

    def interrupt(x):
        if stop:
            signal.raise_signal(signal.SIGINT)
        return x

    @tf.function
    def step():
        v.assign_add(np.ones(3))
        y = tf.py_function(interrupt, [v.read_value()], tf.float64)
        v.assign_add(y)
        return y

    with pytest.raises(KeyboardInterrupt):
        step()
    assert v.numpy().tolist() == [1, 1, 1]
    stop.clear()
    assert step().numpy().tolist() == [2, 2, 2] and v.numpy().tolist() == [4, 4, 4]


# Compilation


def test_what_cannot_be_compiled_is_interpreted_and_said_once(synchronous, monkeypatch):
    monkeypatch.delenv("NBTAPE_COMPILE_ERRORS")

    def fails(program):
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(executable, "plan_of", fails)

    @tf.function
    def clever(x):
        return x + 1

    with pytest.warns(UserWarning, match="clever runs without being compiled.*out of ideas") as told:
        assert [int(clever(tf.constant(i))) for i in range(3)] == [1, 2, 3]
    assert len(told) == 1 and told[0].filename == __file__


def test_in_the_background_no_call_waits_and_all_agree(monkeypatch):
    monkeypatch.setattr(Settings, "mode", "background")
    arrived, asked = native.Future(), []

    def later(texts):
        asked.append(list(texts))
        return arrived

    monkeypatch.setattr(executable, "request", later)
    v = tf.Variable(0.0)

    @tf.function
    def step(x):
        v.assign_add(1.0)
        return tf.tanh(x) * 3 + v

    x = tf.constant([0.1, 0.2])
    interpreted = [step(x).numpy() for _ in range(3)]
    assert len(asked) == 1, "a call asks for kernels once"
    assert step.get_concrete_function(x).compiled is not None
    native.request(asked[0]).result()
    arrived.set_result([])
    results = [*interpreted, *[step(x).numpy() for _ in range(3)]]
    np.testing.assert_allclose(results, [np.tanh(x) * 3 + i for i in range(1, 7)], 1e-6)
    hosts = step.get_concrete_function(x).compiled.hosts
    assert all(hasattr(host, "run") for host in hosts.values())


def _loop(a, b):
    for k in tf.range(3):
        a = a + a // (b - k)
    return a


def _rows(a, b):
    for k in tf.range(3):
        a = a + tf.reduce_sum(a // ([b, b] - k))
    return a


@compiled
@pytest.mark.parametrize(
    "f, fine, wrong, says",
    [
        (lambda a, b: a // b, [2, -3], [2, 0], "Integer division by zero"),
        (lambda a, b: a % (b * 1), [2, -3], [2, 0], "Integer division by zero"),
        (lambda a, b: tf.truncatediv(a, b), [2, -3], [2, 0], "Integer division by zero"),
        (lambda a, b: a**b, [2, 0], [2, -1], "Integers to negative integer powers are not allowed"),
        (_loop, 9, 2, "Integer division by zero"),
        (_rows, 9, 1, "Integer division by zero"),
    ],
)
def test_integers_raise_what_they_raise_uncompiled(f, fine, wrong, says):
    v = tf.Variable(0.0)

    @tf.function
    def step(a, b):
        v.assign_add(1.0)
        return f(a, b)

    a = tf.constant([7, -7] if isinstance(fine, list) else 7)
    for _ in range(2):
        assert np.array_equal(step(a, tf.constant(fine)), f(a, tf.constant(fine)))
        with pytest.raises(tf.errors.InvalidArgumentError, match=says) as raised:
            step(a, tf.constant(wrong))
        assert "test_compiled_behaviour.py" in str(raised.value)
    assert v.numpy() == 2.0, "a step that fails leaves its variables"


OPEN = [tf.TensorSpec([None, 6]), tf.TensorSpec([None], tf.int32)]


@compiled
@pytest.mark.parametrize("signature", [None, OPEN], ids=["a trace for each", "a trace for all"])
def test_a_new_batch_size_needs_no_new_kernel(signature, monkeypatch):
    for name in ("_LEAST", "_PART"):  # so that threads share what there is to do for 4000
        monkeypatch.setattr(divide, name, 5000)
    texts = []
    request = executable.request
    monkeypatch.setattr(executable, "request", lambda new: texts.append(set(new)) or request(new))
    w, b = tf.Variable(tf.ones([6, 12])), tf.Variable(tf.zeros([12]))

    @tf.function(input_signature=signature)
    def step(x, labels):
        with tf.GradientTape() as tape:
            logits = tf.nn.relu(x @ w + b)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        for v, g in zip((w, b), tape.gradient(loss, (w, b))):
            v.assign_sub(0.1 * g)
        return loss

    step(tf.ones([12, 6]), tf.zeros([12], tf.int32))
    made = set.union(*texts)
    for size in (24, 2, 40, 4000):
        step(tf.ones([size, 6]), tf.zeros([size], tf.int32))
    assert len(texts) == 10 and set.union(*texts) == made
    *_, host = step.traces()[-1].concrete.compiled.hosts.values()
    assert any(len(a.parts) > 1 for a in host.plan.actions if type(a) is Launch) is (THREADS > 1)


WARM = """
import sys
import nbtape as tf
tf.config.set_compilation("synchronous")
f = tf.function(lambda x: tf.reduce_sum(tf.sin(x) * 3.25))
y = float(f(tf.ones([7])))
print(round(y, 3), "numba" in sys.modules)
"""


def test_another_process_finds_kernels_on_disk_and_leaves_numba_alone(tmp_path):
    environment = os.environ | {"NBTAPE_CACHE_DIR": str(tmp_path), "NBTAPE_COMPILE_ERRORS": "1"}
    for _ in range(2):
        made = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        done = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, env=environment)
        assert done.stdout.split() == ["19.143", "False"], done.stderr
    assert made == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


FORKED = """
import os
import nbtape as tf
tf.config.set_compilation("synchronous")
v = tf.Variable(tf.zeros([300_000]))
f = tf.function(lambda x: v.assign_add(tf.tanh(x)))
g = tf.function(lambda x: x * 7.75 - 1)
x = tf.ones([300_000])
f(x)
child = os.fork()
if not child:
    f(x)
    fine = abs(float(v[0]) - 1.5232) < 1e-3 and float(g(x)[5]) == 6.75
    os._exit(0 if fine else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), abs(float(f(x)[0]) - 1.5232) < 1e-3)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_calls_compiled_functions():
    environment = os.environ | {"NBTAPE_COMPILE_ERRORS": "1", "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["0", "True"], done.stderr
