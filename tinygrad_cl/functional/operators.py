"""Python's operators on tensors: `Operators`, the part of Tensor that gives them a meaning."""

from __future__ import annotations

import types
from opcode import opmap
from sys import _getframe, getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional import elementwise, indexing, inplace, logic, matmul, pairs
from tinygrad_cl.functional.base import Handle

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor

_OPERANDS = (Handle, bool, int, float, np.ndarray, np.generic)


def _count_unnamed() -> int:
    """The references to an object in its `__setitem__` if no name leads to it; 0 if none tells."""
    found = []

    class Probe:
        def __setitem__(self, index: int, value: int) -> None:
            found.append(getrefcount(self))

    named = Probe()
    named[0] = 0
    Probe()[0] = 0
    return found[1] if found[1] < found[0] else 0


def _by_brackets(frame: types.FrameType) -> bool:
    """Whether a frame is at an `x[i] = v`, and not at a call."""
    return frame.f_code.co_code[frame.f_lasti] == opmap["STORE_SUBSCR"]


_UNNAMED = _count_unnamed()


class Operators(Handle):
    """Operators; what is no tensor, array or number is left to its own class."""

    __slots__ = ()
    _is_lost = True  # what is written to it, if nobody holds it
    __array_priority__ = 1000  # NumPy's operators leave the work to this class
    __hash__ = object.__hash__

    def __add__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.add(self, other)

    def __radd__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.add(other, self)

    def __sub__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.sub(self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.sub(other, self)

    def __mul__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.mul(self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.mul(other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.div(self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.div(other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.floor_divide(self, other)

    def __rfloordiv__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.floor_divide(other, self)

    def __mod__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.remainder(self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.remainder(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.pow(self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return elementwise.pow(other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return matmul.matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return matmul.matmul(other, self)

    def __and__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_and(self, other)

    def __rand__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_and(other, self)

    def __or__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_or(self, other)

    def __ror__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_or(other, self)

    def __xor__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_xor(self, other)

    def __rxor__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.bitwise_xor(other, self)

    def __lshift__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return pairs.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return pairs.bitwise_left_shift(other, self)

    def __rshift__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return pairs.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return pairs.bitwise_right_shift(other, self)

    def __eq__(self, other: Operand) -> Tensor:  # type: ignore[override]
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.eq(self, other)

    def __ne__(self, other: Operand) -> Tensor:  # type: ignore[override]
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.ne(self, other)

    def __lt__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.lt(self, other)

    def __le__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.le(self, other)

    def __gt__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.gt(self, other)

    def __ge__(self, other: Operand) -> Tensor:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return logic.ge(self, other)

    def __iadd__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("+=", self, elementwise.add(self, other))

    def __isub__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("-=", self, elementwise.sub(self, other))

    def __imul__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("*=", self, elementwise.mul(self, other))

    def __itruediv__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("/=", self, elementwise.div(self, other))

    def __ifloordiv__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("//=", self, elementwise.floor_divide(self, other))

    def __imod__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("%=", self, elementwise.remainder(self, other))

    def __ipow__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("**=", self, elementwise.pow(self, other))

    def __imatmul__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("@=", self, matmul.matmul(self, other))

    def __iand__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("&=", self, logic.bitwise_and(self, other))

    def __ior__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("|=", self, logic.bitwise_or(self, other))

    def __ixor__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("^=", self, logic.bitwise_xor(self, other))

    def __ilshift__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take("<<=", self, pairs.bitwise_left_shift(self, other))

    def __irshift__(self, other: Operand) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return inplace.take(">>=", self, pairs.bitwise_right_shift(self, other))

    __neg__ = elementwise.neg
    __abs__ = elementwise.abs
    __invert__ = logic.bitwise_not

    def __pos__(self: Any) -> Any:
        return self

    __getitem__ = indexing.getitem

    def __setitem__(self, index: Any, value: Operand) -> None:
        if getrefcount(self) <= _UNNAMED and self._is_lost and _by_brackets(_getframe(1)):
            raise ArgumentError(
                "setitem: nobody else holds the tensor that is written to, so that the value would "
                "be lost: views do not alias. Write x[i, j] = v instead of x[i][j] = v, and "
                "y = x.view(...); y[i] = v instead of x.view(...)[i] = v"
            )
        inplace.become("setitem", self, indexing.setitem(self, index, value))
