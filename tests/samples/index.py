import numpy as np

from samples import case, real

X = real(3, 4)
PLACES, TABLE = np.array([2, 0, 2], np.int32), np.array([[0, 1], [1, 1]])
ONE = np.int32(1)

SAMPLES = {
    "take": [
        case(X, PLACES, axis=0),
        case(X, TABLE, axis=1),
        case(X, ONE, axis=0),
        case(X, ONE, axis=1),
        case(real(3), ONE, axis=0),
        case(X, np.zeros(0, np.int64), axis=0),
        case(real(2, 3, 4), TABLE, axis=1),
    ],
    "untake": [
        case(real(3, 4), PLACES, X, axis=0),
        case(real(3, 2, 2), TABLE, X, axis=1),
        case(real(4), ONE, X, axis=0),
        case(np.float64(2), ONE, real(3), axis=0),
        case(real(2, 2, 2, 4), TABLE, real(2, 3, 4), axis=1),
    ],
    "gather": [case(X, PLACES, axis=0), case(X, TABLE, axis=0), case(X, ONE, axis=0), case(X, TABLE, axis=1)],
    "batch_index": [
        case(TABLE, np.int32(2), batch_dims=1),
        case(TABLE, np.int32(2), batch_dims=2),
        case(TABLE, batch_dims=1, n=2),
    ],
    "flat_index": [
        case(np.array([[1, 2], [0, 0]], np.int32), what="shape", sizes=(3, 4)),
        case(np.array([[1, 2], [0, 0]], np.int32), np.array([3, 4]), what="shape"),
        case(np.array([1]), np.array([3, 4]), what="shape"),
        case(np.zeros((2, 0), np.int32), np.array([3]), what="shape"),
    ],
    "unravel_index": [
        case(np.array([2, 5, 7], np.int32), np.array([3, 3], np.int32)),
        case(np.int64(4), np.array([2, 3])),
    ],
}
