"""Differences, gradients and areas of samples along a dim, and distances of points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import bool_
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, wrap
from tinygrad_cl.functional.movement import part
from tinygrad_cl.functional.norm import norm_node
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.functional.scan import cumsum
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, broadcast, normalize_dim, normalize_dims

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


def _steps(x: Node, dim: int) -> Node:
    """Returns what each element is more than the one before it; of bools, whether they differ."""
    count = max(x.shape[dim] - 1, 0)
    if not count:
        return part(x, dim, 0, 0)
    before, after = part(x, dim, 0, count), part(x, dim, 1, count)
    return p.logical_xor(after, before) if x.dtype is bool_ else after - before


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    axis: int | None = None,
) -> Tensor:
    """Returns the `n`-th differences of neighbors along a dim; of bools, whether they differ.

    Args:
        input: a tensor with at least one dim.
        n: how often to take differences.
        dim: the dim.
        prepend: what stands before `input` first.
        append: what stands behind it first.
        axis: NumPy's name of `dim`.

    Raises:
        ShapeError: if there are no dims, or `n` is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diff(tg.tensor([1, 3, 2]))
        tensor([ 2, -1])
    """
    x = base.unwrap("diff", input)
    if x.ndim == 0 or n < 0:
        raise ShapeError(f"diff: needs at least one dim and n >= 0, got {x.shape} and n={n}")
    at = normalize_dim("diff", dim if axis is None else axis, x.ndim)
    around = [t for t in (prepend, input, append) if t is not None]
    if len(around) > 1:
        x = m.cat(*(base.cast(base.unwrap("diff", t), x.dtype) for t in around), dim=at)
    for _ in range(n):
        x = _steps(x, at)
    return wrap(p.alias(x)) if n == 0 else wrap(x)


# --- gradients of samples


def gradient(
    input: Tensor,
    *,
    spacing: Any = 1,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Estimates the derivatives along dims from samples, by central differences.

    Args:
        input: the samples; integers become float32.
        spacing: the distance of neighbors; one per dim; or a vector of coordinates per dim.
        dim: the dims; all of them by default.
        edge_order: 1 or 2, how exact the estimate at the ends is.

    Returns:
        One tensor per dim, of the shape of `input`.

    Raises:
        ShapeError: if there are fewer than `edge_order + 1` samples along a dim, or not one spacing
            per dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.gradient(tg.tensor([1.0, 4.0, 9.0, 16.0]))
        (tensor([3., 4., 6., 7.]),)
    """
    x = base.floating(base.unwrap("gradient", input))
    dims = normalize_dims("gradient", dim, x.ndim)
    if edge_order not in (1, 2):
        raise ShapeError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    if isinstance(dim, Sequence):
        dims = tuple(normalize_dim("gradient", d, x.ndim) for d in dim)
    spaces = list(spacing) if isinstance(spacing, Sequence) else [spacing] * len(dims)
    if len(spaces) != len(dims):
        raise ShapeError(f"gradient: {len(spaces)} spacings for dims {dims}; give one per dim")
    return tuple(wrap(_slope(x, d, h, edge_order)) for d, h in zip(dims, spaces, strict=True))


def _slope(x: Node, dim: int, spacing: Any, edge_order: int) -> Node:
    size = x.shape[dim]
    if size < edge_order + 1:
        raise ShapeError(f"gradient: dim {dim} of {x.shape} needs {edge_order + 1} samples or more")
    widths = _widths(x, dim, spacing)
    rises = _steps(x, dim) / widths
    first, last = part(rises, dim, 0, 1), part(rises, dim, size - 2, 1)
    if size == 2:
        return m.cat(first, last, dim=dim)
    left, right = part(rises, dim, 0, size - 2), part(rises, dim, 1, size - 2)
    share = part(widths, dim, 1, size - 2)
    both = part(widths, dim, 0, size - 2) + share
    inner = left + (right - left) * (1 - share / both)
    if edge_order == 2:
        first = first - _bend(rises, widths, dim, 0) * part(widths, dim, 0, 1)
        last = last + _bend(rises, widths, dim, size - 3) * part(widths, dim, size - 2, 1)
    return m.cat(first, inner, last, dim=dim)


def _bend(rises: Node, widths: Node, dim: int, at: int) -> Node:
    """Returns the divided difference of two neighboring rises."""
    change = part(rises, dim, at + 1, 1) - part(rises, dim, at, 1)
    return change / (part(widths, dim, at, 1) + part(widths, dim, at + 1, 1))


def _widths(x: Node, dim: int, spacing: Any) -> Node:
    """Returns the distances of neighbors, in a shape that broadcasts along a dim."""
    count = x.shape[dim] - 1
    line = tuple(count if d == dim else 1 for d in range(x.ndim))
    if not isinstance(spacing, Handle) or spacing.node.ndim == 0:
        step = base.cast(base.operand("gradient", spacing, x), x.dtype)
        return m.expand(base.reshape(step, (1,) * x.ndim), shape=line)
    coordinates = base.cast(spacing.node, x.dtype)
    if coordinates.shape != (count + 1,):
        raise ShapeError(
            f"gradient: dim {dim} of {x.shape} needs {count + 1} coordinates, "
            f"got {coordinates.shape}"
        )
    return base.reshape(_steps(coordinates, 0), line)


