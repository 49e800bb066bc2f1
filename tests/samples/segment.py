import numpy as np

from samples import case, real

ROWS = 1.5 + real(4, 3)
IDS = np.array([0, 0, 2, 2], np.int32)
MIXED = np.array([1, -1, 0, 1], np.int64)
GRID = np.array([[1, 0, 1], [2, 1, -1]], np.int32)


def each(order=2):
    """Cases of each form: ids in order and in none, rows known and read at run time."""
    return [
        case(ROWS, IDS, rows=None, ordered=True),
        case(ROWS, MIXED, rows=2, ordered=False),
        case(1.5 + real(2, 3, 2), GRID, rows=3, ordered=False),
        case(np.float64(2), np.int32(0), rows=1, ordered=False),
        case(ROWS, MIXED, np.int32(2), rows=None, ordered=False),
        case(ROWS, MIXED, real(2, 5), rows=None, ordered=False),
        case(ROWS, MIXED, rows=5, ordered=False, order=order),
        case(ROWS.astype("float16"), IDS, rows=None, ordered=True),
        case(np.arange(4), IDS, rows=None, ordered=True),
        case(real(0, 2), IDS[:0], rows=None, ordered=True),
        case(real(150, 150), np.arange(150) % 7, rows=7, ordered=False, order=min(order, 1)),
    ]


SAMPLES = {
    "segment_sum": each(),
    "segment_prod": [*each(1), case(ROWS + 1j, IDS, rows=None, ordered=True)],
    "segment_max": each(0),
    "segment_min": each(0),
    "segment_count": [
        case(ROWS, IDS, rows=None, ordered=True),
        case(real(2, 3), GRID, rows=5, ordered=False),
        case(ROWS, MIXED, np.int32(2), rows=None, ordered=False),
    ],
    "segment_take": [case(ROWS, IDS), case(ROWS, MIXED), case(ROWS, GRID), case(real(3), np.int32(1))],
}
