"""Arrays from the computer to a card, back, and from card to card."""

import numpy as np

from nbtape.compile.card import cards
from nbtape.compile.card.pool import allocate
from nbtape.core.memory import CardArray


def to_card(array: np.ndarray, card: int) -> CardArray:
    """A copy of an array on a card; the array may be changed as soon as this returns."""
    if array.dtype.hasobject:
        raise TypeError(f"A card has no place for {array.dtype}, only for numbers and truths.")
    array = np.asarray(array, order="C")
    block = allocate(card, array.nbytes)
    if array.size:
        cards.card(card).write(block.address, array)
    return CardArray(array.shape, array.dtype, block)


def to_host(value: CardArray) -> np.ndarray:
    """A copy in the computer's memory; waits until the value is there."""
    array = np.empty(value.shape, value.dtype)
    if array.size:
        cards.card(value.card).read(value.block.address + value.offset, array)
    return array


def between(value: CardArray, card: int) -> CardArray:
    """A copy on another card."""
    block = allocate(card, value.nbytes)
    if value.size:
        source = value.block.address + value.offset
        cards.card(card).receive(block.address, cards.card(value.card), source, value.nbytes)
    return CardArray(value.shape, value.dtype, block)
