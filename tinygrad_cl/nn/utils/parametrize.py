"""Parameters that are made of others: a weight that stays symmetric, normalized, orthogonal, ...

The module keeps its attribute: reading it computes the value from what is trained, the originals,
which stand under `parametrizations.<name>` in its state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ModuleError, ShapeError
from tinygrad_cl.nn.containers import ModuleDict, ModuleList
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.tree import BUFFER, PARAMETER
from tinygrad_cl.nn.utils.injection import eject, inject, plain_class
from tinygrad_cl.tensor import Parameter, Tensor


class _Cache:
    depth = 0
    values: dict[tuple[int, str], Tensor] = {}  # noqa: RUF012 (one for the process, on purpose)


@contextmanager
def cached() -> Iterator[None]:
    """Computes every parametrized attribute once inside the block, not at every reading.

    For weights that are read often in one step, as in an RNN.

    Example:
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> with nn.utils.parametrize.cached():
        ...     layer.weight is layer.weight
        True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order, and the tensors they start from.

    Attributes:
        original: what the first one is given; `original0`, `original1`, ... if it takes several.
    """

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList: needs at least one parametrization")
        super().__init__(modules)
        self.unsafe = unsafe
        self._trained = isinstance(original, Parameter)
        with no_grad():
            inverse = self._inverted(original.detach())
        self.is_tensor = isinstance(inverse, Tensor)
        self.ntensors = 1 if isinstance(inverse, Tensor) else len(inverse)
        if inverse is original or (isinstance(inverse, Tensor) and inverse.node is original.node):
            self._keep("original", original)
        elif isinstance(inverse, Tensor):
            self._keep("original", inverse)
        else:
            for i, part in enumerate(inverse):
                self._keep(f"original{i}", part)
        if not unsafe:
            self._check(original)

    def _keep(self, name: str, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentError(
                "ParametrizationList: right_inverse must return a tensor or several, got "
                f"{type(value).__name__}"
            )
        if self._trained:
            given = value if isinstance(value, Parameter) else Parameter(value.clone())
            self.register_parameter(name, given)
        else:
            self.register_buffer(name, value)

    def _check(self, original: Tensor) -> None:
        with no_grad():
            made = self()
        if made.shape != original.shape or made.dtype is not original.dtype:
            raise ShapeError(
                "register_parametrization: a parametrization must keep shape and dtype, got "
                f"{original.shape} {original.dtype.name} and {made.shape} {made.dtype.name}; pass "
                "unsafe=True if that is meant"
            )

    def _inverted(self, value: Any) -> Any:
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                value = module.right_inverse(value)
            elif module is not self[0] or isinstance(value, Tensor):
                continue
        return value

    def originals(self) -> list[Tensor]:
        """Returns the tensors that the first parametrization is given."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that the parametrized tensor becomes `value`.

        Raises:
            ModuleError: if a parametrization has no `right_inverse`.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ModuleError(
                        f"parametrization {type(module).__name__} has no right_inverse, so the "
                        "tensor cannot be assigned; define one"
                    )
                value = module.right_inverse(value)
            parts = [value] if isinstance(value, Tensor) else list(value)
            for held, part in zip(self.originals(), parts, strict=True):
                held.copy_(part)

    def forward(self) -> Tensor:
        """Returns the parametrized tensor."""
        value: Tensor = self[0](*self.originals())
        for module in list(self)[1:]:
            value = module(value)
        return value


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes a parameter or buffer the result of a module, trained through it.

    `parametrization.forward(original)` gives the tensor. With a `right_inverse(value)` the first
    value is kept and the attribute can be assigned; it may return several tensors, which `forward`
    then takes. Further parametrizations of the same tensor are applied after the first.

    Args:
        module: whose tensor.
        tensor_name: the attribute's name.
        parametrization: the map.
        unsafe: let it change shape or dtype.

    Returns:
        The module.

    Raises:
        ModuleError: if there is no such parameter or buffer.
        ShapeError: if shape or dtype change.

    Example:
        >>> from tinygrad_cl import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).mT
        >>> layer = nn.Linear(3, 3)
        >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.mT).all())
        True
        >>> sorted(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """
    if is_parametrized(module, tensor_name):
        found = module.parametrizations[tensor_name]
        before = getattr(module, tensor_name).detach()
        if hasattr(parametrization, "right_inverse") and found.is_tensor:
            with no_grad():
                found.right_inverse(parametrization.right_inverse(before))
        found.append(parametrization)
        if not (unsafe or found.unsafe):
            try:
                found._check(before)
            except ShapeError:
                found.pop()
                raise
        return module
    if module._kinds.get(tensor_name) not in (PARAMETER, BUFFER):
        raise ModuleError(
            f"{type(module).__name__} has no parameter or buffer {tensor_name!r} to parametrize"
        )
    original = getattr(module, tensor_name)
    listed = ParametrizationList([parametrization], original, unsafe)
    parametrization.train(module.training)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    delattr(module, tensor_name)
    module.parametrizations[tensor_name] = listed
    inject(module, tensor_name, _reader(tensor_name), _writer(tensor_name), "Parametrized")
    return module


def _reader(name: str) -> Any:
    def read(module: Module) -> Tensor:
        listed: ParametrizationList = module.parametrizations[name]
        if not _Cache.depth:
            return listed()  # type: ignore[no-any-return]
        key = (id(module), name)
        if key not in _Cache.values:
            _Cache.values[key] = listed()
        return _Cache.values[key]

    return read


def _writer(name: str) -> Any:
    def write(module: Module, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return write


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Says whether a module has a parametrized tensor, or whether that one is.

    Example:
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> [nn.utils.parametrize.is_parametrized(layer, name) for name in ("weight", "bias")]
        [True, False]
    """
    held = module.__dict__.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def type_before_parametrizations(module: Module) -> type[Module]:
    """Returns the class of a module without its parametrizations.

    Example:
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> type(layer).__name__
        'ParametrizedLinear'
        >>> nn.utils.parametrize.type_before_parametrizations(layer).__name__
        'Linear'
    """
    return plain_class(module)


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Makes a parametrized tensor an ordinary parameter or buffer again; returns the module.

    Args:
        module: whose tensor.
        tensor_name: its name.
        leave_parametrized: keep the parametrized value; False goes back to the original, if it is
            one tensor.

    Raises:
        ModuleError: if it is not parametrized.
        ArgumentError: for `leave_parametrized=False` and several originals.

    Example:
        >>> from tinygrad_cl import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> layer = nn.utils.parametrize.remove_parametrizations(layer, "weight")
        >>> sorted(layer.state_dict())
        ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ModuleError(f"{type(module).__name__}: {tensor_name!r} is not parametrized")
    listed: ParametrizationList = module.parametrizations[tensor_name]
    if not leave_parametrized and not listed.is_tensor:
        raise ArgumentError(
            "remove_parametrizations: leave_parametrized=False needs a single original tensor, "
            f"{tensor_name!r} has {listed.ntensors}"
        )
    with no_grad():
        value = getattr(module, tensor_name).detach() if leave_parametrized else None
    restored = _restored(listed, value)
    eject(module, tensor_name, "Parametrized")
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    if isinstance(restored, Parameter):
        module.register_parameter(tensor_name, restored)
    else:
        module.register_buffer(tensor_name, restored)
    return module


def _restored(listed: ParametrizationList, value: Tensor | None) -> Tensor:
    """The tensor to put back; a single original stays the same object, for the optimizer."""
    if not listed.is_tensor:
        assert value is not None
        return Parameter(value) if listed._trained else value
    original: Tensor = listed.original
    if value is not None and value.shape == original.shape:
        with no_grad():
            original.copy_(value)
    elif value is not None:
        return Parameter(value) if listed._trained else value
    return original


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives another module the parametrizations and originals of one; returns the other module.

    Args:
        from_module: has them.
        to_module: of the same kind; receives them.
        tensor_name: whose; by default those of all parametrized tensors.

    Raises:
        ModuleError: if the first module has none.

    Example:
        >>> from tinygrad_cl import nn
        >>> a = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> move = nn.utils.parametrize.transfer_parametrizations_and_params
        >>> bool((move(a, nn.Linear(2, 2)).weight == a.weight).all())
        True
    """
    if not is_parametrized(from_module, tensor_name):
        raise ModuleError(f"{type(from_module).__name__}: nothing is parametrized")
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        listed: ParametrizationList = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            value = getattr(from_module, name).detach()
            to_module.register_parameter(name, Parameter(value))
        for parametrization in listed:
            register_parametrization(to_module, name, parametrization, unsafe=listed.unsafe)
        with no_grad():
            fresh = to_module.parametrizations[name]
            for held, given in zip(fresh.originals(), listed.originals(), strict=True):
                held.copy_(given)
    return to_module


__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]
