"""Reading and loading the state of modules: values by dotted name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.autograd.handle import rebind
from tinygrad_cl.errors import StateError
from tinygrad_cl.functional.creation import tensor as to_tensor
from tinygrad_cl.nn.uninitialized import Uninitialized, is_lazy
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """The names that a loaded state lacks, and those that it has too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


def entries(module: Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yields the parameters and persistent buffers of a module, its own first.

    A shared one is there under each of its names.
    """
    for kind in ("parameter", "buffer"):
        for name, value in module._own(kind):
            if name not in module._transient:
                yield prefix + name, value
    for name, child in module._own("module"):
        yield from entries(child, f"{prefix}{name}.")


def load(module: Module, values: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copies `values` into a module; see `Module.load_state_dict`."""
    own = dict(entries(module))
    missing = [name for name in own if name not in values]
    unexpected = [name for name in values if name not in own]
    arrays = {
        name: _as_array(name, values[name])
        for name in own
        if name in values and not is_lazy(values[name])
    }
    misshapen = [
        f"{name} is {tuple(own[name].shape)} here and {tuple(value.shape)} in the state"
        for name, value in arrays.items()
        if not is_lazy(own[name]) and tuple(value.shape) != tuple(own[name].shape)
    ]
    _complain(module, missing if strict else [], unexpected if strict else [], misshapen)
    with no_grad():
        for name, value in arrays.items():
            _install(own[name], value, assign)
    return IncompatibleKeys(missing, unexpected)


def _as_array(name: str, value: Any) -> Tensor | np.ndarray:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray | np.generic | int | float) or hasattr(value, "__array__"):
        return np.asarray(value.detach() if hasattr(value, "detach") else value)
    raise StateError(f"load_state_dict: {name} must be a tensor or an array, got {type(value)}")


def _complain(
    module: Module, missing: list[str], unexpected: list[str], misshapen: list[str]
) -> None:
    rows = (("missing", missing), ("unexpected", unexpected), ("wrong shape", misshapen))
    problems = [f"\n  {what}: {', '.join(names)}" for what, names in rows if names]
    if problems:
        raise StateError(
            f"load_state_dict: the state does not fit {type(module).__name__}; nothing was loaded."
            + "".join(problems)
        )


def _install(target: Tensor, value: Tensor | np.ndarray, assign: bool) -> None:
    if isinstance(target, Uninitialized):
        target.materialize(tuple(value.shape))
    if isinstance(value, np.ndarray):
        value = to_tensor(value, device=target.device)
    replace(target, value if assign else value.detach().to(target.device).to(target.dtype))


def replace(target: Tensor, value: Tensor) -> None:
    """Gives a parameter or buffer another value, whose dtype and device it takes over."""
    old, fresh = target.node, value.detach().node
    if old.leaf:
        fresh.leaf = fresh.needs_grad = True
        fresh.hooks = old.hooks
    rebind(target, fresh)
