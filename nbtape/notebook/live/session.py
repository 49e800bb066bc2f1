"""`nt.live`: a run that is watched, and may be steered, while it goes on.

The training thread owns everything here. Browsers only fill the mailbox, which is emptied between two steps.
"""

import math
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from time import monotonic
from typing import Any

from nbtape.core.kernel import late
from nbtape.notebook.live.budget import PERIOD, SHARE
from nbtape.notebook.live.feed import Feed
from nbtape.notebook.live.guard import Guard
from nbtape.notebook.live.journal import Journal, Replay
from nbtape.notebook.live.mailbox import Mailbox
from nbtape.notebook.live.route import in_notebook, is_headless
from nbtape.notebook.live.series import History
from nbtape.notebook.live.snapshots import Snapshots
from nbtape.notebook.live.state import progress, snapshot
from nbtape.notebook.live.steering import Steering
from nbtape.notebook.live.variables import Table, holds_variables, named, under
from nbtape.state.variable import Variable

_panel = late("nbtape.notebook.live.panel:panel")
_show_at_end = late("nbtape.notebook.live.panel:show_at_end")
_write_events = late("nbtape.notebook.live.events:write_events")
_figure = late("nbtape.notebook.live.picture:figure")
_LOOK, _SELDOM = 0.25, 10.0  # seconds between looks, at least and at most
_KEEP = 1.0  # seconds between snapshots


class Stopped(Exception):
    """Leaves the block of a run that was stopped by hand."""


_ENDS = {None: "done", Stopped: "stopped", KeyboardInterrupt: "interrupted", GeneratorExit: "left early"}


