"""In-place operations: the tensor gets a new value; others that show the old one keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import Scalar
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import activation, base, elementwise, logic
from tinygrad_cl.functional.become import become as become
from tinygrad_cl.functional.become import take as take

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


def add_(input: Tensor, other: Operand, *, alpha: Scalar = 1) -> Tensor:
    """Adds `alpha * other` in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1, 2]).add_(1)
        tensor([2, 3])
    """
    take("add_", input, elementwise.add(input, other, alpha=alpha))
    return input


def sub_(input: Tensor, other: Operand, *, alpha: Scalar = 1) -> Tensor:
    """Subtracts `alpha * other` in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1, 2]).sub_(1)
        tensor([0, 1])
    """
    take("sub_", input, elementwise.sub(input, other, alpha=alpha))
    return input


def mul_(input: Tensor, other: Operand) -> Tensor:
    """Multiplies in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1, 2]).mul_(3)
        tensor([3, 6])
    """
    take("mul_", input, elementwise.mul(input, other))
    return input


def div_(input: Tensor, other: Operand) -> Tensor:
    """Divides in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0]).div_(2)
        tensor([0.5000, 1.0000])
    """
    take("div_", input, elementwise.div(input, other))
    return input


def pow_(input: Tensor, other: Operand) -> Tensor:
    """Raises to a power in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([2.0, 3.0]).pow_(2)
        tensor([4., 9.])
    """
    take("pow_", input, elementwise.pow(input, other))
    return input


def neg_(input: Tensor) -> Tensor:
    """Changes the sign in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, -2.0]).neg_()
        tensor([-1.,  2.])
    """
    take("neg_", input, elementwise.neg(input))
    return input


def abs_(input: Tensor) -> Tensor:
    """Takes the absolute value in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, -2.0]).abs_()
        tensor([1., 2.])
    """
    take("abs_", input, elementwise.abs(input))
    return input


def exp_(input: Tensor) -> Tensor:
    """Takes the exponential in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2).exp_()
        tensor([1., 1.])
    """
    take("exp_", input, elementwise.exp(input))
    return input


def log_(input: Tensor) -> Tensor:
    """Takes the logarithm in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(2).log_()
        tensor([0., 0.])
    """
    take("log_", input, elementwise.log(input))
    return input


def sqrt_(input: Tensor) -> Tensor:
    """Takes the square root in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([4.0]).sqrt_()
        tensor([2.])
    """
    take("sqrt_", input, elementwise.sqrt(input))
    return input


def relu_(input: Tensor) -> Tensor:
    """Replaces what is negative by 0 in place; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([-1.0, 2.0]).relu_()
        tensor([0., 2.])
    """
    take("relu_", input, activation.relu(input))
    return input


def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Holds the tensor between `min` and `max` in place; returns it.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([-2.0, 3.0]).clamp_(0, 1)
        tensor([0., 1.])
    """
    take("clamp_", input, logic.clamp(input, min, max))
    return input


def masked_fill_(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Writes `value` where `mask` holds; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2).masked_fill_(tg.tensor([True, False]), 5)
        tensor([5., 0.])
    """
    take("masked_fill_", input, logic.masked_fill(input, mask, value))
    return input


def copy_(input: Tensor, src: Operand) -> Tensor:
    """Writes the values of `src`, cast and broadcast to fit; returns the tensor.

    The tensor stays on its device, wherever `src` is.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2).copy_(tg.tensor([1, 2]))
        tensor([1., 2.])
    """
    node = base.unwrap("copy_", input)
    device = base.device_of(node)
    if isinstance(src, base.Handle) and base.device_of(src.node) is not device:
        src = src.to(device)  # type: ignore[attr-defined]
    value = base.cast(base.operand("copy_", src, node), node.dtype)
    become("copy_", input, value)
    return input


def fill_(input: Tensor, value: Scalar | Tensor) -> Tensor:
    """Writes one number, or the value of a tensor without dims, everywhere; returns the tensor.

    Raises:
        ShapeError: for a tensor that has dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2).fill_(3)
        tensor([3., 3.])
    """
    node = base.unwrap("fill_", input)
    if isinstance(value, base.Handle):
        if value.node.shape:
            raise ShapeError(
                f"fill_: needs a number or a tensor without dims, got shape {value.node.shape}; "
                "use copy_ to write several values"
            )
        become("fill_", input, base.cast(value.node, node.dtype))
        return input
    full = base.fill(base.number(value), node.shape, node.dtype, base.device_of(node))
    become("fill_", input, full)
    return input


def zero_(input: Tensor) -> Tensor:
    """Writes zeros everywhere; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(2).zero_()
        tensor([0., 0.])
    """
    return fill_(input, 0)
