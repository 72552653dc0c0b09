"""Taking and adding elements at computed places.   Primitives: primitives/index.py.

`x[...]` stands in indexing.py. Indices are integers; one out of range is an IndexError when it is
computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base, host
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, broadcast, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def index_node(op: str, index: object) -> Node:
    """Returns an index tensor as an int64 node.

    Raises:
        DTypeError: if it holds no integers.
    """
    node = unwrap(op, index)
    if not node.dtype.is_integer:
        raise DTypeError(f"{op}: the index must hold integers, got {node.dtype.name}; use .long()")
    return base.cast(node, int64)


def corner(x: Node, shape: Shape, dim: int | None) -> Node:
    """Returns the part of `x` that an index of this shape meets: the corner, but all of `dim`."""
    if len(shape) != x.ndim:
        return x  # the primitive refuses it
    sizes = tuple(h if d == dim else min(h, shape[d]) for d, h in enumerate(x.shape))
    whole = (0,) * x.ndim, (1,) * x.ndim
    return x if sizes == x.shape else m.slice(x, starts=whole[0], steps=whole[1], shape=sizes)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Returns elements picked along a dim: `out[i][j] = input[index[i][j]][j]` for dim 0.

    Raises:
        ShapeError: if the index has other dims, or is larger than the input in another dim.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.gather(tg.tensor([[1, 2], [3, 4]]), 1, tg.tensor([[0], [1]]))
        tensor([[1],
                [4]])
    """
    x, places = unwrap("gather", input), index_node("gather", index)
    at = normalize_dim("gather", dim, x.ndim)
    if x.ndim == 0:  # as a vector of one element
        line = base.reshape(places, (numel(places.shape),))
        found = primitive.gather(m.reshape(x, shape=(1,)), line, dim=0, op="gather")
        return wrap(m.reshape(found, shape=places.shape))
    part = corner(x, places.shape, at)
    return wrap(primitive.gather(part, places, dim=at, op="gather"))


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Returns `input` with `src` added at places: `out[index[i][j]][j] += src[i][j]` for dim 0.

    Elements that meet in one place are added in order: the result is the same every time.

    Raises:
        ShapeError: if the shapes do not fit.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.scatter_add(tg.zeros(3), 0, tg.tensor([0, 0, 2]), tg.tensor([1.0, 2.0, 3.0]))
        tensor([3., 0., 3.])
    """
    x, places = unwrap("scatter_add", input), index_node("scatter_add", index)
    given = base.cast(unwrap("scatter_add", src), x.dtype)
    at = normalize_dim("scatter_add", dim, x.ndim)
    part, given = corner(x, places.shape, at), corner(given, places.shape, None)
    found = primitive.scatter_add(part, places, given, dim=at, op="scatter_add")
    if part is not x:
        found = m.slice_scatter(x, found, starts=(0,) * x.ndim, steps=(1,) * x.ndim)
    return wrap(found)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Returns the slices of a dim that a vector of indices names.

    Raises:
        ShapeError: if the index is no vector.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.index_select(tg.tensor([[1, 2], [3, 4]]), 0, tg.tensor([1, 1]))
        tensor([[3, 4],
                [3, 4]])
    """
    x, places = unwrap("index_select", input), index_node("index_select", index)
    if places.ndim == 0:
        places = m.reshape(places, shape=(1,))
    at = normalize_dim("index_select", dim, x.ndim)
    return wrap(primitive.index_select(x, places, dim=at, op="index_select"))


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Returns `input` with `alpha * source` added to the slices that the index names.

    Raises:
        ShapeError: if the shapes do not fit.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.index_add(tg.zeros(3), 0, tg.tensor([2, 2]), tg.tensor([1.0, 2.0]))
        tensor([0., 0., 3.])
    """
    x, places = unwrap("index_add", input), index_node("index_add", index)
    given = base.cast(unwrap("index_add", source), x.dtype)
    at = normalize_dim("index_add", dim, x.ndim)
    given = given if alpha == 1 else given * alpha
    return wrap(primitive.index_add(x, places, given, dim=at, op="index_add"))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Returns elements picked along a dim, other dims broadcast; without dim, of the flat input.

    Raises:
        ShapeError: if the shapes do not broadcast.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([[30, 10, 20]])
        >>> tg.take_along_dim(x, tg.tensor([[1, 2, 0]]), dim=1)
        tensor([[10, 20, 30]])
    """
    op = "take_along_dim"
    x, places = unwrap(op, input), index_node(op, indices)
    if dim is None:
        flat = base.reshape(x, (numel(x.shape),))
        line = base.reshape(places, (numel(places.shape),))
        return wrap(primitive.gather(flat, line, dim=0, op=op))
    if x.ndim != places.ndim:
        raise ShapeError(f"{op}: input {x.shape} and indices {places.shape} need equally many dims")
    at = normalize_dim(op, dim, x.ndim)
    outer = broadcast(op, *((*n.shape[:at], 1, *n.shape[at + 1 :]) for n in (x, places)))
    x, places = (base.expand(n, (*outer[:at], n.shape[at], *outer[at + 1 :])) for n in (x, places))
    return wrap(primitive.gather(x, places, dim=at, op=op))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Returns int64 vectors with a 1 at the given class and zeros elsewhere.

    Args:
        input: class indices, (...).
        num_classes: C; -1 takes one more than the largest index, which computes it now.

    Raises:
        DTypeError: if the indices are no integers.
        IndexError: when computed, if an index is no class.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.one_hot(tg.tensor([0, 2]), 3)
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    labels = index_node("one_hot", input)
    if num_classes == -1:
        if numel(labels.shape) == 0:
            raise ShapeError("one_hot: an empty tensor has no largest class; give num_classes")
        num_classes = int(engine.numpy(labels).max()) + 1
    if num_classes < 1:
        raise ShapeError(f"one_hot: num_classes must be positive, got {num_classes}")
    checked = check_labels("one_hot", labels, num_classes)
    column = m.reshape(checked, shape=(*labels.shape, 1))
    return wrap(base.cast(p.eq(column, m.iota(shape=(num_classes,))), int64))


