"""`x[...]` and `x[...] = value`, by NumPy's rules.

An index is read in two steps. The basic part (ints, slices, None, ...) is one `slice` and one
`reshape`: it costs no copy. What is left are index arrays, one per dim; they become one linear
index into the dims that they cover. Where index arrays stand side by side their dims stay in place;
where something stands between them they come first. An int beside an array is an array too, as in
NumPy.

Index arrays that the host knows (lists, NumPy arrays, boolean masks) are checked at once; those of
Tensors are checked on the device, when the result is computed. The shape behind a boolean mask
depends on its values: the mask is computed at once.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.dtypes import bool_, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, wrap
from tinygrad_cl.functional.movement import select
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as index_primitives
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Plan:
    """How an index reads a tensor.

    Attributes:
        starts, steps, cut: the `slice` of the tensor, one entry per dim of it.
        shape: what the cut is reshaped to: dims of ints gone, those of None there.
        arrays: dim of that shape -> index array (host) or int64 node (device).
        spread: True if something stands between the arrays, so that their dims come first.
    """

    starts: list[int]
    steps: list[int]
    cut: list[int]
    shape: list[int]
    arrays: dict[int, Array | Node]
    spread: bool


def _normal(item: Any) -> Any:
    """One entry of an index as int, slice, None, Ellipsis, host array, or Handle."""
    if item is None or item is Ellipsis or isinstance(item, slice | Handle | bool | np.bool_):
        return item
    if isinstance(item, list | tuple | range):
        listed = [engine.numpy(i.node) if isinstance(i, Handle) else i for i in item]
        return np.asarray(listed) if listed else np.zeros(0, np.int64)
    if isinstance(item, np.ndarray):
        return item
    if hasattr(item, "__index__"):
        return item.__index__()
    raise TypeError(
        f"indices must be integers, slices, None, ..., arrays or tensors, got {type(item).__name__}"
    )


def _entries(index: Any) -> list[Any]:
    """The entries of an index, masks replaced by the index arrays of what is true."""
    listed = index if isinstance(index, tuple) else (index,)
    found: list[Any] = []
    for item in map(_normal, listed):
        found.extend(_unmask(item))
    return found


class _NewAxis:
    """Stands for a dim of size 1 that a zero-dimensional mask adds and indexes."""

    def __init__(self, value: bool) -> None:
        self.array = np.zeros(int(value), np.int64)


def _unmask(item: Any) -> list[Any]:
    if isinstance(item, bool | np.bool_):
        return [_NewAxis(bool(item))]
    if isinstance(item, Handle):
        if item.node.dtype is not bool_:
            return [item]
        item = engine.numpy(item.node)
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        if item.ndim == 0:
            return [_NewAxis(bool(item))]
        return [_Mask(item)]
    return [item]


class _Mask:
    """A host mask: it covers as many dims as it has."""

    def __init__(self, array: Array) -> None:
        self.array = array


def _covers(item: Any) -> int:
    """How many dims of the tensor an entry takes."""
    if item is None or item is Ellipsis or isinstance(item, _NewAxis):
        return 0
    return item.array.ndim if isinstance(item, _Mask) else 1


def plan(index: Any, shape: Shape) -> Plan:
    """Returns how `index` reads a tensor of `shape`.

    Raises:
        IndexError: if there are too many indices, an int is out of range, or a mask does not fit.
        DTypeError: if an index array holds no integers.
    """
    entries = _spell_out(_entries(index), len(shape))
    arrays_there = builtins.any(
        isinstance(e, Handle | np.ndarray | _Mask | _NewAxis) for e in entries
    )
    found = Plan([], [], [], [], {}, False)
    places: list[int] = []  # where array entries stand in the index
    dim = 0
    for place, entry in enumerate(entries):
        taken = _covers(entry)
        sizes = shape[dim : dim + taken]
        before = len(found.arrays)
        _read(found, entry, sizes, dim, arrays_there)
        dim += taken
        if len(found.arrays) > before:
            places.append(place)
    found.spread = builtins.any(b - a != 1 for a, b in pairwise(places))
    return found


def _spell_out(entries: list[Any], ndim: int) -> list[Any]:
    """Replaces `...`, written or not, by full slices."""
    dots = [i for i, e in enumerate(entries) if e is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index may hold only one '...'")
    missing = ndim - builtins.sum(map(_covers, entries))
    if missing < 0:
        raise IndexError(f"too many indices: a {ndim}-d tensor was given {ndim - missing}")
    at = dots[0] if dots else len(entries)
    # '...' for no dims at all still stands between index arrays, as in NumPy.
    full = [slice(None)] * missing or entries[at : at + 1]
    return [*entries[:at], *full, *entries[at + 1 :]]


def _read(found: Plan, entry: Any, sizes: Shape, dim: int, arrays_there: bool) -> None:
    """Adds one entry of the index to the plan."""
    if entry is None:
        found.shape.append(1)
    elif isinstance(entry, _NewAxis):
        found.arrays[len(found.shape)] = entry.array
        found.shape.append(1)
    elif entry is Ellipsis:
        pass
    elif isinstance(entry, slice):
        _read_slice(found, entry, sizes[0])
    elif isinstance(entry, int):
        if not -sizes[0] <= entry < sizes[0]:
            raise IndexError(f"index {entry} is out of range for dim {dim} of size {sizes[0]}")
        if arrays_there:
            _read_array(found, np.asarray(entry % sizes[0]), sizes[0])
        else:
            found.starts.append(entry % sizes[0])
            found.steps.append(1)
            found.cut.append(1)
    elif isinstance(entry, _Mask):
        if entry.array.shape != sizes:
            raise IndexError(
                f"a mask of shape {entry.array.shape} does not fit dims of sizes {sizes}"
            )
        for array, size in zip(np.nonzero(entry.array), sizes, strict=True):
            _read_array(found, array, size)
    else:
        _read_array(found, _checked_array(entry, sizes[0], dim), sizes[0])


def _read_slice(found: Plan, entry: slice, size: int) -> None:
    start, stop, step = entry.indices(size)
    count = len(range(start, stop, step))
    found.starts.append(start if count else 0)
    found.steps.append(step)
    found.cut.append(count)
    found.shape.append(count)


def _read_array(found: Plan, array: Array | Node, size: int) -> None:
    found.starts.append(0)
    found.steps.append(1)
    found.cut.append(size)
    found.arrays[len(found.shape)] = array
    found.shape.append(size)


def _checked_array(entry: Any, size: int, dim: int) -> Array | Node:
    """Returns an index array that counts from the front."""
    kind = entry.node.dtype.kind if isinstance(entry, Handle) else entry.dtype.kind
    if kind not in "ui":
        raise DTypeError(f"an index array must hold integers or bools, got {_dtype_name(entry)}")
    if isinstance(entry, Handle):
        index = base.cast(entry.node, int64)
        return p.check_index(index, base.constant(size, int64), op="getitem")
    array = entry.astype(np.int64)
    bad = (array < -size) | (array >= size)
    if bad.any():
        raise IndexError(f"index {array[bad][0]} is out of range for dim {dim} of size {size}")
    return np.asarray(np.where(array < 0, array + size, array))


def _dtype_name(entry: Any) -> str:
    return entry.node.dtype.name if isinstance(entry, Handle) else str(entry.dtype)


def _cut(x: Node, found: Plan) -> Node:
    """The basic part of an index."""
    starts, steps, cut = tuple(found.starts), tuple(found.steps), tuple(found.cut)
    if cut != x.shape or builtins.any(starts) or builtins.any(s != 1 for s in steps):
        x = m.slice(x, starts=starts, steps=steps, shape=cut)
    return base.reshape(x, tuple(found.shape))


def getitem(input: Tensor, index: Any) -> Tensor:
    """Returns `input[index]` by NumPy's rules.

    Args:
        input: any tensor.
        index: ints, slices (steps may be negative), None, `...`, lists, arrays or tensors of
            integers or bools, or a tuple of these.

    Raises:
        IndexError: if an index is out of range: at once, or when computed for the elements of a
            Tensor.
        DTypeError: if an index array holds floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.arange(6).reshape(2, 3)
        >>> x[:, ::-1]
        tensor([[2, 1, 0],
                [5, 4, 3]])
        >>> x[x > 3]
        tensor([4, 5])
    """
    x = base.unwrap("getitem", input)
    if type(index) is int and x.ndim:
        return select(input, 0, index)
    found = plan(index, x.shape)
    y = _cut(x, found)
    if found.arrays:
        y = _take(y, found)
    return wrap(p.alias(y) if y is x else y)


def _take(y: Node, found: Plan) -> Node:
    """Applies the index arrays."""
    dims = sorted(found.arrays)
    shape = meet([found.arrays[d] for d in dims])
    sizes = [y.shape[d] for d in dims]
    line = as_node(linear_index(found, dims, sizes, shape), y)
    first = 0 if found.spread else dims[0]
    rest = [d for d in range(y.ndim) if d not in dims]
    order = (*rest[:first], *dims, *rest[first:])
    if order != tuple(range(y.ndim)):
        y = m.permute(y, dims=order)
    outer, inner = y.shape[:first], y.shape[first + len(dims) :]
    merged = base.reshape(y, (*outer, numel(sizes), *inner))
    taken = index_primitives.index_select(merged, line, dim=first, op="getitem")
    return base.reshape(taken, (*outer, *shape, *inner))


def meet(arrays: Sequence[Array | Node]) -> Shape:
    """Returns the shape that index arrays broadcast to."""
    try:
        return tuple(np.broadcast_shapes(*(a.shape for a in arrays)))
    except ValueError:
        listed = ", ".join(str(a.shape) for a in arrays)
        raise IndexError(f"index arrays of shapes {listed} do not broadcast") from None


def linear_index(
    found: Plan, dims: Sequence[int], sizes: Sequence[int], shape: Shape
) -> Array | Node:
    """Returns one index into the merged dims, flat: on the host if it knows all of them."""
    arrays = [found.arrays[d] for d in dims]
    known = [a for a in arrays if isinstance(a, np.ndarray)]
    if len(known) == len(arrays):
        linear: Array = np.zeros((), np.int64)
        for host, size in zip(known, sizes, strict=True):
            linear = linear * size + host
        return np.ascontiguousarray(np.broadcast_to(linear, shape).reshape(-1))
    like = next(a for a in arrays if isinstance(a, Node))
    total: Node | None = None
    for array, size in zip(arrays, sizes, strict=True):
        node = as_node(array, like)
        total = node if total is None else total * size + node
    assert total is not None
    return base.reshape(base.expand(total, shape), (numel(shape),))


def as_node(array: Array | Node, like: Node) -> Node:
    """Returns an index array as a node on the device of another."""
    return array if isinstance(array, Node) else base.upload(array.astype(np.int64), like.device)


# --- assignment


def setitem(input: Handle, index: Any, value: Any) -> Node:
    """Returns the node of `input` after `input[index] = value`.

    Where a place is named twice, the last value stays.

    Raises:
        IndexError: if an index is out of range; assignment computes index tensors at once.
        ShapeError: if the value does not broadcast to the place.
    """
    x = base.unwrap("setitem", input)
    given = base.cast(_value(value, x), x.dtype)
    mask = index.node if isinstance(index, Handle) and index.node.dtype is bool_ else None
    if mask is not None and given.ndim == 0 and mask.shape == x.shape[: mask.ndim]:
        mask = base.reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim)))
        return p.where(mask, given, x)
    found = plan(_on_host(index), x.shape)
    if not found.arrays:
        return _scatter_slice(x, found, fit(given, tuple(found.shape)))
    y = _put(_cut(x, found), found, given)
    return _scatter_slice(x, found, y)


def _value(value: Any, x: Node) -> Node:
    if isinstance(value, list | tuple):
        value = np.asarray(value)
    return base.operand("setitem", value, x)


def _on_host(index: Any) -> Any:
    """An index whose Tensors are computed."""
    if isinstance(index, tuple):
        return tuple(_on_host(item) for item in index)
    return engine.numpy(index.node) if isinstance(index, Handle) else index


def fit(value: Node, shape: Shape, op: str = "setitem") -> Node:
    """Returns a value broadcast to its place; leading dims of size 1 may be too many."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = m.reshape(value, shape=value.shape[1:])
    lead = len(shape) - value.ndim
    fits = lead >= 0 and builtins.all(
        s in (1, w) for s, w in zip(value.shape, shape[lead:], strict=True)
    )
    if not fits:
        raise ShapeError(f"{op}: a value of shape {value.shape} does not broadcast to {shape}")
    return base.expand(value, shape)


