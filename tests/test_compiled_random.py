"""Random programs: interpreter, compiled code and eager execution agree, in values, gradients and variables.

A program is Python text, written line by line by Hypothesis and run eagerly as it grows, which tells the
shapes that the next line may use. What fails is thus printed as a program that can be run.
"""

from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

import nbtape as tf

SIZES = st.sampled_from([2, 3, 1, 5, 0, 17])
SOURCES = ["x0", "x1", "x2"]  # what gradients are taken of, beside the variables
LARGEST = 20  # larger values are squashed, so that little is lost where they cancel
UNARY = "tanh sin sigmoid square abs negative nn.softsign nn.relu nn.softplus nn.elu nn.gelu".split()
BINARY = "add subtract multiply maximum minimum math.squared_difference".split()
INTEGER = "add subtract multiply maximum minimum math.floordiv math.floormod".split()
FOLDS = "sum mean max min logsumexp prod euclidean_norm".split()

often = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


class Program:
    """A program as it grows: its lines, and the values of its names."""

    def __init__(self, draw, dtype):
        self.draw, self.dtype, self.lines, self.count = draw, dtype, [], 0
        rng = np.random.default_rng(draw(st.integers(0, 999)))
        self.arrays = [rng.uniform(-1, 1, self.shape()).astype(dtype)[()] for _ in SOURCES]
        self.starts = [rng.uniform(-1, 1, self.shape()).astype(dtype)[()] for _ in "vw"]
        self.values = {"tf": tf, "v": tf.Variable(self.starts[0]), "w": tf.Variable(self.starts[1])}
        self.values |= {name: tf.constant(x) for name, x in zip(SOURCES, self.arrays)}
        self.names = list(SOURCES)

    def shape(self):
        return tuple(self.draw(st.lists(SIZES, max_size=3)))

    def one(self, *options):
        return self.draw(st.sampled_from(options))

    def pick(self, kind="f", rank=0, like=None):
        """The name of a value of a kind that broadcasts to the shape of `like`; one is made where none is."""
        names = [n for n in self.names if self.fits(n, kind, rank)]
        names = [n for n in names if like is None or broadcasts(self[n], like)]
        if names:
            return self.one(*reversed(names))
        if kind == "f":
            size = [2] * rank if like is None else list(like.shape)
            return f"tf.fill({size}, tf.constant(0.5, tf.{self.dtype}))"
        source = self.pick("f", rank, like)
        return f"tf.cast({source} * 5, tf.int32)" if kind == "i" else f"({source} > 0.1234)"

    def fits(self, name, kind, rank):
        value = self[name]
        return value.dtype.as_numpy_dtype().dtype.kind == kind and len(value.shape) >= rank

    def __getitem__(self, name):
        return self.values[name] if name in self.values else eval(name, self.values)

    def write(self, text, named=True):
        """One line more."""
        if not named:
            self.run(text)
            return
        name = f"x{len(SOURCES) + self.count}"
        self.count += 1
        self.run(f"{name} = {text}")
        value = self[name].numpy()
        if value.dtype.kind in "fi" and np.abs(value).max(initial=0) > LARGEST:
            self.run(f"{name} = {name} % 7" if value.dtype.kind == "i" else f"{name} = tf.tanh({name} / 10)")
        self.names.append(name)

    def run(self, line):
        exec(line, self.values)
        self.lines.append(line)

    @property
    def text(self):
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def program({', '.join(SOURCES)}):\n{body}    return {', '.join(self.names[-4:])}\n"

    def __repr__(self):
        arrays = zip([*SOURCES, "v", "w"], self.arrays + self.starts)
        shapes = ", ".join(f"{name}: {np.shape(x)}" for name, x in arrays)
        return f"\n# {self.dtype}; {shapes}\n{self.text}"


def broadcasts(x, y):
    try:
        return np.broadcast_shapes(x.shape, y.shape) == tuple(y.shape)
    except ValueError:
        return False


# Lines


def unary(p):
    return f"tf.{p.one(*UNARY)}({p.pick()})"


def binary(p):
    x = p.pick()
    pair = [x, p.pick(like=p[x])]
    if p.one(False, True):
        pair.reverse()
    return f"tf.{p.one(*BINARY)}({', '.join(pair)})"


def quotient(p):
    x = p.pick()
    return f"{x} / (1.5 + {p.pick(like=p[x])} ** 2)"


def integers(p):
    x = p.pick("i")
    y = p.pick("i", like=p[x])
    name = p.one(*INTEGER)
    return f"tf.{name}({x}, 3)" if "floor" in name else f"tf.{name}({x}, {y})"


