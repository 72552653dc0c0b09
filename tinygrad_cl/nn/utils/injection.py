"""Attributes of one module that are computed when they are read.

A module whose weight is made of other parameters gets a class of its own, a subclass of its class
with a property in the weight's place. Its name is that of the first class, so that nothing else
looks different.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cl.nn.module import Module

Getter = Callable[[Any], Any]
Setter = Callable[[Any, Any], None]
MARK = "_injected"  # of the classes that are made here: their properties by name


def inject(module: Module, name: str, get: Getter, put: Setter, prefix: str = "") -> None:
    """Replaces an attribute by a property.

    Args:
        module: the module, which owns no attribute of that name any more.
        name: of the attribute.
        get: called with the module when the attribute is read.
        put: called with the module and the value when it is assigned.
        prefix: put in front of the class's name.
    """
    base = plain_class(module)
    properties = {**injected(module), name: property(get, put)}
    module.__class__ = _made(base, properties, prefix)


def eject(module: Module, name: str, prefix: str = "") -> None:
    """Takes a property away again; without any the module has its own class back."""
    base = plain_class(module)
    properties = {key: value for key, value in injected(module).items() if key != name}
    module.__class__ = _made(base, properties, prefix) if properties else base


def injected(module: Module) -> dict[str, property]:
    """Returns the properties that a module has got here."""
    return dict(vars(type(module)).get(MARK, {}))


def plain_class(module: Module) -> type[Module]:
    """Returns the class that the module had before."""
    cls = type(module)
    return cls.__bases__[0] if MARK in vars(cls) else cls


def _made(base: type[Module], properties: dict[str, property], prefix: str) -> type[Module]:
    def assign(self: Module, name: str, value: Any) -> None:
        if name in properties:
            object.__setattr__(self, name, value)
        else:
            base.__setattr__(self, name, value)

    body = {
        **properties,
        MARK: properties,
        "__setattr__": assign,
        "__module__": base.__module__,
        "__doc__": base.__doc__,
    }
    return type(prefix + base.__name__, (base,), body)
