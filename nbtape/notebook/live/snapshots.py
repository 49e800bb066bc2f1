"""Earlier states of a run, so few and so small that they fit in memory, to go back to."""

from collections.abc import Sequence
from typing import Any

from nbtape.core import context

_BYTES = 256 << 20  # of all snapshots of one run


class Snapshots:
    """Values of variables after some numbers of steps; where there are too many, every other one goes.

    >>> from nbtape.notebook.live.snapshots import Snapshots
    >>> v = tf.Variable(1.0)
    >>> kept = Snapshots([v], limit=8)
    >>> kept.take(0), v.assign(5.0).numpy().item(), kept.restore(0), v.numpy().item()
    (None, 5.0, None, 1.0)
    """

    def __init__(self, variables: Sequence[Any], limit: int = 32):
        self._variables = list(variables)
        size = sum([v.numpy().nbytes for v in self._variables])
        self.limit = min(limit, _BYTES // max(size, 1))
        self._kept: dict[int, tuple[list, bool]] = {}

    @property
    def steps(self) -> list[int]:
        """After how many steps each was taken."""
        return list(self._kept)

    def take(self, step: int, forever: bool = False) -> None:
        """Keep the values of now. Tensors share them with the variables until these change."""
        if not self.limit and not forever:
            return
        with context.paused():
            values = [v.read_value() for v in self._variables]
        forever = forever or self._kept.get(step, (None, False))[1]
        self._kept[step] = values, forever
        if len(self._kept) > max(self.limit, 2):
            passing = [k for k, (_, stays) in self._kept.items() if not stays]
            for k in passing[1:-1:2]:
                del self._kept[k]

    def restore(self, step: int) -> None:
        """Give the variables the values that they had; raises KeyError where these are not kept."""
        values, _ = self._kept[step]
        with context.paused():
            for v, value in zip(self._variables, values):
                v.assign(value, read_value=False)
        for later in [k for k in self._kept if k > step and not self._kept[k][1]]:
            del self._kept[later]
