import numpy as np

from samples import case, real

X = real(3, 4)

SAMPLES = {
    "where_indices": [case(X > 0), case(np.array([0, 3, 0])), case(real(2, 0))],
    "flat_nonzero": [case(X > 0), case(np.bool_(True))],
}
