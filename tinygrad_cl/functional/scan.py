"""Running sums, products and extremes along one dim.   Primitives: primitives/scan.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base, inplace
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.extremes import ValuesAndIndices
from tinygrad_cl.functional.reduce import fresh, widened
from tinygrad_cl.graph import Node, Primitive
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import scan as primitive
from tinygrad_cl.shapes import normalize_dim

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def scanned(op: str, scan: Callable[[Node, int], Node], node: Node, dim: int) -> Node:
    """Returns a scan of a node along a dim; of a zero-dimensional one, as a line of one element."""
    at = normalize_dim(op, dim, node.ndim)
    line = base.reshape(node, (1,)) if node.ndim == 0 else node
    return base.reshape(scan(line, at), node.shape)


def _forward(scan: Primitive) -> Callable[[Node, int], Node]:
    return lambda node, dim: scan(node, dim=dim, reverse=False)


def _dim(op: str, dim: int | None, axis: int | None) -> int:
    given = dim if axis is None else axis
    if given is None:
        raise ShapeError(f"{op}: needs a dim; flatten the tensor first to scan all of it")
    return given


def cumsum(
    input: Tensor,
    dim: int | None = None,
    *,
    dtype: DType | str | None = None,
    axis: int | None = None,
) -> Tensor:
    """Returns the sums of all elements up to each one, along a dim; integers add up in int64.

    Floats are added as doubles where the device has them.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0, 3.0]).cumsum(0)
        tensor([1., 3., 6.])
    """
    node = widened(unwrap("cumsum", input), dtype)
    return wrap(scanned("cumsum", _forward(primitive.cumsum), node, _dim("cumsum", dim, axis)))


def cumprod(
    input: Tensor,
    dim: int | None = None,
    *,
    dtype: DType | str | None = None,
    axis: int | None = None,
) -> Tensor:
    """Returns the products of all elements up to each one, along a dim; integers as int64.

    The gradient needs no division, so that zeros are no special case.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0, 3.0]).cumprod(0)
        tensor([1., 2., 6.])
    """
    node = widened(unwrap("cumprod", input), dtype)
    return wrap(scanned("cumprod", _forward(primitive.cumprod), node, _dim("cumprod", dim, axis)))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Returns `log(cumsum(exp(input), dim))`, also where the exponentials overflow.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logcumsumexp(tg.zeros(2), 0)
        tensor([0.0000, 0.6931])
    """
    node = base.floating(unwrap("logcumsumexp", input))
    return wrap(scanned("logcumsumexp", _forward(primitive.logcumsumexp), node, dim))


def _extremes(op: str, positions: Primitive, input: Tensor, dim: int) -> ValuesAndIndices:
    node = unwrap(op, input)
    places = scanned(op, lambda line, at: positions(line, dim=at), node, dim)
    if node.ndim == 0:
        return ValuesAndIndices(wrap(fresh(node, node)), wrap(places))
    at = normalize_dim(op, dim, node.ndim)
    return ValuesAndIndices(
        wrap(index_primitives.gather(node, places, dim=at, op=op)), wrap(places)
    )


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """Returns (values, indices) of the largest element up to each one, along a dim.

    Among equals the last one is named, and a NaN is larger than everything. The gradient goes to
    the named elements.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cummax(tg.tensor([1.0, 3.0, 2.0]), 0)
        (values=tensor([1., 3., 3.]), indices=tensor([0, 1, 1]))
    """
    return _extremes("cummax", primitive.cummax_index, input, dim)


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """Returns (values, indices) of the smallest element up to each one, along a dim.

    Among equals the last one is named, and a NaN is smaller than everything. The gradient goes to
    the named elements.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cummin(tg.tensor([2.0, 3.0, 1.0]), 0)
        (values=tensor([2., 2., 1.]), indices=tensor([0, 0, 2]))
    """
    return _extremes("cummin", primitive.cummin_index, input, dim)


def cumsum_(input: Tensor, dim: int, *, dtype: DType | str | None = None) -> Tensor:
    """Replaces the tensor by its `cumsum`; returns it.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1.0, 2.0]).cumsum_(0)
        tensor([1., 3.])
    """
    inplace.take("cumsum_", input, cumsum(input, dim, dtype=dtype))
    return input


def cumprod_(input: Tensor, dim: int, *, dtype: DType | str | None = None) -> Tensor:
    """Replaces the tensor by its `cumprod`; returns it.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([2.0, 3.0]).cumprod_(0)
        tensor([2., 6.])
    """
    inplace.take("cumprod_", input, cumprod(input, dim, dtype=dtype))
    return input
