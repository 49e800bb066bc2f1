import numpy as np

from samples import case, real

INT, LONG = np.dtype(np.int32), np.dtype(np.int64)

SAMPLES = {
    "unique": [
        case(np.array([5, 3, 5, 1]), dtype=INT),
        case(np.array([b"b", b"a", b"b"], object), dtype=LONG),
        case(np.array([0.5, 2.5, 0.5, 1.5]), dtype=INT, order=0),
    ],
    "first_of": case(np.array([0, 1, 0, 2])),
    "searchsorted": [
        case(np.array([1.0, 2.0, 2.0, 3.0]), real(5), side="left", dtype=INT),
        case(np.sort(real(2, 4)), real(2, 3), side="right", dtype=LONG),
    ],
    "invert_permutation": case(np.array([2, 0, 1], np.int32)),
}
