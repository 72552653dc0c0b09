"""Data sets for `train` and `predict`: ready ones by name, folders, CSV and NPZ files, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl import data
from tinygrad_cl.data import datasets, random_split, read_csv, read_npz
from tinygrad_cl.data.dataset import TensorDataset, fetch_batch
from tinygrad_cl.errors import DataError

HELP = (
    "digits; mnist, fashion or cifar10, with :FOLDER behind it for files that are there; a folder "
    "with such files, or with a folder of pictures per class; FILE.csv; FILE.npz with arrays x and "
    "y, and maybe x_test and y_test"
)
_READY: dict[str, Any] = {
    "mnist": datasets.MNIST,
    "fashion": datasets.FashionMNIST,
    "cifar10": datasets.CIFAR10,
}
_NAMES = {"x": ("x", "x_train", "X", "images"), "y": ("y", "y_train", "labels", "targets")}
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


@dataclass(frozen=True, slots=True)
class Data:
    """A data set.

    Attributes:
        train: to learn from.
        test: to test on, or None.
        classes: names of the classes; empty for numbers.
        shape: of one sample.
        outputs: classes, or numbers to predict.
    """

    train: Any
    test: Any
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    outputs: int


def open_data(source: str, label: str | None, target: str | None, size: int | None) -> Data:
    """Opens a data set to learn from.

    Args:
        source: see `HELP`.
        label: the column of a CSV file that is to be predicted; None for the last.
        target: "class" or "number"; None finds out.
        size: height and width to which pictures of folders are scaled.

    Raises:
        DataError: if there is none, or it is malformed.
    """
    name, _, folder = source.partition(":")
    if name == "digits" and not folder:
        return _images(*(datasets.digits(train=part, size=28) for part in (True, False)))
    if name in _READY:
        return _ready(name, folder or None)
    path = Path(source)
    if path.is_dir():
        return _folder(path, size)
    if path.name.endswith((".csv", ".csv.gz")):
        return _csv(path, label, target)
    if path.suffix == ".npz":
        return _npz(path, target)
    raise DataError(f"there is no data set {source!r}; needed: {HELP}")


def split(whole: Data, share: float, seed: int) -> Data:
    """Returns a data set with a part to test on: its own, or a random share of the samples.

    Raises:
        DataError: if the share leaves nothing.
    """
    if whole.test is not None or not share:
        return whole
    kept = len(whole.train) - round(len(whole.train) * share)
    if not 0 < kept < len(whole.train):
        raise DataError(f"--validation {share} leaves nothing of {len(whole.train)} samples")
    train, test = random_split(whole.train, [kept, len(whole.train) - kept], seed=seed)
    return Data(train, test, whole.classes, whole.shape, whole.outputs)


def open_inputs(source: str, shape: tuple[int, ...] | None, label: str | None) -> Any:
    """Returns what is to be predicted: an array, or a data set.

    Args:
        source: a picture, `.npy`, `.npz` (x_test, else x), CSV, a batch of CIFAR-10 (`.bin`), or a
            data set (its test part).
        shape: of one sample, as the net needs it.
        label: a column of a CSV file to leave out.

    Raises:
        DataError: if there is none, or it is malformed.
    """
    path = Path(source)
    if path.suffix.lower() in _IMAGES:
        images = shape is not None and len(shape) == 3
        channels, height, width = shape if shape is not None and images else (3, 0, 0)
        mode = "L" if channels == 1 else "RGB"
        image = data.read_image(path, (height, width) if images else None, mode)
        return _float(image)[None]
    if path.suffix == ".bin":
        return _shaped(_float(data.read_cifar10(path)[0]), shape)
    if path.suffix == ".npy":
        return _shaped(_float(np.asarray(data.open_npy(path))), shape)
    if path.suffix == ".npz":
        arrays = read_npz(path)
        found = arrays["x_test"] if "x_test" in arrays else _array(arrays, "x", path)
        return _shaped(_float(found), shape)
    if path.name.endswith((".csv", ".csv.gz")):
        return _shaped(read_csv(path, _column(label) if label else None).features, shape)
    found_data = open_data(source, label, None, shape[-1] if shape else None)
    return found_data.train if found_data.test is None else found_data.test


def _ready(name: str, folder: str | None) -> Data:
    parts = [_READY[name](folder, part, download=folder is None) for part in (True, False)]
    return _images(*parts)


def _images(train: Any, test: Any) -> Data:
    shape = tuple(train.images.shape[1:])
    return Data(train, test, train.classes, shape, len(train.classes))


def _folder(path: Path, size: int | None) -> Data:
    if any(path.rglob("data_batch_1.bin")) or any(path.glob("cifar-10-binary.tar.gz")):
        return _ready("cifar10", str(path))
    if any(path.rglob("train-images*")):
        return _ready("fashion" if "fashion" in path.name.lower() else "mnist", str(path))
    roots = [path / "train", path / "test"]
    if not all(root.is_dir() for root in roots):
        roots = [path]
    train, *rest = (data.ImageFolder(root, size or 32) for root in roots)
    if rest and rest[0].classes != train.classes:
        raise DataError(f"{roots[0]} and {roots[1]} have different folders of classes")
    shape = tuple(train[0][0].shape)
    return Data(train, rest[0] if rest else None, train.classes, shape, len(train.classes))


def _column(label: str) -> str | int:
    return int(label) if label.lstrip("-").isdecimal() else label


def _csv(path: Path, label: str | None, target: str | None) -> Data:
    column = -1 if label is None else _column(label)
    if target is None:
        target = "class"
        table = read_csv(path, column)
        numbers = all(_is_number(name) for name in table.classes)
        if numbers and any(float(name) % 1 for name in table.classes):
            target = "number"
    table = read_csv(path, column, target="class" if target == "class" else "number")
    labels = table.labels
    assert labels is not None
    if not len(labels):
        raise DataError(f"{path} holds no samples")
    outputs = len(table.classes) if target == "class" else 1
    if target == "number":
        labels = labels[:, None]
    return Data(
        TensorDataset(table.features, labels),
        None,
        table.classes if target == "class" else (),
        (table.features.shape[1],),
        outputs,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _npz(path: Path, target: str | None) -> Data:
    arrays = read_npz(path)
    x, y = _float(_array(arrays, "x", path)), _array(arrays, "y", path)
    if x.ndim == 3:  # images of one channel
        x = x[:, None]
    number = y.dtype.kind == "f" if target is None else target == "number"
    tests = "x_test" in arrays and "y_test" in arrays
    pairs = [(x, y)] + ([(_float(arrays["x_test"]), arrays["y_test"])] if tests else [])
    sets = [TensorDataset(a.reshape(-1, *x.shape[1:]), _targets(b, number)) for a, b in pairs]
    if len(sets[0]) == 0:
        raise DataError(f"{path} holds no samples")
    outputs = int(np.prod(y.shape[1:])) if number else int(max(b.max() for _, b in pairs)) + 1
    classes = () if number else tuple(map(str, range(outputs)))
    return Data(sets[0], sets[1] if tests else None, classes, x.shape[1:], outputs)


def _array(arrays: dict[str, np.ndarray], kind: str, path: Path) -> np.ndarray:
    for name in _NAMES[kind]:
        if name in arrays:
            return arrays[name]
    raise DataError(
        f"{path} has no array {' or '.join(_NAMES[kind])}; it has {', '.join(arrays) or 'none'}"
    )


def _float(x: np.ndarray) -> np.ndarray:
    """Inputs as float32; bytes from 0 to 1."""
    values: np.ndarray = x.astype(np.float32)
    return values / np.float32(255) if x.dtype == np.uint8 else values


def _targets(y: np.ndarray, number: bool) -> np.ndarray:
    if number:
        return y.astype(np.float32).reshape(len(y), -1)
    if y.dtype.kind not in "iu" or (y.ndim == 2 and y.shape[1] != 1) or y.ndim > 2 or y.min() < 0:
        raise DataError(
            f"labels must be whole numbers from 0 on, one per sample, got {y.dtype} {y.shape}; "
            "--target number is for numbers"
        )
    return y.astype(np.int64).reshape(-1)


def _shaped(x: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    """Samples in the net's shape, if they have as many elements."""
    if shape is None or x.shape[1:] == shape or x[0].size != np.prod(shape):
        return x
    return x.reshape(-1, *shape)


def sample_of(dataset: Any) -> Sequence[Any]:
    """Returns the first sample of a data set."""
    return fetch_batch(dataset, np.arange(1))  # type: ignore[no-any-return]
