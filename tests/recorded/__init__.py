"""What Keras 3 in TensorFlow computes, recorded by keras.py.

The cases are data, so that the recording and the tests read the same ones.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent


def table(name):
    """The numbers of a recording, by the names of its cases."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
