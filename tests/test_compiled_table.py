"""The table walk, compiled: a row gives in a compiled function, value and gradient, what it gives eagerly.

Many samples make one function. Elementwise rows with inputs from the same domains read the same arrays, so
that they fuse into few kernels.
"""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
import test_table as table
from ml_dtypes import finfo
from samples import Domain

import nbtape as tf
from nbtape.core.engine import EagerTensor, apply, o
from nbtape.ops.shape import ranked

pytestmark = pytest.mark.usefixtures("compiled")

MOST = 40  # samples in one function
SPECIAL = [0, -0.0, 1, -1, 0.5, -2.5, 1e-30, 30, -100, 1e15, 3e38, -1e308, np.inf, -np.inf, np.nan]
# Rows of angles, of which those above 2**50 count as 0 (see kernels/trigonometric.py), and what is far below.
ANGLES = ("sin", "cos", "tan", "fresnel_sin", "fresnel_cos")
LARGE_ANGLE = 1e7
SHAPES = {
    "matrix": [(5, 7)] * 3,
    "scalar": [()] * 3,
    "empty": [(3, 0)] * 3,
    "row and column": [(3, 1), (4,), (2, 1, 1)],
    "outer and inner": [(5, 1), (5, 3), (1, 3)],
}


class Call(NamedTuple):
    """One call of a row."""

    name: str
    row: Any
    args: list
    attrs: dict
    differentiable: bool = True

    @property
    def moved(self):
        """The inputs that have gradients."""
        if not self.differentiable:
            return []
        rules = self.row.rules(len(self.args))
        floats = [i for i, x in enumerate(self.args) if is_array(x) and x.dtype.kind in table.FLOATS]
        return [i for i in floats if rules[i]]

    def value(self, xs):
        ys = apply(self.row, *xs, **self.attrs)
        return list(ys) if self.row.many else [ys]

    def gradient(self, xs):
        watched = [xs[i] for i in self.moved]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            ys = [y for y in self.value(xs) if y.dtype.is_floating or y.dtype.is_complex]
        seeds = [tf.reshape(tf.cast(1 + tf.range(tf.size(y)) % 3, y.dtype), tf.shape(y)) for y in ys]
        found = tape.gradient(ys, watched, seeds, unconnected_gradients="zero")
        return [tf.convert_to_tensor(g) for g in found]


def samples_by_file():
    """Calls of rows, as many as fit into one function, from one file of samples."""
    files = {name: m.__name__ for m in table.MODULES for name in getattr(m, "SAMPLES", {})}
    calls = {}
    for param in table.CASES:
        name, case = param.values
        call = Call(param.id, getattr(o, name), case.args, case.attrs, case.order > 0)
        calls.setdefault(files[name].removeprefix("samples."), []).append(call)
    return [
        pytest.param(found[i : i + MOST], id=f"{file}-{i // MOST}")
        for file, found in sorted(calls.items())
        for i in range(0, len(found), MOST)
    ]


def elementwise(draw):
    """Calls of all elementwise rows, on what `draw` gives for their domains."""
    calls, drawn = [], {}
    for name, domains in sorted(table.ELEMENTWISE.items()):
        domains = (domains,) if isinstance(domains, Domain) else tuple(domains)
        args = drawn[domains] = drawn.get(domains) or draw(domains)
        if all(x.dtype.kind in getattr(o, name).kinds for x in args):
            calls.append(Call(name, getattr(o, name), args, {}))
    return calls


def is_array(x):
    return isinstance(x, np.ndarray | np.generic)


def agree(calls, what, rounding=100.0):
    """Compiled in one function, each call gives what it gives eagerly, to `rounding` times the dtype's."""
    calls = [call for call in calls if what == "value" or call.moved]
    arrays = list({id(x): x for call in calls for x in call.args if is_array(x)}.values())
    places = {id(x): i for i, x in enumerate(arrays)}

    def program(*tensors):
        found = []
        for call in calls:
            xs = [tensors[places[id(x)]] if is_array(x) else x for x in call.args]
            found.append(getattr(call, what)(xs))
        return found

    tensors = [EagerTensor(ranked(x)) for x in arrays]
    with np.errstate(all="ignore"):
        wanted = seeded(program, tensors)
        found = seeded(tf.function(program, autograph=False), tensors)
    for call, ys, zs in zip(calls, wanted, found, strict=True):
        for y, z in zip(ys, zs, strict=True):
            same(y.numpy(), z.numpy(), call.name, rounding)


def seeded(program, tensors):
    tf.random.set_seed(0)
    return program(*tensors)


def same(wanted, found, name, rounding):
    """The same dtype and shape, nan and inf where they are wanted, and other values nearly as wanted."""
    a, b = np.asarray(wanted), np.asarray(found)
    assert (a.dtype, a.shape) == (b.dtype, b.shape), name
    if a.dtype.kind not in table.FLOATS:
        np.testing.assert_array_equal(b, a, name)
        return
    rounding *= float(finfo(a.dtype).eps)
    a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (a, b))
    size = min(1, np.abs(a[np.isfinite(a)]).max(initial=0))
    np.testing.assert_allclose(b, a, rounding, rounding * size, err_msg=name)


@pytest.mark.parametrize("what", ["value", "gradient"])
@pytest.mark.parametrize("calls", samples_by_file())
def test_samples(calls, what):
    agree(calls, what)


@pytest.mark.parametrize("what", ["value", "gradient"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_elementwise_rows(shapes, what):
    rng = np.random.default_rng(0)

    def draw(domains):
        xs = [table.drawn(d, shape, rng) for d, shape in zip(domains, SHAPES[shapes])]
        narrow = np.float64 if shapes == "matrix" else np.float32
        return [ranked(x.astype(narrow)) if x.dtype == np.float64 else x for x in xs]

    agree(elementwise(draw), what)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("what", ["value", "gradient"])
def test_infinities_and_what_is_no_number_survive(dtype, what):
    rng = np.random.default_rng(0)
    numbers = SPECIAL if what == "value" else [x for x in SPECIAL if np.abs(x) < 100 or not np.isfinite(x)]

    def draw(domains):
        with np.errstate(over="ignore"):
            special = np.array(list(product(numbers, repeat=len(domains))), dtype).T
        pairs = zip(domains, special)
        return [x.copy() if d.dtype == "float64" else table.drawn(d, x.shape, rng) for d, x in pairs]

    calls = [c for c in elementwise(draw) if len(c.args) < 3]
    calls = [c._replace(args=[angle(x) for x in c.args]) if c.name in ANGLES else c for c in calls]
    agree(calls, what, rounding=100 if what == "value" else 1e9)  # gradients may cancel


def angle(x):
    return np.where(np.isfinite(x) & (np.abs(x) >= LARGE_ANGLE), x.dtype.type(1), x)
