"""Joining, cutting, turning, padding.   Primitives: primitives/movement.py."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import Scalar, promote
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.padding import mirrored
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import (
    Shape,
    normalize_dim,
    normalize_dims,
    numel,
)

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


# --- joining and cutting


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Returns tensors joined along a dim; dtypes are promoted.

    Raises:
        ShapeError: if there are none, or they differ in more than this dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cat([tg.tensor([1, 2]), tg.tensor([3])])
        tensor([1, 2, 3])
    """
    nodes = promoted("cat", tensors)
    at = normalize_dim("cat", dim if axis is None else axis, nodes[0].ndim)
    if nodes[0].ndim == 0:
        raise ShapeError("cat: zero-dimensional tensors have no dim to join; use stack")
    return wrap(m.cat(*nodes, dim=at))


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Returns tensors of one shape joined along a new dim.

    Raises:
        ShapeError: if there are none, or their shapes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.stack([tg.tensor([1, 2]), tg.tensor([3, 4])], dim=1)
        tensor([[1, 3],
                [2, 4]])
    """
    nodes = promoted("stack", tensors)
    shape = nodes[0].shape
    for node in nodes:
        if node.shape != shape:
            raise ShapeError(f"stack: shapes must be equal, got {shape} and {node.shape}")
    at = normalize_dim("stack", dim if axis is None else axis, len(shape) + 1)
    apart = (*shape[:at], 1, *shape[at:])
    return wrap(m.cat(*[m.reshape(node, shape=apart) for node in nodes], dim=at))


def promoted(op: str, tensors: Sequence[Tensor]) -> list[Node]:
    """Returns the nodes of tensors, at least one, in the dtype in which all meet."""
    if isinstance(tensors, base.Handle):
        raise DTypeError(f"{op}: needs a list of Tensors, got one Tensor")
    nodes = [unwrap(op, tensor) for tensor in tensors]
    if not nodes:
        raise ShapeError(f"{op}: needs at least one tensor")
    dtype = nodes[0].dtype
    for node in nodes:
        dtype = promote(dtype, node.dtype)
    return [base.cast(node, dtype) for node in nodes]


def part(node: Node, dim: int, start: int, length: int) -> Node:
    """Returns `length` elements of a dim from `start` on."""
    shape = node.shape
    ndim = len(shape)
    starts = (0,) * dim + (start,) + (0,) * (ndim - dim - 1)
    kept = (*shape[:dim], length, *shape[dim + 1 :])
    return apply(m.slice, (node,), (starts, (1,) * ndim, kept))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Returns the elements from `start` to `start + length` of a dim.

    Raises:
        ShapeError: if they are not all there.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(5).narrow(0, 1, 3)
        tensor([1, 2, 3])
    """
    node = unwrap("narrow", input)
    at = normalize_dim("narrow", dim, node.ndim)
    size = node.shape[at] if node.ndim else 0
    begin = start + size if start < 0 else start
    if begin < 0 or length < 0 or begin + length > size:
        raise ShapeError(
            f"narrow: {start} and {length} more do not lie in dim {dim} of {node.shape}"
        )
    return wrap(part(node, at, begin, length))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Returns the slice at `index` of a dim, without that dim.

    Raises:
        IndexError: if there is no such index.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1, 2], [3, 4]]).select(1, -1)
        tensor([2, 4])
    """
    node = unwrap("select", input)
    at = normalize_dim("select", dim, node.ndim)
    size = node.shape[at] if node.ndim else 0
    if not -size <= index < size:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of {node.shape}")
    piece = part(node, at, index % size, 1)
    return wrap(m.reshape(piece, shape=node.shape[:at] + node.shape[at + 1 :]))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Returns the slices of a dim.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1, 2], [3, 4]]).unbind()
        (tensor([1, 2]), tensor([3, 4]))
    """
    node = unwrap("unbind", input)
    at = normalize_dim("unbind", dim, node.ndim)
    if node.ndim == 0:
        raise ShapeError("unbind: a zero-dimensional tensor has no dim to take apart")
    return tuple(select(input, at, i) for i in range(node.shape[at]))


