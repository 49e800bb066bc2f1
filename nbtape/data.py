"""Input pipelines: `tf.data`."""

from nbtape.train.data import AUTOTUNE as AUTOTUNE
from nbtape.train.data import Dataset as Dataset
from nbtape.train.data import INFINITE_CARDINALITY as INFINITE_CARDINALITY
from nbtape.train.data import UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY
