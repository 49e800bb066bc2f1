import numpy as np

from samples import case, real

A = real(3, 3)
POSITIVE = A + 3 * np.eye(3)
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])

SAMPLES = {
    "block": [case(A, A.T), case(real(2, 3, 3), real(2, 3, 3, seed=1)), case(A * 1j, A + 0j)],
    "corner": [case(real(4, 4)), case(real(2, 6, 6)), case(real(0, 0))],
    "block_trace": [case(real(4, 4)), case(real(2, 6, 6))],
    "expm": [
        case(A), case(8 * A, order=1), case(np.stack([A, 20 * A]), order=0),
        case(A + 1j * real(3, 3, seed=1)), case(real(0, 0), order=0),
        case(A.astype("float32")), case(real(2, 2, 2)),
    ],
    "sqrtm": [case(POSITIVE), case(TURN), case(np.stack([POSITIVE, POSITIVE.T])), case(POSITIVE + 1j * A),
        case(-POSITIVE, order=0)],
    "logm": [case(POSITIVE + 1j * A), case(POSITIVE + 0j), case(np.zeros((2, 2), complex), order=0)],
}  # fmt: skip
