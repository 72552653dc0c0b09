"""Cutting into parts that are all used: their gradients are joined by one op.

The gradient of an ordinary slice is an array of zeros with the slice in it, and those of all parts
are added up. Here the gradients of all parts meet in one `cat`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd.function import Function
from tinygrad_cl.functional.movement import cat
from tinygrad_cl.functional.shaping import split_with_sizes

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


class _Split(Function):
    """`split_with_sizes`, whose gradient joins those of the parts in one op."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: tuple[int, ...], dim: int) -> Any:
        """Returns the parts."""
        ctx.dim = dim
        return tuple(split_with_sizes(x, sizes, dim))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Returns the joined gradients."""
        return cat(grads, ctx.dim), None, None


def cut(x: Tensor, sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Returns parts of `x` of given sizes along a dim."""
    if len(sizes) == 1:
        return (x,)
    parts: tuple[Tensor, ...] = _Split.apply(x, tuple(sizes), dim)
    return parts
