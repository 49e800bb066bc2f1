import numpy as np

from samples import case, real

X, Y = real(2, 3), real(2, 3, seed=1)

SAMPLES = {
    "concat": [
        case(X, Y, axis=0),
        case(X, real(2, 1, seed=2), Y, axis=1),
        case(real(0, 3), X, axis=0),
        case(np.array([True]), np.array([False]), axis=0),
    ],
    "concat_part": [
        case(real(5, 3), X, real(3, 3), which=1, axis=0),
        case(real(2, 4), X, real(2, 1), which=0, axis=1),
    ],
    "stack": [
        case(X, Y, axis=0),
        case(X, Y, axis=1),
        case(X, Y, axis=2),
        case(np.float64(1), np.float64(2), np.float64(3), axis=0),
    ],
    "unstack": [
        case(X, num=2, axis=0),
        case(X, num=3, axis=1),
        case(real(2, 3, 4), num=3, axis=1),
        case(real(3), num=3, axis=0),
        case(real(1, 2), num=1, axis=0),
    ],
    "split": [
        case(X, sizes=(1, 2), axis=1),
        case(X, sizes=(None, None), axis=0),
        case(X, sizes=(0, 2, 0), axis=0),
        case(X, sizes=(None,), axis=1),
    ],
}
