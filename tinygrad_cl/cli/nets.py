"""Nets by name (those of `models`) and from Python files."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_cl import models
from tinygrad_cl.errors import ArgumentError, DataError
from tinygrad_cl.nn import Linear, Module

_NAMES = ("net", "model", "make_net", "make_model")
HELP = (
    f"a net: one of {', '.join(models.names())}; or FILE.py, or FILE.py:NAME, a module, a class "
    "or a function that makes one"
)


def is_file(source: str) -> bool:
    """Whether a net is one of a Python file."""
    return source.partition(".py")[1] == ".py" and source.partition(".py")[2][:1] in ("", ":")


def build(source: str, options: Mapping[str, Any]) -> Module:
    """Returns a net.

    Args:
        source: a name of `models`, `FILE.py`, or `FILE.py:NAME`.
        options: of the net.

    Raises:
        ArgumentError: for unknown nets and options.
        DataError: if a file has no net, or cannot be run.
    """
    if not is_file(source):
        return models.get(source, **options)
    path, _, name = source.partition(".py")
    made = _named(Path(f"{path}.py"), name.removeprefix(":"))
    if isinstance(made, Module):
        if options:
            raise ArgumentError(f"{source} is a net already; --set is for functions and classes")
        return made
    try:
        net = made(**options)
    except TypeError as error:
        raise ArgumentError(f"{source}: {error}") from error
    if not isinstance(net, Module):
        raise DataError(f"{source} made a {type(net).__name__}, which is no nn.Module")
    return net


def _named(path: Path, name: str) -> Any:
    """The net of a Python file, or what makes it."""
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"_net_of_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DataError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    found = {name: vars(module)[name]} if name in vars(module) else _candidates(module)
    if name and name not in found:
        raise DataError(f"{path} has no {name!r}; it has {', '.join(found) or 'no net'}")
    for one in (name, *_NAMES):
        if one in found:
            return found[one]
    if len(found) != 1:
        have = f"several nets ({', '.join(found)}); name one: {path}:NAME" if found else "no net"
        raise DataError(f"{path} has {have}")
    return next(iter(found.values()))


def _candidates(module: Any) -> dict[str, Any]:
    """What may be a net in a module: modules, their classes, and functions of the usual names."""
    own = {k: v for k, v in vars(module).items() if not k.startswith("_")}
    found = {}
    for name, value in own.items():
        kind = inspect.isclass(value) and issubclass(value, Module)
        here = getattr(value, "__module__", "") == module.__name__
        if isinstance(value, Module) or (kind and here) or (name in _NAMES and callable(value)):
            found[name] = value
    return found


def fitting(source: str, given: Mapping[str, Any], shape: tuple[int, ...], outputs: int) -> Any:
    """Returns the options of a net, with those that the data tell filled in.

    Args:
        source: of the net; only those of `models` are known.
        given: the options that the user gave, which stay.
        shape: of one sample.
        outputs: classes, or numbers to predict.

    Raises:
        ArgumentError: if the net is not for such data.
    """
    if is_file(source):
        return dict(given)
    known = models.options(source)
    if "vocab" in known:
        raise ArgumentError(f"{source} is for text; examples/char_gpt.py trains it")
    told: dict[str, Any] = {"num_classes": outputs}
    if len(shape) == 3:
        told |= {"in_channels": shape[0], "input_size": shape[1]}
    elif "in_channels" in known:
        raise ArgumentError(f"{source} is for images, and samples have shape {shape}; take mlp")
    if len(shape) == 3 and shape[1] != shape[2] and "input_size" in known:
        raise ArgumentError(f"{source} is for square images, and these have shape {shape}")
    if "sizes" in known:
        features = 1
        for size in shape:
            features *= size
        told = {"sizes": (features, *known["sizes"][1:-1], outputs)}
    return {key: value for key, value in told.items() if key in known} | dict(given)


def input_shape(net: Module) -> tuple[int, ...] | None:
    """Returns the shape of a sample if the net tells it."""
    known = getattr(net, "input_shape", None)
    if known:
        return tuple(known)
    first = next((m for m in net.modules() if not list(m.children())), None)
    return (first.in_features,) if isinstance(first, Linear) else None
