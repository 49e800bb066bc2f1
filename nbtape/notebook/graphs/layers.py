"""Boxes in layers: every arrow goes down, arrows cross seldom and run straight where they can.

The way of Sugiyama: layers by the longest path, an order in each by the barycentres of the neighbours, and
places that are as near to the neighbours' as that order allows. An arrow that passes layers has a slot in
each of them, which all arrows from the same source share.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

GAP = 18.0  # between two neighbours in a layer
LEAD = 14.0  # how far an arrow goes straight down first
SWEEPS = 8
_APART = 14.0  # of two arrows that arrive at the same box
_STRAIGHT = 8.0  # how much more a slot of an arrow counts than a box where both want a place


class Arrow(NamedTuple):
    """From one box to another: their numbers, and where it leaves and arrives, counted from their left
    sides; None for the middle.
    """

    source: int
    target: int
    leaves: float | None = None
    arrives: float | None = None


@dataclass
class Placed:
    """Where everything lies: the left upper corners of the boxes, the points of each arrow, those arrows
    that had to go back, and the size of it all.
    """

    corners: list[tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    back: set[int]
    width: float
    height: float


def place(
    sizes: Sequence[tuple[float, float]],
    arrows: Sequence[Arrow],
    gap: float,
    first: Iterable[int] = (),
    last: Iterable[int] = (),
) -> Placed:
    """The boxes of these sizes in layers, `gap` apart; those of `first` above all others, of `last` below.

    >>> from nbtape.notebook.graphs.layers import Arrow, place
    >>> found = place([(60, 20), (40, 20)], [Arrow(0, 1)], gap=30)
    >>> found.corners, found.routes
    ([(0.0, 0.0), (10.0, 50.0)], [[(30.0, 20.0), (30.0, 50.0)]])
    """
    back = _going_back(len(sizes), arrows)
    level = _levels(len(sizes), [a for i, a in enumerate(arrows) if i not in back], set(first), set(last))
    net = _net(sizes, arrows, back, level)
    layers = _ordered(net)
    centres = _centred(net, layers)
    return _measured(net, sizes, arrows, back, layers, centres, gap)


def _going_back(n: int, arrows: Sequence[Arrow]) -> set[int]:
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


def _levels(n: int, arrows: Sequence[Arrow], first: set[int], last: set[int]) -> list[int]:
    """The layer of each box: below all that it takes from, and where nothing comes in, right above what
    takes from it.
    """
    after, waits = [[] for _ in range(n)], [0] * n
    for arrow in arrows:
        after[arrow.source].append(arrow.target)
        waits[arrow.target] += 1
    begins = [not w for w in waits]
    level, ready, order = [0 if i in first else int(bool(first)) for i in range(n)], [], []
    ready = [i for i in range(n) if begins[i]]
    while ready:
        order.append(i := ready.pop())
        for j in after[i]:
            level[j] = max(level[j], level[i] + 1)
            waits[j] -= 1
            if not waits[j]:
                ready.append(j)
    for i in range(n):
        if begins[i] and after[i] and i not in first:
            level[i] = max(level[i], min(level[j] for j in after[i]) - 1)
    deepest = max((level[i] for i in range(n) if i not in last), default=0) + 1
    return [deepest if i in last else level[i] for i in range(n)]


@dataclass
class _Net:
    """Boxes and slots by number, the boxes first: widths, layers, what is above and below each."""

    widths: list[float]
    level: list[int]
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)
    ways: dict[int, list[int]] = field(default_factory=dict)  # the slots of each arrow
    trunks: dict[int, list[int]] = field(default_factory=dict)  # for each slot, all from its source
    boxes: int = 0
    shifts: dict[tuple[int, int], float] = field(default_factory=dict)  # of ends from the middles, by pair


def _net(sizes: Sequence, arrows: Sequence[Arrow], back: set[int], level: list[int]) -> _Net:
    net = _Net([w for w, _ in sizes], [*level], boxes=len(sizes))
    net.above, net.below = [[] for _ in sizes], [[] for _ in sizes]
    slots: dict[tuple[int, float | None, int], int] = {}
    trunks: dict[tuple[int, float | None], list[int]] = defaultdict(list)
    for i, arrow in enumerate(arrows):
        if i in back:
            continue
        way, at = [], arrow.source
        for layer in range(level[arrow.source] + 1, level[arrow.target]):
            key = arrow.source, arrow.leaves, layer
            if key not in slots:
                slots[key] = len(net.widths)
                net.widths.append(0.0)
                net.level.append(layer)
                net.above.append([])
                net.below.append([])
                net.trunks[slots[key]] = trunks[key[:2]]
                trunks[key[:2]].append(slots[key])
                _join(net, at, slots[key], sizes, arrow)
            at = slots[key]
            way.append(at)
        _join(net, at, arrow.target, sizes, arrow)
        net.ways[i] = way
    return net


def _join(net: _Net, a: int, b: int, sizes: Sequence, arrow: Arrow) -> None:
    net.below[a].append(b)
    net.above[b].append(a)
    leaves = arrow.leaves - sizes[a][0] / 2 if a == arrow.source and arrow.leaves is not None else 0.0
    arrives = arrow.arrives - sizes[b][0] / 2 if b == arrow.target and arrow.arrives is not None else 0.0
    net.shifts[a, b] = leaves - arrives


def _ordered(net: _Net) -> list[list[int]]:
    """The layers, each in an order in which few arrows cross."""
    layers: list[list[int]] = [[] for _ in range(max(net.level, default=-1) + 1)]
    for i in _by_depth(net):
        layers[net.level[i]].append(i)
    best, fewest = [[*layer] for layer in layers], _crossings(net, layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        if sweep % 2 == 0:
            for upper, lower in zip(layers, layers[1:]):
                _sort(lower, upper, net.above)
        else:
            for upper, lower in zip(layers[-2::-1], layers[:0:-1]):
                _sort(upper, lower, net.below)
        crossed = _crossings(net, layers)
        if crossed < fewest:
            best, fewest = [[*layer] for layer in layers], crossed
    return best


def _by_depth(net: _Net) -> list[int]:
    """All boxes and slots, what hangs together beside each other."""
    seen, order = set(), []
    for start in range(net.boxes):
        todo = [start]
        while todo:
            i = todo.pop()
            if i not in seen:
                seen.add(i)
                order.append(i)
                todo += reversed([*net.above[i], *net.below[i]])
    return order


def _sort(layer: list[int], beside: list[int], neighbours: list[list[int]]) -> None:
    at = {i: k for k, i in enumerate(beside)}
    centre = {}
    for k, i in enumerate(layer):
        found = [at[j] for j in neighbours[i] if j in at]
        # What has no neighbour there keeps its share of the layer.
        centre[i] = sum(found) / len(found) if found else k * len(beside) / max(len(layer), 1)
    layer.sort(key=centre.__getitem__)


def _crossings(net: _Net, layers: list[list[int]]) -> int:
    """How often arrows cross."""
    count = 0
    for upper, lower in zip(layers, layers[1:]):
        at = {i: k for k, i in enumerate(lower)}
        ends = [k for i in upper for k in sorted(at[j] for j in net.below[i] if j in at)]
        count += _inversions(ends, len(lower))
    return count


def _inversions(xs: list[int], n: int) -> int:
    """The pairs of `xs`, all below n, that are in the wrong order: a Fenwick tree counts those seen."""
    tree, count = [0] * (n + 1), 0
    for seen, x in enumerate(xs):
        at, smaller = x + 1, 0
        while at:
            smaller += tree[at]
            at &= at - 1
        count += seen - smaller
        at = x + 1
        while at <= n:
            tree[at] += 1
            at += at & -at
    return count


def _centred(net: _Net, layers: list[list[int]]) -> list[float]:
    """The middle of each box and slot: near its neighbours, in order, and never on another one."""
    centres = [0.0] * len(net.widths)
    for layer in layers:
        x = 0.0
        for i in layer:
            centres[i] = x + net.widths[i] / 2
            x += net.widths[i] + GAP
        for i in layer:
            centres[i] -= x / 2
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else layers[::-1]:
            _settle(net, layer, centres, down, both=sweep >= SWEEPS)
    return centres


def _settle(net: _Net, layer: list[int], centres: list[float], down: bool, both: bool) -> None:
    """Move a layer as near as its order allows to where its neighbours above (or below, or both) are."""
    wishes, weights = [], []
    for i in layer:
        up = [centres[j] + net.shifts[j, i] for j in net.above[i]]
        low = [centres[j] - net.shifts[i, j] for j in net.below[i]]
        found = up + low if both else (up if down else low) or up or low
        if both and i in net.trunks:
            trunk = [centres[j] for j in net.trunks[i]]
            found = [sum(trunk) / len(trunk)] if len(trunk) > 1 else found
        wishes.append(sum(found) / len(found) if found else centres[i])
        weights.append((1.0 if i < net.boxes else _STRAIGHT) if found else 0.01)
    starts, x = [], 0.0
    for k, i in enumerate(layer):
        if k:
            x += (net.widths[layer[k - 1]] + net.widths[i]) / 2 + GAP
        starts.append(x)
    level = _rising([w - s for w, s in zip(wishes, starts)], weights)
    for i, found, start in zip(layer, level, starts):
        centres[i] = found + start


def _rising(xs: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The numbers nearest to `xs` that never fall: neighbours that would are pooled."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for x, w in zip(xs, weights):
        n = 1
        while pools and pools[-1][0] > x:
            mean, weight, count = pools.pop()
            x, w, n = (mean * weight + x * w) / (weight + w), weight + w, n + count
        pools.append((x, w, n))
    return [mean for mean, _, n in pools for _ in range(n)]


def _measured(
    net: _Net,
    sizes: Sequence,
    arrows: Sequence[Arrow],
    back: set[int],
    layers: list[list[int]],
    centres: list[float],
    gap: float,
) -> Placed:
    """Corners and points, from the middles and the heights of the layers."""
    left = min((c - w / 2 for c, w in zip(centres, net.widths)), default=0.0)
    right = max((c + w / 2 for c, w in zip(centres, net.widths)), default=0.0)
    tops, y = [], 0.0
    for layer in layers:
        height = max((sizes[i][1] for i in layer if i < net.boxes), default=0.0)
        tops.append((y, y + height))
        y += height + gap
    corners = []
    for i, (w, h) in enumerate(sizes):
        top, bottom = tops[net.level[i]]
        starts = net.below[i] and not net.above[i]  # and stands close to what it goes to
        corners.append((round(centres[i] - w / 2 - left, 1), bottom - h if starts else top))
    routes = []
    for k, arrow in enumerate(arrows):
        x, y = corners[arrow.source]
        w, h = sizes[arrow.source]
        x += w / 2 if arrow.leaves is None else arrow.leaves
        bottom = tops[net.level[arrow.source]][1]
        points = [(x, y + h)] + [(x, bottom + LEAD)] * (h > 0)
        for slot in net.ways.get(k, ()):
            points += [(round(centres[slot] - left, 1), y) for y in tops[net.level[slot]]]
        routes.append(points)
    _arrive(routes, corners, sizes, arrows)
    return Placed(corners, routes, back, round(right - left, 1), max(tops[-1][1], 0.0) if tops else 0.0)


def _arrive(routes: list, corners: Sequence, sizes: Sequence, arrows: Sequence[Arrow]) -> None:
    """Add the last point to each route: arrows from different sources arrive side by side."""
    coming = defaultdict(list)
    for k, arrow in enumerate(arrows):
        coming[arrow.target].append(k)
    for target, ks in coming.items():
        (x, y), (w, _) = corners[target], sizes[target]
        free = sorted([k for k in ks if arrows[k].arrives is None], key=lambda k: routes[k][-1][0])
        step = min(_APART, (w - 2 * _APART) / max(len(free), 1))
        for n, k in enumerate(free):
            routes[k].append((round(x + w / 2 + (n - (len(free) - 1) / 2) * step, 1), y))
        for k in ks:
            if (arrives := arrows[k].arrives) is not None:
                routes[k].append((x + arrives, y))
