"""What all optimizers accept, and the checks of their settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.optim.penalty import Penalty
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from typing_extensions import Unpack

K = TypeVar("K")
V = TypeVar("V")


class Counted(dict[K, V]):
    """A dict that counts its changes, so that replays need not look at what it holds.

    `put` sets an item without counting.

    Example:
        >>> before, states = tracing.states, Counted(step=1)
        >>> states["step"] = 2
        >>> tracing.states - before, states
        (1, {'step': 2})
    """

    __slots__ = ()


def _counting(change: Callable[..., Any]) -> Callable[..., Any]:
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        tracing.states += 1
        return change(self, *args, **kwargs)

    return counted


for _name in (
    *("__setitem__", "__delitem__", "__ior__"),
    *("clear", "pop", "popitem", "setdefault", "update"),
):
    setattr(Counted, _name, _counting(getattr(dict, _name)))

put = dict.__setitem__

Group: TypeAlias = dict[str, Any]
State: TypeAlias = Counted[str, Any]
States: TypeAlias = Counted[Tensor, State]
Params: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Group]

# Settings that a group may have besides the optimizer's own: names, and what schedules keep there.
EXTRA = frozenset(
    ["name", "param_names", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"]
)
NUMBERS = ("initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")
FLAGS = ("maximize", "amsgrad", "nesterov", "centered", "decoupled_weight_decay")


class Unused(TypedDict, total=False):
    """PyTorch's settings of how an update is run. All updates are one joined kernel here.

    `foreach`, `fused` and `capturable` are accepted and change nothing; `differentiable=True`
    is refused: updates are not recorded.
    """

    foreach: bool | None
    fused: bool | None
    capturable: bool
    differentiable: bool


_UNUSED: dict[str, bool | None] = {
    "foreach": None,
    "fused": None,
    "capturable": False,
    "differentiable": False,
}


def common(name: str, maximize: bool, penalty: Penalty | None, **unused: Unpack[Unused]) -> Group:
    """Returns the settings that every optimizer has.

    Raises:
        TypeError: for keywords that no optimizer has.
    """
    strange = sorted(set(unused) - set(_UNUSED))
    if strange:
        raise TypeError(f"{name}() got an unexpected keyword argument {strange[0]!r}")
    return {"maximize": maximize, "penalty": penalty, **_UNUSED, **unused}


def plain(key: str, value: Any) -> Any:
    """Returns a setting in its plain form: numbers of tensors and arrays, tuples for lists.

    Raises:
        ArgumentError: for arrays of several numbers, and penalties with strange settings.
    """
    if key == "penalty" and isinstance(value, Mapping):
        return Penalty.from_state(value)
    if isinstance(value, list) and key not in ("params", "param_names"):
        return tuple(value)
    if hasattr(value, "item") and getattr(value, "size", None) is not None:
        try:
            return value.item()
        except (TypeError, ValueError, RuntimeError):
            raise ArgumentError(f"{key} must be a number, got an array of several") from None
    return value


def check_range(name: str, group: Mapping[str, Any], **least: float) -> None:
    """Checks that settings are numbers of at least the given values.

    Raises:
        ArgumentError: naming the optimizer, the setting and its value.
    """
    for key, low in least.items():
        value = group[key]
        if not isinstance(value, int | float) or not value >= low:
            bound = "" if low == -math.inf else f" >= {low}"
            raise ArgumentError(f"{name}: {key} must be a number{bound}, got {value!r}")


def check_betas(name: str, betas: Any) -> None:
    """Checks the shares of two running means that are kept.

    Raises:
        ArgumentError: unless they are two numbers in [0, 1).
    """
    pair = isinstance(betas, tuple) and len(betas) == 2
    if not pair or not all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas):
        raise ArgumentError(f"{name}: betas must be two numbers in [0, 1), got {betas!r}")


def check_common(name: str, group: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Checks what the optimizer's own check leaves: flags, and what all optimizers share.

    Raises:
        ArgumentError: naming the optimizer, the setting and its value.
    """
    for key in defaults:
        if key in FLAGS and not isinstance(group[key], bool | int):
            raise ArgumentError(f"{name}: {key} must be True or False, got {group[key]!r}")
    check_range(name, group, **{key: -math.inf for key in NUMBERS if key in group})
    if group.get("differentiable"):
        raise ArgumentError(
            f"{name}: differentiable=True is not supported: updates are not recorded; write the "
            "update with tensors if its gradient is needed"
        )
    penalty = group.get("penalty")
    if penalty is not None and not isinstance(penalty, Penalty):
        raise ArgumentError(
            f"{name}: penalty must be one of optim.penalty (L1, L2, ElasticNet), got {penalty!r}"
        )
