"""Helpers for training: clipping of gradients, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.functional.creation import zeros
from tinygrad_cl.functional.elementwise import pow, sqrt
from tinygrad_cl.functional.movement import cat, stack
from tinygrad_cl.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scales all gradients by one factor, so that their common norm is at most `max_norm`.

    The norm is global: that of one vector made of every gradient. Nothing is computed yet, unless
    `error_if_nonfinite` asks for it.

    Args:
        parameters: a tensor or several; those without gradient do not count.
        max_norm: the limit.
        norm_type: the p of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: raise an error for a norm that is infinite or NaN.

    Returns:
        The norm before clipping.

    Raises:
        ArgumentError: for a negative limit or a p that is not positive.
        GradientError: for a norm that is not finite, if asked to.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> a, b = tg.zeros(1, requires_grad=True), tg.zeros(1, requires_grad=True)
        >>> (3 * a + 4 * b).sum().backward()
        >>> nn.utils.clip_grad_norm_([a, b], 1.0).item()
        5.0
        >>> round(a.grad.item(), 4), round(b.grad.item(), 4)
        (0.6, 0.8)
    """
    if max_norm < 0 or not norm_type > 0:
        raise ArgumentError(
            f"clip_grad_norm_: needs max_norm >= 0 and norm_type > 0, got {max_norm}, {norm_type}"
        )
    tensors = _with_gradient(parameters)
    if not tensors:
        return zeros(())
    with no_grad():
        norm = _norm([_grad(tensor) for tensor in tensors], norm_type)
        if error_if_nonfinite and not math.isfinite(norm.item()):
            raise GradientError(f"clip_grad_norm_: the gradients' norm is {norm.item()}")
        factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for tensor in tensors:
            grad = _grad(tensor)
            grad.mul_(factor.to(grad.dtype))
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limits every element of every gradient to `[-clip_value, clip_value]`.

    Raises:
        ArgumentError: for a negative limit.
    """
    if clip_value < 0:
        raise ArgumentError(f"clip_grad_value_: needs clip_value >= 0, got {clip_value}")
    with no_grad():
        for tensor in _with_gradient(parameters):
            _grad(tensor).clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Returns all parameters as one vector."""
    return cat([param.reshape(-1) for param in parameters])


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the parts of a vector into the parameters; undoes `parameters_to_vector`.

    Raises:
        ArgumentError: if the vector has another length than the parameters together.
    """
    listed = list(parameters)
    needed = sum(param.numel() for param in listed)
    if vector.ndim != 1 or vector.numel() != needed:
        raise ArgumentError(
            f"vector_to_parameters: needs a vector of {needed} elements, got shape {vector.shape}"
        )
    start = 0
    with no_grad():
        for param in listed:
            end = start + param.numel()
            param.copy_(vector[start:end].reshape(param.shape))
            start = end


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [tensor for tensor in listed if tensor.grad is not None]


def _grad(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def _norm(grads: list[Tensor], p: float) -> Tensor:
    if p == math.inf:
        largest: Tensor = stack([grad.abs().max() for grad in grads]).max()
        return largest
    powers = [grad * grad if p == 2 else grad.abs() ** p for grad in grads]
    total = stack([power.sum() for power in powers]).sum()
    return sqrt(total) if p == 2 else pow(total, 1 / p)
