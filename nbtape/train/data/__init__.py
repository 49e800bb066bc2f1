"""tf.data: sequences of elements, described once and gone through as often as one likes."""

from nbtape.train.data.dataset import Dataset as Dataset
