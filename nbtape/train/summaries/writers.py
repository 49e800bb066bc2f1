"""SummaryWriter, and what the running thread records: with which writer, at which step, and whether."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

from nbtape.core import context
from nbtape.core.engine import Tensor
from nbtape.graph.effects import no_op
from nbtape.graph.v1.protos import Event, EventFileWriter
from nbtape.ops.create import constant


class Setting(NamedTuple):
    """A value, and whether it was set while a graph was open, so that it holds in that graph alone."""

    value: Any
    traced: bool


def _set_now(value: Any) -> Setting:
    return Setting(value, context.local.graph is not None)


class _State(threading.local):
    def __init__(self):
        self.writer = self.step = Setting(None, False)
        self.recording = Setting(True, False)


state = _State()


class SummaryWriter:
    """Writes an event file for TensorBoard; `create_file_writer` makes one."""

    def __init__(self, logdir: Any, max_queue: int, flush_millis: int, filename_suffix: str):
        self.logdir = os.fspath(logdir)
        self._file = EventFileWriter(self.logdir, max_queue, flush_millis / 1000, filename_suffix)
        self._closing = weakref.finalize(self, self._file.close)  # at the end of the process, too

    @contextmanager
    def as_default(self, step: Any = None):
        """A `with` block whose summaries this writer writes, at `step` if they have none of their own."""
        self._check_open()
        outer = state.writer, state.step
        self.set_as_default(step)
        try:
            yield self
            self.flush()
        finally:
            state.writer, state.step = outer

    def set_as_default(self, step: Any = None) -> None:
        """Let this writer write the thread's summaries from now on."""
        self._check_open()
        state.writer = _set_now(self)
        if step is not None:
            set_step(step)

    def init(self) -> Any:
        """An operation that does nothing: the file is there from the start."""
        return no_op()

    def record(self, step: int, make: Callable[[Any], Any], value: Any) -> None:
        """Write the summary that `make` makes of a value."""
        self.add(step=step, summary=make(value))

    def add(self, **contents: Any) -> None:
        """Write an event, which happens now."""
        self.add_event(Event(**contents))

    def add_event(self, event: Any) -> None:
        """Write an event; one that says no time happens now."""
        self._check_open()
        event.wall_time = event.wall_time or time.time()
        self._file.add_event(event)

    def flush(self) -> None:
        """Wait until all that was recorded is in the file."""
        if not self.closed:
            self._file.flush()

    def close(self) -> None:
        """Flush and close the file; the writer records nothing more."""
        self._closing()

    @property
    def closed(self) -> bool:
        return not self._closing.alive

    def _check_open(self) -> None:
        if self.closed:
            raise RuntimeError(f"SummaryWriter {self!r} is already closed")

    def __repr__(self) -> str:
        return f"<SummaryWriter {self.logdir!r}>"


class _Nothing(SummaryWriter):
    """A writer that writes nothing."""

    def __init__(self):
        self.logdir = ""

    def record(self, step: int, make: Callable[[Any], Any], value: Any) -> None:
        """Nothing, so that there need be no TensorBoard."""

    def add(self, **contents: Any) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    close = flush

    @property
    def closed(self) -> bool:
        return False


def create_file_writer(
    logdir: Any,
    max_queue: int | None = None,
    flush_millis: int | None = None,
    filename_suffix: str | None = None,
    name: str | None = None,
    experimental_trackable: bool = False,
) -> SummaryWriter:
    """A writer of an event file in the folder `logdir`, which is made if need be.

    Events are written at the end of an `as_default` block, at `flush`, and otherwise when `max_queue` wait
    (10) or `flush_millis` have passed (two minutes). Raises ImportError where TensorBoard is not installed.

        writer = tf.summary.create_file_writer("logs")
        with writer.as_default():
            tf.summary.scalar("loss", 0.5, step=1)
    """
    if logdir is None:
        raise ValueError("Argument `logdir` cannot be None")
    return SummaryWriter(logdir, max_queue or 10, flush_millis or 120_000, filename_suffix or ".v2")


def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing, for where summaries are switched off."""
    return _Nothing()


def flush(writer: SummaryWriter | None = None, name: str | None = None) -> None:
    """Write what a writer, or the default one, has not yet written to its file."""
    writer = state.writer.value if writer is None else writer
    if writer is not None:
        writer.flush()


def set_step(step: Any) -> None:
    """Set the step at which summaries are recorded that are given none: a number or a Variable.

    A function looks at it at each call.
    """
    state.step = _set_now(step)


def get_step() -> Any:
    """The step that was set, None where there was none."""
    return state.step.value


@contextmanager
def record_if(condition: Any):
    """A `with` block in which summaries are recorded only if `condition` holds: a bool, a tensor, or a
    function that gives one.
    """
    outer, state.recording = state.recording, _set_now(condition)
    try:
        yield
    finally:
        state.recording = outer


def should_record_summaries() -> Any:
    """Whether summaries are recorded: there is a default writer, and `record_if` does not forbid it.

    >>> bool(tf.summary.should_record_summaries())
    False
    """
    return constant(False) if state.writer.value is None else as_truth(asked(state.recording.value))


def asked(condition: Any) -> Any:
    """What a condition of `record_if` is now."""
    return condition() if callable(condition) and not isinstance(condition, Tensor) else condition


def as_truth(x: Any) -> Tensor:
    """A condition as a tensor."""
    return x if isinstance(x, Tensor) else constant(bool(x))
