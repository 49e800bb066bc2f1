"""Settings: `tf.config`."""

from nbtape.compile.settings import get_compilation as get_compilation, set_compilation as set_compilation
from nbtape.graph.v1.setting import (
    list_logical_devices as list_logical_devices,
    list_physical_devices as list_physical_devices,
)
from nbtape.program.function import (
    functions_run_eagerly as experimental_functions_run_eagerly,
    functions_run_eagerly as functions_run_eagerly,
    run_functions_eagerly as experimental_run_functions_eagerly,
    run_functions_eagerly as run_functions_eagerly,
)
