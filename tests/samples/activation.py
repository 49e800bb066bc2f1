import numpy as np

from samples import Domain, case, real

AWAY = Domain(-3, 3, avoid=(0,))
REAL = Domain(-3, 3)

ELEMENTWISE = {
    "relu": AWAY,
    "relu6": Domain(-3, 9, avoid=(0, 6)),
    "relu_grad": (REAL, AWAY),
    "relu6_grad": (REAL, Domain(-3, 9, avoid=(0, 6))),
    "leaky_relu": (AWAY, Domain(0.1, 0.5)),
    "leaky_relu_grad": (REAL, AWAY, Domain(0.1, 0.5)),
    "elu": AWAY,
    "selu": AWAY,
    "silu": (REAL, Domain(0.5, 2)),
    "gelu": REAL,
    "gelu_tanh": REAL,
    "masked": (REAL, Domain(0, 1, dtype="bool")),
}

SAMPLES = {
    "leaky_relu": [case(real(2, 3), 0.2), case(real(2, 3).astype(np.float16), 2.0)],
    "leaky_relu_grad": case(real(2, 3), real(2, 3, seed=1), 0.2),
    "silu": case(real(4), 1.0),
}
