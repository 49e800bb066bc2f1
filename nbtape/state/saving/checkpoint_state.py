"""Which checkpoints a folder has: the file `checkpoint` in it, and how many checkpoints are kept."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nbtape.state.saving.bundle import filename, replacing


@dataclass
class CheckpointState:
    """What the file `checkpoint` of a folder says: the newest checkpoint, all of them from the oldest on, and
    when they were written.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def _state_file(folder: str, latest_filename: str | None) -> str:
    return os.path.join(folder, latest_filename or "checkpoint")


def _within(folder: str, path: str) -> str:
    """A whole path as one from the folder on."""
    return os.path.relpath(path, folder or ".") if os.path.isabs(path) else path


def generate_checkpoint_state_proto(
    save_dir: Any,
    model_checkpoint_path: Any,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> CheckpointState:
    """A CheckpointState, with paths relative to a relative `save_dir`, which may then be moved.

    Raises ValueError where there is not one timestamp for each path.
    """
    latest, paths = os.fspath(model_checkpoint_path), [*map(os.fspath, all_model_checkpoint_paths or ())]
    times = list(all_model_checkpoint_timestamps or ())
    if times and len(times) != len(paths):
        raise ValueError(
            "Checkpoint timestamps, if provided, must match checkpoint paths (got paths "
            f"{paths} and timestamps {times})."
        )
    if latest not in paths:
        paths, times = [*paths, latest], [*times, time.time()] if times else []
    if not os.path.isabs(save_dir):
        latest, *paths = [x if os.path.isabs(x) else os.path.relpath(x, save_dir) for x in (latest, *paths)]
    return CheckpointState(latest, paths, times, last_preserved_timestamp or 0.0)


def update_checkpoint_state(
    save_dir: Any,
    model_checkpoint_path: Any,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
    save_relative_paths: bool = False,
) -> None:
    """Write the file `checkpoint` of a folder, from which `latest_checkpoint` knows the newest checkpoint."""
    save_dir, latest = os.fspath(save_dir), os.fspath(model_checkpoint_path)
    paths, times = [*map(os.fspath, all_model_checkpoint_paths or ())], all_model_checkpoint_timestamps
    if save_relative_paths:
        latest, *paths = [_within(save_dir, x) for x in (latest, *paths)]
    state = generate_checkpoint_state_proto(save_dir, latest, paths, times, last_preserved_timestamp)
    lines = [("model_checkpoint_path", state.model_checkpoint_path)]
    lines += [("all_model_checkpoint_paths", path) for path in state.all_model_checkpoint_paths]
    lines += [("all_model_checkpoint_timestamps", t) for t in state.all_model_checkpoint_timestamps]
    if state.last_preserved_timestamp:
        lines.append(("last_preserved_timestamp", state.last_preserved_timestamp))
    text = "".join([f"{name}: {json.dumps(value)}\n" for name, value in lines])
    with replacing(_state_file(save_dir, latest_filename)) as file:
        file.write(text.encode())


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """What the file `checkpoint` of a folder says, with whole paths; None where there is none."""
    folder = os.fspath(checkpoint_dir)
    try:
        with open(_state_file(folder, latest_filename), encoding="utf-8") as file:
            lines = [line.partition(": ") for line in file if line.strip()]
        pairs = [(name, json.loads(value)) for name, _, value in lines]
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None

    def found(wanted: str) -> list:
        return [value for name, value in pairs if name == wanted]

    def whole(path: str) -> str:
        return path if os.path.isabs(path) else os.path.join(folder, path)

    latest, preserved = found("model_checkpoint_path"), found("last_preserved_timestamp")
    return CheckpointState(
        whole(latest[0]) if latest else "",
        [whole(path) for path in found("all_model_checkpoint_paths")],
        found("all_model_checkpoint_timestamps"),
        preserved[0] if preserved else 0.0,
    )


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The newest checkpoint of a folder, None where there is none.

    >>> checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    >>> path = checkpoint.save("latest/ckpt")
    >>> tf.train.latest_checkpoint("latest")
    'latest/ckpt-1'
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not checkpoint_exists(state.model_checkpoint_path):
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of this name."""
    return os.path.isfile(filename(os.fspath(checkpoint_prefix)))


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[Any]) -> list[float]:
    """When checkpoints were written, those that there are."""
    found = [filename(os.fspath(prefix)) for prefix in checkpoint_prefixes]
    return [os.path.getmtime(path) for path in found if os.path.isfile(path)]


def remove_checkpoint(
    checkpoint_prefix: Any, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Remove the file of a checkpoint, if there is one."""
    with suppress(FileNotFoundError):
        os.remove(filename(os.fspath(checkpoint_prefix)))


def checkpoints_iterator(
    checkpoint_dir: Any, min_interval_secs: float = 0, timeout: float | None = None, timeout_fn: Any = None
) -> Iterator[str]:
    """Each newest checkpoint of a folder, as they come; ends where none comes in `timeout` seconds, if
    `timeout_fn`, by default nothing, says so by True.
    """
    latest = None
    while True:
        waited_from = time.monotonic()
        while (path := latest_checkpoint(checkpoint_dir)) in (None, latest):
            if timeout is not None and time.monotonic() - waited_from >= timeout:
                if timeout_fn is None or timeout_fn():
                    return
                break
            time.sleep(min(1.0, timeout or 1.0))
        else:
            latest, began = path, time.monotonic()
            yield str(path)
            time.sleep(max(0.0, began + min_interval_secs - time.monotonic()))


class Kept:
    """The checkpoints of a folder that are kept: the last `max_to_keep`, all if that is None, and beside them
    one in `every_n_hours`.
    """

    def __init__(self, max_to_keep: int | None, every_n_hours: float | None):
        self.max_to_keep, self.every_n_hours = max_to_keep, every_n_hours
        self.times: dict[str, float] = {}  # when each was written, the oldest first
        self.preserved = time.time() - 1.0  # when what is kept for good was written last

    def add(self, path: str) -> list[str]:
        """One more checkpoint, the newest; returns those that are to be removed."""
        self.times.pop(path, None)
        self.times[path] = time.time()
        surplus = 0 if self.max_to_keep is None else len(self.times) - self.max_to_keep
        removed = []
        for old in list(self.times)[: max(0, surplus)]:
            written = self.times.pop(old)
            if self.every_n_hours is not None and written - self.every_n_hours * 3600 >= self.preserved:
                self.preserved = written
            else:
                removed.append(old)
        return removed

    def recover(self, state: CheckpointState) -> None:
        """Go on with what a folder has."""
        paths, times = state.all_model_checkpoint_paths, state.all_model_checkpoint_timestamps
        self.times = dict(zip(paths, times or [time.time()] * len(paths)))
        self.preserved = state.last_preserved_timestamp or self.preserved
