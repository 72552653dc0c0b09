"""safetensors: a JSON header and the arrays' bytes, read and written by the package of that name.

The structure of a nested state (see tree.py) is the entry "structure" of the file's metadata.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.tree import Arrays

STRUCTURE = "structure"
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}


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
            arrays = {name: _read_entry(file, name, path) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (DataError, MemoryError):
        raise
    except Exception as error:  # of the package, and of NumPy for what it makes of the file
        raise DataError(f"load: {path} is not a whole safetensors file ({error})") from error
    return arrays, metadata.get(STRUCTURE)


def _read_entry(file: Any, name: str, path: Path) -> np.ndarray:
    stated = file.get_slice(name).get_dtype()
    if stated not in _DTYPES:
        have = ", ".join(_DTYPES)
        raise DataError(f"load: {path}: {name[:80]} is {stated}; dtypes that can be read: {have}")
    return np.asarray(file.get_tensor(name), order="C")


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
