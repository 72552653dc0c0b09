"""Shapes, dims, broadcasting, and `Layout`: how a view reads a buffer.

Everything here is pure arithmetic on tuples of ints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tinygrad_cl.errors import ShapeError

Shape = tuple[int, ...]
Bounds = tuple[tuple[int, int], ...]


def numel(shape: Iterable[int]) -> int:
    """Returns the number of elements of a shape."""
    return math.prod(shape)


def contiguous_strides(shape: Shape) -> Shape:
    """Returns the strides, in elements, of a C-ordered array of this shape."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


@lru_cache(maxsize=4096)
def broadcast(op: str, *shapes: Shape) -> Shape:
    """Returns the shape in which the shapes meet.

    Raises:
        ShapeError: if two sizes differ and neither is 1.
    """
    ndim = max((len(s) for s in shapes), default=0)
    padded = [(1,) * (ndim - len(s)) + s for s in shapes]
    out = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            listed = " and ".join(str(s) for s in shapes)
            raise ShapeError(
                f"{op}: shapes {listed} do not broadcast; "
                "from the right, sizes must be equal or one of them 1"
            )
        out.append(wide.pop() if wide else 1)
    return tuple(out)


def normalize_dim(op: str, dim: int, ndim: int) -> int:
    """Returns `dim` counted from the front.

    Raises:
        ShapeError: if there is no such dim (a zero-dimensional tensor has dims 0 and -1, as in
            PyTorch).
    """
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise ShapeError(
            f"{op}: dim {dim} is out of range; a {ndim}-d tensor has {-limit} to {limit - 1}"
        )
    return dim % limit


def normalize_dims(op: str, dims: int | Sequence[int] | None, ndim: int) -> Shape:
    """Returns dims counted from the front, in increasing order; `None` or `()` means all of them.

    Raises:
        ShapeError: if a dim is out of range or named twice.
    """
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        return tuple(range(ndim))
    listed = (dims,) if isinstance(dims, int) else tuple(dims)
    found = [normalize_dim(op, d, ndim) for d in listed]
    if len(set(found)) != len(found):
        raise ShapeError(f"{op}: dims {listed} name a dim twice")
    return tuple(sorted(d for d in found if d < ndim))


def reduced_shape(shape: Shape, dims: Shape, keepdim: bool) -> Shape:
    """Returns the shape after reducing `dims` (normalized)."""
    if keepdim:
        return tuple(1 if i in dims else s for i, s in enumerate(shape))
    return tuple(s for i, s in enumerate(shape) if i not in dims)


