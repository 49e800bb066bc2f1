"""How functions are compiled, as the user sets it."""

import os

MODES = ("background", "synchronous", "off")


class Settings:
    """When functions are compiled: in the background, at the first call, or never."""

    mode = os.environ.get("NBTAPE_COMPILE", "background")


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
