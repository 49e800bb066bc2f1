import numpy as np

from samples import case, real

NUMBERS = np.array([[1, 2, 2], [0, 2, 4]], np.int32)
INT, DOUBLE = np.dtype(np.int32), np.dtype(np.float64)
LABELS, GUESSES = np.array([0, 1, 2, 1]), np.array([0, 2, 2, 1])

SAMPLES = {
    "bincount": [
        case(NUMBERS[0], size=None, least=0, most=None, binary=False, dtype=INT),
        case(NUMBERS, size=None, least=6, most=None, binary=True, dtype=INT),
        case(NUMBERS, size=None, least=0, most=3, binary=False, dtype=INT),
        case(NUMBERS, real(2, 3), size=None, least=0, most=3, binary=False, dtype=DOUBLE),
        case(NUMBERS, size=3, least=3, most=3, binary=False, dtype=INT),
        case(NUMBERS, size=4, least=4, most=4, binary=True, dtype=INT),
        case(NUMBERS[0], real(3), size=4, least=0, most=None, binary=False, dtype=DOUBLE),
    ],
    "bin_of": [case(real(4), NUMBERS[0]), case(real(2, 3), NUMBERS)],
    "histogram_fixed_width": case(real(20), np.array([-0.5, 0.5]), nbins=4, dtype=INT),
    "histogram_fixed_width_bins": case(real(20), np.array([-0.5, 0.5]), nbins=4),
    "confusion_matrix": [
        case(LABELS, GUESSES, size=None, dtype=INT),
        case(LABELS, GUESSES, size=3, dtype=INT),
        case(LABELS, GUESSES, real(4), size=4, dtype=DOUBLE),
    ],
    "cell_of": case(real(3, 3), LABELS, GUESSES),
}
