"""Statistics: sums without NaN, pairs of moments, covariances, histograms, memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tinygrad_cl.dtypes import DType, Scalar, int64
from tinygrad_cl.dtypes import dtype as as_dtype
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.functional.diagonal import diagonal_node
from tinygrad_cl.functional.extremes import amax, amin
from tinygrad_cl.functional.matmul import product
from tinygrad_cl.functional.movement import part
from tinygrad_cl.functional.reduce import average, root, setup, total, variance
from tinygrad_cl.functional.reduce import sum as plain_sum
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Dims, Operand
    from tinygrad_cl.tensor import Tensor


class MinAndMax(NamedTuple):
    """The result of `aminmax`."""

    min: Tensor
    max: Tensor


def _number_or(node: Node, value: float) -> Node:
    """Returns a node with `value` in place of NaN."""
    return p.where(p.isnan(node), base.constant(value, node.dtype), node)


def nansum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the sum over `dim` of what is not NaN; bools and integers add up in int64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nansum(tg.tensor([1.0, float("nan"), 2.0]))
        tensor(3.)
    """
    node, dims = setup("nansum", input, dim, axis)
    kept = keepdim or keepdims
    if not node.dtype.is_floating_point:
        return plain_sum(input, dim, kept, dtype=dtype, axis=axis)
    wide = node if dtype is None else base.cast(node, as_dtype(dtype))
    return wrap(total(_number_or(wide, 0), dims, kept))


