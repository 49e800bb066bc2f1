"""Element types: `tf.dtypes`."""

from nbtape.core.dtype import DType as DType
from nbtape.core.dtype import as_dtype as as_dtype
from nbtape.core.dtype import bfloat16 as bfloat16
from nbtape.core.dtype import bool_ as bool
from nbtape.core.dtype import complex128 as complex128
from nbtape.core.dtype import complex64 as complex64
from nbtape.core.dtype import double as double
from nbtape.core.dtype import float16 as float16
from nbtape.core.dtype import float32 as float32
from nbtape.core.dtype import float64 as float64
from nbtape.core.dtype import half as half
from nbtape.core.dtype import int16 as int16
from nbtape.core.dtype import int32 as int32
from nbtape.core.dtype import int64 as int64
from nbtape.core.dtype import int8 as int8
from nbtape.core.dtype import string as string
from nbtape.core.dtype import uint16 as uint16
from nbtape.core.dtype import uint32 as uint32
from nbtape.core.dtype import uint64 as uint64
from nbtape.core.dtype import uint8 as uint8
from nbtape.ops.arithmetic import cast as cast
from nbtape.ops.arithmetic import complex as complex
from nbtape.ops.arithmetic import saturate_cast as saturate_cast