def _scatter_slice(x: Node, found: Plan, value: Node) -> Node:
    """Writes a value of the plan's shape to the basic part of an index."""
    part = base.reshape(value, tuple(found.cut))
    if part.shape == x.shape and builtins.all(s == 1 for s in found.steps):
        return p.alias(part) if part is value else part
    return m.slice_scatter(x, part, starts=tuple(found.starts), steps=tuple(found.steps))


def _put(y: Node, found: Plan, value: Node) -> Node:
    """Writes to the places that index arrays name: every place looks up which value it takes."""
    dims = sorted(found.arrays)
    shape = meet([found.arrays[d] for d in dims])
    sizes = [y.shape[d] for d in dims]
    line = linear_index(found, dims, sizes, shape)
    assert isinstance(line, np.ndarray)
    first = 0 if found.spread else dims[0]
    rest = [d for d in range(y.ndim) if d not in dims]
    order = (*rest[:first], *dims, *rest[first:])
    moved = m.permute(y, dims=order) if order != tuple(range(y.ndim)) else y
    outer, inner = moved.shape[:first], moved.shape[first + len(dims) :]
    values = base.reshape(fit(value, (*outer, *shape, *inner)), (*outer, line.size, *inner))
    merged = base.reshape(moved, (*outer, numel(sizes), *inner))
    if line.size == 0:
        return y
    source = np.full(numel(sizes), -1, np.int64)
    source[line] = np.arange(line.size)
    written = base.upload((source >= 0).reshape(-1, *(1,) * len(inner)), y.device)
    chosen = base.upload(np.maximum(source, 0), y.device)
    new = index_primitives.index_select(values, chosen, dim=first, op="setitem")
    result = base.reshape(p.where(written, new, merged), moved.shape)
    back = tuple(order.index(d) for d in range(y.ndim))
    return m.permute(result, dims=back) if back != tuple(range(y.ndim)) else result
