"""Layers' ops: what the table walk does not show."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core.engine import o
from nbtape.ops import crossentropy

INF, NAN = float("inf"), float("nan")


def gradients(f, *xs):
    xs = [tf.constant(x) for x in xs]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return [g.numpy() for g in tape.gradient(y, xs)]


@pytest.mark.parametrize(
    "f, at, slope",
    [
        (tf.nn.relu, 0, 0),
        (tf.nn.relu6, 0, 0),
        (tf.nn.relu6, 6, 0),
        (tf.nn.leaky_relu, 0, 0.2),
        (tf.nn.elu, 0, 1),
        (tf.nn.selu, 0, 1.050701),
        (tf.nn.gelu, 0, 0.5),
        (tf.nn.silu, 0, 0.5),
    ],
)
def test_activations_have_the_slope_of_tensorflow_at_their_kinks(f, at, slope):
    assert gradients(f, [float(at)])[0] == pytest.approx(slope)


def test_relu_stops_a_cotangent_of_inf_and_nan():
    x = tf.constant([-1.0, -1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.relu(x)
    assert tape.gradient(y, x, output_gradients=[INF, NAN, INF]).numpy().tolist() == [0, 0, INF]


def test_second_derivative_of_relu_is_zero_and_not_none():
    x = tf.constant([-1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.nn.relu(x)
        g = inner.gradient(y, x)
    assert outer.gradient(g, x).numpy().tolist() == [0, 0]


def test_an_alpha_that_is_a_tensor_is_learnt():
    _, slope = gradients(tf.nn.leaky_relu, [-2.0, 3.0], 0.5)
    assert slope == -2


@pytest.mark.parametrize("f", [tf.nn.softmax, tf.nn.log_softmax])
def test_softmax_of_many_short_rows_is_that_of_each(f):
    x = np.random.default_rng(0).normal(size=(2, 50, 7)).astype(np.float32)
    each = [[f(row).numpy() for row in image] for image in x]
    np.testing.assert_allclose(f(x).numpy(), each, rtol=1e-6)


def test_softmax_counts_axes_from_either_end():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_array_equal(tf.nn.softmax(x, axis=-2).numpy(), tf.nn.softmax(x, axis=1).numpy())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be in the range \[-3, 3\)"):
        tf.nn.softmax(x, axis=3)


def test_cross_entropies_of_one_hot_labels_and_of_classes_agree():
    z, labels = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 5
    dense = tf.nn.softmax_cross_entropy_with_logits(np.eye(5)[labels], z)
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z)
    np.testing.assert_allclose(dense.numpy(), sparse.numpy(), rtol=1e-12)


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("rows", [2, 100])
def test_a_label_that_is_no_class_is_refused(label, dtype, rows):
    labels = tf.constant([label] + [0] * (rows - 1), dtype)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"label value of {label} .* range of \[0, 3\)"):
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.zeros([rows, 3]))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("shape", [(5,), (40, 7), (3, 4, 6), (0, 4), (3, 300)])
def test_cross_entropies_with_and_without_the_kernel_agree(monkeypatch, shape, dtype):
    def found():
        with tf.GradientTape() as tape:
            tape.watch(z)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z)
        return np.asarray(losses), np.asarray(tape.gradient(losses, z))

    random = np.random.default_rng(0)
    z, labels = tf.cast(random.normal(size=shape) * 3, dtype), random.integers(0, shape[-1], shape[:-1])
    monkeypatch.setattr(crossentropy, "_NARROW", 0)
    wanted = found()
    monkeypatch.setattr(crossentropy, "_NARROW", 1000)
    monkeypatch.setattr(crossentropy, "_LARGE", 0)
    for got, want in zip(found(), wanted, strict=True):
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=1e-6, atol=1e-6)


def test_a_gradient_for_a_label_that_is_no_class_is_not_written(monkeypatch):
    monkeypatch.setattr(crossentropy, "_LARGE", 0)
    with pytest.raises(IndexError):
        o.sparse_xent_grad(np.ones(2, np.float32), np.array([0, 3]), np.zeros((2, 3), np.float32))


def test_labels_that_do_not_add_up_to_one_weigh_the_gradient():
    """TensorFlow's gradient is softmax - labels, which is none of this loss."""
    z = tf.constant([[1.0, 2.0], [1.0, 2.0]])
    _, g = gradients(tf.nn.softmax_cross_entropy_with_logits, [[0.0, 0.0], [2.0, 0.0]], z.numpy())
    p = tf.nn.softmax(z).numpy()[0]
    np.testing.assert_allclose(g, [[0, 0], 2 * (p - [1, 0])], rtol=1e-6)


def test_a_class_of_logit_minus_inf_costs_nothing_where_it_is_not_the_label():
    z = tf.constant([[-INF, 0.0, 0.0]])
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits([1], z)
    assert loss.numpy() == pytest.approx(np.log(2))


def test_dropout_keeps_a_rate_and_the_mean():
    y = tf.nn.dropout(tf.ones([200, 200]), rate=0.25, seed=1).numpy()
    assert set(np.unique(y)) == {0, np.float32(4 / 3)}
    assert y.mean() == pytest.approx(1, abs=0.02)


