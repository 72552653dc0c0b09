"""Methods of Tensor that PyTorch has under a second name, or keeps for older programs."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.functional import elementwise, inplace, logic, older_tensors, pairs, special, views
from tinygrad_cl.functional.operators import Operators


class OlderMethods(Operators):
    """Functions as methods; each is documented where it is defined."""

    __slots__ = ()

    absolute = elementwise.abs
    negative = elementwise.neg
    multiply = elementwise.mul
    subtract = elementwise.sub
    divide = elementwise.div
    multiply_ = inplace.mul_
    subtract_ = inplace.sub_
    divide_ = inplace.div_

    greater = logic.gt
    greater_equal = logic.ge
    less = logic.lt
    less_equal = logic.le
    not_equal = logic.ne

    arccos = special.acos
    arccosh = special.acosh
    arcsin = special.asin
    arcsinh = special.asinh
    arctan = special.atan
    arctanh = special.atanh
    arctan2 = pairs.atan2
    moveaxis = views.movedim

    new = older_tensors.new
    nelement = older_tensors.numel
    is_complex = older_tensors.is_complex
    is_nonzero = older_tensors.is_nonzero
    cuda = older_tensors.cuda

    def ndimension(self: Any) -> int:
        """Returns the number of dims."""
        return int(self.ndim)

    def pin_memory(self: Any) -> Any:
        """Returns the tensor itself: copies to a device are queued from any memory."""
        return self

    @property
    def is_cuda(self: Any) -> bool:
        """Whether it is on a GPU."""
        return bool(self.device.type == "gpu")

    @property
    def is_cpu(self: Any) -> bool:
        """Whether it is computed by the processor."""
        return bool(self.device.type == "cpu")
