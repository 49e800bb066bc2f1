"""How much memory is used of what there is, on the host and on other devices."""

import functools
import os
from pathlib import Path

from nbtape.core.memory import state
from nbtape.core.report import size
from nbtape.graph.v1.device_memory import memory_stats
from nbtape.graph.v1.hardware import list_logical_devices

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container
Bar = tuple[str, int, int]  # what is said of it, what is used, of how much


def memory() -> list[Bar]:
    """A bar for this process, of the container or machine, and one for each GPU, once one was used.

    >>> from nbtape.notebook.live.memory import memory
    >>> for text, used, limit in memory():
    ...     print(text)
    Memory ... of ...B
    """
    cards = list_logical_devices("GPU") if state.used else []
    return [*_of_host(), *[_of_card(card.name) for card in cards]]


def _of_host() -> list[Bar]:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # the system does not tell
        return []
    return [_bar("Memory", pages * os.sysconf("SC_PAGE_SIZE"), _limit())]


def _of_card(name: str) -> Bar:
    told = memory_stats(name)
    return _bar(name.removeprefix("/device:"), told["current"], told["limit"])


def _bar(name: str, used: int, limit: int) -> Bar:
    """
    >>> from nbtape.notebook.live.memory import _bar
    >>> _bar("GPU:0", 412_000_000, 16_400_000_000)
    ('GPU:0 393 MB of 15.3 GB', 412000000, 16400000000)
    """
    return f"{name} {size(used)} of {size(limit)}", used, limit


@functools.cache
def _limit() -> int:
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in map(Path, _LIMITS):
        text = file.read_text().strip() if file.exists() else ""
        found += [int(text)] if text.isdigit() else []
    return min(found)
