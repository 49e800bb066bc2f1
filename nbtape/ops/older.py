"""Functions as TensorFlow 1 spelled them: other names and orders of arguments, and some that are gone."""

from collections.abc import Callable
from typing import Any

from nbtape.core import dtype as dtypes
from nbtape.core.engine import apply, o, pair, tensor
from nbtape.ops import (
    convolution,
    create,
    crossentropy,
    debugging,
    index,
    measure,
    nn,
    norm as norms,
    pooling,
    reduce,
    scatter,
    shape as shapes,
    softmax as softmaxes,
    sort,
    statistics,
)
from nbtape.ops.activation import relu
from nbtape.ops.arithmetic import cast
from nbtape.ops.cut import pad as pad_new
from nbtape.ops.linalg import matmul
from nbtape.ops.random import categorical


def either(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The one of two spellings of an argument that was given; raises ValueError where both were."""
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old


def _reduction(function: Callable) -> Callable:
    """A reduction that takes `reduction_indices` and `keep_dims` too."""

    def reduced(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Any:
        axis = either("axis", axis, "reduction_indices", reduction_indices)
        keepdims = either("keepdims", keepdims, "keep_dims", keep_dims)
        return function(input_tensor, axis, bool(keepdims), name)

    reduced.__name__ = reduced.__qualname__ = function.__name__
    reduced.__doc__ = f"`tf.{function.__name__}`, which also takes `reduction_indices` and `keep_dims`."
    return reduced


reduce_sum, reduce_mean = _reduction(reduce.reduce_sum), _reduction(reduce.reduce_mean)
reduce_max, reduce_min = _reduction(reduce.reduce_max), _reduction(reduce.reduce_min)
reduce_prod, reduce_logsumexp = _reduction(reduce.reduce_prod), _reduction(reduce.reduce_logsumexp)
reduce_any, reduce_all = _reduction(reduce.reduce_any), _reduction(reduce.reduce_all)


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Any:
    """`tf.argmax`, along `axis` or `dimension`, 0 by default."""
    return sort.argmax(input, either("axis", axis, "dimension", dimension), output_type, name)


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Any:
    """`tf.argmin`, along `axis` or `dimension`, 0 by default."""
    return sort.argmin(input, either("axis", axis, "dimension", dimension), output_type, name)


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Any:
    """`tf.math.count_nonzero`, which also takes `reduction_indices` and `keep_dims`."""
    given = either("input", input, "input_tensor", input_tensor)
    axis = either("axis", axis, "reduction_indices", reduction_indices)
    return statistics.count_nonzero(
        given, axis, either("keepdims", keepdims, "keep_dims", keep_dims), dtype, name
    )


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Any:
    """`tf.norm`, which also takes `keep_dims`."""
    return norms.norm(tensor, ord, axis, either("keepdims", keepdims, "keep_dims", keep_dims), name)


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Any:
    """`tf.squeeze`, of `axis` or `squeeze_dims`."""
    return shapes.squeeze(input, either("axis", axis, "squeeze_dims", squeeze_dims), name)


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """`tf.expand_dims`, at `axis` or `dim`."""
    axis = either("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return shapes.expand_dims(input, axis, name)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Any:
    """`tf.gather`, with `name` before `axis`."""
    return index.gather(params, indices, validate_indices, axis, batch_dims, name)


def shape(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """`tf.shape`, with `name` before `out_type`."""
    return measure.shape(input, out_type, name)


def size(input: Any, name: str | None = None, out_type: Any = None) -> Any:
    """`tf.size`, with `name` before `out_type`."""
    return measure.size(input, out_type, name)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Any:
    """`tf.zeros_like`."""
    return create.zeros_like(tensor, dtype, name)


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Any:
    """`tf.ones_like`."""
    return create.ones_like(tensor, dtype, name)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Any:
    """`tf.pad`, with `name` before `constant_values`."""
    return pad_new(tensor, paddings, mode, constant_values, name)


def multinomial(
    logits: Any, num_samples: Any, seed: Any = None, name: str | None = None, output_dtype: Any = None
) -> Any:
    """`tf.random.categorical`, under its older name."""
    return categorical(logits, num_samples, output_dtype, seed, name)


# Arithmetic


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y` as Python 2 had it: of whole numbers rounded down.

    >>> tf.compat.v1.div(7, 2).numpy(), tf.compat.v1.div(7.0, 2.0).numpy()
    (np.int32(3), np.float32(3.5))
    """
    x, y = pair(x, y)
    return apply(o.floordiv if x.dtype.is_integer else o.div, x, y)


def _cast(name: str, dtype: Any) -> Callable:
    def function(x: Any, name: str = name) -> Any:
        return cast(x, dtype, name)

    function.__name__ = function.__qualname__ = f"to_{dtype.name}"
    function.__doc__ = f"`tf.cast(x, tf.{dtype.name})`."
    return function


to_float, to_double = _cast("ToFloat", dtypes.float32), _cast("ToDouble", dtypes.float64)
to_int32, to_int64 = _cast("ToInt32", dtypes.int32), _cast("ToInt64", dtypes.int64)
to_bfloat16 = _cast("ToBFloat16", dtypes.bfloat16)
to_complex64, to_complex128 = _cast("ToComplex64", dtypes.complex64), _cast("ToComplex128", dtypes.complex128)


# Neural networks


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: Any = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """`tf.nn.dropout`, told how much to keep, or at which `rate` to drop."""
    if (keep_prob is None) == (rate is None):
        raise ValueError("Give tf.nn.dropout either `keep_prob` or `rate`, which is 1 - keep_prob.")
    return nn.dropout(x, 1 - keep_prob if rate is None else rate, noise_shape, seed, name)


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple:
    """`tf.nn.moments`, which also takes `keep_dims`."""
    return statistics.moments(
        x, axes, shift, bool(either("keepdims", keepdims, "keep_dims", keep_dims)), name
    )


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """`tf.nn.softmax`, along `axis` or `dim`."""
    return softmaxes.softmax(logits, either("axis", axis, "dim", dim), name)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """`tf.nn.log_softmax`, along `axis` or `dim`."""
    return softmaxes.log_softmax(logits, either("axis", axis, "dim", dim), name)


def softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, dim: Any = None, name: str | None = None, axis: Any = None
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`, along `axis` or `dim`."""
    axis = either("axis", axis, "dim", dim)
    return crossentropy.softmax_cross_entropy_with_logits(labels, logits, -1 if axis is None else axis, name)


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: Any = None, targets: Any = None
) -> Any:
    """`tf.nn.weighted_cross_entropy_with_logits`, of `labels` or `targets`."""
    labels = either("labels", labels, "targets", targets)
    return crossentropy.weighted_cross_entropy_with_logits(labels, logits, pos_weight, name)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str = "xw_plus_b") -> Any:
    """`x @ weights + biases`.

    >>> tf.compat.v1.nn.xw_plus_b([[1.0, 2.0]], [[1.0], [1.0]], [0.5]).numpy()
    array([[3.5]], dtype=float32)
    """
    return nn.bias_add(matmul(x, weights), biases)


def relu_layer(x: Any, weights: Any, biases: Any, name: str = "relu_layer") -> Any:
    """`relu(x @ weights + biases)`.

    >>> tf.compat.v1.nn.relu_layer([[1.0, 2.0]], [[1.0], [-1.0]], [0.5]).numpy()
    array([[0.]], dtype=float32)
    """
    return relu(nn.bias_add(matmul(x, weights), biases))


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """`tf.nn.conv2d`, with `filter` or `filters`."""
    filters = either("filters", filters, "filter", filter)
    return convolution.conv2d(input, filters, strides, padding, data_format, dilations, name)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: Any = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.conv1d`, of `value` or `input`."""
    given = either("input", input, "value", value)
    return convolution.conv1d(given, filters, stride, padding, data_format or "NWC", dilations, name)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.conv2d_transpose`, of `value` or `input`, with `filter` or `filters`."""
    given = either("input", input, "value", value)
    filters = either("filters", filters, "filter", filter)
    return convolution.conv2d_transpose(
        given, filters, output_shape, strides, padding, data_format, dilations, name
    )


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.depthwise_conv2d`, at `rate` or with `dilations`."""
    rate = either("dilations", dilations, "rate", rate)
    return convolution.depthwise_conv2d(input, filter, strides, padding, data_format, rate, name)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Any:
    """`tf.nn.separable_conv2d`, at `rate` or with `dilations`."""
    rate = either("dilations", dilations, "rate", rate)
    return convolution.separable_conv2d(
        input, depthwise_filter, pointwise_filter, strides, padding, data_format, rate, name
    )


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """`tf.nn.max_pool2d`, of `value` or `input`."""
    return pooling.max_pool2d(
        either("input", input, "value", value), ksize, strides, padding, data_format, name
    )


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """`tf.nn.avg_pool2d`, of `value` or `input`."""
    return pooling.avg_pool2d(
        either("input", input, "value", value), ksize, strides, padding, data_format, name
    )


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Any:
    """`tf.nn.embedding_lookup`."""
    return nn.embedding_lookup(params, ids, max_norm, name)


def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """`tf.argmax` along `dimension`."""
    return sort.argmax(input, dimension, output_type, name)


def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """`tf.argmin` along `dimension`."""
    return sort.argmin(input, dimension, output_type, name)


def batch_gather(params: Any, indices: Any, name: str | None = None) -> Any:
    """`tf.gather` along the last axis of `indices`, whose other axes are those of a batch."""
    indices = tensor(indices)
    batch = len(indices.shape) - 1
    return index.gather(params, indices, axis=batch, batch_dims=batch)


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Any:
    """`tf.debugging.assert_all_finite` of `t` or `x`."""
    found, said = either("x", x, "t", t), either("message", message, "msg", msg)
    return debugging.assert_all_finite(found, said or "")


def sparse_to_dense(
    sparse_indices: Any,
    output_shape: Any,
    sparse_values: Any,
    default_value: Any = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> Any:
    """A tensor of `default_value` with `sparse_values` at `sparse_indices`.

    >>> tf.compat.v1.sparse_to_dense([0, 2], [4], [5, 6], default_value=-1).numpy().tolist()
    [5, -1, 6, -1]
    """
    values, places = tensor(sparse_values), tensor(sparse_indices)
    while len(places.shape) < 2:
        places = shapes.expand_dims(places, -1)
    filled = create.fill(output_shape, cast(default_value, values.dtype))
    updates = shapes.broadcast_to(values, measure.shape(places)[:1])
    return scatter.tensor_scatter_nd_update(filled, places, updates)
