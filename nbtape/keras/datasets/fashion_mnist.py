"""Pictures of clothes, 28x28: `tf.keras.datasets.fashion_mnist`."""

from nbtape.train.datasets.images import load_fashion_mnist as load_data
