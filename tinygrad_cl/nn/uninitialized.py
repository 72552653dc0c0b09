"""Parameters and buffers whose shape the first input will tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.autograd.handle import Handle, rebind, wrap
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional.creation import empty
from tinygrad_cl.graph import Node
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device

_SLOT = Handle.__dict__["node"]  # holds an empty placeholder, which has the dtype and the device


class Uninitialized:
    """What `UninitializedParameter` and `UninitializedBuffer` share."""

    __slots__ = ()
    becomes: type[Tensor] = Tensor

    @property
    def node(self) -> Node:
        """Raises a ShapeError: there is no value yet.

        Raises:
            ShapeError: always.
        """
        raise ShapeError(
            f"this {type(self).__name__} of a lazy layer has no shape yet; run one batch through "
            "the net, or load a state into it, before its values are used (by an optimizer, too)"
        )

    @node.setter
    def node(self, node: Node) -> None:
        _SLOT.__set__(self, node)

    @property
    def _placeholder(self) -> Node:
        node: Node = _SLOT.__get__(self)
        return node

    @property
    def dtype(self) -> DType:
        """The dtype that it will have."""
        return self._placeholder.dtype

    @property
    def device(self) -> Device:
        """The device on which it will live."""
        return wrap(self._placeholder).device

    @property
    def requires_grad(self) -> bool:
        """Whether it will require gradients."""
        return self._placeholder.needs_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Says whether it will require gradients; returns it."""
        node = self._placeholder
        node.leaf = node.needs_grad = bool(requires_grad)
        return self

    def detach(self) -> Any:
        """Returns it as it is: there is nothing to cut."""
        return self

    def move(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Takes over dtype and device that `fn` gives to a tensor."""
        old = self._placeholder
        fresh = fn(empty(old.shape, dtype=old.dtype, device=self.device)).node
        fresh.leaf = fresh.needs_grad = old.leaf
        self.node = fresh

    def materialize(
        self,
        shape: tuple[int, ...],
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        """Becomes an ordinary parameter or buffer of a shape, whose values may be anything.

        Args:
            shape: the sizes.
            device: where it lives; by default as said when it was made.
            dtype: its dtype; likewise.
        """
        old = self._placeholder
        place = self.device if device is None else device
        with no_grad():
            fresh = empty(shape, dtype=dtype or old.dtype, device=place).node
        fresh.leaf = fresh.needs_grad = old.leaf
        self.__class__ = self.becomes  # type: ignore[assignment]
        rebind(self, fresh)  # type: ignore[arg-type]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            made = type(self)(self.requires_grad, self.device, self.dtype)  # type: ignore[call-arg]
            memo[id(self)] = made
        return memo[id(self)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter without shape, of a lazy layer; the first input gives it one.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.LazyLinear(3).weight
        <UninitializedParameter>
    """

    becomes = Parameter

    def __new__(
        cls,
        requires_grad: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> UninitializedParameter:
        """Returns a parameter without shape, of a dtype and on a device."""
        made: Any = object.__new__(cls)
        _start(made, requires_grad, device, dtype)
        return made  # type: ignore[no-any-return]


class UninitializedBuffer(Uninitialized, Tensor):
    """A buffer without shape, of a lazy layer; the first input gives it one."""

    __slots__ = ()

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> UninitializedBuffer:
        """Returns a buffer without shape, of a dtype and on a device."""
        made: Any = object.__new__(cls)
        _start(made, requires_grad, device, dtype)
        return made  # type: ignore[no-any-return]


def _start(made: Any, requires_grad: bool, device: Any, dtype: Any) -> None:
    made._grad = None
    made.node = empty(0, device=device, dtype=dtype).node
    made.requires_grad_(requires_grad)


def is_lazy(value: object) -> bool:
    """Says whether a parameter or buffer has no shape yet.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.parameter.is_lazy(nn.LazyLinear(3).weight)
        True
    """
    return isinstance(value, Uninitialized)
