"""Bitwise functions: `tf.bitwise`."""

from nbtape.ops.functions import bitwise_and as bitwise_and
from nbtape.ops.functions import bitwise_or as bitwise_or
from nbtape.ops.functions import bitwise_xor as bitwise_xor
from nbtape.ops.functions import invert as invert
from nbtape.ops.functions import left_shift as left_shift
from nbtape.ops.functions import right_shift as right_shift
