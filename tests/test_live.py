"""The model of the live dashboard without a notebook: curves, commands, journal, snapshots, statistics."""

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import nbtape as tf
from nbtape.notebook.background import refused
from nbtape.notebook.live import memory
from nbtape.notebook.live.budget import Budget
from nbtape.notebook.live.calls import Calls
from nbtape.notebook.live.journal import Journal
from nbtape.notebook.live.mailbox import Command, Mailbox, checked
from nbtape.notebook.live.picture import over_time
from nbtape.notebook.live.script import script
from nbtape.notebook.live.series import LIMIT, History, Series
from nbtape.notebook.live.snapshots import Snapshots
from nbtape.notebook.live.state import delta, snapshot
from nbtape.notebook.live.variables import flow, histogram, named, numbers, under


class Training:
    """A small run: two layers of a scope, Adam, and a step of each kind."""

    def __init__(self, wrap=lambda f: f):
        rng = np.random.default_rng(0)
        self.w = tf.Variable(rng.normal(size=(3, 4)).astype("f"), name="net/first/kernel")
        self.v = tf.Variable(rng.normal(size=(4, 1)).astype("f"), name="net/second/kernel")
        self.variables = [self.w, self.v]
        self.optimizer = tf.optimizers.Adam(0.05)
        self.x, self.y = (tf.constant(rng.normal(size=(8, n)).astype("f")) for n in (3, 1))
        self.step = wrap(self._step)

    def _step(self):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.tanh(self.x @ self.w) @ self.v - self.y) ** 2)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.variables), self.variables))
        return loss

    def bytes(self):
        return [v.numpy().tobytes() for v in self.variables]

    def live(self, **options):
        return tf.live(self.variables, optimizer=self.optimizer, **options)


def message(seq, command, *args, client: object = "browser"):
    return {"client": client, "seq": seq, "command": command, "args": list(args)}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("NBTAPE_HEADLESS", "1")


def test_curve_of_a_million_points_keeps_its_spike_and_its_nan():
    values = np.sin(np.arange(1_000_000) / 1e4)
    values[314_159], values[271_828], values[123_456] = 50.0, -50.0, np.nan
    curve = Series()
    for start in range(0, len(values), 4096):
        part = values[start : start + 4096]
        curve.extend(np.arange(start, start + len(part)), part)
        assert len(curve) <= LIMIT
    kept = dict(zip(curve.steps.tolist(), curve.values.tolist()))
    assert (kept[314_159], kept[271_828], np.isnan(kept[123_456])) == (50.0, -50.0, True)
    assert (curve.steps[0], curve.steps[-1]) == (0, 999_999) and curve.last == values[-1]


def test_ten_million_points_stay_few_and_are_sent_in_little():
    live, spike = tf.live(name="long"), 7_654_321
    for start in range(0, 10_000_000, 250_000):
        steps = np.arange(start, start + 250_000)
        for name in ("loss", "accuracy"):
            live.history.series.setdefault(name, Series()).extend(steps, np.where(steps == spike, 9.0, 0.5))
    assert all(len(series) <= LIMIT for series in live.history.series.values())
    told = snapshot(live)
    assert len(json.dumps(told)) <= 64_000
    assert all(dict(zip(*told["curves"][name]))[spike] == 9.0 for name in ("loss", "accuracy"))


