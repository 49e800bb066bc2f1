"""Which compiled function makes the steps of a run, found out afterwards: a step is not slowed by it."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from nbtape.program.function import Function, calls
from nbtape.state.variable import Variable


class Calls:
    """What was called since, of the functions that have some of these variables; or of all without any.

    >>> from nbtape.notebook.live.calls import Calls
    >>> w, double = tf.Variable(1.0), tf.function(lambda x: x * 2.0)
    >>> step = tf.function(lambda: w.assign_add(1.0))
    >>> since = Calls([w])
    >>> _ = step(), double(w), double(w)
    >>> since.step() is step
    True
    """

    def __init__(self, variables: Iterable[Variable]):
        self._variables = {v._serial for v in variables}
        self._before = WeakKeyDictionary(calls())

    def step(self) -> Function | None:
        """The function that has most of the variables; of several the largest, and what called it."""
        now = calls()
        found = [f for f, n in now.items() if n > self._before.get(f, 0) and f.concrete_functions]
        step = max(found, key=lambda f: (self._shared(f), len(f.graph.nodes), now[f]), default=None)
        return step if step is not None and (self._shared(step) or not self._variables) else None

    def _shared(self, function: Function) -> int:
        return len(
            self._variables.intersection([v._serial for v in function.concrete_functions[-1].variables])
        )
