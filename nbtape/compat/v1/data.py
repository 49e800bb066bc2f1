"""TensorFlow 1's `tf.data`."""

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
from nbtape.train.data.structure import (
    get_output_classes as get_output_classes,
    get_output_shapes as get_output_shapes,
    get_output_types as get_output_types,
    make_initializable_iterator as make_initializable_iterator,
    make_one_shot_iterator as make_one_shot_iterator,
)
