"""What can go wrong on a card."""


class OutOfMemory(MemoryError):
    """A card has no memory left: the pool frees what it keeps, and asks again."""
