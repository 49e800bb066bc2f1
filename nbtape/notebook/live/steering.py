"""What a hand may do to a run, carried out by the thread that trains, between two steps."""

import math
import threading
from collections.abc import Callable
from typing import Any

from nbtape.notebook.live.feed import Feed
from nbtape.notebook.live.guard import Guard, Trouble
from nbtape.notebook.live.journal import Journal
from nbtape.notebook.live.mailbox import Command, Mailbox
from nbtape.notebook.live.snapshots import Snapshots
from nbtape.notebook.live.variables import Table
from nbtape.state.variable import Variable


class Steering:
    """The commands of a run: a method for each."""

    optimizer: Any
    table: Table
    snapshots: Snapshots
    journal: Journal
    mailbox: Mailbox
    feed: Feed
    guard: Guard | None
    trouble: Trouble | None
    step: int
    state: str
    called: Callable | None = None  # what makes a step, where that is known
    _stops: bool  # at what is not finite
    thread: threading.Thread | None = None  # that trains
    _steps_allowed: float = math.inf  # after how many steps a paused run waits

    def restore(self, step: int) -> None:
        """Give the variables the values that they had after so many steps; see `snapshots.steps`."""
        self._ask(Command("restore", (step,)))

    def stop(self) -> None:
        """End the run after this step."""
        self._ask(Command("stop"))

    def _ask(self, command: Command) -> None:
        """Carry a command out, or leave that to the thread that trains."""
        if self.thread in (None, threading.current_thread()):
            self._carry_out(command)
        else:
            self.mailbox.post(command)

    def _tell(self, found: Trouble) -> None:
        """The guard found what is not finite: ask what to do, where somebody can answer."""
        self.trouble = found
        if self._stops:
            self.state = "stopped"
        elif self.feed.panel is not None and self.mailbox.browsers and self.state == "running":
            self._do_pause()
            return
        print(found)

    def _carry_out(self, command: Command) -> None:
        name, args = command
        getattr(self, f"_do_{name}")(*args)
        if name not in ("ready", "graph"):  # which change nothing
            self.journal.add(self.step, command)
        if self.guard is not None and self.guard.is_armed:
            self.guard.renew(self)
        self.feed.hurry()

    def _read_mail(self, timeout: float | None = None) -> bool:
        """Do what was asked meanwhile; whether anything was."""
        commands = list(self.mailbox.taken(timeout))
        for command in commands:
            try:
                self._carry_out(command)
            except (KeyError, TypeError, ValueError):  # the panel showed what is no more
                self.feed.is_fresh = True
        return bool(commands)

    def _do_ready(self) -> None:
        self.feed.is_fresh = True

    def _do_pause(self) -> None:
        self.state, self._steps_allowed = "paused", self.step

    def _do_resume(self) -> None:
        self.state, self._steps_allowed, self.trouble = "running", math.inf, None

    def _do_step(self) -> None:
        self.state, self._steps_allowed = "paused", self.step + 1

    def _do_stop(self) -> None:
        self.state = "stopped"

    def _do_graph(self) -> None:
        if self.feed.panel is not None:
            self.feed.panel.graph()

    def _do_learning_rate(self, rate: float) -> None:
        if not isinstance(getattr(self.optimizer, "learning_rate", None), Variable):
            raise TypeError("there is no optimizer whose learning rate is a number")
        self.optimizer.learning_rate.assign(rate)

    def _do_trainable(self, scope: str, on: bool) -> None:
        if not self.table.switch(scope, on):
            raise KeyError(scope)

    def _do_restore(self, step: int) -> None:
        self.snapshots.restore(step)
        self.trouble = None
        if self.guard is not None:
            self.guard.again(self)
