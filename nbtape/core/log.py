"""The logger of nbtape, and the functions by which programs of TensorFlow 1 write to it: `tf.logging`."""

import logging
from collections import Counter
from logging import DEBUG as DEBUG, ERROR as ERROR, FATAL as FATAL, INFO as INFO, WARN as WARN
from typing import Any

from nbtape.core import source

_counts: Counter = Counter()  # how often each line of the user's came to `log_every_n` or `log_first_n`


def get_logger() -> logging.Logger:
    """The logger that the functions of `tf.logging` write to; by default it shows warnings.

    >>> tf.get_logger().name
    'nbtape'
    """
    return logging.getLogger("nbtape")


def log(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """Log a message, from the user's line."""
    get_logger().log(level, msg, *args, stacklevel=source.depth(), **kwargs)


def debug(msg: str, *args: Any, **kwargs: Any) -> None:
    """Log what helps to find an error."""
    log(DEBUG, msg, *args, **kwargs)


def info(msg: str, *args: Any, **kwargs: Any) -> None:
    """Log what goes on."""
    log(INFO, msg, *args, **kwargs)


def warning(msg: str, *args: Any, **kwargs: Any) -> None:
    """Log what may be wrong."""
    log(WARN, msg, *args, **kwargs)


def error(msg: str, *args: Any, **kwargs: Any) -> None:
    """Log what is wrong."""
    log(ERROR, msg, *args, **kwargs)


def fatal(msg: str, *args: Any, **kwargs: Any) -> None:
    """Log what is so wrong that the program cannot go on; it goes on."""
    log(FATAL, msg, *args, **kwargs)


def vlog(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """Log at a level."""
    log(level, msg, *args, **kwargs)


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """Log a message if `condition` holds."""
    if condition:
        log(level, msg, *args)


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log the first message, and each `n`-th after it, that comes from the same line."""
    log_if(level, msg, _times() % n == 0, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Log the first `n` messages that come from the same line."""
    log_if(level, msg, _times() < n, *args)


def _times() -> int:
    """How often this was asked from the user's line before."""
    place = source.here()
    _counts[place] += 1
    return _counts[place] - 1


def set_verbosity(v: int) -> None:
    """Show messages of level `v` and above: `tf.logging.INFO`, `tf.logging.ERROR`, ...

    >>> before = tf.compat.v1.logging.get_verbosity()
    >>> tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    >>> tf.compat.v1.logging.get_verbosity() == tf.compat.v1.logging.ERROR
    True
    >>> tf.compat.v1.logging.set_verbosity(before)
    """
    get_logger().setLevel(v)


def get_verbosity() -> int:
    """The level from which on messages are shown."""
    return get_logger().getEffectiveLevel()


def flush() -> None:
    """Let what writes messages down do so now."""
    for handler in get_logger().handlers:
        handler.flush()
