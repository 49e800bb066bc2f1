"""Checks and traps: `tf.debugging`."""

from nbtape.autodiff.trap import nan_trap as nan_trap
from nbtape.graph.effects import Assert as Assert
from nbtape.ops.debugging import assert_all_finite as assert_all_finite
from nbtape.ops.debugging import assert_equal as assert_equal
from nbtape.ops.debugging import assert_greater as assert_greater
from nbtape.ops.debugging import assert_greater_equal as assert_greater_equal
from nbtape.ops.debugging import assert_integer as assert_integer
from nbtape.ops.debugging import assert_less as assert_less
from nbtape.ops.debugging import assert_less_equal as assert_less_equal
from nbtape.ops.debugging import assert_near as assert_near
from nbtape.ops.debugging import assert_negative as assert_negative
from nbtape.ops.debugging import assert_non_negative as assert_non_negative
from nbtape.ops.debugging import assert_non_positive as assert_non_positive
from nbtape.ops.debugging import assert_none_equal as assert_none_equal
from nbtape.ops.debugging import assert_positive as assert_positive
from nbtape.ops.debugging import assert_rank as assert_rank
from nbtape.ops.debugging import assert_rank_at_least as assert_rank_at_least
from nbtape.ops.debugging import assert_rank_in as assert_rank_in
from nbtape.ops.debugging import assert_same_float_dtype as assert_same_float_dtype
from nbtape.ops.debugging import assert_scalar as assert_scalar
from nbtape.ops.debugging import assert_shapes as assert_shapes
from nbtape.ops.debugging import assert_type as assert_type
from nbtape.ops.debugging import check_numerics as check_numerics
from nbtape.ops.debugging import is_numeric_tensor as is_numeric_tensor
