"""The table walk: every row has a sample; what it infers, computes and differentiates must agree.

Gradients are compared with central differences along random directions: those of order 1 with differences of
the value, those of order 2 with differences of the gradient. What `backward` computes on bare arrays must be
what it records for an outer tape.
"""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest
import samples
from hypothesis import Phase, given, settings, strategies as st
from samples import Case, Domain

import nbtape
from nbtape.autodiff.backward import backward
from nbtape.core import context
from nbtape.core.dtype import FLOATS, bfloat16
from nbtape.core.engine import EagerTensor, apply, o
from nbtape.core.report import specs_of
from nbtape.core.shape import Spec, TensorShape
from nbtape.core.slices import IndexedSlices

MODULES = [importlib.import_module(f"samples.{m.name}") for m in pkgutil.iter_modules(samples.__path__)]
ELEMENTWISE: dict = {}
SAMPLES: dict = {}
ELSEWHERE: dict = {}
for module in MODULES:
    ELEMENTWISE |= getattr(module, "ELEMENTWISE", {})
    SAMPLES |= getattr(module, "SAMPLES", {})
    ELSEWHERE |= getattr(module, "ELSEWHERE", {})

CASES = [
    pytest.param(name, case, id=f"{name}-{i}")
    for name, cases in sorted(SAMPLES.items())
    for i, case in enumerate([cases] if isinstance(cases, Case) else cases)
]
ROWS = sorted(op.name for op in o)
STEP = 1e-4

# What fails is small already, and shrinking it would take longer than all the rest.
few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


def test_nbtape_has_loaded_its_rows():
    assert nbtape.__version__ and len(ROWS) > 0


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_a_sample(name):
    elsewhere = name in ELSEWHERE and Path(__file__).with_name(ELSEWHERE[name]).exists()
    missing = not (elsewhere or name in SAMPLES or name in ELEMENTWISE)
    assert not missing, f"write a sample for {name!r} in tests/samples/"


@pytest.mark.parametrize("name", sorted(ELEMENTWISE.keys() | SAMPLES.keys() | ELSEWHERE.keys()))
def test_every_sample_has_a_row(name):
    assert name in o


@pytest.mark.parametrize("name, case", CASES)
def test_infer_agrees_with_eager(name, case):
    check_infer(getattr(o, name), case.args, case.attrs)


@pytest.mark.parametrize("name, case", [c for c in CASES if c.values[1].order >= 1])
def test_gradient_agrees_with_differences(name, case):
    check_gradient(getattr(o, name), case.args, case.attrs, case.order)


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_elementwise_row(name):
    op, domains = getattr(o, name), ELEMENTWISE[name]
    domains = [domains] if isinstance(domains, Domain) else domains

    @few
    @given(shapes_that_broadcast(len(domains)), st.integers(0, 10**6))
    def walk(shapes, seed):
        rng = np.random.default_rng(seed)
        args = tuple(drawn(d, shape, rng) for d, shape in zip(domains, shapes, strict=True))
        check_infer(op, args, {})
        check_gradient(op, args, {}, order=2)
        for dtype in (np.float32, np.float16, bfloat16.np):
            if np.dtype(dtype).kind in op.kinds and any(a.dtype == np.float64 for a in args):
                check_narrow(op, [a.astype(dtype) if a.dtype == np.float64 else a for a in args], op.kinds)

    walk()


@st.composite
def shapes_that_broadcast(draw, n):
    """`n` shapes; each has some of the dims of a common one, and 1 for some of those."""
    full = draw(st.lists(st.sampled_from([2, 3, 1, 0]), max_size=3))
    shapes = []
    for _ in range(n):
        kept = full[draw(st.integers(0, len(full))) if n > 1 else 0 :]
        shapes.append(tuple(1 if n > 1 and draw(st.booleans()) else size for size in kept))
    return shapes


