"""autograph.experimental"""

from nbtape.program.function import do_not_convert as do_not_convert
from nbtape.program.function import set_loop_options as set_loop_options
