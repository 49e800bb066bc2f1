import numpy as np

from samples import case, real

X = real(2, 3)
INT, LONG = np.dtype(np.int32), np.dtype(np.int64)

SAMPLES = {
    "shape": [case(X, dtype=INT), case(np.float64(1), dtype=LONG)],
    "size": [case(X, dtype=INT), case(real(0), dtype=LONG)],
    "rank": [case(X), case(np.float64(1))],
    "ensure_shape": [case(X, shape=(2, None)), case(X, shape=None), case(np.float64(1), shape=())],
    "broadcast_shape": [
        case(np.array([2, 1]), np.array([3])),
        case(np.array([4], np.int32), np.array([], np.int32)),
    ],
}
