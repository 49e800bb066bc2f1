"""Products of matrices and what rearranges them: matmul, matvec, transposes, cross products.

Transposed operands are never copied: a NumPy view of one goes to BLAS as it is.
"""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype
from nbtape.core.engine import EagerTensor, apply, o, pair, tensor
from nbtape.core.errors import FailedPreconditionError, OpError, invalid
from nbtape.core.kernel import Composite, View
from nbtape.core.report import spec_of
from nbtape.core.shape import Dims, Spec, bracket, broadcast, numel
from nbtape.ops.blas import matmul as matmul_of
from nbtape.ops.elementwise import conj
from nbtape.ops.row import NUMBER, REAL, op

_FLOAT32 = np.dtype(np.float32)
BATCH = "0123456789:;<=>?@"


def adj(x: Any) -> Any:
    """The conjugate transpose of the matrices `x`; of real ones a view."""
    return conj(o.matrix_transpose(x))


def rank(x: Any) -> int | None:
    if type(x) is np.ndarray:
        return x.ndim
    shape = spec_of(x).shape
    return None if shape is None else len(shape)


def operands(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as Tensors; a bare `b` takes the dtype of `a` where it can."""
    if type(a) is EagerTensor and type(b) is EagerTensor:
        return a, b
    a = tensor(a)
    try:
        a, b = pair(a, b)
    except (TypeError, ValueError):
        pass
    return a, tensor(b)


def refuse_narrow(spec: Spec, name: str) -> None:
    """TensorFlow multiplies no matrices of 8- and 16-bit ints, whose sums would wrap around at once."""
    if spec.dtype.itemsize < 4 and spec.dtype.kind in "iu":
        got = as_dtype(spec.dtype).name
        raise invalid(
            f"Value for attr 'T' of {got} is not in the list of allowed values: bfloat16, half, "
            f"float, double, int32, int64, complex64, complex128 [Op:{name}]\n"
            "Convert it first, for example: tf.cast(x, tf.int32)."
        )


# Matrix products


def _matmul(a, b, *, transpose_a=False, transpose_b=False):
    if a.itemsize < 4:
        return _narrow_matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError
    if transpose_a:
        a = a.mT
    if transpose_b:
        b = b.mT
    if b.ndim == 2 < a.ndim and a.flags.c_contiguous:  # one product of many rows beats many small ones
        return matmul_of(a.reshape(numel(a.shape[:-1]), a.shape[-1]), b).reshape((*a.shape[:-1], b.shape[1]))
    return matmul_of(a, b)


def _narrow_matmul(a, b, **transposed):
    if a.dtype.kind in "iu":
        raise TypeError
    return _matmul(a.astype(_FLOAT32), b.astype(_FLOAT32), **transposed).astype(a.dtype)


def _matmul_spec(a: Spec, b: Spec, *, transpose_a: bool = False, transpose_b: bool = False) -> Spec:
    refuse_narrow(a, "MatMul")
    return product_spec(a, b, transpose_a, transpose_b)


def product_spec(a: Spec, b: Spec, transpose_a: bool, transpose_b: bool) -> Spec:
    """The spec of a product of matrices; says which sizes do not fit."""
    batched = any(x.shape is not None and len(x.shape) > 2 for x in (a, b))
    name = "BatchMatMulV2" if batched else "MatMul"
    for i, x in enumerate((a, b)):
        if x.shape is not None and len(x.shape) < 2:
            got = f": {len(x.shape)}" if batched else ""
            raise invalid(
                f"In[{i}] ndims must be >= 2{got} [Op:{name}]\nGive a vector a second axis "
                "(x[None, :] is a row, x[:, None] a column), or use tf.linalg.matvec."
            )
    if a.shape is None or b.shape is None:
        return Spec(None, a.dtype)
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except OpError:
        both = f"{bracket(a.shape)} vs. {bracket(b.shape)}"
        raise invalid(f"In[0] and In[1] must have compatible batch dimensions: {both} [Op:{name}]") from None
    m, k = a.shape[-2:] if not transpose_a else a.shape[:-3:-1]
    wanted, n = b.shape[-2:] if not transpose_b else b.shape[:-3:-1]
    if k is not None and wanted is not None and k != wanted:
        raise invalid(
            f"Matrix size-incompatible: In[0]: {bracket(a.shape)}, In[1]: {bracket(b.shape)} [Op:{name}]"
            + _advice(a.shape, b.shape, transpose_a, transpose_b)
        )
    return Spec((*batch, m, n), a.dtype)  # type: ignore[misc]


def _advice(a: Dims, b: Dims, transpose_a: bool, transpose_b: bool) -> str:
    """What to write where other transposes would fit."""
    for ta, tb in ((transpose_a, not transpose_b), (not transpose_a, transpose_b)):
        if a[-2 if ta else -1] == b[-1 if tb else -2]:
            flags = ", transpose_a=True" * ta + ", transpose_b=True" * tb
            return f"\nThese sizes fit: tf.matmul(a, b{flags})."
    return "\nThe last axis of the first must be as long as the last but one of the second."


def _matmul_grad_a(g, y, a, b, *, transpose_a=False, transpose_b=False):
    if rank(a) == 2 != rank(b):
        return _unbatched(g, b, "ik", "kj" if transpose_b else "jk", "ji" if transpose_a else "ij")
    b = conj(b)
    if transpose_a:
        return o.matmul(b, g, transpose_a=transpose_b, transpose_b=True)
    return o.matmul(g, b, transpose_b=not transpose_b)


def _matmul_grad_b(g, y, a, b, *, transpose_a=False, transpose_b=False):
    if rank(b) == 2 != rank(a):
        return _unbatched(g, a, "ik", "ji" if transpose_a else "ij", "kj" if transpose_b else "jk")
    a = conj(a)
    if transpose_b:
        return o.matmul(g, a, transpose_a=True, transpose_b=transpose_a)
    return o.matmul(a, g, transpose_a=not transpose_a)


def _unbatched(g, x, of_g, of_x, out):
    """The gradient of a matrix that met a whole batch: one product that sums over the batch as well."""
    batch = BATCH[: (rank(x) or 2) - 2]
    return o.einsum(g, conj(x), equation=f"{batch}{of_g},{batch}{of_x}->{out}")


def _matvec(a, b, *, transpose_a=False):
    if a.ndim < 2 or b.ndim < 1:
        raise ValueError
    return _matmul(a, b[..., None], transpose_a=transpose_a)[..., 0]


def _matvec_spec(a: Spec, b: Spec, *, transpose_a: bool = False) -> Spec:
    refuse_narrow(a, "MatMul")
    column = b if not b.shape else Spec((*b.shape, 1), b.dtype)
    y = product_spec(a, column, transpose_a, False)
    return y if y.shape is None else Spec(y.shape[:-1], y.dtype)


def _matvec_grad_a(g, y, a, b, *, transpose_a=False):
    g, b = (conj(b), g) if transpose_a else (g, conj(b))
    return g[..., None] * b[..., None, :]


def _matvec_grad_b(g, y, a, b, *, transpose_a=False):
    return o.matvec(conj(a), g, transpose_a=not transpose_a)


# Layout


def _transposed_spec(x: Spec) -> Spec:
    if x.shape is None:
        return x
    if len(x.shape) < 2:
        raise ValueError(
            f"Argument `a` should be a (batch) matrix with rank >= 2. Received a shape {x.shape}."
        )
    return Spec((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)


_YZX, _ZXY = np.array([1, 2, 0]), np.array([2, 0, 1])


def _cross(a, b):
    if a.shape != b.shape or a.shape[-1:] != (3,):
        raise ValueError
    return a[..., _YZX] * b[..., _ZXY] - a[..., _ZXY] * b[..., _YZX]


def _cross_lower(a, b):
    if not a.shape.num_elements() or not b.shape.num_elements():
        return None
    (a_yzx, a_zxy), (b_yzx, b_zxy) = [
        [o.roll(x, shift=(-by,), axis=(len(x.shape) - 1,)) for by in (1, 2)] for x in (a, b)
    ]
    return a_yzx * b_zxy - a_zxy * b_yzx


def _cross_spec(a: Spec, b: Spec) -> Spec:
    for x in (a, b):
        if x.shape is not None and not x.shape:
            raise invalid("Input must be at least 1D[] [Op:Cross]")
    if a.shape is None or b.shape is None:
        return a if b.shape is None else b
    fits = len(a.shape) == len(b.shape) and all(m == n or None in (m, n) for m, n in zip(a.shape, b.shape))
    if not fits:
        raise invalid(
            f"Both inputs must be of same shape: {bracket(a.shape)} vs. {bracket(b.shape)} [Op:Cross]"
        )
    if a.shape[-1] not in (3, None) or b.shape[-1] not in (3, None):
        raise FailedPreconditionError(
            None, None, "Cross-products are only defined for 3-element vectors. [Op:Cross]"
        )
    return Spec((*[n if m is None else m for m, n in zip(a.shape[:-1], b.shape[:-1])], 3), a.dtype)


# fmt: off
op("matmul", _matmul, _matmul_spec, _matmul_grad_a, _matmul_grad_b, kinds=NUMBER)
op("matvec", _matvec, _matvec_spec, _matvec_grad_a, _matvec_grad_b, kinds=NUMBER)
op("matrix_transpose", lambda x: x.mT, _transposed_spec, lambda g, y, x: o.matrix_transpose(g), kernel=View())
op("cross", _cross, _cross_spec,
   lambda g, y, a, b: o.cross(b, g), lambda g, y, a, b: o.cross(g, a),
   kernel=Composite(_cross_lower), kinds=REAL)
# fmt: on


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Any:
    """The product of two matrices, or of two batches of matrices whose leading axes broadcast.

    `transpose_*` and `adjoint_*` swap the last two axes first, the second also conjugates; no real operand is
    copied. float16 and bfloat16 are summed in float32. Narrow ints need an `output_type` to multiply in.
    Raises InvalidArgumentError where sizes do not fit.

    >>> tf.matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy()
    array([[11.]], dtype=float32)
    """
    for side, transpose, adjoint_ in (("a", transpose_a, adjoint_a), ("b", transpose_b, adjoint_b)):
        if transpose and adjoint_:
            raise ValueError(
                f"Only one of `transpose_{side}` and `adjoint_{side}` can be True. "
                f"Received `transpose_{side}`={transpose}, `adjoint_{side}`={adjoint_}."
            )
    a, b = operands(a, b)
    if output_type is not None:
        dtype = as_dtype(output_type)
        a, b = [x if x.dtype is dtype else apply(o.cast, x, dtype=dtype.np) for x in (a, b)]
    if adjoint_a:
        a, transpose_a = conj(a), True
    if adjoint_b:
        b, transpose_b = conj(b), True
    if transpose_a or transpose_b:
        return apply(o.matmul, a, b, transpose_a=bool(transpose_a), transpose_b=bool(transpose_b))
    return apply(o.matmul, a, b)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The product of a matrix `[..., m, n]` and a vector `[..., n]`; their leading axes broadcast.

    >>> tf.linalg.matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]).numpy()
    array([-1., -1.], dtype=float32)
    """
    if transpose_a and adjoint_a:
        raise ValueError(
            "Only one of `transpose_a` and `adjoint_a` can be True. "
            f"Received `transpose_a`={transpose_a}, `adjoint_a`={adjoint_a}."
        )
    a, b = operands(a, b)
    return apply(o.matvec, conj(a) if adjoint_a else a, b, transpose_a=bool(transpose_a or adjoint_a))


def matrix_transpose(a: Any, name: str | None = "matrix_transpose", conjugate: bool = False) -> Any:
    """Swap the last two axes, and with `conjugate` take the complex conjugate.

    >>> tf.linalg.matrix_transpose([[1, 2, 3]]).shape
    TensorShape([3, 1])
    """
    a = tensor(a)
    known = rank(a)
    if known is not None and known < 2:
        raise ValueError(
            "Argument `a` should be a (batch) matrix with rank >= 2.  "
            f"Received `a` = {a!r} with shape: {a.shape}"
        )
    y = apply(o.matrix_transpose, a)
    return conj(y) if conjugate else y


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The conjugate transpose of each matrix: of a real one the transpose.

    >>> tf.linalg.adjoint([[1.0, 2.0]]).numpy().tolist()
    [[1.0], [2.0]]
    """
    return matrix_transpose(matrix, conjugate=True)


def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """The cross product of vectors with three elements, along the last axis.

    >>> tf.linalg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).numpy()
    array([0., 0., 1.], dtype=float32)
    """
    a, b = operands(a, b)
    return apply(o.cross, a, b)
