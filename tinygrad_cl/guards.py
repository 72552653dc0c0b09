"""Guards: what the Python side of a function depends on, and whether it is still the same.

A captured function is replayed without running its Python code. So everything that this code can
see besides its arguments is looked at when it is captured: global names, closed-over variables,
defaults, attributes of objects, classes and modules that it names, the settings of nets, and the
same of the user's functions that it calls. Plain values are compared by value before each replay,
containers and small arrays by content, random numbers by their generator's state, other objects by
identity; nets say themselves what they depend on (`_tracing_state`). What no name leads to (files,
the environment, the clock) is not seen.
"""

from __future__ import annotations

import io
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from operator import attrgetter, getitem, is_
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.installed import is_installed, package_of
from tinygrad_cl.tracing import tracing

PLAIN = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (list, tuple, dict, set, frozenset, deque, types.MappingProxyType)
_DICTS = (dict, types.MappingProxyType)
_RANDOM = (random.Random, np.random.Generator, np.random.RandomState)
_MISSING = object()
_MAX_DEPTH = 20  # functions calling functions
_MAX_NESTING = 6  # lists in lists; what lies deeper counts as changed
_MAX_ARRAY = 1 << 16  # bytes that are compared; larger arrays are data
# What methods, partial functions, properties and wrappers consist of.
_PARTS = ("__self__", "__func__", "__wrapped__", "func", "args", "keywords", "fget")
# Code whose variables are its own affair.
_OWN = {__name__.split(".")[0], "numpy"}
_content = attrgetter("cell_contents")
# Methods that are called by something else than their names.
_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"
_OTHERS = "neg abs getitem contains len iter next bool float int index get getattr enter exit"
_OPERATORS = {f"__{name}__" for name in f"{_BINARY} {_OTHERS}".split()}
_OPERATORS |= {f"__r{name}__" for name in _BINARY.split()}


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
        self._reached = {"__call__", "forward", "backward"}  # the names that occur in the code
        self._captured = {package_of(function)} - sys.stdlib_module_names
        known = 0
        while known < len(self._reached):  # attributes are found by names: new code, new names
            known = len(self._reached)
            self._probes: list[_Probe] = []
            self._settings: list[tuple[Any, Any]] = []
            self._seen: dict[int, Any] = {}  # ids stay unique while what they are of lives
            self._todo: deque[tuple[Any, str, int]] = deque()
            self.tensors: set[int] = set()
            self._probed: set[tuple[int, str]] = set()
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

    def _is_theirs(self, value: Any) -> bool:
        """Whether code is the user's: not that of a library, unless the function is part of it."""
        package = package_of(value)
        if package in _OWN:
            return False
        return not is_installed(package) or package in self._captured

    def _add(self, value: Any, where: str, depth: int) -> None:
        """Notes something to look at, the nearest first."""
        if not _is_plain(value) and id(value) not in self._seen:
            self._seen[id(value)] = value
            if depth <= _MAX_DEPTH:
                self._todo.append((value, where, depth))

    def _look_at(self, value: Any, where: str, depth: int) -> None:
        if isinstance(value, Handle):
            self._look_at_tensor(value, depth)
        elif isinstance(value, type | types.ModuleType):
            if self._is_theirs(value):
                self._variables(vars(value), where, depth, value)
        elif hasattr(value, "_tracing_state"):
            self._look_at_settings(value, depth)
        elif isinstance(value, types.FunctionType):
            if self._is_theirs(value):
                self._look_at_function(value, depth)
            else:  # one that calls those that it was made of
                for cell in value.__closure__ or ():
                    part = _Cell(cell).get("", None)
                    if callable(part):
                        self._add(part, where, depth + 1)
        elif isinstance(value, CONTAINERS):
            for item in value.values() if isinstance(value, _DICTS) else value:
                self._add(item, where, depth + 1)
        else:
            for name in _PARTS:
                part = getattr(value, name, None)
                if part is not None:
                    self._hold(part, f"{where}.{name}", depth)
            if package_of(type(value)) not in _OWN:
                self._look_at_object(value, where, depth)

    def _look_at_tensor(self, tensor: Handle, depth: int) -> None:
        self.tensors.add(id(tensor))
        for hook in (tensor.node.hooks or {}).values():
            self._add(hook, "a hook", depth + 1)

    def _look_at_settings(self, value: Any, depth: int) -> None:
        self._settings.append((value, value._tracing_state()))
        for part in getattr(value, "_tracing_parts", tuple)():
            self._add(part, type(part).__name__, depth + 1)
        if hasattr(value, "parameters") and hasattr(value, "buffers"):
            for tensor in (*value.parameters(), *value.buffers()):
                self._look_at_tensor(tensor, depth)
        for part in value.modules() if hasattr(value, "modules") else (value,):
            if self._is_theirs(type(part)):
                self._look_at_object(part, type(part).__name__, depth)

    def _look_at_function(self, function: types.FunctionType, depth: int) -> None:
        names = _names(function)
        self._reached |= names
        name = function.__qualname__
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for key, cell in cells:
            self._variable(_Cell(cell), key, f"{key!r} of {name}", depth, cell)
        for key in sorted(names & function.__globals__.keys()):
            self._variable(function.__globals__, key, f"global {key!r}", depth)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._hold(default, f"a default of {name}", depth)
        self._variables(vars(function), name, depth)
        self._add(getattr(function, "__wrapped__", None), name, depth + 1)

    def _look_at_object(self, owner: Any, where: str, depth: int) -> None:
        """Attributes of an object and of its classes, as far as some code names them."""
        for kind in type(owner).__mro__:
            if self._is_theirs(kind):
                self._reached |= _OPERATORS & vars(kind).keys()
                self._variables(vars(kind), kind.__qualname__, depth, kind)
                slots = kind.__dict__.get("__slots__", ())
                for key in self._reached.intersection((slots,) if type(slots) is str else slots):
                    self._variable(_Slots(owner), key, f"{where}.{key}", depth, owner)
        self._variables(getattr(owner, "__dict__", {}), where, depth)

    def _variables(self, names: Any, where: str, depth: int, owner: Any = None) -> None:
        for key in sorted(self._reached & names.keys()):
            self._variable(names, key, f"{where}.{key}", depth, owner)

    def _hold(self, value: Any, where: str, depth: int) -> None:
        """Looks at what is no variable itself, but may have a content that changes."""
        if not _is_plain(value):
            self._variable({where: value}, where, where, depth)

    def _variable(self, names: Any, key: str, where: str, depth: int, owner: Any = None) -> None:
        """Notes a variable; `owner` is whose it is, where `names` are made anew each time."""
        value = names.get(key, _MISSING)
        place = (id(names if owner is None else owner), key)
        if isinstance(value, str) and value.isidentifier():
            self._reached.add(value)  # for getattr
        if value is _MISSING or place in self._probed:
            return
        self._probed.add(place)
        snapshot = _snapshot(value) if _has_content(value) else None
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
        found.update(code.co_names)  # and what may be names, for getattr
        found.update(c for c in code.co_consts if isinstance(c, str) and c.isidentifier())
        stack += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, PLAIN)