def drawn(domain, shape, rng):
    """An array (a NumPy scalar for rank 0) of values in `domain`, at a distance from its kinks."""
    dtype = np.dtype(domain.dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)[()]
    if dtype.kind in "iu":
        values = rng.integers(int(domain.lo), int(domain.hi) + 1, shape)
        for point in domain.avoid:
            values = np.where(values == point, int(domain.hi), values)
        return values.astype(dtype)[()]
    values = rng.uniform(domain.lo, domain.hi, shape)
    for point in domain.avoid:
        near = np.abs(values - point) < 0.01
        values = np.where(near, point + 0.01 * np.where(values < point, -1, 1), values)
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(domain.lo, domain.hi, shape)
    return values.astype(dtype)[()]


def check_infer(op, args, attrs):
    """`infer` foretells shape and dtype; where dims or rank are not known, nothing that contradicts them."""
    values = outputs(op, args, attrs)
    exact = specs_of(args)
    of_rank = [Spec((None,) * len(s.shape), s.dtype) for s in exact]
    of_dtype = [Spec(None, s.dtype) for s in exact]
    for specs in (exact, of_rank, of_dtype):
        found = op.infer(*specs, **attrs)
        for value, spec in zip(values, found if op.many else (found,), strict=True):
            assert isinstance(value, np.ndarray | np.generic), f"{op.name} made {type(value)}"
            assert spec.dtype == value.dtype
            assert TensorShape(spec.shape).is_compatible_with(value.shape)


def check_gradient(op, args, attrs, order):
    """Orders 1 and 2 agree with central differences; bare arrays and recorded Tensors give the same."""
    moved = [i for i in range(len(args)) if differentiable(op, i, args)]
    if not moved:
        return
    rng = np.random.default_rng(0)
    cotangents = [direction(rng, y) for y in outputs(op, args, attrs)]
    if not any(np.size(c) for c in cotangents) or all(c.dtype.kind not in FLOATS for c in cotangents):
        return
    along = [direction(rng, args[i]) for i in moved]

    def value(xs):
        pairs = zip(cotangents, outputs(op, xs, attrs), strict=True)
        return sum(dot(c, y) for c, y in pairs if c.dtype.kind in FLOATS)

    def slope(xs):
        return sum(dot(g, v) for g, v in zip(gradients(op, xs, attrs, moved, cotangents), along, strict=True))

    bare = gradients(op, args, attrs, moved, cotangents)
    for g, i in zip(bare, moved, strict=True):
        assert g.shape == np.shape(args[i]) and g.dtype == args[i].dtype, f"{op.name}: gradient of input {i}"
    scale = sum(dot(np.abs(g), np.abs(v)) for g, v in zip(bare, along, strict=True))
    close(slope(args), difference(value, args, moved, along), scale, f"{op.name}: gradient")
    recorded, second = second_order(op, args, attrs, moved, cotangents, along)
    for i, g, r in zip(moved, bare, recorded, strict=True):
        np.testing.assert_allclose(r, g, 1e-9, 1e-12, err_msg=f"{op.name}: input {i}, recorded and bare")
    if order >= 2:
        across = [direction(rng, args[i]) for i in moved]
        got = sum(dot(h, u) for h, u in zip(second, across, strict=True))
        scale = sum(dot(np.abs(h), np.abs(u)) for h, u in zip(second, across, strict=True))
        close(got, difference(slope, args, moved, across), scale, f"{op.name}: second derivative")


def check_narrow(op, args, kinds):
    """Narrow floats stay what they are, in the value as in the gradient."""
    check_infer(op, args, {})
    moved = [i for i, x in enumerate(args) if x.dtype.kind in FLOATS and op.rules(len(args))[i]]
    ys = outputs(op, args, {})
    if moved and ys[0].dtype.kind in FLOATS:
        cotangents = [np.ones(ys[0].shape, ys[0].dtype)[()]]
        for g, i in zip(gradients(op, args, {}, moved, cotangents), moved, strict=True):
            assert (g.dtype, g.shape) == (args[i].dtype, args[i].shape)


def differentiable(op, i, args):
    exact = isinstance(args[i], np.ndarray | np.generic) and args[i].dtype in (np.float64, np.complex128)
    return exact and op.rules(len(args))[i] is not None


