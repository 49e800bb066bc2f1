"""Checkpoint: saves and restores what objects hold, by the paths that lead from a root to it."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.errors import NotFoundError
from nbtape.state.saving.bundle import CheckpointReader, write
from nbtape.state.saving.checkpoint_state import update_checkpoint_state
from nbtape.state.saving.load_status import (
    CheckpointLoadStatus,
    InitializationOnlyStatus,
    LoadStatus,
    NameBasedSaverStatus,
)
from nbtape.state.saving.restoration import OBJECTS, Restoration, gathered
from nbtape.state.saving.tracking import AutoTrackable, arrived, has_values, held, is_trackable, may_hold
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable

_UNTRACKABLE = (
    "`Checkpoint` was expecting {} to be a trackable object (an object derived from `Trackable`), got {!r}. "
    "Give it a variable, a module, a layer, an optimizer, or a list, tuple or dict of these."
)
_ABSENT = (
    "Error when restoring from checkpoint or SavedModel at {}: {}\nPlease double-check that the path is "
    "correct. You may be missing the checkpoint suffix (e.g. the '-1' in 'path/to/ckpt-1')."
)


def _check_outside(method: str) -> None:
    """Raise NotImplementedError in a function, which would do at its trace what was meant for each call."""
    graph = context.local.graph
    if graph is not None and graph.building_function:
        raise NotImplementedError(
            f"Calling tf.train.Checkpoint.{method}() from a function is not supported: it would run once, "
            "while the function is traced. Call it outside, between calls of the function."
        )


class CheckpointOptions:
    """How checkpoints are written: `experimental_write_callbacks` are called when one is, with its path if
    they take an argument. The other options say where and when TensorFlow writes, and change nothing here.
    """

    def __init__(
        self,
        experimental_io_device: str | None = None,
        experimental_enable_async_checkpoint: bool = False,
        experimental_write_callbacks: Sequence[Callable] | None = None,
        enable_async: bool = False,
    ):
        self.experimental_io_device, self.enable_async = experimental_io_device, enable_async
        self.experimental_enable_async_checkpoint = experimental_enable_async_checkpoint
        self.experimental_write_callbacks = list(experimental_write_callbacks or ())


class Checkpoint(AutoTrackable):
    """Saves and restores objects: variables, modules, layers, models, optimizers, also in lists and dicts.

    Values are found again by the attributes that lead to them, whatever the names of the variables. What is
    made only after `restore` gets its values when it is put in its place. `Checkpoint(root)` saves what
    `root` holds; what is given by keyword is saved as well, and an attribute of the Checkpoint. Raises
    ValueError for what cannot be saved.

    A checkpoint is one file, `PATH.safetensors`. It replaces an older one when it is complete, and is refused
    where its checksums do not fit; then nothing is restored.

    >>> w = tf.Variable([1.0, 2.0])
    >>> checkpoint = tf.train.Checkpoint(w=w)
    >>> path = checkpoint.save("training/ckpt")
    >>> _ = w.assign([0.0, 0.0])
    >>> status = checkpoint.restore(path)
    >>> w.numpy().tolist(), path
    ([1.0, 2.0], 'training/ckpt-1')
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        if root is not None and not may_hold(root):
            raise ValueError(_UNTRACKABLE.format("root", root))
        self._root, self._save_counter = root, None
        below = {} if root is None else self._held_by_root()
        for name, value in sorted(kwargs.items()):
            if not may_hold(value):
                raise ValueError(_UNTRACKABLE.format(name, value))
            if name in below and below[name] is not value:
                raise ValueError(
                    f"Cannot create a Checkpoint with keyword argument {name} if root.{name} already exists."
                )
            setattr(self, name, value)

    def _held_by_root(self) -> dict[str, Any]:
        root: Any = self._root
        if has_values(root):
            return {"root": root}
        if not is_trackable(root):
            return dict(root) if isinstance(root, Mapping) else {str(i): x for i, x in enumerate(root)}
        ignored = getattr(root, "_TF_MODULE_IGNORED_PROPERTIES", ())
        return {name: x for name, x in held(root).items() if name not in ignored}

    def _trackable_children(self) -> dict[str, Any]:
        own = {name: x for name, x in vars(self).items() if name not in ("_root", "_save_counter")}
        if self._save_counter is not None:
            own["save_counter"] = self._save_counter
        return own if self._root is None else self._held_by_root() | own

    @property
    def save_counter(self) -> Any:
        """How many times `save` was called: the number in the next name, less one."""
        if self._save_counter is None:
            with context.paused(), name_scope(""):
                self._save_counter = Variable(np.int64(0), trainable=False, name="save_counter")
            arrived(self, "save_counter")
        return self._save_counter

    def save(self, file_prefix: Any, options: CheckpointOptions | None = None, session: Any = None) -> str:
        """Write a numbered checkpoint, and remember it as the newest of its folder; returns its path.

        In graph mode values are those of `session`, by default the one that is open.
        """
        _check_outside("save")
        path = self.write(f"{os.fspath(file_prefix)}-{self._next_number()}", options, session)
        update_checkpoint_state(os.path.dirname(path), path, [path], save_relative_paths=True)
        return path

    def _next_number(self) -> int:
        with context.paused():
            self.save_counter.assign_add(1)
            return int(self.save_counter)

    def write(self, file_prefix: Any, options: CheckpointOptions | None = None, session: Any = None) -> str:
        """Write a checkpoint of this very name, without a number; for `read`."""
        _check_outside("write")
        prefix = os.fspath(file_prefix)
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        with context.paused():
            arrays = gathered(self, session)
        write(prefix, arrays)
        for callback in options.experimental_write_callbacks if options is not None else ():
            callback(*[prefix] * len(inspect.signature(callback).parameters))
        return prefix

    def read(self, save_path: Any, options: CheckpointOptions | None = None) -> LoadStatus:
        """Restore what `write` wrote; returns an object whose methods say whether all was found.

        Raises NotFoundError where there is no such checkpoint, DataLossError for one that is not whole,
        ValueError and InvalidArgumentError where shapes and dtypes differ; then all is as it was.
        """
        _check_outside("read")
        reader = CheckpointReader(os.fspath(save_path))
        with context.paused():
            if OBJECTS not in reader:
                return NameBasedSaverStatus(self, reader)
            restoration = Restoration(reader)
            root = [self._root] if is_trackable(self._root) else []
            restoration.begin([self, *root])
        return CheckpointLoadStatus(self, restoration)

    def restore(self, save_path: Any, options: CheckpointOptions | None = None) -> LoadStatus:
        """Restore what `save` wrote; like `read`, and nothing for None."""
        if save_path is None:
            return InitializationOnlyStatus(self)
        self.save_counter  # noqa: B018 - which is made, to be restored with the rest
        try:
            return self.read(save_path, options)
        except NotFoundError as error:
            text = _ABSENT.format(os.fspath(save_path), error.message)
            raise NotFoundError(None, None, text) from None

    def sync(self) -> None:
        """Wait until all is written, as it always is."""
