"""Writing elements, slices and diagonals into a copy of a tensor.

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


# --- slices


def _check_src(op: str, src: Node, shape: Shape) -> None:
    if src.shape != shape:
        raise ShapeError(f"{op}: src must have the shape {shape} of the place, got {src.shape}")


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Returns `input` with `src` as the slice at `index` of a dim.

    Raises:
        ShapeError: if src has not the shape of the slice.
        IndexError: if there is no such slice.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.select_scatter(tg.zeros(2, 2), tg.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    x, given = unwrap("select_scatter", input), unwrap("select_scatter", src)
    at = normalize_dim("select_scatter", dim, x.ndim)
    size = x.shape[at] if x.ndim else 0
    if not -size <= index < size:
        raise IndexError(f"select_scatter: index {index} is out of range for a dim of size {size}")
    _check_src("select_scatter", given, x.shape[:at] + x.shape[at + 1 :])
    slab = base.reshape(base.cast(given, x.dtype), (*x.shape[:at], 1, *x.shape[at + 1 :]))
    starts = tuple(index % size if d == at else 0 for d in range(x.ndim))
    return wrap(m.slice_scatter(x, slab, starts=starts, steps=(1,) * x.ndim))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Returns `input` with `src` as its slice `start:end:step` of a dim.

    Raises:
        ShapeError: if src has not the shape of the slice.
        ArgumentError: if the step is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.slice_scatter(tg.zeros(5), tg.ones(2), 0, 1, 5, 2)
        tensor([0., 1., 0., 1., 0.])
    """
    x, given = unwrap("slice_scatter", input), unwrap("slice_scatter", src)
    at = normalize_dim("slice_scatter", dim, x.ndim)
    if step < 1:
        raise ArgumentError(f"slice_scatter: step must be positive, got {step}")
    if x.ndim == 0:
        raise ShapeError("slice_scatter: a zero-dimensional tensor has no slices")
    first, stop, _ = slice(start, end, step).indices(x.shape[at])
    count = len(range(first, stop, step))
    _check_src("slice_scatter", given, (*x.shape[:at], count, *x.shape[at + 1 :]))
    if count == 0:
        return wrap(p.alias(x))
    starts = tuple(first if d == at else 0 for d in range(x.ndim))
    steps = tuple(step if d == at else 1 for d in range(x.ndim))
    return wrap(m.slice_scatter(x, base.cast(given, x.dtype), starts=starts, steps=steps))


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Returns `input` with `src` as the diagonal of two dims, which is the last dim of `src`.

    Raises:
        ShapeError: if src has not the shape of the diagonal, or the dims are one.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.diagonal_scatter(tg.zeros(2, 2), tg.tensor([1.0, 2.0]))
        tensor([[1., 0.],
                [0., 2.]])
    """
    op = "diagonal_scatter"
    x, given = unwrap(op, input), unwrap(op, src)
    first, second = normalize_dim(op, dim1, x.ndim), normalize_dim(op, dim2, x.ndim)
    if first == second or x.ndim < 2:
        raise ShapeError(f"{op}: needs two different dims, got {dim1} and {dim2} of {x.shape}")
    rest = tuple(d for d in range(x.ndim) if d not in (first, second))
    order = (*rest, first, second)
    turned = m.permute(x, dims=order)
    rows, columns = turned.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    length = max(0, min(rows - row, columns - column))
    outer = turned.shape[:-2]
    _check_src(op, given, (*outer, length))
    if numel(given.shape) == 0:
        return wrap(p.alias(x))
    # Neighbors on a diagonal are a row and an element apart.
    flat = base.reshape(turned, (*outer, rows * columns))
    starts = (*(0 for _ in outer), row * columns + column)
    steps = (*(1 for _ in outer), columns + 1)
    found = m.slice_scatter(flat, base.cast(given, x.dtype), starts=starts, steps=steps)
    back = tuple(order.index(d) for d in range(x.ndim))
    return wrap(m.permute(base.reshape(found, turned.shape), dims=back))
