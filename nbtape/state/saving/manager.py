"""CheckpointManager: the checkpoints of one program in one folder, of which it keeps the newest."""

import os
from collections.abc import Callable
from typing import Any

from nbtape.state.saving.checkpoint import Checkpoint
from nbtape.state.saving.checkpoint_state import (
    Kept,
    get_checkpoint_state,
    remove_checkpoint,
    update_checkpoint_state,
)
from nbtape.state.variable import Variable


class CheckpointManager:
    """Writes numbered checkpoints to a folder and removes old ones.

    The last `max_to_keep` stay, all if it is None, and beside them one in `keep_checkpoint_every_n_hours`.
    With `checkpoint_interval`, `save` does nothing until `step_counter` has gone that far since the last
    time. `init_fn` is called by `restore_or_initialize` where there is no checkpoint yet. A program that
    starts again goes on with what the folder has.

    >>> v = tf.Variable(0.0)
    >>> manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), "kept", max_to_keep=2)
    >>> for i in range(3):
    ...     _ = manager.save()
    >>> manager.checkpoints
    ['kept/ckpt-2', 'kept/ckpt-3']
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable | None = None,
        last_checkpoint_step: int | None = None,
    ):
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(f"Expected a positive integer or `None` for `max_to_keep`, got {max_to_keep}.")
        if checkpoint_interval is not None:
            if step_counter is None:
                raise ValueError("`step_counter` should be passed if `checkpoint_interval` is not None.")
            if not isinstance(step_counter, Variable):
                raise ValueError(f"`step_counter` must be a variable of the step, got {step_counter!r}.")
        self._checkpoint, self._directory, self._name = checkpoint, os.fspath(directory), checkpoint_name
        self._step_counter, self._interval, self._init_fn = step_counter, checkpoint_interval, init_fn
        self._last_step = last_checkpoint_step
        self._kept = Kept(max_to_keep, keep_checkpoint_every_n_hours)
        self._latest: str | None = None
        state = get_checkpoint_state(self._directory)
        if state is not None:
            self._latest = state.model_checkpoint_path
            self._kept.recover(state)

    @property
    def directory(self) -> str:
        """The folder of the checkpoints."""
        return self._directory

    @property
    def checkpoint(self) -> Checkpoint:
        """What is saved."""
        return self._checkpoint

    @property
    def checkpoint_interval(self) -> int | None:
        """How many steps there are at least between two checkpoints."""
        return self._interval

    @property
    def latest_checkpoint(self) -> str | None:
        """The newest checkpoint, None where there is none: what to `restore`."""
        return self._latest

    @property
    def checkpoints(self) -> list[str]:
        """The newest checkpoints that are kept, the oldest first."""
        return list(self._kept.times)

    def save(
        self,
        checkpoint_number: Any = None,
        check_interval: bool = True,
        options: Any = None,
        session: Any = None,
    ) -> str | None:
        """Write a checkpoint, numbered by `checkpoint_number` or on from the last, and remove old ones.

        Returns its path, None where less than the interval has passed.
        """
        if self._interval is not None:
            step, last = int(self._step_counter), self._last_step
            if check_interval and last is not None and step < last + self._interval:
                return None
            self._last_step = step
        number = self._checkpoint._next_number()
        if checkpoint_number is not None:
            number = int(checkpoint_number)
        prefix = os.path.join(self._directory, self._name)
        path = self._checkpoint.write(f"{prefix}-{number}", options, session)
        removed, self._latest = self._kept.add(path), path
        # The folder says what is left before any is removed: at no moment does it name what is gone.
        update_checkpoint_state(
            self._directory,
            path,
            self.checkpoints,
            all_model_checkpoint_timestamps=list(self._kept.times.values()),
            last_preserved_timestamp=self._kept.preserved,
            save_relative_paths=True,
        )
        for old in removed:
            remove_checkpoint(old)
        return path

    def restore_or_initialize(self) -> str | None:
        """Restore the newest checkpoint and return its path, or call `init_fn` and return None."""
        if self._latest is not None:
            self._checkpoint.restore(self._latest)
            if self._interval is not None:
                self._last_step = int(self._step_counter)
            return self._latest
        if self._init_fn is not None:
            self._init_fn()
        return None

    def sync(self) -> None:
        """Wait until all is written, as it always is."""
