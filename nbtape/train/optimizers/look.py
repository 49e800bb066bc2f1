"""What optimizers leave alone, and a look at the gradients that they take."""

import operator
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import EagerTensor, o
from nbtape.core.switched import switched
from nbtape.program.switches import Switch
from nbtape.program.watch import inherit
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.optimizers.update import dense

SCOPE = "nbtape.look/"  # of the variables that are its own, and nobody's to see


class Look:
    """The gradients of an optimizer's last step, kept while `on`. Functions have a trace for each of the two
    cases, so that nobody pays for a look that is not taken.
    """

    def __init__(self):
        self.on = False
        self._seen: dict[int, Variable] = {}  # by the serial number of the variable that has the gradient

    def gradient(self, variable: Variable) -> np.ndarray | None:
        """The last gradient that was seen, None if there was none."""
        seen = self._seen.get(variable._serial)
        return None if seen is None else seen.numpy()

    def take(self, gradients: Sequence[Any], variables: Sequence[Variable]) -> None:
        """Keep the gradients of a step, if they are looked at."""
        if context.local.graph is not None:
            read = partial(getattr, weakref.proxy(self), "on")
            inherit([Switch("of gradients", ("look", id(self)), read, operator.is_)])
        if self.on:
            for gradient, variable in zip(gradients, variables):
                self._place(variable).assign(dense(gradient, variable), read_value=False)

    def _place(self, variable: Variable) -> Variable:
        if variable._serial not in self._seen:
            with context.paused(), name_scope(SCOPE):
                zeros = o.zeros_like(EagerTensor(variable._value))
                self._seen[variable._serial] = Variable(zeros, trainable=False, name="gradient")
        return self._seen[variable._serial]


def without_switched_off(grads: Sequence[Any], variables: list[Variable]) -> tuple[Sequence[Any], list]:
    """All but the variables that were trainable once and are not now, with their gradients."""
    if not switched.serials:
        return grads, variables
    kept = [(g, v) for g, v in zip(grads, variables) if v.trainable or v._serial not in switched.serials]
    return [g for g, _ in kept], [v for _, v in kept]
