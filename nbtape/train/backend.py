"""What programs ask Keras's backend for."""

from nbtape.train.losses.reduction import EPSILON


def epsilon() -> float:
    """The number that keeps probabilities and divisors away from 0."""
    return EPSILON


def floatx() -> str:
    """The dtype of weights that are given none."""
    return "float32"


def image_data_format() -> str:
    """Where the channels of images are that are said to be nowhere."""
    return "channels_last"
