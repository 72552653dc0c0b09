"""Adaptive pooling: the size of the output is given, and the windows follow.

Window i of a dim of `size` elements goes from floor(i * size / out) to ceil((i + 1) * size / out).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.dtypes import float32, int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
from tinygrad_cl.functional.pool3d import avg_pool3d, max_pool3d
from tinygrad_cl.functional.reduce import average, total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.shapes import Shape, numel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygrad_cl.tensor import Tensor

    Ints = NDArray[np.int64]

_AVERAGES: dict[int, Any] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_MAXIMA: dict[int, Any] = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _setup(op: str, input: Tensor, output_size: Any, dims: int) -> tuple[Node, Shape]:
    """Returns a float node of one or two dims more than `dims`, and the sizes of the output."""
    x = base.floating(unwrap(op, input))
    if x.ndim not in (dims + 1, dims + 2):
        places = ("L", "H, W", "D, H, W")[dims - 1]
        raise ShapeError(f"{op}: needs (N, C, {places}) or (C, {places}), got {x.shape}")
    many = isinstance(output_size, tuple | list)
    wanted = tuple(output_size) if many else (output_size,) * dims
    if len(wanted) != dims:
        raise ShapeError(f"{op}: output_size must be one int or {dims}, got {output_size}")
    have = x.shape[-dims:]
    out = tuple(size if w is None else int(w) for w, size in zip(wanted, have, strict=True))
    if min(out) < 1 or 0 in have:
        raise ShapeError(f"{op}: cannot pool {x.shape} to {out}")
    return x, out


def windows(size: int, out: int) -> tuple[Ints, Ints]:
    """Returns the elements of each window, and how many there are; short ones repeat their last."""
    i = np.arange(out)
    first, end = i * size // out, -(-(i + 1) * size // out)
    taps = first[:, None] + np.arange((end - first).max())
    return np.minimum(taps, end[:, None] - 1).astype(np.int64), (end - first).astype(np.int64)


def _regular(have: Shape, out: Shape) -> tuple[Shape, Shape] | None:
    """Returns the size and the steps of the windows if all are alike, so that a plain pool does."""
    sizes, steps = [], []
    for size, wanted in zip(have, out, strict=True):
        taps, counts = windows(size, wanted)
        apart = np.diff(taps[:, 0])
        if np.ptp(counts) or (wanted > 1 and np.ptp(apart)):
            return None
        sizes.append(int(counts[0]))
        steps.append(int(apart[0]) if wanted > 1 else int(counts[0]))
    return tuple(sizes), tuple(steps)


# --- means


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Returns means of windows of signals, (N, C, L) or (C, L) -> (N, C, OL).

    Raises:
        ShapeError: if the input has other dims or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_avg_pool1d(tg.tensor([[1.0, 2.0, 6.0]]), 2)
        tensor([[1.5000, 4.0000]])
    """
    return _means_of("adaptive_avg_pool1d", input, output_size, 1)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Returns means of windows that are chosen so that the output has a given size.

    Args:
        input: images, (N, C, H, W) or (C, H, W).
        output_size: (OH, OW), or one int; None keeps a size.

    Raises:
        ShapeError: if the input is no image or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_avg_pool2d(tg.arange(4.0).reshape(1, 1, 2, 2), 1)
        tensor([[[[1.5000]]]])
    """
    return _means_of("adaptive_avg_pool2d", input, output_size, 2)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Returns means of windows of volumes, (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    Args:
        input: volumes.
        output_size: (OD, OH, OW), or one int; None keeps a size.

    Raises:
        ShapeError: if the input is no volume or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_avg_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 1).item()
        3.5
    """
    return _means_of("adaptive_avg_pool3d", input, output_size, 3)


def _means_of(op: str, input: Tensor, output_size: Any, dims: int) -> Tensor:
    x, out = _setup(op, input, output_size, dims)
    regular = _regular(x.shape[-dims:], out) if max(out) > 1 else None
    if regular is None:
        return wrap(_means(x, out))
    averaged: Tensor = _AVERAGES[dims](wrap(x) if x is not input.node else input, *regular)
    return averaged


def _means(x: Node, out: Shape) -> Node:
    """Returns means over the windows of the last dims, one dim after the other."""
    first = x.ndim - len(out)
    if max(out) == 1:
        return average(x, tuple(range(first, x.ndim)), True)
    dtype = x.dtype
    y = base.cast(x, float32) if dtype.is_half else x
    for i, size in enumerate(out):
        y = _means_along(y, first + i, size)
    return base.cast(p.alias(y) if y is x else y, dtype)


