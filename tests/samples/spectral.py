import numpy as np

from samples import case, real

# Vectors of complex matrices turn freely in the complex plane: test_linalg checks what does not depend on it.
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.5], [0.5, -0.5, 1.0]])
H = S + 0.3j * np.array([[0, -1, 2], [1, 0, 1], [-2, -1, 0]])
BATCH = np.stack([S, S + real(3, 3)])
SKEW = np.array([[1.0, 2.0, 0.0], [-2.0, 1.5, 1.0], [0.3, 0.0, -1.0]])

SAMPLES = {
    "svd": [
        case(S, full=False), case(BATCH, full=True), case(real(4, 2), full=False),
        case(real(2, 4), full=False), case(H, full=False, order=0),
        case(real(3, 2), full=True), case(real(2, 3), full=True), case(real(0, 2), full=False, order=0),
        case(np.full((2, 2), np.nan), full=False, order=0),
    ],
    "singular_values": [case(S), case(BATCH), case(real(4, 2)), case(real(2, 4)), case(H), case(real(2, 0))],
    "eigh": [case(S), case(BATCH), case(H, order=0), case(real(0, 0), order=0)],
    "eigvalsh": [case(S), case(BATCH), case(H), case(real(0, 0), order=0)],
    "eig": [case(S + np.triu(real(3, 3)), order=2), case(H, order=0), case(SKEW, order=0),
        case(SKEW.astype("float32"), order=0)],
    "eigvals": [case(S + np.triu(real(3, 3))), case(SKEW), case(H), case(np.stack([SKEW, S]))],
    "inverse_gaps": [case(np.array([1.0, 2.0, 4.0])), case(np.array([[1.0, 3.0], [2.0, -1.0]])),
        case(np.array([1.0, 1.0, 2.0]), order=0)],
}  # fmt: skip
