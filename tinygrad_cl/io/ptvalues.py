"""The values of PyTorch's `.pt` files: which names their pickles may hold, and what they make.

A tensor in the pickle is a call of `torch._utils._rebuild_tensor_v2` with a storage, an offset, a
shape and strides, counted in elements; a storage is an identifier ("storage", class, key, device,
number of elements). Classes of storages stand for dtypes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.reading import is_possible
from tinygrad_cl.io.tree import from_bits, host_array
from tinygrad_cl.io.unpickle import MAX_DEPTH, Maker, plain
from tinygrad_cl.tensor import Tensor

MAX_RATIO = 64  # of all tensors' bytes to the file's: expanded tensors are larger than storages
_BFLOAT = "bfloat16"
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": _BFLOAT,
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
_BY_DTYPE = {name: storage for storage, name in _STORAGES.items()}
_DTYPES = {*_STORAGES.values(), "uint16", "uint32", "uint64"}
_WRITTEN = {name: f"{storage}Storage" for name, storage in _BY_DTYPE.items()}


@dataclass(frozen=True, slots=True)
class _DType:
    """A dtype, or the class of its storages; "" for bytes of any dtype."""

    name: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    storage: _Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Storages:
    """What the names and identifiers of a pickle stand for, and the arrays of its tensors.

    Args:
        content: the bytes of a storage, by its key.
        where: how errors begin.
        swapped: whether the bytes of numbers are big-endian.
    """

    def __init__(
        self, content: Callable[[str], bytes | bytearray], where: str, swapped: bool = False
    ) -> None:
        self.content = content
        self.where = where
        self.swapped = swapped
        self._known: dict[str, _Storage] = {}
        self._loaded: dict[str, bytes | bytearray] = {}
        self._typed: dict[tuple[str, str], np.ndarray] = {}
        self._names = self._table()

    def error(self, message: str) -> DataError:
        """Returns the error to raise."""
        return DataError(f"{self.where}: {message}")

    def find(self, name: str) -> Any:
        """Returns what a name in the pickle stands for.

        Raises:
            DataError: for names that are not allowed.
        """
        if name in self._names:
            return self._names[name]
        shown = name[:120].replace(" ", ".")
        raise self.error(
            f"the file needs {shown!r}, which is not read; only tensors, dicts, lists, tuples, "
            "numbers and strings are: save the net's state_dict() alone"
        )

    def persistent(self, key: Any) -> _Storage:
        """Returns the storage of an identifier."""
        if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
            raise self.error(f"malformed identifier of a storage, {type(key).__name__}")
        _, kind, name, _, count = key[:5]
        if not isinstance(kind, _DType) or not isinstance(name, str) or not _natural(count):
            raise self.error("malformed identifier of a storage")
        if len(key) == 6 and key[5] is not None:
            raise self.error("storages that are parts of others are not read; save with PyTorch 1+")
        storage = _Storage(name, kind.name, count)
        if self._known.setdefault(name, storage) != storage:
            raise self.error(f"the storage {name[:80]!r} is named with two dtypes or sizes")
        return storage

    def item_sizes(self) -> dict[str, int]:
        """Returns the bytes of one element, for the storages named so far."""
        return {key: _item_size(storage.dtype) for key, storage in self._known.items()}

    def resolve(self, value: Any, file_size: int, pickle_size: int) -> Any:
        """Returns a loaded tree with arrays in place of tensors.

        Raises:
            DataError: for tensors outside their storages, or far larger than the file.
        """
        left = MAX_RATIO * file_size

        def leaf(value: Any) -> Any:
            nonlocal left
            if isinstance(value, _Tensor):
                left -= _count(value.shape) * _item_size(value.dtype)
                if left < 0 or not is_possible(value.shape):
                    raise self.error("its tensors are far larger than the file, or impossible")
                return self._array(value)
            if isinstance(value, _DType):
                return f"torch.{value.name}"
            if isinstance(value, Maker | _Storage):
                raise self.error("a class or a storage in place of a value")
            return value

        return plain(value, self.where, leaf, 8 * pickle_size + 64)

    def _table(self) -> dict[str, Any]:
        """The names that are allowed, and what each stands for."""
        makers: dict[str, Callable[..., Any]] = {
            "collections OrderedDict": _ordered,
            "torch Size": _size,
            "torch device": _device,
            "torch._utils _rebuild_tensor": self._rebuild,
            "torch._utils _rebuild_tensor_v2": lambda s, o, n, d, *_: self._rebuild(s, o, n, d),
            "torch._utils _rebuild_tensor_v3": lambda s, o, n, d, _g, _h, dtype, *_: self._rebuild(
                s, o, n, d, dtype
            ),
            "torch._utils _rebuild_parameter": lambda data, *_: data,
            "torch._utils _rebuild_parameter_with_state": lambda data, *_: data,
        }
        names: dict[str, Any] = {name: Maker(name, make) for name, make in makers.items()}
        names |= {f"torch {kind}Storage": _DType(name) for kind, name in _STORAGES.items()}
        names |= {f"torch {name}": _DType(name) for name in _DTYPES}
        untyped = _DType("")
        return names | {"torch.storage UntypedStorage": untyped, "torch UntypedStorage": untyped}

    def _rebuild(
        self, storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any = None
    ) -> _Tensor:
        if not isinstance(storage, _Storage) or not isinstance(dtype, _DType | None):
            raise self.error("a tensor without storage")
        name = storage.dtype if dtype is None else dtype.name
        pair = isinstance(shape, tuple) and isinstance(strides, tuple)
        if not name or not pair or not all(map(_natural, (offset, *shape, *strides))):
            raise self.error("a tensor of malformed shape, strides or dtype")
        if len(shape) != len(strides):
            raise self.error(f"a tensor of {len(shape)} sizes and {len(strides)} strides")
        return _Tensor(storage, name, offset, shape, strides)

    def _array(self, tensor: _Tensor) -> np.ndarray:
        items = self._items(tensor.storage, tensor.dtype)
        if _count(tensor.shape):
            steps = zip(tensor.shape, tensor.strides, strict=True)
            last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
            if last >= len(items):
                raise self.error(f"a tensor needs element {last} of a storage of {len(items)}")
            strides = [stride * items.itemsize for stride in tensor.strides]
            view = np.lib.stride_tricks.as_strided(items[tensor.offset :], tensor.shape, strides)
        else:
            view = np.zeros(tensor.shape, items.dtype)
        array = np.ascontiguousarray(view).reshape(tensor.shape)
        return from_bits(array, self.where) if tensor.dtype == _BFLOAT else array

    def _items(self, storage: _Storage, dtype: str) -> np.ndarray:
        """The elements of a storage, read when they are first needed."""
        if (storage.key, dtype) not in self._typed:
            self._typed[storage.key, dtype] = self._read(storage, dtype)
        return self._typed[storage.key, dtype]

    def _read(self, storage: _Storage, dtype: str) -> np.ndarray:
        name = storage.key[:80]
        if storage.key not in self._loaded:
            self._loaded[storage.key] = self.content(storage.key)
        content = self._loaded[storage.key]
        if len(content) != storage.count * _item_size(storage.dtype):
            raise self.error(
                f"the storage {name!r} has {len(content)} bytes, not {storage.count} "
                f"elements of {storage.dtype or 'a byte'}"
            )
        kind = np.dtype("uint16" if dtype == _BFLOAT else dtype)
        kind = kind.newbyteorder(">") if self.swapped else kind.newbyteorder("<")
        if len(content) % kind.itemsize:
            raise self.error(f"the storage {name!r} is no row of {dtype}")
        if kind == np.dtype(bool) and content.translate(None, b"\0\1"):
            raise self.error(f"the storage {name!r} has bools other than 0 and 1")
        items = np.frombuffer(bytearray(content) if isinstance(content, bytes) else content, kind)
        return items.astype(kind.newbyteorder("="), copy=False)


def _size(sizes: Any = ()) -> tuple[int, ...]:
    if not isinstance(sizes, list | tuple) or not all(map(_natural, sizes)):
        raise TypeError("sizes must be integers")
    return tuple(sizes)


def _device(kind: Any, index: Any = 0) -> str:
    if not isinstance(kind, str) or not _natural(index):
        raise TypeError("a device must be a name and a number")
    return f"{kind[:80]}:{index}" if index else kind[:80]


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    if not isinstance(pairs, list | tuple):
        raise TypeError("pairs must be listed")
    found = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise TypeError("a pair must be a key and a value")
        found[pair[0]] = pair[1]
    return found


def _natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _item_size(dtype: str) -> int:
    return {"": 1, _BFLOAT: 2}.get(dtype) or np.dtype(dtype).itemsize


# ----------------------------------------------------------------------------------------- writing


def encode(state: Any) -> tuple[bytes, list[np.ndarray]]:
    """Returns a pickle (protocol 2) of a tree, and the arrays that are its storages 0, 1, ...

    Raises:
        DataError: for leaves or keys that PyTorch's reader of weights does not take.
    """
    arrays: list[np.ndarray] = []
    return b"".join([b"\x80\x02", *_encode(state, (), arrays), b"."]), arrays


def _encode(value: Any, path: tuple[Any, ...], arrays: list[np.ndarray]) -> list[bytes]:
    if len(path) > MAX_DEPTH:
        raise DataError(f"save: the state is nested deeper than {MAX_DEPTH}")
    if isinstance(value, Tensor | np.ndarray):
        arrays.append(host_array(value, "/".join(map(str, path)) or "the state"))
        return [_coded_tensor(arrays[-1], len(arrays) - 1)]
    if isinstance(value, Mapping):
        parts = [b"}("]
        for key, item in value.items():
            if not isinstance(key, str | int):
                raise DataError(f"save: a .pt file has no {type(key).__name__} as a key")
            parts += [_coded_plain(key, path), *_encode(item, (*path, key), arrays)]
        return [*parts, b"u"]
    if isinstance(value, list | tuple):
        items = [part for i, item in enumerate(value) for part in _encode(item, (*path, i), arrays)]
        return [b"](", *items, b"e"] if isinstance(value, list) else [b"(", *items, b"t"]
    return [_coded_plain(value, path)]


def _coded_plain(value: Any, path: tuple[Any, ...]) -> bytes:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(data) > 255:
            raise DataError(f"save: {'/'.join(map(str, path))}: an integer of {len(data)} bytes")
        return bytes([0x8A, len(data)]) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data
    where = "/".join(map(str, path)) or "the state"
    raise DataError(
        f"save: {where}: cannot store a {type(value).__name__} in a .pt file; use dicts, lists, "
        "tuples, tensors, arrays, numbers, strings and None"
    )


def _coded_tensor(array: np.ndarray, key: int) -> bytes:
    storage = _WRITTEN[array.dtype.name].encode()
    row = b"".join(_coded_plain(size, ()) for size in array.shape)
    steps = [stride // array.itemsize for stride in array.strides]
    parts = [
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        _coded_plain("storage", ()),
        b"ctorch\n" + storage + b"\n",
        *(_coded_plain(part, ()) for part in (str(key), "cpu", array.size)),
        b"tQ" + _coded_plain(0, ()),
        b"(" + row + b"t(",
        *(_coded_plain(step, ()) for step in steps),
        b"t\x89ccollections\nOrderedDict\n)RtR",
    ]
    return b"".join(parts)
