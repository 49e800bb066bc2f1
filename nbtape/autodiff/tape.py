"""GradientTape: records what happens to watched tensors, and differentiates it."""

import threading
from typing import Any

from nbtape.autodiff.backward import backward
from nbtape.core import context
from nbtape.core.engine import EagerTensor, Node, Tensor, tensor
from nbtape.core.source import Place


class GradientTape:
    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self.persistent, self.watch_accessed_variables = persistent, watch_accessed_variables
        self.nodes = []
        self.watched = set()

    def __enter__(self):
        context.push(self)
        return self

    def __exit__(self, *a):
        context.pop(self)

    def watch(self, t):
        for x in t:
            self.watched.add(id(x))

    def record(self, op, xs, attrs, ys, place):
        watched = self.watched
        for x in xs:
            if id(x) in watched:
                self.nodes.append((op, xs, attrs, ys, place))
                for y in ys:
                    watched.add(id(y))
                return

    def gradient(self, y, xs):
        found = backward(self.nodes, [(y, tensor(1.0))], set(map(id,xs)), self.watched)
        return [EagerTensor(found[id(x)]) for x in xs]


_make = tuple.__new__
