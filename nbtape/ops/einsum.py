"""Sums of products named by letters: einsum, and tensordot as one of them.

The row takes equations that always say their output and have no ellipsis: the axes of an ellipsis have the
labels `0`, `1`, ..., and only these broadcast. A label that the output repeats puts its axis on a diagonal.
With that the gradient of an equation is another equation: the cotangent takes the place of the operand.
"""

import re
from functools import lru_cache
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.core.engine import EagerTensor, Tensor, apply, o, pair, stands_for_tensor, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.report import spec_of, with_report
from nbtape.core.shape import Dims, Spec, bracket, numel
from nbtape.ops.contract import contract, split
from nbtape.ops.linalg import conj, operands, rank, refuse_narrow
from nbtape.ops.row import NUMBER, op
from nbtape.ops.static import array

BROADCAST = "0123456789:;<=>?@"  # labels of the axes of an ellipsis; all come before "A"


# Equations


def _parsed(equation: str, n: int) -> tuple[list[str], str, str | None]:
    """The terms of a user's equation, its output, and whether it has an ellipsis (here "0")."""
    text, dots = equation.replace(" ", ""), "..." in equation
    if dots and "0" in text:
        raise ValueError(f'Invalid character "0" in equation: {equation}.')
    text = text.replace("...", "0")
    labels = "a-zA-Z0" if dots else "a-zA-Z"
    found = re.fullmatch(f"([{labels},]*)(->[{labels}]*)?", text)
    if not found:
        raise ValueError(f"Subscripts have incorrect format: {text}")
    terms = found[1].split(",")
    if n != len(terms):
        raise ValueError(f'Got {n} inputs for equation "{equation}", expecting {len(terms)}')
    every = found[1].replace(",", "")
    once = "".join(sorted(label for label in set(every) if every.count(label) == 1))
    out = once if found[2] is None else found[2][2:]
    if len(set(out)) != len(out):
        raise ValueError(f"Output subscripts contain a label appearing more than once: {equation}")
    for label in out:
        if label not in every and label != "0":
            raise ValueError(
                f"Output subscripts contain the label {label} not present in the input subscripts."
            )
    for term in terms:
        if term.count("0") > 1:
            raise ValueError(f"Too many ellipses in input label {term.replace('0', '...')}.")
    return terms, out, "0" if dots else None


@lru_cache(512)
def _resolved(equation: str, ranks: tuple[int | None, ...]) -> str:
    """A user's equation as the row takes it, for operands of these ranks."""
    terms, out, dots = _parsed(equation, len(ranks))
    if dots:
        sizes = [_ellipsis(i, term, n) for i, (term, n) in enumerate(zip(terms, ranks, strict=True))]
        most = max(sizes)
        labels = BROADCAST[:most]
        if most and "0" not in out:
            left = equation.partition("->")[0]
            raise invalid(
                f"Output contains {most} broadcasting dimension(s) but no ellipsis (...) was found in the "
                f"output subscripts. [Op:Einsum]\nWrite where they go: {left}->...{out}"
            )
        terms = [term.replace("0", labels[most - n :]) for term, n in zip(terms, sizes, strict=True)]
        out = out.replace("0", labels)
    return ",".join(terms) + "->" + out


def _ellipsis(i: int, term: str, n: int | None) -> int:
    """How many axes the ellipsis of the i-th operand stands for."""
    if "0" not in term:
        return 0
    if n is None:
        raise ValueError(
            "An ellipsis in einsum stands for axes of a tensor of known rank; use set_shape to say it."
        )
    if n < len(term) - 1:
        raise invalid(f"Expected input {i} to have rank at least {len(term) - 1} but got: {n} [Op:Einsum]")
    return n - len(term) + 1


def _einsum_spec(*specs: Spec, equation: str) -> Spec:
    refuse_narrow(specs[0], "Einsum")
    terms, out, _ = split(equation)
    sizes: dict[str, int | None] = {}
    for i, (term, x) in enumerate(zip(terms, specs, strict=True)):
        if x.shape is None:
            continue
        if len(x.shape) != len(term):
            raise invalid(f"Expected input {i} to have rank {len(term)} but got: {len(x.shape)} [Op:Einsum]")
        for axis, (label, n) in enumerate(zip(term, x.shape, strict=True)):
            known = sizes.setdefault(label, n)
            if n == known or n is None:
                continue
            if known is None or label < "A" and known == 1:
                sizes[label] = n
            elif label >= "A":
                raise invalid(
                    f"Expected dimension {known} at axis {axis} of the input shaped {bracket(x.shape)} "
                    f"but got dimension {n} [Op:Einsum]\nLabel {label!r} of {equation} has two sizes."
                )
            elif n != 1:
                both = [bracket(s.shape) for s in specs if s.shape is not None]
                raise invalid(
                    f"In[0] and In[1] must have compatible batch dimensions: {' vs. '.join(both)} [Op:Einsum]"
                )
    return Spec(tuple([sizes.get(label) for label in out]), specs[0].dtype)


