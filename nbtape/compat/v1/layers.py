"""TensorFlow 1's `tf.layers`."""

from nbtape.train.v1.layers import (
    average_pooling2d as average_pooling2d,
    batch_normalization as batch_normalization,
    conv2d as conv2d,
    dense as dense,
    dropout as dropout,
    flatten as flatten,
    max_pooling2d as max_pooling2d,
)
