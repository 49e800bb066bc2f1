"""Settings: `tf.config`."""

from nbtape.compile.settings import get_compilation as get_compilation, set_compilation as set_compilation
from nbtape.config import experimental as experimental
from nbtape.core.memory import HostWarning as HostWarning, TransferWarning as TransferWarning
from nbtape.graph.v1.device_memory import (
    LogicalDeviceConfiguration as LogicalDeviceConfiguration,
    get_logical_device_configuration as get_logical_device_configuration,
    memory_stats as memory_stats,
    set_logical_device_configuration as set_logical_device_configuration,
)
from nbtape.graph.v1.hardware import (
    LogicalDevice as LogicalDevice,
    PhysicalDevice as PhysicalDevice,
    get_visible_devices as get_visible_devices,
    list_logical_devices as list_logical_devices,
    list_physical_devices as list_physical_devices,
    set_visible_devices as set_visible_devices,
)
from nbtape.graph.v1.placement import (
    get_soft_device_placement as get_soft_device_placement,
    set_soft_device_placement as set_soft_device_placement,
)
from nbtape.program.function import (
    functions_run_eagerly as experimental_functions_run_eagerly,
    functions_run_eagerly as functions_run_eagerly,
    run_functions_eagerly as experimental_run_functions_eagerly,
    run_functions_eagerly as run_functions_eagerly,
)
