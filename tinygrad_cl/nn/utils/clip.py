"""Clipping of gradients: by their common norm, or element by element."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.functional.creation import zeros
from tinygrad_cl.functional.elementwise import pow, sqrt
from tinygrad_cl.functional.movement import stack
from tinygrad_cl.tensor import Tensor


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Returns the norm of one vector made of all elements of all tensors.

    Nothing is computed yet, unless `error_if_nonfinite` asks for it.

    Args:
        tensors: a tensor or several, gradients as a rule; for none the norm is 0.
        norm_type: the p of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: raise an error for a norm that is infinite or NaN.
        foreach: taken for compatibility; one launch serves all tensors anyway.

    Raises:
        ArgumentError: for a p that is not positive.
        GradientError: for a norm that is not finite, if asked to.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.utils.get_total_norm([tg.tensor([3.0]), tg.tensor([0.0, 4.0])]).item()
        5.0
    """
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not norm_type > 0:
        raise ArgumentError(f"get_total_norm: needs norm_type > 0, got {norm_type}")
    if not listed:
        return zeros(())
    norm = _norm(listed, norm_type)
    if error_if_nonfinite and not math.isfinite(norm.item()):
        raise GradientError(
            f"the total norm of order {norm_type} of the gradients is {norm.item()}; "
            "error_if_nonfinite=False lets it pass"
        )
    return norm


def _norm(tensors: list[Tensor], p: float) -> Tensor:
    if p == math.inf:
        largest: Tensor = stack([tensor.abs().max() for tensor in tensors]).max()
        return largest
    powers = [tensor * tensor if p == 2 else tensor.abs() ** p for tensor in tensors]
    total = stack([power.sum() for power in powers]).sum()
    return sqrt(total) if p == 2 else pow(total, 1 / p)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scales all gradients by `min(1, max_norm / (total_norm + 1e-6))`.

    Args:
        parameters: a tensor or several; those without gradient do not count.
        max_norm: the limit.
        total_norm: the norm of the gradients, of `get_total_norm`.
        foreach: taken for compatibility; one launch serves all tensors anyway.

    Raises:
        ArgumentError: for a negative limit.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (w * tg.tensor([3.0, 4.0])).sum().backward()
        >>> nn.utils.clip_grads_with_norm_([w], 1.0, tg.tensor(10.0))
        >>> [round(v, 4) for v in w.grad.tolist()]
        [0.3, 0.4]
    """
    if max_norm < 0:
        raise ArgumentError(f"clip_grads_with_norm_: needs max_norm >= 0, got {max_norm}")
    with no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in _gradients(parameters):
            grad.mul_(factor.to(grad.dtype))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients by one factor, so that their common norm is at most `max_norm`.

    The norm is global: that of one vector made of every gradient. Nothing is computed yet, unless
    `error_if_nonfinite` asks for it.

    Args:
        parameters: a tensor or several; those without gradient do not count.
        max_norm: the limit.
        norm_type: the p of the norm; `inf` for the largest absolute value.
        error_if_nonfinite: raise an error for a norm that is infinite or NaN.
        foreach: taken for compatibility; one launch serves all tensors anyway.

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
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    with no_grad():
        norm = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, norm)
    return norm


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limits every element of every gradient to `[-clip_value, clip_value]`.

    Raises:
        ArgumentError: for a negative limit.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> w = tg.zeros(2, requires_grad=True)
        >>> (w * tg.tensor([3.0, -0.5])).sum().backward()
        >>> nn.utils.clip_grad_value_([w], 1.0)
        >>> w.grad.tolist()
        [1.0, -0.5]
    """
    if clip_value < 0:
        raise ArgumentError(f"clip_grad_value_: needs clip_value >= 0, got {clip_value}")
    with no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-clip_value, clip_value)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [tensor.grad for tensor in listed if tensor.grad is not None]
