"""Settings: `tf.config`."""

from nbtape.graph.setting import list_logical_devices as list_logical_devices
from nbtape.graph.setting import list_physical_devices as list_physical_devices
from nbtape.program.function import functions_run_eagerly as experimental_functions_run_eagerly
from nbtape.program.function import run_functions_eagerly as experimental_run_functions_eagerly
from nbtape.program.function import functions_run_eagerly as functions_run_eagerly
from nbtape.program.function import run_functions_eagerly as run_functions_eagerly
