"""Ready data sets of images: MNIST and its relatives, CIFAR-10, and scikit-learn's digits."""

from __future__ import annotations

import numpy as np

from tinygrad_cl.data import sources
from tinygrad_cl.data.cifar import parse_cifar, read_cifar10
from tinygrad_cl.data.download import TIMEOUT
from tinygrad_cl.data.idx import PathLike
from tinygrad_cl.data.images import ImageDataset, Transform
from tinygrad_cl.data.tarfiles import read_members
from tinygrad_cl.errors import DataError


class MNIST(ImageDataset):
    """MNIST: 60,000 handwritten digits to train on, or 10,000 to test on, 28x28.

    Each file is looked for in `root`, then in the user's cache; if `download` allows it, it is else
    downloaded into the cache and compared with its published md5.

    Args:
        root: a folder with the four IDX files, compressed or not, or one that has them in `mnist/`
            or `MNIST/raw/`.
        train: which part.
        transform: is applied to the scaled images of a batch; see `ImageDataset`.
        download: whether the net may be used.
        url: a base address to download from, instead of the known mirrors.
        timeout: seconds to wait for the next byte.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """

    source = sources.MNIST

    def __init__(
        self,
        root: PathLike | None = None,
        train: bool = True,
        transform: Transform | None = None,
        download: bool = False,
        *,
        url: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        found = sources.load(self.source.at(url), root, train, download, timeout)
        super().__init__(*found, self.source.classes, transform)


class FashionMNIST(MNIST):
    """Fashion-MNIST: 60,000 garments to train on, or 10,000 to test on, 28x28.

    Args:
        root: as for `MNIST`; the folders in it may be `fashion-mnist/` or `FashionMNIST/raw/`.
        train: which part.
        transform: is applied to the scaled images of a batch; see `ImageDataset`.
        download: whether the net may be used.
        url: a base address to download from, instead of the known mirrors.
        timeout: seconds to wait for the next byte.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """

    source = sources.FASHION_MNIST


class EMNIST(ImageDataset):
    """EMNIST: handwritten letters and digits, 28x28, upright (the files have them transposed).

    Args:
        root: a folder with the IDX files of the split (`emnist-letters-train-images-idx3-ubyte.gz`
            and so on), compressed or not, or one that has them in `emnist/`, `EMNIST/raw/` or
            `gzip/`.
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        train: which part.
        transform: is applied to the scaled images of a batch; see `ImageDataset`.
        download: whether the net may be used.
        url: the base address to download from.
        timeout: seconds to wait for the next byte.

    Raises:
        DataError: for another split, or if a file is to be had nowhere, or is damaged.
    """

    def __init__(
        self,
        root: PathLike | None = None,
        split: str = "balanced",
        train: bool = True,
        transform: Transform | None = None,
        download: bool = False,
        *,
        url: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if split not in sources.EMNIST_CLASSES:
            known = ", ".join(sources.EMNIST_CLASSES)
            raise DataError(f"EMNIST: split must be one of {known}, got {split!r}")
        source = sources.emnist(split).at(url)
        images, labels = sources.load(source, root, train, download, timeout)
        if split == "letters":
            labels = labels.astype(np.int64) - 1  # the files count letters from 1
        self.split = split
        upright = np.ascontiguousarray(images.swapaxes(2, 3))
        super().__init__(upright, labels, source.classes, transform)


class CIFAR10(ImageDataset):
    """CIFAR-10: 50,000 color images of ten classes to train on, or 10,000 to test on, 32x32.

    Args:
        root: a folder with the files of the binary version (`data_batch_1.bin` to
            `data_batch_5.bin`, `test_batch.bin`), or one that has them in `cifar-10-batches-bin/`,
            or that has the archive `cifar-10-binary.tar.gz`.
        train: which part.
        transform: is applied to the scaled images of a batch; see `ImageDataset`.
        download: whether the net may be used.
        url: the base address to download the archive from.
        timeout: seconds to wait for the next byte.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """

    def __init__(
        self,
        root: PathLike | None = None,
        train: bool = True,
        transform: Transform | None = None,
        download: bool = False,
        *,
        url: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        source = sources.CIFAR10.at(url)
        names = [f"data_batch_{n}.bin" for n in range(1, 6)] if train else ["test_batch.bin"]
        folder = sources.folder_with(root, "cifar-10-batches-bin", names[0])
        if folder is not None:
            parts = [read_cifar10(folder / name) for name in names]
        else:
            archive = sources.find(source, source.files[0], root, download, timeout)
            contents = read_members(archive, names)
            parsed = [parse_cifar(contents[name], f"{archive}: {name}") for name in names]
            parts = [(images, labels[:, 0]) for labels, images in parsed]
        images = np.concatenate([images for images, _ in parts])
        labels = np.concatenate([labels for _, labels in parts])
        super().__init__(images, labels, source.classes, transform)


def mnist(
    root: PathLike | None = None,
    train: bool = True,
    download: bool = True,
    timeout: float = TIMEOUT,
) -> MNIST:
    """Returns `MNIST`, downloaded if need be.

    Raises:
        DataError: as `MNIST`.
    """
    return MNIST(root, train, download=download, timeout=timeout)


def fashion_mnist(
    root: PathLike | None = None,
    train: bool = True,
    download: bool = True,
    timeout: float = TIMEOUT,
) -> FashionMNIST:
    """Returns `FashionMNIST`, downloaded if need be.

    Raises:
        DataError: as `FashionMNIST`.
    """
    return FashionMNIST(root, train, download=download, timeout=timeout)


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


__all__ = [
    "CIFAR10",
    "EMNIST",
    "MNIST",
    "FashionMNIST",
    "ImageDataset",
    "digits",
    "fashion_mnist",
    "mnist",
]
