"""Kernel texts in, addresses of machine code out."""

from collections.abc import Sequence

from nbtape.compile import cache
from nbtape.compile.objects import load, symbol
from nbtape.core.kernel import late

compile_text = late("nbtape.compile.cpu:compile_text")


def addresses(texts: Sequence[str]) -> list[int]:
    """Where the machine code of each text is, compiled now where it is not at hand."""
    return [address if (address := cache.find(text)) is not None else _compile(text) for text in texts]


def _compile(text: str) -> int:
    data = compile_text(text)
    cache.store(text, data)
    return cache.keep(text, load(symbol(text), data))
