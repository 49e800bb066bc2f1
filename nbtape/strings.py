"""String functions: `tf.strings`."""

from nbtape.ops.string_format import as_string as as_string
from nbtape.ops.string_format import format as format
from nbtape.ops.string_format import to_number as to_number
from nbtape.ops.strings import join as join
from nbtape.ops.strings import length as length
from nbtape.ops.strings import lower as lower
from nbtape.ops.strings import reduce_join as reduce_join
from nbtape.ops.strings import regex_full_match as regex_full_match
from nbtape.ops.strings import regex_replace as regex_replace
from nbtape.ops.strings import strip as strip
from nbtape.ops.strings import substr as substr
from nbtape.ops.strings import upper as upper
