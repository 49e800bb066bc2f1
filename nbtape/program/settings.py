"""What a session is told about how to run: `tf.ConfigProto`."""

from types import SimpleNamespace
from typing import Any


class GPUOptions(SimpleNamespace):
    """Settings of GPUs, kept for programs that give them."""

    def __init__(self, allow_growth: bool = False, per_process_gpu_memory_fraction: float = 0.0, **more: Any):
        super().__init__(
            allow_growth=allow_growth, per_process_gpu_memory_fraction=per_process_gpu_memory_fraction, **more
        )


class ConfigProto(SimpleNamespace):
    """Settings of a session.

    With `allow_soft_placement` False an operation on a device that is not there is an error; otherwise it
    runs on the CPU, and a warning says so. The other settings are kept, and change nothing.

    >>> tf.compat.v1.ConfigProto(allow_soft_placement=True).allow_soft_placement
    True
    """

    def __init__(
        self,
        allow_soft_placement: bool | None = None,
        log_device_placement: bool = False,
        inter_op_parallelism_threads: int = 0,
        intra_op_parallelism_threads: int = 0,
        device_count: dict[str, int] | None = None,
        gpu_options: GPUOptions | None = None,
        **more: Any,
    ):
        super().__init__(
            allow_soft_placement=allow_soft_placement,
            log_device_placement=log_device_placement,
            inter_op_parallelism_threads=inter_op_parallelism_threads,
            intra_op_parallelism_threads=intra_op_parallelism_threads,
            device_count=device_count or {},
            gpu_options=gpu_options or GPUOptions(),
            **more,
        )


class RunOptions(SimpleNamespace):
    """Settings of one run, kept for programs that give them."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)

    def __init__(self, trace_level: int = NO_TRACE, timeout_in_ms: int = 0, **more: Any):
        super().__init__(trace_level=trace_level, timeout_in_ms=timeout_in_ms, **more)
