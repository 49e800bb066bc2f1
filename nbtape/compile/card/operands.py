"""Where kernels find what they multiply, and where they put the products: expressions in their texts."""

from dataclasses import dataclass

from nbtape.compile.emission.kernel import Word
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.windows import address, numbers


@dataclass
class Operand:
    """Where a kernel finds an operand: `element` says which it is in row {i} of item `item` for term {u} of
    the sums, and `inside` whether there is one. Both may use names that the lines `row` make of {i}, and the
    lines `term` of {u}, marked {r} and {t}.
    """

    words: list[Word]
    element: str
    inside: str = ""
    row: tuple[str, ...] = ()
    term: tuple[str, ...] = ()
    deep: bool = False  # whether neighbours in memory are terms of one sum


@dataclass(frozen=True)
class Result:
    """Where a kernel puts row {i} and column {j} of item `item`; the lines `row` make names of {i}."""

    words: list[Word]
    element: str
    row: tuple[str, ...] = ()


def matrix(name: str, x: Layout, rows: int, terms: int, apart: int) -> Operand:
    """A matrix as an operand: its strides along rows and along the sums, and from each to the next."""
    strides = {f"{name}_row": rows, f"{name}_term": terms, f"{name}_step": apart}
    element = f"{name}[item * {name}_step + {{i}} * {name}_row + {{u}} * {name}_term]"
    return Operand([address(name, x), *numbers(**strides)], element, deep=terms == 1)
