"""What kernels without loops import in place of the functions of `math.py` with these names.

A number on its own is waited for by the next one. So there are branches in here, to shorter ways.

>>> sin(np.float32(0.5)) == math.sin(np.float32(0.5))
np.True_
"""

import numpy as np

from nbtape.kernels import math
from nbtape.kernels.trigonometric import lone_cos as cos, lone_sin as sin

__all__ = ["cos", "sin"]
