import numpy as np

from samples import case, real

X = real(2, 3, 4)

SAMPLES = {
    "sum_to": [
        case(X, shape=()),
        case(X, shape=(4,)),
        case(X, shape=(3, 1)),
        case(X, shape=(1, 1, 1)),
        case(X, shape=(2, 1, 4)),
        case(real(2, 3).astype("float16"), shape=(3,)),
        case(X * 1j, shape=(4,)),
    ],
    "sum_to_like": [case(X, real(3, 1)), case(X, np.float64(1)), case(X, real(1, 3, 1))],
    "spread": [
        case(real(3), X, axis=(0, 2), keepdims=False),
        case(real(2, 1, 4), X, axis=(1,), keepdims=True),
        case(np.float64(2), X, axis=None, keepdims=False),
        case(real(4), X, axis=(), keepdims=True),
    ],
    "spread_evenly": [
        case(real(3), X, axis=(0, 2), keepdims=False),
        case(real(2, 1, 4), X, axis=(1,), keepdims=True),
        case(np.float64(2), X, axis=None, keepdims=False),
    ],
}
