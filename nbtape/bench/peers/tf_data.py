"""TensorFlow's input pipelines, which are nbtape's too: only the import differs."""

from typing import Any

import feeding  # pyright: ignore[reportMissingImports]


def program(tf: Any) -> Any:
    """The function `epoch` for TensorFlow or what runs its programs."""

    def epoch(case, images, labels):
        source = (images,) if case.startswith("images") else (images, labels)
        dataset = tf.data.Dataset.from_tensor_slices(source)
        if case == "scaled":
            dataset = dataset.map(lambda image, label: (tf.cast(image, tf.float32) / 255.0, label))
        dataset = dataset.shuffle(feeding.BUFFER).batch(feeding.BATCH)

        def step(seen=None):
            batch = ()
            for batch in dataset:
                if seen is not None:
                    seen(*batch)
            return batch

        return step

    return epoch


def wait(batch: Any) -> None:
    """A batch that was given is there."""
