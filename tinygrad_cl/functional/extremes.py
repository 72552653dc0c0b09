"""Largest and smallest elements, and where they are.   Primitives: primitives/reduce.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_cl.dtypes import bool_, int64, uint8
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import binary, wrap
from tinygrad_cl.functional.reduce import any_empty, fresh, setup
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


def _extreme(
    op: str, fold: Primitive, index: Primitive, input: Tensor, dim: Any, keepdim: bool
) -> Tensor | ValuesAndIndices:
    node = base.unwrap(op, input)
    if dim is None:
        return wrap(fresh(_fold(op, fold, node, tuple(range(node.ndim)), False), node))
    at = normalize_dim(op, dim, node.ndim)
    if node.ndim == 0:
        zero = base.fill(0, (), int64, base.device_of(node))
        return ValuesAndIndices(base.own(node), wrap(zero))
    _check_not_empty(op, node, (at,))
    ordered = base.cast(node, uint8) if node.dtype is bool_ else node
    found = index(ordered, dim=(at,), keepdim=True)
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

    Where the result is NaN, the NaNs share it (in PyTorch the whole gradient is NaN there).

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).amax(dim=(0, 1))
        tensor(7.)
    """
    node, dims = setup("amax", input, dim, axis)
    return wrap(fresh(_fold("amax", r.max, node, dims, keepdim or keepdims), node))


def amin(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    axis: Dims = None,
    keepdims: bool = False,
) -> Tensor:
    """Returns the smallest elements over `dim`; equal ones share the gradient.

    Where the result is NaN, the NaNs share it (in PyTorch the whole gradient is NaN there).

    Raises:
        ShapeError: if there are no elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 5.0], [7.0, 2.0]]).amin(dim=0)
        tensor([1., 2.])
    """
    node, dims = setup("amin", input, dim, axis)
    return wrap(fresh(_fold("amin", r.min, node, dims, keepdim or keepdims), node))


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
