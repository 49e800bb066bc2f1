import numpy as np

from samples import case, real

SAMPLES = {
    "dynamic_update": [
        case(real(3, 2), np.int32(1), real(2, seed=1)),
        case(real(3), np.int64(0), np.float64(2)),
    ],
}
