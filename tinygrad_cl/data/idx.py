"""IDX, the file format of MNIST and its relatives: a reader that trusts nothing, and a writer.

A file is two zero bytes, a byte for the dtype, a byte for the number of dims, one big-endian
`uint32` per dim, then the elements in C order, big-endian. It may be compressed with gzip.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.atomic import replacing

PathLike = str | os.PathLike[str]

DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
MAX_DIMS = 32  # what every NumPy can hold
MAX_BYTES = 4 << 30
# Deflate cannot shrink data by more than 1032 to 1, so a small file cannot hold a huge array.
MAX_RATIO = 1032
CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: PathLike, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Reads an IDX file, compressed with gzip or not.

    Compression is recognized by content, whatever the name. The size that the header states is
    compared with the file before memory is taken, so a damaged or hostile file costs no more than
    it holds.

    Args:
        path: the file.
        max_bytes: the largest array to accept.

    Returns:
        A writable array in the machine's byte order.

    Raises:
        DataError: if the file is missing, not IDX, truncated, longer than its header says, or
            damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not packed:
                return _read(file, path, size, max_bytes)
            with gzip.GzipFile(fileobj=file) as unpacked:
                limit = size * MAX_RATIO
                return _read(cast(BinaryIO, unpacked), path, limit, max_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"read_idx: {path} is not a whole gzip file ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise DataError(f"read_idx: cannot read {path}: {error.strerror or error}") from error


def write_idx(path: PathLike, array: np.ndarray) -> None:
    """Writes an array as an IDX file, compressed if the name ends in `.gz`.

    The file appears under its name only when it is complete, and equal arrays give equal bytes.

    Args:
        path: where to write.
        array: of dtype uint8, int8, int16, int32, float32 or float64.

    Raises:
        DataError: if IDX cannot hold the array's dtype or shape.
    """
    path = Path(path)
    array = np.asarray(array)
    wanted = array.dtype.newbyteorder(">")
    code = next((code for code, dtype in DTYPES.items() if dtype == wanted), None)
    if code is None:
        names = ", ".join(dtype.name for dtype in DTYPES.values())
        raise DataError(f"write_idx: IDX holds {names}, not {array.dtype}; convert with .astype")
    if array.ndim > MAX_DIMS or any(dim >= 1 << 32 for dim in array.shape):
        raise DataError(f"write_idx: shape {array.shape} does not fit an IDX header")
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content = header + array.astype(DTYPES[code]).tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    with replacing(path) as new:
        new.write_bytes(content)


def _read(file: BinaryIO, path: Path, available: int, max_bytes: int) -> np.ndarray:
    dtype, shape, header = _read_header(file, path)
    expected = math.prod(shape) * dtype.itemsize
    stated = f"its header states {expected} bytes of data, shape {shape}, {dtype.name}"
    if header + expected > available:
        raise DataError(f"read_idx: {path} is truncated: {stated}, and it is too short for them")
    if expected > max_bytes:
        raise DataError(f"read_idx: {path}: {stated}, over the limit; raise max_bytes to accept")
    content = np.empty(expected, np.uint8)  # pages are taken only as data arrive
    arrived = 0
    while arrived < expected:
        count = file.readinto(content[arrived : arrived + CHUNK].data)  # type: ignore[attr-defined]
        if not count:
            raise DataError(f"read_idx: {path} is truncated: {stated}, and {arrived} are there")
        arrived += count
    if file.read(1):  # also makes gzip verify its checksum
        raise DataError(f"read_idx: {path} goes on after its data: {stated}")
    array: np.ndarray = content.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(file: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...], int]:
    """Returns the dtype, the shape and the length of the header."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise DataError(
            f"read_idx: {path} is not an IDX file: it starts with {magic.hex(' ') or 'nothing'}, "
            f"not 00 00 and one of {', '.join(f'{code:02x}' for code in DTYPES)}"
        )
    ndim = magic[3]
    if ndim > MAX_DIMS:
        raise DataError(f"read_idx: {path} states {ndim} dims; at most {MAX_DIMS} are possible")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(f"read_idx: {path} is truncated: it ends within its header")
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape and math.prod(size for size in shape if size) >= 1 << 59:  # beyond NumPy
        raise DataError(f"read_idx: {path} states an impossible shape, {shape}")
    return DTYPES[magic[2]], shape, 4 + len(sizes)
