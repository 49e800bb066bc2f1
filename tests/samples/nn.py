import numpy as np

from samples import case, real

KEEP = np.array([[True, False, True], [False, True, True]])

SAMPLES = {
    "bias_add": [case(real(2, 3), real(3, seed=1)), case(real(2, 4, 3), real(3, seed=1))],
    "dropout": [
        case(real(2, 3), KEEP, 2.0),
        case(real(2, 3), KEEP[:, :1], real()[()]),
        case(real()[()], KEEP[0, 0], 2.0),
    ],
    "l2_loss": [case(real(2, 3)), case(real()[()]), case(real(0))],
}
