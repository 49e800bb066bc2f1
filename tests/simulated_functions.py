"""Functions on a simulated card: where they run, what they leave there, and what the host steers.

`test_cuda.py` runs this in a process of its own.
"""

import threading
import warnings
from typing import Any

import numpy as np
import pytest
from grids import eager, planned

import nbtape as tf
from nbtape.compile.card import calls, cards, executable
from nbtape.compile.card.actions import Guarded, HostCall, Late, Launch
from nbtape.compile.card.control import launches, walk
from nbtape.compile.card.host import CardHost
from nbtape.compile.planning import control
from nbtape.compile.settings import Settings
from nbtape.core.memory import CardArray, HostWarning

pytestmark = pytest.mark.usefixtures("compiled")

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((4, 3)).astype(np.float32)
LABELS = np.array([0, 2, 1, 2], np.int32)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(calls, "_told", set())


def actions_of(function, card=0):
    """The actions of the plan that a function's last trace ran on a card."""
    forms: Any = function.concrete_functions[-1].compiled._cards[card]
    return [*walk(forms.ready().plan.actions)]


def kinds(function):
    return {type(action) for action in actions_of(function)}


def on(device, f, *xs):
    """What a function gives on a device, as arrays, and its gradients."""
    with tf.device(device):
        xs = [tf.constant(x) for x in xs]
        with tf.GradientTape() as tape:
            tape.watch(xs)
            y = f(*xs)
        gradients = tape.gradient(y, [x for x in xs if x.dtype.is_floating])
    found = [y, *gradients]
    assert {x.device[-5:-2] for x in found} == {device[1:4]}
    return [x.numpy() for x in found]


def agree(f, *xs):
    """What a function gives on a card, and its gradients, are what the processor gives."""
    function = tf.function(f)
    for wanted, found in zip(on("/CPU:0", function, *xs), on("/GPU:0", function, *xs), strict=True):
        np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)
    with tf.device("/GPU:0"):
        function(*[tf.constant(x) for x in xs])  # with no tape, the function as it is
    return function


# Where functions run


def test_a_function_runs_where_its_block_its_arguments_or_its_variables_are():
    with tf.device("/GPU:0"):
        there, v = tf.constant(ROWS), tf.Variable(ROWS)
    here = tf.constant(ROWS)
    double = tf.function(lambda x: x * 2.0)
    add = tf.function(lambda x: x + v)
    for f, x in [(double, there), (add, there), (add, here)]:
        y = f(x)
        assert y.device.endswith("GPU:0")
        np.testing.assert_array_equal(y.numpy(), 2 * ROWS)
    assert double(here).device.endswith("CPU:0")
    with tf.device("/GPU:1"):
        assert double(here).device.endswith("GPU:1")
    with tf.device("/CPU:0"):
        assert double(there).device.endswith("CPU:0")


def test_a_function_of_numbers_that_ran_on_the_processor_sees_that_a_number_is_on_a_card():
    f = tf.function(lambda x: x * 2.0)
    assert float(f(tf.constant(3.0))) == float(f(tf.constant(3.0))) == 6.0
    with tf.device("/GPU:0"):
        there = tf.constant(4.0)
    y = f(there)
    assert y.device.endswith("GPU:0") and float(y) == 8.0


def test_operations_of_a_function_run_where_they_were_put():
    @tf.function
    def f(x):
        y = tf.sin(x)
        with tf.device("/CPU:0"):
            z = tf.cos(y)
        with tf.device("/GPU:0"):
            return z * 2.0

    y = f(tf.constant(ROWS))
    assert y.device.endswith("GPU:0")
    np.testing.assert_allclose(y.numpy(), 2 * np.cos(np.sin(ROWS)), 1e-6)
    assert [a.step.op.name for a in actions_of(f) if isinstance(a, HostCall)] == ["cos_on_host"]
    (trace,) = f.concrete_functions
    (y,) = trace.graph.run([tf.constant(ROWS)])  # op by op
    assert y.device.endswith("GPU:0")


def test_what_ran_on_a_card_can_be_read():
    f = tf.function(lambda x: tf.linalg.svd(tf.tanh(x), compute_uv=False))
    with tf.device("/GPU:0"), warnings.catch_warnings():
        warnings.simplefilter("ignore", HostWarning)
        f(tf.constant(ROWS))
        assert "cuda.threadIdx.x" in f.source and "tanh" in f.source
        assert [unit.what for unit in f.plan.units] == ["tanh", "singular_values, on the host"]


