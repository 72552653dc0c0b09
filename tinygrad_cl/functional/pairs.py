"""Elementwise functions of two operands and more.   Primitives: primitives/special.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import Scalar, bool_, float64
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional import base, elementwise
from tinygrad_cl.functional.base import binary, wrap
from tinygrad_cl.graph import Node, Primitive, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import special as s
from tinygrad_cl.shapes import broadcast

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


def together(op: str, a: Operand, b: Operand) -> tuple[Node, Node]:
    """Returns two operands as nodes of one dtype whose shapes broadcast.

    Raises:
        ShapeError: if the shapes do not.
    """
    left, right = base.operands(op, a, b)
    broadcast(op, left.shape, right.shape)
    return left, right


def binary_float(primitive: Primitive, a: Operand, b: Operand) -> Tensor:
    """Returns a primitive of two operands; integers and bools become float32 first."""
    left, right = base.operands(primitive.name, a, b)
    return wrap(apply(primitive, (base.floating(left), base.floating(right))))


def numbers(op: str, a: Operand, b: Operand) -> tuple[Node, Node]:
    """Returns two operands as nodes of one dtype.

    Raises:
        DTypeError: if they are bools.
    """
    left, right = together(op, a, b)
    if left.dtype is bool_:
        raise DTypeError(f"{op}: needs numbers, got bools; cast them with .to(...)")
    return left, right


def atan2(input: Operand, other: Operand) -> Tensor:
    """Returns the angle in radians, from -pi to pi, of the point with y `input` and x `other`.

    Its gradient at the origin is 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atan2(tg.tensor([1.0, -1.0]), tg.tensor([0.0, -1.0]))
        tensor([ 1.5708, -2.3562])
    """
    return binary_float(s.atan2, input, other)


def hypot(input: Operand, other: Operand) -> Tensor:
    """Returns `sqrt(input**2 + other**2)`, without overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.hypot(tg.tensor([3.0, 1.0]), tg.tensor([4.0, 0.0]))
        tensor([5., 1.])
    """
    return binary_float(s.hypot, input, other)


def copysign(input: Operand, other: Operand) -> Tensor:
    """Returns the magnitude of `input` with the sign of `other`, that of zeros too.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.copysign(tg.tensor([1.0, -2.0]), tg.tensor([-0.0, 3.0]))
        tensor([-1.,  2.])
    """
    return binary_float(s.copysign, input, other)


def xlogy(input: Operand, other: Operand) -> Tensor:
    """Returns `input * log(other)`, and 0 where `input` is 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.xlogy(tg.tensor([0.0, 2.0]), tg.tensor([0.0, 1.5]))
        tensor([0.0000, 0.8109])
    """
    return binary_float(s.xlogy, input, other)


def xlog1py(input: Operand, other: Operand) -> Tensor:
    """Returns `input * log(1 + other)`, and 0 where `input` is 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.special.xlog1py(tg.tensor([0.0, 2.0]), tg.tensor([-1.0, 0.5]))
        tensor([0.0000, 0.8109])
    """
    return binary_float(s.xlog1py, input, other)


def logaddexp(input: Operand, other: Operand) -> Tensor:
    """Returns `log(exp(input) + exp(other))`, without overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logaddexp(tg.tensor([0.0, 100.0]), tg.tensor([0.0, 100.0]))
        tensor([  0.6931, 100.6931])
    """
    return binary_float(s.logaddexp, input, other)


def logaddexp2(input: Operand, other: Operand) -> Tensor:
    """Returns `log2(2**input + 2**other)`, without overflow.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logaddexp2(tg.tensor([0.0, 200.0]), tg.tensor([0.0, 200.0]))
        tensor([  1., 201.])
    """
    return binary_float(s.logaddexp2, input, other)


def ldexp(input: Operand, other: Operand) -> Tensor:
    """Returns `input * 2**other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ldexp(tg.tensor([1.0, 3.0]), tg.tensor([4, -1]))
        tensor([16.0000,  1.5000])
    """
    left, right = together("ldexp", input, other)
    return wrap(p.mul(base.floating(left), s.exp2(base.floating(right))))


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """Returns `input ** exponent`, computed in float64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.float_power(tg.tensor([2, 3]), -1)
        tensor([0.5000, 0.3333], dtype=tinygrad_cl.float64)
    """
    left, right = together("float_power", input, exponent)
    return wrap(p.pow(base.cast(left, float64), base.cast(right, float64)))


def true_divide(input: Operand, other: Operand) -> Tensor:
    """Returns `div(input, other)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.true_divide(tg.tensor([1, 2]), 2)
        tensor([0.5000, 1.0000])
    """
    return elementwise.div(input, other)


def rsub(input: Operand, other: Operand, *, alpha: Scalar = 1) -> Tensor:
    """Returns `other - alpha * input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.rsub(tg.tensor([1, 2]), 10)
        tensor([9, 8])
    """
    scaled = input if alpha == 1 else elementwise.mul(input, alpha)
    return elementwise.sub(other, scaled)


def fmod(input: Operand, other: Operand) -> Tensor:
    """Returns the remainder of a division rounded towards zero: it has the sign of `input`.

    Raises:
        DTypeError: for bools.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.fmod(tg.tensor([7, -7]), 3)
        tensor([ 1, -1])
    """
    a, b = numbers("fmod", input, other)
    if a.dtype.is_floating_point:
        return wrap(s.fmod(a, b))
    return wrap(p.mul(p.sign(a), p.remainder(p.abs(a), p.abs(b))))


def fmax(input: Operand, other: Operand) -> Tensor:
    """Returns the larger of two operands, the other one where one is NaN.

    Of equal ones the first gets the gradient.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.fmax(tg.tensor([1.0, float("nan")]), tg.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """
    return _nan_loses(s.fmax, p.maximum, input, other)


def fmin(input: Operand, other: Operand) -> Tensor:
    """Returns the smaller of two operands, the other one where one is NaN.

    Of equal ones the first gets the gradient.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.fmin(tg.tensor([1.0, float("nan")]), tg.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    return _nan_loses(s.fmin, p.minimum, input, other)


def _nan_loses(of_floats: Primitive, of_others: Primitive, a: Operand, b: Operand) -> Tensor:
    left, right = base.operands(of_floats.name, a, b)
    return wrap(apply(of_floats if left.dtype.is_floating_point else of_others, (left, right)))


def heaviside(input: Operand, values: Operand) -> Tensor:
    """Returns 0 below 0 (and for NaN), 1 above 0, and `values` at 0.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.heaviside(tg.tensor([-1.0, 0.0, 2.0]), tg.tensor(0.5))
        tensor([0.0000, 0.5000, 1.0000])
    """
    x, at_zero = together("heaviside", input, values)
    zero = base.constant(0, x.dtype)
    step = base.cast(p.gt(x, zero), x.dtype)
    return wrap(p.where(p.eq(x, zero), at_zero, step))


def bitwise_left_shift(input: Operand, other: Operand) -> Tensor:
    """Returns `input << other` of integers; 0 for a negative or too large `other`.

    Raises:
        DTypeError: if they are no integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_left_shift(tg.tensor([1, 3]), 2)
        tensor([ 4, 12])
    """
    return _shift(s.bitwise_left_shift, "<<", input, other)


def bitwise_right_shift(input: Operand, other: Operand) -> Tensor:
    """Returns `input >> other` of integers, with copies of the sign from the left.

    Raises:
        DTypeError: if they are no integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_right_shift(tg.tensor([13, -8]), 2)
        tensor([ 3, -2])
    """
    return _shift(s.bitwise_right_shift, ">>", input, other)


def _shift(primitive: Primitive, sign: str, a: Operand, b: Operand) -> Tensor:
    left, right = base.operands(sign, a, b)
    if left.dtype.is_floating_point or left.dtype is bool_:
        raise DTypeError(f"{sign}: needs integer tensors, got {left.dtype.name}; use x.long()")
    return binary(primitive, base.show(left), base.show(right))


def addcmul(input: Operand, tensor1: Operand, tensor2: Operand, *, value: Scalar = 1) -> Tensor:
    """Returns `input + value * tensor1 * tensor2`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addcmul(tg.zeros(2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]), value=0.5)
        tensor([1.5000, 4.0000])
    """
    return elementwise.add(input, _times(elementwise.mul(tensor1, tensor2), value))


def addcdiv(input: Operand, tensor1: Operand, tensor2: Operand, *, value: Scalar = 1) -> Tensor:
    """Returns `input + value * tensor1 / tensor2`.

    Raises:
        DTypeError: if `tensor1` and `tensor2` are integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addcdiv(tg.zeros(2), tg.tensor([1.0, 2.0]), tg.tensor([2.0, 4.0]))
        tensor([0.5000, 0.5000])
    """
    a, b = base.operands("addcdiv", tensor1, tensor2)
    if not a.dtype.is_floating_point:
        raise DTypeError("addcdiv: a quotient of integers is ambiguous; use x.float() or div")
    return elementwise.add(input, _times(wrap(p.div(a, b)), value))


def _times(x: Any, value: Scalar) -> Any:
    if value == 1:
        return x
    if isinstance(value, float) and not base.unwrap("value", x).dtype.is_floating_point:
        raise DTypeError(f"value must be an integer for integer tensors, got {value}")
    return elementwise.mul(x, value)
