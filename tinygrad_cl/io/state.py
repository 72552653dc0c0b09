"""`save` and `load`: states in files, by the name's ending and the file's content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.io import npz, safetensors
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.tree import flatten, unflatten

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

PathLike = str | os.PathLike[str]

MAX_BYTES = 64 << 30
_WRITERS = {".npz": npz.write, ".safetensors": safetensors.write}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def save(state: Any, path: PathLike) -> None:
    """Saves a state: a tree of dicts, lists and tuples with tensors, arrays and plain values.

    A module's `state_dict()` becomes an ordinary file of named arrays; how nested states are laid
    out stands in `tinygrad_cl.io.tree`. The file is written beside `path`, flushed and renamed: a
    crash leaves the old file or the new one.

    Args:
        state: what to save. Leaves are tensors, NumPy arrays, numbers, strings, booleans, None.
        path: a name that ends in `.npz`, or in `.safetensors` (which needs the extra `io`).

    Raises:
        DataError: for another ending, a leaf of another kind, or a file that cannot be written.

    Example:
        >>> import tempfile
        >>> import tinygrad_cl as tg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tg.io.save({"net": {"w": tg.ones(2)}, "epoch": 3}, f"{folder}/state.npz")
        ...     tg.io.load(f"{folder}/state.npz")
        {'net': {'w': tensor([1., 1.])}, 'epoch': 3}
    """
    writer = _WRITERS.get(Path(path).suffix)
    if writer is None:
        raise DataError(f"save: {path} must end in {' or '.join(_WRITERS)}")
    arrays, structure = flatten(state)
    with replacing(path) as new:
        writer(new, arrays, structure)


def load(path: PathLike, device: str | Device | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """Loads what `save` saved, or any NPZ or safetensors file, as a dict of tensors.

    The format is recognized by content. Nothing in the file is executed or unpickled.

    Args:
        path: the file.
        device: where the tensors go; None for the default device. Arrays come back as tensors too.
        max_bytes: the most data to accept.

    Raises:
        DataError: if the file is missing, malformed, truncated, or larger than allowed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            reader = npz.read if file.read(4) in _ZIP else safetensors.read
        arrays, structure = reader(path, max_bytes)
    except OSError as error:
        raise DataError(f"load: cannot read {path}: {error.strerror or error}") from error
    except MemoryError as error:
        raise DataError(f"load: {path} holds more than fits into memory") from error
    tensors = {name: from_numpy(array, device=device) for name, array in arrays.items()}
    return unflatten(tensors, structure)
