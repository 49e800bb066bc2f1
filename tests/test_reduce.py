"""Reductions, scans, segments and order: what the table walk does not ask."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.engine import o
from nbtape.core.shape import Spec

INF = np.inf


def slope(f, *xs):
    """f at the float32 tensors xs, and its gradients there."""
    xs = [tf.constant(x, tf.float32) for x in xs]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return y.numpy(), *[g.numpy().tolist() for g in tape.gradient(y, xs)]


@pytest.mark.parametrize("axis", [1, -1, [1], (-1,), np.array([1]), np.int64(1), range(1, 2), [[1]]])
def test_an_axis_may_be_written_in_many_ways(axis):
    assert tf.reduce_sum([[1, 2], [3, 4]], axis=axis).numpy().tolist() == [3, 7]
    assert tf.reduce_sum([[1, 2], [3, 4]], axis=tf.constant([0, 1])).numpy() == 10


def test_no_axes_reduce_nothing():
    assert tf.reduce_max([[1, 2]], axis=[]).numpy().tolist() == [[1, 2]]


def test_ints_stay_ints():
    assert tf.reduce_sum(tf.constant([100, 100, 100], tf.int8)).numpy() == 44
    assert tf.reduce_mean([-1, 0, -1, -1, 1, -7]).numpy() == -1
    assert tf.reduce_mean(tf.constant([2**30] * 4)).numpy() == 2**30
    assert tf.math.reduce_euclidean_norm([3, 4]).dtype == tf.int32


def test_narrow_floats_are_summed_in_wide_ones():
    for dtype in (tf.float16, tf.bfloat16):
        ones = tf.constant(np.ones([4000, 2]), dtype)
        assert float(tf.reduce_mean(ones)) == 1 and tf.reduce_mean(ones).dtype == dtype
        assert float(tf.reduce_sum(ones, axis=0)[0]) == pytest.approx(4000, rel=0.01)
        assert float(tf.cumsum(ones)[-1, 0]) == pytest.approx(4000, rel=0.01)


def test_nothing_reduces_to_what_changes_nothing():
    nothing = tf.zeros([0, 2])
    for f, value in [(tf.reduce_sum, 0), (tf.reduce_prod, 1), (tf.reduce_max, -INF), (tf.reduce_min, INF)]:
        assert f(nothing, axis=0).numpy().tolist() == [value, value]
    assert np.isnan(tf.reduce_mean(nothing).numpy()) and tf.reduce_logsumexp(nothing).numpy() == -INF
    assert tf.reduce_max(tf.zeros([0], tf.int32)).numpy() == -(2**31)
    assert slope(lambda x: tf.reduce_mean(x, axis=0)[0], np.zeros([0, 2]))[1] == []


def test_nan_is_the_maximum_and_never_the_argmax():
    assert np.isnan(tf.reduce_max([1.0, np.nan, 2.0]).numpy())
    assert tf.argmax([np.nan, 1.0, 3.0]).numpy() == 2 and tf.argmin([np.nan, 1.0, 0.0]).numpy() == 2


@pytest.mark.parametrize(
    "f, words",
    [
        (
            lambda: tf.reduce_sum([[1.0]], axis=2),
            "Invalid reduction dimension (2 for input with 2 dimension(s)",
        ),
        (lambda: tf.reduce_sum([[1.0]], axis=-3), "Invalid reduction dimension (-3 for input with 2"),
        (lambda: tf.reduce_sum([[1.0]], axis=[0, -2]), "Axes contains duplicate dimension: 0"),
        (lambda: tf.reduce_sum([1.0], axis=0.5), "Value for attr 'Tidx' of float is not in the list"),
        (lambda: tf.reduce_sum([True]), "Value for attr 'T' of bool is not in the list"),
        (lambda: tf.reduce_any(tf.constant([1])), "was expected to be a bool tensor but is a int32 tensor"),
        (lambda: tf.cumsum([1, 2], axis=1), "ScanOp: Expected scan axis in the range [-1, 1), but got 1"),
        (lambda: tf.cumsum([1, 2], axis=[0]), "ScanOp: axis must be a scalar, not [1]"),
        (lambda: tf.argmax(tf.zeros([0, 3])), "Reduction axis 0 is empty in shape [0,3]"),
        (lambda: tf.math.top_k([1.0, 2.0], k=3), "input must have at least k columns. Had 2, needed 3"),
        (lambda: tf.math.segment_sum([1.0, 2.0], [1, 0]), "segment ids are not increasing"),
        (
            lambda: tf.math.segment_sum([1.0, 2.0], [0]),
            "segment_ids should be the same size as dimension 0 of input.",
        ),
        (
            lambda: tf.math.unsorted_segment_sum([1.0, 2.0], [0, 5], 3),
            "segment_ids[1] = 5 is out of range [0, 3)",
        ),
        (
            lambda: tf.math.unsorted_segment_sum([1.0], [0], -1),
            "Input num_segments == -1 must not be negative.",
        ),
        (lambda: tf.unique([[1, 2]]), "unique expects a 1D vector."),
        (lambda: tf.math.bincount([-1]), "Input arr must be non-negative!"),
        (lambda: tf.math.confusion_matrix([4], [0], num_classes=4), "`labels` out of bound"),
        (lambda: tf.math.invert_permutation([2, 0, 2]), "2 is duplicated in the input."),
        (lambda: tf.searchsorted([1], [1.0]), "expected to be a int32 tensor but is a float32 tensor"),
        (lambda: tf.histogram_fixed_width([1.0], [5.0, 0.0]), "value_range should satisfy"),
    ],
)
def test_errors_have_the_words_of_tensorflow(f, words):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        f()
    assert words in str(caught.value)


def test_norms_that_there_are_not_are_refused():
    for arguments, words in [
        ({"ord": "fro"}, "vector norm, got fro"),
        ({"ord": 0}, "vector norm, got 0"),
        ({"ord": 3, "axis": (0, 1)}, "matrix norm in"),
        ({"axis": (0, 0)}, "2 unique integers"),
    ]:
        with pytest.raises(ValueError, match=words):
            tf.norm([[1.0]], **arguments)
    with pytest.raises(TypeError, match="must be either real or complex"):
        tf.math.reduce_variance([1, 2])


def test_a_product_is_differentiated_through_its_zeros():
    assert slope(tf.reduce_prod, [0.0, 3.0, 2.0])[1] == [6, 0, 0]
    assert slope(tf.reduce_prod, [[0.0, 3.0], [0.0, 2.0]])[1] == [[0, 0], [0, 0]]
    assert slope(tf.math.cumprod, [0.0, 3.0, 2.0])[1] == [10, 0, 0]
    assert slope(lambda x: tf.math.segment_prod(x, [0, 0, 0, 1]), [0.0, 3.0, 2.0, 0.0])[1] == [6, 0, 0, 1]
    x = tf.constant([0.0, 3.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(tf.math.segment_prod(x, [0, 0, 0]))
        g = inner.gradient(y, x)[1]
    assert outer.gradient(g, x).numpy().tolist() == [2, 0, 0]


def test_equal_elements_share_the_gradient_of_their_maximum():
    assert slope(lambda x: tf.reduce_max(x, axis=1), [[2.0, 5.0, 5.0], [1.0, 1.0, 0.0]])[1] == [
        [0, 0.5, 0.5],
        [0.5, 0.5, 0],
    ]
    assert slope(lambda x: tf.math.unsorted_segment_max(x, [1, 1, -1], 2)[1], [3.0, 3.0, 3.0])[1] == [
        0.5,
        0.5,
        0,
    ]


def test_singular_points_have_safe_gradients():
    for f in (tf.norm, tf.math.reduce_euclidean_norm, tf.math.reduce_std, lambda x: tf.norm(x, ord=3)):
        assert slope(f, [0.0, 0.0])[1] == [0, 0]
    assert slope(tf.math.reduce_std, [2.0, 2.0, 2.0])[1] == [0, 0, 0]
    assert slope(tf.math.l2_normalize, [0.0, 0.0])[1] == [1e6, 1e6]


def test_the_gradient_of_logsumexp_is_a_softmax_at_infinity_too():
    assert slope(tf.reduce_logsumexp, [INF, 1.0])[1] == [1, 0]
    assert slope(tf.reduce_logsumexp, [INF, INF, 1.0])[1] == [0.5, 0.5, 0]
    assert slope(tf.reduce_logsumexp, [-INF, -INF])[1] == [0, 0]
    assert slope(tf.reduce_logsumexp, [1000.0, 1001.0])[1] == pytest.approx([0.26894142, 0.7310586], rel=1e-6)
    assert slope(tf.math.cumulative_logsumexp, [-INF, 0.0])[1] == [1, 1]
    assert slope(lambda x: tf.math.cumulative_logsumexp(x, exclusive=True)[1:], [1.0, 0.0])[1] == [1, 0]


@pytest.mark.parametrize("reverse", [False, True])
def test_an_exclusive_log_sum_leaves_out_its_own(reverse):
    x = tf.constant([0.3, -1.0, 2.0, 0.5], tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        got = tf.math.cumulative_logsumexp(x, exclusive=True, reverse=reverse)
        wanted = [tf.reduce_logsumexp(x[i + 1 :] if reverse else x[:i]) for i in range(4)]
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
    for i in range(4):
        with tf.GradientTape() as one:
            one.watch(x)
            y = tf.math.cumulative_logsumexp(x, exclusive=True, reverse=reverse)[i]
        np.testing.assert_allclose(one.gradient(y, x), tape.gradient(wanted[i], x), rtol=1e-12, atol=1e-12)


def test_sorting_keeps_the_order_of_equals_and_puts_nan_above_all():
    assert tf.argsort([1, 1, 0, 1]).numpy().tolist() == [2, 0, 1, 3]
    assert tf.argsort([1, 1, 0, 1], direction="DESCENDING").numpy().tolist() == [0, 1, 3, 2]
    assert tf.argsort([np.nan, 3.0, 1.0]).numpy().tolist() == [2, 1, 0]
    assert tf.math.top_k([1.0, np.nan, 3.0], 2).indices.numpy().tolist() == [1, 2]


def test_the_nan_of_bfloat16_is_above_all_numbers():
    x = tf.constant([1.0, np.nan, -2.0, np.nan, 1.0], tf.bfloat16)
    assert tf.argsort(x).numpy().tolist() == [2, 0, 4, 1, 3]
    assert tf.argsort(x, direction="DESCENDING").numpy().tolist() == [1, 3, 0, 4, 2]
    assert np.isnan(tf.sort(x).numpy()[-2:].astype(np.float32)).all()
    assert tf.unique(x).idx.numpy().tolist() == [0, 1, 2, 3, 0]


@pytest.mark.parametrize("kind", ["few values", "floats", "nan"])
def test_top_k_of_long_rows_is_the_head_of_a_sort(kind):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, [5, 300]) if kind == "few values" else rng.normal(size=[5, 300])
    if kind == "nan":
        x[:, ::50] = np.nan
    values, indices = tf.math.top_k(x, k=7)
    wanted = tf.argsort(x, direction="DESCENDING").numpy()[:, :7]
    np.testing.assert_array_equal(indices, wanted)
    np.testing.assert_array_equal(values, np.take_along_axis(x, wanted, 1))


def test_gaps_in_sorted_segments_are_zero_and_in_unsorted_ones_what_changes_nothing():
    x = [1.0, 2.0, 3.0]
    assert tf.math.segment_max(x, [0, 0, 2]).numpy().tolist() == [2, 0, 3]
    assert tf.math.segment_mean(x, [0, 0, 2]).numpy().tolist() == [1.5, 0, 3]
    lowest = np.finfo(np.float32).min
    assert tf.math.unsorted_segment_max(x, [0, 0, 2], 3).numpy().tolist() == [2, lowest, 3]
    assert tf.math.unsorted_segment_mean(x, [0, -1, 2], 4).numpy().tolist() == [1, 0, 3, 0]


@pytest.mark.parametrize("f", ["sum", "prod", "max", "min"])
def test_large_segments_agree_with_small_ones(f):
    rng = np.random.default_rng(0)
    x, ids = 1 + 0.01 * rng.normal(size=[700, 40]), rng.integers(-1, 9, 700)
    large = getattr(tf.math, f"unsorted_segment_{f}")(x, ids, 9).numpy()
    small = [getattr(tf.math, f"unsorted_segment_{f}")(x[:, i], ids, 9).numpy() for i in range(40)]
    np.testing.assert_allclose(large, np.stack(small, 1), rtol=1e-12)


@pytest.mark.parametrize("f, slow", [("cumsum", np.cumsum), ("cumprod", np.cumprod)])
@pytest.mark.parametrize("axis", [0, 1])
def test_large_scans_agree_with_numpy(f, slow, axis):
    x = 1 + 0.01 * np.random.default_rng(0).normal(size=[500, 500])
    got = getattr(tf.math, f)(x, axis=axis, reverse=True).numpy()
    np.testing.assert_allclose(got, np.flip(slow(np.flip(x, axis), axis), axis), rtol=1e-12)


def test_unique_keeps_the_order_of_first_occurrence():
    y, idx, count = tf.unique_with_counts(["b", "a", "b"])
    assert (y.numpy().tolist(), idx.numpy().tolist(), count.numpy().tolist()) == (
        [b"b", b"a"],
        [0, 1, 0],
        [2, 1],
    )
    assert slope(lambda x: tf.unique(x)[0] * [1.0, 10.0], [2.0, 1.0, 2.0])[1] == [1, 10, 0]


def test_bincount_counts_and_its_weights_have_gradients():
    assert tf.math.bincount([[1, 2], [2, 2]], axis=-1).numpy().tolist() == [[0, 1, 1], [0, 0, 2]]
    assert tf.math.bincount([], minlength=2).numpy().tolist() == [0, 0]
    y, g = slope(
        lambda w: tf.math.bincount([1, 2, 2, 7], w, maxlength=3) * [1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]
    )
    assert y.tolist() == [0, 2, 15] and g == [2, 3, 3, 0]


def test_a_row_may_meet_sizes_that_are_not_known_yet():
    x = np.arange(6.0).reshape(2, 3)
    unknown = Spec((None, 3), x.dtype)
    assert o.sum.infer(unknown, axis=(1,), keepdims=True).shape == (None, 1)
    assert o.sum.infer(Spec(None, x.dtype), axis=None, keepdims=False).shape == ()
    assert o.sum_to_like(x, x[:1]).tolist() == [[3, 5, 7]]
    assert o.spread(x[0], x, axis=(0,), keepdims=False).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert o.segment_sum.infer(unknown, Spec((None,), np.dtype(np.int32)), rows=None, ordered=True).shape == (
        None,
        3,
    )
