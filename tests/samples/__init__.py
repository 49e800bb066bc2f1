"""Sample inputs for each row of the op table: what the table walk runs (see tests/test_table.py).

Each module here speaks for the file of the same name in nbtape/ops/ and holds some of

    ELEMENTWISE   op name -> a Domain per input; the walk draws shapes that broadcast and values from it
    SAMPLES       op name -> Cases with given inputs (float64 where a gradient is to be checked)
    ELSEWHERE     op name -> the file in tests/ that tests it, for ops that do not run alone (a loop, a read)
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Domain:
    """Values from lo to hi, away from the points in `avoid`, where there is no derivative to check."""

    lo: float
    hi: float
    avoid: tuple = ()
    dtype: str = "float64"


@dataclass(frozen=True)
class Case:
    """Inputs and attributes of one call of an op's row; gradients are checked up to `order` (0, 1 or 2)."""

    args: tuple
    attrs: dict = field(default_factory=dict)
    order: int = 2


def case(*args, order=2, **attrs) -> Case:
    return Case(args, attrs, order)


def real(*shape, seed=0, lo=-1.0, hi=1.0) -> np.ndarray:
    """Seeded uniform float64 values."""
    return np.random.default_rng(seed).uniform(lo, hi, shape)
