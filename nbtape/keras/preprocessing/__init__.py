"""`tf.keras.preprocessing`."""

from nbtape.keras.preprocessing import sequence as sequence
