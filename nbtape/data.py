"""Input pipelines: `tf.data`."""

from nbtape.train.data import experimental as experimental
from nbtape.train.data.base import (
    AUTOTUNE as AUTOTUNE,
    INFINITE_CARDINALITY as INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY,
)
from nbtape.train.data.dataset import Dataset as Dataset, text_lines as TextLineDataset
from nbtape.train.data.element import DatasetSpec as DatasetSpec
from nbtape.train.data.iterate import Iterator as Iterator, NumpyIterator as NumpyIterator
from nbtape.train.data.options import Options as Options
