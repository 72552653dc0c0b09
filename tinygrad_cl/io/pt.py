"""PyTorch's `.pt` files: tensors and plain values are read and written; nothing in them is run.

A file of today is a zip archive with one folder: `data.pkl`, a pickle in which tensors name their
storages, `data/0`, `data/1`, ... with the storages' bytes, `byteorder` and `version`. A file of
PyTorch before 1.6 is a row of pickles (a magic number, a version, facts of the machine, the state,
the names of the storages) and the storages behind them. See ptvalues.py for the values.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io import ptvalues
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.reading import PathLike, check_zip, read_bytes, read_rest, read_zip
from tinygrad_cl.io.tree import bits
from tinygrad_cl.io.unpickle import Machine

MAX_BYTES = 64 << 30
MAX_PICKLE = 64 << 20
MAGIC = 0x1950A86A20F9469CFC6C
PICKLE = "data.pkl"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_LEGACY_VERSION = 1001


def load_pt(path: PathLike, max_bytes: int = MAX_BYTES) -> Any:
    """Reads what `torch.save` wrote: a `state_dict`, or nested dicts and lists of tensors.

    The pickle inside is read by a machine of the library's own that knows tensors, dicts, lists,
    tuples, numbers and strings; whatever else the file names is an error, and is never imported.

    Args:
        path: the file, of PyTorch's zip format or the one before.
        max_bytes: the largest file to accept.

    Returns:
        The same tree with NumPy arrays for tensors. Arrays of tensors that shared a storage may
        share their memory. Sizes, dtypes and devices become tuples and strings.

    Raises:
        DataError: if the file is missing, malformed, truncated, holds more than tensors and plain
            values, or states tensors that are far larger than the file.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_pt({"weight": np.ones((1, 2), np.float32), "epoch": 3}, f"{folder}/net.pt")
        ...     load_pt(f"{folder}/net.pt")
        {'weight': array([[1., 1.]], dtype=float32), 'epoch': 3}
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start in ZIP:
            return read_zip(path, ".pt file", lambda a: _read_archive(a, path, max_bytes))
    except OSError as error:
        raise DataError(f"load: cannot read {path}: {error.strerror or error}") from error
    return _read_legacy(read_bytes(path, "load", max_bytes), f"load: {path}")


def save_pt(state: Any, path: PathLike) -> None:
    """Writes a tree of dicts, lists, tuples, tensors, arrays and plain values for `torch.load`.

    The file is what `torch.save` would write, and `torch.load(path, weights_only=True)` reads it.

    Args:
        state: what to save; keys of dicts are strings or integers.
        path: where to write.

    Raises:
        DataError: for other leaves or keys, or a file that cannot be written.
    """
    coded, arrays = ptvalues.encode(state)
    if len(coded) > MAX_PICKLE:
        raise DataError(f"save: the state's plain values take {len(coded)} bytes")
    fixed = {PICKLE: coded, "byteorder": b"little", "version": b"3\n"}
    with replacing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
        for name, content in fixed.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
        for i, array in enumerate(arrays):
            plain = bits(array)
            little = plain.astype(plain.dtype.newbyteorder("<"), copy=False)
            entry = zipfile.ZipInfo(f"archive/data/{i}")
            with archive.open(entry, "w", force_zip64=True) as file:
                file.write(np.ascontiguousarray(little).tobytes())


def is_pt(names: list[str]) -> bool:
    """Whether a zip archive with entries of these names is a `.pt` file."""
    return any(name.count("/") == 1 and name.endswith(f"/{PICKLE}") for name in names)


# ---------------------------------------------------------------------------------------- zip files


def _read_archive(archive: zipfile.ZipFile, path: Path, max_bytes: int) -> Any:
    where = f"load: {path}"
    entries = {entry.filename: entry for entry in archive.infolist()}
    check_zip(archive.infolist(), path, max_bytes)
    folders = [name[: -len(PICKLE)] for name in entries if is_pt([name])]
    if len(folders) != 1:
        raise DataError(f"{where} is no .pt file: it must have one {PICKLE}, in a folder")

    def content(name: str) -> bytearray:
        entry = entries.get(folders[0] + name)
        if entry is None:
            raise DataError(f"{where} has no entry {name[:80]!r}")
        with archive.open(entry) as file:
            return read_rest(file, entry.file_size, f"{where}: {name[:80]}")

    if entries[folders[0] + PICKLE].file_size > MAX_PICKLE:
        raise DataError(f"{where}: {PICKLE} has over {MAX_PICKLE} bytes")
    order = content("byteorder") if folders[0] + "byteorder" in entries else b"little"
    if order not in (b"little", b"big"):
        raise DataError(f"{where} has the byte order {bytes(order[:20])!r}")
    pickled = content(PICKLE)
    storages = ptvalues.Storages(lambda key: content(f"data/{key}"), where, order == b"big")
    machine = Machine(pickled, where, storages.find, storages.persistent)
    value = machine.load()
    return storages.resolve(value, path.stat().st_size, len(pickled))


# ----------------------------------------------------------------------------------- older files


def _read_legacy(content: bytes, where: str) -> Any:
    waiting: dict[str, bytes] = {}
    storages = ptvalues.Storages(lambda key: waiting[key], where)
    machine = Machine(content, where, storages.find, storages.persistent)
    try:
        fits = machine.load() == MAGIC and machine.load() == _LEGACY_VERSION
    except (DataError, RecursionError):
        fits = False
    if not fits:
        raise DataError(f"{where} is no .pt file of PyTorch (nor NPZ, nor safetensors)")
    facts = machine.load()
    little = facts.get("little_endian", True) if isinstance(facts, dict) else True
    storages.swapped = little is False
    value = machine.load()
    keys = machine.load()
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise DataError(f"{where}: the names of its storages are malformed")
    _take_storages(machine, keys, storages, waiting)
    if machine.at != len(content):
        raise DataError(f"{where} goes on after its data")
    return storages.resolve(value, len(content), len(content))


def _take_storages(
    machine: Machine, keys: list[str], storages: ptvalues.Storages, waiting: dict[str, bytes]
) -> None:
    """Takes the bytes of the storages that follow the last pickle."""
    sizes = storages.item_sizes()
    for key in keys:
        if key not in sizes or key in waiting:
            raise machine.error(f"a storage {key[:80]!r} that no tensor has, or twice")
        (count,) = struct.unpack("<Q", machine.take(8))
        waiting[key] = bytes(machine.take(count * sizes[key]))
    missing = sorted(sizes.keys() - waiting.keys())
    if missing:
        raise machine.error(f"the storage {missing[0][:80]!r} is missing")
