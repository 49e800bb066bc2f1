import numpy as np

from samples import case, real

A = real(3, 3) + 2 * np.eye(3)
BATCH = real(2, 3, 3) + 2 * np.eye(3)
Z = A + 1j * real(3, 3, seed=1)
BIG = real(20, 20) + 5 * np.eye(20)
B = real(3, 2, seed=2)


def triangle(a, b, lower=True, adjoint=False):
    return case(a, b, lower=lower, adjoint=adjoint)


SAMPLES = {
    "triangular_solve": [
        triangle(A, B), triangle(A, B, False), triangle(A, B, True, True), triangle(A, B, False, True),
        triangle(BATCH, B),
        triangle(A, real(4, 3, 1), False), triangle(Z, B + 1j, True, True), triangle(real(0, 0), real(0, 2)),
        triangle(real(9, 9) + 3 * np.eye(9), real(9, 1)),
        *[triangle(BIG, real(20, 2), low, adj) for low in (True, False) for adj in (True, False)],
        triangle(BIG * (1 + 1j), real(20, 2) + 0j, True, True), triangle(np.stack([BIG, BIG.T]), real(20, 1)),
    ],
    "solve": [
        case(A, B, adjoint=False), case(A, B, adjoint=True), case(BATCH, real(2, 3, 1), adjoint=False),
        case(Z, B + 1j, adjoint=False),
        case(Z, B + 1j, adjoint=True), case(A, real(3, 0), adjoint=False),
    ],
    "inv": [
        case(A, adjoint=False), case(A, adjoint=True), case(BATCH, adjoint=False), case(Z, adjoint=False),
        case(Z, adjoint=True),
        case(real(0, 0), adjoint=False), case(A.astype("float16"), adjoint=False),
    ],
}  # fmt: skip
