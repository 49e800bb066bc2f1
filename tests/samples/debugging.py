"""Samples for nbtape/ops/debugging.py."""

import numpy as np

from samples import case, real

_SAID = {"message": "", "summarize": 3}
SAMPLES = {
    "assert_relation": [case(real(2, 3), np.float64(2.0), relation="<", order=0, **_SAID)],
    "check_numerics": [case(real(2, 3), message="x")],
}
