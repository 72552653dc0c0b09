"""`Handle`: the part of a Tensor that autograd knows, and how nodes become Tensors.

Level 4 builds Tensors without importing their class: `classes` holds it.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from tinygrad_cl.graph import PRIMITIVES, Node, grad_mode
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


class Handle:
    """What autograd knows of a Tensor: the node that it shows, and its gradient.

    Users read and set the gradient as `Tensor.grad`, which checks it and tells `jit` of it.
    """

    __slots__ = ("__weakref__", "_grad", "node")

    node: Node
    _grad: Tensor | None


class Classes:
    """The class that `wrap` makes, of tensor.py, and that of `x.data`, of aliases.py."""

    tensor: type[Any] = Handle
    data: type[Any] = Handle


classes = Classes()
_new = object.__new__
_ref = weakref.ref


def wrap(node: Node) -> Tensor:
    """Returns a new Tensor that shows `node`, which no other Tensor shows."""
    tensor = _new(classes.tensor)
    tensor.node = node
    tensor._grad = None
    node.owner = _ref(tensor)
    return tensor  # type: ignore[no-any-return]


def show(node: Node) -> Tensor:
    """Returns a Tensor that shows `node`: its owner, if it has one that still shows it."""
    owner = None if node.owner is None else node.owner()
    if owner is None:
        return wrap(node)
    if owner.node is node:
        return owner  # type: ignore[no-any-return]
    tensor = _new(
        classes.tensor
    )  # the owner has moved on, but stays the one that receives gradients
    tensor.node, tensor._grad = node, None
    return tensor  # type: ignore[no-any-return]


def own(node: Node) -> Tensor:
    """Returns a new Tensor with the value of `node`, whoever else shows it."""
    shown = node.owner is not None and node.owner() is not None
    if shown or node.leaf or (node.needs_grad and not grad_mode.enabled):
        node = PRIMITIVES["alias"](node)
    return wrap(node)


def rebind(tensor: Handle, node: Node) -> None:
    """Makes `tensor` show `node`, a fresh one: what in-place operations do."""
    old = tensor.node
    if old.owner is not None and old.owner() is tensor and not old.leaf:
        old.owner = None
    tensor.node = node
    node.owner = _ref(tensor)
    tracing.rebinds += 1
    tracer = tracing.active
    if tracer is not None:
        tracer.rebound(tensor, old)
