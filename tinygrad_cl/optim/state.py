"""Saving and loading what optimizers remember, in PyTorch's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import float16, float32
from tinygrad_cl.errors import StateError
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.optim.optimizer import Optimizer


def save(optimizer: Optimizer) -> dict[str, Any]:
    """Returns `{"state": {number: ...}, "param_groups": [...]}`."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            numbers[id(p)] = len(numbers)
        settings = {key: value for key, value in group.items() if key != "params"}
        groups.append(settings | {"params": [numbers[id(p)] for p in group["params"]]})
    held = {
        numbers[id(p)]: {key: _snapshot(value) for key, value in state.items()}
        for p, state in optimizer.state.items()
    }
    return {"state": held, "param_groups": groups}


def _snapshot(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def load(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Takes over a saved state; nothing is changed unless everything fits."""
    own, given = optimizer.param_groups, saved["param_groups"]
    sizes, expected = [len(g["params"]) for g in given], [len(g["params"]) for g in own]
    if sizes != expected:
        raise StateError(
            f"{type(optimizer).__name__}.load_state_dict: the state has groups of {sizes} "
            f"parameters, the optimizer groups of {expected}"
        )
    params = {
        number: p
        for group, mine in zip(given, own, strict=True)
        for number, p in zip(group["params"], mine["params"], strict=True)
    }
    loaded = {
        params[number]: {key: _loaded(key, value, params[number]) for key, value in state.items()}
        for number, state in saved["state"].items()
    }
    for state in loaded.values():
        state.setdefault("step", 1)  # PyTorch's SGD does not count
    optimizer.state = loaded
    for mine, group in zip(own, given, strict=True):
        known = {key: group[key] for key in group if key in mine or key == "initial_lr"}
        mine.update({key: value for key, value in known.items() if key != "params"})


def _loaded(key: str, value: Any, param: Tensor) -> Any:
    if key == "step":
        return int(value.item() if hasattr(value, "item") else value)
    if value is None:
        return None
    if tuple(value.shape) != tuple(param.shape):
        raise StateError(
            f"optimizer.load_state_dict: {key} has shape {tuple(value.shape)}, its parameter "
            f"{tuple(param.shape)}"
        )
    dtype = float32 if param.dtype is float16 else param.dtype
    if isinstance(value, Tensor):
        return value.detach().to(param.device).to(dtype)
    array = np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=dtype.numpy)
    return wrap(engine.upload(array, get_device(param.device)))
