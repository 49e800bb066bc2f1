"""How much is sent to browsers: so little that no server drops a message, however many panels are open."""

import time
from collections import deque
from collections.abc import Callable

PERIOD = 0.1  # seconds between two updates of a panel
# Of the time that goes by, for each thing that costs a run something: messages, looks at variables,
# snapshots, and states that the guard keeps. Together they are to stay below a twentieth.
SHARE = 0.01
_A_SECOND = 20  # messages, of all panels together


class Budget:
    """Lets `rate` messages through in any second.

    >>> from nbtape.notebook.live.budget import Budget
    >>> budget = Budget(2, clock=lambda: 0.0)
    >>> [budget.take() for _ in range(3)]
    [True, True, False]
    """

    def __init__(self, rate: int = _A_SECOND, clock: Callable[[], float] = time.monotonic):
        self._clock, self._sent = clock, deque([float("-inf")] * rate, maxlen=rate)

    def take(self) -> bool:
        """Whether one more may be sent now, which then counts as sent."""
        now = self._clock()
        if now - self._sent[0] < 1.0:
            return False
        self._sent.append(now)
        return True


budget = Budget()  # of this process: a kernel has one connection to all of its browsers
