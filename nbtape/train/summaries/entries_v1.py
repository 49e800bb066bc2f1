"""What stands in summaries of TensorFlow 1."""

from typing import Any

import numpy as np

from nbtape.core.errors import invalid
from nbtape.graph.v1.protos import HistogramProto, Summary
from nbtape.train.summaries.png import png

_GROWTH, _LEAST, _MOST = 1.1, 1e-12, 1e20
_LIMITS = _LEAST * _GROWTH ** np.arange(int(np.log(_MOST / _LEAST) / np.log(_GROWTH)) + 1)
_LIMITS = np.concatenate([-_LIMITS[::-1], [0.0], _LIMITS, [np.finfo(float).max]])


def number(tag: str, value: Any) -> Any:
    """A number."""
    if np.ndim(value):
        raise invalid(f"tags and values are not the same shape: [] != {list(np.shape(value))} (tag '{tag}')")
    return Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])


def distribution(tag: str, value: Any) -> Any:
    """Counts below limits that grow by a tenth."""
    flat = np.ravel(value).astype(np.float64)
    for kind, bad in ("Nan", np.isnan(flat)), ("Infinity", np.isinf(flat)):
        if bad.any():
            raise invalid(f"{kind} in summary histogram for: {tag}")
    found = np.searchsorted(_LIMITS[:-1], flat, "right")
    counts = np.bincount(found, minlength=len(_LIMITS))
    ends = np.flatnonzero(counts + np.append(counts[1:], 1))  # of a stretch of zeros only the last
    made = HistogramProto(
        min=flat.min(initial=np.finfo(float).max),
        max=flat.max(initial=-np.finfo(float).max),
        num=flat.size,
        sum=flat.sum(),
        sum_squares=flat @ flat,
        bucket_limit=_LIMITS[ends],
        bucket=counts[ends],
    )
    return Summary(value=[Summary.Value(tag=tag, histo=made)])


def images(tag: str, value: Any, most: int) -> Any:
    """The first images, as PNG files."""
    made = Summary()
    _, height, width, channels = np.shape(value)
    for i, pixels in enumerate(np.asarray(value)[:most]):
        shown = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=png(_bytes(pixels))
        )
        made.value.add(tag=f"{tag}/image/{i}" if most > 1 else f"{tag}/image", image=shown)
    return made


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """The pixels of an image as uint8."""
    if pixels.dtype == np.uint8:
        return pixels
    pixels = pixels.astype(np.float64)
    finite = np.isfinite(pixels)
    good = pixels[finite]
    low, high = good.min(initial=0), np.abs(good).max(initial=0)
    white, grey = (127, 128) if low < 0 else (255, 0)
    scale = white / high if high >= 1e-6 else 0
    found = (np.where(finite, pixels, 0) * scale + grey).astype(np.uint8)
    bad = ~finite.all(-1)
    found[bad] = ([255] if found.shape[-1] < 3 else [255, 0, 0, 255])[: found.shape[-1]]
    return found
