"""`functional_call`: a module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_cl.errors import ModuleError, StateError
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor

Tensors = Mapping[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Tensors | Sequence[Tensors],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other tensors in the places of its parameters and buffers.

    Gradients flow to the given tensors, so that `func.grad` can differentiate by them. A buffer
    that the call changes is changed in the given tensor.

    Args:
        module: is as it was afterwards.
        parameter_and_buffer_dicts: tensors by dotted name, or several dicts of them, of which the
            later win; those that are not given stay the module's own.
        args: positional arguments: a tuple, or the only one.
        kwargs: keyword arguments.
        tie_weights: whether a tensor that the module holds in several places is replaced in all.
        strict: whether all parameters and buffers must be given.

    Raises:
        StateError: naming every unknown name, and with `strict` every missing one.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl.func import functional_call, grad
        >>> layer, x = tg.nn.Linear(2, 1), tg.ones(3, 2)
        >>> def loss(params):
        ...     return functional_call(layer, params, x).sum()
        >>> grad(loss)({k: v.detach() for k, v in layer.named_parameters()})["weight"].tolist()
        [[3.0, 3.0]]
    """
    given = _merged(parameter_and_buffer_dicts)
    places = dict(_places(module))
    unknown = [name for name in given if name not in places]
    own = {id(owner.__dict__[name]): None for owner, name in places.values()}
    covered = {id(_held(places[name])) for name in given if name in places}
    left = [name for name, place in places.items() if id(_held(place)) not in covered]
    if unknown or (strict and left):
        rows = (("unexpected", unknown), ("missing", left if strict else []))
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in rows if names)
        raise StateError(f"functional_call: the tensors do not fit {type(module).__name__}: {told}")
    if tie_weights and len(own) < len(places):
        given = _tied(given, places)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(given, places):
        return module(*arguments, **(kwargs or {}))


def _merged(given: Tensors | Sequence[Tensors]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for one in [given] if isinstance(given, Mapping) else given:
        found |= one
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor):
            raise ModuleError(f"functional_call: {name} must be a tensor, got {type(tensor)}")
    return found


def _places(module: Module) -> Iterator[tuple[str, tuple[Module, str]]]:
    for path, owner in module.named_modules(remove_duplicate=False):
        for kind in ("parameter", "buffer"):
            for name, _ in owner._own(kind):
                yield f"{path}.{name}" if path else name, (owner, name)


def _held(place: tuple[Module, str]) -> Any:
    owner, name = place
    return owner.__dict__[name]


def _tied(given: dict[str, Tensor], places: dict[str, tuple[Module, str]]) -> dict[str, Tensor]:
    """Adds the other places of tensors that are held in several."""
    by_tensor = {id(_held(places[name])): tensor for name, tensor in given.items()}
    others = {name: by_tensor.get(id(_held(place))) for name, place in places.items()}
    return {name: tensor for name, tensor in others.items() if tensor is not None} | given


@contextmanager
def _replaced(given: dict[str, Tensor], places: dict[str, tuple[Module, str]]) -> Iterator[None]:
    before = [(*places[name], _held(places[name])) for name in given]
    try:
        for name, tensor in given.items():
            owner, attribute = places[name]
            owner.__dict__[attribute] = tensor
        yield
    finally:
        for owner, attribute, tensor in before:
            owner.__dict__[attribute] = tensor