def computed(op, args, attrs):
    with np.errstate(all="ignore"):
        return op.eager(*args, **attrs)


def outputs(op, args, attrs):
    ys = computed(op, args, attrs)
    return ys if op.many else (ys,)


def direction(rng, like):
    values = rng.uniform(-1, 1, np.shape(like))
    if like.dtype.kind == "c":
        values = values + 1j * rng.uniform(-1, 1, np.shape(like))
    return values.astype(like.dtype)[()]


def dot(a, b):
    """Re <a, b>: for complex values the real loss whose gradient, in TensorFlow's convention, `a` is."""
    return float(np.sum(np.conj(a) * b).real) if np.size(a) else 0.0


def difference(f, args, moved, along):
    """The derivative of `f` in a direction: central differences of two steps, extrapolated."""

    def central(h):
        def at(t):
            xs = list(args)
            for i, v in zip(moved, along, strict=True):
                xs[i] = (xs[i] + t * v).astype(xs[i].dtype)
            return f(xs)

        return (at(h) - at(-h)) / (2 * h)

    return (4 * central(STEP / 2) - central(STEP)) / 3


def close(got, wanted, scale, what):
    error = abs(got - wanted)
    assert error <= 1e-6 * (abs(wanted) + abs(scale)) + 1e-7, f"{what} is {got}, differences say {wanted}"


class Recorder(context.Recorder):
    """The least that can be open while ops run: what a tape is to `apply`."""

    def __init__(self):
        self.nodes = []

    def record(self, op, xs, attrs, ys, place):
        self.nodes.append((op, xs, attrs, ys, place))

    def left(self, tensor):
        raise AssertionError("a gradient rule left the tape through NumPy")


def recorded_op(op, tensors, attrs, outer=()):
    """The outputs of `op` and the Nodes that it made, with the `outer` recorders looking on."""
    recorder = Recorder()
    with context.recording((*outer, recorder)):
        ys = apply(op, *tensors, **attrs)
    return (ys if op.many else (ys,)), recorder.nodes


def gradients(op, args, attrs, moved, cotangents):
    """Gradients of <cotangents, op(args)> for the inputs `moved`, on bare arrays."""
    tensors = as_tensors(args)
    ys, nodes = recorded_op(op, tensors, attrs)
    seeds = [(y, EagerTensor(c)) for y, c in zip(ys, cotangents, strict=True) if c.dtype.kind in FLOATS]
    with context.recording(()):
        found = backward(nodes, seeds, {id(tensors[i]) for i in moved})
    return [dense(found.get(id(tensors[i])), args[i]) for i in moved]


def second_order(op, args, attrs, moved, cotangents, along):
    """The gradients again, recorded by an outer tape, and the gradients of their projection on `along`."""
    tensors = as_tensors(args)
    outer = Recorder()
    ys, nodes = recorded_op(op, tensors, attrs, (outer,))
    seeds = [(y, EagerTensor(c)) for y, c in zip(ys, cotangents, strict=True) if c.dtype.kind in FLOATS]
    sources = {id(tensors[i]) for i in moved}
    with context.recording((outer,)):
        found = backward(nodes, seeds, sources)
        firsts = [found.get(id(tensors[i])) for i in moved]
        firsts = [g.__tensor__() if isinstance(g, IndexedSlices) else g for g in firsts]
    with context.recording(()):
        seeds = [(g, EagerTensor(v)) for g, v in zip(firsts, along, strict=True) if g is not None]
        found = backward(outer.nodes, seeds, sources)
    values = [dense(None if g is None else g._value, args[i]) for g, i in zip(firsts, moved, strict=True)]
    return values, [dense(found.get(id(tensors[i])), args[i]) for i in moved]


def as_tensors(args):
    return [EagerTensor(x[()]) if isinstance(x, np.ndarray | np.generic) else x for x in args]


def dense(g, like):
    if g is None:
        return np.zeros(np.shape(like), like.dtype)[()]
    return g.dense() if isinstance(g, IndexedSlices) else g
