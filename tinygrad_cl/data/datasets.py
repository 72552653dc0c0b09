"""Ready data sets of images: MNIST, Fashion-MNIST and scikit-learn's digits."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from tinygrad_cl import settings
from tinygrad_cl.data.dataset import Dataset
from tinygrad_cl.data.download import TIMEOUT, RemoteFile, fetch, is_intact
from tinygrad_cl.data.idx import read_idx
from tinygrad_cl.errors import DataError

logger = logging.getLogger("tinygrad_cl.data")


class ImageDataset(Dataset):
    """Images and their labels.

    A sample is `(image, label)`: a float32 array of shape (channels, height, width) from 0 to 1,
    and an int. The images are kept as bytes and scaled when they are fetched.

    Args:
        images: uint8, of shape (N, channels, height, width).
        labels: integers, of shape (N,), from 0 to `len(classes) - 1`.
        classes: the names of the classes.

    Raises:
        DataError: if they do not fit together.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> None:
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

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Returns image `index`, scaled to 0..1, and its label."""
        return _scaled(self.images[index]), int(self.labels[index])

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the images at `indices`, scaled to 0..1, and their labels."""
        return _scaled(np.take(self.images, indices, axis=0)), np.take(self.labels, indices)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a published data set in the form of MNIST comes from.

    Attributes:
        name: of the data set, and of its folder in the cache.
        mirrors: base addresses, tried in order.
        files: train images, train labels, test images, test labels.
        classes: the names of the classes.
    """

    name: str
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]
    classes: tuple[str, ...]


MNIST = Source(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        RemoteFile("train-images-idx3-ubyte.gz", 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        RemoteFile("train-labels-idx1-ubyte.gz", 28881, "d53e105ee54ea40749a09fcbcd1e9432"),
        RemoteFile("t10k-images-idx3-ubyte.gz", 1648877, "9fb629c4189551a2d022fa330f9573f3"),
        RemoteFile("t10k-labels-idx1-ubyte.gz", 4542, "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    tuple("0123456789"),
)

FASHION_MNIST = Source(
    "fashion-mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    (
        RemoteFile("train-images-idx3-ubyte.gz", 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        RemoteFile("train-labels-idx1-ubyte.gz", 29515, "25c81989df183df01b3e8a0aad5dffbe"),
        RemoteFile("t10k-images-idx3-ubyte.gz", 4422102, "bef4ecab320f06d8554ea6380940ec79"),
        RemoteFile("t10k-labels-idx1-ubyte.gz", 5148, "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    (
        *("t-shirt", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
)


def mnist(
    root: str | os.PathLike[str] | None = None,
    train: bool = True,
    download: bool = True,
    timeout: float = TIMEOUT,
) -> ImageDataset:
    """Returns MNIST: 60,000 handwritten digits to train on, or 10,000 to test on, 28x28.

    Each file is looked for in `root`, then in the user's cache, and is else downloaded into the
    cache from one of two mirrors and compared with its published md5.

    Args:
        root: a folder with the four IDX files, compressed or not, or one that has them in `mnist/`
            or `MNIST/raw/`.
        train: which part.
        download: whether the net may be used.
        timeout: seconds to wait for a mirror's next byte.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """
    return load(MNIST, root, train, download, timeout)


def fashion_mnist(
    root: str | os.PathLike[str] | None = None,
    train: bool = True,
    download: bool = True,
    timeout: float = TIMEOUT,
) -> ImageDataset:
    """Returns Fashion-MNIST: 60,000 garments to train on, or 10,000 to test on, 28x28.

    Args:
        root: as for `mnist`; the folders in it may be `fashion-mnist/` or `FashionMNIST/raw/`.
        train: which part.
        download: whether the net may be used.
        timeout: seconds to wait for a mirror's next byte.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """
    return load(FASHION_MNIST, root, train, download, timeout)


def digits(train: bool = True, size: int = 8) -> ImageDataset:
    """Returns the 1,797 handwritten digits that come with scikit-learn; every fifth is for testing.

    Args:
        train: which part: 1,437 images to train on, or 360 to test on.
        size: height and width; pixels are repeated as often as they fit, and the rest is a dark
            border.

    Raises:
        DataError: if scikit-learn is not installed, or `size` is below 8.

    Example:
        >>> digits(train=False, size=28)[0][0].shape
        (1, 28, 28)
    """
    if size < 8:
        raise DataError(f"digits: size must be at least 8, got {size}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            "digits: needs scikit-learn; pip install scikit-learn, or tinygrad-cl[examples]"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    images = np.rint(pixels.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    images = images.repeat(size // 8, axis=2).repeat(size // 8, axis=3)
    before = size % 8 // 2
    border = (before, size % 8 - before)
    images = np.pad(images, ((0, 0), (0, 0), border, border))
    part = (np.arange(len(images)) % 5 != 0) == train
    return ImageDataset(images[part], labels[part], tuple("0123456789"))


def load(
    source: Source,
    root: str | os.PathLike[str] | None,
    train: bool,
    download: bool,
    timeout: float = TIMEOUT,
) -> ImageDataset:
    """Returns one part of a published data set; see `mnist`."""
    images_file, labels_file = source.files[:2] if train else source.files[2:]
    paths = [_find(source, file, root, download, timeout) for file in (images_file, labels_file)]
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{source.name}: {paths[0]} has shape {images.shape} and {paths[1]} {labels.shape}; "
            "needed are images (N, height, width) and their N labels"
        )
    return ImageDataset(images[:, None], labels, source.classes)


def _find(
    source: Source,
    file: RemoteFile,
    root: str | os.PathLike[str] | None,
    download: bool,
    timeout: float,
) -> Path:
    """Returns the path of a file of `source`: in `root`, in the cache, or downloaded."""
    tried = []
    if root is not None:
        for path in _places(Path(root), source, file):
            if path.is_file():
                return path
        tried.append(f"the folder {root} has no {file.name}")
    else:
        tried.append("no folder was given")
    cache = cache_folder() / source.name
    if is_intact(cache / file.name, file):
        return cache / file.name
    tried.append(f"the cache {cache} has no intact copy")
    if not download:
        tried.append("downloading was not allowed")
    else:
        logger.info("downloading %s of %s to %s", file.name, source.name, cache)
        try:
            return fetch(file, source.mirrors, cache, timeout)
        except DataError as error:
            tried.append(f"the download failed ({error})")
    raise DataError(f"{source.name}: cannot get {file.name}: {'; '.join(tried)}")


def cache_folder() -> Path:
    """Returns the folder of downloaded data sets, which `TINYGRAD_CL_CACHE=off` leaves on."""
    folder = settings.current().cache or user_cache_path("tinygrad_cl", appauthor=False)
    return folder / "datasets"


def _places(root: Path, source: Source, file: RemoteFile) -> list[Path]:
    """Returns where a file of `source` may stand in a folder, likeliest first."""
    torchvision = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}.get(source.name, source.name)
    folders = [root, root / source.name, root / torchvision / "raw"]
    plain = file.name.removesuffix(".gz")
    names = [file.name, plain, plain.replace("-idx", ".idx")]
    return [folder / name for folder in folders for name in names]


def _scaled(images: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = np.multiply(images, np.float32(1 / 255), dtype=np.float32)
    return scaled


__all__ = ["ImageDataset", "digits", "fashion_mnist", "mnist"]
