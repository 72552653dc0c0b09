"""Reading files that nobody vouches for: sizes are checked before memory is taken."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TypeVar

from tinygrad_cl.errors import DataError

PathLike = str | os.PathLike[str]
Result = TypeVar("Result")

DEFLATE_RATIO = 1032  # deflate shrinks no further, so a small file cannot hold a huge array
MAX_DIMS = 32
_CHUNK = 1 << 24


def read_bytes(path: PathLike, where: str, max_bytes: int) -> bytes:
    """Returns a file's content.

    Args:
        path: the file.
        where: how errors begin: "read_pyn".
        max_bytes: the most to accept.

    Raises:
        DataError: if it cannot be read, or is larger.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= max_bytes else b""
    except OSError as error:
        raise DataError(f"{where}: cannot read {path}: {error.strerror or error}") from error
    except (ValueError, MemoryError) as error:  # a name with a zero byte; a huge file
        raise DataError(f"{where}: cannot read {path}: {error}") from error
    if size > max_bytes:
        raise DataError(f"{where}: {path} has over {max_bytes} bytes; raise max_bytes to accept")
    return content


def read_zip(
    path: Path, what: str, read: Callable[[zipfile.ZipFile], Result], where: str = "load"
) -> Result:
    """Returns what `read` makes of a zip archive; the many errors of damaged ones become one.

    Args:
        path: the archive.
        what: what it should be, for errors: "NPZ file".
        read: a function of the open archive.
        where: how errors begin.

    Raises:
        DataError: if the archive is damaged.
        OSError: if the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return read(archive)
    except (DataError, OSError, MemoryError):
        raise
    except Exception as error:  # the readers of zip files and of .npy headers raise many kinds
        raise DataError(f"{where}: {path} is not a whole {what} ({_short(error)})") from error


def check_zip(
    entries: list[zipfile.ZipInfo], path: Path, max_bytes: int, where: str = "load"
) -> None:
    """Compares the sizes that a zip archive states with its own.

    Raises:
        DataError: for sizes that it cannot have, unknown compressions, and names given twice.
    """
    if len({entry.filename for entry in entries}) < len(entries):
        raise DataError(f"{where}: {path} has two entries of one name")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{where}: {path}: {entry.filename[:80]} has an unknown compression")
    total = sum(entry.file_size for entry in entries)
    size = path.stat().st_size
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if total > size * (DEFLATE_RATIO if packed else 1):
        raise DataError(f"{where}: {path} states {total} bytes of data, and has {size} in all")
    if total > max_bytes:
        raise DataError(
            f"{where}: {path} states {total} bytes of data, over the limit of {max_bytes}; "
            "raise max_bytes to accept"
        )


def read_rest(file: IO[bytes], expected: int, where: str) -> bytearray:
    """Returns the `expected` bytes that a file still has; memory is taken as they arrive.

    Raises:
        DataError: if there are fewer, or more.
    """
    content = bytearray()
    while len(content) < expected:
        chunk = file.read(min(_CHUNK, expected - len(content)))
        if not chunk:
            raise DataError(f"{where} is truncated: {expected} bytes are stated")
        content += chunk
    if file.read(1):  # at the end of an entry, zipfile verifies the checksum
        raise DataError(f"{where} goes on after its data")
    return content


def is_possible(shape: Sequence[object]) -> bool:
    """Whether an array can have a shape: NumPy's empty arrays have limits, too.

    Example:
        >>> is_possible((2, 0)), is_possible((0, 1 << 30, 1 << 30)), is_possible((-1,))
        (True, False, False)
    """
    sizes = [size for size in shape if type(size) is int and size >= 0]
    fits = len(sizes) == len(shape) <= MAX_DIMS
    return fits and math.prod(size for size in sizes if size) < 1 << 59


def inflate(data: bytes | memoryview, limit: int, where: str) -> bytes:
    """Undoes zlib's compression of at most `limit` bytes.

    Raises:
        DataError: if the data are damaged, incomplete, or hold more.
    """
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise DataError(f"{where}: compressed data are damaged ({error})") from error
    if len(content) > limit or not stream.eof:
        raise DataError(f"{where}: compressed data are incomplete, or hold over {limit} bytes")
    return content


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
