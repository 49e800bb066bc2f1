"""`tf.train.experimental`."""

from nbtape.state.saving.python_state import PythonState as PythonState
