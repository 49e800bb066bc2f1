import numpy as np

from samples import case, real


def classes(*shape, n, dtype="int32", seed=0):
    return np.random.default_rng(seed).integers(0, n, shape).astype(dtype)[()]


# Rows of few classes and of many, few rows and many, and one row alone: each its own path.
SAMPLES = {
    "softmax_xent": [
        case(real(3, 4, lo=0, hi=1), real(3, 4, lo=-3, hi=3), axis=1),
        case(real(40, 3, lo=0, hi=1), real(40, 3, lo=-3, hi=3), axis=1),
        case(real(4, lo=0, hi=1), real(4, seed=1), axis=0),
        case(real(2, 3, 4, lo=0, hi=1), real(2, 3, 4, seed=1), axis=1),
        case(real(2, 0), real(2, 0), axis=1),
    ],
    "sparse_xent": [
        case(classes(3, n=4), real(3, 4, lo=-3, hi=3)),
        case(classes(40, n=3, dtype="int64"), real(40, 3, lo=-3, hi=3)),
        case(classes(n=4), real(4)),
        case(classes(2, 3, n=4), real(2, 3, 4)),
        case(classes(8, 9, n=4), real(8, 9, 4)),
        case(classes(0, n=3), real(0, 3)),
    ],
    "class_numbers": [case(classes(3, n=4), n=4), case(classes(2, 3, n=4, dtype="int64"), n=4)],
    "sparse_xent_grad": [
        case(real(3), classes(3, n=4), real(3, 4, lo=-3, hi=3)),
        case(real(40), classes(40, n=3), real(40, 3, lo=-3, hi=3)),
        case(real()[()], classes(n=4), real(4)),
        case(real(2, 3), classes(2, 3, n=4), real(2, 3, 4)),
    ],
    "sigmoid_xent": [
        case(real(2, 3, lo=0, hi=1), real(2, 3, lo=-5, hi=5)),
        case(real()[()], real(seed=1)[()]),
    ],
}
