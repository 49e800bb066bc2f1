import numpy as np

from samples import case

PLACES = np.array([[0, 2], [-1, 1]], np.int32)
ON, OFF = np.float64(2), np.float64(-1)

SAMPLES = {
    "range": [
        case(np.int32(0), np.int32(5), np.int32(2)),
        case(np.int64(5), np.int64(0), np.int64(-2)),
        case(np.float32(0), np.float32(1), np.float32(0.3), order=0),
        case(np.float64(1), np.float64(1), np.float64(1), order=0),
    ],
    "one_hot": [case(PLACES, ON, OFF, depth=3, axis=a) for a in (0, 1, 2)]
    + [
        case(np.int32(1), ON, OFF, depth=2, axis=0),
        case(PLACES, np.float32(1), np.float32(0), depth=3, axis=2),
    ]
    + [case(PLACES, np.bool_(True), np.bool_(False), depth=0, axis=2)],
}
