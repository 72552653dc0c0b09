"""Reading and loading the state of modules: values by dotted name."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_cl.aliases import Saved
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.dtypes import as_array
from tinygrad_cl.errors import StateError
from tinygrad_cl.functional import become
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


EXTRA = "_extra_state"
NODE = Handle.__dict__["node"]  # of a lazy tensor, too, whose `node` is an error
_NONE = IncompatibleKeys([], [])


def save(module: Module, prefix: str, keep_vars: bool, found: dict[str, Any]) -> None:
    """Adds a module's state, and that of all below it, to `found`; see `Module.state_dict`."""
    _run_hooks(module, "before saving", prefix, keep_vars)
    for name, value in _own(module):
        found[prefix + name] = value if keep_vars or is_lazy(value) else Saved.of(value)
    if _has_extra(module, "get_extra_state"):
        found[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._own("module"):
        save(child, f"{prefix}{name}.", keep_vars, found)
    _run_hooks(module, "after saving", found, prefix, {"version": module._version})


def _own(module: Module) -> Iterator[tuple[str, Tensor]]:
    for kind in ("parameter", "buffer"):
        for name, value in module._own(kind):
            if name not in module._transient:
                yield name, value


def _walk(module: Module, prefix: str = "") -> Iterator[tuple[str, Module]]:
    """Yields a module and all below it with their prefixes, a shared one under each of them."""
    yield prefix, module
    for name, child in module._own("module"):
        yield from _walk(child, f"{prefix}{name}.")


def _has_extra(module: Module, method: str) -> bool:
    from tinygrad_cl.nn.module import Module as Base

    return getattr(type(module), method) is not getattr(Base, method)


def _run_hooks(module: Module, kind: str, *args: Any) -> None:
    tables = module.__dict__.get("_state_hooks")
    if tables and kind in tables:
        for hook, _ in tuple(tables[kind].entries.values()):
            hook(module, *args)


def load(module: Module, given: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copies values into a module; see `Module.load_state_dict`."""
    if not isinstance(given, Mapping):
        raise StateError(
            f"load_state_dict: needs a dict of values by name, got {type(given).__name__}"
        )
    values, told = dict(given), _Told([], [], [])
    for prefix, part in _walk(module):
        about = (values, prefix, {"version": part._version}, strict, *told)
        _run_hooks(part, "before loading", *about)
    own = {prefix + name: value for prefix, part in _walk(module) for name, value in _own(part)}
    extra = {
        prefix + EXTRA: part
        for prefix, part in _walk(module)
        if _has_extra(part, "set_extra_state")
    }
    keys = IncompatibleKeys(
        [*told.missing, *(name for name in (*own, *extra) if name not in values)],
        [*told.unexpected, *(name for name in values if name not in own and name not in extra)],
    )
    arrays = {
        name: _as_array(name, values[name])
        for name in own
        if name in values and not is_lazy(values[name])
    }
    extras = [(part, values[name]) for name, part in extra.items() if name in values]
    hooked = any(_hears(part) for part in module.modules())
    # Hooks may forgive keys, and see the loaded module; without any, nothing is loaded in vain.
    _complain(
        module, keys if strict and not hooked else _NONE, told.errors, _misshapen(own, arrays)
    )
    _fill(module, own, arrays, extras, keys, assign, strict)
    return keys


class _Told(NamedTuple):
    """What hooks before loading report."""

    missing: list[str]
    unexpected: list[str]
    errors: list[str]


def _hears(module: Module) -> bool:
    return bool((module.__dict__.get("_state_hooks") or {}).get("after loading"))


def _misshapen(own: dict[str, Tensor], arrays: dict[str, Any]) -> list[str]:
    return [
        f"{name} is {tuple(own[name].shape)} here and {tuple(value.shape)} in the state"
        for name, value in arrays.items()
        if not is_lazy(own[name]) and tuple(value.shape) != tuple(own[name].shape)
    ]


def _fill(
    module: Module,
    own: dict[str, Tensor],
    arrays: dict[str, Any],
    extras: list[tuple[Module, Any]],
    keys: IncompatibleKeys,
    assign: bool,
    strict: bool,
) -> None:
    """Puts the values in their places; takes them back if a hook or the keys object."""
    before = [(tensor, type(tensor), NODE.__get__(tensor)) for tensor in own.values()]
    try:
        with no_grad():
            for name, value in arrays.items():
                _install(own[name], value, assign)
        for part, value in extras:
            part.set_extra_state(value)
        for _, part in reversed(list(_walk(module))):
            _run_hooks(part, "after loading", keys)
        _complain(module, keys if strict else _NONE, [], [])
    except BaseException:
        for tensor, kind, node in before:
            tensor.__class__ = kind
            NODE.__set__(tensor, node)
            if not is_lazy(tensor):
                node.owner = weakref.ref(tensor)
        raise


def _as_array(name: str, value: Any) -> Tensor | np.ndarray:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray | np.generic | int | float) or hasattr(value, "__array__"):
        return as_array(value.detach() if hasattr(value, "detach") else value)
    raise StateError(f"load_state_dict: {name} must be a tensor or an array, got {type(value)}")


def _complain(
    module: Module, keys: IncompatibleKeys, errors: list[str], misshapen: list[str]
) -> None:
    rows = (
        ("missing", keys.missing_keys),
        ("unexpected", keys.unexpected_keys),
        ("wrong shape", misshapen),
        ("also", errors),
    )
    problems = [f"\n  {what}: {', '.join(names)}" for what, names in rows if names]
    if keys.missing_keys and keys.unexpected_keys:
        problems += _prefix_hint(keys)
    if problems:
        raise StateError(
            f"load_state_dict: the state does not fit {type(module).__name__}; nothing was loaded."
            + "".join(problems)
        )


def _prefix_hint(keys: IncompatibleKeys) -> list[str]:
    """What to do if all names have one prefix too many, as those of wrapped nets have."""
    missing = set(keys.missing_keys)
    for prefix in {name.split(".")[0] + "." for name in keys.unexpected_keys}:
        if missing <= {name.removeprefix(prefix) for name in keys.unexpected_keys}:
            return [
                f"\n  names begin with {prefix!r}; try {{k.removeprefix({prefix!r}): v for k, v in "
                "state.items()}"
            ]
    return []


def _install(target: Tensor, value: Tensor | np.ndarray, assign: bool) -> None:
    if isinstance(target, Uninitialized):
        target.materialize(tuple(value.shape))
    if isinstance(value, np.ndarray):
        value = to_tensor(value, device=target.device)
    replace(target, value if assign else value.detach().to(target.device).to(target.dtype))


def replace(target: Tensor, value: Tensor) -> None:
    """Gives a parameter or buffer another value, whose dtype and device it takes over."""
    become.replace(target, value.detach().node)
