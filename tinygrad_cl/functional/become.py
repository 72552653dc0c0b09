"""Giving a tensor a new value: what every in-place operation does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl import engine
from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import DTypeError, GradientError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, rebind
from tinygrad_cl.graph import Node, data, grad_mode
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def become(op: str, tensor: Handle, value: Node) -> Any:
    """Gives `tensor` a new value, in its shape and dtype, and returns it; leaves stay leaves.

    Raises:
        GradientError: for a leaf that requires grad, outside of `no_grad`.
        ShapeError: if the value does not broadcast to the tensor's shape.
        DTypeError: if the value has a higher category of dtype, such as floats for integers.
    """
    old = tensor.node
    if old.leaf and grad_mode.enabled:
        raise GradientError(
            f"{op}: a leaf that requires grad cannot change in place; do it inside no_grad(), "
            "or compute a new tensor"
        )
    if value.dtype.category > old.dtype.category:
        raise DTypeError(f"{op}: {value.dtype.name} results do not fit a {old.dtype.name} tensor")
    value = base.cast(value, old.dtype)
    if value.shape != old.shape:
        value = _grown(op, value, old)
    if (value.owner is not None and value.owner() is not None) or value.leaf or value is old:
        value = p.alias(value)
    if value.device is None:  # made of numbers alone
        value.device = old.device
    if old.leaf:
        value.leaf = value.needs_grad = True
        value.hooks = old.hooks
    rebind(tensor, value)
    if value.leaf or not value.needs_grad:
        engine.defer(tensor)  # weights updated one by one share what their gradients are made of
    return tensor


def plain(node: Node) -> Node:
    """A node with the same value through which no gradient flows."""
    if node.buffer is not None and node.device is not None:
        plain = data(node.buffer, node.shape, node.dtype, node.device)
        tracer = tracing.active
        if tracer is not None:
            tracer.shown(plain, node)
        return plain
    with no_grad():
        return p.alias(node)


def replace(tensor: Handle, fresh: Node) -> None:
    """Makes a tensor show a fresh node of any shape, dtype and device; leaves stay leaves.

    Raises:
        DTypeError: if the tensor requires grad, and the new dtype has no gradients.
    """
    old = tensor.node
    if old.leaf:
        if not fresh.dtype.is_floating_point:
            raise DTypeError(
                f"data: a tensor that requires grad needs floats, got {fresh.dtype.name}; "
                "use .float(), or requires_grad_(False) before"
            )
        fresh.leaf = fresh.needs_grad = True
        fresh.hooks = old.hooks
    rebind(tensor, fresh)


def _grown(op: str, value: Node, old: Node) -> Node:
    lead = old.ndim - value.ndim
    pairs = zip(value.shape, old.shape[max(lead, 0) :], strict=False)
    if lead < 0 or any(have not in (1, wanted) for have, wanted in pairs):
        raise ShapeError(
            f"{op}: a result of shape {value.shape} does not fit a tensor of {old.shape}"
        )
    return base.expand(value, old.shape)


def take(op: str, tensor: Handle, result: Tensor) -> Any:
    """Gives `tensor` the value of a temporary one, and returns it."""
    result.node.owner = None
    return become(op, tensor, result.node)


def placed(op: str, input: Handle, result: Tensor, inplace: bool) -> Tensor:
    """Returns a result; with `inplace` as the new value of the input, which is returned."""
    return take(op, input, result) if inplace else result
