"""`convert`: from one file format to another, by the names' endings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io.checkpoint import is_checkpoint
from tinygrad_cl.io.jsonnet import WEIGHTS, is_json_net, read_json_net, write_json_net
from tinygrad_cl.io.pyn import read_pyn, write_pyn
from tinygrad_cl.io.reading import PathLike
from tinygrad_cl.io.state import MAX_BYTES, TORCH, load_state, save
from tinygrad_cl.nn import Module
from tinygrad_cl.tensor import Tensor

_PYN = ".pyn"
_STATES = (".npz", ".safetensors", *TORCH)
_ENDINGS = f"{_PYN}, .json (with .hdf5 or .hdf5.npz beside it), {', '.join(_STATES)}"
_WITHIN = ("model", "model_state_dict", "state_dict")


def convert(
    src: PathLike,
    dst: PathLike,
    *,
    net: Module | None = None,
    input_shape: tuple[int, int, int] | None = None,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Reads one file and writes what it holds as another, whose format its name's ending says.

    `.pyn` and `.json` (a JSON model with `.hdf5` or `.hdf5.npz` beside it) hold nets: layers and
    weights. `.npz`, `.safetensors` and `.pt` hold arrays by name; to make a net of them, `net` says
    what layers it has. Of a checkpoint, the model's weights are converted.

    Args:
        src: the file to read.
        dst: the file to write. A JSON model has its weights in HDF5, unless the name ends in
            `.hdf5.npz`.
        net: takes over the arrays of `src`, by their names; then it is written.
        input_shape: (channels, height, width) of the net's input, where `dst` needs it.
        max_bytes: the most data to accept.

    Raises:
        DataError: for other endings, files that cannot be read or written, and nets that the target
            cannot hold.
        StateError: if the arrays do not fit `net`; it names every key that does not.

    Example:
        >>> import tempfile
        >>> import tinygrad_cl as tg
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tg.io.write_pyn(tg.nn.Linear(3, 2), f"{folder}/net.pyn")
        ...     tg.io.convert(f"{folder}/net.pyn", f"{folder}/net.pt")
        ...     {name: value.shape for name, value in tg.io.load(f"{folder}/net.pt").items()}
        {'0.weight': (2, 3), '0.bias': (2,)}
    """
    for path in (src, dst):
        if not (_is_net(path) or Path(path).suffix in _STATES):
            raise DataError(f"convert: {path} must end in one of {_ENDINGS}")
    found = _read(src, input_shape, max_bytes)
    if net is not None:
        state = found.state_dict() if isinstance(found, Module) else _weights(found, src)
        net.load_state_dict(state)
        found = net
    if _is_net(dst):
        if not isinstance(found, Module):
            raise DataError(
                f"convert: {src} holds arrays without layers, and {dst} needs both; give net= "
                "(a Sequential of the same layers), which takes the arrays over"
            )
        _write_net(found, dst, input_shape)
    else:
        save(dict(found.state_dict()) if isinstance(found, Module) else found, dst)


def _is_net(path: PathLike) -> bool:
    return Path(path).suffix == _PYN or is_json_net(path)


def _read(src: PathLike, input_shape: Any, max_bytes: int) -> Any:
    """The net of a file; or its tree of arrays."""
    if Path(src).suffix == _PYN:
        return read_pyn(src, max_bytes)
    if is_json_net(src):
        return read_json_net(src, input_shape, max_bytes=max_bytes)
    state = load_state(src, max_bytes, lambda array: array)
    return _weights(state, src) if is_checkpoint(state) else state


def _write_net(net: Module, dst: PathLike, input_shape: Any) -> None:
    if Path(dst).suffix == _PYN:
        write_pyn(net, dst, input_shape)
    else:
        kind = "npz" if str(dst).endswith(WEIGHTS["npz"]) else "hdf5"
        write_json_net(net, dst, kind, input_shape)


def _weights(state: Any, src: PathLike) -> dict[str, Any]:
    """The arrays by name that a file holds, at its top or where they usually are within it."""
    if is_checkpoint(state):
        state = state.get("states")
    places = [state, *(state.get(name) for name in _WITHIN)] if isinstance(state, dict) else []
    for place in places:
        if isinstance(place, Mapping) and place and all(_is_array(v) for v in place.values()):
            return dict(place)
    raise DataError(
        f"convert: {src} has no arrays by name, neither at its top nor under {', '.join(_WITHIN)}"
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray | Tensor)
