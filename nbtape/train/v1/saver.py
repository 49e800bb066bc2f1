"""Saver: TensorFlow 1's way to save variables, by their names."""

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.errors import InvalidArgumentError, NotFoundError, invalid
from nbtape.program.session import Session
from nbtape.state.saving.bundle import CheckpointReader, write
from nbtape.state.saving.checkpoint_state import (
    Kept,
    checkpoint_exists,
    get_checkpoint_mtimes,
    remove_checkpoint,
    update_checkpoint_state,
)
from nbtape.state.saving.restoration import VALUE, key_of, objects_of
from nbtape.state.saving.values import in_graph, part_of, snapshot, store
from nbtape.state.scopes.collection import GraphKeys, get_collection
from nbtape.state.scopes.partition import PartitionedVariable
from nbtape.state.variable import Variable

_EAGER = "When eager execution is enabled, `var_list` must specify a list or dict of variables to save"
_FAILED = (
    "Restoring from checkpoint failed. This is most likely due to {}. Please ensure that you have not "
    "altered the graph expected based on the checkpoint. Original error:\n\n{}"
)
_LOST_NAME = "a Variable name or other graph key that is missing from the checkpoint"
_MISMATCH = "a mismatch between the current graph and the graph from the checkpoint"


class Saver:
    """Saves and restores variables by name, in a session, or eagerly (with None for the session).

    `var_list` is a list of variables, or a dict from the names that they have in files; by default all global
    variables of the graph. The last `max_to_keep` checkpoints stay (all for None or 0), and one in
    `keep_checkpoint_every_n_hours`. `reshape` lets a value of another shape in, if it has as many elements.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     v = tf.compat.v1.get_variable("v", initializer=[1.0, 2.0])
    ...     saver = tf.compat.v1.train.Saver()
    ...     sess.run(v.initializer)
    ...     path = saver.save(sess, "model", global_step=7)
    ...     sess.run(v.assign([0.0, 0.0]))
    ...     saver.restore(sess, path)
    ...     sess.run(v), path
    array([0., 0.], dtype=float32)
    (array([1., 2.], dtype=float32), 'model-7')
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ):
        if context.local.graph is None and var_list is None:
            raise RuntimeError(_EAGER)
        self._var_list, self._reshape, self._allow_empty = var_list, reshape, allow_empty
        self._pad, self._relative = pad_step_number, save_relative_paths
        self._kept = Kept(max_to_keep or None, keep_checkpoint_every_n_hours)
        self._named: dict[str, list] | None = None
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Settle which variables are saved, if `defer_build` has left that until now.

        Raises ValueError where there are none, or two of one name.
        """
        given = self._var_list
        if given is None:
            given = [*get_collection(GraphKeys.GLOBAL_VARIABLES), *get_collection(GraphKeys.SAVEABLE_OBJECTS)]
        self._named = _by_name(given)
        if not self._named and not self._allow_empty:
            raise ValueError("No variables to save")

    def _built(self) -> dict[str, list]:
        if self._named is None:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        return self._named

    # Saving

    def save(
        self,
        sess: Session | None,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Write the values of variables in `sess` to `save_path`, with `-global_step` behind it if given, and
        remove old checkpoints; returns the path. Graphs are not written.
        """
        named, path = self._built(), self._path(sess, os.fspath(save_path), global_step, latest_filename)
        _check_session(sess, named)
        if not named:
            return None
        folder = os.path.dirname(path)
        os.makedirs(folder or ".", exist_ok=True)
        values = iter(snapshot([part for parts in named.values() for part in parts], sess))
        write(path, {name: _joined(parts, [next(values) for _ in parts]) for name, parts in named.items()})
        if write_state:
            removed = self._kept.add(path) if self._kept.max_to_keep else []
            kept, relative = self.last_checkpoints, self._relative
            update_checkpoint_state(folder, path, kept, latest_filename, save_relative_paths=relative)
            for old in removed:
                remove_checkpoint(old)
        return path

    def _path(self, sess: Any, save_path: str, global_step: Any, latest_filename: str | None) -> str:
        latest = latest_filename or "checkpoint"
        if os.path.dirname(latest):
            raise ValueError("'latest_filename' must not contain path components")
        if global_step is None:
            if os.path.basename(save_path) == latest:
                raise ValueError(f"'latest_filename' collides with 'save_path': '{latest}' and '{save_path}'")
            return save_path
        step = _step(sess, global_step)
        return f"{save_path}-{step:08d}" if self._pad else f"{save_path}-{step}"

    # Restoring

    def restore(self, sess: Session | None, save_path: Any) -> None:
        """Give variables the values that they have in a checkpoint, all or none; they need no initializer.

        Raises ValueError where there is no checkpoint, NotFoundError for a name that it does not have,
        InvalidArgumentError for a value of another shape or dtype, DataLossError for a file that is not
        whole.
        """
        named = self._built()
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        _check_session(sess, named)
        path = os.fspath(save_path)
        if not checkpoint_exists(path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {path}")
        reader = CheckpointReader(path)
        reader.check()
        keys = _keys(reader)
        try:
            arrays = reader.read([keys.get(name, name) for name in named])
            pairs = []
            for name, parts in named.items():
                pairs += self._divided(name, parts, arrays[keys.get(name, name)])
        except NotFoundError as error:
            raise NotFoundError(None, None, _FAILED.format(_LOST_NAME, error.message)) from None
        try:
            store(pairs, sess)
        except (ValueError, InvalidArgumentError) as error:
            raise invalid(_FAILED.format(_MISMATCH, error)) from None

    def _divided(self, name: str, parts: list, value: np.ndarray) -> list[tuple[Any, np.ndarray]]:
        """Variables with their parts of a value."""
        if parts[0].shape.rank is None:
            return [(parts[0], value)]
        _, shape, place = part_of(parts[0])
        if self._reshape and value.size == math.prod(shape):
            value = value.reshape(shape)
        if place and value.shape != tuple(shape):
            text = f"{name} has the shape {value.shape}, but its parts make up {tuple(shape)}"
            raise invalid(_FAILED.format(_MISMATCH, text))
        return [(part, value[part_of(part)[2]] if place else value) for part in parts]

    # Which checkpoints there are

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, the oldest first."""
        return list(self._kept.times)

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Say which checkpoints there are, the oldest first."""
        if not isinstance(last_checkpoints, list):
            raise TypeError(f"last_checkpoints must be a list, got {last_checkpoints!r}")
        self._kept.times = dict.fromkeys(last_checkpoints, time.time())

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: Sequence[tuple[str, float]]) -> None:
        """Say which checkpoints there are and when they were written, the oldest first."""
        self._kept.times = dict(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Iterable[str]) -> None:
        """Take over those of a program that has ended: those of `checkpoint_paths` that there are."""
        there = [path for path in checkpoint_paths if checkpoint_exists(path)]
        self.set_last_checkpoints_with_time(list(zip(there, get_checkpoint_mtimes(there))))


def _by_name(given: Any) -> dict[str, list]:
    """Variables, each as the list of its parts, by their names in files."""
    if isinstance(given, Mapping):
        named = {str(name): _parts(value) for name, value in given.items()}
    elif isinstance(given, list | tuple | set):
        named = {}
        for variable in nest.flatten(list(given)):
            for part in _parts(variable):
                name, _, place = part_of(part)
                if name in named and not (place and part_of(named[name][0])[2]):
                    raise ValueError(f"At least two variables have the same name: {name}")
                named.setdefault(name, []).append(part)
    else:
        raise TypeError(f"Variables to save should be passed in a dict or a list. Got {given}")
    seen: set[int] = set()
    for name, parts in named.items():
        if seen.intersection([part._serial for part in parts]):
            raise ValueError(f"The same saveable will be restored with two names: {name}")
        seen.update([part._serial for part in parts])
    return named


def _parts(value: Any) -> list:
    parts = list(value) if isinstance(value, PartitionedVariable | list | tuple) else [value]
    for part in parts:
        if not isinstance(part, Variable):
            raise TypeError(
                "names_to_saveables must be a dict mapping string names to Tensors/Variables. "
                f"Not a variable: {part}"
            )
        if len(parts) > 1 and not hasattr(part, "_save_slice_info"):
            raise ValueError(f"Slices must all be slices: {part}")
    return parts


def _joined(parts: list, values: list) -> Any:
    """The whole of a variable."""
    name, shape, place = part_of(parts[0])
    if not place:
        return values[0]
    if sum(value.size for value in values) != math.prod(shape):
        raise ValueError(f"Variable {name} can only be saved as a whole; of its parts there are {parts}.")
    whole = np.empty(shape, values[0].dtype)
    for part, value in zip(parts, values):
        whole[part_of(part)[2]] = value
    return whole


def _keys(reader: CheckpointReader) -> dict[str, str]:
    """The keys of variables by their names, where a checkpoint was written by object graph."""
    return {x["name"]: key_of(x["path"], VALUE) for x in objects_of(reader) if "name" in x}


def _check_session(sess: Any, named: dict[str, list]) -> None:
    if sess is None and not any(in_graph(part) for parts in named.values() for part in parts):
        return
    if not isinstance(sess, Session):
        raise TypeError(f"'sess' must be a Session; {sess}")


def _step(sess: Any, global_step: Any) -> int:
    """The number in a name: an integer, or the value of a tensor, a variable or the name of one."""
    if sess is None or isinstance(global_step, int | np.integer):
        return int(global_step)
    return int(sess.run(global_step))
