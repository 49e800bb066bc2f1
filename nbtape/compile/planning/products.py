"""Products of matrices: in tiles of our own, or steps that call NumPy's own BLAS, on the arrays as they lie.

Transposed operands are told to BLAS and not moved. BLAS runs on one thread: its own threads spin when they
have nothing to do, and where another program has one of the cores all else waits for them. Large products are
shared by the crew instead, rows by rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from nbtape.compile.emission.emit import Kernel, Word
from nbtape.compile.planning.actions import Launch
from nbtape.compile.planning.divide import parts_of
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.multiply import SMALL, Blocks, apart, blocks_of, multiply
from nbtape.compile.running.steps import GEMM, THREADS
from nbtape.core.shape import Spec
from nbtape.graph.program import Step, Value
from nbtape.ops.blas import gemm_address, threads_address

_ROWS = 32  # of a product, at least, in each of its parts
_PACE = 0.01  # nanoseconds that an operation of BLAS takes, on one core


def is_product(step: Step) -> bool:
    """Whether BLAS can do a step."""
    values = (*step.inputs, *step.outputs)
    if step.op.name != "matmul" or not all(v.static and v.shape and 0 not in v.shape for v in values):
        return False
    dtype = step.outputs[0].dtype
    if str(dtype) not in GEMM or gemm_address(str(dtype)) is None:
        return False
    return all(v.dtype == dtype for v in values) and _paired(step)


def _paired(step: Step) -> bool:
    """Whether each operand has one matrix, or one for each product."""
    count, *both = [prod((x.shape or ())[:-2]) for x in (*step.outputs, *step.inputs)]
    return all(n in (1, count) for n in both)


def matrix(x: Layout) -> tuple[bool, int] | None:
    """Whether the matrices of a layout lie transposed, and how far apart their rows are; None where BLAS
    cannot read them, or do not lie one after another.
    """
    (m, n), (down, right) = x.shape[-2:], x.strides[-2:]
    if not even(x):
        return None
    if (right == 1 or n == 1) and (down >= n or m == 1):
        return False, max(down, n, 1) if m > 1 else max(n, 1)
    if (down == 1 or m == 1) and (right >= m or n == 1):
        return True, max(right, m, 1) if n > 1 else max(m, 1)
    return None


def even(x: Layout) -> bool:
    """Whether one stride leads from each matrix to the next."""
    axes = [(n, s) for n, s in zip(x.shape[:-2], x.strides[:-2]) if n > 1]
    return all(s == n_next * s_next for (_, s), (n_next, s_next) in zip(axes, axes[1:]))


def plan(planner: Any, step: Step) -> None:
    """Plan a product, in parts if it is large."""
    a, b = [x if matrix(x) else planner.copied(v) for v in step.inputs for x in [planner.layout(v)]]
    y = planner.fresh(step.outputs[0])
    kernel = product(step, a, b, y)
    planner.use(1)
    rows, *columns = y.shape
    alone = planner.parent or len(columns) > 1
    count = 1 if alone else parts_of(kernel, rows // _ROWS)
    planner.act(Launch(kernel, [kernel.words] if count == 1 else shares(step, a, b, y, count)))


def product(step: Step, a: Layout, b: Layout, y: Layout) -> Kernel:
    """The kernel of a product of matrices that BLAS can read."""
    return _kernel(step, a, b, y, blocks_of(*upright(step, a, b), y))


def shares(step: Step, a: Layout, b: Layout, y: Layout, count: int) -> list[list[Word]]:
    """The arguments of a product in parts, each of which makes some of the rows."""
    blocks = blocks_of(*upright(step, a, b), y)
    rows, unit = y.shape[-2], blocks.tiles.rows if blocks else 1
    axis = -1 if step.attrs.get("transpose_a") else -2
    bounds = [*[rows * i // count // unit * unit for i in range(count)], rows]
    return [
        _kernel(step, _cut(a, axis, first, last), b, _cut(y, -2, first, last), blocks).words
        for first, last in zip(bounds, bounds[1:])
    ]


def upright(step: Step, a: Layout, b: Layout) -> tuple[Layout, Layout]:
    """The operands, transposed as the step says."""
    turned = [bool(step.attrs.get(f"transpose_{x}")) for x in "ab"]
    return tuple([_swapped(x) if turn else x for x, turn in zip((a, b), turned)])  # type: ignore[return-value]


def _swapped(x: Layout) -> Layout:
    (*more, m, n), (*steps, down, right) = x.shape, x.strides
    return replace(x, shape=(*more, n, m), strides=(*steps, right, down))


def _kernel(step: Step, a: Layout, b: Layout, y: Layout, blocks: Blocks | None) -> Kernel:
    a, b = upright(step, a, b)
    return multiply(a, b, y, blocks) if blocks else _blas(a, b, y)


def ready(planner: Any, x: Value, steps: Sequence[Step], name: Value) -> Layout:
    """Where `x` lies for the steps of a loop, to which it is `name`: turned round if the rows of products
    are its columns, since OpenBLAS takes up to four times as long for a small product of such a matrix.
    """
    layout = planner.layout(x)
    if not any(_reads_columns(step, name, layout) for step in steps):
        return layout
    rows = Value(Spec(layout.shape[::-1], x.dtype))
    planner.layouts[rows] = _swapped(layout)
    return _swapped(planner.copied(rows))


def _reads_columns(step: Step, x: Value, layout: Layout) -> bool:
    """Whether a step is a small product by `x`, whose rows it finds as columns in memory."""
    if not is_product(step) or step.inputs[1] is not x or len(layout.shape) != 2:
        return False
    turned = _swapped(layout) if step.attrs.get("transpose_b") else layout
    *_, m, n = step.outputs[0].shape or (0, 0)
    return n > 1 and turned.strides[-1] != 1 and m * n * turned.shape[0] <= SMALL


def _blas(a: Layout, b: Layout, y: Layout) -> Kernel:
    """The kernel that calls BLAS."""
    dtype = y.buffer.dtype
    (turned_a, lda), (turned_b, ldb), (_, ldc) = matrix(a), matrix(b), matrix(y)  # type: ignore[misc]
    (m, n), k, count = y.shape[-2:], a.shape[-1], prod(y.shape[:-2])
    numbers = {"transpose_a": int(turned_a), "transpose_b": int(turned_b), "m": m, "n": n, "k": k}
    words = [
        Word("function", "int64", value=gemm_address(str(dtype))),
        *[Word(name, "int64", value=value) for name, value in numbers.items()],
        *[Word("a", "int64", a), Word("lda", "int64", value=lda)],
        *[Word("b", "int64", b), Word("ldb", "int64", value=ldb)],
        *[Word("c", "int64", y), Word("ldc", "int64", value=ldc), Word("beta", "int64", value=0)],
        Word("count", "int64", value=count),
        *[Word(f"step_{s}", "int64", value=apart(x) * dtype.itemsize) for s, x in zip("abc", (a, b, y))],
    ]
    moved = (prod(a.shape) + prod(b.shape) + prod(y.shape)) * dtype.itemsize
    return Kernel(GEMM[str(dtype)], words, 1, [], {}, [], moved, 2 * m * n * k * count, _PACE)


def _cut(x: Layout, axis: int, first: int, last: int) -> Layout:
    shape = list(x.shape)
    shape[axis] = last - first
    return replace(x, shape=tuple(shape), offset=x.offset + first * x.strides[axis])


def told(count: int) -> Kernel | None:
    """The kernel that sets how many threads products run on."""
    address = threads_address()
    if address is None:
        return None
    words = [Word("function", "int64", value=address), Word("count", "int64", value=count)]
    return Kernel(THREADS, words, 1, [], {}, [], 0, 0)
