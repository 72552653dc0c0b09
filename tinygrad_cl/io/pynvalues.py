"""The values of a `.pyn` file: numbers, strings, arrays, dicts, written after their type ids.

All integers are unsigned and little-endian, of 8 bytes. A value is preceded by its type id: int 0,
str 1 (length, UTF-8 bytes), float 2 (float32), bool 3 (a byte), None 4 (the byte "N"), bytes 5
(length, bytes), dict 6, ndarray 7, list 8, tuple 9. A dict is the number of its pairs, then for
each the type of the key, the type of the value, the key, the value. Lists and tuples are written as
the dicts {0: first, 1: second, ...}; arrays as the tuple of their shape, the name of their dtype,
the length of the payload, the payload.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import lz4.frame
import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.reading import is_possible

INT, STR, FLOAT, BOOL, NONE, BYTES, DICT, ARRAY, LIST, TUPLE = range(10)
MAX_DEPTH = 16
MAX_RATIO = 256  # lz4 shrinks no further
_FLOATS = ("float16", "float32", "float64")
_DTYPES = {
    text: np.dtype(name)
    for name in ("bool", *(f"{k}int{n}" for k in ("", "u") for n in (8, 16, 32, 64)), *_FLOATS)
    for text in (name, np.dtype(name).str)
}


class Reader:
    """Reads values from bytes, and nothing beyond them.

    Args:
        content: the bytes.
        where: how errors begin.
        characters: whether lengths of strings count characters, as some writers have it.

    Attributes:
        foreign: whether there was a string in which the two ways of counting differ.

    Raises:
        DataError: from every method, for what is truncated or malformed.
    """

    def __init__(self, content: bytes, where: str, characters: bool = False) -> None:
        self.content = memoryview(content)
        self.characters = characters
        self.foreign = False
        self.where = where
        self.at = 0

    @property
    def left(self) -> int:
        """The number of bytes not yet read."""
        return len(self.content) - self.at

    def error(self, message: str) -> DataError:
        """Returns the error to raise."""
        return DataError(f"{self.where}: {message}, at byte {self.at}")

    def take(self, count: int) -> memoryview:
        """Returns the next bytes."""
        if count > self.left:
            raise self.error(f"{count} bytes are stated and {self.left} are left")
        self.at += count
        return self.content[self.at - count : self.at]

    def unpack(self, code: str) -> Any:
        """Returns the next number of a `struct` code."""
        return struct.unpack(f"<{code}", self.take(struct.calcsize(code)))[0]

    def text(self) -> str:
        """Returns the next string."""
        length = self.unpack("Q")
        coded = self.take(self._bytes_of(length) if self.characters else length)
        self.foreign |= not bytes(coded).isascii()
        try:
            return str(coded, "utf-8")
        except UnicodeDecodeError as error:
            raise self.error(f"a string is not UTF-8 ({error})") from error

    def _bytes_of(self, length: int) -> int:
        """The number of bytes that the next characters take in UTF-8."""
        end = self.at
        while length and end < len(self.content):
            lead = self.content[end]
            end += 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
            length -= 1
        return end - self.at + length  # too many, if the content has ended

    def dict(self, packed: bool = False, depth: int = 0) -> dict[Any, Any]:
        """Returns the next dict; with `packed`, its arrays are compressed."""
        if depth > MAX_DEPTH:
            raise self.error(f"values are nested deeper than {MAX_DEPTH}")
        count = self.unpack("Q")
        if count > self.left // 16:  # the two types of a pair
            raise self.error(f"a dict states {count} pairs")
        found: dict[Any, Any] = {}
        for _ in range(count):
            kinds = self.unpack("Q"), self.unpack("Q")
            if kinds[0] not in (INT, STR):
                raise self.error(f"a key has the type {kinds[0]}")
            key = self.value(kinds[0], False, depth)
            if key in found:
                raise self.error(f"a dict has the key {str(key)[:80]!r} twice")
            found[key] = self.value(kinds[1], packed, depth)
        return found

    def value(self, kind: int, packed: bool, depth: int) -> Any:
        """Returns the next value of a type."""
        if kind == ARRAY:
            return self._array(packed, depth)
        if kind in (LIST, TUPLE):
            items = self._items(depth)
            return items if kind == LIST else tuple(items)
        readers: dict[int, Callable[[], Any]] = {
            INT: lambda: self.unpack("Q"),
            STR: self.text,
            FLOAT: lambda: self.unpack("f"),
            BOOL: lambda: self.unpack("?"),
            NONE: self._none,
            BYTES: lambda: bytes(self.take(self.unpack("Q"))),
            DICT: lambda: self.dict(depth=depth + 1),
        }
        if kind not in readers:
            raise self.error(f"there is no type {kind}")
        return readers[kind]()

    def _none(self) -> None:
        if bytes(self.take(1)) != b"N":
            raise self.error('None is not written as "N"')

    def _items(self, depth: int) -> list[Any]:
        found = self.dict(depth=depth + 1)
        if list(found) != list(range(len(found))):
            raise self.error("a list's keys are not 0, 1, 2, ...")
        return list(found.values())

    def _array(self, packed: bool, depth: int) -> np.ndarray:
        shape, name = self._items(depth), self.text()
        if not is_possible(shape):
            raise self.error(f"an array has the shape {str(shape)[:80]}")
        if name not in _DTYPES:
            raise self.error(f"an array has the dtype {name[:80]!r}")
        dtype = _DTYPES[name]
        payload = self.take(self.unpack("Q"))
        expected = math.prod(shape) * dtype.itemsize
        data = self._unpacked(payload, expected) if packed else bytes(payload)
        if len(data) != expected:
            raise self.error(f"an array of shape {str(shape)[:80]} has {len(data)} bytes")
        return np.frombuffer(data, dtype).reshape(shape)

    def _unpacked(self, payload: memoryview, expected: int) -> bytes:
        if expected > len(payload) * MAX_RATIO:
            raise self.error(f"{len(payload)} compressed bytes cannot hold {expected}")
        frame = lz4.frame.LZ4FrameDecompressor()
        try:
            data = bytes(frame.decompress(payload, max_length=expected + 1))
        except (RuntimeError, EOFError, ValueError) as error:
            raise self.error(f"an array is no lz4 frame ({error})") from error
        if len(data) <= expected and (not frame.eof or frame.unused_data):
            raise self.error("an array is not one whole lz4 frame")
        return data


def write(value: Any, packed: bool = False) -> tuple[int, bytes]:
    """Returns the type id and the bytes of a value; with `packed`, arrays are compressed.

    Raises:
        DataError: for values that the format cannot hold.
    """
    if isinstance(value, bool | np.bool_):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int | np.integer):
        if not 0 <= value < 1 << 64:
            raise DataError(f"write_pyn: the format holds integers from 0 to 2**64, not {value}")
        return INT, struct.pack("<Q", int(value))
    if isinstance(value, float | np.floating):
        return FLOAT, struct.pack("<f", float(value))
    if isinstance(value, str):
        return STR, _counted(value.encode())
    if isinstance(value, bytes):
        return BYTES, _counted(value)
    if value is None:
        return NONE, b"N"
    return _write_container(value, packed)


def write_dict(value: dict[Any, Any], packed: bool = False) -> bytes:
    """Returns the bytes of a dict; with `packed`, its arrays are compressed."""
    parts = [struct.pack("<Q", len(value))]
    for key, item in value.items():
        key_kind, coded_key = write(key)
        kind, coded = write(item, packed and isinstance(item, np.ndarray))
        parts += [struct.pack("<QQ", key_kind, kind), coded_key, coded]
    return b"".join(parts)


def _write_container(value: Any, packed: bool) -> tuple[int, bytes]:
    if isinstance(value, dict):
        return DICT, write_dict(value)
    if isinstance(value, list | tuple):
        return LIST if isinstance(value, list) else TUPLE, write_dict(dict(enumerate(value)))
    if not isinstance(value, np.ndarray) or value.dtype.name not in _DTYPES:
        raise DataError(f"write_pyn: the format cannot hold {str(value)[:80]}")
    data = value.astype(value.dtype.newbyteorder("<")).tobytes()
    payload = lz4.frame.compress(data) if packed else data
    shape, name = write(tuple(value.shape))[1], _counted(value.dtype.name.encode())
    return ARRAY, shape + name + _counted(payload)


def _counted(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data
