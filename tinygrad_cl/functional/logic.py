"""Comparisons, logic, and choosing between values.   Primitives: primitives/elementwise.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.dtypes import bool_, int32, int64, promote, rounded_number, uint8, widened
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, binary, show, unary_float, wrap
from tinygrad_cl.graph import Node, Primitive, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import special as s

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor

# --- comparisons; the results are bool and have no gradient


def eq(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` equals `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.eq(tg.tensor([1, 2, 3]), 2)
        tensor([False,  True, False])
    """
    return compare(p.eq, input, other)


def ne(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` differs from `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ne(tg.tensor([1, 2, 3]), 2)
        tensor([ True, False,  True])
    """
    return compare(p.ne, input, other)


def lt(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` is less than `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.lt(tg.tensor([1, 2, 3]), 2)
        tensor([ True, False, False])
    """
    return compare(p.lt, input, other)


def le(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` is at most `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.le(tg.tensor([1, 2, 3]), 2)
        tensor([ True,  True, False])
    """
    return compare(p.le, input, other)


def gt(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` is greater than `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.gt(tg.tensor([1, 2, 3]), 2)
        tensor([False, False,  True])
    """
    return compare(p.gt, input, other)


def ge(input: Operand, other: Operand) -> Tensor:
    """Returns where `input` is at least `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ge(tg.tensor([1, 2, 3]), 2)
        tensor([False,  True,  True])
    """
    return compare(p.ge, input, other)


def compare(primitive: Primitive, a: Operand, b: Operand) -> Tensor:
    """Returns a comparison.

    Small integer dtypes meet Python integers in int64, floats of 16 bits numbers that are rounded.
    """
    if isinstance(a, Handle) and isinstance(b, Handle):
        return binary(primitive, a, b)
    tensor, value = (a, b) if isinstance(a, Handle) else (b, a)
    small = isinstance(tensor, Handle) and tensor.node.dtype in (uint8, int32)
    if small and isinstance(value, int) and not isinstance(value, bool):
        wide = base.cast(base.unwrap(primitive.name, tensor), int64)
        other = base.constant(value, int64)
        return wrap(primitive(wide, other) if tensor is a else primitive(other, wide))
    if isinstance(tensor, Handle) and tensor.node.dtype.is_half and isinstance(value, float):
        value = rounded_number(value, tensor.node.dtype)
        a, b = (a, value) if tensor is a else (value, b)
    return binary(primitive, a, b)


def isnan(input: Tensor) -> Tensor:
    """Returns where `input` is NaN.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isnan(tg.tensor([1.0, float("nan")]))
        tensor([False,  True])
    """
    return unary_float(p.isnan, input)


def isinf(input: Tensor) -> Tensor:
    """Returns where `input` is infinite.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isinf(tg.tensor([1.0, float("inf")]))
        tensor([False,  True])
    """
    node = base.floating(base.unwrap("isinf", input))
    return wrap(p.eq(p.abs(node), base.constant(float("inf"), node.dtype)))


def isfinite(input: Tensor) -> Tensor:
    """Returns where `input` is neither NaN nor infinite.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isfinite(tg.tensor([1.0, float("inf")]))
        tensor([ True, False])
    """
    node = base.floating(base.unwrap("isfinite", input))
    return wrap(p.lt(p.abs(node), base.constant(float("inf"), node.dtype)))


def equal(input: Tensor, other: Tensor) -> bool:
    """Returns True if two tensors have the same shape and values; this computes them now.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.equal(tg.tensor([1, 2]), tg.tensor([1, 2]))
        True
    """
    a, b = base.unwrap("equal", input), base.unwrap("equal", other)
    return a.shape == b.shape and bool(np.array_equal(_read(a), _read(b)))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Returns True if `|input - other| <= atol + rtol * |other|` everywhere; computes now.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.allclose(tg.tensor([1.0]), tg.tensor([1.0 + 1e-6]))
        True
    """
    a, b = base.unwrap("allclose", input), base.unwrap("allclose", other)
    return bool(np.allclose(_read(a), _read(b), rtol, atol, equal_nan))


def _read(node: Node) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = widened(engine.numpy(node))
    return array


# --- logic


def logical_not(input: Tensor) -> Tensor:
    """Returns where `input` is zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logical_not(tg.tensor([True, False]))
        tensor([False,  True])
    """
    return wrap(p.logical_not(base.truth(base.unwrap("logical_not", input))))


def _logical(primitive: Primitive, a: Operand, b: Operand) -> Tensor:
    left, right = base.operands(primitive.name, a, b)
    return wrap(primitive(base.truth(left), base.truth(right)))


def logical_and(input: Operand, other: Operand) -> Tensor:
    """Returns where both operands are not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logical_and(tg.tensor([True, False]), True)
        tensor([ True, False])
    """
    return _logical(p.logical_and, input, other)


def logical_or(input: Operand, other: Operand) -> Tensor:
    """Returns where one operand or both are not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logical_or(tg.tensor([True, False]), False)
        tensor([ True, False])
    """
    return _logical(p.logical_or, input, other)


def logical_xor(input: Operand, other: Operand) -> Tensor:
    """Returns where one operand is not zero and the other is.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logical_xor(tg.tensor([True, False]), True)
        tensor([False,  True])
    """
    return _logical(p.logical_xor, input, other)


def _bitwise(bools: Primitive, integers: Primitive, sign: str, a: Operand, b: Operand) -> Tensor:
    left, right = base.operands(sign, a, b)
    if left.dtype.is_floating_point:
        raise DTypeError(f"{sign}: needs bools or integers, got {left.dtype.name}; compare first")
    return wrap((bools if left.dtype is bool_ else integers)(left, right))


def bitwise_and(input: Operand, other: Operand) -> Tensor:
    """Returns `input & other` of bools, or of integers bit by bit.

    Raises:
        DTypeError: for floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_and(tg.tensor([True, False]), True)
        tensor([ True, False])
    """
    return _bitwise(p.logical_and, s.bitwise_and, "&", input, other)


def bitwise_or(input: Operand, other: Operand) -> Tensor:
    """Returns `input | other` of bools, or of integers bit by bit.

    Raises:
        DTypeError: for floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_or(tg.tensor([True, False]), False)
        tensor([ True, False])
    """
    return _bitwise(p.logical_or, s.bitwise_or, "|", input, other)


def bitwise_xor(input: Operand, other: Operand) -> Tensor:
    """Returns `input ^ other` of bools, or of integers bit by bit.

    Raises:
        DTypeError: for floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_xor(tg.tensor([True, False]), True)
        tensor([False,  True])
    """
    return _bitwise(p.logical_xor, s.bitwise_xor, "^", input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Returns `~input`: `not` for bools, `-input - 1` for integers.

    Raises:
        DTypeError: for floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bitwise_not(tg.tensor([True, False]))
        tensor([False,  True])
    """
    node = base.unwrap("~", input)
    if node.dtype.is_floating_point:
        raise DTypeError(f"~: needs bools or integers, got {node.dtype.name}")
    if node.dtype is bool_:
        return wrap(p.logical_not(node))
    return wrap(255 - node if node.dtype is uint8 else -node - 1)


# --- choosing


def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """Returns `input` where `condition` holds and `other` elsewhere.

    Raises:
        DTypeError: if the condition is not bool.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, -2.0])
        >>> tg.where(x > 0, x, 0)
        tensor([1., 0.])
    """
    mask = condition_of("where", condition)
    if not isinstance(input, Handle) and not isinstance(other, Handle):
        return wrap(p.where(mask, *_two_numbers(mask, input, other)))
    a, b = base.operands("where", input, other)
    return wrap(apply(p.where, (mask, a, b)))


def _two_numbers(mask: Node, a: Operand, b: Operand) -> tuple[Node, Node]:
    left = base.operand("where", a, mask)
    right = base.operand("where", b, mask)
    dtype = promote(left.dtype, right.dtype)
    return base.cast(left, dtype), base.cast(right, dtype)


def condition_of(op: str, condition: Any) -> Node:
    """Returns the node of a bool tensor.

    Raises:
        DTypeError: if it is not bool.
    """
    if isinstance(condition, np.ndarray) and condition.dtype == np.bool_:
        return base.upload(condition, None)
    node = base.unwrap(op, condition)
    if node.dtype is not bool_:
        raise DTypeError(f"{op}: the condition must be bool, got {node.dtype.name}; use x != 0")
    return node


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Returns `input` with `value` where `mask` holds.

    Raises:
        DTypeError: if the mask is not bool.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.masked_fill(tg.tensor([1.0, 2.0]), tg.tensor([True, False]), 9)
        tensor([9., 2.])
    """
    node = base.unwrap("masked_fill", input)
    filling = base.cast(base.operand("masked_fill", value, node), node.dtype)
    return wrap(p.where(condition_of("masked_fill", mask), filling, node))


def clamp(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Returns `input` held between two bounds; the gradient is 1 inside and 0 outside. NaN stays.

    Raises:
        DTypeError: if neither bound is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.clamp(tg.tensor([-2.0, 0.5, 2.0]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise DTypeError("clamp: give min, max, or both")
    if min is None or max is None:
        return binary(p.clamp_max, input, max) if min is None else binary(p.clamp_min, input, min)
    x, low = base.operands("clamp", input, min)
    y, high = base.operands("clamp", show(x), max)
    return wrap(p.clamp(y, base.cast(low, y.dtype), high))


def clip(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Returns `clamp(input, min, max)`; NumPy's name.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.clip(tg.tensor([1, 5]), max=3)
        tensor([1, 3])
    """
    return clamp(input, min, max)
