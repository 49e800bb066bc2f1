"""What steps give, as `fit` tells it: numbers by name."""

from typing import Any

import numpy as np


def flat(logs: dict[str, Any]) -> dict[str, Any]:
    """Results by name, those of a metric that has many among the others."""
    parts = [x if isinstance(x, dict) else {name: x} for name, x in logs.items()]
    return {name: x for part in parts for name, x in part.items()}


def by_name(logs: dict[str, float]) -> dict[str, float]:
    return dict(sorted(logs.items()))


def values(logs: dict[str, float], return_dict: bool) -> Any:
    found = list(logs.values())
    return by_name(logs) if return_dict else found[0] if len(found) == 1 else found


def number(value: Any) -> Any:
    """A float, or an array where a metric says several."""
    return np.asarray(value) if np.ndim(value) else float(value)
