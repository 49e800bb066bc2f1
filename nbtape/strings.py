"""String functions: `tf.strings`."""

from nbtape.ops.string_format import as_string as as_string, format as format, to_number as to_number
from nbtape.ops.strings import (
    join as join,
    length as length,
    lower as lower,
    reduce_join as reduce_join,
    regex_full_match as regex_full_match,
    regex_replace as regex_replace,
    strip as strip,
    substr as substr,
    upper as upper,
)
