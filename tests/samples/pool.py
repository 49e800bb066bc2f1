import numpy as np

from samples import case, real

LINE = {"ksize": (2,), "strides": (2,), "padding": "VALID"}
SAME = {"ksize": (3, 2), "strides": (1, 2), "padding": "SAME"}
PAIRS = {"ksize": (2, 3), "strides": (2, 1), "padding": ((1, 0), (1, 2))}
CUBE = {"ksize": (2, 2, 2), "strides": (1, 2, 1), "padding": "SAME"}
POOLS = [((2, 5, 2), LINE), ((1, 4, 5, 2), SAME), ((2, 4, 4, 1), PAIRS), ((1, 2, 3, 3, 1), CUBE)]
OUT = [(2, 2, 2), (1, 4, 3, 2), (2, 2, 5, 1), (1, 2, 2, 3, 1)]
INDEX = np.array([[[0, 3]], [[8, 5]]])

SAMPLES = {
    "max_pool": [
        *(case(real(*x), **attrs) for x, attrs in POOLS),
        case(np.arange(4).reshape(1, 4, 1), **LINE),
    ],
    "unpool": [
        case(real(2, 1, 2), INDEX, shape=(3, 2)),
        case(real(2, 1, 2), INDEX, real(2, 3, 2), shape=None),
    ],
    "unpool_take": case(real(2, 3, 2), INDEX),
    "avg_pool": [case(real(*x), **attrs) for x, attrs in POOLS],
    "avg_pool_grad": [
        *(case(real(*y), shape=x[1:], **attrs) for y, (x, attrs) in zip(OUT, POOLS, strict=True)),
        case(real(2, 2, 2), real(2, 5, 2), shape=None, **LINE),
    ],
}
