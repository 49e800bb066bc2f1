"""Contraction: a sum of products of NumPy arrays named by letters, as calls of BLAS and views.

An equation here always says its output and has no ellipsis. Labels below "A" broadcast. A label that the
output repeats puts its axis on a diagonal. What depends on letters alone is worked out once and remembered.
"""

from functools import lru_cache

import numpy as np

from nbtape.core.shape import numel

_FLOAT32 = np.dtype(np.float32)


@lru_cache(512)
def split(equation: str) -> tuple[list[str], str]:
    left, _, out = equation.partition("->")
    return left.split(","), out


def contract(*xs, equation):
    if xs[0].itemsize < 4:
        if xs[0].dtype.kind in "biu":
            raise TypeError
        wide = contract(*[x.astype(_FLOAT32) for x in xs], equation=equation)
        return wide.astype(xs[0].dtype)
    terms, out = split(equation)
    sizes = _sizes(terms, xs)
    work = [_unbroadcast(term, x, sizes) for term, x in zip(terms, xs, strict=True)]
    while len(work) > 1:
        i, j = (0, 1) if len(work) == 2 else _cheapest([term for term, _ in work], sizes, out)
        rest = [w for k, w in enumerate(work) if k not in (i, j)]
        kept = out + "".join([term for term, _ in rest])
        (ta, a), (tb, b) = work[i], work[j]
        a, b = _reduced(a, ta, kept + tb), _reduced(b, tb, kept + ta)
        work = [*rest, _product(_left(ta, kept + tb), a, _left(tb, kept + ta), b, kept)]
    term, x = work[0]
    return _arranged(_reduced(x, term, out), _left(term, out), out, sizes)[()]


def _sizes(terms, xs):
    sizes = {}
    for term, x in zip(terms, xs, strict=True):
        for label, n in zip(term, x.shape, strict=True):
            known = sizes.setdefault(label, n)
            if n != known:
                if label >= "A" or 1 not in (n, known):
                    raise ValueError
                sizes[label] = n if known == 1 else known
    return sizes


def _unbroadcast(term, x, sizes):
    """An axis of size 1 that broadcasts is as good as absent."""
    gone = [i for i, n in enumerate(x.shape) if n != sizes[term[i]]]
    if not gone:
        return term, x
    return "".join([label for i, label in enumerate(term) if i not in gone]), x.squeeze(tuple(gone))


@lru_cache(1024)
def _left(term: str, kept: str) -> str:
    """What `_reduced` leaves of a term: each label once, if it is wanted."""
    once, steps, summed = _reduction(term, kept)
    return "".join([label for i, label in enumerate(once) if i not in summed])


@lru_cache(1024)
def _reduction(term: str, kept: str) -> tuple[str, list[tuple[int, int]], tuple[int, ...]]:
    """The pairs of axes to take diagonals of, the term that they leave, and the axes of it to sum over."""
    steps = []
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            i = term.index(label)
            j = term.index(label, i + 1)
            steps.append((i, j))
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + label
    return term, steps, tuple([i for i, label in enumerate(term) if label not in kept])


def _reduced(x, term, kept):
    _, steps, summed = _reduction(term, kept)
    for i, j in steps:
        x = x.diagonal(0, i, j)
    return np.add.reduce(x, summed, x.dtype) if summed else x


@lru_cache(1024)
def _layout(ta: str, tb: str, kept: str) -> tuple:
    """How two reduced terms are multiplied: how much is summed, the permutations, the layout, the result."""
    both = [label for label in ta if label in tb and label in kept]
    summed = [label for label in ta if label in tb and label not in kept]
    mine, yours = [label for label in ta if label not in tb], [label for label in tb if label not in ta]
    if not summed:
        order = [label for label in dict.fromkeys(kept) if label in ta or label in tb]
        spread = [tuple([slice(None) if label in t else None for label in order]) for t in (ta, tb)]
        perms = [tuple([t.index(label) for label in order if label in t]) for t in (ta, tb)]
        return 0, perms, spread, "".join(order)
    perms = [
        tuple([ta.index(n) for n in both + mine + summed]),
        tuple([tb.index(n) for n in both + summed + yours]),
    ]
    return len(summed), perms, (len(both), len(mine)), "".join(both + mine + yours)


def _product(ta, a, tb, b, kept):
    """The product of two operands: a broadcast one if nothing is summed, else one call of BLAS."""
    summed, (perm_a, perm_b), how, term = _layout(ta, tb, kept)
    a, b = a.transpose(perm_a), b.transpose(perm_b)
    if not summed:
        return term, a[how[0]] * b[how[1]]
    n, m = how[0], how[0] + how[1]
    batch, mine, inner, yours = a.shape[:n], a.shape[n:m], a.shape[m:], b.shape[n + summed :]
    k = numel(inner)
    y = np.matmul(a.reshape(*batch, numel(mine), k), b.reshape(*batch, k, numel(yours)))
    return term, y.reshape((*batch, *mine, *yours))


def _cheapest(terms, sizes, out):
    """The pair whose product grows least: the greedy path of opt_einsum."""
    best = None
    for i in range(len(terms)):
        for j in range(i + 1, len(terms)):
            kept = set(out).union(*[t for k, t in enumerate(terms) if k not in (i, j)])
            union = set(terms[i]) | set(terms[j])
            made, used = [numel([sizes[n] for n in labels]) for labels in (union & kept, union)]
            cost = made - sum(numel([sizes[n] for n in set(terms[k])]) for k in (i, j)), used
            if best is None or cost < best[0]:
                best = cost, i, j
    assert best is not None
    return best[1:]


def _arranged(x, term, out, sizes):
    """`x` with its axes in the order of the output; an axis that the output repeats goes to its diagonal."""
    once = "".join(dict.fromkeys(out))
    if term != once:
        x = x.transpose([term.index(label) for label in once])
    if once == out:
        return x
    y = np.zeros([sizes[label] for label in out], x.dtype)
    view = y
    for i, j in _reduction(out, out)[1]:
        view = view.diagonal(0, i, j)
    view.flags.writeable = True
    left = _left(out, out)
    view[...] = x.transpose([once.index(label) for label in left])
    return y
