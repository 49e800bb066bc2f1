"""The guard of a live run: the first number that is not finite, and the operation that made it."""

import sys

import numpy as np
import pytest

import nbtape as tf
from nbtape.notebook.live.guard import Microscope
from nbtape.notebook.live.state import snapshot


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("NBTAPE_HEADLESS", "1")


class Falling:
    """A training that takes the logarithm of 0 in step 6, and comes to its gradient in step 5."""

    def __init__(self, wrap=lambda f: f):
        self.x, self.scale = tf.Variable([6.0, 9.0], name="net/x"), tf.Variable(1.0, name="net/scale")
        self.variables, self.optimizer = [self.x, self.scale], tf.optimizers.SGD(1.0)
        self.step = wrap(self._step)

    def _step(self, speed):
        with tf.GradientTape() as tape:
            logs = tf.math.log(self.x)  # the logarithm
            loss = tf.reduce_sum(self.x * speed) + self.scale * tf.reduce_mean(tf.stop_gradient(logs)) * 1e-3
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.variables), self.variables))
        return loss

    def live(self, **options):
        return tf.live(self.variables, optimizer=self.optimizer, **options)


class Screen:
    """A panel that notes what it is told, and whose reader answers when the run is paused."""

    def __init__(self, live, *answers):
        self.told, self._live, self._answers = [], live, list(answers)
        live.feed.panel = self
        self._say("ready")

    def _say(self, name, *args):
        message = {"client": "browser", "seq": len(self.told), "command": name, "args": args}
        self._live.mailbox.put(message)

    def show(self, state):
        self.told.append(state)
        if state["progress"]["state"] == "paused":
            answer = self._answers.pop(0)
            self._say(answer, *([state["trouble"]["restore"]] if answer == "restore" else []))

    def send(self, changes):
        self.told.append(changes)

    def freeze(self, run):
        self.told.append(snapshot(run))


ONE = tf.constant(1.0)
LOG = "log made 1 of 2 values inf or nan (-inf), at "


@pytest.mark.parametrize("way", ["eager", "compiled"])
def test_log_of_zero_is_named_with_its_step_variable_and_operation(way, request, capsys):
    if way == "compiled":
        request.getfixturevalue("compiled")
    training = Falling(tf.function if way == "compiled" else lambda f: f)
    with training.live(steps=10) as live:
        for _ in range(10):
            live.log(loss=live.run(training.step, ONE))
    told = live.trouble
    assert (told.step, live.step, live.state) == (6, 10, "done")
    assert told.what == "loss is not finite; variables that are not: net/scale"
    assert told.op.startswith(LOG) and "# the logarithm" in told.op
    assert "float32[2] 'net/x:0', from 0 to 3" in told.op
    assert capsys.readouterr().out.startswith(f"step 6: {told.what}\n  {LOG}")


def test_gradient_that_spoils_a_variable_is_named_where_the_loss_shows_it_a_step_later():
    x = tf.Variable([2.0, 4.0], name="x")

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sqrt(x))
        x.assign_sub(tape.gradient(loss, x) * 0.0 + 1.0)
        return loss

    with tf.live([x]) as live:
        for _ in range(4):
            live.log(loss=live.run(step))
    assert (live.trouble.step, live.trouble.what) == (3, "loss is not finite; variables that are not: x")
    assert live.trouble.op.startswith("the gradient of sqrt made 1 of 2 values inf or nan (inf)")


def test_making_the_steps_again_leaves_the_run_as_it_was():
    def run(guard):
        training = Falling()
        with training.live(guard=guard, snapshots=0) as live:
            for _ in range(9):
                live.log(loss=live.run(training.step, ONE))
        return [v.numpy().tobytes() for v in (*training.variables, *training.optimizer.variables)]

    assert run("pause") == run(None)


def test_run_with_a_reader_pauses_and_goes_back_to_what_was_finite(capsys):
    training = Falling()
    with training.live(steps=12, snapshots=0) as live:
        screen = Screen(live, "restore", "resume")
        for i in range(12):
            live.log(loss=live.run(training.step, ONE) if i < 7 else 0.0)
            live._due = 0.0
    paused = [state for state in screen.told if state["progress"]["state"] == "paused"]
    assert LOG in paused[0]["trouble"]["told"] and 0 < paused[0]["trouble"]["restore"] <= 6
    assert paused[1]["trouble"] is None and [entry[1] for entry in live.journal] == ["restore", "resume"]
    assert (
        np.isfinite([*training.x.numpy(), float(training.scale)]).all()
        and live.state == "done"
        and live.trouble is None
    )
    assert capsys.readouterr().out == ""


def test_resumed_run_is_not_stopped_again():
    training = Falling()
    with training.live() as live:
        screen = Screen(live, "resume")
        for _ in range(12):
            live.log(loss=live.run(training.step, ONE))
            live._due = 0.0
    assert [state["progress"]["state"] for state in screen.told].count("paused") == 1
    assert live.step == 12 and not np.isfinite(training.scale.numpy()) and not live.guard.calls


def test_steps_that_cannot_be_made_again_are_looked_at_after_going_back():
    training = Falling()
    with training.live() as live:
        screen = Screen(live, "restore", "resume", "stop")
        while True:
            live.log(loss=training.step(ONE))
    first, _, second = [state["trouble"] for state in screen.told if state["progress"]["state"] == "paused"]
    assert "write `live.run(step, ...)`" in first["told"] and LOG in second["told"]
    assert live.state == "stopped" and not live.guard.is_watching


def test_stop_ends_the_run():
    training = Falling()
    with training.live(guard="stop") as live:
        for _ in range(100_000):
            live.log(loss=training.step(ONE))
    assert live.state == "stopped" and live.step < 100_000 and live.trouble.step == 6


def test_variables_are_looked_at_where_nothing_is_logged():
    w, constant = tf.Variable(1.0, name="w"), tf.Variable(np.inf, name="best")
    with tf.live([w, constant]) as live:
        live.log()
        w.assign(np.nan)
        live.guard._next = 0.0
    assert live.trouble.what == "variables that are not: w"


def test_guard_that_is_off_is_never_asked():
    training, called = Falling(), set()
    with training.live(guard=None) as live:
        sys.setprofile(lambda frame, event, arg: called.add(frame.f_code.co_filename))
        for _ in range(10):
            live.log(loss=live.run(training.step, ONE))
        sys.setprofile(None)
    assert live.guard is live.trouble is None and any(file.endswith("session.py") for file in called)
    assert not any(file.endswith("live/guard.py") for file in called)
    with pytest.raises(ValueError, match='"pause", "stop" or None'):
        tf.live(guard="raise")


def test_microscope_keeps_the_first_find_and_lets_the_rest_run():
    with Microscope() as microscope:
        y = tf.math.log(tf.constant(0.0))
        z = tf.sqrt(tf.constant(-1.0))
    assert microscope.found.startswith("log made 1 of 1") and np.isinf(float(y)) and np.isnan(float(z))
