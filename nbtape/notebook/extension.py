"""What `%load_ext nbtape` and `%unload_ext nbtape` call, named without importing IPython."""

from nbtape.core.kernel import late

load_ipython_extension = late("nbtape.notebook.magics:load_ipython_extension")
unload_ipython_extension = late("nbtape.notebook.magics:unload_ipython_extension")
