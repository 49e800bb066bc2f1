"""Going through images in batches: the data, and what an epoch has to give.

images_uint8    60,000 images of 28x28 bytes, shuffled through a buffer of 10,000, in batches of 32
images_float32  the same with float32 pixels
pairs_uint8     the same with bytes, and a label beside each image
scaled          pairs, of which each image is first made float32 from 0 to 1

A library's file, `torch_data.py`, has NAME, `wait` and

epoch       (case, images, labels) -> step: a function that goes through all batches once, and gives the last;
            `step(seen)` hands each to `seen` instead
"""

import numpy as np

COUNT, BUFFER, BATCH = 60_000, 10_000, 32


def arrays(case):
    """Images, of which the first pixels tell the number, and labels, which are that number."""
    numbers = np.arange(COUNT)
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = numbers // 256, numbers % 256
    return images.astype(np.float32) if case == "images_float32" else images, numbers


def check(case, peer):
    """A step that a peer's module gives for the case; raises AssertionError where it goes wrong."""
    images, labels = arrays(case)
    step = peer.epoch(case, images, labels)
    batches = []
    step(lambda *batch: batches.append([np.asarray(part) for part in batch]))
    assert {len(batch[0]) for batch in batches} == {BATCH}, "a batch has another size"
    found = np.concatenate([batch[0] for batch in batches])
    pixels = np.rint(found[:, 0, :2] * (255 if case == "scaled" else 1)).astype(np.int64)
    numbers = pixels[:, 0] * 256 + pixels[:, 1]
    assert (np.sort(numbers) == labels).all(), "an image is missing"
    assert (numbers[:1000] != labels[:1000]).mean() > 0.9, "images are not shuffled"
    if len(batches[0]) > 1:
        assert (np.concatenate([batch[1] for batch in batches]) == numbers).all(), "a label is wrong"
    wanted = images[numbers] / np.float32(255) if case == "scaled" else images[numbers]
    assert found.dtype == wanted.dtype and np.allclose(found, wanted, 1e-6), "an image is wrong"
    return step