def split(
    input: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Returns pieces of a dim of one size (the last may be smaller), or of the listed sizes.

    Raises:
        ShapeError: if listed sizes do not add up, or the size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(5).split(2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    node = unwrap("split", input)
    at = normalize_dim("split", dim, node.ndim)
    if node.ndim == 0:
        raise ShapeError("split: a zero-dimensional tensor has no dim to cut")
    whole = node.shape[at]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size <= 0:
            raise ShapeError(f"split: the size of a piece must be positive, got {size}")
        sizes = [builtins.min(size, whole - i) for i in range(0, whole, size)] or [0]
    else:
        sizes = list(split_size_or_sections)
    if builtins.sum(sizes) != whole or builtins.any(s < 0 for s in sizes):
        raise ShapeError(f"split: pieces of {sizes} do not add up to dim {dim} of {node.shape}")
    starts = [builtins.sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(wrap(part(node, at, a, n)) for a, n in zip(starts, sizes, strict=True))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Returns at most `chunks` pieces of a dim, all of one size but perhaps the last.

    Raises:
        ShapeError: if `chunks` is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(5).chunk(2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    node = unwrap("chunk", input)
    at = normalize_dim("chunk", dim, node.ndim)
    if chunks < 1 or node.ndim == 0:
        raise ShapeError(f"chunk: cannot cut {node.shape} into {chunks} pieces")
    size = -(-node.shape[at] // chunks)
    return split(input, size, at) if size else split(input, [0] * chunks, at)


# --- turning and padding


def flip(input: Tensor, *dims: Any) -> Tensor:
    """Returns `input` with the order of elements reversed in some dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(3).flip(0)
        tensor([2, 1, 0])
    """
    node = unwrap("flip", input)
    listed = base.size_argument("flip", dims)
    turned = normalize_dims("flip", listed, node.ndim) if listed else ()
    starts = tuple(builtins.max(s - 1, 0) if d in turned else 0 for d, s in enumerate(node.shape))
    steps = tuple(-1 if d in turned else 1 for d in range(node.ndim))
    return wrap(m.slice(node, starts=starts, steps=steps, shape=node.shape))


def roll(
    input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None
) -> Tensor:
    """Returns `input` with elements shifted along dims; what leaves comes back in front.

    Without dims, the flat tensor is shifted.

    Raises:
        ShapeError: if not as many shifts as dims are given.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.arange(4).roll(1)
        tensor([3, 0, 1, 2])
    """
    node = unwrap("roll", input)
    if dims is None:
        if not isinstance(shifts, int):
            raise ShapeError("roll: several shifts need as many dims")
        flat = _rolled(base.reshape(node, (numel(node.shape),)), 0, shifts)
        return wrap(m.reshape(flat, shape=node.shape))
    moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    places = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(moves) != len(places):
        raise ShapeError(f"roll: {len(moves)} shifts for {len(places)} dims")
    result = node
    for shift, dim in zip(moves, places, strict=True):
        result = _rolled(result, normalize_dim("roll", dim, node.ndim), shift)
    return wrap(elementwise.alias(node) if result is node else result)


def _rolled(node: Node, dim: int, shift: int) -> Node:
    size = node.shape[dim] if node.ndim else 0
    first = -shift % size if size else 0
    if not first:
        return node
    return m.cat(part(node, dim, first, size - first), part(node, dim, 0, first), dim=dim)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: Scalar | None = None
) -> Tensor:
    """Returns `input` with elements put around it; negative widths cut off.

    Args:
        input: any tensor.
        pad: widths, from the last dim on: before, after, before, after, ...
        mode: "constant"; or, for the last one to three dims, "reflect" (the elements next to the
            border in reverse), "replicate" (the border) or "circular" (the other side).
        value: what "constant" puts there, 0 by default.

    Raises:
        ShapeError: if there are too many widths, an odd number of them, more is cut off than
            there is, or there are too few elements to reflect or to take from the other side.
        ArgumentError: for another mode, or for a value where elements are put.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.pad(tg.tensor([1, 2]), (1, 2), value=9)
        tensor([9, 1, 2, 9, 9])
    """
    node = unwrap("pad", input)
    if len(pad) % 2 or len(pad) > 2 * node.ndim:
        raise ShapeError(f"pad: {tuple(pad)} is not two widths for each of up to {node.ndim} dims")
    widths = [(int(a), int(b)) for a, b in zip(pad[::2], pad[1::2], strict=True)]
    if mode != "constant":
        if value is not None:
            raise ArgumentError(f'pad: mode "{mode}" puts elements and takes no value, got {value}')
        return wrap(mirrored(node, widths, mode))
    around = [(0, 0)] * (node.ndim - len(widths)) + widths[::-1]
    return wrap(padded(node, around, 0 if value is None else value))


def padded(node: Node, around: Sequence[tuple[int, int]], value: Scalar) -> Node:
    """Returns a node with `value` around it; negative widths cut its borders off."""
    if builtins.any(a < 0 or b < 0 for a, b in around):
        starts = tuple(builtins.max(-a, 0) for a, _ in around)
        shape = tuple(
            s + builtins.min(a, 0) + builtins.min(b, 0)
            for s, (a, b) in zip(node.shape, around, strict=True)
        )
        if builtins.any(s < 0 for s in shape):
            raise ShapeError(
                f"pad: more than all of {node.shape} would be cut off by {tuple(around)}"
            )
        node = m.slice(node, starts=starts, steps=(1,) * node.ndim, shape=shape)
    before = tuple(builtins.max(a, 0) for a, _ in around)
    after = tuple(builtins.max(b, 0) for _, b in around)
    if value == 0:
        return m.pad(node, before=before, after=after)
    outer: Shape = tuple(b + s + a for b, s, a in zip(before, node.shape, after, strict=True))
    whole = base.fill(value, outer, node.dtype, node.device)
    return m.slice_scatter(whole, node, starts=before, steps=(1,) * node.ndim)
