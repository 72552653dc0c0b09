"""`save` and `load`: states in files, by the name's ending and the file's content."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.io import npz, pt, safetensors
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.reading import PathLike as PathLike
from tinygrad_cl.io.reading import read_zip
from tinygrad_cl.io.tree import flatten, loaded, unflatten

if TYPE_CHECKING:
    from tinygrad_cl.runtime.device import Device

MAX_BYTES = 64 << 30
TORCH = (".pt", ".pth")
_WRITERS = {".npz": npz.write, ".safetensors": safetensors.write}
_OLD_TORCH = b"\x80\x02\x8a\x0a"  # how .pt files of PyTorch before 1.6 begin


def save(state: Any, path: PathLike) -> None:
    """Saves a state: a tree of dicts, lists and tuples with tensors, arrays and plain values.

    A module's `state_dict()` becomes an ordinary file of named arrays; how nested states are laid
    out stands in `tinygrad_cl.io.tree`. The file is written beside `path`, flushed and renamed: a
    crash leaves the old file or the new one.

    Args:
        state: what to save. Leaves are tensors, NumPy arrays, numbers, strings, booleans, None.
        path: a name that ends in `.npz`, in `.safetensors` (which needs the extra `io`), or in
            `.pt` (which PyTorch reads).

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
    suffix = Path(path).suffix
    if suffix in TORCH:
        pt.save_pt(state, path)
        return
    writer = _WRITERS.get(suffix)
    if writer is None:
        raise DataError(f"save: {path} must end in {', '.join(_WRITERS)} or {TORCH[0]}")
    arrays, structure = flatten(state)
    with replacing(path) as new:
        writer(new, arrays, structure)


def load(path: PathLike, device: str | Device | None = None, max_bytes: int = MAX_BYTES) -> Any:
    """Loads what `save` saved, or any NPZ, safetensors or `.pt` file, as a tree with tensors.

    The format is recognized by content. Nothing in the file is executed or unpickled.

    Args:
        path: the file.
        device: where the tensors go; None for the default device. Arrays come back as tensors too;
            integers of dtypes that the library lacks become int32 or int64.
        max_bytes: the most data to accept.

    Raises:
        DataError: if the file is missing, malformed, truncated, or larger than allowed.
    """
    return load_state(path, max_bytes, lambda array: from_numpy(array, device=device))


def load_state(path: PathLike, max_bytes: int, leaf: Callable[[np.ndarray], Any]) -> Any:
    """Loads a file as `load` does, with `leaf` of every array."""
    path = Path(path)
    try:
        if _is_torch(path):
            return _with_leaves(pt.load_pt(path, max_bytes), leaf, ())
        with path.open("rb") as file:
            reader = npz.read if file.read(4) in pt.ZIP else safetensors.read
        arrays, structure = reader(path, max_bytes)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"load: cannot read {path}: {reason}") from error
    except MemoryError as error:
        raise DataError(f"load: {path} holds more than fits into memory") from error
    return unflatten({name: leaf(array) for name, array in arrays.items()}, structure)


def _is_torch(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4)
    if start == _OLD_TORCH:
        return True
    if start not in pt.ZIP:
        return False
    return pt.is_pt(read_zip(path, "NPZ or .pt file", zipfile.ZipFile.namelist))


def _with_leaves(value: Any, leaf: Callable[[np.ndarray], Any], path: tuple[Any, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _with_leaves(item, leaf, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_with_leaves(v, leaf, (*path, i)) for i, v in enumerate(value)])
    if isinstance(value, np.ndarray):
        return leaf(loaded(value, "/".join(map(str, path)) or "the tensor"))
    return value
