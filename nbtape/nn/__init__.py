"""Neural-network functions: `tf.nn`."""

from nbtape.nn import experimental as experimental
from nbtape.ops.activation import (
    crelu as crelu,
    elu as elu,
    gelu as gelu,
    leaky_relu as leaky_relu,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    silu as silu,
    swish as swish,
)
from nbtape.ops.arithmetic import softplus as softplus, softsign as softsign
from nbtape.ops.blocks import space_to_batch as space_to_batch
from nbtape.ops.convolution import (
    atrous_conv2d as atrous_conv2d,
    atrous_conv2d_transpose as atrous_conv2d_transpose,
    conv1d as conv1d,
    conv1d_transpose as conv1d_transpose,
    conv2d as conv2d,
    conv2d_transpose as conv2d_transpose,
    conv3d as conv3d,
    conv3d_transpose as conv3d_transpose,
    conv_transpose as conv_transpose,
    convolution as convolution,
    depthwise_conv2d as depthwise_conv2d,
    depthwise_conv2d_backprop_filter as depthwise_conv2d_backprop_filter,
    depthwise_conv2d_backprop_input as depthwise_conv2d_backprop_input,
    separable_conv2d as separable_conv2d,
)
from nbtape.ops.crossentropy import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from nbtape.ops.functions import sigmoid as sigmoid, tanh as tanh
from nbtape.ops.layout import depth_to_space as depth_to_space, space_to_depth as space_to_depth
from nbtape.ops.nn import (
    batch_norm_with_global_normalization as batch_norm_with_global_normalization,
    batch_normalization as batch_normalization,
    bias_add as bias_add,
    dropout as dropout,
    embedding_lookup as embedding_lookup,
    l2_loss as l2_loss,
    local_response_normalization as local_response_normalization,
    local_response_normalization as lrn,
    log_poisson_loss as log_poisson_loss,
)
from nbtape.ops.norm import l2_normalize as l2_normalize
from nbtape.ops.pooling import (
    avg_pool as avg_pool,
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    max_pool as max_pool,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
    max_pool_with_argmax as max_pool_with_argmax,
    pool as pool,
)
from nbtape.ops.softmax import log_softmax as log_softmax, softmax as softmax
from nbtape.ops.sort import in_top_k as in_top_k, top_k as top_k
from nbtape.ops.statistics import (
    moments as moments,
    normalize_moments as normalize_moments,
    sufficient_statistics as sufficient_statistics,
    weighted_moments as weighted_moments,
    zero_fraction as zero_fraction,
)
from nbtape.train.losses.ctc import ctc_loss as ctc_loss
