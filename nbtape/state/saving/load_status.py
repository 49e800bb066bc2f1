"""What `restore` returns: objects that say how far a checkpoint and a program matched."""

from typing import Any

from nbtape.state.saving.bundle import CheckpointReader
from nbtape.state.saving.restoration import Restoration
from nbtape.state.saving.tracking import has_values, key, walk
from nbtape.state.saving.values import in_graph, name_of, session_of, store
from nbtape.state.variable import Variable

_SHOWN = 10
_UNMATCHED = (
    "Found {} Python objects that were not bound to checkpointed values, likely due to changes in the Python "
    "program. Showing {} of {} unmatched objects: {}"
)
_NOTHING = (
    "Nothing except the root object matched a checkpointed value. Typically this means that the checkpoint "
    "does not match the Python program. The following objects have no matching checkpointed value: {}"
)
_EMPTY = "Nothing to load. No dependencies have been added to {} yet."
_NO_CHECKPOINT = "No checkpoint specified (save_path=None); nothing is being restored."


def _with_values(root: Any) -> list[Any]:
    """What `root` holds of which checkpoints save values."""
    return [x for _, x, _ in walk(root) if has_values(x)]


def _initialize(variables: list, session: Any) -> None:
    """Give variables of graphs that have no value their first one."""
    found = [(v, session_of(v, session)) for v in variables if in_graph(v)]
    fresh = [v.initializer for v, own in found if v._serial not in own.initialized]
    if fresh:
        found[0][1].run(fresh)


class LoadStatus:
    """The base of what `restore` returns."""

    def __init__(self, root: Any):
        self._root = root

    def assert_consumed(self) -> Any:
        raise AssertionError(_NO_CHECKPOINT)

    def assert_existing_objects_matched(self) -> Any:
        raise AssertionError(_NO_CHECKPOINT)

    def assert_nontrivial_match(self) -> Any:
        raise AssertionError(_NO_CHECKPOINT)

    def expect_partial(self) -> Any:
        """Say nothing of values that are never restored."""
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        raise AssertionError(
            "No checkpoint specified, so no restore ops are available (save_path=None to Saver.restore)."
        )

    def initialize_or_restore(self, session: Any = None) -> None:
        """In graph mode, let a session give variables their values: from the checkpoint, or their first."""
        _initialize(_with_values(self._root), session)


class InitializationOnlyStatus(LoadStatus):
    """What `restore(None)` returns: there is no checkpoint yet."""


class CheckpointLoadStatus(LoadStatus):
    """How far a checkpoint by object graph and a program matched.

    >>> path = tf.train.Checkpoint(v=tf.Variable(1.0)).write("status")
    >>> status = tf.train.Checkpoint(v=tf.Variable(0.0), w=tf.Variable(0.0)).read(path)
    >>> status.assert_existing_objects_matched()
    Traceback (most recent call last):
    AssertionError: Found 1 Python objects that were not bound to checkpointed values, ...
    """

    def __init__(self, root: Any, restoration: Restoration):
        super().__init__(root)
        self._restoration = restoration

    def assert_consumed(self) -> "CheckpointLoadStatus":
        """Raise AssertionError unless all in the checkpoint was restored, and all that there is has a value
        of it.
        """
        self._restoration.look_again()
        for node in self._restoration.unused():
            where = "(root)" + "".join([f".{part}" for part in node["path"].split("/") if part])
            raise AssertionError(
                f"Unresolved object in checkpoint {where}: nothing in the program took its {node['values']}"
            )
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> "CheckpointLoadStatus":
        """Raise AssertionError unless all that there is in the program has a value of the checkpoint."""
        left = self._unmatched()
        if left:
            shown = left[:_SHOWN]
            raise AssertionError(_UNMATCHED.format(len(left), len(shown), len(left), shown))
        return self

    def assert_nontrivial_match(self) -> "CheckpointLoadStatus":
        """Raise AssertionError if nothing but the count of saves was restored."""
        left = self._unmatched()
        counter = getattr(self._root, "_save_counter", None)
        matched = self._restoration.matched() - {key(x) for x in (counter,) if x is not None}
        if not matched:
            raise AssertionError(_NOTHING.format(left) if left else _EMPTY.format(self._root))
        return self

    def _unmatched(self) -> list[Any]:
        self._restoration.look_again()
        matched = self._restoration.matched()
        return [x for x in _with_values(self._root) if key(x) not in matched]

    def expect_partial(self) -> "CheckpointLoadStatus":
        """Say nothing of values that are never restored."""
        self._restoration.partial = True
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        """In graph mode, let a session give variables their values; eagerly they have them."""
        self._restoration.look_again()
        self._restoration.run(session)

    def initialize_or_restore(self, session: Any = None) -> None:
        """In graph mode, let a session give variables their values: from the checkpoint, or their first."""
        self.run_restore_ops(session)
        super().initialize_or_restore(session)


class NameBasedSaverStatus(LoadStatus):
    """How far a checkpoint that a `tf.compat.v1.train.Saver` wrote, by name, and a program matched."""

    def __init__(self, root: Any, reader: CheckpointReader):
        super().__init__(root)
        self._reader = reader
        reader.check()
        self._run(None, eagerly=True)

    def _named(self) -> dict[str, Any]:
        variables = [x for x in _with_values(self._root) if isinstance(x, Variable)]
        return {name_of(v): v for v in variables if v is not getattr(self._root, "_save_counter", None)}

    def _run(self, session: Any, eagerly: bool) -> None:
        pairs = {n: v for n, v in self._named().items() if n in self._reader and in_graph(v) != eagerly}
        arrays = self._reader.read(pairs)
        store([(v, arrays[name]) for name, v in pairs.items()], session)

    def assert_consumed(self) -> "NameBasedSaverStatus":
        """Raise AssertionError unless the checkpoint and the program have the same names."""
        left = sorted(set(self._reader).difference(self._named()))
        if left:
            raise AssertionError(f"Some objects had attributes which were not restored: {left}")
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> "NameBasedSaverStatus":
        """Raise AssertionError unless all variables of the program are in the checkpoint."""
        left = [v for name, v in self._named().items() if name not in self._reader]
        if left:
            raise AssertionError(f"Object not restored: {left[0]}")
        return self

    def assert_nontrivial_match(self) -> "NameBasedSaverStatus":
        """Raise AssertionError if no variable of the program is in the checkpoint."""
        if not any(name in self._reader for name in self._named()):
            raise AssertionError(_NOTHING.format(list(self._named().values())))
        return self

    def run_restore_ops(self, session: Any = None) -> None:
        """In graph mode, let a session give variables their values; eagerly they have them."""
        self._run(session, eagerly=False)

    def initialize_or_restore(self, session: Any = None) -> None:
        """In graph mode, let a session give variables their values: from the checkpoint, or their first."""
        self.run_restore_ops(session)
        super().initialize_or_restore(session)
