"""The arrays of an HDF5 file: from the messages of an object header to NumPy. See hdf5.py."""

from __future__ import annotations

import itertools
import math
import struct
from dataclasses import dataclass

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.reading import DEFLATE_RATIO, MAX_DIMS, inflate, is_possible

UNDEFINED = (1 << 64) - 1
_SPACE, _TYPE, _LINK_TABLE, _EXTERNAL, _LAYOUT, _FILTERS = 0x1, 0x3, 0x11, 0x7, 0x8, 0xB
_DEFLATE, _SHUFFLE, _CHECKSUM = 1, 2, 3
# Sign, exponent's place and size, mantissa's place and size, bias: of IEEE 754.
_FLOATS = {
    2: (15, 10, 5, 0, 10, 15),
    4: (31, 23, 8, 0, 23, 127),
    8: (63, 52, 11, 0, 52, 1023),
}

Messages = list[tuple[int, int, int]]


class Content:
    """The bytes of a file; addresses count from `base`.

    Args:
        raw: all of them.
        where: how errors begin.
        max_bytes: the most data that all arrays may have together.

    Raises:
        DataError: from every method, for what lies outside the file.
    """

    def __init__(self, raw: bytes, where: str, max_bytes: int) -> None:
        self.raw = memoryview(raw)
        self.where = where
        self.base = 0
        self.left = max_bytes  # what arrays may still take
        self.stored = len(raw)  # bytes of the file that no array has taken yet

    def error(self, message: str, at: int) -> DataError:
        """Returns the error to raise."""
        return DataError(f"{self.where}: {message}, at byte {at}")

    def take(self, at: int, count: int) -> memoryview:
        """Returns bytes at an address."""
        start = self.base + at
        if start + count > len(self.raw):
            raise self.error(f"{count} bytes are stated, which are not there", at)
        return self.raw[start : start + count]

    def number(self, at: int, form: str) -> int:
        """Returns the number of a `struct` form at an address."""
        return int(struct.unpack(form, self.take(at, struct.calcsize(form)))[0])

    def u8(self, at: int) -> int:
        """Returns the byte at an address."""
        return self.number(at, "<B")

    def u16(self, at: int) -> int:
        """Returns the number of 2 bytes at an address."""
        return self.number(at, "<H")

    def u32(self, at: int) -> int:
        """Returns the number of 4 bytes at an address."""
        return self.number(at, "<I")

    def u64(self, at: int, absolute: bool = False) -> int:
        """Returns the number of 8 bytes at an address."""
        return self.number(at - self.base if absolute else at, "<Q")

    def expect(self, magic: bytes, at: int) -> None:
        """Checks that some bytes stand at an address."""
        if bytes(self.take(at, len(magic))) != magic:
            raise self.error(f"no {magic.rstrip(bytes(1)).decode()}", at)

    def claim(self, stored: int, size: int, at: int) -> None:
        """Accounts for an array of `size` bytes that takes `stored` bytes of the file."""
        self.stored -= stored
        self.left -= size
        if self.stored < 0:
            raise self.error("arrays overlap", at)
        if self.left < 0:
            raise self.error("its arrays are over the limit; raise max_bytes to accept", at)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Shape and dtype of an array, and how its chunks are filtered."""

    shape: tuple[int, ...]
    dtype: np.dtype
    filters: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def array(content: Content, messages: Messages) -> np.ndarray:
    """Returns the array that an object header describes, in the machine's byte order.

    Raises:
        DataError: for what is malformed or not known.
    """
    found = {kind: (at, size) for kind, at, size in messages}
    if not {_SPACE, _TYPE, _LAYOUT} <= found.keys() or {_LINK_TABLE, _EXTERNAL} & found.keys():
        at = messages[0][1] if messages else 0
        raise content.error("the root group must hold arrays alone", at)
    filters = _filters(content, *found[_FILTERS]) if _FILTERS in found else ()
    kind = _Kind(_shape(content, found[_SPACE][0]), _dtype(content, found[_TYPE][0]), filters)
    data = _data(content, found[_LAYOUT][0], kind)
    return data.astype(kind.dtype.newbyteorder("="))


def _shape(content: Content, at: int) -> tuple[int, ...]:
    version, dims = content.u8(at), content.u8(at + 1)
    if version not in (1, 2) or dims > MAX_DIMS or (version == 2 and content.u8(at + 3) > 1):
        raise content.error(f"a shape of version {version} with {dims} dims", at)
    start = at + (8 if version == 1 else 4)
    shape = tuple(content.u64(start + 8 * i) for i in range(dims))
    if not is_possible(shape):
        raise content.error(f"the impossible shape {str(shape)[:80]}", at)
    return shape


def _dtype(content: Content, at: int) -> np.dtype:
    """The dtype of a message; integers and the floats of IEEE 754."""
    kind, flags, size = content.u8(at) & 15, content.u8(at + 1), content.u32(at + 4)
    order = ">" if flags & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        if (content.u16(at + 8), content.u16(at + 10)) == (0, 8 * size):
            return np.dtype(f"{order}{'i' if flags & 8 else 'u'}{size}")
    elif kind == 1 and size in _FLOATS and not flags & 0x40 and flags & 0x30 == 0x20:
        places = (content.u8(at + 2), *(content.u8(at + 12 + i) for i in range(4)))
        if (*places, content.u32(at + 16)) == _FLOATS[size] and content.u16(at + 8) == 0:
            return np.dtype(f"{order}f{size}")
    raise content.error(f"elements of class {kind} and {size} bytes, not integers or floats", at)


def _filters(content: Content, at: int, length: int) -> tuple[int, ...]:
    """The filters that chunks went through, in order."""
    version, count = content.u8(at), content.u8(at + 1)
    if version not in (1, 2) or count > 8:
        raise content.error(f"{count} filters of version {version}", at)
    found, place = [], at + (8 if version == 1 else 2)
    for _ in range(count):
        kind = content.u16(place)
        named = version == 1 or kind >= 256
        name = content.u16(place + 2) if named else 0
        values = content.u16(place + (6 if named else 4))
        place += (8 if named else 6) + name + 4 * (values + (values % 2 if version == 1 else 0))
        found.append(kind)
    if not set(found) <= {_DEFLATE, _SHUFFLE, _CHECKSUM} or len(set(found)) < count:
        raise content.error(f"the filters {found}, of which only gzip and shuffle are known", at)
    if place > at + length:
        raise content.error("filters are longer than their message", at)
    return tuple(found)


def _data(content: Content, at: int, kind: _Kind) -> np.ndarray:
    """The elements, by the layout message."""
    version, layout = content.u8(at), content.u8(at + 1)
    if version != 3 or layout > 2:
        raise content.error(f"a layout of version {version} and class {layout}", at)
    if layout == 2:
        return _chunks(content, at, kind)
    if kind.filters:
        raise content.error("filters without chunks", at)
    if layout == 0:
        start, size = at + 4, content.u16(at + 2)
    else:
        start, size = content.u64(at + 2), content.u64(at + 10)
    if start == UNDEFINED and kind.size == 0:
        return np.zeros(kind.shape, kind.dtype)
    if size != kind.size or start == UNDEFINED:
        raise content.error(f"an array of {kind.size} bytes has {size}", at)
    content.claim(size, size, at)
    return np.frombuffer(content.take(start, size), kind.dtype).reshape(kind.shape)


# ------------------------------------------------------------------------------------------ chunks


def _chunks(content: Content, at: int, kind: _Kind) -> np.ndarray:
    dims = len(kind.shape)
    if content.u8(at + 2) != dims + 1 or dims == 0:
        raise content.error("chunks of another number of dims", at)
    chunk = tuple(content.u32(at + 11 + 4 * i) for i in range(dims))
    if 0 in chunk or content.u32(at + 11 + 4 * dims) != kind.dtype.itemsize:
        raise content.error(f"chunks of the shape {str(chunk)[:80]}", at)
    counts = [-(-size // step) for size, step in zip(kind.shape, chunk, strict=True)]
    full = math.prod(chunk) * kind.dtype.itemsize
    # All chunks must be there, each larger than its share after deflation.
    needed = math.prod(counts) * full
    if needed > content.stored * (DEFLATE_RATIO if _DEFLATE in kind.filters else 1):
        raise content.error(f"chunks of {needed} bytes, more than the file can hold", at)
    content.claim(0, needed, at)
    tree = content.u64(at + 3)
    found = {} if tree == UNDEFINED else _chunk_tree(content, tree, dims)
    result = np.empty(kind.shape, kind.dtype)
    for place in itertools.product(*map(range, counts)):
        corner = tuple(i * step for i, step in zip(place, chunk, strict=True))
        if corner not in found:
            raise content.error(f"the chunk at {corner} is missing", at)
        piece = np.frombuffer(_chunk(content, *found[corner], kind, full), kind.dtype)
        target = result[tuple(slice(c, c + s) for c, s in zip(corner, chunk, strict=True))]
        target[...] = piece.reshape(chunk)[tuple(map(slice, target.shape))]
    return result


def _chunk_tree(content: Content, at: int, dims: int) -> dict[tuple[int, ...], tuple[int, int]]:
    """Address and stored size of every chunk, by its first element."""
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    waiting, seen = [at], {at}
    step = 8 + 8 * (dims + 1) + 8  # a key and the address after it
    while waiting:
        node = waiting.pop()
        content.expect(b"TREE\1", node)
        for i in range(content.u16(node + 6)):
            key = node + 24 + i * step
            child = content.u64(key + step - 8)
            if content.u8(node + 5):
                if child in seen:
                    raise content.error("a tree of chunks that holds itself", node)
                seen.add(child)
                waiting.append(child)
                continue
            corner = tuple(content.u64(key + 8 + 8 * d) for d in range(dims))
            if content.u32(key + 4) or corner in found:
                raise content.error("a chunk without its filters, or given twice", key)
            found[corner] = (child, content.u32(key))
    return found


def _chunk(content: Content, at: int, stored: int, kind: _Kind, full: int) -> bytes | memoryview:
    """The bytes of a chunk, after its filters are undone."""
    content.claim(stored, 0, at)
    data: bytes | memoryview = content.take(at, stored)
    for which in reversed(kind.filters):
        if which == _CHECKSUM:
            data = _checked(content, data, at)
        elif which == _DEFLATE:
            data = inflate(data, full + 4, f"{content.where}: a chunk at byte {at}")
        elif len(data) == full:
            planes = np.frombuffer(data, np.uint8).reshape(kind.dtype.itemsize, -1)
            data = planes.T.tobytes()
    if len(data) != full:
        raise content.error(f"a chunk of {full} bytes has {len(data)}", at)
    return data


def _checked(content: Content, data: bytes | memoryview, at: int) -> bytes | memoryview:
    """The data before their checksum (Fletcher's, of 16-bit big-endian words)."""
    if len(data) < 4:
        raise content.error("a chunk without its checksum", at)
    body, stated = data[:-4], int.from_bytes(data[-4:], "little")
    padded = bytes(body) + bytes(len(body) % 2)
    words = np.frombuffer(padded, ">u2").astype(np.uint64)
    low = int(words.sum() % 65535)
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % np.uint64(65535)
    high = int((words * weights % np.uint64(65535)).sum() % 65535)
    if {(high or s) << 16 | (low or t) for s in (0, 65535) for t in (0, 65535)} & {stated}:
        return body
    raise content.error("a chunk's checksum is wrong", at)
