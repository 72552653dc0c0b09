"""Guards: what the Python side of a function depends on, and whether it is still the same.

A captured function is replayed without running its Python code. So everything that this code can
see besides its arguments is looked at when it is captured: global names, closed-over variables,
defaults, attributes of objects, classes and modules that it names, the settings of nets, and the
same of the user's functions that it calls. Plain values are compared by value before each replay,
containers by content, other objects by identity; nets say themselves what they depend on
(`_tracing_state`).
"""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Iterator
from operator import attrgetter, getitem, is_
from typing import Any, NamedTuple

from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.tracing import tracing

PLAIN = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (list, tuple, dict, set, frozenset, deque)
_MISSING = object()
_MAX_DEPTH = 6  # functions calling functions, lists in lists
# What methods, partial functions, properties and wrappers consist of.
_PARTS = ("__self__", "__func__", "__wrapped__", "func", "args", "keywords", "fget")
# Code whose variables are its own affair.
_OWN = {__name__.split(".")[0], "numpy"}
_LIBRARIES = {*_OWN, *sys.stdlib_module_names, "scipy", "pytest"}
_content = attrgetter("cell_contents")


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
        self._reached = {"__call__", "forward"}  # the names that occur in the code
        known = 0
        while known < len(self._reached):  # attributes are found by names: new code, new names
            known = len(self._reached)
            self._probes: list[_Probe] = []
            self._settings: list[tuple[Any, Any]] = []
            self._seen: dict[int, Any] = {}  # ids stay unique while what they are of lives
            self._todo: deque[tuple[Any, str, int]] = deque()
            self.tensors: set[int] = set()
            self._probed: set[tuple[Any, str]] = set()
            for value in (function, *more):
                self._add(value, _name(value), 0)
            while self._todo:
                self._look_at(*self._todo.popleft())
        self._changes = tracing.changes
        # Those of which it is enough that they are the same object, in flat lists.
        same = [probe for probe in self._probes if not _can_change(probe.value)]
        cells = [probe for probe in same if isinstance(probe.names, _Cell)]
        others = [probe for probe in same if not isinstance(probe.names, _Cell)]
        self._cells = [probe.names.cell for probe in cells]
        self._names = [probe.names for probe in others]
        self._keys = [probe.key for probe in others]
        self._values = [probe.value for probe in (*cells, *others)]
        self._containers = [probe for probe in self._probes if _can_change(probe.value)]

    def check(self) -> str:
        """Returns what has changed, or "" if nothing has."""
        try:
            found = [*map(_content, self._cells), *map(getitem, self._names, self._keys)]
        except (ValueError, KeyError):  # one is gone
            return self._difference(self._probes)
        if not all(map(is_, found, self._values)):
            return self._difference(self._probes)
        if self._containers or self._changes != tracing.changes:
            return self._difference(self._containers)
        return ""

    def _difference(self, probes: list[_Probe]) -> str:
        """Looks at variables one by one, and at settings if there are others."""
        for names, key, value, snapshot, where in probes:
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

    def _add(self, value: Any, where: str, depth: int) -> None:
        """Notes something to look at, the nearest first."""
        if not _is_plain(value) and id(value) not in self._seen:
            self._seen[id(value)] = value
            if depth <= _MAX_DEPTH:
                self._todo.append((value, where, depth))

    def _look_at(self, value: Any, where: str, depth: int) -> None:
        if isinstance(value, Handle):
            self.tensors.add(id(value))
        elif isinstance(value, type | types.ModuleType):
            if _is_theirs(value):
                self._variables(vars(value), where, depth)
        elif hasattr(value, "_tracing_state"):
            self._look_at_settings(value, depth)
        elif isinstance(value, types.FunctionType):
            if _is_theirs(value):
                self._look_at_function(value, depth)
        elif isinstance(value, CONTAINERS):
            for item in value.values() if isinstance(value, dict) else value:
                self._add(item, where, depth + 1)
        else:
            for name in _PARTS:
                part = getattr(value, name, None)
                if part is not None:
                    self._hold(part, f"{where}.{name}", depth)
            if not _is_of(type(value), _OWN):
                self._look_at_object(value, where, depth)

    def _look_at_settings(self, value: Any, depth: int) -> None:
        self._settings.append((value, value._tracing_state()))
        for part in getattr(value, "_tracing_parts", tuple)():
            self._add(part, type(part).__name__, depth + 1)
        if hasattr(value, "parameters") and hasattr(value, "buffers"):
            self.tensors.update(map(id, value.parameters()))
            self.tensors.update(map(id, value.buffers()))
        for part in value.modules() if hasattr(value, "modules") else ():
            if _is_theirs(type(part)):
                self._look_at_object(part, type(part).__name__, depth)

    def _look_at_function(self, function: types.FunctionType, depth: int) -> None:
        names = _names(function)
        self._reached |= names
        name = function.__qualname__
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for key, cell in cells:
            self._variable(_Cell(cell), key, f"{key!r} of {name}", depth)
        for key in sorted(names & function.__globals__.keys()):
            self._variable(function.__globals__, key, f"global {key!r}", depth)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._hold(default, f"a default of {name}", depth)
        self._variables(vars(function), name, depth)
        self._add(getattr(function, "__wrapped__", None), name, depth + 1)

    def _look_at_object(self, owner: Any, where: str, depth: int) -> None:
        """Attributes of an object and of its classes, as far as some code names them."""
        for kind in type(owner).__mro__:
            if _is_theirs(kind):
                self._variables(vars(kind), kind.__qualname__, depth)
                slots = kind.__dict__.get("__slots__", ())
                for key in self._reached.intersection((slots,) if type(slots) is str else slots):
                    self._variable(_Slots(owner), key, f"{where}.{key}", depth)
        self._variables(getattr(owner, "__dict__", {}), where, depth)

    def _variables(self, names: Any, where: str, depth: int) -> None:
        for key in sorted(self._reached & names.keys()):
            self._variable(names, key, f"{where}.{key}", depth)

    def _hold(self, value: Any, where: str, depth: int) -> None:
        """Looks at what is no variable itself, but may have a content that changes."""
        if not _is_plain(value):
            self._variable({where: value}, where, where, depth)

    def _variable(self, names: Any, key: str, where: str, depth: int) -> None:
        value = names.get(key, _MISSING)
        place = (id(names) if isinstance(names, dict) else where, key)
        if value is _MISSING or place in self._probed:
            return
        self._probed.add(place)
        snapshot = _snapshot(value) if isinstance(value, CONTAINERS) else None
        self._probes.append(_Probe(names, key, value, snapshot, where))
        self._add(value, where, depth + 1)