def test_a_function_runs_op_by_op_on_the_card_until_its_kernels_are_compiled(monkeypatch):
    go_on, texts = threading.Event(), []
    monkeypatch.undo()  # calls may be interpreted
    monkeypatch.setattr(Settings, "mode", "background")
    monkeypatch.setattr(cards, "SIMULATED", False)
    monkeypatch.setattr(executable, "image", lambda text, capability: texts.append(text) or go_on.wait())
    f = tf.function(lambda x: tf.tanh(x) * 2.0)
    with tf.device("/GPU:0"):
        x = tf.constant(ROWS)
        y = f(x)
        assert y.device.endswith("GPU:0")
        host: Any = f.concrete_functions[-1].compiled._cards[0].hosts[()]
        assert isinstance(host, executable.CardBuilding)
        go_on.set()
        host.images.result()
        np.testing.assert_allclose(f(x), y, 1e-6)
    assert kinds(f) == {Launch} and any("tanh" in text for text in texts)


# Variables


@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_a_train_step_leaves_its_variables_on_the_card(rule):
    def trained(device):
        with tf.device(device):
            w, b = tf.Variable(ROWS.T), tf.Variable(np.zeros(4, np.float32))
            optimizer = getattr(tf.keras.optimizers, rule)(0.1)
            x, y = tf.constant(ROWS), tf.constant(LABELS)

            @tf.function
            def step():
                with tf.GradientTape() as tape:
                    logits = tf.nn.relu(x @ w + b)
                    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
                optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b]))
                return loss

            losses = [step() for _ in range(3)]
        assert {v.device[-5:-2] for v in (w, b)} == {device[1:4]}
        return [float(loss) for loss in losses], w, b, step

    (wanted, *values, _), (found, *others, step) = trained("/CPU:0"), trained("/GPU:0")
    np.testing.assert_allclose(found, wanted, 1e-5)
    for v, u in zip(values, others):
        np.testing.assert_allclose(u.numpy(), v.numpy(), 1e-4, 1e-6)
    assert not kinds(step) & {HostCall, Late}


def test_a_variable_is_written_in_place_unless_somebody_else_holds_its_value():
    with tf.device("/GPU:0"):
        v, n = tf.Variable(ROWS), tf.Variable(0)

    @tf.function
    def grow():
        v.assign_add(tf.ones_like(v))
        return n.assign_add(1)

    grow()
    address = v._value.block.address
    grow()
    assert v._value.block.address == address
    held = tf.identity(v)
    assert int(grow()) == 3 and type(n._value) is CardArray
    np.testing.assert_array_equal(held.numpy(), ROWS + 2)
    np.testing.assert_array_equal(v.numpy(), ROWS + 3)


def test_a_variable_of_the_processor_stays_there_when_a_card_computes_its_value():
    v, n = tf.Variable(ROWS), tf.Variable(1.0)

    @tf.function
    def f(x):
        v.assign_sub(x)
        n.assign(n * 2.0)

    with tf.device("/GPU:0"):
        f(tf.constant(ROWS))
    assert v.device.endswith("CPU:0") and float(n) == 2.0
    np.testing.assert_array_equal(v.numpy(), ROWS - ROWS)


# Loops and branches


def test_a_branch_is_chosen_on_the_card():
    def f(x):
        return tf.reduce_sum(tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * x, lambda: x - 1.0))

    function = agree(f, ROWS)
    agree(f, -ROWS)
    assert control.Branch in kinds(function)


def test_a_loop_goes_on_while_its_test_holds():
    def f(x):
        while tf.reduce_sum(x * x) > 0.5:
            x = tf.sin(x) * 0.7
        return tf.reduce_sum(x)

    assert Guarded in kinds(agree(f, ROWS))


@pytest.mark.parametrize("trips", [0, 1, 2, 5])
def test_a_loop_stops_where_its_test_fails_though_the_host_looks_now_and_then(trips, monkeypatch):
    @tf.function
    def f(x, n):
        k = tf.constant(0)
        while tf.reduce_sum(tf.abs(x)) < n:
            x, k = tf.abs(x) + 1.0, k + 1
        return x, k

    looks = []
    read = CardHost.read
    monkeypatch.setattr(CardHost, "read", lambda *xs: looks.append(xs) or read(*xs))
    with tf.device("/GPU:0"):
        n = tf.reduce_sum(tf.abs(ROWS)) + 12.0 * (trips - 0.5)
        x, k = f(tf.constant(ROWS), n)
    assert int(k) == trips and Guarded in kinds(f) and len(looks) == [1, 2, 3, 0, 0, 4][trips]
    np.testing.assert_allclose(x, np.abs(ROWS) + trips if trips else ROWS, 1e-6)


