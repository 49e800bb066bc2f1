import numpy as np

from samples import case, real

X = real(3, 4)

SAMPLES = {
    "reverse": [case(X, axis=(0,)), case(X, axis=(0, 1)), case(X, axis=()), case(np.float64(1), axis=())],
    "roll": [
        case(X, shift=(1,), axis=(0,)),
        case(X, shift=(5, -1), axis=(1, 0)),
        case(X, shift=(1, 2), axis=(0, 0)),
        case(real(0, 2), shift=(1,), axis=(0,)),
    ],
    "reverse_sequence": [
        case(X, np.array([2, 4, 0], np.int32), seq_axis=1, batch_axis=0),
        case(real(2, 3, 4), np.array([1, 2, 0, 2]), seq_axis=0, batch_axis=2),
    ],
    "bitcast": [
        case(real(2), dtype=np.dtype(np.int64)),
        case(real(2), dtype=np.dtype(np.int16)),
        case(np.arange(6, dtype=np.int32).reshape(3, 2), dtype=np.dtype(np.int64)),
        case(np.float32(1), dtype=np.dtype(np.int32)),
    ],
}
