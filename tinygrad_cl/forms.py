"""Forms: arguments and results as containers of tensors.

A form is what a value is apart from its tensors: `flatten` takes the tensors out of nested tuples,
lists, dicts and named tuples, and `unflatten` puts others into their places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle, wrap
from tinygrad_cl.guards import PLAIN
from tinygrad_cl.runtime.device import get_device

TENSOR = object()  # stands in a form for the next tensor
Form = Any  # TENSOR, or a container of forms, or what is no tensor


def flatten(value: Any, tensors: list[Handle], key: list[Any], arrays: bool = True) -> Form:
    """Returns the form of nested containers; appends tensors, and what they must agree in.

    With `arrays`, those of NumPy become tensors.
    """
    if isinstance(value, Handle):
        node = value.node
        tensors.append(value)
        key += (node.signature.leaf, node.device, node.needs_grad)
        return TENSOR
    kind = type(value)
    if kind is tuple or kind is list:
        key.append((kind, len(value)))
        return _Items(kind, [flatten(item, tensors, key, arrays) for item in value])
    if isinstance(value, dict):
        key.append((kind, *value))
        items = [flatten(item, tensors, key, arrays) for item in value.values()]
        return _Items(kind, items, list(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        key.append((kind, len(value)))
        return _Items(lambda items: kind(*items), [flatten(i, tensors, key, arrays) for i in value])
    if arrays and isinstance(value, np.ndarray):
        return flatten(wrap(engine.upload(value, get_device(None))), tensors, key)
    key.append((kind, value) if isinstance(value, PLAIN) else id(value))
    return _Other(value)


class _Other:
    """A form's leaf that is no tensor."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Items:
    """A form's container."""

    __slots__ = ("items", "keys", "make")

    def __init__(self, make: Any, items: list[Form], keys: list[Any] | None = None) -> None:
        self.make = make
        self.items = items
        self.keys = keys


def unflatten(form: Form, tensors: Iterator[Any]) -> Any:
    """Returns the containers of a form anew, with the next tensors in their places."""
    if form is TENSOR:
        return next(tensors)
    if isinstance(form, _Other):
        return form.value
    items = [unflatten(item, tensors) for item in form.items]
    if form.keys is not None:
        return dict(zip(form.keys, items, strict=True))
    return form.make(items)


def difference(first: Form, second: Form) -> str:
    """Returns what differs between the results of two calls besides tensors, or ""."""
    if isinstance(first, _Items) and isinstance(second, _Items):
        if first.keys == second.keys and len(first.items) == len(second.items):
            pairs = zip(first.items, second.items, strict=True)
            return next((found for a, b in pairs if (found := difference(a, b))), "")
    elif isinstance(first, _Other) and isinstance(second, _Other):
        a, b = first.value, second.value
        if a is b or (
            type(a) is type(b) and isinstance(a, PLAIN) and (a == b or (a != a and b != b))
        ):
            return ""
        if not isinstance(b, PLAIN):
            return f"it returns a new {type(b).__name__} from each call, which no replay could make"
    elif first is second:  # a tensor
        return ""
    return "it returns other things than tensors that differ from call to call"


def others(form: Form) -> Iterator[Any]:
    """Yields what is no tensor."""
    if isinstance(form, _Other):
        yield form.value
    elif isinstance(form, _Items):
        for item in form.items:
            yield from others(item)
