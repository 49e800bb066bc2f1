"""PyTorch's DataLoader, which shuffles all images, in this process."""

import feeding  # pyright: ignore[reportMissingImports]
import torch  # pyright: ignore[reportMissingImports]
from torch.utils.data import DataLoader, StackDataset  # pyright: ignore[reportMissingImports]

NAME = f"torch {torch.__version__}"


class Scaled:
    """Images as float32 from 0 to 1."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i].float() / 255


def epoch(case, images, labels):
    """One way through all images in batches."""
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)
    parts = [Scaled(images) if case == "scaled" else images]
    parts += [] if case.startswith("images") else [labels]
    loader = DataLoader(StackDataset(*parts), feeding.BATCH, shuffle=True)

    def step(seen=None):
        batch = ()
        for batch in loader:
            if seen is not None:
                seen(*batch)
        return batch

    return step


def wait(batch):
    """A batch that was given is there."""
