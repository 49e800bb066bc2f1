"""Looking into checkpoints: which arrays they have, and their values."""

import os
from typing import Any

from nbtape.core.errors import NotFoundError
from nbtape.state.saving.bundle import CheckpointReader
from nbtape.state.saving.checkpoint_state import latest_checkpoint


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """A reader of a checkpoint, or of the newest in a folder; raises NotFoundError where there is none."""
    path = os.fspath(ckpt_dir_or_file)
    found = latest_checkpoint(path) if os.path.isdir(path) else path
    if found is None:
        raise NotFoundError(
            None, None, f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}"
        )
    return CheckpointReader(found)


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """The names and shapes of all that a checkpoint has, or the newest in a folder.

    >>> path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write("listed")
    >>> tf.train.list_variables(path)
    [('_CHECKPOINTABLE_OBJECT_GRAPH', []), ('v/.ATTRIBUTES/VARIABLE_VALUE', [2])]
    """
    return list(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """The value of a name in a checkpoint, or in the newest of a folder; raises NotFoundError for others.

    >>> path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write("loaded")
    >>> tf.train.load_variable(path, "v")
    array([1., 2.], dtype=float32)
    """
    reader = load_checkpoint(ckpt_dir_or_file)
    if name not in reader and f"{name}/.ATTRIBUTES/VARIABLE_VALUE" in reader:
        name = f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
    return reader.get_tensor(name)
