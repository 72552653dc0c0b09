"""Views: the same elements in other shapes and orders.   Primitives: primitives/movement.py.

Unlike PyTorch's, these views are values of their own: writing to one never changes the other.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives.elementwise import alias
from tinygrad_cl.shapes import (
    broadcast,
    infer_reshape,
    normalize_dim,
    normalize_dims,
    numel,
)

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def clone(input: Tensor) -> Tensor:
    """Returns the same values as a tensor of its own; gradients flow back to `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.clone(tg.tensor([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return wrap(alias(unwrap("clone", input)))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """Returns the same elements in another shape; one size may be -1.

    Raises:
        ShapeError: if the numbers of elements differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(6).reshape(2, -1).shape
        (2, 3)
    """
    node = unwrap("reshape", input)
    wanted = infer_reshape(node.shape, base.size_argument("reshape", shape))
    return wrap(m.reshape(node, shape=wanted))


def view(input: Tensor, *shape: Any) -> Tensor:
    """Returns `reshape(input, *shape)`; every tensor can be viewed in every shape.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(6).view(3, 2).shape
        (3, 2)
    """
    return reshape(input, *shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Returns `input` with the dims from `start_dim` to `end_dim` made one.

    Raises:
        ShapeError: if the first dim lies behind the last.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3, 4).flatten(1).shape
        (2, 12)
    """
    node = unwrap("flatten", input)
    first = normalize_dim("flatten", start_dim, node.ndim)
    last = normalize_dim("flatten", end_dim, node.ndim)
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    shape = node.shape or (1,)
    merged = (*shape[:first], numel(shape[first : last + 1]), *shape[last + 1 :])
    return wrap(m.reshape(node, shape=merged))


def ravel(input: Tensor) -> Tensor:
    """Returns all elements in one dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(2, 3).ravel().shape
        (6,)
    """
    return flatten(input)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Returns `input` with one dim cut into several; one of the sizes may be -1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 12).unflatten(1, (3, -1)).shape
        (2, 3, 4)
    """
    node = unwrap("unflatten", input)
    at = normalize_dim("unflatten", dim, node.ndim)
    cut = infer_reshape((node.shape[at],), sizes)
    return wrap(m.reshape(node, shape=(*node.shape[:at], *cut, *node.shape[at + 1 :])))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """Returns `input` with its dims in the given order.

    Raises:
        ShapeError: if a dim is missing or named twice.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3, 4).permute(2, 0, 1).shape
        (4, 2, 3)
    """
    node = unwrap("permute", input)
    listed = base.size_argument("permute", dims)
    order = tuple(normalize_dim("permute", d, node.ndim) for d in listed)
    if len(order) != node.ndim:
        raise ShapeError(f"permute: {node.shape} has {node.ndim} dims, got {listed}")
    return wrap(m.permute(node, dims=order))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Returns `input` with two dims exchanged.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3, 4).transpose(0, 2).shape
        (4, 3, 2)
    """
    return wrap(swap("transpose", unwrap("transpose", input), dim0, dim1))


def swap(op: str, node: Node, dim0: int, dim1: int) -> Node:
    """Returns a node with two dims exchanged."""
    a, b = normalize_dim(op, dim0, node.ndim), normalize_dim(op, dim1, node.ndim)
    order = list(range(node.ndim))
    if order:
        order[a], order[b] = b, a
    return m.permute(node, dims=tuple(order))


def t(input: Tensor) -> Tensor:
    """Returns a matrix transposed; tensors of fewer dims as they are.

    Raises:
        ShapeError: for more than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3).t().shape
        (3, 2)
    """
    node = unwrap("t", input)
    if node.ndim > 2:
        raise ShapeError(f"t: needs at most 2 dims, got {node.shape}; use .mT or .permute(...)")
    return wrap(m.permute(node, dims=tuple(reversed(range(node.ndim)))))


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Returns `input` with dims moved to other places, the rest in their order.

    Raises:
        ShapeError: if dims are named twice, or not as many places as dims are given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3, 4).movedim(0, -1).shape
        (3, 4, 2)
    """
    node = unwrap("movedim", input)
    froms = (source,) if isinstance(source, int) else tuple(source)
    tos = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(froms) != len(tos):
        raise ShapeError(f"movedim: {froms} and {tos} differ in length")
    normalize_dims("movedim", froms or None, node.ndim)
    normalize_dims("movedim", tos or None, node.ndim)
    moves = {
        normalize_dim("movedim", b, node.ndim): normalize_dim("movedim", a, node.ndim)
        for a, b in zip(froms, tos, strict=True)
    }
    rest = iter([d for d in range(node.ndim) if d not in moves.values()])
    order = tuple(moves[d] if d in moves else next(rest) for d in range(node.ndim))
    return wrap(m.permute(node, dims=order))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Returns `input` without its dims of size 1: all of them, or those named.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(1, 3, 1).squeeze(0).shape
        (3, 1)
    """
    node = unwrap("squeeze", input)
    named = isinstance(dim, Sequence) and not dim  # an empty list names nothing
    dims = () if named else normalize_dims("squeeze", dim, node.ndim)
    shape = tuple(s for d, s in enumerate(node.shape) if s != 1 or d not in dims)
    return wrap(m.reshape(node, shape=shape))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Returns `input` with a new dim of size 1 in front of `dim`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, 3).unsqueeze(-1).shape
        (2, 3, 1)
    """
    node = unwrap("unsqueeze", input)
    at = normalize_dim("unsqueeze", dim, node.ndim + 1)
    return wrap(m.reshape(node, shape=(*node.shape[:at], 1, *node.shape[at:])))


def expand(input: Tensor, *size: Any) -> Tensor:
    """Returns `input` with its dims of size 1 repeated up to `size`; -1 keeps a size.

    Raises:
        ShapeError: if another size would have to change.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1], [2]]).expand(-1, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    node = unwrap("expand", input)
    wanted = base.size_argument("expand", size)
    lead = len(wanted) - node.ndim
    if lead < 0 or -1 in wanted[:lead]:
        raise ShapeError(f"expand: {node.shape} cannot grow to {wanted}")
    shape = tuple(
        node.shape[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(wanted)
    )
    return wrap(m.expand(node, shape=shape))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Returns `input` expanded to the shape of `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(3).expand_as(tg.ones(2, 3)).shape
        (2, 3)
    """
    return expand(input, unwrap("expand_as", other).shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Returns `input` broadcast to a shape.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.broadcast_to(tg.ones(3), (2, 3)).shape
        (2, 3)
    """
    return expand(input, size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Returns tensors broadcast to the shape in which they meet.

    Example:
        >>> import tinygrad_cl as tg
        >>> [x.shape for x in tg.broadcast_tensors(tg.ones(2, 1), tg.ones(3))]
        [(2, 3), (2, 3)]
    """
    nodes = [unwrap("broadcast_tensors", x) for x in tensors]
    shape = broadcast("broadcast_tensors", *(node.shape for node in nodes))
    return tuple(wrap(m.expand(node, shape=shape)) for node in nodes)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Returns `input` repeated along each dim; further counts in front add dims.

    Raises:
        ShapeError: if there are fewer counts than dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    node = unwrap("repeat", input)
    counts = base.size_argument("repeat", repeats)
    lead = len(counts) - node.ndim
    if lead < 0 or builtins.any(c < 0 for c in counts):
        raise ShapeError(
            f"repeat: {node.shape} needs at least one count >= 0 per dim, got {counts}"
        )
    sizes = (1,) * lead + node.shape
    apart = tuple(n for s in sizes for n in (1, s))
    wide = tuple(n for c, s in zip(counts, sizes, strict=True) for n in (c, s))
    merged = tuple(c * s for c, s in zip(counts, sizes, strict=True))
    grown = m.expand(base.reshape(node, apart), shape=wide)
    return wrap(m.reshape(grown, shape=merged))


def tile(input: Tensor, *dims: Any) -> Tensor:
    """Returns `input` repeated along each dim; missing counts in front are 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1, 2]]).tile(2)
        tensor([[1, 2, 1, 2]])
    """
    counts = base.size_argument("tile", dims)
    missing = unwrap("tile", input).ndim - len(counts)
    return repeat(input, (1,) * missing + counts)
