"""`tf.keras.preprocessing.sequence`."""

from nbtape.train.datasets.arrays import pad_sequences as pad_sequences
