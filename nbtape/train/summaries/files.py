"""FileWriter: writes summaries and graphs of TensorFlow 1 to event files."""

import os
from collections.abc import Iterator
from typing import Any

from nbtape.graph.graph import Graph
from nbtape.graph.v1.graph_def import graph_def as as_graph_def
from nbtape.graph.v1.protos import Event, EventFileLoader, GraphDef, Summary, TaggedRunMetadata, message_text
from nbtape.train.summaries.writers import SummaryWriter


class FileWriter:
    """Writes an event file in the folder `logdir`: the graph, if one is given, and summaries as they come.

        with tf.compat.v1.summary.FileWriter("logs", sess.graph) as writer:
            writer.add_summary(sess.run(merged), global_step=1)

    Raises ImportError where TensorBoard is not installed.
    """

    def __init__(
        self,
        logdir: Any,
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ):
        self._settings = os.fspath(logdir), max_queue, int(1000 * flush_secs), filename_suffix or ""
        self._writer = SummaryWriter(*self._settings)
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def get_logdir(self) -> str:
        """The folder."""
        return self._settings[0]

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a Summary, or the bytes that a session gives for one."""
        if isinstance(summary, str | bytes):
            summary = Summary.FromString(summary if isinstance(summary, bytes) else summary.encode())
        self.add_event(Event(summary=summary), global_step)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write a Graph or a GraphDef, which TensorBoard shows by its name scopes; raises TypeError for
        anything else.
        """
        given = graph_def if graph is None else graph
        self.add_event(Event(graph_def=_as_graph_def(given).SerializeToString()), global_step)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Write what is known of a run."""
        told = TaggedRunMetadata(tag=tag, run_metadata=run_metadata.SerializeToString())
        self.add_event(Event(tagged_run_metadata=told), global_step)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write that a session was started or stopped."""
        self.add_event(Event(session_log=session_log), global_step)

    def add_event(self, event: Any, global_step: Any = None) -> None:
        """Write an Event; what says no time happens now."""
        if global_step is not None:
            event.step = int(global_step)
        self._writer.add_event(event)

    def flush(self) -> None:
        """Wait until all is in the file."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()

    def reopen(self) -> None:
        """After `close`, go on in a new file."""
        if self._writer.closed:
            self._writer = SummaryWriter(*self._settings)

    def __enter__(self) -> "FileWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FileWriterCache:
    """One FileWriter for each folder."""

    _writers: dict[str, FileWriter] = {}

    @staticmethod
    def get(logdir: Any) -> FileWriter:
        """The writer of a folder, made at the first call."""
        folder = os.fspath(logdir)
        if folder not in FileWriterCache._writers:
            FileWriterCache._writers[folder] = FileWriter(folder)
        return FileWriterCache._writers[folder]

    @staticmethod
    def clear() -> None:
        """Close all writers and forget them."""
        while FileWriterCache._writers:
            FileWriterCache._writers.popitem()[1].close()


def _as_graph_def(graph: Any) -> Any:
    if isinstance(graph, Graph):
        return as_graph_def(graph)
    if not isinstance(graph, GraphDef.resolve()):
        raise TypeError(f"The passed graph must be an instance of `Graph`, not {type(graph).__name__}.")
    return graph


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> str:
    """Write a GraphDef to the file `name` in a folder, which is made if need be; gives the file's path."""
    found = _as_graph_def(graph_or_graph_def)
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    with open(path, "wb") as file:
        file.write(message_text(found).encode() if as_text else found.SerializeToString())
    return path


def summary_iterator(path: Any) -> Iterator[Any]:
    """The events that a file holds, one after another."""
    return EventFileLoader(os.fspath(path)).Load()