def nanmean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the mean over `dim` of what is not NaN; NaN if there is nothing else.

    Raises:
        DTypeError: for integers and bools.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nanmean(tg.tensor([1.0, float("nan"), 2.0]))
        tensor(1.5000)
    """
    node, dims = setup("nanmean", input, dim, axis)
    if not node.dtype.is_floating_point:
        raise DTypeError(f"nanmean: needs floats, got {node.dtype.name}; use x.float() or mean")
    kept = keepdim or keepdims
    wide = node if dtype is None else base.cast(node, as_dtype(dtype))
    there = base.cast(p.logical_not(p.isnan(wide)), int64)
    count = base.cast(total(there, dims, kept), wide.dtype)
    return wrap(p.div(total(_number_or(wide, 0), dims, kept), count))


def var_mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    unbiased: bool | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> tuple[Tensor, Tensor]:
    """Returns the variance and the mean over `dim`: `var` and `mean` of the same arguments.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.var_mean(tg.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    node, dims = setup("var_mean", input, dim, axis)
    x, kept = base.floating(node), keepdim or keepdims
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(variance(x, dims, freedom, kept)), wrap(average(x, dims, kept))


def std_mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    correction: float = 1,
    unbiased: bool | None = None,
    axis: Dims = None,
    keepdims: bool = False,
) -> tuple[Tensor, Tensor]:
    """Returns the standard deviation and the mean over `dim`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.std_mean(tg.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    node, dims = setup("std_mean", input, dim, axis)
    x, kept = base.floating(node), keepdim or keepdims
    freedom = correction if unbiased is None else int(unbiased)
    return wrap(root(variance(x, dims, freedom, kept))), wrap(average(x, dims, kept))


def aminmax(
    input: Tensor,
    *,
    dim: int | None = None,
    keepdim: bool = False,
    axis: int | None = None,
    keepdims: bool = False,
) -> MinAndMax:
    """Returns the smallest and the largest elements over `dim`; equal ones share the gradient.

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> low, high = tg.aminmax(tg.tensor([3.0, 1.0, 2.0]))
        >>> low, high
        (tensor(1.), tensor(3.))
    """
    at, kept = dim if axis is None else axis, keepdim or keepdims
    return MinAndMax(amin(input, at, kept), amax(input, at, kept))


# --- covariances


def _weights(name: str, weights: Tensor, count: int, floats: bool) -> Node:
    node = base.unwrap("cov", weights)
    if node.shape != (count,):
        raise ShapeError(f"cov: {name} must have the shape ({count},), got {node.shape}")
    if node.dtype.is_floating_point is not floats:
        kind = "floats" if floats else "integers"
        raise DTypeError(f"cov: {name} must be {kind}, got {node.dtype.name}; cast them")
    return node


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Returns the covariances of the rows of a matrix: its columns are the observations.

    Args:
        input: a matrix, or one variable as a vector.
        correction: 1 for the estimate from a sample, 0 for the average over these observations.
        fweights: how often each observation was made, integers.
        aweights: how much each observation counts, floats.

    Raises:
        ShapeError: if there are more than two dims, or not one weight per observation.
        DTypeError: if `fweights` are no integers or `aweights` no floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cov(tg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    return wrap(_cov("cov", base.unwrap("cov", input), correction, fweights, aweights))


def _cov(
    op: str, node: Node, correction: int, fweights: Tensor | None, aweights: Tensor | None
) -> Node:
    if node.ndim > 2:
        raise ShapeError(f"{op}: needs a matrix of variables and observations, got {node.shape}")
    x = base.floating(node)
    lines = base.reshape(x, (1, numel(x.shape))) if x.ndim < 2 else x
    count = lines.shape[1]
    weights = None if fweights is None else _weights("fweights", fweights, count, False)
    freedom: Node = base.constant(count, x.dtype)
    if weights is not None:
        weights = base.cast(weights, x.dtype)
    importance = None
    if aweights is not None:
        importance = base.cast(_weights("aweights", aweights, count, True), x.dtype)
        weights = importance if weights is None else weights * importance
    if weights is None:
        centered = scaled = lines - average(lines, (1,), True)
    else:
        freedom = total(weights, (0,), False)
        centered = lines - total(lines * weights, (1,), True) / freedom
        scaled = centered * weights
    freedom = _freedom(freedom, correction, weights, importance)
    result = product(scaled, m.permute(centered, dims=(1, 0))) / freedom
    return base.reshape(result, ()) if x.ndim < 2 or lines.shape[0] == 1 else result


def _freedom(count: Node, correction: int, weights: Node | None, importance: Node | None) -> Node:
    """Returns the count minus the correction, by importance where observations have one."""
    lost = base.constant(correction, count.dtype)
    if weights is not None and importance is not None:
        lost = total(weights * importance, (0,), False) / count * correction
    return p.maximum(count - lost, base.constant(0, count.dtype))


def corrcoef(input: Tensor) -> Tensor:
    """Returns the correlations of the rows of a matrix: its columns are the observations.

    Raises:
        ShapeError: if there are more than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.corrcoef(tg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    c = _cov("corrcoef", base.unwrap("corrcoef", input), 1, None, None)
    if c.ndim == 0:
        return wrap(c / c)
    deviations = p.sqrt(diagonal_node("corrcoef", c, 0, 0, 1))
    ratios = c / base.reshape(deviations, (c.shape[0], 1)) / deviations
    one = base.constant(1, c.dtype)
    return wrap(p.clamp(ratios, -one, one))


# --- counts


def histc(input: Tensor, bins: int = 100, min: Scalar = 0, max: Scalar = 0) -> Tensor:
    """Returns how many elements fall into each of equally wide bins, in the dtype of `input`.

    NaN, and what is outside of the range, is not counted; the last bin has both its ends.

    Args:
        input: any float tensor.
        bins: the number of bins.
        min: the start of the range.
        max: its end; if both are equal, the range is that of the elements.

    Raises:
        DTypeError: for integers and bools.
        ShapeError: if `bins` is not positive, or `max` is less than `min`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.histc(tg.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    x = base.unwrap("histc", input)
    if not x.dtype.is_floating_point:
        raise DTypeError(f"histc: needs floats, got {x.dtype.name}; use x.float()")
    if bins <= 0 or max < min:
        raise ShapeError(f"histc: needs bins and min <= max, got {bins} bins from {min} to {max}")
    line = base.reshape(x, (numel(x.shape),))
    low, high = _range(line, base.number(min), base.number(max))
    inside = p.logical_and(p.ge(line, low), p.le(line, high))
    place = (line - low) / (high - low) * float(bins)
    safe = base.cast(p.where(inside, place, base.constant(0, x.dtype)), int64)
    last = base.constant(bins - 1, int64)
    index = p.where(inside, p.minimum(safe, last), base.constant(bins, int64))
    none, ones = m.full(0, (bins + 1,), int64), m.full(1, line.shape, int64)
    counts = index_primitives.index_add(none, index, ones, dim=0, op="histc")
    return wrap(base.cast(part(counts, 0, 0, bins), x.dtype))


def _range(x: Node, low: Scalar, high: Scalar) -> tuple[Node, Node]:
    start, end = base.constant(low, x.dtype), base.constant(high, x.dtype)
    if low == high and x.shape[0]:
        start, end = r.min(x, dim=(0,), keepdim=False), r.max(x, dim=(0,), keepdim=False)
    same = p.eq(start, end)
    return p.where(same, start - 1, start), p.where(same, end + 1, end)


def isin(
    elements: Operand,
    test_elements: Operand,
    *,
    assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:
    """Returns where elements are among `test_elements`.

    Args:
        elements: a tensor or a number.
        test_elements: a tensor of any shape, or a number.
        assume_unique: no element stands twice in either (this needs no care here).
        invert: return where they are not.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.isin(tg.tensor([1, 2, 3]), tg.tensor([3, 1]))
        tensor([ True, False,  True])
    """
    a, b = base.operands("isin", elements, test_elements)
    pairs = p.eq(base.reshape(a, (*a.shape, 1)), base.reshape(b, (numel(b.shape),)))
    found = r.any(pairs, dim=(a.ndim,), keepdim=False)
    return wrap(p.logical_not(found) if invert else found)
