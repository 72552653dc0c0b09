"""Looking at what would be run: the plan of tensors that are not computed yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl import engine
from tinygrad_cl.functional.base import unwrap

if TYPE_CHECKING:
    from tinygrad_cl.compiler.plan import Plan
    from tinygrad_cl.tensor import Tensor


def explain(*tensors: Tensor) -> Plan:
    """Returns the plan that computing these tensors would run now, and runs nothing.

    `print` it to see the launches, what is fused into each, and the named borders between them; its
    `source()` is the OpenCL C that was generated. Tensors that have their values need no plan.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> plan = tg.explain((x.exp() + 1).sum(1).sqrt())
        >>> [kernel.label for kernel in plan.kernels]
        ['exp_add_sum_sqrt']
        >>> "exponential(" in plan.source()
        True
    """
    return engine.explain([unwrap("explain", tensor) for tensor in tensors])
