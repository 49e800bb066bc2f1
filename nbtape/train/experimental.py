"""`tf.train.experimental`."""

from nbtape.state.python_state import PythonState as PythonState
