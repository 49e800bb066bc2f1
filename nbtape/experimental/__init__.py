"""`tf.experimental`."""

from nbtape.experimental import dlpack as dlpack
