"""Joining and cutting, by NumPy's names.   Primitives: primitives/{movement,diagonal}.py."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from tinygrad_cl import engine
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import movement, views
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.primitives import diagonal as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

# --- at least so many dims, and joining along them


def _each(tensors: tuple[Any, ...], change: Callable[[Tensor], Tensor]) -> Any:
    """Applies a function to one tensor, or to each of several, or of a sequence."""
    if len(tensors) == 1:
        if isinstance(tensors[0], Handle):
            return change(tensors[0])  # type: ignore[arg-type]
        tensors = tuple(tensors[0])
    return tuple(change(tensor) for tensor in tensors)


def _line(op: str, x: Tensor) -> Tensor:
    return x if unwrap(op, x).ndim else views.reshape(x, 1)


def _matrix(op: str, x: Tensor) -> Tensor:
    node = unwrap(op, x)
    return x if node.ndim > 1 else views.reshape(x, 1, numel(node.shape))


def _block(op: str, x: Tensor) -> Tensor:
    x = _matrix(op, x)
    return x if x.node.ndim > 2 else views.reshape(x, *x.node.shape, 1)


def atleast_1d(*tensors: Any) -> Any:
    """Returns each tensor with at least one dim: a number becomes (1).

    Args:
        tensors: one tensor, which gives one; several, or a sequence of them, which give a tuple.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atleast_1d(tg.tensor(5))
        tensor([5])
    """
    return _each(tensors, lambda x: _line("atleast_1d", x))


def atleast_2d(*tensors: Any) -> Any:
    """Returns each tensor with at least two dims: a vector becomes (1, N).

    Args:
        tensors: one tensor, which gives one; several, or a sequence of them, which give a tuple.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atleast_2d(tg.ones(3)).shape
        (1, 3)
    """
    return _each(tensors, lambda x: _matrix("atleast_2d", x))


def atleast_3d(*tensors: Any) -> Any:
    """Returns each tensor with at least three dims: (N) becomes (1, N, 1), (M, N) (M, N, 1).

    Args:
        tensors: one tensor, which gives one; several, or a sequence of them, which give a tuple.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.atleast_3d(tg.ones(2, 3)).shape
        (2, 3, 1)
    """
    return _each(tensors, lambda x: _block("atleast_3d", x))


def _listed(op: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    if isinstance(tensors, Handle) or not len(tensors):
        raise ShapeError(f"{op}: needs a list of at least one Tensor")
    return list(tensors)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Returns tensors joined side by side: along dim 1, vectors along dim 0.

    Raises:
        ShapeError: if there are none, or they do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.hstack([tg.tensor([[1], [2]]), tg.tensor([[3], [4]])])
        tensor([[1, 3],
                [2, 4]])
    """
    lines = [_line("hstack", x) for x in _listed("hstack", tensors)]
    return movement.cat(lines, dim=0 if lines[0].node.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Returns tensors joined one below the other: along dim 0, vectors as rows.

    Raises:
        ShapeError: if there are none, or they do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.vstack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[1, 2],
                [3, 4]])
    """
    return movement.cat([_matrix("vstack", x) for x in _listed("vstack", tensors)], dim=0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Returns tensors joined along dim 2, after `atleast_3d`.

    Raises:
        ShapeError: if there are none, or they do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.dstack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[[1, 3],
                 [2, 4]]])
    """
    return movement.cat([_block("dstack", x) for x in _listed("dstack", tensors)], dim=2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Returns vectors (as columns) and matrices joined side by side.

    Raises:
        ShapeError: if there are none, or they do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.column_stack([tg.tensor([1, 2]), tg.tensor([3, 4])])
        tensor([[1, 3],
                [2, 4]])
    """
    columns = [
        x if unwrap("column_stack", x).ndim > 1 else views.reshape(x, -1, 1)
        for x in _listed("column_stack", tensors)
    ]
    return movement.cat(columns, dim=1)


def block_diag(*tensors: Tensor) -> Tensor:
    """Returns the matrix with the given matrices along its diagonal and zeros elsewhere.

    Args:
        tensors: matrices; vectors count as rows, numbers as (1, 1).

    Raises:
        ShapeError: for more than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.block_diag(tg.tensor([[1, 2]]), tg.tensor(3))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """
    listed = [_matrix("block_diag", x) for x in tensors]
    if not listed:
        raise ShapeError("block_diag: needs at least one matrix")
    for x in listed:
        if x.node.ndim != 2:
            raise ShapeError(f"block_diag: needs matrices, got {x.node.shape}")
    nodes = movement.promoted("block_diag", listed)
    ends = list(accumulate((node.shape[1] for node in nodes), initial=0))
    rows = [
        m.pad(node, before=(0, start), after=(0, ends[-1] - end))
        for node, (start, end) in zip(nodes, pairwise(ends), strict=True)
    ]
    return wrap(m.cat(*rows, dim=0))


# --- cutting


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Returns pieces of a dim of the listed sizes.

    Raises:
        ShapeError: if the sizes do not add up.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.split_with_sizes(tg.arange(3), [1, 2])
        (tensor([0]), tensor([1, 2]))
    """
    return movement.split(input, list(split_sizes), dim)


def tensor_split(
    input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Returns pieces of a dim: so many of nearly equal size, or cut at the given indices.

    Args:
        input: at least one dim.
        indices_or_sections: how many pieces, the first of which are larger by one; or where to
            cut, as in slices: `[2, 5]` gives `[:2]`, `[2:5]` and `[5:]`. A tensor is computed now.
        dim: the dim to cut.

    Raises:
        ShapeError: if there is no dim, or fewer than one piece.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor_split(tg.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
        >>> tg.tensor_split(tg.arange(5), [1, 3])
        (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    node = unwrap("tensor_split", input)
    if node.ndim == 0:
        raise ShapeError("tensor_split: a zero-dimensional tensor has no dim to cut")
    at = normalize_dim("tensor_split", dim, node.ndim)
    size = node.shape[at]
    given: Any = indices_or_sections
    if isinstance(given, Handle):
        given = engine.numpy(given.node).tolist()
    if isinstance(given, int):
        if given < 1:
            raise ShapeError(f"tensor_split: cannot cut {node.shape} into {given} pieces")
        small, more = divmod(size, given)
        ends = list(accumulate((small + (i < more) for i in range(given)), initial=0))
        spans = list(pairwise(ends))
    else:
        cuts = [None, *map(int, given), None]
        spans = [slice(a, b).indices(size)[:2] for a, b in pairwise(cuts)]
    return tuple(wrap(movement.part(node, at, a, builtins.max(b - a, 0))) for a, b in spans)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Returns all windows of a dim as a further last dim; it costs no copy.

    Args:
        input: any tensor.
        dimension: the dim, which counts the windows in the result.
        size: elements of a window.
        step: how far apart windows start.

    Raises:
        ShapeError: if no window fits, or `step` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    node = unwrap("unfold", input)
    at = normalize_dim("unfold", dimension, node.ndim)
    if node.ndim == 0:  # one window, or one of nothing
        flat = m.reshape(node, shape=(1,))
        found = primitive.windows(flat, dim=0, size=int(size), step=int(step))
        return wrap(m.reshape(movement.part(found, 0, 0, 1), shape=(int(size),)))
    return wrap(primitive.windows(node, dim=at, size=int(size), step=int(step)))
