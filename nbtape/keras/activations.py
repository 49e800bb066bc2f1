"""`tf.keras.activations`."""

from nbtape.ops.activation import (
    elu as elu,
    gelu as gelu,
    relu6 as relu6,
    selu as selu,
    silu as silu,
    swish as swish,
)
from nbtape.ops.arithmetic import softplus as softplus, softsign as softsign
from nbtape.ops.functions import sigmoid as sigmoid, tanh as tanh
from nbtape.ops.softmax import log_softmax as log_softmax
from nbtape.train.activations import (
    exponential as exponential,
    get as get,
    hard_sigmoid as hard_sigmoid,
    hard_silu as hard_silu,
    hard_tanh as hard_tanh,
    leaky_relu as leaky_relu,
    linear as linear,
    mish as mish,
    relu as relu,
    softmax as softmax,
)
