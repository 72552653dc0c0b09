"""Diagonals of matrices, and matrices from diagonals.   Primitives: primitives/diagonal.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base, reduce
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import diagonal as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def two_dims(op: str, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    """Returns two different dims, counted from the front.

    Raises:
        ShapeError: if they are one dim, or out of range.
    """
    if ndim < 2:
        raise ShapeError(f"{op}: needs at least two dims, got {ndim}")
    first, second = normalize_dim(op, dim1, ndim), normalize_dim(op, dim2, ndim)
    if first == second:
        raise ShapeError(f"{op}: needs two different dims, got {dim1} and {dim2}")
    return first, second


def diagonal_node(op: str, x: Node, offset: int, dim1: int, dim2: int) -> Node:
    """Returns the diagonal of a node as its last dim."""
    first, second = two_dims(op, dim1, dim2, x.ndim)
    return primitive.diagonal(x, offset=int(offset), dim1=first, dim2=second)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Returns the diagonals of the matrices in two dims as the last dim; it costs no copy.

    Args:
        input: at least two dims.
        offset: 0 for the main diagonal, above it if positive, below it if negative.
        dim1: the dim of the rows.
        dim2: the dim of the columns.

    Raises:
        ShapeError: if there are not two such dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diagonal(tg.arange(6).reshape(2, 3), 1)
        tensor([1, 5])
    """
    return wrap(diagonal_node("diagonal", unwrap("diagonal", input), offset, dim1, dim2))


def embed_node(x: Node, offset: int) -> Node:
    """Returns matrices (..., N, N) of zeros with the last dim of a node on a diagonal."""
    size = x.shape[-1] + abs(offset)
    whole = base.fill(0, (*x.shape[:-1], size, size), x.dtype, x.device)
    lead = x.ndim - 1
    return primitive.diagonal_scatter(whole, x, offset=int(offset), dim1=lead, dim2=lead + 1)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Returns matrices of zeros with the last dim of `input` on a diagonal.

    Args:
        input: at least one dim.
        offset: which diagonal, as in `diagonal`.
        dim1: the dim of the result that counts rows.
        dim2: the one that counts columns.

    Raises:
        ShapeError: if the two dims are one, or the input has none.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diag_embed(tg.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    x = unwrap("diag_embed", input)
    if x.ndim == 0:
        raise ShapeError("diag_embed: needs at least one dim, got a zero-dimensional tensor")
    first, second = two_dims("diag_embed", dim1, dim2, x.ndim + 1)
    node = embed_node(x, offset)
    rest = iter(range(x.ndim - 1))
    placed = {first: x.ndim - 1, second: x.ndim}
    order = tuple(placed[d] if d in placed else next(rest) for d in range(x.ndim + 1))
    return wrap(m.permute(node, dims=order) if order != tuple(range(len(order))) else node)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Returns the diagonal of a matrix, or the square matrix with a vector on its diagonal.

    Raises:
        ShapeError: for other numbers of dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diag(tg.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    x = unwrap("diag", input)
    if x.ndim == 1:
        return wrap(embed_node(x, diagonal))
    if x.ndim != 2:
        raise ShapeError(f"diag: needs one or two dims, got {x.shape}; see diagonal and diag_embed")
    return wrap(diagonal_node("diag", x, diagonal, 0, 1))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Returns the square matrix with all elements of `input` on a diagonal.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diagflat(tg.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """
    x = unwrap("diagflat", input)
    return wrap(embed_node(base.reshape(x, (numel(x.shape),)), offset))


def trace(input: Tensor) -> Tensor:
    """Returns the sum of a matrix's diagonal; integers and bools sum in int64.

    Raises:
        ShapeError: if the input is no matrix.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.trace(tg.eye(3))
        tensor(3.)
    """
    x = unwrap("trace", input)
    if x.ndim != 2:
        raise ShapeError(f"trace: needs a matrix, got {x.shape}")
    line = diagonal_node("trace", x, 0, 0, 1)
    return wrap(r.sum(reduce.widened(line, None), dim=(0,), keepdim=False))
