"""`save` and `load` as `torch.save` and `torch.load` are called: any ending, and where to load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError, DataError
from tinygrad_cl.io import state
from tinygrad_cl.io.pt import save_pt

if TYPE_CHECKING:
    from tinygrad_cl.io.reading import PathLike
    from tinygrad_cl.runtime.device import Device


def save(obj: Any, f: PathLike) -> None:
    """Saves a state: nested dicts, lists and tuples of tensors and plain values.

    Files that end in `.npz` or `.safetensors` have these formats; all others have PyTorch's.

    Args:
        obj: what to save, such as a `state_dict()`; no nets or other objects.
        f: where to write.

    Raises:
        DataError: for something that is no state, or a file that cannot be written.

    Example:
        >>> import tempfile
        >>> import tinygrad_cl as tg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tg.save({"w": tg.ones(2), "epoch": 3}, f"{folder}/last.ckpt")
        ...     tg.load(f"{folder}/last.ckpt")
        {'w': tensor([1., 1.]), 'epoch': 3}
    """
    if hasattr(obj, "state_dict"):
        raise DataError(
            f"save: a {type(obj).__name__} is not saved as a whole, because reading it back would "
            "run code; save its .state_dict(), and load that into a new one"
        )
    if hasattr(f, "write"):
        raise DataError("save: needs the name of a file, got an open one")
    write = state.save if Path(f).suffix in (".npz", ".safetensors") else save_pt
    write(obj, f)


def load(
    f: PathLike,
    map_location: str | Device | Callable[..., Any] | None = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """Loads what `save`, `io.save` or PyTorch saved; nothing in the file is executed.

    Args:
        f: the file.
        map_location: the device for all tensors; a function is taken for the default device.
        weights_only: as it is always: files that hold more than tensors and plain values are
            refused.
        mmap: taken over from PyTorch; it changes nothing.

    Raises:
        ArgumentError: for `weights_only=False` and a file that needs it.
        DataError: if the file is missing, malformed, or holds other things.
    """
    if hasattr(f, "read"):
        raise DataError("load: needs the name of a file, got an open one")
    if isinstance(map_location, dict):
        raise ArgumentError("load: map_location must be one device, got a dict")
    return state.load(f, None if callable(map_location) else map_location)


__all__ = ["load", "save"]
