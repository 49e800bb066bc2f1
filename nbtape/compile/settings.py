"""How functions are compiled, and how they compute, as the user sets it."""

import os

MODES = ("background", "synchronous", "off")


class Settings:
    """When functions are compiled: in the background, at the first call, or never. And whether products of
    float32 on cards may round what they multiply, and whether what cards scatter is combined in one order.
    """

    mode = os.environ.get("NBTAPE_COMPILE", "background")
    tensor_float_32 = False
    deterministic = False


def set_compilation(mode: str) -> None:
    """When `tf.function` compiles: "background" (calls are interpreted meanwhile), "synchronous" (the first
    call waits), or "off" (functions are always interpreted).

    The environment variable NBTAPE_COMPILE sets it for a whole process. Raises ValueError for anything else.

    >>> tf.config.set_compilation("synchronous")
    >>> tf.config.get_compilation()
    'synchronous'
    >>> tf.config.set_compilation("background")
    """
    if mode not in MODES:
        raise ValueError(f"There is no compilation mode {mode!r}: write one of {', '.join(MODES)}.")
    Settings.mode = mode


def get_compilation() -> str:
    """When functions are compiled, see `set_compilation`."""
    return Settings.mode


def enable_tensor_float_32_execution(enabled: bool) -> None:
    """Whether tensor cores may multiply float32 on cards: much faster, but they round the factors to 10 bits
    after the point. Unlike in TensorFlow they may not until this is called.

    >>> tf.config.experimental.enable_tensor_float_32_execution(True)
    >>> tf.config.experimental.tensor_float_32_execution_enabled()
    True
    >>> tf.config.experimental.enable_tensor_float_32_execution(False)
    """
    Settings.tensor_float_32 = bool(enabled)


def tensor_float_32_execution_enabled() -> bool:
    """Whether tensor cores may multiply float32, see `enable_tensor_float_32_execution`."""
    return Settings.tensor_float_32


def enable_op_determinism() -> None:
    """Have cards combine what is scattered to one place in one order, so that each run gives the same to the
    last bit; it takes longer. On the CPU, and whatever else cards do, that is so in any case.

    What was compiled before stays as it is.

    >>> tf.config.experimental.enable_op_determinism()
    """
    Settings.deterministic = True
