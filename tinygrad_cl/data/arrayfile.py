"""NumPy's files, `.npy` and `.npz`: read whole, or mapped, so that they may be larger than memory.

Nothing in a file is unpickled, and what a header states is compared with the file's size first.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinygrad_cl.data.dataset import Dataset
from tinygrad_cl.data.idx import MAX_BYTES, PathLike
from tinygrad_cl.errors import DataError
from tinygrad_cl.io import npz

MAX_HEADER = 1 << 16  # bytes of an .npy header
MAX_DIMS = 32
_LOCAL = 30  # bytes of a zip entry's local header, without name and extra field
# What a Tensor can hold of the dtypes that it does not have.
_WIDER = {"i1": "i4", "i2": "i4", "u2": "i4", "u4": "i8"}


def read_npz(path: PathLike, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Returns the arrays of an `.npz` file by name, in memory.

    Args:
        path: the file, compressed or not.
        max_bytes: the most data to accept.

    Raises:
        DataError: if the file is missing, malformed, damaged, or holds objects.
    """
    path = Path(path)
    try:
        return npz.read(path, max_bytes)[0]
    except OSError as error:
        raise DataError(f"read_npz: cannot read {path}: {error.strerror or error}") from error


def open_npy(path: PathLike) -> np.ndarray:
    """Returns the array of an `.npy` file, read-only and mapped: read as it is used.

    Raises:
        DataError: if the file is missing, malformed, truncated, or holds objects.
    """
    path = Path(path)
    with _reading(path) as file:
        size = os.fstat(file.fileno()).st_size
        shape, fortran, dtype = _header(file, f"open_npy: {path}")
        return _mapped(path, file.tell(), size, shape, fortran, dtype)


def open_npz(path: PathLike, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Returns arrays of an uncompressed `.npz` file, read-only and mapped: read as they are used.

    Args:
        path: a file that `np.savez` wrote.
        names: which arrays; None for all, in the order of the file.

    Raises:
        DataError: if the file is missing, malformed, truncated, compressed, holds objects, or lacks
            an array.
    """
    path = Path(path)
    with _reading(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _entries(archive, file, path, names)
        except (DataError, OSError, MemoryError):
            raise
        except Exception as error:  # the readers of zip files raise many kinds
            raise DataError(
                f"open_npz: {path} is not a whole NPZ file ({repr(error)[:200]})"
            ) from error


class MemmapDataset(Dataset):
    """Samples that are rows of arrays in `.npy` and `.npz` files, which may be larger than memory.

    Only the rows of a batch are read, when it is made. Worker processes open the files themselves.
    A file must not be shortened while it is in use.
    Dtypes that Tensors do not have are widened: int8, int16 and uint16 to int32, uint32 to int64.

    Args:
        *paths: `.npy` files and uncompressed `.npz` files; sample i is the tuple of rows i of all
            their arrays.
        names: which arrays of the `.npz` files, in this order; None for all.
        transform: is applied to each batch, a tuple of arrays; to a sample as a batch of one.

    Raises:
        DataError: if a file cannot be mapped, or lengths differ.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(Path(folder, "x.npy"), np.arange(6.0, dtype=np.float32).reshape(3, 2))
        ...     data = MemmapDataset(Path(folder, "x.npy"))
        ...     data[1], len(data)
        ((array([2., 3.], dtype=float32),), 3)
    """

    def __init__(
        self,
        *paths: PathLike,
        names: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.paths = tuple(Path(path).absolute() for path in paths)
        self.names = None if names is None else tuple(names)
        self.transform = transform
        self._open()

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.arrays[0])

    def __getitem__(self, index: int) -> Any:
        """Returns the tuple of the arrays' rows at `index`."""
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"MemmapDataset: index {index} is out of range for {size} samples")
        batch = self.get_batch(np.array([index % size]))
        return tuple(column[0] for column in batch)

    def get_batch(self, indices: np.ndarray) -> Any:
        """Returns the rows at `indices` of each array, in memory."""
        batch = tuple(_taken(array, indices) for array in self.arrays)
        return batch if self.transform is None else self.transform(batch)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "arrays"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        arrays: list[np.ndarray] = []
        for path in self.paths:
            packed = path.suffix.lower() == ".npz"
            arrays += open_npz(path, self.names).values() if packed else [open_npy(path)]
        if not arrays or any(array.ndim == 0 for array in arrays):
            raise DataError("MemmapDataset: needs arrays of at least one dim")
        if len({len(array) for array in arrays}) > 1:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise DataError(f"MemmapDataset: needs arrays of equal length, got shapes {shapes}")
        for array in arrays:
            if array.dtype.str[1:] in ("u8", "f16") or array.dtype.kind not in "biuf":
                raise DataError(f"MemmapDataset: Tensors cannot hold {array.dtype}")
        self.arrays = tuple(arrays)


