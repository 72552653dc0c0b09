"""CIFAR's binary files: records of one or two label bytes and 3072 pixels, red, green, blue."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tinygrad_cl.data.idx import MAX_BYTES, PathLike
from tinygrad_cl.errors import DataError

PIXELS = 3 * 32 * 32


def read_cifar10(path: PathLike, max_bytes: int = MAX_BYTES) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file of CIFAR-10's binary version, such as `data_batch_1.bin`.

    Args:
        path: the file.
        max_bytes: the largest file to accept.

    Returns:
        Images, uint8 of shape (N, 3, 32, 32), and labels, int64 of shape (N,) from 0 to 9.

    Raises:
        DataError: if the file is missing, truncated, or holds another label.
    """
    labels, images = _read(path, (10,), max_bytes)
    return images, labels[:, 0]


def read_cifar100(
    path: PathLike, coarse: bool = False, max_bytes: int = MAX_BYTES
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file of CIFAR-100's binary version, `train.bin` or `test.bin`.

    Args:
        path: the file.
        coarse: whether to return the 20 coarse labels instead of the 100 fine ones.
        max_bytes: the largest file to accept.

    Returns:
        Images, uint8 of shape (N, 3, 32, 32), and labels, int64 of shape (N,).

    Raises:
        DataError: if the file is missing, truncated, or holds another label.
    """
    labels, images = _read(path, (20, 100), max_bytes)
    return images, labels[:, 0 if coarse else 1]


def parse_cifar(
    content: bytes | np.ndarray, where: str, classes: tuple[int, ...] = (10,)
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels, (N, label bytes), and the images of records.

    Raises:
        DataError: if the last record is not whole, or a label is too large.
    """
    record = len(classes) + PIXELS
    values = np.frombuffer(content, np.uint8)
    count, rest = divmod(len(values), record)
    if rest or not count:
        raise DataError(
            f"read_cifar: {where} has {len(values)} bytes, which are no whole records of {record}: "
            "it is truncated, or of another kind"
        )
    records = values.reshape(count, record)
    labels = records[:, : len(classes)].astype(np.int64)
    for at, number in enumerate(classes):
        if labels[:, at].max() >= number:
            wrong = int(labels[:, at].argmax())
            raise DataError(
                f"read_cifar: {where}: record {wrong} has label {labels[wrong, at]}, and there are "
                f"{number} classes"
            )
    images = np.ascontiguousarray(records[:, len(classes) :])
    return labels, images.reshape(count, 3, 32, 32)


def _read(
    path: PathLike, classes: tuple[int, ...], max_bytes: int
) -> tuple[np.ndarray, np.ndarray]:
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise DataError(f"read_cifar: {path} has {size} bytes; raise max_bytes to accept")
            content = file.read(size)
    except OSError as error:
        raise DataError(f"read_cifar: cannot read {path}: {error.strerror or error}") from error
    return parse_cifar(content, str(path), classes)
