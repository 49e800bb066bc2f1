import numpy as np

from samples import case, real

X = real(2, 3)
SCALAR = np.float64(0.5)

SAMPLES = {
    "reshape": [
        case(X, shape=(3, 2)),
        case(X, shape=(6,)),
        case(X, shape=(1, -1, 2)),
        case(real(1), shape=()),
        case(SCALAR, shape=(1, 1)),
        case(real(0, 3), shape=(3, 0)),
        case(X.T, shape=(2, 3)),
    ],
    "reshape_like": [case(X, np.zeros((3, 2))), case(real(1), np.float32(0))],
    "reshape_by": [
        case(X, np.array([3, 2]), hint=(3, None)),
        case(X, np.array([-1]), hint=None),
        case(real(1), np.array([], np.int32), hint=()),
    ],
    "transpose": [
        case(X, perm=(1, 0)),
        case(X, perm=None),
        case(real(2, 3, 4), perm=(2, 0, 1)),
        case(SCALAR, perm=()),
        case(real(2, 0), perm=(1, 0)),
    ],
    "broadcast_to": [
        case(X, shape=(2, 3)),
        case(X, shape=(4, 2, 3)),
        case(real(2, 1), shape=(2, 3)),
        case(SCALAR, shape=(2, 2)),
        case(SCALAR, shape=()),
        case(real(1), shape=(0,)),
        case(real(1, 2), shape=(3000, 2)),
    ],
    "broadcast_by": [
        case(real(2, 1), np.array([2, 3]), hint=(2, None)),
        case(SCALAR, np.array([2]), hint=None),
    ],
    "expand_dims": [case(X, axis=a) for a in (0, 1, 2)] + [case(SCALAR, axis=0)],
    "squeeze": [
        case(real(1, 2, 1), axis=(0, 2)),
        case(real(1, 2, 1), axis=(2,)),
        case(real(1, 1), axis=(0, 1)),
    ],
}
