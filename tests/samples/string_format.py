import numpy as np

from samples import case

SAMPLES = {
    "as_string": [case(np.array([1.5, -2.0]), form="%f", order=0), case(np.array([True]), form="%d")],
    "to_number": [case(np.array([b"1.5", b"2"], dtype=object), dtype=np.dtype(np.float32))],
    "string_format": [case(np.arange(10), template="x: {}", placeholder="{}", summarize=3)],
}
