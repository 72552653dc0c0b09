"""Elementwise functions.   Primitives: primitives/elementwise.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_cl.dtypes import Scalar, bool_
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, binary, unary, unary_float, wrap
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor

# --- arithmetic


def add(input: Operand, other: Operand, *, alpha: Scalar = 1) -> Tensor:
    """Returns `input + alpha * other`; for bools, `or`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.add(tg.tensor([1, 2]), 10)
        tensor([11, 12])
    """
    if alpha != 1:
        other = _scaled(other, alpha)
    return binary(p.add, input, other)


def _scaled(other: Operand, alpha: Scalar) -> Operand:
    if isinstance(other, Handle):
        return mul(other, alpha)
    return other * alpha if isinstance(other, np.ndarray) else base.number(other) * alpha


def sub(input: Operand, other: Operand, *, alpha: Scalar = 1) -> Tensor:
    """Returns `input - alpha * other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sub(tg.tensor([1, 2]), tg.tensor([3, 3]))
        tensor([-2, -1])
    """
    if alpha != 1:
        other = _scaled(other, alpha)
    return binary(p.sub, input, other)


def mul(input: Operand, other: Operand) -> Tensor:
    """Returns `input * other`; for bools, `and`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.mul(tg.tensor([1.0, 2.0]), 3)
        tensor([3., 6.])
    """
    return binary(p.mul, input, other)


def div(input: Operand, other: Operand, *, rounding_mode: str | None = None) -> Tensor:
    """Returns `input / other`, float for integers too; rounded with "floor" or "trunc" if asked.

    Raises:
        DTypeError: if `rounding_mode` is something else.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.div(tg.tensor([1, 2]), 2)
        tensor([0.5000, 1.0000])
    """
    if rounding_mode == "floor":
        return floor_divide(input, other)
    a, b = base.operands("div", input, other)
    if rounding_mode is None:
        return wrap(apply(p.div, (base.floating(a), base.floating(b))))
    if rounding_mode != "trunc":
        raise DTypeError(f'div: rounding_mode is None, "floor" or "trunc", got {rounding_mode!r}')
    if a.dtype.is_floating_point:
        return wrap(p.trunc_divide(a, b))
    quotient = p.floor_divide(p.abs(a), p.abs(b))
    return wrap(p.mul(quotient, p.mul(p.sign(a), p.sign(b))))


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """Returns `input // other`, rounded down as in Python.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.floor_divide(tg.tensor([7, -7]), 2)
        tensor([ 3, -4])
    """
    return binary(p.floor_divide, input, other)


def remainder(input: Operand, other: Operand) -> Tensor:
    """Returns `input % other`, with the sign of `other` as in Python.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.remainder(tg.tensor([7, -7]), 3)
        tensor([1, 2])
    """
    return binary(p.remainder, input, other)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """Returns `input ** exponent`.

    Raises:
        DTypeError: for integers to a negative Python integer.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.pow(tg.tensor([1.0, 2.0, 3.0]), 2)
        tensor([1., 4., 9.])
    """
    if isinstance(input, Handle) and isinstance(exponent, int | float):
        special = _special_power(input.node, exponent)
        if special is not None:
            return wrap(special)
        if exponent < 0 and isinstance(exponent, int) and not input.node.dtype.is_floating_point:
            raise DTypeError("pow: integers to a negative power are fractions; use x.float()")
    return binary(p.pow, input, exponent)


def _special_power(x: Node, exponent: float) -> Node | None:
    """Powers that are one or two cheap ops."""
    if exponent == 2 and (x.dtype.is_floating_point or _is_integer(x, exponent)):
        return apply(p.mul, (x, x))
    if not x.dtype.is_floating_point:
        return None
    if exponent == 3:
        return apply(p.mul, (apply(p.mul, (x, x)), x))
    if exponent == 0.5:
        return apply(p.sqrt, (x,))
    if exponent == -0.5:
        return apply(p.pow_minus_half, (x,))
    return 1 / x if exponent == -1 else None


def _is_integer(x: Node, exponent: float) -> bool:
    return x.dtype.is_integer and isinstance(exponent, int)


def square(input: Tensor) -> Tensor:
    """Returns `input * input`; of bools as int64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.square(tg.tensor([2, 3]))
        tensor([4, 9])
    """
    return pow(input, 2)


def reciprocal(input: Tensor) -> Tensor:
    """Returns `1 / input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.reciprocal(tg.tensor([2.0, 4.0]))
        tensor([0.5000, 0.2500])
    """
    return wrap(1 / base.floating(base.unwrap("reciprocal", input)))


def maximum(input: Operand, other: Operand) -> Tensor:
    """Returns the larger of two operands; NaN if one is NaN. Equal ones share the gradient.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.maximum(tg.tensor([1, 5]), tg.tensor([3, 2]))
        tensor([3, 5])
    """
    return binary(p.maximum, input, other)


def minimum(input: Operand, other: Operand) -> Tensor:
    """Returns the smaller of two operands; NaN if one is NaN. Equal ones share the gradient.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.minimum(tg.tensor([1, 5]), tg.tensor([3, 2]))
        tensor([1, 2])
    """
    return binary(p.minimum, input, other)


# --- one operand


def neg(input: Tensor) -> Tensor:
    """Returns `-input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.neg(tg.tensor([1, -2]))
        tensor([-1,  2])
    """
    return unary(p.neg, input)


def abs(input: Tensor) -> Tensor:
    """Returns the absolute value; its gradient at 0 is 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.abs(tg.tensor([1, -2]))
        tensor([1, 2])
    """
    return unary(p.abs, input)


def sign(input: Tensor) -> Tensor:
    """Returns -1, 0 or 1 by the sign; bools stay as they are.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sign(tg.tensor([-3.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    node = base.unwrap("sign", input)
    return wrap(p.alias(node) if node.dtype is bool_ else apply(p.sign, (node,)))


def floor(input: Tensor) -> Tensor:
    """Returns the next whole number down; its gradient is zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.floor(tg.tensor([1.5, -1.5]))
        tensor([ 1., -2.])
    """
    return unary(p.floor, input)


def ceil(input: Tensor) -> Tensor:
    """Returns the next whole number up; its gradient is zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ceil(tg.tensor([1.5, -1.5]))
        tensor([ 2., -1.])
    """
    return unary(p.ceil, input)


def round(input: Tensor) -> Tensor:
    """Returns the nearest whole number, halves to even; its gradient is zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.round(tg.tensor([1.5, 2.5]))
        tensor([2., 2.])
    """
    return unary(p.round, input)


def trunc(input: Tensor) -> Tensor:
    """Returns the next whole number towards zero; its gradient is zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.trunc(tg.tensor([1.5, -1.5]))
        tensor([ 1., -1.])
    """
    return unary(p.trunc, input)


def exp(input: Tensor) -> Tensor:
    """Returns e to the power of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.exp(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    return unary_float(p.exp, input)


def log(input: Tensor) -> Tensor:
    """Returns the natural logarithm; NaN below 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.log(tg.tensor([1.0, 10.0]))
        tensor([0.0000, 2.3026])
    """
    return unary_float(p.log, input)


def sqrt(input: Tensor) -> Tensor:
    """Returns the square root; NaN below 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sqrt(tg.tensor([4.0, 2.0]))
        tensor([2.0000, 1.4142])
    """
    return unary_float(p.sqrt, input)


def rsqrt(input: Tensor) -> Tensor:
    """Returns `1 / sqrt(input)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.rsqrt(tg.tensor([4.0]))
        tensor([0.5000])
    """
    return unary_float(p.rsqrt, input)


def sin(input: Tensor) -> Tensor:
    """Returns the sine of an angle in radians.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sin(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """
    return unary_float(p.sin, input)


def cos(input: Tensor) -> Tensor:
    """Returns the cosine of an angle in radians.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cos(tg.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """
    return unary_float(p.cos, input)


def erf(input: Tensor) -> Tensor:
    """Returns `2 / sqrt(pi)` times the integral of `exp(-t * t)` from 0 to `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.erf(tg.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """
    return unary_float(p.erf, input)


def lerp(input: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """Returns `input + weight * (end - input)`, seen from `end` if `|weight|` is at least 0.5.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.lerp(tg.tensor([0.0]), tg.tensor([10.0]), 0.3)
        tensor([3.])
    """
    a, b = base.operands("lerp", input, end)
    if isinstance(weight, Handle | np.ndarray):
        w = base.floating(base.operand("lerp", weight, a))
        near = p.lt(p.abs(w), base.constant(0.5, w.dtype))
        origin, share = p.where(near, a, b), p.where(near, w, w - 1)
        return add(wrap(origin), mul(wrap(share), wrap(b - a)))
    number = base.number(weight)
    origin, factor = (a, number) if -0.5 < number < 0.5 else (b, number - 1)
    return add(base.show(origin), mul(wrap(b - a), factor))