def infer_reshape(shape: Shape, wanted: Sequence[int]) -> Shape:
    """Returns `wanted` with its one -1 replaced.

    Raises:
        ShapeError: if the numbers of elements differ, or -1 stands twice or is ambiguous.
    """
    out = tuple(int(s) for s in wanted)
    if out.count(-1) > 1 or any(s < -1 for s in out):
        raise ShapeError(f"reshape: {out} is not a shape; at most one size may be -1")
    if -1 in out:
        known = -numel(out)
        if known == 0 or numel(shape) % known:
            raise ShapeError(f"reshape: {shape} cannot become {out}")
        out = tuple(numel(shape) // known if s == -1 else s for s in out)
    if numel(out) != numel(shape):
        raise ShapeError(f"reshape: {shape} has {numel(shape)} elements and {out} has {numel(out)}")
    return out


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the elements of a view lie in a buffer.

    Element `i` of the view is at `offset + sum(i[d] * strides[d])`. Where `bounds` is given, an
    element with `i[d]` outside `bounds[d] = (first, end)` for any `d` is not read at all: it is
    zero.

    Example:
        >>> Layout.contiguous((2, 3)).permute((1, 0)).strides
        (1, 3)
    """

    shape: Shape
    strides: Shape
    offset: int = 0
    bounds: Bounds | None = None

    @classmethod
    def contiguous(cls, shape: Shape) -> Layout:
        """The layout of a C-ordered buffer."""
        return cls(shape, contiguous_strides(shape))

    @property
    def is_contiguous(self) -> bool:
        """True if the view reads its buffer in order, from the start, without bounds."""
        return self.offset == 0 and self.is_dense

    @property
    def is_dense(self) -> bool:
        """True if the view reads one run of its buffer in order, wherever the run starts."""
        if self.bounds is not None:
            return False
        expected = contiguous_strides(self.shape)
        rows = zip(self.shape, self.strides, expected, strict=True)
        return all(size == 1 or stride == step for size, stride, step in rows)

    def permute(self, dims: Sequence[int]) -> Layout:
        """The view with its dims reordered."""
        bounds = None if self.bounds is None else tuple(self.bounds[d] for d in dims)
        shape = tuple(self.shape[d] for d in dims)
        return Layout(shape, tuple(self.strides[d] for d in dims), self.offset, bounds)

    def expand(self, shape: Shape) -> Layout | None:
        """The view broadcast to `shape`; None if a bounded dim would have to grow."""
        lead = len(shape) - len(self.shape)
        strides, bounds = [0] * lead, [(0, s) for s in shape[:lead]]
        for d, size in enumerate(self.shape):
            wide = shape[lead + d]
            grows = size == 1 and wide != 1
            low, high = (0, size) if self.bounds is None else self.bounds[d]
            if grows and (low, high) != (0, 1):
                return None
            strides.append(0 if grows else self.strides[d])
            bounds.append((0, wide) if grows else (low, high))
        return Layout(
            shape, tuple(strides), self.offset, None if self.bounds is None else tuple(bounds)
        )

    def slice(self, starts: Shape, steps: Shape, shape: Shape) -> Layout:
        """The view of elements `starts + i * steps` (steps may be negative) for `i` in `shape`."""
        offset = self.offset + sum(a * s for a, s in zip(starts, self.strides, strict=True))
        strides = tuple(s * step for s, step in zip(self.strides, steps, strict=True))
        if self.bounds is None:
            return Layout(shape, strides, offset)
        bounds = tuple(
            _sliced_bound(bound, start, step, size)
            for bound, start, step, size in zip(self.bounds, starts, steps, shape, strict=True)
        )
        return Layout(shape, strides, offset, _drop_trivial(shape, bounds))

    def pad(self, before: Shape, shape: Shape) -> Layout:
        """The view with zeros around it: `before` of them in front of each dim, up to `shape`."""
        offset = self.offset - sum(p * s for p, s in zip(before, self.strides, strict=True))
        inner = self.bounds or tuple((0, s) for s in self.shape)
        bounds = tuple((low + p, high + p) for (low, high), p in zip(inner, before, strict=True))
        return Layout(shape, self.strides, offset, _drop_trivial(shape, bounds))

    def diagonal(self, first: int, second: int, place: tuple[int, int], length: int) -> Layout:
        """The view of elements `place + (i, i)` of two dims, `length` of them, as a last dim."""
        rest = [d for d in range(len(self.shape)) if d not in (first, second)]
        stride = self.strides[first] + self.strides[second]
        offset = self.offset + place[0] * self.strides[first] + place[1] * self.strides[second]
        shape = (*(self.shape[d] for d in rest), length)
        strides = (*(self.strides[d] for d in rest), stride)
        if self.bounds is None:
            return Layout(shape, strides, offset)
        pairs = zip((self.bounds[first], self.bounds[second]), place, strict=True)
        (low, high), (left, right) = (_sliced_bound(b, at, 1, length) for b, at in pairs)
        both = (max(low, left), min(high, right))
        both = both if both[0] < both[1] else (0, 0)
        bounds = (*(self.bounds[d] for d in rest), both)
        return Layout(shape, strides, offset, _drop_trivial(shape, bounds))

    def windows(self, dim: int, step: int, count: int, size: int) -> Layout | None:
        """The view of `count` windows of `size` elements, `step` apart in a dim, as a last dim.

        None if the dim is bounded: no bounds of two dims say what lies inside.
        """
        shape = (*self.shape[:dim], count, *self.shape[dim + 1 :], size)
        stride = self.strides[dim]
        strides = (*self.strides[:dim], stride * step, *self.strides[dim + 1 :], stride)
        if self.bounds is None:
            return Layout(shape, strides, self.offset)
        if self.bounds[dim] != (0, self.shape[dim]):
            return None
        bounds = (*self.bounds[:dim], (0, count), *self.bounds[dim + 1 :], (0, size))
        return Layout(shape, strides, self.offset, _drop_trivial(shape, bounds))

    def reshape(self, shape: Shape) -> Layout | None:
        """The view with another shape; None if no strides express it."""
        if shape == self.shape:
            return self
        if numel(shape) == 0:
            return Layout.contiguous(shape)
        runs = _merge(self)
        out = _split(runs, shape)
        return None if out is None else replace(out, offset=self.offset)


def _sliced_bound(bound: tuple[int, int], start: int, step: int, size: int) -> tuple[int, int]:
    low, high = bound
    if step < 0:
        first, end = -((high - 1 - start) // -step), (start - low) // -step + 1
    else:
        first, end = -((start - low) // step), -((start - high) // step)
    first, end = max(first, 0), min(end, size)
    return (first, end) if first < end else (0, 0)


def _drop_trivial(shape: Shape, bounds: Bounds) -> Bounds | None:
    return None if all(b == (0, s) for b, s in zip(bounds, shape, strict=True)) else bounds


# A run is dims that are contiguous with one another: (size, stride of the innermost, bound or
# None).
_Run = tuple[int, int, tuple[int, int] | None]


def _merge(layout: Layout) -> list[_Run]:
    runs: list[_Run] = []
    for d, size in enumerate(layout.shape):
        bound = None if layout.bounds is None else layout.bounds[d]
        bound = None if bound == (0, size) else bound
        if size == 1 and bound is None:
            continue
        stride = layout.strides[d]
        if runs and bound is None and runs[-1][2] is None and runs[-1][1] == size * stride:
            runs[-1] = (runs[-1][0] * size, stride, None)
        else:
            runs.append((size, stride, bound))
    return runs


def _split(runs: list[_Run], shape: Shape) -> Layout | None:
    strides: list[int] = []
    bounds: list[tuple[int, int]] = []
    inner = list(reversed(runs))  # innermost first
    for size in reversed(shape):
        if size == 1:
            strides.append(0)
            bounds.append((0, 1))
            continue
        if not inner:
            return None
        length, stride, bound = inner[0]
        if bound is not None:
            if length != size:
                return None
            inner.pop(0)
            strides.append(stride)
            bounds.append(bound)
            continue
        if length % size:
            return None
        strides.append(stride)
        bounds.append((0, size))
        if length == size:
            inner.pop(0)
        else:
            inner[0] = (length // size, stride * size, None)
    if inner:
        return None
    out, limits = tuple(reversed(strides)), tuple(reversed(bounds))
    return Layout(shape, out, 0, _drop_trivial(shape, limits))
