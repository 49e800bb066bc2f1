"""Nested structures: `tf.nest`."""

from nbtape.core.nest import assert_same_structure as assert_same_structure
from nbtape.core.nest import flatten as flatten
from nbtape.core.nest import is_nested as is_nested
from nbtape.core.nest import map_structure as map_structure
from nbtape.core.nest import pack_sequence_as as pack_sequence_as
