"""experimental.dlpack"""

from nbtape.ops.exchange import from_dlpack as from_dlpack, to_dlpack as to_dlpack
