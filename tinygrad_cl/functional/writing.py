"""Writing elements into a copy of a tensor: by an index, or a mask.

Where places come from an index, a primitive finds for each place which source comes last; what it
takes is gathered. So the last one of several wins, on every device, and gradients go to it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinygrad_cl.dtypes import Scalar, bool_, int64
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base, index, indexing
from tinygrad_cl.functional.base import Handle, unwrap, wrap
from tinygrad_cl.functional.index import corner, index_node
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import scan as scan_primitives
from tinygrad_cl.shapes import Shape, broadcast, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def _whole(ndim: int) -> dict[str, Shape]:
    return {"starts": (0,) * ndim, "steps": (1,) * ndim}


def _last_writers(op: str, places: Node, dim: int, shape: Shape) -> Node:
    """Returns for every place of `shape` which position of `places` along dim names it last, or -1.

    Where an index is a vector, shape has one dim.
    """
    sizes = tuple(n if d == dim else 1 for d, n in enumerate(places.shape))
    count = base.expand(m.iota(shape=sizes), places.shape)
    nobody = m.full(-1, shape, int64)
    nobody.device = places.device
    return primitive.scatter_fold(nobody, places, count, dim=dim, op=op, kind="max")


def _given(op: str, value: Any, x: Node) -> Node:
    """Returns what is to be written, in the dtype of the tensor."""
    if isinstance(value, Handle):
        return base.cast(value.node, x.dtype)
    return base.constant(base.number(value), x.dtype)


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Scalar | None = None,
    *,
    value: Scalar | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Returns `input` with `src` written to places: `out[index[i][j]][j] = src[i][j]` for dim 0.

    Args:
        input: any tensor.
        dim: the dim along which the index points.
        index: as many dims as the input, no larger than `src`.
        src: what is written: a tensor, or one number. Where places are named twice, the last one
            stays.
        value: one number, another way to give it.
        reduce: "add" or "multiply": join what is written with what was there.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if there is nothing to write, or `reduce` is unknown.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.scatter(tg.zeros(3), 0, tg.tensor([2, 0]), tg.tensor([5.0, 7.0]))
        tensor([7., 0., 5.])
    """
    if (src is None) == (value is None):
        raise ArgumentError("scatter: give src, or value, and not both")
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce is 'add' or 'multiply', got {reduce!r}")
    x, places = unwrap("scatter", input), index_node("scatter", index)
    given = _given("scatter", value if src is None else src, x)
    at = normalize_dim("scatter", dim, x.ndim)
    if x.ndim == 0:
        line, places = base.reshape(x, (1,)), base.reshape(places, (1,))
        given = given if given.ndim == 0 else base.reshape(given, (1,))
        return wrap(base.reshape(_scattered(line, at, places, given, reduce), ()))
    return wrap(_scattered(x, at, places, given, reduce))


def _scattered(x: Node, dim: int, places: Node, given: Node, reduce: str | None) -> Node:
    if numel(places.shape) == 0:
        return p.alias(x)
    number = not isinstance(given, Node) or given.ndim == 0
    if number:
        given = base.expand(given, places.shape)
    _check_sizes(x, dim, places, given)
    given = corner(given, places.shape, None)
    part = corner(x, places.shape, dim)
    if reduce == "add":
        found = primitive.scatter_add(part, places, given, dim=dim, op="scatter")
    elif reduce == "multiply":
        found = primitive.scatter_fold(part, places, given, dim=dim, op="scatter", kind="prod")
    else:
        last = _last_writers("scatter", places, dim, part.shape)
        new = primitive.gather(given, _from_zero(last), dim=dim, op="scatter")
        found = p.where(_written(last), new, part)
    return found if part is x else m.slice_scatter(x, found, **_whole(x.ndim))


def _check_sizes(x: Node, dim: int, places: Node, given: Node) -> None:
    small = places.shape
    fits = len(small) == x.ndim == given.ndim
    for d, size in enumerate(small if fits else ()):
        fits = fits and size <= given.shape[d] and (d == dim or size <= x.shape[d])
    if not fits:
        raise ShapeError(
            f"scatter: an index {small} fits into input {x.shape}, except in dim {dim}, and into "
            f"src {given.shape}, or not at all"
        )


def _written(last: Node) -> Node:
    return p.ge(last, base.constant(0, int64))


def _from_zero(last: Node) -> Node:
    return p.maximum(last, base.constant(0, int64))


