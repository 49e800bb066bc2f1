import numpy as np

from samples import case, real

# The gradient of cholesky is that of a self-adjoint matrix, of which it reads half: test_linalg moves both.
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.5], [0.5, -0.5, 2.0]])
H = S + 0.3j * np.array([[0, -1, 2], [1, 0, 1], [-2, -1, 0]])
BATCH = real(2, 3, 3) + 2 * np.eye(3)

SAMPLES = {
    "cholesky": [case(S, order=0), case(np.stack([S, S + 1]), order=0), case(H, order=0), case(real(0, 0)),
        case(-S, order=0)],
    "qr": [
        case(BATCH, full=False), case(BATCH, full=True), case(real(4, 2), full=False),
        case(real(2, 4), full=False),
        case(real(3, 2, 4), full=True), case(real(3, 2), full=True), case(H, full=False),
        case(real(0, 2), full=False, order=0),
        case(real(4, 2) + 1j * real(4, 2, seed=1), full=False),
        case(S.astype("float16"), full=False, order=0),
    ],
    "lu": [
        case(BATCH, dtype=np.dtype("int32")), case(S[[2, 0, 1]], dtype=np.dtype("int64")),
        case(H, dtype=np.dtype("int32")),
        case(real(0, 0), dtype=np.dtype("int32"), order=0),
    ],
}  # fmt: skip
