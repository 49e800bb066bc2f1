"""Earlier states of a run, so few and so small that they fit in memory, to go back to."""

from collections.abc import Sequence
from typing import Any

from nbtape.core import context
from nbtape.state.variable import Variable

_BYTES = 256 << 20  # of all snapshots of one run
State = list[tuple[Variable, Any]]  # variables, and their values


def state_of(variables: Sequence[Variable]) -> State:
    """The values of now. Tensors share them with the variables until these change."""
    with context.paused():
        return [(v, v.read_value()) for v in variables]


def give_back(state: State) -> None:
    """Give variables the values that they had."""
    with context.paused():
        for v, value in state:
            v.assign(value, read_value=False)


class Snapshots:
    """Values of variables after some numbers of steps; where there are too many, every other one goes.

    >>> from nbtape.notebook.live.snapshots import Snapshots
    >>> v, kept = tf.Variable(1.0), Snapshots(limit=8)
    >>> kept.take(0, [v]), v.assign(5.0).numpy().item(), kept.restore(0), v.numpy().item()
    (None, 5.0, None, 1.0)
    """

    def __init__(self, limit: int = 32):
        self.limit = limit
        self._kept: dict[int, tuple[State, bool]] = {}

    @property
    def steps(self) -> list[int]:
        """After how many steps each was taken."""
        return sorted(self._kept)

    def take(self, step: int, variables: Sequence[Variable], forever: bool = False) -> None:
        """Keep the values of now."""
        if self.limit or forever:
            self.put(step, state_of(variables), forever)

    def put(self, step: int, state: State, forever: bool = False) -> None:
        """Keep the values of then."""
        forever = forever or self._kept.get(step, (None, False))[1]
        self._kept[step] = state, forever
        size = sum([value._value.nbytes for _, value in state])
        if len(self._kept) > max(min(self.limit, _BYTES // max(size, 1)), 2):
            passing = [k for k in self.steps if not self._kept[k][1]]
            for k in passing[1:-1:2]:
                del self._kept[k]

    def restore(self, step: int) -> None:
        """Give the variables the values that they had; raises KeyError where these are not kept."""
        give_back(self._kept[step][0])
        for later in [k for k in self._kept if k > step and not self._kept[k][1]]:
            del self._kept[later]
