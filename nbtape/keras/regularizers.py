"""`tf.keras.regularizers`."""

from nbtape.train.regularizers import L1 as L1, L1L2 as L1L2, L2 as L2, get as get