def test_dropout_drops_whole_rows_where_noise_shape_says_so():
    y = tf.nn.dropout(tf.ones([50, 4]), rate=0.5, noise_shape=[None, 1], seed=1).numpy()
    assert (y == y[:, :1]).all() and 0 < y[:, 0].sum() < 100


def test_dropout_drops_inf_and_nan():
    y = tf.nn.dropout(tf.constant([INF, NAN] * 50), rate=0.99, seed=1).numpy()
    assert (y == 0).sum() > 80


def test_gradient_of_dropout_uses_the_mask_that_was_drawn():
    x = tf.ones([50, 50])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.dropout(x, rate=0.5)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())


def test_gradient_of_embedding_lookup_has_the_rows_looked_up():
    table = tf.Variable(tf.ones([1000, 2]))
    with tf.GradientTape() as tape:
        y = tf.nn.embedding_lookup(table, [[7, 3], [7, 0]])
    g = tape.gradient(y, table)
    assert isinstance(g, tf.IndexedSlices) and g.values.shape == (4, 2)
    assert tf.convert_to_tensor(g).numpy()[[0, 3, 7, 8], 0].tolist() == [1, 1, 2, 0]


def test_embedding_lookup_takes_parts_and_bounds_norms():
    parts = [tf.constant([[3.0, 4.0]]), tf.constant([[0.3, 0.4]])]
    rows = tf.nn.embedding_lookup(parts, [0, 1], max_norm=1.0).numpy()
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [1, 2], [0, 1], [0, 0]]])
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolution_is_the_transpose(padding, groups):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(3, 2, 4 // groups, 6))
    y = tf.nn.conv2d(x, k, 2, padding)
    g = rng.normal(size=y.shape.as_list())
    back = tf.nn.conv2d_transpose(g, k, x.shape, 2, padding)
    assert (y.numpy() * g).sum() == pytest.approx((x * back.numpy()).sum())


def test_channels_may_come_first():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(2, 2, 3, 4))
    last = tf.nn.conv2d(x, k, [1, 2, 1, 1], "SAME").numpy()
    first = tf.nn.conv2d(x.transpose(0, 3, 1, 2), k, [1, 1, 2, 1], "SAME", data_format="NCHW").numpy()
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


def test_convolution_takes_several_batch_dims():
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 3, 4, 4, 1)), rng.normal(size=(2, 2, 1, 2))
    flat = tf.nn.conv2d(x.reshape(6, 4, 4, 1), k, 1, "SAME").numpy()
    np.testing.assert_array_equal(tf.nn.conv2d(x, k, 1, "SAME").numpy(), flat.reshape(2, 3, 4, 4, 2))


@pytest.mark.parametrize(
    "x, k, strides, padding, says",
    [
        ([1, 4, 4, 3], [2, 2, 2, 3], 1, "SAME", "must be evenly divisible by filter depth: 3 vs 2"),
        ([4, 4, 3], [2, 2, 3, 3], 1, "SAME", "input must be 4-dimensional"),
        ([1, 4, 4, 3], [2, 2, 3], 1, "SAME", "filter must be 4-dimensional"),
        ([1, 4, 4, 3], [2, 2, 3, 1], 0, "SAME", "Stride must be > 0, but got 0"),
        ([1, 4, 4, 3], [2, 2, 3, 1], [1, 1, 1], "SAME", "strides should be of length 1, 2 or 4"),
        ([1, 4, 4, 3], [2, 2, 3, 1], 1, "same", "'padding' of \"same\" is not in the list"),
        ([1, 4, 4, 3], [2, 2, 3, 1], 1, [[1, 1]], "must be of size 4"),
        ([1, 1, 4, 3], [4, 2, 3, 1], 1, "VALID", "Computed output size would be negative"),
    ],
)
def test_a_convolution_that_does_not_fit_says_why(x, k, strides, padding, says):
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)) as caught:
        tf.nn.conv2d(tf.ones(x), tf.ones(k), strides, padding)
    assert says in str(caught.value)


def test_gradient_of_max_pool_goes_to_the_first_maximum():
    (g,) = gradients(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), np.ones((1, 2, 2, 1), np.float32))
    assert g.ravel().tolist() == [1, 0, 0, 0]


def test_max_pool_passes_nan_on():
    assert np.isnan(tf.nn.max_pool1d([[[1.0], [NAN]]], 2, 2, "VALID").numpy()).all()


def test_argmax_of_a_pool_points_into_its_image_or_into_the_batch():
    x = np.random.default_rng(0).permutation(32).astype(np.float32).reshape(2, 4, 4, 1)
    y, at = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    np.testing.assert_array_equal(x.reshape(-1)[at.numpy()], y.numpy())
    _, inside = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", output_dtype=tf.int32)
    np.testing.assert_array_equal(inside.numpy(), at.numpy() % 16)


def test_mean_pool_does_not_count_padding():
    y = tf.nn.avg_pool2d(tf.ones([1, 3, 3, 1]), 2, 1, "SAME").numpy()
    assert (y == 1).all()


def test_a_pool_with_gaps_reads_every_second_cell():
    x = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    assert tf.nn.pool(x, [2], "AVG", dilations=[2]).numpy().ravel().tolist() == [1, 2, 3]