def _vector(op: str, given: Tensor) -> Node:
    places = index_node(op, given)
    if places.ndim > 1:
        raise ShapeError(f"{op}: the index must be a vector, got shape {places.shape}")
    return base.reshape(places, (numel(places.shape),))


def _beside(line: Node, dim: int, ndim: int) -> Node:
    """Returns a vector as the dim `dim` of `ndim`."""
    return base.reshape(line, tuple(line.shape[0] if d == dim else 1 for d in range(ndim)))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Scalar) -> Tensor:
    """Returns `input` with one value in the slices of a dim that a vector of indices names.

    Raises:
        ShapeError: if the index is no vector, or the value a tensor with dims.
        IndexError: when computed, if an index is out of range; negative ones count from the end.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.index_fill(tg.zeros(2, 3), 1, tg.tensor([0, 2]), 5)
        tensor([[5., 0., 5.],
                [5., 0., 5.]])
    """
    x, line = unwrap("index_fill", input), _vector("index_fill", index)
    given = _given("index_fill", value, x)
    if given.ndim:
        raise ShapeError(f"index_fill: value must be a number, got shape {given.shape}")
    at = normalize_dim("index_fill", dim, x.ndim)
    size = x.shape[at] if x.ndim else 1
    if line.shape == (0,):
        return wrap(p.alias(x))
    line = p.check_index(line, base.constant(size, int64), op="index_fill")
    last = _last_writers("index_fill", line, 0, (size,))
    written = _written(last)
    here = _beside(written, at, x.ndim) if x.ndim else base.reshape(written, ())
    return wrap(p.where(here, given, x))


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Returns `input` with the slices of `source` at the places that a vector of indices names.

    Where a place is named twice, the last slice stays.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if the dtypes differ.
        IndexError: when computed, if an index is out of range (negative ones are).

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.index_copy(tg.zeros(3), 0, tg.tensor([2, 0]), tg.tensor([5.0, 7.0]))
        tensor([7., 0., 5.])
    """
    op = "index_copy"
    x, line, given = unwrap(op, input), _vector(op, index), unwrap(op, source)
    if given.dtype is not x.dtype:
        raise DTypeError(
            f"{op}: the dtypes of input and source differ, {x.dtype.name} and {given.dtype.name}"
        )
    at, shape = normalize_dim(op, dim, x.ndim), x.shape
    if x.ndim == 0:
        x, given = base.reshape(x, (1,)), base.reshape(given, (numel(given.shape),))
    expected = (*x.shape[:at], line.shape[0], *x.shape[at + 1 :])
    if given.shape != expected:
        raise ShapeError(f"{op}: source must have shape {expected}, got {given.shape}")
    if numel(given.shape) == 0:
        return wrap(p.alias(x))
    last = _last_writers(op, line, 0, (x.shape[at],))
    return wrap(base.reshape(_rows_written(op, x, last, given, at), shape))


def _rows_written(op: str, x: Node, last: Node, rows: Node, dim: int) -> Node:
    """Returns `x` with the rows of which `last` says that they come last."""
    new = primitive.index_select(rows, _from_zero(last), dim=dim, op=op)
    return p.where(_beside(_written(last), dim, x.ndim), new, x)


def index_put(
    input: Tensor,
    indices: Sequence[Tensor | None],
    values: Tensor,
    accumulate: bool = False,
) -> Tensor:
    """Returns `input` with `values` at `input[indices]`; None stands for all of a dim.

    Args:
        input: any tensor.
        indices: integer tensors that broadcast with one another, or masks, which are computed now.
        values: of the dtype of the input; broadcasts to the places.
        accumulate: add to what is there, also where places are named twice; else the last stays.

    Raises:
        DTypeError: if the dtypes differ.
        ShapeError: if the values do not broadcast to the places.
        IndexError: if there are too many indices, or, when computed, one is out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> places = tg.tensor([0, 0])
        >>> tg.index_put(tg.zeros(3), (places,), tg.tensor([1.0, 2.0]), accumulate=True)
        tensor([3., 0., 0.])
    """
    x, given = unwrap("index_put", input), unwrap("index_put", values)
    if given.dtype is not x.dtype:
        raise DTypeError(
            f"index_put: the dtypes of input and values differ, {x.dtype.name} and "
            f"{given.dtype.name}"
        )
    found = indexing.plan(tuple(slice(None) if i is None else i for i in indices), x.shape)
    if not found.arrays:
        raise IndexError("index_put: needs at least one index tensor")
    return wrap(_put(x, found, given, accumulate))


def _put(x: Node, found: indexing.Plan, value: Node, accumulate: bool) -> Node:
    dims = sorted(found.arrays)
    places = indexing.meet([found.arrays[d] for d in dims])
    y = base.reshape(x, tuple(found.shape))
    sizes = [y.shape[d] for d in dims]
    line = indexing.as_node(indexing.linear_index(found, dims, sizes, places), y)
    first = 0 if found.spread else dims[0]
    rest = [d for d in range(y.ndim) if d not in dims]
    order = (*rest[:first], *dims, *rest[first:])
    moved = m.permute(y, dims=order)
    outer, inner = moved.shape[:first], moved.shape[first + len(dims) :]
    rows = indexing.fit(value, (*outer, *places, *inner), "index_put")
    if numel(rows.shape) == 0:
        return p.alias(x)
    rows = base.reshape(rows, (*outer, numel(places), *inner))
    merged = base.reshape(moved, (*outer, numel(sizes), *inner))
    if accumulate:
        result = primitive.index_add(merged, line, rows, dim=first, op="index_put")
    else:
        last = _last_writers("index_put", line, 0, (numel(sizes),))
        result = _rows_written("index_put", merged, last, rows, first)
    back = tuple(order.index(d) for d in range(y.ndim))
    return base.reshape(m.permute(base.reshape(result, moved.shape), dims=back), x.shape)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Returns `input` with the elements of `source`, one after another, where `mask` holds.

    Raises:
        DTypeError: if the mask is not bool.
        ShapeError: if input and mask do not broadcast.
        IndexError: when computed, if the source has too few elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> mask = tg.tensor([True, False, True])
        >>> tg.masked_scatter(tg.zeros(3), mask, tg.tensor([5.0, 7.0]))
        tensor([5., 0., 7.])
    """
    op = "masked_scatter"
    x, condition, given = unwrap(op, input), unwrap(op, mask), unwrap(op, source)
    if condition.dtype is not bool_:
        raise DTypeError(f"{op}: the mask must be bool, got {condition.dtype.name}")
    shape = broadcast(op, x.shape, condition.shape)
    count = numel(shape)
    here = base.reshape(base.expand(condition, shape), (count,))
    behind = scan_primitives.cumsum(base.cast(here, int64), dim=0, reverse=False)
    place = p.where(here, behind - 1, base.constant(-1, int64))
    stock = base.cast(base.reshape(given, (numel(given.shape),)), x.dtype)
    place = _from_zero(index.check_labels(op, place, stock.shape[0], ignore=-1))
    if stock.shape == (0,):
        stock = base.fill(0, (1,), x.dtype, base.device_of(x))
    new = primitive.index_select(stock, place, dim=0, op=op)
    old = base.reshape(base.expand(x, shape), (count,))
    return wrap(base.reshape(p.where(here, new, old), shape))


