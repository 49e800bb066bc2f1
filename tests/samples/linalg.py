import numpy as np

from samples import case, real

A, B, C = real(2, 3, seed=1), real(3, 4, seed=2), real(5, 2, 3, seed=3)
Z = real(2, 3, seed=4) + 1j * real(2, 3, seed=5)
W = real(3, 2, seed=6) + 1j * real(3, 2, seed=7)

SAMPLES = {
    "matmul": [
        case(A, B), case(C, B), case(A, real(5, 3, 1)), case(real(4, 1, 2, 3), real(5, 3, 2)), case(Z, W),
        case(A, real(2, 4), transpose_a=True), case(A, real(4, 3), transpose_b=True),
        case(C, real(2, 4), transpose_a=True),
        case(A, real(4, 2), transpose_a=True, transpose_b=True),
        case(C, real(4, 2), transpose_a=True, transpose_b=True),
        case(real(3, 2), real(5, 3, 1), transpose_a=True),
        case(real(3, 2), real(5, 1, 3), transpose_a=True, transpose_b=True),
        case(Z, real(3, 2) + 0j, transpose_a=True, transpose_b=True), case(C, real(4, 3), transpose_b=True),
        case(real(0, 3), B), case(real(2, 0), real(0, 2)), case(real(2, 0, 3), B),
        case(real(2, 3, 0), real(0, 4)),
        case(A.astype("float16"), B.astype("float16")),
        case(np.arange(6).reshape(2, 3), np.arange(3)[:, None]),
    ],
    "matvec": [
        case(A, real(3)), case(C, real(3)), case(A, real(5, 3)), case(C, real(4, 5, 2), transpose_a=True),
        case(Z, real(3) * 1j),
        case(A.astype("float16"), real(3).astype("float16")),
    ],
    "matrix_transpose": [case(A), case(C), case(Z), case(np.array([[True, False]]))],
    "cross": [case(real(3), real(3, seed=1)), case(real(4, 3), real(4, 3, seed=1)),
        case(real(0, 3), real(0, 3))],
}  # fmt: skip
