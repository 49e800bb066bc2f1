import numpy as np

from samples import Domain, case, real

ANY = Domain(-2, 2)
X = real(2, 3, 4)
AXES = [((0, 1, 2), False), ((0, 1, 2), True), ((1,), False), ((0, 2), False), ((0, 2), True), ((), False)]
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])


def each(x=X, order=2):
    """A case for each way to fold the axes of a cube."""
    return [case(x, axis=axis, keepdims=keep, order=order) for axis, keep in AXES]


def number(value=0.7):
    return case(np.float64(value), axis=(), keepdims=False)


ELEMENTWISE = {"matches": (ANY, ANY)}

SAMPLES = {
    "sum": [*each(), *each(X.astype("int8")), *each(X + 1j * X[::-1]), number()],
    "mean": [
        *each(),
        number(),
        case(real(3).astype("float16"), axis=(0,), keepdims=False),
        *each(X * 1j),
        case(np.array([-5, 2, -1]), axis=(0,), keepdims=False),
        case(real(0, 2), axis=(1,), keepdims=True),
    ],
    "prod": [
        *each(),
        number(),
        *each(X + 1j * X[::-1]),
        case(np.array([0.0, 2.0, 3.0]), axis=(0,), keepdims=False),
        case(np.array([[0.0, 2.0], [0.0, 3.0]]), axis=(0, 1), keepdims=False),
        case(real(0), axis=(0,), keepdims=False),
    ],
    "max": [*each(), number(), case(TIES, axis=(1,), keepdims=False, order=0), *each(X.astype("float16"))],
    "min": [
        *each(),
        number(),
        case(TIES, axis=(0, 1), keepdims=True, order=0),
        case(real(0, 2), axis=(0,), keepdims=False, order=0),
    ],
    "any": each(X > 0.5),
    "all": each(X > -0.9),
    "softmax_over": [
        *[case(X, axis=axis) for axis, keep in AXES if not keep],
        case(np.array([[-np.inf, -np.inf], [1.0, 2.0]]), axis=(1,)),
        case(np.array([np.inf, np.inf, 1.0]), axis=(0,), order=0),
        case(X.astype("float16"), axis=(1,)),
    ],
    "logsumexp": [
        *each(),
        number(),
        case(np.array([-np.inf, 1.0, 2.0]), axis=(0,), keepdims=False),
        *each(X.astype("float32")),
        case(real(0), axis=(0,), keepdims=False, order=0),
    ],
}
