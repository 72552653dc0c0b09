"""The same elements in another shape or order, by NumPy's names.   See views.py, movement.py."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import Scalar
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base, movement, views
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, normalize_dim

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Returns the elements in the shape of another tensor.

    Raises:
        ShapeError: if the numbers of elements differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(6).reshape_as(tg.ones(2, 3)).shape
        (2, 3)
    """
    return views.reshape(input, unwrap("reshape_as", other).shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Returns the elements in the shape of another tensor.

    Raises:
        ShapeError: if the numbers of elements differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(6).view_as(tg.ones(2, 3)).shape
        (2, 3)
    """
    return views.reshape(input, unwrap("view_as", other).shape)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Returns `input` with two dims exchanged: `transpose` by NumPy's name.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.swapaxes(tg.ones(2, 3, 4), 0, 2).shape
        (4, 3, 2)
    """
    return wrap(views.swap("swapaxes", unwrap("swapaxes", input), axis0, axis1))


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Returns `input` with two dims exchanged, as `transpose` does.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.swapdims(tg.ones(2, 3, 4), 0, 2).shape
        (4, 3, 2)
    """
    return wrap(views.swap("swapdims", unwrap("swapdims", input), dim0, dim1))


def fliplr(input: Tensor) -> Tensor:
    """Returns `input` with the order of columns, dim 1, reversed.

    Raises:
        ShapeError: if there are fewer than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.fliplr(tg.tensor([[1, 2], [3, 4]]))
        tensor([[2, 1],
                [4, 3]])
    """
    if unwrap("fliplr", input).ndim < 2:
        raise ShapeError(f"fliplr: needs at least two dims, got {input.node.shape}")
    return movement.flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Returns `input` with the order of rows, dim 0, reversed.

    Raises:
        ShapeError: if there is no dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.flipud(tg.tensor([[1, 2], [3, 4]]))
        tensor([[3, 4],
                [1, 2]])
    """
    if unwrap("flipud", input).ndim < 1:
        raise ShapeError("flipud: needs at least one dim, got a zero-dimensional tensor")
    return movement.flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Returns `input` turned by 90 degrees, `k` times, from the first towards the second dim.

    Raises:
        ShapeError: if `dims` are not two different dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.rot90(tg.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    node = unwrap("rot90", input)
    if len(dims) != 2:
        raise ShapeError(f"rot90: needs two dims, got {tuple(dims)}")
    a, b = (normalize_dim("rot90", d, node.ndim) for d in dims)
    if a == b or node.ndim < 2:
        raise ShapeError(f"rot90: needs two different dims of {node.shape}, got {tuple(dims)}")
    signs = {0: (), 1: (b,), 2: (a, b), 3: (a,)}[k % 4]
    turned = m.flip(node, tuple(-1 if d in signs else 1 for d in range(node.ndim)))
    if k % 2:
        turned = views.swap("rot90", turned, a, b)
    return wrap(p.alias(node) if turned is node else turned)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Returns `input` summed down to a shape that broadcasts to its own.

    Raises:
        ShapeError: if the shape does not broadcast to that of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(3, 2).sum_to_size(1, 2)
        tensor([[3., 3.]])
    """
    node = unwrap("sum_to_size", input)
    shape = base.size_argument("sum_to_size", size)
    lead = node.ndim - len(shape)
    if lead < 0 or builtins.any(
        want not in (1, have) for want, have in zip(shape, node.shape[lead:], strict=True)
    ):
        raise ShapeError(f"sum_to_size: {shape} does not broadcast to {node.shape}")
    dims = _summed(shape, node, lead)
    result = base.reshape(total(node, dims, False), shape) if dims else node
    return wrap(p.alias(node) if result is node else result)


def _summed(shape: Shape, node: Node, lead: int) -> Shape:
    grown = (lead + d for d, s in enumerate(shape) if s == 1 and node.shape[lead + d] != 1)
    return (*range(lead), *grown)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: Scalar = 0) -> Tensor:
    """Returns `input` with `value` put around it, as `nn.functional.pad` does.

    Raises:
        ShapeError: if the widths do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.constant_pad_nd(tg.tensor([1, 2]), (1, 0), 9)
        tensor([9, 1, 2])
    """
    return movement.pad(input, pad, value=value)


def fill(input: Tensor, value: Tensor | Scalar) -> Tensor:
    """Returns a tensor like `input`, full of one value: a number, or a zero-dimensional tensor.

    Raises:
        ShapeError: if `value` has dims.
        DTypeError: if `value` is no number or tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.fill(tg.tensor([1, 2]), 7)
        tensor([7, 7])
    """
    x = unwrap("fill", input)
    if not isinstance(value, Handle):
        given = base.number(value)
        if isinstance(given, float) and not x.dtype.is_floating_point:
            given = int(given)
        return wrap(base.fill(given, x.shape, x.dtype, base.device_of(x)))
    node = value.node
    if node.ndim:
        raise ShapeError(f"fill: needs a number or a zero-dimensional tensor, got {node.shape}")
    if node.dtype.category > x.dtype.category:
        raise DTypeError(f"fill: a {node.dtype.name} value does not fit a {x.dtype.name} tensor")
    return wrap(m.expand(base.cast(node, x.dtype), shape=x.shape))
