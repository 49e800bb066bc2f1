"""autograph.experimental"""

from nbtape.graph.conversion.convert import (
    do_not_convert as do_not_convert,
    set_loop_options as set_loop_options,
)
