"""HDF5 files with arrays in their root group: read here, written by the package h5py.

The reader knows the layout that HDF5 libraries write by default (superblock 0 or 1; symbol tables;
object headers of version 1) and arrays of integers and floats: contiguous, compact, or in chunks
that may be shuffled, deflated and carry a checksum. It checks each address and size against the
file, follows nothing out of it, and is written in Python alone, so a hostile file can do no more
than be refused. Layout after the "HDF5 File Format Specification", version 3.0. See hdf5data.py
for the arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io import hdf5data
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.hdf5data import Content
from tinygrad_cl.io.reading import PathLike, read_bytes

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_BYTES = 16 << 30
MAX_DEPTH = 32
_ENTRY = 40  # bytes of an entry of a symbol table
_CONTINUATION, _SYMBOL_TABLE = 0x10, 0x11


def read(path: PathLike, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Returns the arrays of a file's root group by name.

    Raises:
        DataError: if the file is missing, malformed, larger than allowed, or of a kind that is not
            known.
    """
    content = Content(read_bytes(path, "load", max_bytes), f"load: {path}", max_bytes)
    if content.raw[: len(MAGIC)] != MAGIC:
        raise DataError(f"load: {path} is not an HDF5 file")
    if content.u8(8) > 1:
        raise DataError(
            f"load: {path} has HDF5's newer layout, which is not read; write it with the default "
            "settings of h5py (libver='earliest'), or as NPZ"
        )
    if (content.u8(13), content.u8(14)) != (8, 8):
        raise DataError(f"load: {path} has addresses of another size than 8 bytes")
    end_of_superblock = 24 if content.u8(8) == 0 else 28
    content.base = content.u64(end_of_superblock, absolute=True)
    root = content.u64(end_of_superblock + 32 + 8, absolute=True)
    return {
        name: hdf5data.array(content, _messages(content, at)) for name, at in _root(content, root)
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes arrays as datasets of the root group; equal content gives equal bytes.

    Raises:
        DataError: if the package h5py is missing.
    """
    h5py = _package()
    with (
        replacing(path) as new,
        h5py.File(new, "w", libver=("earliest", "v108"), locking=False) as file,
    ):
        for name, array in arrays.items():
            file.create_dataset(name, data=array, track_times=False)


def _package() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            "HDF5 files need the package h5py to be written: pip install 'tinygrad-cl[io]', or "
            "write weights as NPZ"
        ) from error
    return h5py


# ------------------------------------------------------------------------------------------ groups


def _messages(content: Content, at: int) -> list[tuple[int, int, int]]:
    """The messages of an object header: types, addresses and sizes of their data."""
    if content.u8(at) != 1:
        raise content.error(f"an object header of version {content.u8(at)}", at)
    blocks, count = [(at + 16, content.u32(at + 8))], content.u16(at + 2)
    found: list[tuple[int, int, int]] = []
    while blocks and len(found) < count:
        start, size = blocks.pop(0)
        content.take(start, size)
        end = start + size
        while start + 8 <= end and len(found) < count:
            kind, length = content.u16(start), content.u16(start + 2)
            if start + 8 + length > end:
                raise content.error("a message is longer than its header", start)
            if content.u8(start + 4) & 2:
                raise content.error("a shared message", start)
            found.append((kind, start + 8, length))
            if kind == _CONTINUATION:
                blocks.append((content.u64(start + 8), content.u64(start + 16)))
            start += 8 + length
    return found


def _root(content: Content, at: int) -> Iterator[tuple[str, int]]:
    """Yields the names and header addresses of what stands in the root group."""
    for kind, start, length in _messages(content, at):
        if kind == _SYMBOL_TABLE and length >= 16:
            heap = _heap(content, content.u64(start + 8))
            seen: set[int] = set()
            names: set[str] = set()
            for name, address in _nodes(content, content.u64(start), heap, seen, 0):
                if name in names:
                    raise content.error(f"the name {name[:80]!r} twice", at)
                names.add(name)
                yield name, address
            return
    raise content.error("the root group has no symbol table", at)


def _heap(content: Content, at: int) -> bytes:
    content.expect(b"HEAP", at)
    return bytes(content.take(content.u64(at + 24), content.u64(at + 8)))


def _nodes(
    content: Content, at: int, heap: bytes, seen: set[int], depth: int
) -> Iterator[tuple[str, int]]:
    """Yields the entries of a group's B-tree."""
    if at in seen or depth > MAX_DEPTH:
        raise content.error("a tree of names that holds itself", at)
    seen.add(at)
    if bytes(content.take(at, 4)) == b"SNOD":
        for i in range(content.u16(at + 6)):
            yield _entry(content, at + 8 + i * _ENTRY, heap)
        return
    content.expect(b"TREE\0", at)
    for i in range(content.u16(at + 6)):
        child = content.u64(at + 24 + 8 + 16 * i)
        yield from _nodes(content, child, heap, seen, depth + 1)


def _entry(content: Content, at: int, heap: bytes) -> tuple[str, int]:
    start, kind = content.u64(at), content.u32(at + 16)
    end = heap.find(b"\0", start)
    if kind == 2 or not 0 <= start < end:
        raise content.error("a symbolic link, or a name that does not end", at)
    try:
        return heap[start:end].decode(), content.u64(at + 8)
    except UnicodeDecodeError as error:
        raise content.error("a name that is not UTF-8", at) from error
