"""Guards: what the Python side of a function depends on, and whether it is still the same.

A captured function is replayed without running its Python code. So everything that this code can
see besides its arguments is looked at when it is captured: global names, closed-over variables,
defaults, attributes of the objects that it is bound to, the settings of modules, and the same of
the user's functions that it calls. Plain values are compared by value before each replay, other
objects by identity; modules say themselves what they depend on (`_tracing_state`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.tracing import tracing

PLAIN = (type(None), bool, int, float, complex, str, bytes)
_MISSING = object()
_MAX_DEPTH = 6  # functions calling functions, lists in lists


class _Probe(NamedTuple):
    """A variable: where it is looked up, its name, and what it was."""

    names: Any  # a mapping
    key: str
    value: Any
    snapshot: Any
    where: str


class Guards:
    """What was seen of a function's surroundings.

    Args:
        function: any callable.
        more: further objects that it works on, such as its arguments that are no tensors.

    Attributes:
        tensors: identities of the tensors that were seen.
    """

    def __init__(self, function: Callable[..., Any], more: tuple[Any, ...] = ()) -> None:
        self._probes: list[_Probe] = []
        self._settings: list[tuple[Any, Any]] = []
        self._seen: set[int] = set()
        self.tensors: set[int] = set()
        self._probed: set[tuple[Any, str]] = set()
        self._kept: list[Any] = [function, more]  # ids stay unique while they live
        self._look_at(function, _name(function), 0)
        for value in more:
            self._look_at(value, type(value).__name__, 0)
        self._changes = tracing.changes

    def check(self) -> str:
        """Returns what has changed, or "" if nothing has."""
        for names, key, value, snapshot, where in self._probes:
            found = names.get(key, _MISSING)
            if found is not value or snapshot is not None:
                if found is _MISSING:
                    return f"{where} is gone"
                if not _same(found, value, snapshot):
                    return f"{where} changed from {_short(value)} to {_short(found)}"
        if self._changes != tracing.changes:
            for owner, state in self._settings:
                if owner._tracing_state() != state:
                    return f"a setting of {type(owner).__name__} changed"
            self._changes = tracing.changes
        return ""

    def __iter__(self) -> Iterator[str]:
        """The names of what is compared by value."""
        return (f"{p.where} = {_short(p.value)}" for p in self._probes if _is_plain(p.value))

    # ---- looking

    def _look_at(self, value: Any, where: str, depth: int) -> None:
        if depth > _MAX_DEPTH or id(value) in self._seen or _is_plain(value):
            return
        self._seen.add(id(value))
        if isinstance(value, Handle):
            self.tensors.add(id(value))
        elif hasattr(value, "_tracing_state"):
            self._look_at_settings(value, depth)
        elif isinstance(value, types.MethodType):
            self._look_at_object(value.__self__, _names(value.__func__), where, depth)
            self._look_at(value.__func__, where, depth)
        elif isinstance(value, types.FunctionType):
            if not _is_ours(value):
                self._look_at_function(value, depth)
        elif isinstance(value, list | tuple | dict):
            items = value.values() if isinstance(value, dict) else value
            for item in items:
                self._look_at(item, where, depth + 1)
        elif isinstance(getattr(value, "__wrapped__", None), types.FunctionType):
            self._look_at(value.__wrapped__, where, depth + 1)
        elif callable(value) and not isinstance(value, type) and not _is_ours(type(value)):
            self._look_at_call(value, where, depth)

    def _look_at_call(self, value: Any, where: str, depth: int) -> None:
        """An object with a `__call__` in Python."""
        called = type(value).__call__
        if isinstance(called, types.FunctionType):
            self._look_at(types.MethodType(called, value), where, depth + 1)

    def _look_at_settings(self, value: Any, depth: int) -> None:
        self._settings.append((value, value._tracing_state()))
        for part in getattr(value, "_tracing_parts", tuple)():
            self._look_at(part, type(part).__name__, depth + 1)
        if hasattr(value, "parameters") and hasattr(value, "buffers"):
            self.tensors.update(map(id, value.parameters()))
            self.tensors.update(map(id, value.buffers()))
        for part in value.modules() if hasattr(value, "modules") else ():
            if not _is_ours(type(part)):
                self._look_at(type(part).forward, type(part).__name__, depth + 1)

    def _look_at_function(self, function: types.FunctionType, depth: int) -> None:
        names = _names(function)
        name = function.__qualname__
        for cell_name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self._variable(_Cell(cell), cell_name, f"{cell_name!r} of {name}", depth)
        for key in names:
            if key in function.__globals__:
                self._variable(function.__globals__, key, f"global {key!r}", depth)
                value = function.__globals__[key]
                if isinstance(value, types.ModuleType) and not _is_ours(value):
                    self._look_at_module(value, names, depth)
                elif not isinstance(value, type):
                    self._look_at_object(value, names, key, depth)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._look_at(default, name, depth + 1)
        for code_name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            content = _Cell(cell).get(code_name, None)
            if not isinstance(content, type | types.ModuleType):
                self._look_at_object(content, names, code_name, depth)
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            self._look_at(wrapped, name, depth + 1)

    def _look_at_module(self, module: types.ModuleType, names: set[str], depth: int) -> None:
        for key in names & module.__dict__.keys():
            if _is_plain(module.__dict__[key]):
                self._variable(module.__dict__, key, f"{module.__name__}.{key}", depth)

    def _look_at_object(self, owner: Any, names: set[str], where: str, depth: int) -> None:
        """Attributes of an object, as far as the code names them."""
        attributes = getattr(owner, "__dict__", None)
        if not isinstance(attributes, dict) or hasattr(owner, "_tracing_state"):
            self._look_at(owner, where, depth + 1)
            return
        if isinstance(owner, types.FunctionType | types.ModuleType | type) or _is_ours(owner):
            return
        for key in names & attributes.keys():
            self._variable(attributes, key, f"{where}.{key}", depth)

    def _variable(self, names: Any, key: str, where: str, depth: int) -> None:
        value = names.get(key, _MISSING)
        place = (id(names) if isinstance(names, dict) else where, key)
        if value is _MISSING or place in self._probed:
            return
        self._probed.add(place)
        snapshot = _snapshot(value) if isinstance(value, list | tuple | dict | set) else None
        self._kept.append(value)
        self._probes.append(_Probe(names, key, value, snapshot, where))
        self._look_at(value, where, depth + 1)


class _Cell:
    """A closed-over variable, as a mapping."""

    def __init__(self, cell: types.CellType) -> None:
        self._cell = cell

    def get(self, key: str, default: Any) -> Any:
        """Returns what the variable holds."""
        try:
            return self._cell.cell_contents
        except ValueError:  # nothing yet
            return default


def _names(function: Callable[..., Any]) -> set[str]:
    """Every global and attribute that the code of a function, or code inside it, names."""
    found: set[str] = set()
    stack = [function.__code__] if hasattr(function, "__code__") else []
    while stack:
        code = stack.pop()
        found.update(code.co_names)
        stack += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, PLAIN)


def _is_ours(value: Any) -> bool:
    name = getattr(value, "__module__", None) or getattr(value, "__name__", "") or ""
    return isinstance(name, str) and name.split(".")[0] == __name__.split(".")[0]


def _snapshot(value: Any, depth: int = 0) -> Any:
    """A container's content: plain values as they are, others by identity."""
    if _is_plain(value) or depth > _MAX_DEPTH:
        return (type(value), value) if _is_plain(value) else id(value)
    if isinstance(value, dict):
        return tuple((key, _snapshot(item, depth + 1)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple([_snapshot(item, depth + 1) for item in value])
    return frozenset(value) if isinstance(value, set) else id(value)


def _same(found: Any, value: Any, snapshot: Any) -> bool:
    if snapshot is not None:
        return type(found) is type(value) and _snapshot(found) == snapshot
    if not _is_plain(value) or type(found) is not type(value):
        return False
    return bool(found == value or (found != found and value != value))


def _short(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = repr(value) if _is_plain(value) else f"a {type(value).__name__}"
    return text if len(text) < 40 else f"{text[:37]}..."


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
