import numpy as np

from samples import Domain, case, real

X = real(2, 4, 3)
WAYS = [(False, False), (False, True), (True, False), (True, True)]


def each(x=X, axis=1, order=2):
    """A case for each way to go along an axis."""
    return [case(x, axis=axis, exclusive=e, reverse=r, order=order) for e, r in WAYS]


LONG = 1 + 0.01 * real(300)

ELEMENTWISE = {"exp_sub": (Domain(-2, 2), Domain(-2, 2))}

SAMPLES = {
    "cumsum": [*each(), *each(X.astype("int8"), 0), *each(X.astype("float16"), 2), *each(X * 1j, 2)],
    "cumprod": [
        *each(1.5 + X),
        *each(np.array([2.0, 0.0, 3.0, 0.0, 4.0]), 0),
        *each(X + 1j * X[::-1], 2),
        *each(LONG, 0),
        case(real(0, 2), axis=0, exclusive=True, reverse=False),
    ],
    "cumlogsumexp": [
        *[
            case(x, axis=0, exclusive=e, reverse=r, order=0 if e else 2)
            for x in (X, 10 * real(5))
            for e, r in WAYS
        ],
        *each(X.astype("float16"), 0),
        case(X, axis=1, exclusive=False, reverse=True),
    ],
    "recurrence": [
        case(X, X[::-1], axis=1, reverse=False),
        case(X, X[::-1], axis=2, reverse=True),
        case(LONG, LONG[::-1].copy(), axis=0, reverse=True),
        case(X * 1j, X + 0j, axis=0, reverse=False),
    ],
    "shift": [case(X, axis=1, by=1), case(X, axis=2, by=-1), case(real(0), axis=0, by=1)],
}
