"""Linear algebra beside the table walk: what must hold of products, factors, solutions and gradients."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, strategies as st

import nbtape as tf
from nbtape.core.engine import o

RNG = np.random.default_rng(0)
STEP = 1e-6


def matrix(*shape, dtype="float64"):
    x = RNG.uniform(-1, 1, shape)
    return (x + 1j * RNG.uniform(-1, 1, shape)).astype(dtype) if "complex" in dtype else x.astype(dtype)


def positive(n, dtype="float64"):
    x = matrix(n, n, dtype=dtype)
    return x @ x.conj().T + np.eye(n)


def gradient(f, *xs):
    ts = [tf.constant(x) for x in xs]
    with tf.GradientTape() as tape:
        for t in ts:
            tape.watch(t)
        y = f(*ts)
    return [g.numpy() for g in tape.gradient(y, ts)]


def assert_slopes(f, *xs):
    """The gradient of the real number `f` agrees with central differences, along a random direction."""
    along = [matrix(*x.shape, dtype=x.dtype.name) for x in xs]
    got = sum(np.sum(np.conj(g) * v).real for g, v in zip(gradient(f, *xs), along, strict=True))
    ahead, behind = [f(*[tf.constant(x + t * v) for x, v in zip(xs, along)]).numpy() for t in (STEP, -STEP)]
    assert got == pytest.approx((ahead - behind) / (2 * STEP), rel=1e-5, abs=1e-7)


def weighted(y):
    """A real number that depends on every element of `y`."""
    w = np.arange(1.0, 1 + y.shape.num_elements()).reshape(y.shape)
    total = tf.reduce_sum(tf.cast(w, y.dtype) * y)
    return tf.math.real(total) if y.dtype.is_complex else total


# Products


def test_matmul_gives_blas_the_transpose_as_a_view():
    x = matrix(3, 4)
    assert np.shares_memory(o.matrix_transpose(x), x)
    product = tf.matmul(tf.constant(x), tf.constant(x), transpose_b=True)
    np.testing.assert_allclose(product.numpy(), x @ x.T)


@pytest.mark.parametrize("a, b", [((3,), (3, 2)), ((2, 3), (3,)), ((), (2, 2)), ((3,), (3,))])
def test_matmul_refuses_vectors_also_as_an_operator(a, b):
    a, b = tf.ones(a), tf.ones(b)
    for product in (tf.matmul, lambda a, b: a @ b):
        with pytest.raises(tf.errors.InvalidArgumentError, match="ndims must be >= 2"):
            product(a, b)


def test_matmul_says_which_transpose_would_fit():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))
    assert "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3] [Op:MatMul]" in str(caught.value)
    assert "tf.matmul(a, b, transpose_b=True)" in str(caught.value)


def test_narrow_ints_need_an_output_type():
    a = tf.constant([[100, 100]], tf.int8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="list of allowed values"):
        tf.matmul(a, a, transpose_b=True)
    assert tf.matmul(a, a, transpose_b=True, output_type=tf.int32).numpy().item() == 20000


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_are_summed_in_float32(dtype):
    x = tf.cast(tf.ones([1, 4096]), dtype)
    y = tf.matmul(x, x, transpose_b=True)
    assert y.dtype == dtype and float(y[0, 0]) == 4096


def test_a_matrix_that_meets_a_batch_has_a_gradient_of_its_own_shape():
    x, w = matrix(5, 4, 3), matrix(3, 2)
    gx, gw = gradient(lambda x, w: weighted(tf.matmul(x, w)), x, w)
    g = np.arange(1.0, 41.0).reshape(5, 4, 2)
    np.testing.assert_allclose(gw, np.einsum("bij,bik->jk", x, g))
    np.testing.assert_allclose(gx, g @ w.T)


# einsum

letters = st.text(alphabet="abcd", max_size=3)


@st.composite
def equations(draw):
    terms = draw(st.lists(letters, min_size=1, max_size=3))
    known = sorted(set("".join(terms)))
    out = draw(st.permutations(known)) if known else []
    return ",".join(terms) + "->" + "".join(out[: draw(st.integers(0, len(out)))])


@given(equations(), st.integers(0, 10**6))
def test_einsum_agrees_with_numpy_and_its_gradient_with_differences(equation, seed):
    rng = np.random.default_rng(seed)
    sizes = dict(zip("abcd", rng.integers(1, 4, 4), strict=True))
    xs = [rng.uniform(-1, 1, [sizes[n] for n in term]) for term in equation.split("->")[0].split(",")]
    got = tf.einsum(equation, *map(tf.constant, xs)).numpy()
    np.testing.assert_allclose(got, np.einsum(equation, *xs), atol=1e-12)
    assert_slopes(lambda *xs: weighted(tf.einsum(equation, *xs)), *xs)


@pytest.mark.parametrize("batch_a, batch_b", [((4,), (4,)), ((), (4,)), ((5, 1), (4,)), ((), ())])
def test_an_ellipsis_broadcasts(batch_a, batch_b):
    a, b = matrix(*batch_a, 2, 3), matrix(*batch_b, 3, 2)
    equation = "...ij,...jk->i...k"
    got = tf.einsum(equation, tf.constant(a), tf.constant(b)).numpy()
    np.testing.assert_allclose(got, np.einsum(equation, a, b))
    assert_slopes(lambda a, b: weighted(tf.einsum(equation, a, b)), a, b)


@pytest.mark.parametrize(
    "equation, error, says",
    [
        ("ij,jk->iz", ValueError, "label z not present"),
        ("ij,jk->ii", ValueError, "more than once"),
        ("i.j,jk->ik", ValueError, "incorrect format"),
        ("ij->i", ValueError, "Got 2 inputs"),
        ("ij,ik->jk", tf.errors.InvalidArgumentError, "Expected dimension 2 at axis 0"),
        ("ijk,jk->i", tf.errors.InvalidArgumentError, "to have rank 3 but got: 2"),
        ("i...,...->i", tf.errors.InvalidArgumentError, "no ellipsis"),
    ],
)
def test_einsum_says_what_is_wrong_with_an_equation(equation, error, says):
    with pytest.raises(error, match=says):
        tf.einsum(equation, tf.ones([2, 3]), tf.ones([3, 4]))


# Diagonals


@pytest.mark.parametrize("align", ["LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"])
@pytest.mark.parametrize("k", [(-1, 1), (0, 2), (-2, -1), (1, 1)])
def test_a_band_taken_out_and_put_back_is_that_band(k, align):
    x = matrix(2, 3, 4)
    band = tf.linalg.diag_part(x, k=k, align=align)
    put = tf.linalg.set_diag(tf.zeros_like(x), band, k=k, align=align).numpy()
    keep = np.triu(np.ones((3, 4)), k[0]) * np.tril(np.ones((3, 4)), k[1])
    np.testing.assert_array_equal(put, x * keep)


# Factors


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_cholesky_has_the_gradient_of_a_self_adjoint_matrix(dtype):
    def f(a):
        return weighted(tf.linalg.cholesky(tf.matmul(a, a, adjoint_b=True) + tf.eye(3, dtype=dtype)))

    assert_slopes(f, matrix(3, 3, dtype=dtype))
    (g,) = gradient(lambda a: weighted(tf.linalg.cholesky(a)), positive(3, dtype))
    np.testing.assert_allclose(g, g.conj().T)


def test_a_matrix_that_is_not_positive_definite_leaves_the_others_of_its_batch_alone():
    good = positive(2)
    y = tf.linalg.cholesky(np.stack([good, -good])).numpy()
    np.testing.assert_allclose(y[0], np.linalg.cholesky(good))
    assert np.isnan(y[1]).sum() == 3 and y[1, 0, 1] == 0


def test_a_nan_leaves_the_singular_values_of_the_other_matrices_alone():
    bad = np.full((2, 2), np.nan)
    s, u, v = tf.linalg.svd(np.stack([np.eye(2), bad]))
    np.testing.assert_array_equal(s[0].numpy(), [1, 1])
    assert all(np.isnan(x[1].numpy()).all() for x in (s, u, v))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("full", [True, False])
def test_what_svd_says_of_a_matrix_has_its_gradient(shape, dtype, full):
    def cubed(a):
        s, u, v = tf.linalg.svd(a, full_matrices=full)
        k = s.shape[-1]
        return weighted(tf.matmul(u[..., :k] * tf.cast(s**3, dtype), v[..., :k], adjoint_b=True))

    assert_slopes(cubed, matrix(*shape, dtype=dtype))


def test_vectors_that_span_what_a_matrix_leaves_out_have_a_gradient():
    def outside(a):
        u = tf.linalg.svd(a, full_matrices=True)[1][:, 2:]
        q = tf.linalg.qr(a, full_matrices=True)[0][:, 2:]
        return weighted(tf.matmul(u, u, transpose_b=True)) + weighted(tf.matmul(q, q, transpose_b=True))

    assert_slopes(outside, matrix(5, 2))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_function_of_eigenvalues_and_vectors_has_its_gradient(dtype):
    def cubed(a):
        e, v = tf.linalg.eigh(a + tf.linalg.adjoint(a))
        return weighted(tf.matmul(v * e**3, v, adjoint_b=True))

    def by_eig(a):
        e, v = tf.linalg.eig(a)
        return weighted(tf.matmul(v * e**3, tf.linalg.inv(v)))

    assert_slopes(cubed, matrix(3, 3, dtype=dtype))
    assert_slopes(by_eig, matrix(3, 3, dtype=dtype))


def test_vectors_of_equal_eigenvalues_have_gradient_zero():
    turn = np.linalg.qr(matrix(3, 3))[0]
    x = turn @ np.diag([2.0, 2.0, 5.0]) @ turn.T
    for a in (np.eye(3), x):
        (g,) = gradient(lambda a: weighted(tf.linalg.eigh(a)[1]), a)
        assert np.isfinite(g).all() and np.abs(g).max() < 10
    assert not gradient(lambda a: weighted(tf.linalg.eigh(a)[1]), np.eye(3))[0].any()


def test_what_is_not_finite_has_no_eigenvalues():
    for f in (tf.linalg.eigh, tf.linalg.eigvalsh, tf.linalg.eig):
        with pytest.raises(tf.errors.InvalidArgumentError, match="was not successful"):
            f(tf.constant([[np.nan, 0.0], [0.0, 1.0]]))


@pytest.mark.parametrize("shape", [(3, 3), (4, 3, 3), (1, 1)])
def test_lu_gives_back_its_matrix(shape):
    x, b = matrix(*shape), matrix(*shape[:-1], 2)
    lu, p = tf.linalg.lu(x)
    np.testing.assert_allclose(tf.linalg.lu_reconstruct(lu, p).numpy(), x)
    np.testing.assert_allclose(tf.linalg.lu_solve(lu, p, b).numpy(), np.linalg.solve(x, b))
    np.testing.assert_allclose(tf.linalg.lu_matrix_inverse(lu, p).numpy(), np.linalg.inv(x))


def test_float16_is_refused_with_what_to_write_instead():
    for f in (tf.linalg.cholesky, tf.linalg.det, tf.linalg.svd, tf.linalg.eigh, tf.linalg.lu):
        with pytest.raises(tf.errors.NotFoundError, match=r"tf\.cast\(x, tf\.float32\)"):
            f(tf.ones([2, 2], tf.float16))


# Solutions


@pytest.mark.parametrize("n, batch", [(1, ()), (5, ()), (40, ()), (40, (2,)), (3, (50,))])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_triangular_solve_reads_one_triangle(n, batch, lower, adjoint):
    a, b = matrix(*batch, n, n) + 3 * np.eye(n), matrix(*batch, n, 2)
    x = tf.linalg.triangular_solve(a, b, lower=lower, adjoint=adjoint).numpy()
    triangle = np.tril(a) if lower else np.triu(a)
    np.testing.assert_allclose((triangle.mT if adjoint else triangle) @ x, b, atol=1e-9)


def test_a_zero_on_the_diagonal_gives_inf():
    x = tf.linalg.triangular_solve([[0.0, 0.0], [1.0, 1.0]], [[1.0], [1.0]]).numpy()
    np.testing.assert_array_equal(x, [[np.inf], [-np.inf]])


@pytest.mark.parametrize("f", [tf.linalg.inv, lambda a: tf.linalg.solve(a, [[1.0], [1.0]]), tf.linalg.lu])
def test_singular_matrices_are_not_invertible(f):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not invertible"):
        f([[1.0, 2.0], [2.0, 4.0]])


def test_solve_does_not_broadcast():
    with pytest.raises(tf.errors.InvalidArgumentError, match="same rank"):
        tf.linalg.solve(tf.ones([3, 2, 2]), tf.ones([2, 1]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="same outer dimensions"):
        tf.linalg.solve(tf.ones([3, 2, 2]), tf.ones([1, 2, 1]))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 5, 3)])
def test_least_squares_by_either_way_agree_with_numpy(shape):
    a, b = matrix(*shape), matrix(*shape[:-1], 2)
    wanted = np.linalg.pinv(a) @ b
    for fast in (True, False):
        np.testing.assert_allclose(tf.linalg.lstsq(a, b, fast=fast).numpy(), wanted, atol=1e-9)
        assert_slopes(lambda a, b, fast=fast: weighted(tf.linalg.lstsq(a, b, fast=fast)), a, b)
    assert_slopes(lambda a, b: weighted(tf.linalg.lstsq(a, b, l2_regularizer=0.5)), a, b)


def test_pinv_leaves_out_small_singular_values():
    a = np.diag([2.0, 1.0, 1e-3])
    np.testing.assert_allclose(tf.linalg.pinv(a, rcond=0.01).numpy(), np.diag([0.5, 1.0, 0.0]), atol=1e-12)
    assert tf.linalg.matrix_rank(np.stack([a, np.ones((3, 3))])).numpy().tolist() == [3, 1]


# Determinants


@pytest.mark.parametrize("a", [[[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]]])
def test_the_gradient_of_a_determinant_is_the_cofactors_of_singular_matrices_too(a):
    (g,) = gradient(tf.linalg.det, np.array(a))
    np.testing.assert_allclose(g, [[a[1][1], -a[1][0]], [-a[0][1], a[0][0]]], atol=1e-12)


def test_the_hessian_of_a_determinant_is_right_at_zero():
    x = tf.zeros([2, 2])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.linalg.det(x)
        g = inner.gradient(y, x)
    h = outer.gradient(g, x, output_gradients=tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(h.numpy(), [[4.0, -3.0], [-2.0, 1.0]], atol=1e-6)


# Functions of matrices


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_expm_agrees_with_scipy(dtype, scale):
    a = (scale * matrix(3, 4, 4)).astype(dtype)
    wanted = np.stack([scipy.linalg.expm(x.astype("complex128")) for x in a])
    tolerance = 1e-3 if dtype in ("float32", "complex64") else 1e-10
    got = tf.linalg.expm(a).numpy()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())


def test_what_is_not_finite_leaves_the_other_exponentials_alone():
    y = tf.linalg.expm(np.stack([np.zeros((2, 2)), np.full((2, 2), np.inf)])).numpy()
    np.testing.assert_array_equal(y[0], np.eye(2))
    assert np.isnan(y[1]).all()


def test_roots_and_logarithms_undo_squares_and_exponentials():
    a = matrix(2, 3, 3) + 3 * np.eye(3)
    root = tf.linalg.sqrtm(a)
    np.testing.assert_allclose(tf.matmul(root, root).numpy(), a)
    z = matrix(2, 3, 3, dtype="complex128")
    np.testing.assert_allclose(tf.linalg.logm(tf.linalg.expm(z)).numpy(), z, atol=1e-10)
    assert np.isnan(tf.linalg.sqrtm([[-1.0, 0.0], [0.0, 4.0]]).numpy()).all()