class _Cell:
    """A closed-over variable, as a mapping."""

    def __init__(self, cell: types.CellType) -> None:
        self.cell = cell

    def get(self, key: str, default: Any) -> Any:
        """Returns what the variable holds."""
        try:
            return self.cell.cell_contents
        except ValueError:  # nothing yet
            return default


class _Slots:
    """The attributes of an object that has slots, as a mapping."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def get(self, key: str, default: Any) -> Any:
        """Returns an attribute."""
        return getattr(self._owner, key, default)

    def __getitem__(self, key: str) -> Any:
        return getattr(self._owner, key, _MISSING)


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


def _is_theirs(value: Any) -> bool:
    """Whether code is the user's: neither this library's nor that of those below it."""
    return not _is_of(value, _LIBRARIES)


def _is_of(value: Any, packages: Collection[str]) -> bool:
    name = getattr(value, "__module__", None) or getattr(value, "__name__", "") or ""
    return isinstance(name, str) and name.split(".")[0] in packages


def _snapshot(value: Any, depth: int = 0) -> Any:
    """A container's content: plain values as they are, others by identity."""
    if _is_plain(value) or depth > _MAX_DEPTH:
        return (type(value), value) if _is_plain(value) else id(value)
    if isinstance(value, dict):
        return tuple((key, _snapshot(item, depth + 1)) for key, item in value.items())
    if isinstance(value, list | tuple | deque):
        return tuple([_snapshot(item, depth + 1) for item in value])
    return frozenset(value) if isinstance(value, set | frozenset) else id(value)


def _can_change(value: Any) -> bool:
    """Whether the content of a container may change while it stays the same object."""
    if isinstance(value, tuple):
        return any(map(_can_change, value))
    return isinstance(value, CONTAINERS) and not isinstance(value, frozenset)


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
