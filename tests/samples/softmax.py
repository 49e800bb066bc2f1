from samples import case, real

SHAPES = [(4,), (2, 3), (40, 5), (2, 3, 4), (3, 60), (0, 3)]
CASES = [case(real(*shape, lo=-3, hi=3), axis=len(shape) - 1) for shape in SHAPES]

SAMPLES = {
    "softmax": [*CASES, case(real(2, 3, 4), axis=1), case(real(3, 0), axis=1)],
    "log_softmax": [*CASES, case(real(2, 3, 4), axis=0), case(real(3, 0), axis=1)],
}
