"""What stands in summaries of TensorFlow 2: tensors, each with the plugin of TensorBoard that shows it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbtape.graph.v1.protos import Borrowed, Summary, SummaryMetadata, tensor_proto, text
from nbtape.train.summaries.png import png


@dataclass(frozen=True, repr=False)
class Entry:
    """How a value becomes a summary: `make(tag, value, *options)`."""

    make: Callable[..., Any]
    tag: str
    options: tuple = ()

    def __call__(self, value: Any) -> Any:
        return self.make(text(self.tag), value, *self.options)

    def __repr__(self) -> str:
        return f"{self.make.__name__} {self.tag!r}"


def _metadata(plugin: str) -> Borrowed:
    return Borrowed(f"tensorboard.plugins.{plugin}.metadata:create_summary_metadata")


_SCALAR, _HISTOGRAM, _IMAGE, _TEXT = map(_metadata, ("scalar", "histogram", "image", "text"))


def raw(tag: str, value: Any, metadata: Any) -> Any:
    """A tensor, with what says which plugin shows it."""
    array = np.asarray(value)
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor_proto(array), metadata=metadata)])


def scalar(tag: str, value: Any, description: str | None) -> Any:
    return raw(tag, value, _SCALAR(display_name=None, description=description))


def histogram(tag: str, value: Any, buckets: int, description: str | None) -> Any:
    """Rows of left edge, right edge and count. What is not finite is left out."""
    flat = np.ravel(value)
    flat = flat[np.isfinite(flat)]
    rows = np.zeros((buckets, 3))
    if flat.size and buckets:
        low, high = flat.min(), flat.max()
        edges = np.linspace(low, high, buckets + 1)
        rows[:, 0], rows[:, 1] = edges[:-1], edges[1:]
        if low < high:
            rows[:, 2] = np.histogram(flat, edges)[0]
        else:
            rows[-1, 2] = flat.size
    return counted(tag, rows, description)


def counted(tag: str, rows: Any, description: str | None) -> Any:
    """Such rows, which somebody else has counted."""
    return raw(tag, rows, _HISTOGRAM(display_name=None, description=description))


def image(tag: str, value: Any, most: int, description: str | None) -> Any:
    """Width, height, and the first images as PNG files; floats are from 0 to 1."""
    pixels = np.asarray(value)
    if pixels.dtype != np.uint8:
        pixels = np.clip(np.nan_to_num(pixels) * 255.5, 0, 255).astype(np.uint8)
    _, height, width, _ = pixels.shape
    cells = [str(width).encode(), str(height).encode(), *[png(each) for each in pixels[:most]]]
    return raw(tag, np.array(cells, object), _IMAGE(display_name=None, description=description))


def text_entry(tag: str, value: Any, description: str | None) -> Any:
    array = np.asarray(value, object)
    return raw(tag, array, _TEXT(display_name=None, description=description))


def written(tag: str, value: Any, metadata: bytes | None) -> Any:
    """A tensor, with metadata as bytes."""
    return raw(tag, value, None if metadata is None else SummaryMetadata.FromString(metadata))


def parsed(tag: str, value: Any) -> Any:
    """A Summary out of its bytes."""
    return Summary.FromString(np.asarray(value).item())


def clean(name: str) -> str:
    """A name as TensorFlow 1 writes it in a tag, and as operations may have it."""
    return re.sub(r"[^-/\w.]", "_", name, flags=re.ASCII).lstrip("/")