# --- areas


def _areas(op: str, y: Tensor, x: Operand | None, dx: Operand | None, dim: int) -> tuple[Node, int]:
    """Returns the areas of the trapezoids between neighbors, and the dim from the front."""
    if x is not None and dx is not None:
        raise ShapeError(f"{op}: x and dx say the same; give one of them")
    node = base.floating(base.unwrap(op, y))
    at = normalize_dim(op, dim, node.ndim)
    if node.ndim == 0:
        raise ShapeError(f"{op}: needs at least one dim")
    count = node.shape[at] - 1
    if count < 1:
        return part(node, at, 0, 0), at
    heights = part(node, at, 0, count) + part(node, at, 1, count)
    if x is None:
        widths: Any = 1 if dx is None else dx
        width = base.operand(op, widths, node)
        return heights * (base.cast(width, node.dtype) * 0.5), at
    places = base.operand(op, x, node)
    if places.ndim == 1:
        places = base.reshape(
            places, tuple(places.shape[0] if d == at else 1 for d in range(node.ndim))
        )
    lead = node.ndim - places.ndim
    found = places.shape[at - lead] if at >= lead else 1
    if found != count + 1:
        raise ShapeError(f"{op}: {found} places for {count + 1} samples; give one per sample")
    widths = _steps(base.cast(places, node.dtype), at - lead)
    broadcast(op, heights.shape, widths.shape)
    return heights * (widths * 0.5), at if lead >= 0 else at - lead


def trapezoid(
    y: Tensor, x: Operand | None = None, *, dx: Operand | None = None, dim: int = -1
) -> Tensor:
    """Returns the area under samples along a dim, as a sum of trapezoids.

    Args:
        y: the samples.
        x: where they were taken; a vector, or a tensor that broadcasts with `y`.
        dx: the distance of neighbors, 1 by default.
        dim: the dim.

    Raises:
        ShapeError: if both `x` and `dx` are given, or there is not one place per sample.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.trapezoid(tg.tensor([1.0, 5.0, 10.0]), dx=2)
        tensor(21.)
    """
    areas, at = _areas("trapezoid", y, x, dx, dim)
    return wrap(total(areas, (at,), False))


def trapz(
    y: Tensor, x: Operand | None = None, *, dx: Operand | None = None, dim: int = -1
) -> Tensor:
    """Returns `trapezoid(y, x, dx=dx, dim=dim)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.trapz(tg.tensor([1.0, 5.0, 10.0]), tg.tensor([0.0, 1.0, 3.0]))
        tensor(18.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(
    y: Tensor, x: Operand | None = None, *, dx: Operand | None = None, dim: int = -1
) -> Tensor:
    """Returns the areas under samples up to each but the first, as sums of trapezoids.

    Args:
        y: the samples.
        x: where they were taken; a vector, or a tensor that broadcasts with `y`.
        dx: the distance of neighbors, 1 by default.
        dim: the dim.

    Raises:
        ShapeError: if both `x` and `dx` are given, or there is not one place per sample.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cumulative_trapezoid(tg.tensor([1.0, 5.0, 10.0]))
        tensor([ 3.0000, 10.5000])
    """
    areas, at = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(wrap(areas), at)


# --- distances


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Returns the norm of `input - other`.

    Args:
        input: any float tensor.
        other: a tensor whose shape broadcasts with that of `input`.
        p: the order of the norm, as in `norm`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.dist(tg.tensor([1.0, 2.0]), tg.tensor([4.0, 6.0]))
        tensor(5.)
    """
    a, b = base.operands("dist", input, other)
    apart = base.floating(a) - base.floating(b)
    return wrap(norm_node(apart, float(p), tuple(range(apart.ndim)), False))


def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Returns the distances between all points of `x1` and all points of `x2`.

    Shapes: (..., P, M) and (..., R, M) -> (..., P, R); dims in front are batches and broadcast.
    Where two points are the same, the gradient is 0.

    Args:
        x1: points, one per row.
        x2: points, one per row.
        p: the order of the norm, from 0 to inf.
        compute_mode: PyTorch's name of a method; differences are always taken one by one, which is
            the exact one.

    Raises:
        ShapeError: if the points have different numbers of coordinates, or `p` is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cdist(tg.tensor([[0.0, 0.0]]), tg.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    a, b = base.operands("cdist", x1, x2)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"cdist: needs (..., P, M) and (..., R, M), got {a.shape} and {b.shape}")
    if not p >= 0:
        raise ShapeError(f"cdist: p must be 0 or more, got {p}")
    broadcast("cdist", a.shape[:-2], b.shape[:-2])
    rows: Shape = (*a.shape[:-1], 1, a.shape[-1])
    columns: Shape = (*b.shape[:-2], 1, *b.shape[-2:])
    apart = base.reshape(base.floating(a), rows) - base.reshape(base.floating(b), columns)
    order = 1.0 if math.isinf(p) and not a.shape[-1] else float(p)
    return wrap(norm_node(apart, order, (apart.ndim - 1,), False))
