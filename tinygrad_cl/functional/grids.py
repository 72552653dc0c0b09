"""Grids, combinations, index tables, and new tensors like an old one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.dtypes import Scalar, dtype, float32, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base, creation, movement, views
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.functional.index import index_select
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.creation import DeviceLike, DTypeLike
    from tinygrad_cl.tensor import Tensor


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Returns the coordinates of a grid, one tensor per vector, all of one shape; it costs no copy.

    Args:
        tensors: vectors or numbers, or one sequence of them.
        indexing: "ij", dim i counts the i-th vector; or "xy", in which the first two are exchanged.

    Raises:
        ShapeError: if there is none, or one has more than one dim.
        DTypeError: if dtypes differ, or `indexing` is another word.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, y = tg.meshgrid(tg.tensor([1, 2]), tg.tensor([3, 4, 5]))
        >>> x
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    listed = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Handle) else tensors
    nodes = [unwrap("meshgrid", x) for x in listed]
    if indexing not in ("ij", "xy"):
        raise DTypeError(f'meshgrid: indexing must be "ij" or "xy", got {indexing!r}')
    if not nodes or any(node.ndim > 1 for node in nodes):
        raise ShapeError(
            f"meshgrid: needs vectors, at least one, got {[node.shape for node in nodes]}"
        )
    if len({node.dtype for node in nodes}) > 1:
        raise DTypeError(f"meshgrid: needs one dtype, got {[node.dtype.name for node in nodes]}")
    order = list(range(len(nodes)))
    if indexing == "xy" and len(nodes) > 1:
        order[:2] = [1, 0]
    sizes = tuple(numel(nodes[i].shape) for i in order)
    found = []
    for i, node in enumerate(nodes):
        at = order.index(i)
        alone = tuple(size if d == at else 1 for d, size in enumerate(sizes))
        found.append(wrap(m.expand(m.reshape(node, shape=alone), shape=sizes)))
    return tuple(found)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Returns all tuples of one element of each vector, as rows; one vector gives itself.

    Raises:
        ShapeError: if a tensor is no vector.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cartesian_prod(tg.tensor([1, 2]), tg.tensor([3, 4]))
        tensor([[1, 3],
                [1, 4],
                [2, 3],
                [2, 4]])
    """
    for x in tensors:
        if unwrap("cartesian_prod", x).ndim != 1:
            raise ShapeError(f"cartesian_prod: needs vectors, got {x.node.shape}")
    if len(tensors) == 1:
        return tensors[0]
    return movement.stack([views.flatten(x) for x in meshgrid(*tensors)], dim=1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Returns all choices of `r` elements of a vector, in order, as rows.

    Raises:
        ShapeError: if the input is no vector, or `r` is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.combinations(tg.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    x = unwrap("combinations", input)
    if x.ndim != 1 or r < 0:
        raise ShapeError(f"combinations: needs a vector and r >= 0, got {x.shape} and {r}")
    if r == 0:
        return creation.zeros(0, dtype=x.dtype, device=base.device_of(x))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(x.shape[0]), r)), np.int64).reshape(-1, r)
    line = wrap(base.upload(places.reshape(-1), x.device))
    return views.reshape(index_select(input, 0, line), places.shape)


def _indices(op: str, rows: Any, kind: DTypeLike, device: DeviceLike) -> Tensor:
    found = np.stack(rows).astype(dtype(kind or int64).numpy)
    return creation.tensor(found, device=device)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None, device: DeviceLike = None
) -> Tensor:
    """Returns the rows and columns, (2, K), of the lower triangle of a (row, col) matrix.

    Args:
        row: rows of the matrix.
        col: columns of it.
        offset: the highest diagonal that belongs to the triangle.
        dtype: int64 by default.
        device: the default one by default.

    Raises:
        ShapeError: if a size is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    _check_sizes("tril_indices", row, col)
    return _indices("tril_indices", np.tril_indices(row, offset, col), dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None, device: DeviceLike = None
) -> Tensor:
    """Returns the rows and columns, (2, K), of the upper triangle of a (row, col) matrix.

    Args:
        row: rows of the matrix.
        col: columns of it.
        offset: the lowest diagonal that belongs to the triangle.
        dtype: int64 by default.
        device: the default one by default.

    Raises:
        ShapeError: if a size is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    _check_sizes("triu_indices", row, col)
    return _indices("triu_indices", np.triu_indices(row, offset, col), dtype, device)


def _check_sizes(op: str, *sizes: int) -> None:
    if min(sizes) < 0:
        raise ShapeError(f"{op}: sizes must not be negative, got {sizes}")


def logspace(
    start: Scalar,
    end: Scalar,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns `steps` numbers from `base**start` to `base**end`, evenly spaced in their logarithm.

    Raises:
        ShapeError: if `steps` is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    _check_sizes("logspace", steps)
    with np.errstate(all="ignore"):
        values = np.power(float(base), np.linspace(float(start), float(end), steps))
    return creation.tensor(values, dtype or float32, device, requires_grad)


# --- new tensors like an old one


def _like(input: Tensor, options: dict[str, Any]) -> dict[str, Any]:
    """Options of creation functions: what was not given is that of a tensor."""
    node = unwrap("new", input)
    given = {name: value for name, value in options.items() if value is not None}
    return {"dtype": node.dtype, "device": base.device_of(node)} | given


def new_tensor(
    input: Tensor,
    data: Any,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor with a copy of `data`, in the dtype and on the device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(1).new_tensor([1, 2])
        tensor([1., 2.])
    """
    options = _like(input, {"dtype": dtype, "device": device})
    return creation.tensor(data, requires_grad=requires_grad, **options)


def new_full(
    input: Tensor,
    size: Sequence[int],
    fill_value: Scalar,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor full of a number, in the dtype and on the device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(1).new_full((2,), 7)
        tensor([7., 7.])
    """
    options = _like(input, {"dtype": dtype, "device": device})
    return creation.full(size, fill_value, requires_grad=requires_grad, **options)


def new_ones(
    input: Tensor,
    *size: Any,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns ones in the dtype and on the device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([5]).new_ones(2)
        tensor([1, 1])
    """
    options = _like(input, {"dtype": dtype, "device": device})
    return creation.ones(*size, requires_grad=requires_grad, **options)


def new_zeros(
    input: Tensor,
    *size: Any,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns zeros in the dtype and on the device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([5]).new_zeros(2)
        tensor([0, 0])
    """
    options = _like(input, {"dtype": dtype, "device": device})
    return creation.zeros(*size, requires_grad=requires_grad, **options)


def new_empty(
    input: Tensor,
    *size: Any,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor to be filled later (zeros) in the dtype and on the device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([5]).new_empty(2).shape
        (2,)
    """
    return new_zeros(input, *size, dtype=dtype, device=device, requires_grad=requires_grad)
