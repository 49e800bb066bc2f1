"""Pictures of ten kinds of things, 32x32x3: `tf.keras.datasets.cifar10`."""

from nbtape.train.datasets.images import load_cifar10 as load_data
