"""Sorting and searching.   Primitives: primitives/sort.py.

All sorts are stable: equal elements keep their order, also where the largest come first. A NaN is
larger than every number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import int32
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.extremes import ValuesAndIndices
from tinygrad_cl.functional.index import index_node
from tinygrad_cl.functional.movement import part
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import sort as primitive
from tinygrad_cl.shapes import normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor


FEW = 32  # elements of a line that are found without sorting it
LONG = 4096  # elements of a line that one work-item of a GPU should not walk along


def _walks(node: Node, size: int) -> bool:
    return base.device_of(node).kind != "gpu" or size <= LONG


def order(op: str, node: Node, dim: int, descending: bool) -> Node:
    """Returns the positions that sort a node along a dim."""
    at = normalize_dim(op, dim, node.ndim)
    line = base.reshape(node, (1,)) if node.ndim == 0 else node
    return base.reshape(primitive.argsort(line, dim=at, descending=descending), node.shape)


def picked(op: str, node: Node, places: Node, dim: int) -> Node:
    """Returns the elements at positions along a dim, also of a zero-dimensional node."""
    at = normalize_dim(op, dim, node.ndim)
    if node.ndim:
        return index_primitives.gather(node, places, dim=at, op=op)
    line = base.reshape(places, (1,))
    found = index_primitives.gather(base.reshape(node, (1,)), line, dim=0, op=op)
    return base.reshape(found, ())


def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True
) -> ValuesAndIndices:
    """Returns (values, indices) sorted along a dim; always stable.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.sort(tg.tensor([3.0, 1.0, 2.0]))
        (values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
    """
    node = unwrap("sort", input)
    places = order("sort", node, dim, descending)
    return ValuesAndIndices(wrap(picked("sort", node, places, dim)), wrap(places))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Returns the indices that sort along a dim; always stable.

    Raises:
        ShapeError: if there is no such dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.argsort(tg.tensor([3.0, 1.0, 2.0]), descending=True)
        tensor([0, 2, 1])
    """
    return wrap(order("argsort", unwrap("argsort", input), dim, descending))


def msort(input: Tensor) -> Tensor:
    """Returns the elements sorted along the first dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.msort(tg.tensor([[3, 1], [2, 4]]))
        tensor([[2, 1],
                [3, 4]])
    """
    node = unwrap("msort", input)
    return wrap(picked("msort", node, order("msort", node, 0, False), 0))


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """Returns (values, indices) of the k largest, or smallest, elements along a dim, in order.

    Raises:
        ShapeError: if there is no such dim, or it has fewer elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.topk(tg.tensor([1.0, 5.0, 3.0]), 2)
        (values=tensor([5., 3.]), indices=tensor([1, 2]))
    """
    node = unwrap("topk", input)
    at = normalize_dim("topk", dim, node.ndim)
    size = node.shape[at] if node.ndim else 1
    if not 0 <= k <= size:
        raise ShapeError(f"topk: k {k} is not between 0 and {size}, the size of dim {dim}")
    if 0 < k <= FEW and node.ndim and _walks(node, size):
        places = primitive.topk_index(node, dim=at, descending=largest, count=k)
    else:
        places = order("topk", node, dim, largest)
        places = part(places, at, 0, k) if node.ndim else places
    return ValuesAndIndices(wrap(picked("topk", node, places, dim)), wrap(places))


def _search(op: str, sequence: Node, values: Node, right: bool, out_int32: bool) -> Tensor:
    """Searches 1-d boundaries for all values, or each line of them for its own."""
    if sequence.ndim == 0:
        raise ShapeError(f"{op}: the sorted sequence needs at least one dim")
    if sequence.ndim > 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            f"{op}: a sequence with more than one dim needs values of the same leading dims, "
            f"got {sequence.shape} and {values.shape}"
        )
    lines = numel(sequence.shape[:-1])
    count = numel(values.shape if sequence.ndim == 1 else values.shape[-1:])
    table = base.reshape(sequence, (lines, sequence.shape[-1]))
    found = primitive.searchsorted(table, base.reshape(values, (lines, count)), right=right)
    found = base.reshape(found, values.shape)
    return wrap(base.cast(found, int32) if out_int32 else found)


def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Returns where values would have to stand in sorted lines to keep them sorted.

    Args:
        sorted_sequence: one line for all values, or (..., n) with a line for each of theirs.
        input: the values, (..., m), or one number.
        out_int32: give int32 instead of int64.
        right: behind elements that are equal, not before them.
        side: "left" or "right", another way to say `right`.
        sorter: indices that sort the sequence, which then is in any order.

    Raises:
        ShapeError: if the leading dims differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.searchsorted(tg.tensor([1, 3, 5]), tg.tensor([3, 6]))
        tensor([1, 3])
    """
    op = "searchsorted"
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ArgumentError(f"{op}: side must be 'left' or 'right' and agree with right: {side!r}")
    sequence, values = base.operands(op, sorted_sequence, input)
    if sorter is not None:
        places = index_node(op, sorter)
        if places.shape != sequence.shape:
            raise ShapeError(f"{op}: sorter {places.shape} needs the shape of {sequence.shape}")
        sequence = picked(op, sequence, places, -1)
    return _search(op, sequence, values, right or side == "right", out_int32)


def bucketize(
    input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Returns the number of the bucket of each value between sorted boundaries.

    Args:
        input: the values, of any shape, or one number.
        boundaries: one sorted line.
        out_int32: give int32 instead of int64.
        right: a value on a boundary belongs to the bucket behind it.

    Raises:
        ShapeError: if the boundaries are no vector.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bucketize(tg.tensor([3, 6, 9]), tg.tensor([1, 3, 5, 7, 9]))
        tensor([1, 3, 4])
    """
    edges, values = base.operands("bucketize", boundaries, input)
    if edges.ndim != 1:
        raise ShapeError(f"bucketize: boundaries must be 1-d, got {edges.shape}")
    return _search("bucketize", edges, values, right, out_int32)
