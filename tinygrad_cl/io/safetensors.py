"""safetensors: a JSON header and the arrays' bytes, read and written by the package of that name.

The structure of a nested state (see tree.py) is the entry "structure" of the file's metadata.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.tree import Arrays, from_bits, loaded

STRUCTURE = "structure"
_BFLOAT = "BF16"
_READ = {"BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "F16", "F32", "F64", _BFLOAT}


def write(path: Path, arrays: Arrays, structure: str | None) -> None:
    """Writes arrays, and the structure if there is one.

    Raises:
        DataError: if the package is missing, or for names that the format cannot hold.
    """
    package = _package()
    for name in arrays:
        _check_name(name)
    metadata = None if structure is None else {STRUCTURE: structure}
    try:
        package.numpy.save_file(arrays, str(path), metadata)
    except package.SafetensorError as error:
        raise DataError(f"save: safetensors cannot hold this state ({error})") from error


def read(path: Path, max_bytes: int) -> tuple[Arrays, str | None]:
    """Returns the arrays of a file by name, and the structure if there is one.

    Integers of dtypes that the library lacks become int32 or int64.

    Raises:
        DataError: if the package is missing, or the file malformed or too large.
    """
    package = _package()
    size = path.stat().st_size  # arrays are not compressed, and none may overlap another
    if size > max_bytes:
        raise DataError(
            f"load: {path} has {size} bytes, over the limit of {max_bytes}; "
            "raise max_bytes to accept"
        )
    try:
        with package.safe_open(str(path), framework="numpy") as file:
            names = list(file.keys())
            dtypes = {name: file.get_slice(name).get_dtype() for name in names}
            halves = _bfloats(path) if _BFLOAT in dtypes.values() else {}
            arrays = {name: _entry(file, name, dtypes[name], halves, path) for name in names}
            metadata = file.metadata() or {}
    except (DataError, MemoryError):
        raise
    except Exception as error:  # of the package, and of NumPy for what it makes of the file
        raise DataError(f"load: {path} is not a whole safetensors file ({error})") from error
    return arrays, metadata.get(STRUCTURE)


def _entry(file: Any, name: str, dtype: str, halves: Arrays, path: Path) -> np.ndarray:
    if dtype not in _READ:
        have = ", ".join(sorted(_READ))
        raise DataError(f"load: {path}: {name[:80]} is {dtype}; dtypes that can be read: {have}")
    return halves[name] if dtype == _BFLOAT else loaded(file.get_tensor(name), name)


def _bfloats(path: Path) -> Arrays:
    """The bfloat16 arrays of a file that the package found to be whole."""
    found = {}
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        for name, row in header.items():
            if name != "__metadata__" and row["dtype"] == _BFLOAT:
                begin, end = row["data_offsets"]
                file.seek(8 + length + begin)
                halves = np.frombuffer(file.read(end - begin), "<u2").reshape(row["shape"])
                found[name] = from_bits(halves, name)
    return found


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        name = "__metadata__"
    if name == "__metadata__":
        raise DataError(f"save: an array cannot have the name {name[:80]!r} in safetensors")


def _package() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise DataError(
            "safetensors files need the package safetensors: pip install 'tinygrad-cl[io]', "
            "or use a name that ends in .npz"
        ) from error
    return safetensors
