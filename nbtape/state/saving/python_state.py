"""PythonState: values of Python in checkpoints."""

import abc
from typing import Any

import numpy as np

_KEY = "py_state"


class PythonState(abc.ABC):
    """A value of Python that checkpoints save: what `serialize` makes of it, and `deserialize` takes.

    >>> class Count(tf.train.experimental.PythonState):
    ...     def __init__(self):
    ...         self.n = 0
    ...     def serialize(self):
    ...         return str(self.n)
    ...     def deserialize(self, text):
    ...         self.n = int(text)
    >>> count = Count()
    >>> path = tf.train.Checkpoint(count=count).write("python")
    >>> count.n = 7
    >>> status = tf.train.Checkpoint(count=count).read(path)
    >>> count.n
    0
    """

    @abc.abstractmethod
    def serialize(self) -> str | bytes:
        """The state as text or bytes."""

    @abc.abstractmethod
    def deserialize(self, string_value: bytes) -> None:
        """Take over the state that `serialize` gave, as bytes."""

    def _gather_state(self) -> dict[str, Any]:
        state = self.serialize()
        return {_KEY: np.array(state.encode() if isinstance(state, str) else state, object)}

    def _restore_state(self, arrays: dict[str, Any]) -> None:
        self.deserialize(arrays[_KEY].item())
