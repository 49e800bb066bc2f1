import numpy as np

from samples import case, real

X = real(3, 4)
PLACES = np.array([[1, 0], [3, 2], [0, 3]], np.int32)
INT, LONG = np.dtype(np.int32), np.dtype(np.int64)

SAMPLES = {
    "argmax": [
        case(X, axis=0, dtype=LONG),
        case(X, axis=1, dtype=INT),
        case(np.array([1, np.nan, 3]), axis=0, dtype=LONG),
    ],
    "argmin": [case(X, axis=-1, dtype=LONG), case(np.array([True, False]), axis=0, dtype=INT)],
    "sort": [case(X, axis=a, descending=d) for a in (0, 1, -1) for d in (False, True)],
    "argsort": [case(X, axis=a, descending=d) for a in (0, -1) for d in (False, True)],
    "top_k": [case(X, k=2, dtype=INT), case(X, k=0, dtype=LONG), case(real(2, 100), k=3, dtype=INT)],
    "take_along": [case(X, PLACES, axis=1), case(X, np.array([[2, 0, 1, 1]], np.int32), axis=0)],
    "put_along": [case(real(3, 2), PLACES, axis=1, size=4), case(real(3, 2), PLACES, X, axis=-1, size=None)],
    "in_top_k": case(np.array([0, 9, 2], np.int32), X.astype("float32"), k=2),
}
