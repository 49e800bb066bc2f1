"""What emitted kernels import: elementwise functions, by the names that the rows' texts use.

Each takes numbers or arrays in Python (CUDA's simulator is Python too) and numbers in Numba. Floats keep
their dtype. `value.py` says how they are compiled; `tests/test_kernel_math.py` bounds their errors.

>>> sigmoid(np.float32(0)), where(True, np.float32(2), 0)
(np.float32(0.5), np.float32(2.0))
"""

import numpy as np

from nbtape.kernels.arithmetic import (
    absorb as absorb,
    ceil as ceil,
    floor as floor,
    floordiv as floordiv,
    floormod as floormod,
    invert as invert,
    isfinite as isfinite,
    isinf as isinf,
    left_shift as left_shift,
    maximum as maximum,
    minimum as minimum,
    nextafter as nextafter,
    reciprocal as reciprocal,
    right_shift as right_shift,
    rint as rint,
    rsqrt as rsqrt,
    sign as sign,
    sqrt as sqrt,
    truncatediv as truncatediv,
    truncatemod as truncatemod,
    where as where,
)
from nbtape.kernels.exponential import (
    cosh as cosh,
    exp as exp,
    expm1 as expm1,
    sigmoid as sigmoid,
    sinh as sinh,
    tanh as tanh,
)
from nbtape.kernels.logarithm import (
    acosh as acosh,
    asinh as asinh,
    atanh as atanh,
    log as log,
    log1p as log1p,
    log_sigmoid as log_sigmoid,
    softplus as softplus,
)
from nbtape.kernels.narrow import brain as brain, half as half
from nbtape.kernels.power import pow as pow
from nbtape.kernels.special import (
    erf as erf,
    erfc as erfc,
    erfcx as erfcx,
    gelu as gelu,
    gelu_tanh as gelu_tanh,
    selu as selu,
    softsign as softsign,
)
from nbtape.kernels.trigonometric import (
    acos as acos,
    asin as asin,
    atan as atan,
    atan2 as atan2,
    cos as cos,
    sin as sin,
    tan as tan,
)
