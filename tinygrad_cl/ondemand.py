"""Rooms and names that are loaded when they are first used (PEP 562).

Type checkers and readers see the imports under `if TYPE_CHECKING:`; this makes them come true.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module


def on_demand(
    module: str, rooms: Iterable[str] = (), names: Mapping[str, Iterable[str]] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Returns the `__getattr__` and `__dir__` of a module that loads parts of itself on demand.

    Args:
        module: its full name.
        rooms: submodules that are loaded when they are first named.
        names: full name of a module -> what is taken from it, and kept, when it is first named.

    Example:
        >>> getattribute, _ = on_demand("math", names={"string": ["ascii_lowercase"]})
        >>> getattribute("ascii_lowercase")[:3]
        'abc'
    """
    sources = {name: f"{module}.{name}" for name in rooms}
    attributes = {name: source for source, listed in (names or {}).items() for name in listed}

    def getattribute(name: str) -> object:
        if name in sources:
            return import_module(sources[name])  # which makes it an attribute
        if name not in attributes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value: object = getattr(import_module(attributes[name]), name)
        setattr(sys.modules[module], name, value)
        return value

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[module]), *sources, *attributes})

    return getattribute, listing
