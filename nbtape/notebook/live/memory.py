"""How much memory this process has, and how much it may have."""

import functools
import os
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def memory() -> tuple[int, int] | None:
    """Bytes that are used, and the limit of the container or machine; None where the system does not tell.

    >>> from nbtape.notebook.live.memory import memory
    >>> used, limit = memory()
    >>> 0 < used < limit
    True
    """
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE"), _limit()


@functools.cache
def _limit() -> int:
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in map(Path, _LIMITS):
        text = file.read_text().strip() if file.exists() else ""
        found += [int(text)] if text.isdigit() else []
    return min(found)
