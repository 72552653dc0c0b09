"""Diagonals and windows.   Device side: views.   User side: functional/{diagonal,blocks}.py.

Both read a buffer with strides that no slice has: along two dims at once, or with overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.lowering import Assemble, Attrs, View
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives.rules import ANY, common_dtype
from tinygrad_cl.shapes import Layout, Shape, numel

# ---- diagonals


def extent(shape: Shape, offset: int, dim1: int, dim2: int) -> tuple[tuple[int, int], int]:
    """Returns where a diagonal starts in its two dims, and its length."""
    place = (max(-offset, 0), max(offset, 0))
    length = min(shape[dim1] - place[0], shape[dim2] - place[1])
    return ((0, 0), 0) if length <= 0 else (place, length)


def _diagonal_shape(op: str, shape: Shape, offset: int, dim1: int, dim2: int) -> Shape:
    if dim1 == dim2 or not (0 <= dim1 < len(shape) and 0 <= dim2 < len(shape)):
        raise ShapeError(f"{op}: needs two dims of {shape}, got {dim1} and {dim2}")
    rest = tuple(s for d, s in enumerate(shape) if d not in (dim1, dim2))
    return (*rest, extent(shape, offset, dim1, dim2)[1])


def _diagonal_spec(x: TensorSpec, offset: int, dim1: int, dim2: int) -> TensorSpec:
    return TensorSpec(_diagonal_shape("diagonal", x.shape, offset, dim1, dim2), x.dtype)


def _scatter_spec(
    base: TensorSpec, value: TensorSpec, offset: int, dim1: int, dim2: int
) -> TensorSpec:
    op = "diagonal_scatter"
    dtype = common_dtype(op, ANY, (base, value))
    shape = _diagonal_shape(op, base.shape, offset, dim1, dim2)
    if value.shape != shape:
        raise ShapeError(f"{op}: the diagonal of {base.shape} has shape {shape}, got {value.shape}")
    return TensorSpec(base.shape, dtype)


def _np_scatter(base: Any, value: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = base.copy()
    (row, column), length = extent(base.shape, offset, dim1, dim2)
    steps = np.arange(length)
    np.moveaxis(out, (dim1, dim2), (-2, -1))[..., row + steps, column + steps] = value
    return out


def _diagonal_view(layout: Layout, out: Shape, attrs: Attrs) -> Layout:
    given: Any = attrs
    place, length = extent(layout.shape, **given)
    return layout.diagonal(given["dim1"], given["dim2"], place, length)


def _scatter_parts(shapes: tuple[Shape, ...], out: Shape, attrs: Attrs) -> tuple[Layout, ...]:
    whole = Layout.contiguous(out)
    return whole, _diagonal_view(whole, shapes[1], attrs)


diagonal: Primitive = register(
    Primitive(
        "diagonal",
        _diagonal_spec,
        lambda x, offset, dim1, dim2: np.diagonal(x, offset, dim1, dim2),
        View(_diagonal_view),
        (lambda g, y, x, **where: diagonal_scatter(m.zeros(x), g, **where),),
        attrs=("offset", "dim1", "dim2"),
    )
)
diagonal_scatter: Primitive = register(
    Primitive(
        "diagonal_scatter",
        _scatter_spec,
        _np_scatter,
        Assemble(_scatter_parts),
        (
            lambda g, y, base, value, **where: diagonal_scatter(g, m.zeros(value), **where),
            lambda g, y, base, value, **where: diagonal(g, **where),
        ),
        attrs=("offset", "dim1", "dim2"),
    )
)


# ---- windows


def _windows_spec(x: TensorSpec, dim: int, size: int, step: int) -> TensorSpec:
    if not (0 <= dim < len(x.shape) and 0 <= size <= x.shape[dim] and step > 0):
        raise ShapeError(
            f"unfold: windows of {size} elements, {step} apart, do not fit dim {dim} of {x.shape}"
        )
    count = (x.shape[dim] - size) // step + 1
    return TensorSpec((*x.shape[:dim], count, *x.shape[dim + 1 :], size), x.dtype)


def _np_windows(x: Any, dim: int, size: int, step: int) -> Any:
    count = (x.shape[dim] - size) // step + 1
    places = np.arange(count)[:, None] * step + np.arange(size)
    return np.moveaxis(x.take(places, axis=dim), dim + 1, -1)


def _windows_view(layout: Layout, out: Shape, attrs: Attrs) -> Layout | None:
    given: Any = attrs
    return layout.windows(given["dim"], given["step"], out[given["dim"]], out[-1])


def _windows_vjp(g: Node, y: Node, x: Node, dim: int, size: int, step: int) -> Node:
    """Adds up overlapping windows.

    A window is cut into `pieces` of `step` elements. Piece q of window i belongs to block i + q of
    the input: rows that are padded by one element too many, flattened and cut into rows again are
    skewed so that what belongs to one block stands in one column.
    """
    count, outer, inner = g.shape[dim], g.shape[:dim], g.shape[dim + 1 : -1]
    pieces = max(-(-size // step), 1)
    g = m.permute(g, dims=(*range(dim), *range(dim + 1, g.ndim), dim))  # outer, inner, size, count
    lead = (*outer, *inner)
    g = _grown(g, -2, pieces * step)
    g = m.reshape(g, shape=(*lead, pieces, step, count))
    ahead = len(lead)
    g = m.permute(g, dims=(*range(ahead), ahead + 1, ahead, ahead + 2))  # ..., step, pieces, count
    width = count + pieces
    g = m.reshape(_grown(g, -1, width), shape=(*lead, step, pieces * width))
    g = m.reshape(_grown(g, -1, pieces * (width - 1)), shape=(*lead, step, pieces, width - 1))
    blocks = r.sum(g, dim=(ahead + 1,), keepdim=False)
    blocks = m.permute(blocks, dims=(*range(ahead), ahead + 1, ahead))
    line = m.reshape(blocks, shape=(*lead, numel(blocks.shape[ahead:])))
    line = _grown(line, -1, x.shape[dim])
    return m.permute(line, dims=(*range(dim), ahead, *range(dim, ahead)))


def _grown(x: Node, dim: int, size: int) -> Node:
    """Returns a node with a dim cut off, or filled up with zeros, at its end."""
    at = dim % x.ndim
    missing = size - x.shape[at]
    if missing <= 0:
        shape = (*x.shape[:at], size, *x.shape[at + 1 :])
        return m.slice(x, starts=(0,) * x.ndim, steps=(1,) * x.ndim, shape=shape)
    after = tuple(missing if d == at else 0 for d in range(x.ndim))
    return m.pad(x, before=(0,) * x.ndim, after=after)


windows: Primitive = register(
    Primitive(
        "windows",
        _windows_spec,
        _np_windows,
        View(_windows_view),
        (_windows_vjp,),
        attrs=("dim", "size", "step"),
    )
)
