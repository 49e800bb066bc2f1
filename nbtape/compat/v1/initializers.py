"""TensorFlow 1's `tf.initializers`."""

from nbtape.state.initialization import (
    global_variables_initializer as global_variables,
    local_variables_initializer as local_variables,
    variables_initializer as variables,
)
from nbtape.state.initializers import (
    Identity as identity,
    TruncatedNormal as truncated_normal,
    constant_initializer as constant,
    ones_initializer as ones,
    random_normal_initializer as random_normal,
    random_uniform_initializer as random_uniform,
    zeros_initializer as zeros,
)
from nbtape.state.scaling import (
    GlorotNormal as glorot_normal,
    GlorotUniform as glorot_uniform,
    HeNormal as he_normal,
    HeUniform as he_uniform,
    LecunNormal as lecun_normal,
    LecunUniform as lecun_uniform,
    Orthogonal as orthogonal,
    VarianceScaling as variance_scaling,
)
