"""Signs, parts and bounds of numbers, angles, and questions about them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import bool_, finfo
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unary, wrap
from tinygrad_cl.functional.logic import clamp
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import special as s

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


def frac(input: Tensor) -> Tensor:
    """Returns `input - trunc(input)`; its gradient is 1.

    Raises:
        DTypeError: for integers and bools.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.frac(tg.tensor([1.5, -1.25]))
        tensor([ 0.5000, -0.2500])
    """
    x = base.unwrap("frac", input)
    if not x.dtype.is_floating_point:
        raise DTypeError(f"frac: needs floats, got {x.dtype.name}, which have no fraction")
    return wrap(x - p.trunc(x))


def sgn(input: Tensor) -> Tensor:
    """Returns `sign(input)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sgn(tg.tensor([-3.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    x = base.unwrap("sgn", input)
    return wrap(p.alias(x)) if x.dtype is bool_ else unary(p.sign, input)


def signbit(input: Tensor) -> Tensor:
    """Returns where the sign is minus, that of -0.0 too.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.signbit(tg.tensor([1.0, -0.0, -2.0]))
        tensor([False,  True,  True])
    """
    x = base.unwrap("signbit", input)
    if x.dtype.is_floating_point:
        return wrap(s.signbit(x))
    return wrap(p.lt(x, base.constant(0, x.dtype)))


def positive(input: Tensor) -> Tensor:
    """Returns `input`.

    Raises:
        DTypeError: for bools.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.positive(tg.tensor([1, -2]))
        tensor([ 1, -2])
    """
    if base.unwrap("positive", input).dtype is bool_:
        raise DTypeError("positive: needs numbers, got bools; cast them with .to(...)")
    return input


def rad2deg(input: Tensor) -> Tensor:
    """Returns an angle in radians in degrees.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.rad2deg(tg.tensor([0.0, 3.14159265]))
        tensor([  0., 180.])
    """
    return wrap(base.floating(base.unwrap("rad2deg", input)) * (180 / math.pi))


def deg2rad(input: Tensor) -> Tensor:
    """Returns an angle in degrees in radians.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.deg2rad(tg.tensor([0.0, 180.0]))
        tensor([0.0000, 3.1416])
    """
    return wrap(base.floating(base.unwrap("deg2rad", input)) * (math.pi / 180))


def nan_to_num(
    input: Tensor,
    nan: float | None = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """Returns `input` with numbers in place of NaN and the infinities; no gradient passes there.

    Args:
        input: any tensor; integers and bools have nothing to replace.
        nan: in place of NaN.
        posinf: in place of infinity; the largest number of the dtype by default.
        neginf: in place of minus infinity; the least number of the dtype by default.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nan_to_num(tg.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
        tensor([1., 0., 9.])
    """
    x = base.unwrap("nan_to_num", input)
    if not x.dtype.is_floating_point:
        return wrap(p.alias(x))
    largest = finfo(x.dtype).max
    above = _is(x, math.inf), largest if posinf is None else posinf
    below = _is(x, -math.inf), -largest if neginf is None else neginf
    for found, value in ((p.isnan(x), nan or 0.0), above, below):
        x = p.where(found, base.constant(value, x.dtype), x)
    return wrap(x)


def _is(x: Node, value: float) -> Node:
    return p.eq(x, base.constant(value, x.dtype))


def _is_infinite(op: str, input: Tensor, value: float) -> Tensor:
    return wrap(_is(base.floating(base.unwrap(op, input)), value))


def isposinf(input: Tensor) -> Tensor:
    """Returns where `input` is infinity.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isposinf(tg.tensor([1.0, float("inf"), -float("inf")]))
        tensor([False,  True, False])
    """
    return _is_infinite("isposinf", input, math.inf)


def isneginf(input: Tensor) -> Tensor:
    """Returns where `input` is minus infinity.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isneginf(tg.tensor([1.0, float("inf"), -float("inf")]))
        tensor([False, False,  True])
    """
    return _is_infinite("isneginf", input, -math.inf)


def isreal(input: Tensor) -> Tensor:
    """Returns where `input` has no imaginary part: everywhere, as there are no complex dtypes.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isreal(tg.tensor([1.0, float("nan")]))
        tensor([True, True])
    """
    x = base.unwrap("isreal", input)
    return wrap(base.fill(True, x.shape, bool_, base.device_of(x)))


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Returns where `|input - other| <= atol + rtol * |other|`, or both are equal.

    Args:
        input: any tensor.
        other: a tensor of the same dtype.
        rtol: the relative tolerance.
        atol: the absolute tolerance.
        equal_nan: two NaN are close to each other.

    Raises:
        DTypeError: if the dtypes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isclose(tg.tensor([1.0, 2.0]), tg.tensor([1.000001, 2.1]))
        tensor([ True, False])
    """
    a, b = base.unwrap("isclose", input), base.unwrap("isclose", other)
    if a.dtype is not b.dtype:
        raise DTypeError(f"isclose: {a.dtype.name} and {b.dtype.name} differ; cast one of them")
    near = p.eq(a, b)
    if rtol or atol:
        x, y = base.floating(a), base.floating(b)
        distance = p.abs(x - y)
        within = p.le(distance, p.abs(y) * rtol + atol)
        finite = p.lt(distance, base.constant(math.inf, distance.dtype))
        near = p.logical_or(near, p.logical_and(within, finite))
    if equal_nan and a.dtype.is_floating_point:
        near = p.logical_or(near, p.logical_and(p.isnan(a), p.isnan(b)))
    return wrap(near)


def clamp_min(input: Tensor, min: Operand) -> Tensor:
    """Returns `clamp(input, min=min)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.clamp_min(tg.tensor([-2.0, 0.5]), 0)
        tensor([0.0000, 0.5000])
    """
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Operand) -> Tensor:
    """Returns `clamp(input, max=max)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.clamp_max(tg.tensor([2.0, 0.5]), 1)
        tensor([1.0000, 0.5000])
    """
    return clamp(input, max=max)
