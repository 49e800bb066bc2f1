"""Random numbers: `tf.random`."""

from nbtape.ops.draw import Algorithm as Algorithm
from nbtape.ops.generator import Generator as Generator
from nbtape.ops.generator import create_rng_state as create_rng_state
from nbtape.ops.generator import get_global_generator as get_global_generator
from nbtape.ops.generator import set_global_generator as set_global_generator
from nbtape.ops.random import categorical as categorical
from nbtape.ops.random import gamma as gamma
from nbtape.ops.random import normal as normal
from nbtape.ops.random import poisson as poisson
from nbtape.ops.random import shuffle as shuffle
from nbtape.ops.random import truncated_normal as truncated_normal
from nbtape.ops.random import uniform as uniform
from nbtape.ops.sampler import set_seed as set_seed
from nbtape.ops.stateless import fold_in as fold_in
from nbtape.ops.stateless import split as split
from nbtape.ops.stateless import stateless_binomial as stateless_binomial
from nbtape.ops.stateless import stateless_categorical as stateless_categorical
from nbtape.ops.stateless import stateless_gamma as stateless_gamma
from nbtape.ops.stateless import stateless_normal as stateless_normal
from nbtape.ops.stateless import stateless_parameterized_truncated_normal as stateless_parameterized_truncated_normal
from nbtape.ops.stateless import stateless_poisson as stateless_poisson
from nbtape.ops.stateless import stateless_truncated_normal as stateless_truncated_normal
from nbtape.ops.stateless import stateless_uniform as stateless_uniform
from nbtape.random import experimental as experimental
