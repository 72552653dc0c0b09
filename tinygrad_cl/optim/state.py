"""Saving and loading what optimizers remember, in PyTorch's form.

Loading looks at everything before it changes anything, and tells all that does not fit at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import as_array, widened
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim.options import EXTRA, Group, State, States, check_common, plain
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.optim.update import working_dtype
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.optim.optimizer import Optimizer

MOST = 20  # lines of an error


class Report:
    """What is wrong with a saved state."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Takes note of a problem."""
        self.lines.append(line)

    def check(self) -> None:
        """Raises a StateError if there were problems."""
        if self.lines:
            more = len(self.lines) - MOST
            lines = self.lines[:MOST] + ([f"and {more} more"] if more > 0 else [])
            raise StateError(f"{self.name}.load_state_dict: {'; '.join(lines)}")


def save(optimizer: Optimizer) -> dict[str, Any]:
    """Returns `{"state": {number: ...}, "param_groups": [...]}`."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for p in group["params"]:
            numbers[id(p)] = len(numbers)
        settings = {key: _snapshot(value) for key, value in group.items() if key != "params"}
        groups.append(settings | {"params": [numbers[id(p)] for p in group["params"]]})
    held = {
        numbers[id(p)]: {key: _snapshot(value) for key, value in state.items()}
        for p, state in optimizer.state.items()
    }
    return {"state": held, "param_groups": groups}


def _snapshot(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Penalty):
        return value.state_dict()
    return [_snapshot(item) for item in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------- loading


def load(optimizer: Optimizer, saved: Any) -> None:
    """Takes over a saved state; nothing is changed unless everything fits."""
    wrong = Report(type(optimizer).__name__)
    groups = _groups(optimizer, saved, wrong)
    wrong.check()
    own = optimizer.param_groups
    merged = [
        _merged(optimizer, f"group {i}", mine, group, wrong)
        for i, (mine, group) in enumerate(zip(own, groups, strict=True))
    ]
    params = {
        number: (p, settings)
        for group, settings in zip(groups, merged, strict=True)
        for number, p in zip(group["params"], settings["params"], strict=True)
    }
    loaded = States()
    for number, entries in saved["state"].items():
        place = f"parameter {number!r}"
        if not _hashable(number) or number not in params:
            wrong.add(f"there is a state of {place}, which is in no group")
        elif not isinstance(entries, Mapping):
            wrong.add(f"the state of {place} is no dict but {type(entries).__name__}")
        elif entries:
            p, settings = params[number]
            part = Report(wrong.name)
            loaded[p] = optimizer._read_state(entries, p, settings, part)
            wrong.lines += [f"{place}: {line}" for line in part.lines]
    wrong.check()
    optimizer.state = loaded
    for mine, group, given in zip(own, merged, groups, strict=True):
        mine.update(group)
        for key in EXTRA & set(mine) - set(given):  # what a schedule has left begins anew
            del mine[key]


def _groups(optimizer: Optimizer, saved: Any, wrong: Report) -> list[Mapping[str, Any]]:
    """The saved groups, if they are as many and as large as the optimizer's."""
    if not isinstance(saved, Mapping) or not {"state", "param_groups"} <= set(saved):
        given = sorted(map(str, saved)) if isinstance(saved, Mapping) else type(saved).__name__
        wrong.add(f'the state must be a dict with "state" and "param_groups", got {given}')
        return []
    groups = saved["param_groups"]
    if not isinstance(saved["state"], Mapping):
        wrong.add(f'"state" must be a dict, got {type(saved["state"]).__name__}')
    listed = isinstance(groups, list | tuple)
    if not listed or not all(isinstance(g, Mapping) and _ids(g.get("params")) for g in groups):
        wrong.add('"param_groups" must be a list of dicts with lists of numbers under "params"')
        return []
    sizes = [len(g["params"]) for g in groups]
    expected = [len(g["params"]) for g in optimizer.param_groups]
    if sizes != expected:
        wrong.add(f"the state has groups of {sizes} parameters, the optimizer groups of {expected}")
    elif len({number for g in groups for number in g["params"]}) != sum(sizes):
        wrong.add("a parameter's number stands twice in the groups")
    return list(groups)


