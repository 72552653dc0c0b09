"""Reductions over some or all dims.   Primitives: primitives/reduce.py.

`dim` is one dim, several, or None for all; `axis` and `keepdims` are NumPy's names for the same
arguments.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import DType, float32, int64
from tinygrad_cl.dtypes import dtype as as_dtype
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Dims
    from tinygrad_cl.tensor import Tensor


def total(node: Node, dims: Shape, keepdim: bool) -> Node:
    """Returns the sum of a node over dims; itself if there are none."""
    return apply(r.sum, (node,), (dims, keepdim)) if dims else node


def average(node: Node, dims: Shape, keepdim: bool) -> Node:
    """Returns the mean of a float node over dims; NaN if they are empty.

    Sums of 16 bits might be too large for them, and would be rounded.
    """
    if node.dtype.is_half:
        return base.cast(average(base.cast(node, float32), dims, keepdim), node.dtype)
    count = numel([node.shape[d] for d in dims])
    return total(node, dims, keepdim) * (1 / count if count else math.nan)


def any_empty(shape: Shape, dims: Shape) -> bool:
    """Returns True if a reduction of `shape` over `dims` has nothing to reduce."""
    return 0 in [shape[d] for d in dims]


def setup(op: str, input: Tensor, dim: Dims, axis: Dims) -> tuple[Node, Shape]:
    """Returns the node of a tensor, and the dims to reduce."""
    node = base.unwrap(op, input)
    return node, base.listed_dims(op, dim, axis, node.ndim)


def sum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the sum over `dim`; bools and integers add up in int64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
        tensor([4., 6.])
    """
    node, dims = setup("sum", input, dim, axis)
    return wrap(fresh(total(widened(node, dtype), dims, keepdim or keepdims), node))


def prod(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the product over `dim`; bools and integers multiply in int64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([2.0, 3.0, 4.0]).prod()
        tensor(24.)
    """
    node, dims = setup("prod", input, dim, axis)
    wide = widened(node, dtype)
    return wrap(fresh(r.prod(wide, dim=dims, keepdim=keepdim or keepdims) if dims else wide, node))


def widened(node: Node, dtype: DType | str | None) -> Node:
    """Returns a node as sums and products want it: in `dtype`, or integers and bools as int64."""
    if dtype is not None:
        return base.cast(node, as_dtype(dtype))
    return node if node.dtype.is_floating_point else base.cast(node, int64)


def fresh(result: Node, given: Node) -> Node:
    """A node that no Tensor shows yet."""
    return p.alias(result) if result is given else result


def mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the mean over `dim`; of bools and integers as float32. The mean of nothing is NaN.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).mean()
        tensor(2.5000)
    """
    node, dims = setup("mean", input, dim, axis)
    return wrap(average(base.floating(node), dims, keepdim or keepdims))


def variance(node: Node, dims: Shape, correction: float, keepdim: bool) -> Node:
    """Returns the squared distances from the mean, summed, over the count minus `correction`."""
    centered = node - average(node, dims, True)
    freedom = numel([node.shape[d] for d in dims]) - correction
    scale = 1 / freedom if freedom > 0 else math.inf
    return total(apply(p.mul, (centered, centered)), dims, keepdim) * scale


def var(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    unbiased: bool | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the variance over `dim`, `sum((x - mean)**2) / (count - correction)`.

    Where it is infinite or NaN, the gradient of all its elements is NaN.

    Args:
        input: any float tensor.
        dim: the dims to reduce.
        keepdim: keep them with size 1.
        correction: 1 for the estimate from a sample, 0 for the variance of these very values.
        unbiased: True or False for a correction of 1 or 0.
        axis: NumPy's name of `dim`.
        keepdims: NumPy's name of `keepdim`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0, 3.0]).var()
        tensor(1.)
    """
    node, dims = setup("var", input, dim, axis)
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(variance(base.floating(node), dims, freedom, keepdim or keepdims))


def root(node: Node) -> Node:
    """Returns the square root of a node; where it is 0 the gradient is 0, and not infinite."""
    nothing = p.eq(node, base.constant(0, node.dtype))
    safe = p.where(nothing, base.constant(1, node.dtype), node)
    return p.where(nothing, base.constant(0, node.dtype), p.sqrt(safe))


def std(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    unbiased: bool | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the standard deviation over `dim`: the square root of `var`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0, 3.0]).std()
        tensor(1.)
    """
    node, dims = setup("std", input, dim, axis)
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(root(variance(base.floating(node), dims, freedom, keepdim or keepdims)))


# --- truth


def any(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns whether any element over `dim` is not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([False, True]).any()
        tensor(True)
    """
    node, dims = setup("any", input, dim, axis)
    truth = base.truth(node)
    kept = keepdim or keepdims
    return wrap(fresh(r.any(truth, dim=dims, keepdim=kept) if dims else truth, node))


def all(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns whether all elements over `dim` are not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([False, True]).all()
        tensor(False)
    """
    node, dims = setup("all", input, dim, axis)
    truth = base.truth(node)
    kept = keepdim or keepdims
    return wrap(fresh(r.all(truth, dim=dims, keepdim=kept) if dims else truth, node))


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """Returns how many elements over `dim` are not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.count_nonzero(tg.tensor([0, 3, 4]))
        tensor(2)
    """
    node, dims = setup("count_nonzero", input, dim, None)
    return wrap(total(base.cast(base.truth(node), int64), dims, False))
