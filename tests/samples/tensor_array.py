import numpy as np

from samples import case, real

SAMPLES = {
    "dynamic_update": [
        case(real(3, 2), np.int32(1), real(2, seed=1)),
        case(real(3), np.int64(0), np.float64(2)),
    ],
    "dynamic_put": [
        case(real(3, 2), np.int32(4), real(2, seed=1)),
        case(real(3), np.int64(0), np.float64(2)),
    ],
    "undynamic_put": [
        case(real(5, 2), np.int32(4), real(3, 2, seed=1)),
        case(real(3), np.int64(0), real(3, seed=1)),
    ],
}