def _has_content(value: Any) -> bool:
    """Whether a value is compared by its content."""
    if isinstance(value, np.ndarray):
        return value.nbytes <= _MAX_ARRAY
    return isinstance(value, CONTAINERS + _RANDOM) or _is_iterator(value)


def _is_iterator(value: Any) -> bool:
    """Whether a value gives others from call to call; files are for writing."""
    return isinstance(value, Iterator) and not isinstance(value, io.IOBase)


def _snapshot(value: Any, depth: int = 0) -> Any:
    """A content: plain values as they are, others by identity; a new object where it is unknown."""
    if _is_plain(value):
        return (type(value), value)
    if not _has_content(value):
        return id(value)
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype, id(value) if value.dtype.hasobject else value.tobytes())
    if isinstance(value, _RANDOM):
        return _state_of(value)
    if depth > _MAX_NESTING or _is_iterator(value):
        return object()
    if isinstance(value, _DICTS):
        return tuple((key, _snapshot(item, depth + 1)) for key, item in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(value)
    return tuple([_snapshot(item, depth + 1) for item in value])


def _state_of(value: Any) -> Any:
    """What the next random numbers depend on."""
    if isinstance(value, random.Random):
        return value.getstate()
    bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
    return repr(bits.state)


def host_randomness() -> tuple[Any, ...]:
    """The state of the random numbers of Python and NumPy that no name leads to."""
    return random.getstate(), repr(np.random.get_state())


def _can_change(value: Any) -> bool:
    """Whether the content of a value may change while it stays the same object."""
    if isinstance(value, tuple):
        return any(map(_can_change, value))
    return _has_content(value) and not isinstance(value, frozenset)


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
