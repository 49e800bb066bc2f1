"""What is to be placed: boxes in layers, and the arrows between them.

An arrow that passes layers has a slot in each of them, which all arrows from the same place share: a trunk.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple


class Arrow(NamedTuple):
    """From one box to another: their numbers, and where it leaves and arrives, counted from their left
    sides; None for the middle.
    """

    source: int
    target: int
    leaves: float | None = None
    arrives: float | None = None


class Net:
    """Boxes and slots by number, the boxes first: how wide they are, in which layer, and what is above and
    below each.
    """

    def __init__(
        self, widths: Sequence[float], level: Sequence[int], arrows: Sequence[Arrow], back: set[int]
    ):
        self.boxes, self.widths, self.level = len(widths), [*widths], [*level]
        self.above: list[list[int]] = [[] for _ in widths]
        self.below: list[list[int]] = [[] for _ in widths]
        self.shifts: dict[tuple[int, int], float] = {}  # how far right of straight below b lies from a
        self.trunks: dict[int, list[int]] = {}  # all slots of the trunk that a slot is in
        self._slots: dict[tuple, list[int]] = defaultdict(list)
        self.ways = {k: self._way(arrow) for k, arrow in enumerate(arrows) if k not in back}
        self.together = self._components()

    def _way(self, arrow: Arrow) -> list[int]:
        """The slots of an arrow, which are made where there are none yet."""
        trunk, at = self._slots[arrow.source, arrow.leaves], arrow.source
        way = range(self.level[arrow.source] + 1, self.level[arrow.target])
        for k, layer in enumerate(way):
            if k == len(trunk):
                trunk.append(len(self.widths))
                self.trunks[trunk[k]] = trunk
                self.widths.append(0.0)
                self.level.append(layer)
                self.above.append([])
                self.below.append([])
                self._join(at, trunk[k], arrow)
            at = trunk[k]
        self._join(at, arrow.target, arrow)
        return trunk[: len(way)]

    def _join(self, a: int, b: int, arrow: Arrow) -> None:
        self.below[a].append(b)
        self.above[b].append(a)
        ends = (a, arrow.source, arrow.leaves), (b, arrow.target, arrow.arrives)
        leaves, arrives = (
            port - self.widths[i] / 2 if i == end and port is not None else 0.0 for i, end, port in ends
        )
        self.shifts[a, b] = leaves - arrives

    def _components(self) -> dict[int, int]:
        """For each box and slot the first box of all that hangs together, in the order of a walk."""
        found: dict[int, int] = {}
        for start in range(self.boxes):
            todo = [start]
            while todo:
                i = todo.pop()
                if i not in found:
                    found[i] = start
                    todo += reversed([*self.above[i], *self.below[i]])
        return found


def going_back(n: int, arrows: Sequence[Arrow]) -> set[int]:
    """The arrows that close a circle, when the boxes are visited in their order."""
    after: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for i, arrow in enumerate(arrows):
        after[arrow.source].append((i, arrow.target))
    state, found = [0] * n, set()  # 0 not seen, 1 on the way, 2 done
    for start in range(n):
        if state[start]:
            continue
        state[start], way = 1, [(start, iter(after[start]))]
        while way:
            at, rest = way[-1]
            for i, target in rest:
                if state[target] == 1:
                    found.add(i)
                elif not state[target]:
                    state[target] = 1
                    way.append((target, iter(after[target])))
                    break
            else:
                state[at] = 2
                way.pop()
    return found


def levels(n: int, arrows: Sequence[Arrow], first: set[int], last: set[int]) -> list[int]:
    """The layer of each box: below all that it takes from, and where nothing comes in, right above what
    takes from it.
    """
    after, waits = [[] for _ in range(n)], [0] * n
    for arrow in arrows:
        after[arrow.source].append(arrow.target)
        waits[arrow.target] += 1
    begins = [i for i in range(n) if not waits[i]]
    level = [int(bool(first) and i not in first) for i in range(n)]
    ready = [*begins]
    while ready:
        i = ready.pop()
        for j in after[i]:
            level[j] = max(level[j], level[i] + 1)
            waits[j] -= 1
            if not waits[j]:
                ready.append(j)
    for i in begins:
        if after[i] and i not in first:
            level[i] = max(level[i], min(level[j] for j in after[i]) - 1)
    deepest = max((level[i] for i in range(n) if i not in last), default=0) + 1
    return [deepest if i in last else level[i] for i in range(n)]
