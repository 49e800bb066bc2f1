import numpy as np

from samples import Domain, case

REAL = Domain(-2, 2)
POSITIVE = Domain(0.2, 4)
AWAY = Domain(-3, 3, avoid=(0,))

ELEMENTWISE = {
    "erf": REAL,
    "erfc": REAL,
    "erfcx": REAL,
    "erfinv": Domain(-0.9, 0.9),
    "erfcinv": Domain(0.1, 1.9),
    "ndtri": Domain(0.1, 0.9),
    "lgamma": POSITIVE,
    "digamma": POSITIVE,
    "zeta": (Domain(2, 2), Domain(0.5, 3)),
    "betainc": (Domain(2, 2), Domain(3, 3), Domain(0.1, 0.9)),
    "igamma": (POSITIVE, POSITIVE),
    "igammac": (POSITIVE, POSITIVE),
    "bessel_i0": REAL,
    "bessel_i0e": AWAY,
    "bessel_i1": AWAY,
    "bessel_i1e": AWAY,
    "bessel_j0": REAL,
    "bessel_j1": AWAY,
    "bessel_k0": POSITIVE,
    "bessel_k0e": POSITIVE,
    "bessel_k1": POSITIVE,
    "bessel_k1e": POSITIVE,
    "bessel_y0": POSITIVE,
    "bessel_y1": POSITIVE,
    "dawsn": REAL,
    "expint": POSITIVE,
    "fresnel_sin": REAL,
    "fresnel_cos": REAL,
    "spence": Domain(0.2, 3, avoid=(1,)),
}

SAMPLES = {
    "polygamma": [case(np.array([1.0, 2.0, 0.0]), np.array([0.5, 1.5, 2.5]))],
    "igamma_in_a": [
        case(np.array([0.5, 2.5, 8.0]), np.array([1.5, 2.0, 6.0]), n=1, order=1),
        case(np.array([0.5, 2.5, 8.0]), np.array([1.5, 2.0, 6.0]), n=2, order=0),
    ],
}
