import numpy as np

from samples import case, real

SAMPLES = {"stitch": [case(np.array([3, 0, 1]), real(3, 2)), case(np.array([0, 3]), real(2))]}
