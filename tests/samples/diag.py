import numpy as np

from samples import case, real

LEFT, RIGHT = "LEFT_RIGHT", "RIGHT_LEFT"


def put(d, k, rows=-1, cols=-1, padding=0, align=RIGHT):
    return case(d, k=k, rows=rows, cols=cols, padding=padding, align=align)


def taken(x, k, padding=0, align=RIGHT):
    return case(x, k=k, padding=padding, align=align)


SAMPLES = {
    "diag": [
        put(real(3), (0, 0)), put(real(2, 3), (1, 1)), put(real(2), (-1, -1), padding=2),
        put(real(2), (0, 0), 2, 4),
        put(real(3, 3), (-1, 1)), put(real(3, 2), (-1, 1), 3, 2, align="LEFT_LEFT"),
        put(real(2, 2, 3), (0, 1), align=LEFT),
        put(real(2), (5, 5), 3), put(np.array([True, False]), (0, 0)), put(real(2, 0), (0, 0)),
        put(real(2) * 1j, (0, 0)),
    ],
    "diag_part": [
        taken(real(3, 3), (0, 0)), taken(real(2, 3, 4), (1, 1)), taken(real(3, 4), (-1, 2)),
        taken(real(2, 4, 3), (-2, 1), 7, LEFT),
        taken(real(3, 4), (-2, -1), align="RIGHT_RIGHT"), taken(real(0, 0), (0, 0)),
        taken(np.arange(6).reshape(2, 3), (0, 1)),
    ],
    "set_diag": [
        case(real(3, 4), real(3, seed=1), k=(0, 0), align=RIGHT),
        case(real(2, 3, 4), real(2, 3, seed=1), k=(1, 1), align=RIGHT),
        case(real(3, 4), real(3, 3, seed=1), k=(-1, 1), align=LEFT),
        case(real(3, 3) * 1j, real(3) * 1j, k=(0, 0), align=RIGHT),
    ],
    "band_part": [
        case(real(3, 4), lower=-1, upper=0), case(real(2, 4, 3), lower=1, upper=-1),
        case(real(3, 3), lower=0, upper=0),
        case(real(3, 3) * 1j, lower=1, upper=1), case(np.ones((2, 2), bool), lower=0, upper=0),
        case(real(0, 2), lower=0, upper=0),
    ],
}  # fmt: skip
