"""`tf.config.experimental`."""

from nbtape.graph.v1.hardware import (
    get_memory_info as get_memory_info,
    get_visible_devices as get_visible_devices,
    list_logical_devices as list_logical_devices,
    list_physical_devices as list_physical_devices,
    set_visible_devices as set_visible_devices,
)
