import numpy as np

from samples import case

SAMPLES = {"repeat_indices": case(np.array([2, 0, 3], np.int32))}
