"""Input pipelines: `tf.data`."""

from nbtape.train.data.dataset import (
    AUTOTUNE as AUTOTUNE,
    INFINITE_CARDINALITY as INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY,
    Dataset as Dataset,
)
from nbtape.train.data.element import DatasetSpec as DatasetSpec
from nbtape.train.data.iterate import Iterator as Iterator, NumpyIterator as NumpyIterator
from nbtape.train.data.options import Options as Options
