"""Images as PNG files."""

import struct
import zlib

import numpy as np

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # grey, grey and alpha, RGB, RGBA


def png(image: np.ndarray) -> bytes:
    """A PNG file of uint8 pixels of shape (height, width, channels); raises ValueError for odd channels."""
    height, width, channels = image.shape
    if channels not in _COLOURS:
        raise ValueError(f"An image has 1, 2, 3 or 4 channels, not {channels}: its shape is {image.shape}.")
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each row begins with its filter, 0: none
    rows[:, 1:] = image.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join([_chunk(kind, data) for kind, data in chunks])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
