"""`tf.autograph`."""

from nbtape.autograph import experimental as experimental
