import numpy as np

from samples import case, real

SAMPLES = {
    "iota": case(size=3, dtype=np.dtype(np.int32)),
    "zeros_like": [
        case(real(2, 3)),
        case(np.float32(1)),
        case(np.array([True])),
        case(np.array([b"a"], object)),
    ],
    "ones_like": [case(real(2, 3)), case(np.int8(3)), case(np.array([2j]))],
}