def _einsum_grad(i, g, y, *xs, equation):
    """The same sum with the cotangent in place of the operand; a label met nowhere else is spread by ones."""
    terms, out, _ = split(equation)
    operands_, labels = [g], [out]
    for k, x in enumerate(xs):
        if k != i:
            operands_.append(conj(x))
            labels.append(terms[k])
    if not set(terms[i]) <= set("".join(labels)):
        operands_.append(o.ones_like(xs[i]))
        labels.append(terms[i])
    return o.einsum(*operands_, equation=",".join(labels) + "->" + terms[i])


def _einsum_lower(*xs, equation):
    """Two operands as matrices, and their product; None for sums that are not one."""
    terms, out, broadcasts = split(equation)
    if len(terms) != 2 or broadcasts:
        return None
    a, b = terms
    shapes = [spec_of(x).shape or (None,) * len(term) for x, term in zip(xs, (a, b))]
    if None in shapes[0] + shapes[1]:
        return None
    both = [c for c in a if c in b]
    batch, summed = [c for c in both if c in out], [c for c in both if c not in out]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    if sorted(out) != sorted(batch + rows + columns) or len({*a}) < len(a) or len({*b}) < len(b):
        return None
    sizes = {c: n for term, shape in zip((a, b), shapes) for c, n in zip(term, shape)}
    x, y = xs
    if rows and columns and out.index(columns[0]) < out.index(rows[0]):
        x, y, a, b, rows, columns = y, x, b, a, columns, rows
    left, turned_a = _in_order(x, a, sizes, batch, rows, summed)
    right, turned_b = _in_order(y, b, sizes, batch, summed, columns)
    if summed:
        y = o.matmul(left, right, transpose_a=turned_a, transpose_b=turned_b)
    else:
        y = left * right
    y = o.reshape(y, shape=tuple([sizes[c] for c in batch + rows + columns]))
    return o.transpose(y, perm=tuple([(batch + rows + columns).index(c) for c in out]))


def _in_order(x: Any, labels: str, sizes: dict, batch: list, *parts: list) -> tuple[Any, bool]:
    """`x` as a batch of matrices, and whether they lie transposed, as then nothing need be moved: the axes of
    the batch stay, each of `parts` becomes one.
    """
    turned = bool(parts[0] and parts[1]) and list(labels) == [*batch, *parts[1], *parts[0]]
    parts = parts[::-1] if turned else parts
    x = o.transpose(x, perm=tuple([labels.index(c) for c in (*batch, *parts[0], *parts[1])]))
    shape = (*[sizes[c] for c in batch], *[numel([sizes[c] for c in p]) for p in parts])
    return o.reshape(x, shape=shape), turned


op("einsum", contract, _einsum_spec, variadic=_einsum_grad, kinds=NUMBER, kernel=Composite(_einsum_lower))


# Public functions


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """The sum of products that `equation` names: a letter an axis, summed if the output does not have it.

    Takes repeated letters (diagonals), an ellipsis for axes that broadcast, any number of inputs, which are
    multiplied two by two, the cheapest first. Without "->" the output is the letters that occur once, sorted.

    >>> tf.einsum("ij,jk->ik", tf.constant([[1.0, 2.0]]), tf.constant([[3.0], [4.0]])).numpy()
    array([[11.]], dtype=float32)
    """
    kwargs.pop("name", None)
    kwargs.pop("optimize", None)
    if kwargs:
        raise TypeError(
            f"Invalid keyword arguments for einsum: {', '.join(kwargs)}. "
            "Valid arguments: name, optimize, greedy."
        )
    if not isinstance(equation, str):
        raise TypeError(
            f"The first argument of einsum is the equation, such as 'ij,jk->ik'; got {equation!r}."
        )
    xs = inputs if all([type(x) is EagerTensor for x in inputs]) else _together(inputs)
    ranks = tuple([rank(x) if "..." in equation else None for x in xs])
    return apply(o.einsum, *xs, equation=_resolved(equation, ranks))


