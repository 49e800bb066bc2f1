"""Kernel texts in, addresses of machine code out."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from nbtape.compile.code import (
    cache,
    objects,
)
from nbtape.compile.code.server import server


def find(text: str) -> int | None:
    """The address of a text's machine code, if it is in memory or on disk."""
    address = objects.find(text)
    if address is None and (data := cache.read(text)) is not None:
        address = objects.load(text, data)
    return address


def request(texts: Sequence[str]) -> Future[list[int]]:
    """A Future of the addresses of all texts' machine code, which other processes compile where need be.

    Example:
        >>> text = '''def kernel(n: "int64", x: "float32*"):
        ...     for i in range(n):
        ...         x[i] += 1
        ... '''
        >>> future = request([text])
        >>> future.result() == [find(text)]
        True
    """
    whole: Future[list[int]] = Future()
    whole.set_running_or_notify_cancel()
    found = [find(text) for text in texts]
    if None not in found:
        whole.set_result([address for address in found if address is not None])
        return whole
    parts = server().request(texts)
    left, lock = len(parts), threading.Lock()

    def arrived(_: Future[int]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        try:
            whole.set_result([part.result() for part in parts])
        except Exception as error:
            whole.set_exception(error)

    for part in parts:
        part.add_done_callback(arrived)
    return whole


def addresses(texts: Sequence[str]) -> list[int]:
    """Where the machine code of each text is, compiled now where it is not at hand.

    Example:
        >>> addresses([])
        []
    """
    return request(texts).result()
