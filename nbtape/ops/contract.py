"""Contraction: a sum of products of NumPy arrays named by letters, as calls of BLAS and views.

An equation here always says its output and has no ellipsis. Labels below "A" broadcast. A label that the
output repeats puts its axis on a diagonal. What depends on letters alone is worked out once and remembered.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nbtape.core.shape import numel
from nbtape.ops.blas import matmul

_FLOAT32 = np.dtype(np.float32)


@lru_cache(512)
def split(equation: str) -> tuple[list[str], str, bool]:
    """The terms of an equation, its output, and whether it has labels that broadcast."""
    left, _, out = equation.partition("->")
    return left.split(","), out, any(label < "A" for label in out)


def contract(*xs, equation):
    if xs[0].itemsize < 4:
        if xs[0].dtype.kind in "biu":
            raise TypeError
        wide = contract(*[x.astype(_FLOAT32) for x in xs], equation=equation)
        return wide.astype(xs[0].dtype)
    terms, out, broadcasts = split(equation)
    sizes = _sizes(terms, xs)
    if broadcasts:
        work = [_unbroadcast(x, term, sizes) for x, term in zip(xs, terms)]
        xs, terms = tuple([x for x, _ in work]), [term for _, term in work]
    n = len(terms)
    if n > 2:
        x, term = _product_of_many(list(xs), list(terms), out, sizes)
    elif n == 2:
        plan = _plan(terms[0], terms[1], out)
        x, term = _product(xs[0], xs[1], plan), plan.term
    else:
        x, term = xs[0], terms[0]
    return x if term == out and len(set(out)) == len(out) else _arranged(x, term, out, sizes)


def _sizes(terms, xs):
    sizes = {}
    for term, x in zip(terms, xs):
        for label, n in zip(term, x.shape, strict=True):
            known = sizes.setdefault(label, n)
            if n != known:
                if label >= "A" or 1 not in (n, known):
                    raise ValueError
                sizes[label] = n if known == 1 else known
    return sizes


def _unbroadcast(x, term, sizes):
    """An axis of size 1 that broadcasts is as good as absent."""
    gone = [i for i, n in enumerate(x.shape) if n != sizes[term[i]]]
    if not gone:
        return x, term
    return x.squeeze(tuple(gone)), "".join([label for i, label in enumerate(term) if i not in gone])


class Reduction(NamedTuple):
    """What is done to one operand: pairs of axes to take diagonals of, axes to sum, the term that is left."""

    pairs: tuple
    summed: tuple
    term: str


@lru_cache(1024)
def _reduction(term: str, kept: str) -> Reduction:
    """How each label of `term` comes to occur once, if it is in `kept`, or not at all."""
    pairs = []
    for label in dict.fromkeys(term):
        while term.count(label) > 1:
            i = term.index(label)
            j = term.index(label, i + 1)
            pairs.append((i, j))
            term = term[:i] + term[i + 1 : j] + term[j + 1 :] + label
    summed = tuple([i for i, label in enumerate(term) if label not in kept])
    return Reduction(tuple(pairs), summed, "".join([label for label in term if label in kept]))


def _reduced(x, reduction):
    for i, j in reduction.pairs:
        x = x.diagonal(0, i, j)
    return np.add.reduce(x, reduction.summed, x.dtype) if reduction.summed else x


class Plan(NamedTuple):
    """How two operands are multiplied: their reductions and permutations, then either of two ways.

    `spread` are the keys that make them broadcast, where nothing is summed. Otherwise they are matrices:
    after `both` axes of a batch come `mine` free ones, then `inner` ones that are summed.
    """

    first: Reduction | None
    second: Reduction | None
    perm_a: tuple | None
    perm_b: tuple | None
    spread: tuple | None
    both: int
    mine: int
    inner: int
    plain: bool
    term: str


@lru_cache(1024)
def _plan(ta: str, tb: str, kept: str) -> Plan:
    ra, rb = _reduction(ta, kept + tb), _reduction(tb, kept + ta)
    first, second = [r if r.pairs or r.summed else None for r in (ra, rb)]
    ta, tb = ra.term, rb.term
    both = "".join([label for label in ta if label in tb and label in kept])
    inner = "".join([label for label in ta if label in tb and label not in kept])
    mine, yours = "".join([n for n in ta if n not in tb]), "".join([n for n in tb if n not in ta])
    spread, term = None, both + mine + yours
    a, b = both + mine + inner, both + inner + yours
    if not inner:
        term = "".join([label for label in dict.fromkeys(kept) if label in ta or label in tb])
        a, b = "".join([n for n in term if n in ta]), "".join([n for n in term if n in tb])
        spread = tuple([tuple([slice(None) if n in t else None for n in term]) for t in (ta, tb)])
    perm_a, perm_b = [None if t == s else tuple([t.index(n) for n in s]) for t, s in ((ta, a), (tb, b))]
    plain = len(mine) == len(inner) == len(yours) == 1
    return Plan(first, second, perm_a, perm_b, spread, len(both), len(mine), len(inner), plain, term)


def _product(a, b, plan):
    """The product of two operands: a broadcast one if nothing is summed, else a call of matmul."""
    first, second, perm_a, perm_b, spread, both, mine, inner, plain, _ = plan
    if first is not None:
        a = _reduced(a, first)
    if second is not None:
        b = _reduced(b, second)
    if perm_a is not None:
        a = a.transpose(perm_a)
    if perm_b is not None:
        b = b.transpose(perm_b)
    if spread is not None:
        return a[spread[0]] * b[spread[1]]
    if plain:
        return matmul(a, b)
    batch, rows, columns = a.shape[:both], a.shape[both : both + mine], b.shape[both + inner :]
    k = numel(a.shape[both + mine :])
    y = matmul(a.reshape((*batch, numel(rows), k)), b.reshape((*batch, k, numel(columns))))
    return y.reshape((*batch, *rows, *columns))


def _product_of_many(xs, terms, out, sizes):
    while len(xs) > 1:
        i, j = (0, 1) if len(xs) == 2 else _cheapest(terms, sizes, out)
        b, a, tb, ta = xs.pop(j), xs.pop(i), terms.pop(j), terms.pop(i)
        plan = _plan(ta, tb, out + "".join(terms))
        xs.append(_product(a, b, plan))
        terms.append(plan.term)
    return xs[0], terms[0]


def _cheapest(terms, sizes, out):
    """The pair whose product grows least: a greedy path."""
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
    """`x` with the axes of the output, the others summed; what the output repeats is a diagonal."""
    reduction = _reduction(term, out)
    x, term = _reduced(x, reduction), reduction.term
    once = "".join(dict.fromkeys(out))
    if once == out:
        return x.transpose([term.index(label) for label in out])[()]
    y = np.zeros([sizes[label] for label in out], x.dtype)
    target = _reduction(out, out)
    view = y
    for i, j in target.pairs:
        view = view.diagonal(0, i, j)
    view.flags.writeable = True
    view[...] = x.transpose([term.index(label) for label in target.term])
    return y
