import numpy as np

from samples import case, real

A = real(3, 3)
BATCH = real(2, 3, 3)
Z = A + 1j * real(3, 3, seed=1)
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, -1.0]])
ALL = [A, BATCH, Z, SINGULAR, np.ones((3, 3)), np.stack([A, SINGULAR]), np.eye(4), real(1, 1), SINGULAR * 1j]

SAMPLES = {
    "det": [*[case(a) for a in ALL], case(real(0, 0))],
    "cofactor": [*[case(a, order=0) for a in ALL], case(A), case(Z), case(BATCH), case(np.eye(3))],
    "cofactor_grad": [case(real(3, 3, seed=2), A), case(real(2, 3, 3, seed=2), BATCH),
        case(real(3, 3, seed=2) + 1j, Z)],
    "slogdet": [case(A), case(BATCH), case(real(0, 0)), case(Z)],
}  # fmt: skip
