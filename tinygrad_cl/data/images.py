"""Images with labels, kept as bytes.   Ready ones: datasets.py; folders of files: folder.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_cl.data.dataset import Dataset
from tinygrad_cl.errors import DataError

Transform = Callable[[np.ndarray], np.ndarray]


class ImageDataset(Dataset):
    """Images and their labels.

    A sample is `(image, label)`: a float32 array of shape (channels, height, width) from 0 to 1,
    and an int. The images are kept as bytes and scaled when they are fetched.

    Args:
        images: uint8, of shape (N, channels, height, width).
        labels: integers, of shape (N,), from 0 to `len(classes) - 1`.
        classes: the names of the classes.
        transform: is applied to the scaled images of a batch, (N, channels, height, width): an
            augmentation or a normalizer, say. A single image is a batch of one.

    Raises:
        DataError: if they do not fit together.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        transform: Transform | None = None,
    ) -> None:
        if images.ndim != 4 or images.dtype != np.uint8:
            raise DataError(
                "ImageDataset: needs uint8 images of shape (N, channels, height, width), "
                f"got {images.dtype} of shape {images.shape}"
            )
        if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise DataError(
                f"ImageDataset: needs an integer label for each of {len(images)} images, "
                f"got {labels.dtype} of shape {labels.shape}"
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < len(classes):
            raise DataError(
                f"ImageDataset: labels run from {labels.min()} to {labels.max()}, "
                f"and there are {len(classes)} classes"
            )
        self.images = images
        self.labels = labels.astype(np.int64)
        self.classes = tuple(classes)
        self.transform = transform

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Returns image `index`, scaled to 0..1 and transformed, and its label."""
        image = scaled(self.images[index])
        if self.transform is not None:
            image = self.transform(image[None])[0]
        return image, int(self.labels[index])

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the images at `indices`, scaled to 0..1 and transformed, and their labels."""
        images = scaled(np.take(self.images, indices, axis=0))
        labels = np.take(self.labels, indices)
        return images if self.transform is None else self.transform(images), labels


def scaled(images: np.ndarray) -> np.ndarray:
    """Returns bytes as float32 from 0 to 1."""
    floats: np.ndarray = np.multiply(images, np.float32(1 / 255), dtype=np.float32)
    return floats