def _ids(params: Any) -> bool:
    return isinstance(params, list | tuple) and all(isinstance(n, int | str) for n in params)


def _hashable(number: Any) -> bool:
    return isinstance(number, int | str)


def _merged(
    optimizer: Optimizer, place: str, mine: Group, saved: Mapping[str, Any], wrong: Report
) -> Group:
    """The settings of a group after loading; checked as those of a new group are."""
    known = (set(mine) | EXTRA) - {"params"}
    merged = dict(mine)
    try:
        merged |= {key: plain(key, value) for key, value in saved.items() if key in known}
        optimizer._check(merged)
        check_common(type(optimizer).__name__, merged, optimizer.defaults)
    except (ArgumentError, TypeError, RuntimeError, OverflowError) as error:
        wrong.add(f"{place}: {error}")
        return dict(mine)
    return merged


def read(
    optimizer: Optimizer, entries: Mapping[str, Any], p: Tensor, group: Group, wrong: Report
) -> State:
    """Returns a parameter's state: "step", numbers, and values of the parameter's shape."""
    memory = optimizer._memory(group)
    needed = {*optimizer._slots(group), *memory} - set(optimizer.optional)
    given = {key for key, value in entries.items() if value is not None}
    strange = sorted(map(str, given - set(optimizer.entries) - {"step"}))
    missing = sorted(needed - given)
    if "step" not in given and "step" not in optimizer.optional:
        missing.insert(0, "step")
    if strange:
        wrong.add(f"unexpected {', '.join(strange)}")
    if missing:
        wrong.add(f"missing {', '.join(missing)}")
    state = State(step=_step(entries.get("step"), bool(given), wrong))
    for key in optimizer.entries:
        if key not in given:
            continue
        if key in memory:
            state[key] = number(key, entries[key], wrong)
        else:
            state[key] = tensor(key, entries[key], p, p.shape, wrong)
    return state


def _step(value: Any, begun: bool, wrong: Report) -> int:
    """The count of steps; PyTorch's SGD does not count, so one without stands for a step."""
    if value is None:
        return int(begun)
    count = number("step", value, wrong)
    if not 0 <= count <= 2**53 or count != int(count):
        wrong.add(f"step must be a count, got {count}")
        return 0
    return int(count)


def number(key: str, value: Any, wrong: Report) -> float:
    """Returns a plain number: of a number, or of an array or tensor of one element."""
    try:
        found = value.item() if hasattr(value, "item") else value
    except (TypeError, ValueError, RuntimeError):
        found = None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        wrong.add(f"{key} must be a finite number, got {_short(value)}")
        return 0.0
    return float(found)


def tensor(key: str, value: Any, like: Tensor, shape: tuple[int, ...], wrong: Report) -> Any:
    """Returns a state of a given shape, on the device and in the working dtype of a parameter."""
    dtype = working_dtype(like.dtype)
    found = value if isinstance(value, Tensor) else _array(value, dtype)
    if found is None:
        wrong.add(f"{key} must be an array of numbers, got {_short(value)}")
    elif tuple(found.shape) != tuple(shape):
        wrong.add(f"{key} has shape {tuple(found.shape)}, its parameter {tuple(shape)}")
    elif isinstance(found, Tensor):
        return found.detach().to(like.device).to(dtype)
    else:
        return wrap(engine.upload(found, get_device(like.device)))
    return None


def _array(value: Any, dtype: DType) -> np.ndarray[Any, Any] | None:
    try:
        array = widened(as_array(value.detach() if hasattr(value, "detach") else value))
        with np.errstate(over="ignore"):
            return array.astype(dtype.numpy) if array.dtype.kind in "fiu" else None
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
