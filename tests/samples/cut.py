import numpy as np

from samples import case, real

X = real(3, 4)

SAMPLES = {
    "slice": [
        case(X, begin=(1, 0), size=(2, 3)),
        case(X, begin=(0, 0), size=(3, 4)),
        case(X, begin=(3, 2), size=(0, 1)),
        case(np.float64(1), begin=(), size=()),
    ],
    "unslice": [case(real(2, 2), X, begin=(1, 1))],
    "slice_like": [case(X, np.zeros((2, 2)), begin=(1, 1))],
    "pad": [
        case(X, paddings=((1, 2), (0, 3))),
        case(X, paddings=((0, 0), (0, 0))),
        case(np.array([1, 2], np.int32), paddings=((1, 0),)),
        case(np.float64(1), paddings=()),
    ],
    "pad_value": [
        case(X, np.float64(2), paddings=((1, 2), (0, 3))),
        case(X, np.float64(2), paddings=((0, 0), (0, 0))),
    ],
}