def take(input: Tensor, index: Tensor) -> Tensor:
    """Returns elements of the flat input.

    Raises:
        IndexError: when computed, if an index is out of range; negative ones count from the end.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.take(tg.tensor([[1, 2], [3, 4]]), tg.tensor([3, 0]))
        tensor([4, 1])
    """
    x, places = unwrap("take", input), index_node("take", index)
    size = numel(x.shape)
    line = base.reshape(places, (numel(places.shape),))
    line = p.check_index(line, base.constant(size, int64), op="take")
    found = primitive.index_select(base.reshape(x, (size,)), line, dim=0, op="take")
    return wrap(base.reshape(found, places.shape))


def unravel_index(indices: Tensor, shape: Sequence[int] | int) -> tuple[Tensor, ...]:
    """Returns, for indices into the flat tensor of a shape, one tensor of indices per dim.

    Raises:
        DTypeError: if the indices are no integers.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.unravel_index(tg.tensor([5, 2]), (2, 3))
        (tensor([1, 0]), tensor([2, 2]))
    """
    rest = index_node("unravel_index", indices)
    found = []
    for size in reversed(base.size_argument("unravel_index", (shape,))):
        limit = base.constant(size, int64)
        found.append(wrap(p.remainder(rest, limit)))
        rest = p.floor_divide(rest, limit)
    return tuple(reversed(found))