def booleans(p):
    x = p.pick("b")
    return f"tf.math.logical_{p.one('and', 'or', 'xor')}({x}, {p.pick('b', like=p[x])})"


def choice(p):
    x = p.pick()
    return f"tf.where({p.pick('b', like=p[x])}, {x}, {p.pick(like=p[x])})"


def casts(p):
    return f"tf.cast({p.pick(p.one('i', 'b', 'f'))}, tf.{p.one(p.dtype, 'int32')})"


def axes_of(p, x):
    axes = p.draw(st.permutations(range(len(p[x].shape))))
    return [a - len(axes) if p.one(False, True) else a for a in axes[: p.one(*range(len(axes) + 1))]]


def fold(p):
    x = p.pick()
    name = p.one(*FOLDS)
    axes = axes_of(p, x)
    if name in ("max", "min", "mean") and 0 in p[x].shape:
        name = "sum"
    return f"tf.math.reduce_{name}({x}, {axes}, keepdims={p.one(False, True)})"


def verdict(p):
    x = p.pick("b")
    return f"tf.reduce_{p.one('any', 'all')}({x}, {axes_of(p, x)})"


def softmax(p):
    x = p.pick(rank=1)
    axis = p.one(*range(len(p[x].shape)))
    return f"tf.nn.{p.one('softmax', 'log_softmax')}({x}, {axis})"


def running(p):
    x = p.pick(rank=1)
    axis = p.one(*range(len(p[x].shape)))
    return f"tf.cumsum({x}, {axis}, exclusive={p.one(False, True)}, reverse={p.one(False, True)})"


def normalised(p):
    x = p.pick(rank=1)
    return f"({x} - tf.reduce_mean({x}, -1, True)) / (1.0 + tf.math.reduce_std({x} + {p.pick(like=p[x])}))"


def transposed(p):
    x = p.pick()
    return f"tf.transpose({x}, {list(p.draw(st.permutations(range(len(p[x].shape)))))})"


def reshaped(p):
    x = p.pick()
    size, shape = int(np.prod(p[x].shape)), []
    for factor in (2, 3, 5):
        if size and size % factor == 0 and p.one(False, True):
            shape.append(factor)
            size //= factor
    return f"tf.reshape({x}, {[*shape, size, *p.one([], [1])]})"


def cut(p):
    x = p.pick(p.one("f", "f", "i"), rank=1)
    keys = [p.one(":", "1:", ":-1", "::2", "::-1", "-2:", "...", "tf.newaxis", "0:1") for _ in p[x].shape]
    keys = [k for i, k in enumerate(keys) if k != "..." or "..." not in keys[:i]]
    if p[x].shape[0] and keys[0] == ":":
        keys[0] = p.one("0", "-1", ":")
    return f"{x}[{', '.join(keys)}]"


def joined(p):
    x = p.pick(rank=1)
    axis = p.one(*range(len(p[x].shape)))
    others = [n for n in p.names if p[n].shape == p[x].shape and p[n].dtype == p[x].dtype]
    return p.one(
        f"tf.concat([{x}, {p.one(*others)}], {axis})",
        f"tf.stack([{x}, {p.one(*others)}], {axis})",
        f"tf.pad({x}, {[[1, 2]] + [[0, 0]] * (len(p[x].shape) - 1)})",
        f"tf.tile({x}, {[2] + [1] * (len(p[x].shape) - 1)})",
        f"tf.reverse({x}, [{axis}])",
        f"tf.broadcast_to({x}, {[2, *p[x].shape]})",
    )


def rows(p):
    x = p.pick(rank=1)
    size = p[x].shape[0]
    if not size:
        return f"tf.identity({x})"
    places = p.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))
    return p.one(
        f"tf.gather({x}, {places})",
        f"tf.math.unsorted_segment_sum({x}, {[i % 3 for i in range(size)]}, 3)",
        f"tf.tensor_scatter_nd_add({x}, {[[i] for i in places]}, tf.gather(0.5 * {x}, {places}))",
    )


def product(p):
    x = p.pick(rank=2)
    size = p[x].shape[-1]
    others = [y for y in p.names if p.fits(y, "f", 2) and len(p[y].shape) == 2 and p[y].shape[0] == size]
    return p.one(
        f"{x} @ {p.one(*others)}" if others else f"tf.matmul({x}, {x}, transpose_b=True)",
        f"tf.matmul({x}, {x}, transpose_a=True)",
        f"tf.einsum('...ij,...ij->...i', {x}, {x})",
    )


def branch(p):
    x = p.pick()
    y = p.pick(like=p[x])
    if p[y].shape != p[x].shape:
        y = f"{x} - 1.5"
    test = f"tf.reduce_sum({p.pick()}) > {p.one(0.0123, -3.21, 2.34)}"
    return f"tf.cond({test}, lambda: tf.sin({x}) * {y}, lambda: {p.one(x, y, f'{x} + {y}')})"


