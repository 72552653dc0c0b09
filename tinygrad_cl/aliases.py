"""Aliases: other handles of the values of a tensor, which change when they do.

Views are values of their own; these are the exceptions that programs count on: `x.data` follows
its tensor, and what `state_dict` returns keeps the values of its moment. An in-place operation on
either gives the tensor the new value, too, unless somebody has assigned to `x.data` since.
"""

from __future__ import annotations

import weakref
from typing import Any

from tinygrad_cl import autograd, engine
from tinygrad_cl.autograd.handle import Handle, classes, rebind, wrap
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import become
from tinygrad_cl.graph import Node
from tinygrad_cl.tensor import Tensor

_SLOT: Any = Handle.__dict__["node"]  # under the property of the same name


class Data(Tensor):
    """What `.data` returns: another handle of the same values, whoever changes them.

    After `x.data = y`, older handles keep the values that they had.
    """

    __slots__ = ("_count", "_seen", "_tensor")
    _is_lost = False
    _follows = True  # its tensor, when that gets another value
    _count: int
    _seen: Node
    _tensor: Tensor

    @classmethod
    def of(cls, tensor: Tensor) -> Data:
        """Returns the handle for the values of a tensor."""
        made: Data = object.__new__(cls)
        made._tensor, made._grad, made._count = tensor, None, _replaced(tensor)
        made._follow()
        return made

    @classmethod
    def assign(cls, tensor: Tensor, value: Tensor) -> None:
        """What `tensor.data = value` does."""
        if isinstance(value, Data) and value._follows and value.shows(tensor):
            return  # `x.data -= y` has done it
        node = value.node
        _replace(tensor)
        _show(tensor, node)

    def shows(self, tensor: Tensor) -> bool:
        """Whether it is a handle of what a tensor has now."""
        return self._tensor is tensor and self._count == _replaced(tensor)

    def _follow(self) -> None:
        self._seen = self._tensor.node
        node = become.plain(self._seen)
        _SLOT.__set__(self, node)
        node.owner = weakref.ref(self)

    @property
    def node(self) -> Node:
        """The node of the values that the tensor has now, or had at first."""
        moved = self._follows and self._tensor.node is not self._seen
        if moved and self.shows(self._tensor):
            self._follow()
        node: Node = _SLOT.__get__(self)
        return node

    @node.setter
    def node(self, node: Node) -> None:
        _SLOT.__set__(self, node)
        if self.shows(self._tensor):
            _show(self._tensor, node)
            self._seen = self._tensor.node

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.detach().__reduce_ex__(protocol)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copied: Tensor = memo.setdefault(id(self), self.detach())
        return copied


class Saved(Data):
    """What `state_dict` returns: the values of that moment; in-place operations change both."""

    __slots__ = ()
    _follows = False


def _show(tensor: Tensor, node: Node) -> None:
    """Makes a tensor show the value of another node; gradients flow as before."""
    if tensor.node.needs_grad and not tensor.node.leaf:
        with autograd.enable_grad():
            fresh = _Shown.apply(tensor, wrap(become.plain(node))).node
        rebind(tensor, fresh)
        return
    become.replace(tensor, become.plain(node))
    engine.defer(tensor)


class _Shown(autograd.Function):
    """A value in the place of another one, whose gradient it gets."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        if value.shape != x.shape:
            raise ShapeError(
                f"data: {value.shape} cannot take the place of a computed value of {x.shape}, "
                "which has a gradient to pass on; use .detach()"
            )
        return value

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g, None


# By the identity of tensors: how often `.data` was assigned to.
_replacements: dict[int, tuple[weakref.ref[Tensor], int]] = {}


def _replaced(tensor: Tensor) -> int:
    found = _replacements.get(id(tensor))
    return 0 if found is None else found[1]


def _replace(tensor: Tensor) -> None:
    name = id(tensor)
    reference = weakref.ref(tensor, lambda _: _replacements.pop(name, None))
    _replacements[name] = (reference, _replaced(tensor) + 1)


classes.data = Data

__all__ = ["Data", "Saved"]
