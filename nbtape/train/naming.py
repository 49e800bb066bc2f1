"""Names for what is made without one."""

import itertools
import re
from collections import defaultdict
from typing import Any

_counts: defaultdict[str, Any] = defaultdict(itertools.count)  # how many objects of each name there were


def snake(name: str) -> str:
    """A class's name as functions are named: mean_squared_error."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def unique(name: str) -> str:
    """A name for one more object of a class: adam, adam_1, ..."""
    name = snake(name)
    n = next(_counts[name])
    return f"{name}_{n}" if n else name


def reset() -> None:
    """Count from the first again."""
    _counts.clear()
