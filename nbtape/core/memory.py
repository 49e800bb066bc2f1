"""What a Tensor on a card has for a value: a place in the card's memory, and what the bytes there mean.

Nothing here knows a card: `compile/card/`, which does, is named by text and found when the first value goes
to one. NumPy does not compute with such a value, but refuses it, so that an op that meets one unprepared is
sent to the card and nothing is copied in silence. Who wants the numbers for his own ends, as `repr` and
checkpoints do, asks for an array by `np.asarray`, which copies them.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from nbtape.core.kernel import late


class Elsewhere(TypeError):
    """NumPy was to compute with a value that is on a card."""


class TransferWarning(UserWarning):
    """An op copies large values, or those of another card, to its device: told once for each line.

    >>> import warnings
    >>> warnings.filterwarnings("ignore", category=tf.config.TransferWarning)
    """


class HostWarning(UserWarning):
    """An op has no kernel for cards, and runs on the computer's own processor: told once for each op.

    >>> import warnings
    >>> warnings.filterwarnings("ignore", category=tf.config.HostWarning)
    """


class Block:
    """Memory of a card, which `free(block)` takes back when nobody holds it any more.

    `address` is a number that the card knows it by.
    """

    __slots__ = ("address", "bytes", "card", "free")

    def __init__(self, card: int, address: int, bytes: int, free: Callable[["Block"], None]):
        self.card, self.address, self.bytes, self.free = card, address, bytes, free

    def __del__(self):
        self.free(self)


class CardArray:
    """An array on a card: elements in C order from a byte of a block on, never written while a Tensor has
    it.
    """

    __slots__ = ("block", "dtype", "offset", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, block: Any, offset: int = 0):
        self.shape, self.dtype, self.block, self.offset = shape, dtype, block, offset
        if not state.used:
            state.begin()

    @property
    def card(self) -> int:
        """The number of its card."""
        return self.block.card

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def host(self) -> Any:
        """A copy in the computer's memory, as a Tensor has it: a NumPy array, or a scalar for rank 0."""
        return to_host(self)[()]

    def item(self, *index: int) -> Any:
        return to_host(self).item(*index)

    def tolist(self) -> Any:
        return to_host(self).tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Unable to avoid a copy: the value is on a card.")
        return np.asarray(to_host(self), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        raise Elsewhere(_REFUSED.format(ufunc.__name__))

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
        raise Elsewhere(_REFUSED.format(function.__name__))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(to_host(self))

    def __int__(self) -> int:
        return int(self.host())

    def __float__(self) -> float:
        return float(self.host())

    def __complex__(self) -> complex:
        return complex(self.host())

    def __repr__(self) -> str:
        return repr(to_host(self))

    def __str__(self) -> str:
        return str(to_host(self))

    def __copy__(self) -> "CardArray":
        return self

    def __deepcopy__(self, memo: dict) -> "CardArray":
        return self

    def __reduce__(self):
        return _unpickled, (to_host(self),)  # where it is read there may be no card


_REFUSED = "NumPy's `{}` was given a value that is on a card: take it to the computer first, by `x.cpu()`."


class _State:
    """Which cards there are to users, and whether any value of this process was ever on one: what only cards
    need is asked for only then.
    """

    used = False
    visible: list[int] | None = None  # the cards that are GPU:0, GPU:1, ...; None: all of them
    listeners: list[Callable[[], None]] = []  # called when the first value comes to a card

    def begin(self) -> None:
        self.used = True
        for listener in self.listeners:
            listener()


state = _State()


def index_of(card: int) -> int:
    """The number by which users know a card."""
    return card if state.visible is None else state.visible.index(card)


def card_of(index: int) -> int:
    """The card that users know by a number."""
    return index if state.visible is None else state.visible[index]


# What moves values: (array, card) -> CardArray; CardArray -> array; (CardArray, card) -> CardArray.
to_card = late("nbtape.compile.card.transfer:to_card")
to_host = late("nbtape.compile.card.transfer:to_host")
between = late("nbtape.compile.card.transfer:between")


def _unpickled(array: np.ndarray) -> Any:
    return array[()]


def on_host(value: Any) -> Any:
    """A value in the computer's memory: itself, where it is there."""
    return value.host() if type(value) is CardArray else value


def on_card(value: Any, card: int) -> CardArray:
    """A value in the memory of a card: itself, where it is there."""
    if type(value) is not CardArray:
        return to_card(np.asarray(value, order="C"), card)
    return value if value.card == card else between(value, card)


def alongside(value: Any, like: Any) -> Any:
    """A value on the device of another."""
    return on_card(value, like.card) if type(like) is CardArray else on_host(value)
