"""Where published data sets come from: a given folder, the cache, or their mirrors."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from tinygrad_cl import settings
from tinygrad_cl.data.download import TIMEOUT, RemoteFile, fetch, is_intact
from tinygrad_cl.data.idx import PathLike, read_idx
from tinygrad_cl.errors import DataError

logger = logging.getLogger("tinygrad_cl.data")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a published data set in the form of MNIST comes from.

    Attributes:
        name: of the data set, and of its folder in the cache.
        mirrors: base addresses, tried in order.
        files: train images, train labels, test images, test labels; or one archive of all.
        classes: the names of the classes.
        folders: where a given folder may have the files, as other programs leave them.
    """

    name: str
    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    classes: tuple[str, ...]
    folders: tuple[str, ...] = ()

    def at(self, url: str | None) -> Source:
        """Returns the same files at another base address; None for no other."""
        return self if url is None else replace(self, mirrors=(url.rstrip("/") + "/",))


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
    ("MNIST/raw",),
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
    ("FashionMNIST/raw",),
)

CIFAR10 = Source(
    "cifar-10",
    (),
    (RemoteFile("cifar-10-binary.tar.gz", 170052171, "c32a1d4ab5d03f1284b67883e8d87530"),),
    (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
)

_DIGITS, _UPPER = tuple("0123456789"), tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = tuple("abcdefghijklmnopqrstuvwxyz")
_MERGED = (*_DIGITS, *_UPPER, *"abdefghnqrt")
EMNIST_CLASSES = {
    "byclass": (*_DIGITS, *_UPPER, *_LOWER),
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": _LOWER,
    "digits": _DIGITS,
    "mnist": _DIGITS,
}


def emnist(split: str) -> Source:
    """Returns the files of a split of EMNIST."""
    parts = [f"{part}-{kind}-ubyte.gz" for part in ("train", "test") for kind in _KINDS]
    files = tuple(RemoteFile(f"emnist-{split}-{name}") for name in parts)
    return Source("emnist", (), files, EMNIST_CLASSES[split], ("EMNIST/raw", "gzip"))


_KINDS = ("images-idx3", "labels-idx1")


def load(
    source: Source,
    root: PathLike | None,
    train: bool,
    download: bool,
    timeout: float = TIMEOUT,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images, (N, 1, height, width), and the labels of one part of a data set.

    Raises:
        DataError: if a file is to be had nowhere, or is damaged.
    """
    files = source.files[:2] if train else source.files[2:]
    paths = [find(source, file, root, download, timeout) for file in files]
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{source.name}: {paths[0]} has shape {images.shape} and {paths[1]} {labels.shape}; "
            "needed are images (N, height, width) and their N labels"
        )
    return images[:, None], labels


def find(
    source: Source,
    file: RemoteFile,
    root: PathLike | None,
    download: bool,
    timeout: float,
) -> Path:
    """Returns the path of a file of `source`: in `root`, in the cache, or downloaded.

    Raises:
        DataError: if it is to be had nowhere; tells what was tried.
    """
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
        tried.append("downloading was not allowed (download=True)")
    elif not source.mirrors:
        tried.append("no address is known (give url)")
    else:
        logger.info("downloading %s of %s to %s", file.name, source.name, cache)
        try:
            return fetch(file, source.mirrors, cache, timeout)
        except DataError as error:
            tried.append(f"the download failed ({error})")
    raise DataError(f"{source.name}: cannot get {file.name}: {'; '.join(tried)}")


def folder_with(root: PathLike | None, inner: str, name: str) -> Path | None:
    """Returns `root`, or its folder `inner`, whichever has a file of this name; else None."""
    if root is None:
        return None
    return next((f for f in (Path(root), Path(root) / inner) if (f / name).is_file()), None)


def cache_folder() -> Path:
    """Returns the folder of downloaded data sets, which `TINYGRAD_CL_CACHE=off` leaves on."""
    folder = settings.current().cache or user_cache_path("tinygrad_cl", appauthor=False)
    return folder / "datasets"


def _places(root: Path, source: Source, file: RemoteFile) -> list[Path]:
    """Returns where a file of `source` may stand in a folder, likeliest first."""
    folders = [root, root / source.name, *(root / folder for folder in source.folders)]
    plain = file.name.removesuffix(".gz")
    names = [file.name, plain, plain.replace("-idx", ".idx")]
    return [folder / name for folder in folders for name in names]