def _together(inputs: tuple) -> list:
    """The inputs as Tensors, bare ones in the dtype of the tensors beside them."""
    like = next((x for x in inputs if stands_for_tensor(x)), None)
    if like is None:
        return [tensor(x) for x in inputs]
    like = tensor(like)
    return [tensor(pair(like, x)[1], None if isinstance(x, Tensor) else like.dtype) for x in inputs]


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """The product of tensors, summed over the last `axes` of `a` and the first of `b`, or over listed ones.

    Raises InvalidArgumentError where sizes do not fit, ValueError where `axes` does not.

    >>> tf.tensordot([[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0], axes=1).numpy()
    array([-1., -1.], dtype=float32)
    """
    a, b = operands(a, b)
    rank_a, rank_b = rank(a), rank(b)
    if rank_a is None or rank_b is None:
        raise ValueError("tensordot takes tensors of known rank; use set_shape to say it.")
    if type(axes) is int and 0 <= axes <= min(rank_a, rank_b):
        axes_a, axes_b = tuple(range(rank_a - axes, rank_a)), tuple(range(axes))
    else:
        axes_a, axes_b = _contracted(axes, a, rank_a, rank_b)
    _check_sizes(a, b, axes_a, axes_b)
    return apply(o.einsum, a, b, equation=_pairing(rank_a, rank_b, axes_a, axes_b))


@lru_cache(512)
def _pairing(rank_a: int, rank_b: int, axes_a: tuple[int, ...], axes_b: tuple[int, ...]) -> str:
    """The equation that sums over pairs of axes."""
    mine = [chr(ord("a") + i) for i in range(rank_a)]
    yours = [chr(ord("a") + rank_a + j) for j in range(rank_b)]
    for i, j in zip(axes_a, axes_b, strict=True):
        yours[j] = mine[i]
    out = [n for i, n in enumerate(mine) if i not in axes_a]
    out += [n for j, n in enumerate(yours) if j not in axes_b]
    return "".join([*mine, ",", *yours, "->", *out])


def _contracted(axes: Any, a: Any, rank_a: int, rank_b: int) -> list[tuple[int, ...]]:
    """The axes of `a` and of `b` that tensordot sums over, counted from the front."""
    if isinstance(axes, int | np.integer):
        if axes < 0:
            raise ValueError(f"`axes` must be at least 0. Received: {axes}.")
        if axes > rank_a:
            raise ValueError(
                f"`axes` must not be larger than the number of dimensions of tensor {a}.  "
                f"Received {axes}, vs tensor dimensions {rank_a}."
            )
        axes = list(range(rank_a - axes, rank_a)), list(range(axes))
    elif not isinstance(axes, list | tuple):
        axes = array(axes).tolist()
    if not isinstance(axes, list | tuple) or len(axes) != 2:
        raise ValueError(f"`axes` must be an integer or have length 2. Received {axes}.")
    given = [array(n).ravel().tolist() for n in axes]
    if len(given[0]) != len(given[1]):
        raise ValueError(
            f"Different number of contraction axes `a` and `b`, {len(given[0])} != {len(given[1])}."
        )
    found = []
    for numbers, n, which in zip(given, (rank_a, rank_b), "ab", strict=True):
        if any(not -n <= i < n for i in numbers):
            raise IndexError(f"list index out of range: `axes` of `{which}` are {numbers}, its rank is {n}.")
        found.append(tuple([i % n for i in numbers]))
        if len(set(found[-1])) < len(numbers):
            raise ValueError(f"`axes` of `{which}` name an axis twice: {numbers}.")
    return found


def _check_sizes(a: Any, b: Any, axes_a: tuple[int, ...], axes_b: tuple[int, ...]) -> None:
    """TensorFlow multiplies matrices here, and says so where sizes do not fit."""
    sa, sb = spec_of(a).shape, spec_of(b).shape
    assert sa is not None and sb is not None
    if all(sa[i] == sb[j] or None in (sa[i], sb[j]) for i, j in zip(axes_a, axes_b, strict=True)):
        return
    first, second = _as_matrix(sa, axes_a), _as_matrix(sb, axes_b)
    error = invalid(
        f"Matrix size-incompatible: In[0]: {bracket(first)}, In[1]: {bracket(second[::-1])} [Op:MatMul]\n"
        f"`axes` pairs {[sa[i] for i in axes_a]} of `a` with {[sb[j] for j in axes_b]} of `b`."
    )
    raise with_report(error, o.einsum, (a, b), source.here())


def _as_matrix(shape: Dims, axes: tuple[int, ...]) -> Dims:
    """The number of elements along the axes that stay, and along those that are summed."""
    parts = [n for i, n in enumerate(shape) if i not in axes], [shape[i] for i in axes]
    return tuple([None if None in part else numel(part) for part in parts])  # type: ignore[arg-type]
