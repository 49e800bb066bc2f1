"""The order of each layer, in which few arrows cross: by the barycentres of the neighbours, to and fro."""

from nbtape.notebook.graphs.net import Net

SWEEPS = 8


def ordered(net: Net) -> list[list[int]]:
    """The layers of a net, each in its order; what does not hang together is not mixed."""
    layers: list[list[int]] = [[] for _ in range(max(net.level, default=-1) + 1)]
    for i in net.together:
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
    return [sorted(layer, key=net.together.__getitem__) for layer in best]


def _sort(layer: list[int], beside: list[int], neighbours: list[list[int]]) -> None:
    at = {i: k for k, i in enumerate(beside)}
    centre = {}
    for k, i in enumerate(layer):
        found = [at[j] for j in neighbours[i] if j in at]
        # What has no neighbour there keeps its share of the layer.
        centre[i] = sum(found) / len(found) if found else k * len(beside) / max(len(layer), 1)
    layer.sort(key=centre.__getitem__)


def _crossings(net: Net, layers: list[list[int]]) -> int:
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