class Live(Steering):
    """A run on a dashboard: curves, variables, gradients, and controls that act while the cell runs.

    Used as a context manager, `log` ends a step; used as an iterator, the loop does. What is watched is a
    model, or a list or dict of variables. `steps` is how many there will be; `compare` are earlier runs to
    draw beside this one; `replay` is the journal of an earlier run, whose interventions are made again;
    `snapshots` is how many states are kept to go back to; `look` is whether gradients are looked at now and
    then, as they are where a panel shows them. Without a notebook, or where the environment has
    NBTAPE_HEADLESS=1, all is kept and nothing is shown but a line at the end.

    The first number that is not finite is told with its step, and with the operation that made it where the
    step is called by `run`; it pauses a run whose panel is looked at. `guard="stop"` ends the run, None
    looks for nothing.

    >>> w = tf.Variable([1.0, -2.0], name="w")
    >>> optimizer = tf.optimizers.SGD(0.1)
    >>> with tf.live([w], optimizer=optimizer, steps=50) as live:
    ...     for _ in range(50):
    ...         with tf.GradientTape() as tape:
    ...             loss = tf.reduce_sum(w * w)
    ...         _ = optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    ...         live.log(loss=loss)
    live: 50 of 50 steps, done, loss ...
    >>> len(live.history["loss"])
    50
    """

    def __init__(
        self,
        what: Any = None,
        variables: Any = None,
        *,
        optimizer: Any = None,
        steps: int | None = None,
        name: str = "",
        compare: Sequence["Live"] = (),
        replay: Any = (),
        snapshots: int = 32,
        guard: str | None = "pause",
        look: bool | None = None,
    ):
        if guard not in ("pause", "stop", None):
            raise ValueError(f'guard is "pause", "stop" or None, got {guard!r}')
        if what is not None and holds_variables(what):
            what, variables = None, what
        self._iterable: Iterable | None = what
        self.total = len(what) if steps is None and isinstance(what, Sized) else steps
        self.optimizer, self.name, self.compare = optimizer, name, list(compare)
        self.history, self.journal, self.mailbox, self.feed = History(), Journal(), Mailbox(), Feed()
        self.table = Table(named(variables) if variables is not None else {}, optimizer)
        self.snapshots = Snapshots(snapshots)
        self.guard = None if guard is None else Guard(self.table.names)
        self._wants_looks = look
        self._stops, self.trouble = guard == "stop", None  # and what the guard found
        self._replay, self._is_empty = Replay(replay), self.mailbox.empty
        for scope in self._replay.scopes:
            if not under(scope, self.table.names):
                raise ValueError(f"replay: there is no {scope!r} here, but {', '.join(self.table.names)}")
        self._replay_at = self._replay.next
        self.state, self.step, self.seconds = "ready", 0, 0.0
        self._due = self._next_look = self._next_keep = self._looked = self._began = 0.0
        self._is_interrupted, self._old_signal = False, None

    # What users call

    def log(self, /, **metrics: Any) -> None:
        """Note numbers of this step; where the run is a context manager, this is the end of the step."""
        if metrics:
            self.history.note(self.step, metrics)
        if self._iterable is None:
            self.step = step = self.step + 1
            if monotonic() >= self._due or step >= self._replay_at or not self._is_empty():
                self._between()

    def run(self, step: Callable, /, *args: Any, **options: Any) -> Any:
        """Call `step(*args)`, so that the guard can do it again and name the operation that went wrong, and
        the panel need not guess which `tf.function` makes the steps.

        >>> x = tf.Variable(2.0, name="x")
        >>> def halve():
        ...     return tf.math.log(x.assign_sub(1.0))
        >>> with tf.live([x]) as live:
        ...     live.log(loss=live.run(halve))
        ...     live.log(loss=live.run(halve))
        step 1: loss is not finite
          log made 1 of 1 values inf or nan (-inf), at ...
        """
        if self.guard is not None and self.guard.is_armed:
            self.guard.calls.append((self.step, step, args, options))
        self.called = step
        return step(*args, **options)

    def note(self, /, **metrics: Any) -> None:
        """Note numbers of the last step, as of a validation, which end no step."""
        self.history.note(max(self.step - 1, 0), metrics)

    def figure(self, kind: str = "overview") -> Any:
        """A matplotlib figure: "overview", "curves", "flow" or "histograms"."""
        self._settle()
        return _figure(self, kind)

    def to_tensorboard(self, logdir: Any) -> None:
        """Write an event file for TensorBoard: curves, gradients that were looked at, and the journal."""
        self._settle()
        _write_events(self, logdir)

    def abandon(self, error: BaseException | None = None) -> None:
        """End a run that nobody goes on with, if it has not ended."""
        if self.state in ("running", "paused"):
            self._close(_ENDS.get(type(error), "failed") if error is not None else "left early")

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the next step; None where there is no optimizer that tells."""
        rate = getattr(self.optimizer, "learning_rate", None)
        return None if rate is None else float(rate)

    # The run

    def __enter__(self) -> "Live":
        if self.state != "ready":
            raise RuntimeError("a run is watched once: make another with nt.live(...)")
        self.state, self._began = "running", monotonic()
        self._next_look, self.thread = self._began, threading.current_thread()
        if self.thread is threading.main_thread():
            self._old_signal = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._interrupt)
        try:
            if in_notebook() and not is_headless():
                self.feed.panel = _panel(self, snapshot(self))
            self._between()
        except BaseException:
            self._close("failed")
            raise
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        is_late = kind is None and self._is_interrupted  # in the last step
        self._close("interrupted" if is_late else _ENDS.get(kind, "failed"))
        if is_late:
            raise KeyboardInterrupt
        return kind is Stopped

    def __iter__(self) -> Iterator[Any]:
        if self._iterable is None:
            raise TypeError("nothing to iterate over: nt.live(range(1000), variables=...)")
        with self:
            for x in self._iterable:
                yield x
                self.step = step = self.step + 1
                if monotonic() >= self._due or step >= self._replay_at or not self._is_empty():
                    self._between()

    def _interrupt(self, *signal_and_frame: Any) -> None:
        """The first interrupt lets the step end, so that its variables belong together; a second does not."""
        if self._is_interrupted:
            raise KeyboardInterrupt
        self._is_interrupted, self._due = True, 0.0

    def _between(self) -> None:
        """All that is done between two steps, when something is to be done."""
        for command in self._replay.due(self.step):
            self._keep(forever=True) if command is None else self._carry_out(command)
        self._replay_at = self._replay.next
        self._settle()
        if self.guard is not None and (found := self.guard.look(self)):
            self._tell(found)
        self._read_mail()
        if self.state == "paused" and self.step >= self._steps_allowed:
            self._wait()
        if self._is_interrupted:
            raise KeyboardInterrupt
        if self.state == "stopped":
            raise Stopped
        self._look(monotonic())

    def _wait(self) -> None:
        """Paused: do what is asked until that is to go on."""
        self._settle()
        self.feed.send(self, force=True)
        while self.state == "paused" and self.step >= self._steps_allowed and not self._is_interrupted:
            if self._read_mail(PERIOD):
                self.feed.send(self, force=True)

    def _look(self, now: float) -> None:
        """Look at the variables, keep a snapshot, tell the panel: what is due of these."""
        if self.table.is_looking:
            self.table.end(self.step - 1)
            # The first look is traced, which the others do not have to pay for.
            cost = monotonic() - self._looked if self.table.looks > 1 else 0.0
            self._next_look = now + min(max(_LOOK, cost / SHARE), _SELDOM)
        elif self._looks and self.table.names and now >= self._next_look:
            self._looked = now
            self.table.begin()
        if self.snapshots.limit and self.table.names and now >= self._next_keep:
            self._keep()
            self._next_keep = now + max(_KEEP, (monotonic() - now) / SHARE)
        self.feed.send(self)
        at_once = self.table.is_looking or self._is_interrupted or self._steps_allowed < math.inf
        if self.guard is not None:  # a first step makes what the optimizer keeps
            at_once = at_once or self.guard.is_watching or self.step < 2
        self._due = 0.0 if at_once else now + PERIOD

    @property
    def _looks(self) -> bool:
        return self.feed.panel is not None if self._wants_looks is None else self._wants_looks

    @property
    def is_whole(self) -> bool:
        """Whether the optimizer has made all that it keeps beside the variables."""
        return getattr(self.optimizer, "built", True)

    def to_keep(self) -> list[Variable]:
        """The variables that a state is made of."""
        kept = [*self.table.names.values(), *getattr(self.optimizer, "variables", ())]
        return list({v._serial: v for v in kept}.values())

    def _keep(self, forever: bool = False) -> None:
        """Keep a snapshot."""
        if self.is_whole:
            self.snapshots.take(self.step, self.to_keep(), forever)

    def _settle(self) -> None:
        """Put what was logged into the curves."""
        points = self.history.settle()
        self.feed.add(points)
        if self.guard is not None:
            self.guard.note(points)

    def _close(self, state: str) -> None:
        """The end, whatever brought it: let go of everything that was taken, and leave a picture."""
        self.thread = None
        self.state, self.seconds = state, monotonic() - self._began
        if self._old_signal is not None:
            signal.signal(signal.SIGINT, self._old_signal)
        if self.table.is_looking:
            self.table.forget()
        self._settle()
        if self.guard is not None:
            if state == "done" and (found := self.guard.look(self)):
                self._tell(found)
            self.guard.watch(False)
        if self.feed.panel is not None:
            panel, self.feed.panel = self.feed.panel, None
            panel.freeze(self)
        elif in_notebook():
            _show_at_end(self)
        else:
            print(self)

    def __str__(self) -> str:
        told = [progress(self)["text"], self.state, self.history.summary()]
        return f"live{' ' + self.name if self.name else ''}: {', '.join([x for x in told if x])}"

    def __repr__(self) -> str:
        names = f"{len(self.table.names)} variables"
        return f"<nt.live {self.name or 'run'}, {names}>"
