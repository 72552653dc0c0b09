"""Models as a JSON list of layers with their weights beside it, in HDF5 or NPZ.

`x.json` has the layers; `x.hdf5` or `x.hdf5.npz` has the arrays, of images with channels last.
jsonlayers.py says what layers there are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.io import hdf5, npz
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.io.jsonlayers import to_net
from tinygrad_cl.io.jsonwriting import from_net
from tinygrad_cl.io.reading import PathLike, read_bytes
from tinygrad_cl.nn import Module, Sequential

MAX_BYTES = 16 << 30
MAX_JSON = 16 << 20
WEIGHTS = {"hdf5": ".hdf5", "npz": ".hdf5.npz"}
JSON = ".json"
_ENDINGS = (*WEIGHTS.values(), JSON)


def read_json_net(
    path: PathLike,
    input_shape: tuple[int, int, int] | None = None,
    weights: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Sequential:
    """Reads a model of a JSON file and its weights as a net of images with channels first.

    The net takes `(N, C, H, W)` where the model took `(N, H, W, C)`, and gives the same outputs;
    values are float32.

    Args:
        path: `x.json`, or one of its files of weights.
        input_shape: (channels, height, width) of the input. It is needed only for models that begin
            with Flatten (without convolutions) and take images of several channels.
        weights: "hdf5" (`x.hdf5`) or "npz" (`x.hdf5.npz`); None for the one that is there.
        max_bytes: the most data to accept.

    Raises:
        DataError: if a file is missing or malformed, for layers that are not known, or for arrays
            that are missing, unexpected, or of a wrong shape; all of them are named.
    """
    stem = stem_of(path)
    where = f"load: {stem}{JSON}"
    source = _weights_of(stem, weights, Path(path))
    text = read_bytes(f"{stem}{JSON}", "load", MAX_JSON)
    try:
        layers = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({str(error)[:200]})") from error
    arrays = _read_weights(source, max_bytes)
    return to_net(layers, arrays, where, None if input_shape is None else input_shape[0])


def write_json_net(
    net: Module,
    path: PathLike,
    weights: str = "hdf5",
    input_shape: tuple[int, int, int] | None = None,
) -> None:
    """Writes a net as a JSON list of layers, and its weights beside it, with channels last.

    Each of the two files is written whole or not at all, the weights first.

    Args:
        net: a `Sequential` of `Linear`, `Conv2d`, `BatchNorm2d`, `MaxPool2d`, `Flatten`, `Dropout`
            and activations; it may hold others.
        path: `x.json`.
        weights: "hdf5" (`x.hdf5`, needs the extra `io`) or "npz" (`x.hdf5.npz`).
        input_shape: (channels, height, width) of the input. It is needed only for nets that begin
            with Flatten (without convolutions) and take images of several channels.

    Raises:
        DataError: for modules that the format does not have, or files that cannot be written.

    Example:
        >>> import tempfile
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
        >>> x = tg.randn(5, 1, 4, 4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_json_net(net, f"{folder}/x.json", weights="npz")
        ...     bool(tg.allclose(read_json_net(f"{folder}/x.json")(x), net(x)))
        True
    """
    stem = stem_of(path)
    layers, arrays = from_net(net, input_shape)
    if weights not in WEIGHTS:
        raise DataError(f'write: weights must be "hdf5" or "npz", got {weights!r}')
    target = Path(f"{stem}{WEIGHTS[weights]}")
    if weights == "npz":
        with replacing(target) as new:
            npz.write(new, arrays, None)
    else:
        hdf5.write(target, arrays)
    with replacing(f"{stem}{JSON}") as new:
        new.write_text(json.dumps(layers, indent=1))


def is_json_net(path: PathLike) -> bool:
    """Whether a name is that of such a model or of its weights."""
    return str(path).endswith(_ENDINGS)


def stem_of(path: PathLike) -> str:
    """Returns the common beginning of the names of a model's files."""
    name = str(path)
    ending = next((e for e in reversed(_ENDINGS) if name.endswith(e)), None)
    if ending is None:
        raise DataError(f"a JSON model has a name that ends in {', '.join(_ENDINGS)}; got {name}")
    return name[: -len(ending)]


def _weights_of(stem: str, weights: str | None, path: Path) -> Path:
    """The file of weights to read."""
    if weights is not None and weights not in WEIGHTS:
        raise DataError(f'load: weights must be "hdf5" or "npz", got {weights!r}')
    if weights is not None:
        return Path(f"{stem}{WEIGHTS[weights]}")
    if not path.name.endswith(JSON):
        return path
    there = [Path(stem + end) for end in WEIGHTS.values() if Path(stem + end).exists()]
    if len(there) != 1:
        have = "both are there: give weights=" if there else "neither is there"
        raise DataError(f"load: {path} has its weights in {stem}.hdf5 or {stem}.hdf5.npz; {have}")
    return there[0]


def _read_weights(path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    if path.name.endswith(WEIGHTS["npz"]):
        try:
            arrays, structure = npz.read(path, max_bytes)
        except OSError as error:
            raise DataError(f"load: cannot read {path}: {error.strerror or error}") from error
        if structure is not None:
            raise DataError(f"load: {path} holds a nested state, not the weights of a JSON model")
        return arrays
    found: dict[str, Any] = hdf5.read(path, max_bytes)
    return found