def check_labels(op: str, labels: Node, classes: int, ignore: int = -(2**63)) -> Node:
    """Returns labels after a check on the device that all are classes; -1 for the ignored one."""
    limits = base.constant(classes, int64), base.constant(ignore, int64)
    return apply(p.check_label, (labels, *limits), (op,))


# --- places that depend on values: these compute their input now


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Returns where `input` is not zero: (K, ndim) indices, or one vector per dim; computes now.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nonzero(tg.tensor([0, 5, 0, 7]))
        tensor([[1],
                [3]])
    """
    node = unwrap("nonzero", input)
    found = _places("nonzero", node)
    if not as_tuple:
        return wrap(base.upload(found, node.device))
    return tuple(wrap(base.upload(column, node.device)) for column in found.T)


def _places(op: str, node: Node) -> np.ndarray[Any, Any]:
    """Returns one row of indices for every element that is not zero."""
    values = np.atleast_1d(host.values(op, node))
    return np.stack(np.nonzero(values), axis=1).astype(np.int64)[:, : node.ndim]


def argwhere(input: Tensor) -> Tensor:
    """Returns where `input` is not zero, as `nonzero` does: (K, ndim) indices; computes now.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.argwhere(tg.tensor([[0, 5], [7, 0]]))
        tensor([[0, 1],
                [1, 0]])
    """
    node = unwrap("argwhere", input)
    return wrap(base.upload(_places("argwhere", node), node.device))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Returns the elements where `mask` holds, in one dim; this computes the mask now.

    Raises:
        DTypeError: if the mask is not bool.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0, -2.0, 3.0])
        >>> tg.masked_select(x, x > 0)
        tensor([1., 3.])
    """
    x, condition = unwrap("masked_select", input), unwrap("masked_select", mask)
    if condition.dtype.name != "bool":
        raise DTypeError(f"masked_select: the mask must be bool, got {condition.dtype.name}")
    shape = broadcast("masked_select", x.shape, condition.shape)
    where = np.flatnonzero(np.broadcast_to(host.values("masked_select", condition), shape))
    flat = base.reshape(base.expand(x, shape), (numel(shape),))
    line = base.upload(where.astype(np.int64), x.device)
    return wrap(primitive.index_select(flat, line, dim=0, op="masked_select"))


# --- triangles


def _band(op: str, input: Tensor, diagonal: int, lower: bool) -> Tensor:
    x = unwrap(op, input)
    if x.ndim < 2:
        raise ShapeError(f"{op}: needs at least two dims, got {x.shape}")
    rows, columns = m.iota(shape=(x.shape[-2], 1)), m.iota(shape=(x.shape[-1],))
    edge = rows + diagonal if diagonal else rows
    kept = p.le(columns, edge) if lower else p.ge(columns, edge)
    return wrap(p.where(kept, x, base.constant(0, x.dtype)))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Returns matrices with zeros above a diagonal.

    Raises:
        ShapeError: if there are fewer than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tril(tg.ones(2, 2))
        tensor([[1., 0.],
                [1., 1.]])
    """
    return _band("tril", input, diagonal, True)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Returns matrices with zeros below a diagonal.

    Raises:
        ShapeError: if there are fewer than two dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.triu(tg.ones(2, 2))
        tensor([[1., 1.],
                [0., 1.]])
    """
    return _band("triu", input, diagonal, False)
