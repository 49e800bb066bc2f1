import numpy as np

from nbtape.ops.sampler import OpStream
from samples import case

F32, F16, I32, I64 = map(np.dtype, (np.float32, np.float16, np.int32, np.int64))
SEED = np.array([1, 2], np.int64)


def both(name, *args, shape=(2, 3), dtype=F32, **attrs):
    """Cases of both rows of a kind of number, for a shape that is known and for one that is not."""
    sizes, hint = np.array(shape, np.int32), (None,) * len(shape)
    stateful = {"stream": OpStream(name, 1)}
    return {
        f"random_{name}": [
            case(*args, order=0, shape=shape, dtype=dtype, **stateful, **attrs),
            case(*args, sizes, order=0, shape=hint, dtype=dtype, **stateful, **attrs),
        ],
        f"stateless_{name}": [
            case(SEED, *args, order=0, shape=shape, dtype=dtype, **attrs),
            case(SEED, *args, sizes, order=0, shape=hint, dtype=dtype, **attrs),
        ],
    }


SAMPLES = {
    **both("uniform", dtype=F16, low=0.0, high=1.0),
    **both("uniform_int", np.int32(2), np.int32(5), dtype=I32),
    **both("full_int", dtype=I64),
    **both("normal", mean=1.0, stddev=2.0),
    **both("truncated_normal", shape=(), mean=0.0, stddev=1.0),
    **both("bounded_normal", *map(np.float32, (0, 1, -1, 2))),
    **both("gamma", np.float32([0.5, 1, 2])),
    **both("poisson", np.float32([0.5, 1, 2]), dtype=I64),
    **both("binomial", np.float32(10), np.float32(0.5), dtype=I32),
    **both("categorical", np.float32([[0, 1], [2, 3]]), dtype=I64),
    **both("permutation", shape=(5,), dtype=I64),
}