def _means_along(x: Node, dim: int, out: int) -> Node:
    size = x.shape[dim]
    if size == out:
        return x
    lead, rest = x.shape[:dim], x.shape[dim + 1 :]
    if size % out == 0:
        apart = m.reshape(x, shape=(*lead, out, size // out, *rest))
        return average(apart, (dim + 1,), False)
    taps, counts = windows(size, out)
    most = taps.shape[1]
    places = base.upload(taps.ravel(), x.device)
    seen = primitive.index_select(x, places, dim=dim, op="adaptive_avg_pool")
    seen = m.reshape(seen, shape=(*lead, out, most, *rest))
    ends = base.upload(counts.reshape(out, 1, *(1,) * len(rest)), x.device)
    inside = p.lt(m.iota(shape=(most, *(1,) * len(rest))), ends)
    sums = total(p.where(inside, seen, base.constant(0, x.dtype)), (dim + 1,), False)
    shares = (1 / counts).astype(x.dtype.numpy).reshape(out, *(1,) * len(rest))
    return sums * base.upload(shares, x.device)


# --- maxima


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Returns the largest elements of windows of signals, (N, C, L) or (C, L) -> (N, C, OL).

    Args:
        input: signals.
        output_size: OL.
        return_indices: also return where the maxima are.

    Raises:
        ShapeError: if the input has other dims or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_max_pool1d(tg.tensor([[1.0, 6.0, 2.0]]), 2)
        tensor([[6., 6.]])
    """
    return _maxima("adaptive_max_pool1d", input, output_size, 1, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Returns the largest elements of windows of images; the gradient goes to the first maximum.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C, OH, OW).

    Args:
        input: images.
        output_size: (OH, OW), or one int; None keeps a size.
        return_indices: also return where the maxima are, as positions in H * W.

    Raises:
        ShapeError: if the input is no image or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_max_pool2d(tg.arange(4.0).reshape(1, 2, 2), 1)
        tensor([[[3.]]])
    """
    return _maxima("adaptive_max_pool2d", input, output_size, 2, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Returns the largest elements of windows of volumes; the gradient goes to the first maximum.

    Shapes: (N, C, D, H, W) or (C, D, H, W) -> (N, C, OD, OH, OW).

    Args:
        input: volumes.
        output_size: (OD, OH, OW), or one int; None keeps a size.
        return_indices: also return where the maxima are, as positions in D * H * W.

    Raises:
        ShapeError: if the input is no volume or a size is not positive.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.adaptive_max_pool3d(tg.arange(8.0).reshape(1, 2, 2, 2), 1).item()
        7.0
    """
    return _maxima("adaptive_max_pool3d", input, output_size, 3, return_indices)


def _maxima(op: str, input: Tensor, output_size: Any, dims: int, return_indices: bool) -> Any:
    x, out = _setup(op, input, output_size, dims)
    lead, have = x.shape[:-dims], x.shape[-dims:]
    regular = _regular(have, out)
    if regular is not None:
        image = wrap(x) if x is not input.node else input
        return _MAXIMA[dims](image, *regular, return_indices=return_indices)
    flat = m.reshape(x, shape=(numel(lead), numel(have)))
    found = _first_maxima(op, flat, _boxes(have, out))
    values = primitive.gather(flat, found, dim=1, op=op)
    pooled = wrap(m.reshape(values, shape=(*lead, *out)))
    if not return_indices:
        return pooled
    return pooled, wrap(m.reshape(found, shape=(*lead, *out)))


def _boxes(have: Shape, out: Shape) -> Ints:
    """Returns the flat positions of the elements of each window, (windows, elements)."""
    places = np.zeros((1, 1), np.int64)
    for size, wanted in zip(have, out, strict=True):
        taps, _ = windows(size, wanted)
        both = places[:, None, :, None] * size + taps[None, :, None, :]
        places = both.reshape(places.shape[0] * wanted, places.shape[1] * taps.shape[1])
    return places


def _first_maxima(op: str, flat: Node, boxes: Ints) -> Node:
    """Returns the position of the first maximum in each box; a repeated element is never first."""
    count, most = boxes.shape
    places = base.upload(boxes.ravel(), flat.device)
    fixed = p.alias(flat)
    fixed.needs_grad = False
    seen = primitive.index_select(fixed, places, dim=1, op=op)
    best = r.argmax(m.reshape(seen, shape=(flat.shape[0], count, most)), dim=(2,), keepdim=False)
    line = m.reshape(best + m.iota(shape=(count,)) * most, shape=(flat.shape[0] * count,))
    found = primitive.index_select(places, base.cast(line, int64), dim=0, op=op)
    return m.reshape(found, shape=(flat.shape[0], count))
