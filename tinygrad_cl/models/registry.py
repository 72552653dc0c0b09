"""Nets by name: `names`, `get`."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.models.alexnet import AlexNet
from tinygrad_cl.models.convolutional import VGG, AlexNetReduced, ConvNet, LeNet5
from tinygrad_cl.models.gpt import GPT
from tinygrad_cl.models.mlp import MLP
from tinygrad_cl.models.resnet import ResNet18
from tinygrad_cl.nn import Module

_NETS: dict[str, type[Module]] = {
    "alexnet": AlexNet,
    "alexnet_reduced": AlexNetReduced,
    "convnet": ConvNet,
    "gpt": GPT,
    "lenet5": LeNet5,
    "mlp": MLP,
    "resnet18": ResNet18,
    "vgg": VGG,
}


def names() -> list[str]:
    """Returns the names that `get` knows, sorted.

    Example:
        >>> names()
        ['alexnet', 'alexnet_reduced', 'convnet', 'gpt', 'lenet5', 'mlp', 'resnet18', 'vgg']
    """
    return sorted(_NETS)


def options(name: str) -> dict[str, Any]:
    """Returns the options of a net and their defaults.

    Raises:
        ArgumentError: for an unknown name.

    Example:
        >>> options("resnet18")
        {'num_classes': 10, 'in_channels': 3, 'width': 64}
    """
    parameters = inspect.signature(_kind(name)).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def get(name: str, **options_: Any) -> Module:
    """Returns a new net.

    Args:
        name: one of `names()`; upper case and hyphens are taken, too.
        **options_: those of the net's class, such as `num_classes`; see `options`.

    Raises:
        ArgumentError: for an unknown name or option, or a value that the net cannot have.

    Example:
        >>> get("mlp", sizes=(2, 3))
        MLP(
          (0): Flatten(start_dim=1, end_dim=-1)
          (1): Linear(in_features=2, out_features=3, bias=True)
        )
    """
    kind, known = _kind(name), options(name)
    for option in options_:
        if option not in known:
            raise ArgumentError(
                f"models.get: {kind.__name__} has no option {option!r}; it has {', '.join(known)}"
            )
    return kind(**options_)


def _kind(name: str) -> type[Module]:
    key = str(name).lower().replace("-", "_")
    if key in _NETS:
        return _NETS[key]
    close = difflib.get_close_matches(key, _NETS, 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ArgumentError(f"models: unknown net {name!r}; {hint}known: {', '.join(names())}")
