"""init_from_checkpoint: variables that start from the values of a checkpoint."""

from collections.abc import Iterable, Mapping
from typing import Any

from nbtape.state.saving.bundle import CheckpointReader
from nbtape.state.saving.reading import load_checkpoint
from nbtape.state.saving.values import in_graph, name_of, part_of, plain, store
from nbtape.state.scopes.collection import global_variables
from nbtape.state.scopes.partition import PartitionedVariable

_NO_SCOPE = (
    "Assignment map with scope only name {} should map to scope only {}. Should be 'scope/': 'other_scope/'."
)


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Let variables start from the values of a checkpoint, in place of those of their initializers.

    `assignment_map` goes from names in the checkpoint to variables or their names; or from scopes to scopes,
    both with a slash at the end (`"/"` is the outermost), for all variables in a scope. To be called before
    initializers run; eagerly the variables change at once. Raises ValueError for what is not there, and for
    shapes that differ.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     with tf.compat.v1.variable_scope("old"):
    ...         v = tf.compat.v1.get_variable("v", initializer=3.0)
    ...     sess.run(v.initializer)
    ...     path = tf.compat.v1.train.Saver().save(sess, "pretrained")
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     with tf.compat.v1.variable_scope("new"):
    ...         v = tf.compat.v1.get_variable("v", [])
    ...     tf.compat.v1.train.init_from_checkpoint(path, {"old/": "new/"})
    ...     sess.run(tf.compat.v1.global_variables_initializer())
    ...     sess.run(v)
    np.float32(3.0)
    """
    reader, pairs = load_checkpoint(ckpt_dir_or_file), []
    given = assignment_map.items() if isinstance(assignment_map, Mapping) else assignment_map
    for name, target in given:
        if not isinstance(target, str):
            parts = target if isinstance(target, list | tuple | PartitionedVariable) else [target]
            pairs += [(name, part) for part in parts]
        elif name.endswith("/") and target.endswith("/"):
            pairs += _in_scope(reader, name.removesuffix("/"), target.removesuffix("/"))
        else:
            found = [v for v in global_variables() if part_of(v)[0] == target]
            if not found or name.endswith("/"):
                raise ValueError(_NO_SCOPE.format(target.removesuffix("/"), name.removesuffix("/")))
            pairs += [(name, v) for v in found]
    _start(reader, pairs)


def _in_scope(reader: CheckpointReader, name: str, scope: str) -> Iterable[tuple[str, Any]]:
    """Pairs of a name in the checkpoint and a variable, for all variables in a scope."""
    for variable in global_variables():
        full = part_of(variable)[0]
        if not scope or full.startswith(scope + "/"):
            inner = full.removeprefix(scope + "/") if scope else full
            found = f"{name}/{inner}" if name else inner
            if found not in reader:
                raise ValueError(
                    f"Tensor {found} ({inner} in {name}/) is not found in {reader.prefix} checkpoint"
                )
            yield found, variable


def _start(reader: CheckpointReader, pairs: list[tuple[str, Any]]) -> None:
    here = []
    for name, variable in pairs:
        if name not in reader:
            raise ValueError(f"Tensor {name} is not found in {reader.prefix} checkpoint {list(reader)}")
        _, shape, _ = part_of(variable)
        if list(shape) != list(reader.shape(name)):
            raise ValueError(
                f"Shape of variable {name_of(variable)} ({tuple(shape)}) doesn't match with shape of tensor "
                f"{name} ({list(reader.shape(name))}) from checkpoint reader."
            )
    arrays = reader.read({name for name, _ in pairs})
    for name, variable in pairs:
        place = part_of(variable)[2]
        value = arrays[name][place] if place else arrays[name]
        if in_graph(variable):
            variable.start_from(plain(value))
        else:
            here.append((variable, value))
    store(here)
