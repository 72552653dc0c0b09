"""Writing slices and diagonals into a copy of a tensor.   Primitives: primitives/movement.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def _check_src(op: str, src: Node, shape: Shape) -> None:
    if src.shape != shape:
        raise ShapeError(f"{op}: src must have the shape {shape} of the place, got {src.shape}")


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Returns `input` with `src` as the slice at `index` of a dim.

    Raises:
        ShapeError: if src has not the shape of the slice.
        IndexError: if there is no such slice.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.select_scatter(tg.zeros(2, 2), tg.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    x, given = unwrap("select_scatter", input), unwrap("select_scatter", src)
    at = normalize_dim("select_scatter", dim, x.ndim)
    size = x.shape[at] if x.ndim else 0
    if not -size <= index < size:
        raise IndexError(f"select_scatter: index {index} is out of range for a dim of size {size}")
    _check_src("select_scatter", given, x.shape[:at] + x.shape[at + 1 :])
    slab = base.reshape(base.cast(given, x.dtype), (*x.shape[:at], 1, *x.shape[at + 1 :]))
    starts = tuple(index % size if d == at else 0 for d in range(x.ndim))
    return wrap(m.slice_scatter(x, slab, starts=starts, steps=(1,) * x.ndim))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Returns `input` with `src` as its slice `start:end:step` of a dim.

    Raises:
        ShapeError: if src has not the shape of the slice.
        ArgumentError: if the step is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.slice_scatter(tg.zeros(5), tg.ones(2), 0, 1, 5, 2)
        tensor([0., 1., 0., 1., 0.])
    """
    x, given = unwrap("slice_scatter", input), unwrap("slice_scatter", src)
    at = normalize_dim("slice_scatter", dim, x.ndim)
    if step < 1:
        raise ArgumentError(f"slice_scatter: step must be positive, got {step}")
    if x.ndim == 0:
        raise ShapeError("slice_scatter: a zero-dimensional tensor has no slices")
    first, stop, _ = slice(start, end, step).indices(x.shape[at])
    count = len(range(first, stop, step))
    _check_src("slice_scatter", given, (*x.shape[:at], count, *x.shape[at + 1 :]))
    if count == 0:
        return wrap(p.alias(x))
    starts = tuple(first if d == at else 0 for d in range(x.ndim))
    steps = tuple(step if d == at else 1 for d in range(x.ndim))
    return wrap(m.slice_scatter(x, base.cast(given, x.dtype), starts=starts, steps=steps))


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Returns `input` with `src` as the diagonal of two dims, which is the last dim of `src`.

    Raises:
        ShapeError: if src has not the shape of the diagonal, or the dims are one.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diagonal_scatter(tg.zeros(2, 2), tg.tensor([1.0, 2.0]))
        tensor([[1., 0.],
                [0., 2.]])
    """
    op = "diagonal_scatter"
    x, given = unwrap(op, input), unwrap(op, src)
    first, second = normalize_dim(op, dim1, x.ndim), normalize_dim(op, dim2, x.ndim)
    if first == second or x.ndim < 2:
        raise ShapeError(f"{op}: needs two different dims, got {dim1} and {dim2} of {x.shape}")
    rest = tuple(d for d in range(x.ndim) if d not in (first, second))
    order = (*rest, first, second)
    turned = m.permute(x, dims=order)
    rows, columns = turned.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    length = max(0, min(rows - row, columns - column))
    outer = turned.shape[:-2]
    _check_src(op, given, (*outer, length))
    if numel(given.shape) == 0:
        return wrap(p.alias(x))
    # Neighbors on a diagonal are a row and an element apart.
    flat = base.reshape(turned, (*outer, rows * columns))
    starts = (*(0 for _ in outer), row * columns + column)
    steps = (*(1 for _ in outer), columns + 1)
    found = m.slice_scatter(flat, base.cast(given, x.dtype), starts=starts, steps=steps)
    back = tuple(order.index(d) for d in range(x.ndim))
    return wrap(m.permute(base.reshape(found, turned.shape), dims=back))
