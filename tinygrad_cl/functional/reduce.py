"""Reductions over some or all dims.   Primitives: primitives/reduce.py.

`dim` is one dim, several, or None for all; `axis` and `keepdims` are NumPy's names for the same
arguments.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_cl.dtypes import DType, int64
from tinygrad_cl.dtypes import dtype as as_dtype
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import binary, wrap
from tinygrad_cl.graph import Node, Primitive, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import Shape, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Dims
    from tinygrad_cl.tensor import Tensor


class ValuesAndIndices(NamedTuple):
    """The result of `max` and `min` over one dim."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return f"(values={self.values!r}, indices={self.indices!r})"


def total(node: Node, dims: Shape, keepdim: bool) -> Node:
    """Returns the sum of a node over dims; itself if there are none."""
    return apply(r.sum, (node,), (dims, keepdim)) if dims else node


def average(node: Node, dims: Shape, keepdim: bool) -> Node:
    """Returns the mean of a float node over dims; NaN if they are empty."""
    count = numel([node.shape[d] for d in dims])
    return total(node, dims, keepdim) * (1 / count if count else math.nan)


def _setup(op: str, input: Tensor, dim: Dims, axis: Dims) -> tuple[Node, Shape]:
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
    node, dims = _setup("sum", input, dim, axis)
    return wrap(_fresh(total(_widened(node, dtype), dims, keepdim or keepdims), node))


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
    node, dims = _setup("prod", input, dim, axis)
    wide = _widened(node, dtype)
    return wrap(_fresh(r.prod(wide, dim=dims, keepdim=keepdim or keepdims) if dims else wide, node))


def _widened(node: Node, dtype: DType | str | None) -> Node:
    if dtype is not None:
        return base.cast(node, as_dtype(dtype))
    return node if node.dtype.is_floating_point else base.cast(node, int64)


def _fresh(result: Node, given: Node) -> Node:
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
    node, dims = _setup("mean", input, dim, axis)
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
    node, dims = _setup("var", input, dim, axis)
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(variance(base.floating(node), dims, freedom, keepdim or keepdims))


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
    node, dims = _setup("std", input, dim, axis)
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(p.sqrt(variance(base.floating(node), dims, freedom, keepdim or keepdims)))


# --- extremes


def _extreme(
    op: str, fold: Primitive, index: Primitive, input: Tensor, dim: Any, keepdim: bool
) -> Tensor | ValuesAndIndices:
    node = base.unwrap(op, input)
    if dim is None:
        return wrap(_fresh(_fold(op, fold, node, tuple(range(node.ndim)), False), node))
    at = normalize_dim(op, dim, node.ndim)
    if node.ndim == 0:
        zero = base.fill(0, (), int64, base.device_of(node))
        return ValuesAndIndices(base.own(node), wrap(zero))
    _check_not_empty(op, node, (at,))
    found = index(node, dim=(at,), keepdim=True)
    picked = index_primitives.gather(node, found, dim=at, op=op)
    if keepdim:
        return ValuesAndIndices(wrap(picked), wrap(found))
    shape = node.shape[:at] + node.shape[at + 1 :]
    return ValuesAndIndices(wrap(base.reshape(picked, shape)), wrap(base.reshape(found, shape)))


def _check_not_empty(op: str, node: Node, dims: Shape) -> None:
    if any_empty(node.shape, dims):
        raise ShapeError(
            f"{op}: a tensor of shape {node.shape} has no extreme over dims {dims}: empty"
        )


def any_empty(shape: Shape, dims: Shape) -> bool:
    """Returns True if a reduction of `shape` over `dims` has nothing to reduce."""
    return 0 in [shape[d] for d in dims]


def _fold(op: str, primitive: Primitive, node: Node, dims: Shape, keepdim: bool) -> Node:
    _check_not_empty(op, node, dims)
    return apply(primitive, (node,), (dims, keepdim)) if dims else node


def max(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """Returns the largest element; with `dim`, (values, indices); with a tensor, the larger one.

    The gradient of `max(dim)` goes to the element at the returned index; without a dim, equal ones
    share it.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).max(dim=1)
        (values=tensor([5., 7.]), indices=tensor([1, 0]))
    """
    if other is not None or isinstance(dim, base.Handle):
        return binary(p.maximum, input, dim if other is None else other)
    at = dim if axis is None else axis
    return _extreme("max", r.max, r.argmax, input, at, keepdim or keepdims)


def min(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """Returns the smallest element; with `dim`, (values, indices); with a tensor, the smaller one.

    The gradient of `min(dim)` goes to the element at the returned index; without a dim, equal ones
    share it.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([3.0, 1.0, 2.0]).min()
        tensor(1.)
    """
    if other is not None or isinstance(dim, base.Handle):
        return binary(p.minimum, input, dim if other is None else other)
    at = dim if axis is None else axis
    return _extreme("min", r.min, r.argmin, input, at, keepdim or keepdims)


def amax(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the largest elements over `dim`; equal ones share the gradient.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).amax(dim=(0, 1))
        tensor(7.)
    """
    node, dims = _setup("amax", input, dim, axis)
    return wrap(_fresh(_fold("amax", r.max, node, dims, keepdim or keepdims), node))


def amin(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the smallest elements over `dim`; equal ones share the gradient.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).amin(dim=0)
        tensor([1., 2.])
    """
    node, dims = _setup("amin", input, dim, axis)
    return wrap(_fresh(_fold("amin", r.min, node, dims, keepdim or keepdims), node))


def _position(
    op: str, primitive: Primitive, input: Tensor, dim: int | None, keepdim: bool
) -> Tensor:
    node = base.unwrap(op, input)
    if dim is None:
        flat = base.reshape(node, (numel(node.shape),))
        _check_not_empty(op, flat, (0,))
        found = primitive(flat, dim=(0,), keepdim=False)
        return wrap(base.reshape(found, (1,) * node.ndim) if keepdim else found)
    at = normalize_dim(op, dim, node.ndim)
    if node.ndim == 0:
        return wrap(base.fill(0, (), int64, base.device_of(node)))
    _check_not_empty(op, node, (at,))
    return wrap(primitive(node, dim=(at,), keepdim=keepdim))


def argmax(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the index of the first largest element (or NaN), flat or along `dim`.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).argmax(dim=1)
        tensor([1, 0])
    """
    at = dim if axis is None else axis
    return _position("argmax", r.argmax, input, at, keepdim or keepdims)


def argmin(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the index of the first smallest element (or NaN), flat or along `dim`.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([3.0, 1.0, 2.0]).argmin()
        tensor(1)
    """
    at = dim if axis is None else axis
    return _position("argmin", r.argmin, input, at, keepdim or keepdims)


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
    node, dims = _setup("any", input, dim, axis)
    truth = base.truth(node)
    kept = keepdim or keepdims
    return wrap(_fresh(r.any(truth, dim=dims, keepdim=kept) if dims else truth, node))


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
    node, dims = _setup("all", input, dim, axis)
    truth = base.truth(node)
    kept = keepdim or keepdims
    return wrap(_fresh(r.all(truth, dim=dims, keepdim=kept) if dims else truth, node))


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """Returns how many elements over `dim` are not zero.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.count_nonzero(tg.tensor([0, 3, 4]))
        tensor(2)
    """
    node, dims = _setup("count_nonzero", input, dim, None)
    return wrap(total(base.cast(base.truth(node), int64), dims, False))
