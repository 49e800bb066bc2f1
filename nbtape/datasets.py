"""Data sets to begin with: `tf.datasets`, and `tf.keras.datasets`."""

from nbtape.keras.datasets import (
    cifar10 as cifar10,
    digits as digits,
    fashion_mnist as fashion_mnist,
    imdb as imdb,
    mnist as mnist,
)
