"""`tf.keras.activations`."""

from nbtape.ops.activation import (
    gelu as gelu,
    relu6 as relu6,
    selu as selu,
    silu as silu,
    swish as swish,
)
from nbtape.ops.arithmetic import softplus as softplus, softsign as softsign
from nbtape.ops.functions import log_sigmoid as log_sigmoid, sigmoid as sigmoid, tanh as tanh
from nbtape.ops.softmax import log_softmax as log_softmax
from nbtape.train.activations import (
    celu as celu,
    deserialize as deserialize,
    elu as elu,
    exponential as exponential,
    get as get,
    glu as glu,
    hard_shrink as hard_shrink,
    hard_sigmoid as hard_sigmoid,
    hard_silu as hard_silu,
    hard_silu as hard_swish,
    hard_tanh as hard_tanh,
    leaky_relu as leaky_relu,
    linear as linear,
    mish as mish,
    relu as relu,
    serialize as serialize,
    soft_shrink as soft_shrink,
    softmax as softmax,
    sparse_plus as sparse_plus,
    sparse_sigmoid as sparse_sigmoid,
    sparsemax as sparsemax,
    squareplus as squareplus,
    tanh_shrink as tanh_shrink,
    threshold as threshold,
)