def loop(p):
    """Some steps, as many as are known or as it takes."""
    x = p.pick()
    step = p.one(f"0.9 * tf.sin(s) + 0.1 * {x}", "tf.tanh(s * 1.1)", f"s * 0.5 + {x} * tf.cos(s)")
    count = p.one(0, 1, 3)
    test = p.one(f"i < {count}", f"(i < 4) & (tf.reduce_sum(s * s) < {p.one(0.5, 2.1, 30.3)})")
    limit = p.one("", f", maximum_iterations={count}")
    return f"tf.while_loop(lambda i, s: {test}, lambda i, s: (i + 1, {step}), (0, {x}){limit})[1]"


def scan(p):
    x = p.pick(rank=1)
    if not p[x].shape[0]:
        return f"tf.identity({x})"
    return p.one(
        f"tf.scan(lambda s, r: tf.tanh(0.5 * s + r), {x})",
        f"tf.map_fn(lambda r: tf.reduce_sum(r * r) + r, {x})",
        f"tf.foldl(lambda s, r: s * 0.7 + r, {x})",
    )


def variable(p):
    v = p.one("v", "w")
    shape = p.values[v].shape
    same = [n for n in p.names if p[n].shape == shape and p[n].dtype.name == p.dtype]
    if same and p.one(True, False):
        p.write(f"{v}.{p.one('assign', 'assign_add', 'assign_sub')}({p.one(*same)})", named=False)
    elif p.one(False, True):
        p.write(f"{v}.assign({v} * 0.5 + 0.1)", named=False)
    return p.one(f"{v} * 1.0", f"tf.identity({v})", f"{v} - {p.pick(like=p.values[v])}")


POINTWISE = [unary, binary, quotient, integers, booleans, choice, casts, variable]
FOLDING = [fold, softmax, verdict, running, normalised, unary, binary, transposed]
MOVING = [cut, joined, reshaped, transposed, rows, unary, binary, fold]
MIXED = list(dict.fromkeys(chain(POINTWISE, FOLDING, MOVING, [product, branch, loop, scan])))
FAMILIES = {
    "pointwise": POINTWISE,
    "folding": FOLDING,
    "moving": MOVING,
    "products": [product, product, transposed, reshaped, binary, softmax, cut, variable],
    "control": [branch, loop, scan, binary, unary, fold, variable, cut],
    "variables": [variable, variable, binary, unary, fold, choice],
    "mixed": MIXED,
}


@st.composite
def programs(draw, family):
    p = Program(draw, draw(st.sampled_from(["float32", "float64"])))
    for _ in range(draw(st.integers(4, 14))):
        p.write(p.one(*FAMILIES[family])(p))
    return p


# Three ways to run


def run(program, mode):
    """What a program gives, its gradients, and the variables afterwards."""
    names = {"tf": tf, "v": tf.Variable(program.starts[0]), "w": tf.Variable(program.starts[1])}
    exec(program.text, names)
    variables = [names["v"], names["w"]]

    def whole(*xs):
        with tf.GradientTape() as tape:
            tape.watch(xs)
            ys = names["program"](*xs)
        floats = [y for y in ys if y.dtype.is_floating]
        return ys, tape.gradient(floats, [*xs, *variables], unconnected_gradients="zero")

    f = whole if mode == "eager" else tf.function(whole, autograph=False)
    tf.config.set_compilation("off" if mode == "interpreted" else "synchronous")
    for _ in range(2):
        for v, start in zip(variables, program.starts):
            v.assign(start)
        ys, gradients = f(*map(tf.constant, program.arrays))
    return [x.numpy() for x in ys], [tf.convert_to_tensor(g).numpy() for g in gradients + variables]


def agree(wanted, found, dtype):
    tolerance = 3e-4 if dtype == "float32" else 1e-9
    for some, others in zip(wanted, found, strict=True):
        scale = max([1, *(np.abs(x).max(initial=0) for x in some if x.dtype.kind == "f")])
        for x, y in zip(some, others, strict=True):
            assert (x.dtype, x.shape) == (y.dtype, y.shape)
            np.testing.assert_allclose(y, x, tolerance, tolerance * scale if x.dtype.kind == "f" else 0)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("family", FAMILIES)
def test_interpreter_compiler_and_eager_execution_agree(family):
    @often
    @given(programs(family))
    def walk(program):
        with np.errstate(all="ignore"):
            wanted = run(program, "eager")
            agree(wanted, run(program, "interpreted"), program.dtype)
            agree(wanted, run(program, "compiled"), program.dtype)

    walk()
