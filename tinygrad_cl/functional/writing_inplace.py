"""The functions that write by an index, in place: the tensor gets a new value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import Scalar
from tinygrad_cl.functional import index as indices_
from tinygrad_cl.functional import inplace, writing

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def scatter_(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Scalar | None = None,
    *,
    value: Scalar | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Writes `src` to places in place, as `scatter` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).scatter_(0, tg.tensor([2]), 5)
        tensor([0., 0., 5.])
    """
    result = writing.scatter(input, dim, index, src, value=value, reduce=reduce)
    inplace.take("scatter_", input, result)
    return input


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Adds `src` at places in place, as `scatter_add` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).scatter_add_(0, tg.tensor([2, 2]), tg.ones(2))
        tensor([0., 0., 2.])
    """
    inplace.take("scatter_add_", input, indices_.scatter_add(input, dim, index, src))
    return input


def index_add_(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Adds slices in place, as `index_add` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).index_add_(0, tg.tensor([2, 2]), tg.ones(2))
        tensor([0., 0., 2.])
    """
    inplace.take("index_add_", input, indices_.index_add(input, dim, index, source, alpha=alpha))
    return input


def index_fill_(input: Tensor, dim: int, index: Tensor, value: Tensor | Scalar) -> Tensor:
    """Fills slices in place, as `index_fill` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).index_fill_(0, tg.tensor([-1]), 5)
        tensor([0., 0., 5.])
    """
    inplace.take("index_fill_", input, writing.index_fill(input, dim, index, value))
    return input


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Writes slices in place, as `index_copy` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).index_copy_(0, tg.tensor([2]), tg.ones(1))
        tensor([0., 0., 1.])
    """
    inplace.take("index_copy_", input, writing.index_copy(input, dim, index, source))
    return input


def index_put_(
    input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Writes values in place, as `index_put` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(3).index_put_((tg.tensor([2]),), tg.ones(1))
        tensor([0., 0., 1.])
    """
    inplace.take("index_put_", input, writing.index_put(input, indices, values, accumulate))
    return input


def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Writes elements where a mask holds, as `masked_scatter` does; returns the tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.zeros(3)
        >>> x.masked_scatter_(x == 0, tg.tensor([1.0, 2.0, 3.0]))
        tensor([1., 2., 3.])
    """
    inplace.take("masked_scatter_", input, writing.masked_scatter(input, mask, source))
    return input
