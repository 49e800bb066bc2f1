"""Words in pictures: shapes, short names, and how wide text is, which no browser has drawn yet."""

from collections import Counter
from math import prod
from typing import Any

from nbtape.core.report import spec_of

_LONGEST = 30
_NARROW, _WIDE = frozenset("iljtfrI.,:;|!'()[]{}/ ·"), frozenset("mwMWQO@%×")


def width_of(text: str) -> float:
    """About how wide a text of 12 pixels is, rather too wide than too narrow."""
    return sum(4.6 if c in _NARROW else 10.6 if c in _WIDE else 7.4 for c in text)


def shortened(text: str, longest: int = _LONGEST) -> str:
    """A text that is not too long for a box: of a path, the end says most.

    >>> from nbtape.notebook.graphs.words import shortened
    >>> shortened("encoder/layer_1/attention/query", 16)
    '…attention/query'
    """
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    is_path = "/" in text and " " not in text
    return f"…{text[1 - longest :]}" if is_path else f"{text[: longest - 1]}…"


def shape_of(x: Any) -> str:
    """`32 × 10`: the shape of a tensor.

    >>> from nbtape.notebook.graphs.words import shape_of
    >>> shape_of(tf.zeros([32, 10])), shape_of(tf.constant(1.0))
    ('32 × 10', 'scalar')
    """
    shape = spec_of(x).shape
    if shape is None:
        return "?"
    return " × ".join("?" if n is None else str(n) for n in shape) or "scalar"


def bytes_of(x: Any) -> int:
    """The bytes of a tensor, 0 where its size is not known.

    >>> from nbtape.notebook.graphs.words import bytes_of
    >>> bytes_of(tf.zeros([32, 10]))
    1280
    """
    spec = spec_of(x)
    if spec.dtype == object or spec.shape is None or None in spec.shape:
        return 0
    return prod([n or 0 for n in spec.shape]) * spec.dtype.itemsize


def count_of(part: Any) -> str:
    """`12 operations, 3 variables`: what is in a group."""
    kinds = {"op": "operation", "assign": "assignment", "variable": "variable", "input": "input"}
    counts = Counter(leaf.kind for leaf in part.leaves)
    counts["variable"] = len({leaf.variable._serial for leaf in part.leaves if leaf.kind == "variable"})
    told = [f"{n} {word}{'s' * (n != 1)}" for kind, word in kinds.items() if (n := counts[kind])]
    return ", ".join(told) or "nothing"
