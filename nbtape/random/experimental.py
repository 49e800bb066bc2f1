"""random.experimental"""

from nbtape.ops.draw import Algorithm as Algorithm
from nbtape.ops.generator import Generator as Generator
from nbtape.ops.generator import create_rng_state as create_rng_state
from nbtape.ops.generator import get_global_generator as get_global_generator
from nbtape.ops.generator import set_global_generator as set_global_generator
from nbtape.ops.stateless import fold_in as stateless_fold_in
from nbtape.ops.stateless import stateless_shuffle as stateless_shuffle
from nbtape.ops.stateless import split as stateless_split
