import numpy as np

from samples import case, real

ONE = {"strides": (1,), "padding": "VALID", "dilations": (1,)}
TWO = {"strides": (2, 1), "padding": "SAME", "dilations": (1, 1)}
GAPS = {"strides": (1, 1), "padding": ((1, 0), (2, 1)), "dilations": (2, 1)}
CUBE = {"strides": (1, 2, 1), "padding": "SAME", "dilations": (1, 1, 2)}
NETS = [
    ((2, 5, 2), (3, 2, 3), ONE),
    ((1, 4, 5, 2), (3, 2, 2, 3), TWO),
    ((2, 5, 4, 2), (2, 3, 2, 1), GAPS),
    ((1, 3, 4, 4, 1), (2, 2, 2, 1, 2), CUBE),
    ((1, 4, 4, 4), (2, 2, 2, 4), TWO),  # in two groups
]
DEPTHWISE = [
    ((2, 5, 2), (3, 2, 3), ONE),
    ((1, 4, 5, 2), (3, 2, 2, 1), TWO),
    ((1, 5, 4, 2), (2, 3, 2, 2), GAPS),
]


def rows(name, nets, out):
    """Cases of a convolution and of its two gradients, which take a shape or an input of that shape."""
    forward, to_input, to_kernel = [], [], []
    for (x, k, attrs), y in zip(nets, out, strict=True):
        x, k, g = real(*x), real(*k, seed=1), real(*y, seed=2)
        forward.append(case(x, k, **attrs))
        to_input.append(case(g, k, shape=x.shape[1:], **attrs))
        to_kernel.append(case(x, g, shape=k.shape, **attrs))
    to_input.append(case(g, k, x, shape=None, **attrs))
    to_kernel.append(case(x, g, k, shape=None, **attrs))
    forward.append(case(x.astype(np.int32), k.astype(np.int32), **attrs, order=0))
    return {name: forward, f"{name}_input_grad": to_input, f"{name}_kernel_grad": to_kernel}


SAMPLES = {
    "conv_add": [
        case(real(*x), real(*k, seed=1), real(k[-1], seed=2), relu=relu, **attrs)
        for (x, k, attrs), relu in zip(NETS, (True, False, True))
    ],
    **rows("conv", NETS, [(2, 3, 3), (1, 2, 5, 3), (2, 4, 5, 1), (1, 3, 2, 4, 2), (1, 2, 4, 4)]),
    **rows("depthwise", DEPTHWISE, [(2, 3, 6), (1, 2, 5, 2), (1, 4, 5, 4)]),
}
