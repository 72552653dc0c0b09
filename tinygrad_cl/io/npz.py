"""NPZ: a zip archive of NumPy's `.npy` files, one per array; nothing in it is ever unpickled.

The structure of a nested state (see tree.py) is one more entry, `__structure__.npy`: its UTF-8
bytes as uint8. Entries are not compressed when written; compressed ones are read. bfloat16 stands
there as NumPy itself writes it: elements of two bytes without a meaning ("V2").
"""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.reading import check_zip, is_possible, read_rest, read_zip
from tinygrad_cl.io.tree import Arrays, loaded

STRUCTURE = "__structure__"
MAX_NAME = 32000  # bytes of a name; a zip archive holds up to 65535
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write(path: Path, arrays: Arrays, structure: str | None) -> None:
    """Writes arrays, and the structure if there is one; equal content gives equal bytes.

    Raises:
        DataError: for names that a zip archive cannot hold.
    """
    for name in arrays:
        _check_name(name)
    if structure is not None:
        arrays = arrays | {STRUCTURE: np.frombuffer(structure.encode(), np.uint8)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, as every entry
            with archive.open(entry, "w", force_zip64=True) as file:
                coded = array.view("V2") if array.dtype.kind == "V" else array
                np.lib.format.write_array(file, coded, allow_pickle=False)


def read(path: Path, max_bytes: int) -> tuple[Arrays, str | None]:
    """Returns the arrays of a file by name, and the structure if there is one.

    Sizes are checked before memory is taken.

    Raises:
        DataError: if the file is no NPZ file, damaged, or holds what cannot be read safely.
    """

    def read_entries(archive: zipfile.ZipFile) -> Arrays:
        entries = archive.infolist()
        _check_names(entries, path)
        check_zip(entries, path, max_bytes)
        return {e.filename[:-4]: _read_entry(archive, e, path) for e in entries}

    arrays = read_zip(path, "NPZ file", read_entries)
    coded = arrays.pop(STRUCTURE, None)
    return arrays, None if coded is None else _text(coded, path)


def _check_name(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = -1
    if not 0 <= size <= MAX_NAME or "\0" in name or name == STRUCTURE:
        raise DataError(f"save: an array cannot have the name {name[:80]!r} in an NPZ file")


def _check_names(entries: list[zipfile.ZipInfo], path: Path) -> None:
    names = {entry.filename for entry in entries}
    if len(names) < len(entries) or not all(name.endswith(".npy") for name in names):
        raise DataError(f"load: {path} is no NPZ file: its entries must be .npy files, each once")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> np.ndarray:
    where = f"load: {path}: {entry.filename[:80]}"
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise DataError(f"{where} has the unknown .npy version {version}")
        shape, fortran, dtype = _HEADERS[version](file)
        if not is_possible(shape):
            raise DataError(f"{where} states an impossible shape, {str(shape)[:80]}")
        loaded(np.empty(0, dtype.newbyteorder("=")), where.removeprefix("load: "))
        expected = math.prod(shape) * dtype.itemsize
        if expected != entry.file_size - file.tell():
            raise DataError(f"{where} states shape {shape} and {dtype}, which is not its size")
        flat = np.frombuffer(read_rest(file, expected, where), dtype)
    array = flat.reshape(shape, order="F" if fortran else "C")
    return loaded(np.asarray(array, dtype=dtype.newbyteorder("="), order="C"), where)


def _text(coded: np.ndarray, path: Path) -> str:
    if coded.dtype != np.uint8 or coded.ndim != 1:
        raise DataError(f"load: {path}: its structure is no row of bytes")
    try:
        return coded.tobytes().decode()
    except UnicodeDecodeError as error:
        raise DataError(f"load: {path}: its structure is not UTF-8 ({error})") from error
