import numpy as np

from samples import case, real

X, U = real(4, 2), real(3, 2, seed=1)
PLACES, APART = np.array([2, 0, 2], np.int32), np.array([3, 0, 1])

SAMPLES = {
    "scatter_add": [
        case(PLACES, U, rows=4),
        case(PLACES, real(3), rows=3),
        case(np.array([[0, 1], [1, 1]]), real(2, 2, 3), rows=2),
        case(np.int32(1), real(2), rows=3),
    ],
    "scatter_add_by": case(PLACES, U, np.int32(4), hint=None),
    "tensor_scatter": [case(X, PLACES, U, kind=k) for k in ("add", "sub")]
    + [case(X, APART, U, kind=k) for k in ("update", "max", "min")]
    + [
        case(real(4), APART.reshape(3, 1), real(3, 1), kind="update"),
        case(real(4), np.int32(2), np.float64(2), kind="add"),
    ],
}