def _taken(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    kind = array.dtype.str[1:]
    dtype = np.dtype(_WIDER.get(kind, kind))
    return np.asarray(np.take(array, indices, axis=0), dtype=dtype)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file; its troubles become `DataError`."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _entries(
    archive: zipfile.ZipFile, file: IO[bytes], path: Path, names: Sequence[str] | None
) -> dict[str, np.ndarray]:
    entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
    missing = [name for name in names or () if name not in entries]
    if missing:
        have = ", ".join(entries)[:200]
        raise DataError(f"open_npz: {path} has no array {missing[0]!r}; it has {have}")
    wanted = list(entries) if names is None else list(names)
    return {name: _entry(archive, file, entries[name], path) for name in wanted}


def _entry(
    archive: zipfile.ZipFile, file: IO[bytes], entry: zipfile.ZipInfo, path: Path
) -> np.ndarray:
    where = f"open_npz: {path}: {entry.filename[:80]}"
    if entry.compress_type != zipfile.ZIP_STORED:
        raise DataError(
            f"{where} is compressed and cannot be mapped; write it with np.savez, or use read_npz"
        )
    with archive.open(entry) as content:
        shape, fortran, dtype = _header(content, where)
        header = content.tell()
    file.seek(entry.header_offset)
    lengths = struct.unpack("<26x2H", file.read(_LOCAL))
    start = entry.header_offset + _LOCAL + sum(lengths)
    size = os.fstat(file.fileno()).st_size
    if entry.file_size != header + math.prod(shape) * dtype.itemsize:
        raise DataError(f"{where} states shape {shape} and {dtype}, which is not its size")
    return _mapped(path, start + header, min(size, start + entry.file_size), shape, fortran, dtype)


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Reads the header of an array; leaves the file at its data."""
    start = file.read(10)
    if start[:6] != b"\x93NUMPY" or len(start) < 10 or start[6] not in (1, 2) or start[7]:
        raise DataError(f"{where} is no .npy array of version 1 or 2: {start[:8].hex(' ')}")
    length = struct.unpack("<H", start[8:10])[0]
    if start[6] == 2:
        length += struct.unpack("<H", file.read(2).ljust(2, b"\0"))[0] << 16
    if length > MAX_HEADER:
        raise DataError(f"{where} states a header of {length} bytes; at most {MAX_HEADER}")
    file.seek(0)
    try:
        np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0
        if start[6] == 2:
            reader = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(file)
    except Exception as error:  # a malformed header is evaluated by several parsers
        raise DataError(f"{where} has a malformed header ({str(error)[:200]})") from error
    if dtype.kind not in "biuf" or dtype.subdtype is not None:
        raise DataError(f"{where} holds {str(dtype)[:80]}, and numbers are needed")
    if len(shape) > MAX_DIMS or any(not 0 <= size < 1 << 62 for size in shape):
        raise DataError(f"{where} states an impossible shape, {str(shape)[:80]}")
    return shape, fortran, dtype


def _mapped(
    path: Path, start: int, end: int, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]
) -> np.ndarray:
    expected = math.prod(shape) * dtype.itemsize
    if start + expected > end:
        raise DataError(
            f"{path} is truncated: shape {shape} of {dtype} takes {expected} bytes, and "
            f"{max(0, end - start)} are there"
        )
    order = "F" if fortran else "C"
    if expected == 0:  # which cannot be mapped
        return np.empty(shape, dtype, order)  # type: ignore[call-overload, no-any-return]
    return np.memmap(path, dtype, "r", start, shape, order)  # type: ignore[call-overload, no-any-return]
