import numpy as np

from nbtape.ops.key import ARRAY, Key
from samples import case, real

X = real(3, 4, 2)
ROWS, COLUMNS = np.array([2, 0, 2], np.int32), np.array([1, -1, 1])
ALL = slice(None)
KEYS = [
    1,
    -1,
    slice(1, None),
    slice(None, None, -2),
    (0, 1, 1),
    (0, Ellipsis),
    (Ellipsis, 0),
    (None, ALL, 2, None),
    (slice(2, 0, -1), slice(5, 9)),
    (),
    Ellipsis,
]
FANCY = [
    (ARRAY, ARRAY),
    (ARRAY, ALL, ARRAY),
    (ARRAY, ARRAY, None, slice(0, 1)),
    (slice(1, 2), ARRAY, 1),
    (Ellipsis, ARRAY, 0),
    (0, None, ARRAY),
]


def arrays(key):
    return (ROWS, COLUMNS)[: key.count(ARRAY)] if key[0] is ARRAY else (COLUMNS,)


def fancy_grad(key):
    at = arrays(key)
    left = iter(at)
    return case(X[tuple(next(left) if k is ARRAY else k for k in key)], X, *at, key=Key(key))


SAMPLES = {
    "subscript": [case(X, key=Key(k)) for k in KEYS]
    + [case(np.float64(2), key=Key(k)) for k in ((), None, Ellipsis)]
    + [case(real(3), key=Key(k)) for k in (0, (Ellipsis, 0))],
    "unsubscript": [case(X[k], X, key=Key(k)) for k in KEYS],
    "dynamic_index": [case(X, np.int32(i), axis=a) for i, a in ((0, 0), (-1, 1), (1, 2))]
    + [case(real(3), np.int64(1), axis=0)],
    "undynamic_index": [
        case(X[:, 1], np.int32(1), X, axis=1),
        case(np.float64(2), np.int64(1), real(3), axis=0),
    ],
    "slice_indices": [
        case(np.int32(5), np.int32(1), np.int32(4), given=(True, True, False)),
        case(np.int32(5), np.int32(-2), given=(False, False, True)),
        case(np.int32(5), given=(False, False, False)),
    ],
    "fancy": [case(X, *arrays(k), key=Key(k)) for k in FANCY],
    "unfancy": [fancy_grad(k) for k in FANCY],
}
