"""Nets in files: trained ones, and files of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_cl import io
from tinygrad_cl.cli import nets
from tinygrad_cl.errors import DataError
from tinygrad_cl.io.checkpoint import is_checkpoint
from tinygrad_cl.io.jsonnet import is_json_net
from tinygrad_cl.nn import Module
from tinygrad_cl.train import Model

STATES = (".npz", ".safetensors", ".pt", ".pth")
Options = Mapping[str, Any]


def is_saved(source: str) -> bool:
    """Whether a name is that of a file of weights or of a net."""
    return source.endswith((".pyn", *STATES)) or is_json_net(source)


def open_model(
    source: str, net: str | None, options: Options, shape: tuple[int, ...] | None
) -> Model:
    """Returns the model that a file holds; its `notes` tell what `train` wrote down.

    Args:
        source: a checkpoint of `train`; a file of weights, for which `net` is needed; `.pyn`; a
            JSON model.
        net: the net that the weights are of; a checkpoint of a net of `models` knows it.
        options: of the net.
        shape: of one sample, where a JSON model needs it.

    Raises:
        DataError: if the file cannot be read, or the net is not known.
        StateError: if the weights do not fit.
    """
    if source.endswith(".pyn"):
        return Model(io.read_pyn(source))
    if is_json_net(source):
        images = shape if shape is not None and len(shape) == 3 else None
        return Model(io.read_json_net(source, images))
    state = io.load(source, device="numpy")
    notes = notes_of(state)
    if net is None:
        net, options = notes.get("net"), notes.get("options", {}) | dict(options)
        if net is None:
            raise DataError(f"{source} holds weights only; say of which net they are: --net NET")
        if nets.is_file(net):  # whose code would be run
            raise DataError(f"{source} was trained with the net of {net}; give it: --net {net}")
    built = nets.build(net, options)
    model = Model(built)
    if is_checkpoint(state) and "history" in (state.get("extra") or {}):
        return model.load(source)
    built.load_state_dict(_weights(state, source))
    return model


def notes_of(state: Any) -> dict[str, Any]:
    """Returns what `train` wrote down in a checkpoint; empty for other files."""
    extra = state.get("extra") if is_checkpoint(state) else None
    notes = extra.get("notes") if isinstance(extra, dict) else None
    return dict(notes) if isinstance(notes, dict) else {}


def _weights(state: Any, source: str) -> Mapping[str, Any]:
    """The arrays by name of a file."""
    if is_checkpoint(state):
        state = state["states"].get("model")
    for name in ("model", "model_state_dict", "state_dict"):
        inner = state.get(name) if isinstance(state, dict) else None
        state = inner if isinstance(inner, dict) else state
    if not isinstance(state, dict) or any(isinstance(v, dict | list) for v in state.values()):
        raise DataError(f"{source} does not hold arrays by name")
    return state


def arrays(state: Any, prefix: str = "") -> dict[str, Any]:
    """Returns all tensors of a state by their dotted names."""
    if hasattr(state, "shape") and hasattr(state, "dtype"):
        return {prefix: state}
    items: Any = ()
    if isinstance(state, Mapping):
        items = state.items()
    elif isinstance(state, list | tuple):
        items = enumerate(state)
    found: dict[str, Any] = {}
    for key, value in items:
        found |= arrays(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def check_target(path: Path, force: bool) -> None:
    """Refuses to overwrite a file, or to write where there is no folder.

    Raises:
        DataError: in these cases.
    """
    if not path.parent.is_dir():
        raise DataError(f"there is no folder {path.parent}")
    if path.exists() and not force:
        raise DataError(f"{path} is there already; --force overwrites it")


def module_of(source: str, net: str | None, options: Options, shape: Any) -> Module:
    """Returns the net of a name, a Python file, or a file of weights."""
    if is_saved(source):
        return open_model(source, net, options, shape).net
    return nets.build(source, options)