def test_history_gives_rows_and_csv(tmp_path):
    with tf.live() as live:
        live.log(loss=2.0)
        live.log(loss=1.0, accuracy=0.5)
    assert live.history.rows() == [{"step": 0, "loss": 2.0}, {"step": 1, "loss": 1.0, "accuracy": 0.5}]
    live.history.to_csv(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().split() == ["step,loss,accuracy", "0,2.0,", "1,1.0,0.5"]


def test_curve_of_a_variable_is_what_it_was_at_each_step():
    w = tf.Variable(0.0)
    with tf.live([w]) as live:
        for _ in range(500):
            live.log(w=w, squared=w * w)
            w.assign_add(1.0)
    assert live.history["w"].values.tolist() == [*range(500)]
    assert live.history["squared"].values.tolist() == [x * x for x in range(500)]


def test_history_is_a_data_frame_where_pandas_is(monkeypatch):
    history = History()
    history.note(0, {"loss": 2.0})
    history.note(1, {"loss": 1.0, "accuracy": 0.5})
    history.settle()
    if importlib.util.find_spec("pandas"):
        frame = history.to_dataframe()
        assert frame.index.tolist() == [0, 1] and frame["loss"].tolist() == [2.0, 1.0]
        assert frame["accuracy"].isna().tolist() == [True, False]
    else:
        with pytest.raises(ImportError, match="pip install pandas"):
            history.to_dataframe()


def test_event_files_hold_curves_gradients_and_journal(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tensor_util = pytest.importorskip("tensorboard.util.tensor_util")
    training = Training()
    with training.live(look=True) as live:
        for i in range(8):
            if i == 4:
                live.mailbox.put(message(0, "learning_rate", 0.01))
            live.log(loss=training.step())
            live._due = live._next_look = 0.0
    live.to_tensorboard(tmp_path)
    found = accumulator.EventAccumulator(str(tmp_path)).Reload()
    read = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in found.Tensors("loss")]
    assert read == [(i, np.float32(x)) for i, x in enumerate(live.history["loss"].values)]
    (first, *_) = found.Tensors("gradients/net/first/kernel")
    assert tensor_util.make_ndarray(first.tensor_proto)[:, 2].sum() == 12
    (journal,) = found.Tensors("journal")
    assert b"'learning_rate', 0.01" in journal.tensor_proto.string_val[0]


def test_histograms_of_different_ranges_lie_on_one():
    narrow, wide = {"low": 0.0, "high": 1.0, "counts": [4, 2]}, {"low": 0.0, "high": 2.0, "counts": [1, 1]}
    edges, shares = over_time([narrow, wide, {"low": 0.0, "high": 0.0, "counts": []}])
    assert (edges[0], edges[-1], shares.shape[1]) == (0.0, 2.0, 3)
    half = len(shares) // 2
    assert set(shares[:half, 0]) == {1.0, 0.5} and not shares[half:, 0].any()
    assert (shares[:, 1] == 1.0).all() and not shares[:, 2].any()


@pytest.mark.parametrize(
    "text",
    [
        ("eval", ["1"]),
        ("learning_rate", [float("nan")]),
        ("learning_rate", [-1.0]),
        ("learning_rate", [True]),
        ("learning_rate", []),
        ("trainable", ["w", 1]),
        ("trainable", ["w" * 2000, True]),
        ("restore", [1.5]),
        ("pause", [1]),
        ("pause", "x"),
        (None, []),
    ],
)
def test_what_is_no_command_is_refused(text):
    name, args = text
    with pytest.raises(ValueError):
        checked(name, args)
    assert not Mailbox().put({"client": "browser", "seq": 0, "command": name, "args": args})


@pytest.mark.parametrize(
    "bad", [None, [], {}, message(-1, "pause"), message("0", "pause"), message(0, "pause", client=5)]
)
def test_what_is_no_message_is_refused(bad):
    box = Mailbox()
    assert not box.put(bad) and box.empty()


def test_each_message_is_taken_once_though_it_comes_twice():
    box = Mailbox()
    assert [box.put(message(n, "pause")) for n in (0, 0, 1, 1, 0)] == [True, False, True, False, False]
    assert box.put(message(0, "pause", client="another"))
    assert len(list(box.taken())) == 3 and box.empty()


@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_random_toggles_act_once_each_between_steps(way, request):
    if way == "compiled":
        request.getfixturevalue("compiled")
    training, rng, sent = Training(tf.function if way == "compiled" else lambda f: f), random.Random(0), []
    with training.live(snapshots=0) as live:
        for i in range(300):
            for _ in range(rng.randrange(8)):
                name, on = rng.choice(["net/first/kernel", "net/second/kernel", "net"]), rng.random() < 0.5
                live.mailbox.put(message(len(sent), "trainable", name, on))
                sent.append((i + 1, "trainable", name, on))
            trained, before = [v.trainable for v in training.variables], training.bytes()
            training.step()
            assert [a != b for a, b in zip(before, training.bytes())] == trained
            live.log()
    assert list(live.journal) == sent and len(sent) > 1000


def test_learning_rate_acts_from_the_next_step_on():
    training = Training()
    with training.live() as live:
        live.mailbox.put(message(0, "learning_rate", 0.0))
        training.step()
        live.log()
        before = training.bytes()
        training.step()
        live.log()
    assert training.bytes() == before and live.learning_rate == 0.0
    assert list(live.journal) == [(1, "learning_rate", 0.0)]


def test_commands_that_fit_nothing_change_nothing():
    with tf.live([tf.Variable(1.0, name="w"), tf.Variable(1.0, trainable=False, name="count")]) as live:
        for i, command in enumerate(
            [("trainable", "x", False), ("trainable", "count", True), ("restore", 99), ("learning_rate", 0.1)]
        ):
            live.mailbox.put(message(i, *command))
        live.log()
    assert not list(live.journal) and live.table.trainable() == [True, False]


def test_pause_waits_and_one_step_is_one_step():
    training = Training()
    with training.live() as live:
        live.mailbox.put(message(0, "pause"))
        live.mailbox.put(message(1, "step"))
        training.step()
        live.log()
        assert (live.state, live.step) == ("paused", 1)
        threading.Timer(0.05, lambda: live.mailbox.put(message(2, "resume"))).start()
        training.step()
        live.log()
        assert (live.state, live.step) == ("running", 2)
    assert [entry[:2] for entry in live.journal] == [(1, "pause"), (1, "step"), (2, "resume")]


def test_stop_leaves_the_block_and_the_loop_goes_on_after_it(capsys):
    with tf.live(steps=10) as live:
        for i in range(10):
            if i == 3:
                live.mailbox.put(message(0, "stop"))
            live.log(loss=float(i))
    assert (live.step, live.state) == (4, "stopped")
    assert capsys.readouterr().out == "live: 4 of 10 steps, stopped, loss 3\n"


def test_iterator_counts_its_own_steps_and_stops():
    run = tf.live(range(5, 100))
    found = []
    for i in run:
        run.log(value=i)
        found.append(i)
        if len(found) == 3:
            run.mailbox.put(message(0, "stop"))
    assert (found, run.step, run.state, run.total) == ([5, 6, 7], 3, "stopped", 95)
    assert run.history["value"].steps.tolist() == [0, 1, 2]


def test_first_interrupt_lets_the_step_end_and_keeps_the_state():
    training, old = Training(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        with training.live() as live:
            training.step()
            signal.raise_signal(signal.SIGINT)
            training.step()
            live.log(loss=1.0)
    assert (live.state, live.step, len(live.history["loss"])) == ("interrupted", 1, 1)
    assert signal.getsignal(signal.SIGINT) is old


@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_interrupted_training_goes_on_as_if_it_had_not_been(way, request):
    if way == "compiled":
        request.getfixturevalue("compiled")

    def run(*interrupts):
        training = Training(tf.function if way == "compiled" else lambda f: f)
        left = 30
        while left:
            try:
                with training.live() as live:
                    while left:
                        if left in interrupts:
                            interrupts = tuple(i for i in interrupts if i != left)
                            signal.raise_signal(signal.SIGINT)
                        training.step()
                        left -= 1
                        live.log()
            except KeyboardInterrupt:
                assert live.state == "interrupted"
        return training.bytes()

    assert run() == run(20, 7)


def test_second_interrupt_does_not_wait():
    with pytest.raises(KeyboardInterrupt):
        with tf.live():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the step went on")


def test_interrupt_in_the_last_step_is_not_lost():
    with pytest.raises(KeyboardInterrupt):
        with tf.live() as live:
            live.log()
            signal.raise_signal(signal.SIGINT)
    assert live.state == "interrupted"


def test_loop_that_is_left_early_ends_its_run():
    run = tf.live(range(10))
    for i in run:
        if i == 4:
            break
    assert (run.step, run.state) == (4, "left early")


def test_errors_pass_and_end_the_run():
    with pytest.raises(ZeroDivisionError):
        with tf.live() as live:
            live.log(loss=1.0)
            raise ZeroDivisionError
    assert live.state == "failed"
    with pytest.raises(RuntimeError, match="watched once"):
        live.__enter__()


def test_replayed_journal_gives_the_same_weights_bit_for_bit():
    def run(replay=(), commands=()):
        training = Training()
        training.step()
        with training.live(replay=replay) as live:
            for i in range(40):
                for seq, (at, *command) in enumerate(commands):
                    if at == i:
                        live.mailbox.put(message(seq, *command))
                live.log(loss=training.step())
        return training.bytes(), live

    by_hand = [
        (3, "trainable", "net/first", False),
        (9, "learning_rate", 0.2),
        (15, "restore", 0),
        (20, "trainable", "net", True),
    ]
    weights, live = run(commands=by_hand)
    names = {}
    exec(live.journal.code(), names)
    assert names["interventions"] == live.journal.interventions and len(live.journal) == 4
    assert run(replay=names["interventions"])[0] == weights == run(replay=live.journal)[0]
    assert run()[0] != weights


def test_restore_gives_back_variables_and_what_the_optimizer_keeps():
    training = Training()
    training.step()
    with training.live() as live:
        before = training.bytes()
        first = [training.step() for _ in range(3)][-1]
        live.log()
        live.restore(0)
        assert training.bytes() == before and int(training.optimizer.iterations) == 1
        assert float([training.step() for _ in range(3)][-1]) == float(first)


def test_snapshots_are_few_however_many_are_taken():
    v = tf.Variable(0.0)
    kept = Snapshots(limit=10)
    kept.take(5, [v], forever=True)
    for step in range(6, 500):
        v.assign(float(step))
        kept.take(step, [v])
    assert len(kept.steps) <= 11 and kept.steps[0] == 5 and kept.steps[-1] == 499
    kept.restore(kept.steps[1])
    assert float(v) == kept.steps[1]


def test_numbers_leave_out_what_is_not_finite_and_count_it():
    found = numbers(np.array([3.0, -4.0, np.nan, np.inf, -np.inf]))
    assert (found["nan"], found["inf"], found["min"], found["max"]) == (1, 2, -4.0, 3.0)
    assert found["norm"] == pytest.approx(5.0) and found["mean"] == -0.5
    assert numbers(np.array([np.nan])) == {"nan": 1, "inf": 0}
    assert sum(histogram(np.array([1.0, 2.0, np.nan]))["counts"]) == 2


def test_flow_marks_what_vanishes_and_what_explodes():
    assert flow([1e-9, 1.0, 2.0]) == ["vanishing", "", ""]
    assert flow([1.0, 2.0, float("inf")]) == ["", "", "exploding"]
    assert flow([1e-3, 1e-3, 1e7]) == ["", "", "exploding"]
    assert flow([None, 1.0]) == ["", ""]


def test_names_differ_and_scopes_hold_whole_parts():
    a, b, c = (tf.Variable(1.0, name=name) for name in ("d/k", "d/k", "d_1/k"))
    assert list(named([a, b, c])) == ["d/k", "d/k_1", "d_1/k"]
    assert under("d", named([a, b, c])) == ["d/k", "d/k_1"]


def test_layers_of_a_model_with_the_same_names_go_by_their_paths():
    model = tf.keras.Sequential([tf.keras.layers.Dense(2), tf.keras.layers.Dense(1)])
    model.build((None, 3))
    found = named(model)
    assert len(found) == 4 and [tuple(v.shape) for v in found.values()] == [(3, 2), (2,), (2, 1), (1,)]
    assert all("/" in name for name in found)


def test_a_journal_fits_a_model_that_is_made_again():
    def model():
        made = tf.keras.Sequential(
            [tf.keras.layers.Dense(2, name="first"), tf.keras.layers.Dense(1, name="last")]
        )
        made.build((None, 3))
        return made

    assert (
        list(named(model()))
        == list(named(model()))
        == ["first/kernel", "first/bias", "last/kernel", "last/bias"]
    )
    with tf.live(model(), replay=[(0, "trainable", "first", False)]) as live:
        assert [v.trainable for v in live.table.names.values()] == [False, False, True, True]


def test_a_journal_of_another_model_is_refused_before_the_run():
    with pytest.raises(ValueError, match="no 'second' here, but first/kernel"):
        tf.live([tf.Variable(1.0, name="first/kernel")], replay=[(9, "trainable", "second", False)])


def test_threads_are_refused_where_the_page_does_not_show_what_they_send():
    assert refused((7, 4, 0), {}) == refused((6, 31, 0), {}) == ""
    assert refused((7, 0, 1), {}).startswith("ipykernel 7.0 loses")
    assert refused((7, 4, 0), {"google.colab": None}).startswith("Colab does not show")


def test_budget_holds_in_any_second():
    now = [0.0]
    shared = Budget(20, clock=lambda: now[0])
    sent = []
    for i in range(3000):
        now[0] = i / 1000
        if shared.take():
            sent.append(now[0])
    assert len(sent) == 60 and all(later - earlier >= 1.0 for earlier, later in zip(sent, sent[20:]))


class Screen:
    """A panel that notes what it is told."""

    def __init__(self):
        self.whole, self.parts, self.frozen = [], [], None

    def show(self, state):
        self.whole.append(state)

    def send(self, changes):
        self.parts.append(changes)

    def freeze(self, run):
        self.frozen = run.state


def test_panel_is_told_of_gradients_and_of_the_last_step():
    training, screen = Training(), Screen()
    with training.live(steps=30) as live:
        live.feed.panel = screen
        for _ in range(30):
            live.log(loss=training.step())
            live._due = live._next_look = 0.0
        last = snapshot(live)
    assert screen.frozen == "done" and last["progress"]["step"] == 30
    assert len(last["rows"]) == 2 and all(row[1][4] > 0 and row[2] > 0 for row in last["rows"])
    assert last["variables"][0]["name"] == "net/first/kernel" and not training.optimizer.look.on


def test_panel_is_told_little_however_fast_the_steps_are():
    live = tf.live(name="fast")
    new = live.history.series["loss"] = Series(range(100_000), [1.0] * 100_000)
    part = delta(live, {"loss": new}, False)
    assert len(part["points"]["loss"][0]) <= 200 and "rows" not in part


def test_script_of_the_panel_is_one_small_text():
    text = script()
    assert len(text.encode()) <= 40_000
    assert re.findall(r"^(?:import|export) .*", text, re.MULTILINE) == ["export default {"]


def test_step_is_the_function_that_has_most_of_the_variables_or_the_largest_or_what_called_it():
    training, other = Training(tf.function), tf.Variable(1.0)
    outer = tf.function(lambda: training.step())
    look, old = (
        tf.function(lambda: tf.reduce_sum(training.w) + training.v[0, 0]),
        tf.function(lambda: other + 1.0),
    )
    old()
    since = Calls(training.variables)
    assert since.step() is None
    tf.function(lambda: other * 2.0)()  # gone, and none of these variables
    assert since.step() is None
    look(), look()
    assert since.step() is look
    outer(), outer(), look()
    assert since.step() is outer and Calls([]).step() is None


def test_memory_of_cards_is_told_once_one_was_used(monkeypatch):
    device = SimpleNamespace(name="/device:GPU:0", device_type="GPU")
    monkeypatch.setattr(memory, "list_logical_devices", lambda kind: [device])
    monkeypatch.setattr(memory, "memory_stats", lambda name: {"current": 3 << 20, "limit": 8 << 30})
    monkeypatch.setattr(memory.state, "used", False)
    assert [text.split()[0] for text, _, _ in memory.memory()] == ["Memory"]
    monkeypatch.setattr(memory.state, "used", True)
    assert memory.memory()[1:] == [("GPU:0 3 MB of 8 GB", 3 << 20, 8 << 30)]


ON_A_CARD = """
import nbtape as tf
from nbtape.notebook.live.state import snapshot

with tf.device("/GPU:0"):
    w = tf.Variable([[1.0], [2.0]], name="w")
optimizer = tf.optimizers.SGD(0.25)
with tf.live([w], optimizer=optimizer, look=True) as live:
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * w)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        live.log(loss=loss)
        live._due = live._next_look = live._next_keep = 0.0
    told = snapshot(live)
    live.restore(live.snapshots.steps[0])
assert live.history["loss"].values.tolist() == [5.0, 1.25, 0.3125, 0.078125]
assert told["variables"][0]["device"] == "GPU:0" and told["memory"][1][0].startswith("GPU:0 ")
(value, gradient, ratio, *_), = told["rows"]
assert gradient[3] == 4.0 * value[3] and ratio == 1.0
assert w.device.endswith("GPU:0") and w.numpy()[1] == 2.0 * 0.5 ** live.snapshots.steps[0]
"""


def test_run_on_a_card_is_watched_as_any_other():
    env = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NBTAPE_HEADLESS": "1"}
    done = subprocess.run([sys.executable, "-c", ON_A_CARD], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_panel_is_told_what_is_not_finite_and_how_long_it_takes():
    with tf.live([tf.Variable([1.0, np.nan, np.inf], name="w")], steps=10) as live:
        live.table.begin()
        live.log()
        live.table.end(0)
        live._began -= 3600.0
        told = snapshot(live)
        live.guard = None  # which would say the same
    assert told["rows"][0][5] == "1 NaN, 1 Inf"
    assert told["progress"]["told"] == "1 of 10 steps · 0.000278 steps/s · 9:00:00 left"


def test_figures_are_drawn_of_any_run():
    training = Training()
    with training.live(compare=[]) as live:
        live.feed.panel = Screen()
        for _ in range(4):
            live.log(**{"loss $x^": training.step(), "bad": float("nan")})
            live._due = live._next_look = 0.0
    for kind in ("overview", "curves", "flow", "histograms"):
        assert live.figure(kind).axes
    with pytest.raises(ValueError, match="no figure"):
        live.figure("pie")
    assert tf.live().figure().axes


def test_norms_of_gradients_are_drawn_over_whole_decades():
    live = tf.live()
    live.table.rows = {str(norm): {"gradient": {"norm": norm}, "flow": ""} for norm in (0.0, 0.02, 0.15, 0.6)}
    (ax,) = live.figure("flow").axes
    assert ax.get_xlim() == (0.01, 1.0)
    assert not any(label.get_text() for label in ax.get_xticklabels(minor=True))


def test_journal_keeps_only_what_is_a_command():
    with pytest.raises(ValueError):
        Journal([(1, "import os")])
    journal = Journal()
    journal.add(3, Command("pause"))
    assert list(journal) == [(3, "pause")] and journal.interventions == []
