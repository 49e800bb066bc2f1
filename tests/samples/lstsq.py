import numpy as np

from samples import case, real

SAMPLES = {
    "pinv": [
        case(real(3, 3), np.float64(1e-12)), case(real(4, 2), np.float64(1e-12)),
        case(real(2, 4), np.float64(1e-12)),
        case(real(2, 4, 2), np.array([1e-12, 1e-9])),
        case(real(4, 2) + 1j * real(4, 2, seed=1), np.complex128(1e-12)),
        case(np.ones((3, 2)), np.float64(1e-9), order=0), case(real(0, 2), np.float64(1e-9), order=0),
    ],
}  # fmt: skip
