"""Medians and quantiles: what stands at some place of the sorted elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import float32, float64, int64
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.functional.extremes import ValuesAndIndices
from tinygrad_cl.functional.sorting import order, picked
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import Shape, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

_ROUNDING = {"lower": p.floor, "higher": p.ceil, "nearest": p.round}


def _numbers(x: Node, dim: int) -> Node:
    """Returns how many elements of each line are numbers, not NaN, as int64."""
    if not x.dtype.is_floating_point:
        shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
        return base.fill(x.shape[dim], shape, int64, base.device_of(x))
    return r.sum(base.cast(p.logical_not(p.isnan(x)), int64), dim=(dim,), keepdim=True)


def _middle(op: str, x: Node, dim: int, skip_nan: bool) -> Node:
    """Returns the position of the lower median of each line, kept as a dim of size 1.

    Sorted lines end with their NaNs: without `skip_nan` the first of them is taken.
    """
    size = x.shape[dim]
    if size == 0 and numel(x.shape[:dim] + x.shape[dim + 1 :]):
        raise ShapeError(f"{op}: dim {dim} of {x.shape} is empty and has no median")
    count = _numbers(x, dim)
    if skip_nan:
        last = p.maximum(count - 1, base.constant(0, int64))
        place = p.floor_divide(last, base.constant(2, int64))
    else:
        whole = p.eq(count, base.constant(size, int64))
        place = p.where(whole, base.constant(max(size - 1, 0) // 2, int64), count)
    return picked(op, order(op, x, dim, False), place, dim)


def _median(op: str, input: Tensor, dim: int | None, keepdim: bool, skip_nan: bool) -> Any:
    node = unwrap(op, input)
    if dim is None:
        return wrap(_of_all(op, node, skip_nan))
    at = normalize_dim(op, dim, node.ndim)
    x = base.reshape(node, (1,)) if node.ndim == 0 else node
    places = _middle(op, x, at, skip_nan)
    found = picked(op, x, places, at)
    kept = keepdim and node.ndim
    shape = found.shape if kept else found.shape[:at] + found.shape[at + 1 :]
    return ValuesAndIndices(wrap(base.reshape(found, shape)), wrap(base.reshape(places, shape)))


def _of_all(op: str, node: Node, skip_nan: bool) -> Node:
    """Returns the median of all elements; equal ones share its gradient."""
    x = base.reshape(node, (numel(node.shape),))
    if x.shape == (0,):
        if not x.dtype.is_floating_point:
            raise ShapeError(f"{op}: an empty tensor has no median")
        return base.fill(math.nan, (), x.dtype, base.device_of(node))
    found = picked(op, x, _middle(op, x, 0, skip_nan), 0)
    if not x.dtype.is_floating_point:
        return base.reshape(found, ())
    # The largest of the elements equal to the median: the same value, shared as `amax` shares it.
    same = p.logical_or(p.eq(x, found), p.logical_and(p.isnan(x), p.isnan(found)))
    lowest = base.constant(-math.inf, x.dtype)
    return r.max(p.where(same, x, lowest), dim=(0,), keepdim=False)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Returns the lower median of all elements; with `dim`, (values, indices) along it.

    A NaN among the elements is the median. The gradient goes to the element at the returned index;
    without a dim, equal elements share it.

    Raises:
        ShapeError: if a line has no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.median(tg.tensor([4.0, 1.0, 3.0, 2.0]))
        tensor(2.)
    """
    return _median("median", input, dim, keepdim, False)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Returns the lower median of what is not NaN; with `dim`, (values, indices) along it.

    Raises:
        ShapeError: if a line has no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nanmedian(tg.tensor([4.0, float("nan"), 3.0]))
        tensor(3.)
    """
    return _median("nanmedian", input, dim, keepdim, True)


def _fractions(q: float | Tensor, x: Node) -> Node:
    """Returns the wanted fractions as a node of the input's dtype."""
    if isinstance(q, Handle):
        if q.node.dtype is not x.dtype:
            raise DTypeError(f"quantile: q must be {x.dtype.name}, got {q.node.dtype.name}")
        if q.node.ndim > 1:
            raise ShapeError(f"quantile: q must be a number or 1-d, got {q.node.shape}")
        return q.node
    if not 0 <= q <= 1:
        raise ArgumentError(f"quantile: q must lie between 0 and 1, got {q}")
    return base.constant(q, x.dtype)


def _checked(input: Tensor, interpolation: str) -> Node:
    node = unwrap("quantile", input)
    if node.dtype not in (float32, float64):
        raise DTypeError(f"quantile: needs float32 or float64, got {node.dtype.name}")
    if interpolation not in ("linear", "midpoint", *_ROUNDING):
        choices = ", ".join(("linear", "midpoint", *_ROUNDING))
        raise ArgumentError(f"quantile: interpolation is one of {choices}, got {interpolation!r}")
    if numel(node.shape) == 0:
        raise ShapeError(f"quantile: an empty tensor {node.shape} has no quantiles")
    return node


def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Returns the values below which fractions `q` of the elements lie; NaN if there is a NaN.

    Args:
        input: a float32 or float64 tensor.
        q: one fraction from 0 to 1, or a vector of them, which become the first dim.
        dim: the dim along which elements are sorted; None takes all.
        keepdim: keep it with size 1.
        interpolation: what to take between two elements: "linear", "lower", "higher", "midpoint"
            or "nearest".

    Raises:
        DTypeError: for other dtypes.
        ShapeError: if there are no elements, or q has two dims.
        ArgumentError: if a number q is no fraction, or the interpolation is unknown.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.quantile(tg.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
        tensor(1.5000)
    """
    node = _checked(input, interpolation)
    fractions = _fractions(q, node)
    if dim is None or node.ndim == 0:
        lines, at = base.reshape(node, (numel(node.shape),)), 0
    else:
        at = normalize_dim("quantile", dim, node.ndim)
        dims = (*(d for d in range(node.ndim) if d != at), at)
        lines = node if at == node.ndim - 1 else m.permute(node, dims=dims)
    found = _between(lines, base.reshape(fractions, (numel(fractions.shape),)), interpolation)
    first = m.permute(found, dims=(found.ndim - 1, *range(found.ndim - 1)))
    rest = first.shape[1:]
    if keepdim:
        rest = (1,) * node.ndim if dim is None else (*rest[:at], 1, *rest[at:])
    return wrap(base.reshape(first, fractions.shape + (rest if node.ndim else ())))


def _between(lines: Node, fractions: Node, interpolation: str) -> Node:
    """Returns quantiles of lines (..., n) at (Q,) fractions, (..., Q)."""
    size, last = lines.shape[-1], lines.ndim - 1
    shape: Shape = (*lines.shape[:-1], *fractions.shape)
    bad = r.any(p.isnan(lines), dim=(last,), keepdim=True)
    ranks = p.where(bad, base.constant(size - 1, lines.dtype), fractions * (size - 1))
    ranks = base.expand(ranks, shape)
    if interpolation in _ROUNDING:
        ranks = _ROUNDING[interpolation](ranks)
    places = order("quantile", lines, -1, False)

    def at(rank: Node) -> Node:
        chosen = picked("quantile", places, base.cast(rank, int64), -1)
        return picked("quantile", lines, chosen, -1)

    below = p.floor(ranks)
    low = at(below)
    if interpolation in _ROUNDING:
        return low
    high = at(p.ceil(ranks))
    weight = ranks - below if interpolation == "linear" else base.constant(0.5, lines.dtype)
    near = p.lt(weight, base.constant(0.5, lines.dtype))
    return p.where(near, low + weight * (high - low), high - (high - low) * (1 - weight))
