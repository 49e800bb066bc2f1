"""Boxes in layers: every arrow goes down, arrows cross seldom and run straight where they can.

The way of Sugiyama: layers by the longest path, an order in each that lets few arrows cross, and places that
are as near to the neighbours' as that order allows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nbtape.notebook.graphs.net import Arrow, Net, going_back, levels
from nbtape.notebook.graphs.order import ordered

GAP = 18.0  # between two neighbours in a layer
LEAD = 14.0  # how far an arrow goes straight down first
_SWEEPS = 16
_APART = 14.0  # of two arrows that arrive at the same box
_STRAIGHT = 8.0  # how much more a slot of an arrow counts than a box where both want a place
_LOOSE = 0.01  # and how much less what has no neighbours
Points = list[tuple[float, float]]


@dataclass
class Placed:
    """Where everything lies: the left upper corners of the boxes, the points of each arrow, those arrows
    that had to go back, and the size of it all.
    """

    corners: Points
    routes: list[Points]
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

    >>> from nbtape.notebook.graphs.layers import place
    >>> from nbtape.notebook.graphs.net import Arrow
    >>> found = place([(60, 20), (40, 20)], [Arrow(0, 1)], gap=30)
    >>> found.corners, found.routes
    ([(0.0, 0.0), (10.0, 50.0)], [[(30.0, 20.0), (30.0, 34.0), (30.0, 50.0)]])
    """
    back = going_back(len(sizes), arrows)
    ahead = [arrow for k, arrow in enumerate(arrows) if k not in back]
    net = Net([w for w, _ in sizes], levels(len(sizes), ahead, set(first), set(last)), arrows, back)
    layers = ordered(net)
    centres = _centred(net, layers)
    spans, y = [], 0.0  # the top and the bottom of each layer
    for layer in layers:
        height = max((sizes[i][1] for i in layer if i < net.boxes), default=0.0)
        spans.append((y, y + height))
        y += height + gap
    corners = _corners(net, sizes, centres, spans)
    routes = [_leaving(net, k, arrow, corners, sizes, centres, spans) for k, arrow in enumerate(arrows)]
    _arrive(routes, corners, sizes, arrows)
    width = max((c + w / 2 for c, w in zip(centres, net.widths)), default=0.0)
    return Placed(corners, routes, back, round(width, 1), spans[-1][1] if spans else 0.0)


def _centred(net: Net, layers: list[list[int]]) -> list[float]:
    """The middle of each box and slot, from 0 on: near its neighbours, in order, and never on another."""
    centres = [0.0] * len(net.widths)
    for layer in layers:
        x = -sum(net.widths[i] + GAP for i in layer) / 2
        for i in layer:
            centres[i] = x + net.widths[i] / 2
            x += net.widths[i] + GAP
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else layers[::-1]:
            _settle(net, layer, centres, down, both=sweep >= _SWEEPS / 2)
    _close_ranks(net, centres)
    return [round(x, 1) for x in centres]


def _settle(net: Net, layer: list[int], centres: list[float], down: bool, both: bool) -> None:
    """Move a layer as near as its order allows to where its neighbours above (or below, or both) are."""
    wishes, weights = [], []
    for i in layer:
        up = [centres[j] + net.shifts[j, i] for j in net.above[i]]
        low = [centres[j] - net.shifts[i, j] for j in net.below[i]]
        found = up + low if both else (up if down else low) or up or low
        if both and len(net.trunks.get(i, ())) > 1:
            found = [centres[j] for j in net.trunks[i]]
        wishes.append(sum(found) / len(found) if found else centres[i])
        weights.append((1.0 if i < net.boxes else _STRAIGHT) if found else _LOOSE)
    starts, x = [], 0.0
    for before, i in zip([None, *layer], layer):
        x += 0.0 if before is None else (net.widths[before] + net.widths[i]) / 2 + GAP
        starts.append(x)
    moved = _rising([w - s for w, s in zip(wishes, starts)], weights)
    for i, shift, start in zip(layer, moved, starts):
        centres[i] = shift + start


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


def _close_ranks(net: Net, centres: list[float]) -> None:
    """Move what does not hang together side by side, and all of it to the left."""
    members = defaultdict(list)
    for i, start in net.together.items():
        members[start].append(i)
    ends: dict[int, float] = {}  # of what is there already, by layer
    for found in members.values():
        lefts = {i: centres[i] - net.widths[i] / 2 for i in found}
        shifts = [ends[net.level[i]] + 2 * GAP - left for i, left in lefts.items() if net.level[i] in ends]
        shift = max([*shifts, -min(lefts.values())])
        for i in found:
            centres[i] += shift
            ends[net.level[i]] = max(ends.get(net.level[i], 0.0), centres[i] + net.widths[i] / 2)


def _corners(net: Net, sizes: Sequence, centres: list[float], spans: list) -> Points:
    """The corners of the boxes; what nothing comes to stands close to what it goes to."""
    found = []
    for i, (w, h) in enumerate(sizes):
        top, bottom = spans[net.level[i]]
        starts = net.below[i] and not net.above[i]
        found.append((round(centres[i] - w / 2, 1), bottom - h if starts else top))
    return found


def _leaving(
    net: Net, k: int, arrow: Arrow, corners: Points, sizes: Sequence, centres: list[float], spans: list
) -> Points:
    """The points of an arrow but for the last one."""
    (x, y), (w, h) = corners[arrow.source], sizes[arrow.source]
    x += w / 2 if arrow.leaves is None else arrow.leaves
    points = [(x, y + h)]
    if h:
        points.append((x, spans[net.level[arrow.source]][1] + LEAD))
    for slot in net.ways.get(k, ()):
        points += [(centres[slot], y) for y in spans[net.level[slot]]]
    return points


def _arrive(routes: list[Points], corners: Points, sizes: Sequence, arrows: Sequence[Arrow]) -> None:
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