def test_a_loop_stacks_more_rows_than_anybody_knew_of():
    def f(x):
        n = tf.constant(0)
        while n < 70:
            x, n = x * 0.99, n + 1
        return tf.reduce_sum(x * x)

    agree(f, ROWS[0])


def test_a_loop_goes_through_rows_and_stacks_others():
    def f(x):
        h, rows = tf.zeros([3]), tf.TensorArray(tf.float32, 4)
        for t in tf.range(4):
            h = tf.tanh(h + x[t])
            rows = rows.write(t, h)
        return tf.reduce_sum(rows.stack() * x)

    assert control.Loop in kinds(agree(f, ROWS))


def test_a_loop_of_numbers_is_one_kernel():
    def f(x):
        y = x[0]
        while y < 20.0:
            y = y * y + 1.0
        return y

    function = agree(f, ROWS[0])
    assert kinds(function) == {Launch}


def test_a_loop_whose_body_the_host_takes_part_in():
    def f(x):
        start = tf.ones([])
        return tf.reduce_sum(tf.scan(lambda h, r: tf.linalg.svd(r[None], compute_uv=False)[0] * h, x, start))

    with pytest.warns(HostWarning, match="no kernel for cards"):
        assert control.Repeat in kinds(agree(f, ROWS))


# Steps of the host


def test_a_step_without_a_kernel_runs_on_the_host_and_says_so_once():
    f = tf.function(lambda x: tf.linalg.eigh(x @ tf.transpose(x))[0] * 2.0)
    with tf.device("/GPU:0"):
        x = tf.constant(ROWS)
        with pytest.warns(
            HostWarning, match=r"(?s)eigh .*simulated_functions.py.* no kernel for cards"
        ) as told:
            y = f(x)
        again = tf.function(lambda x: tf.linalg.eigh(x @ tf.transpose(x))[0])(x)
    assert len(told) == 1 and y.device.endswith("GPU:0") and HostCall in kinds(f)
    np.testing.assert_allclose(y.numpy(), 2 * again.numpy(), 1e-6)


def test_a_variable_gets_what_the_host_has_computed():
    with tf.device("/GPU:0"):
        x, v = tf.constant(ROWS), tf.Variable(ROWS[0])
        f = tf.function(lambda: v.assign(tf.linalg.svd(x, compute_uv=False)))
        with pytest.warns(HostWarning):
            f()
    assert v.device.endswith("GPU:0")
    np.testing.assert_allclose(v.numpy(), np.linalg.svd(ROWS, compute_uv=False), 1e-5)


def test_a_step_of_the_host_that_fails_names_the_users_line():
    @tf.function
    def f(x):
        tf.debugging.assert_equal(x, x + 1.0)

    with tf.device("/GPU:0"), pytest.raises(tf.errors.InvalidArgumentError, match="simulated_functions.py"):
        f(tf.constant(ROWS))


def test_steps_whose_sizes_come_out_late_run_on_the_card():
    def f(x):
        return tf.reduce_sum(tf.boolean_mask(x, x > 0.0) ** 2.0)

    assert Late in kinds(agree(f, ROWS))


def test_what_is_scattered_is_combined_in_one_order_where_that_is_asked_for(monkeypatch):
    def f(x, i):
        return tf.tensor_scatter_nd_add(x, i[:, None], x), tf.tensor_scatter_nd_max(x, i[:, None], x * 2.0)

    xs, texts = [ROWS, LABELS], []
    for deterministic in (False, True):
        monkeypatch.setattr(Settings, "deterministic", deterministic)
        plan = planned(f, xs)
        for wanted, found in zip(eager(f, xs), CardHost(plan).run(xs), strict=True):
            np.testing.assert_allclose(found, wanted, 1e-6)
        texts.append("".join(launch.kernel.text for launch in launches(plan)))
    assert "atomic_add" in texts[0] and "atomic_max" in texts[0] and "atomic_" not in texts[1]
