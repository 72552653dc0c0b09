"""Resampling to another size: `interpolate` in all its modes.

Along each dim an output element is a sum of few input elements (taps) with fixed weights; places
and weights are computed here, in float64, and the sums on the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_cl.dtypes import float32
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import index as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tinygrad_cl.tensor import Tensor

    Array = NDArray[Any]

_ANY_DIMS = ("nearest", "nearest-exact", "area")
_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_AREAS = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)


class _Line(NamedTuple):
    """How one dim is resampled. `scale`: input elements per output element, if it was given."""

    size: int
    out: int
    scale: float | None
    align: bool

    @property
    def step(self) -> float:
        """The distance of two output elements, in input elements."""
        if self.align:
            return (self.size - 1) / (self.out - 1) if self.out > 1 else 0.0
        return self.size / self.out if self.scale is None else self.scale

    def centers(self) -> Array:
        """The place of each output element among the input elements."""
        i = np.arange(self.out, dtype=np.float64)
        return i * self.step if self.align else (i + 0.5) * self.step - 0.5


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Returns signals, images or volumes resampled to another size.

    Shapes: (N, C, L), (N, C, H, W) or (N, C, D, H, W), with the same number of dims out.

    Args:
        input: any dtype for "nearest" and "nearest-exact", else a float one.
        size: the sizes of the output, one int or one per dim.
        scale_factor: or by how much it is larger, one number or one per dim.
        mode: "nearest" (as older libraries round), "nearest-exact", "linear" (signals), "bilinear"
            and "bicubic" (images), "trilinear" (volumes), or "area" (means of windows).
        align_corners: for the linear and cubic modes, whether the outermost elements, and not their
            outer edges, coincide.
        recompute_scale_factor: use the ratio of the sizes instead of `scale_factor` itself.
        antialias: for "bilinear" and "bicubic", widen the filter when images become smaller.

    Raises:
        ShapeError: if the input has other dims than the mode, or a size is not positive.
        ArgumentError: if arguments exclude each other, or for another mode.
        DTypeError: if the mode needs floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.interpolate(tg.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
        tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    x = unwrap("interpolate", input)
    _check_mode(x, mode, align_corners, antialias)
    lines = _lines(x, size, scale_factor, bool(recompute_scale_factor), bool(align_corners))
    if mode == "area":
        return _AREAS[len(lines) - 1](input, tuple(line.out for line in lines))
    if mode.startswith("nearest"):
        # As PyTorch's forward: images of equal sizes are copied, whatever the scale.
        copies = mode == "nearest" and len(lines) == 2
        for i, line in enumerate(lines):
            x = _nearest(x, 2 + i, line, mode == "nearest-exact", copies)
        return wrap(p.alias(x) if x is input.node else x)
    return wrap(_resampled(x, lines, _taps_of(mode, antialias)))


def _check_mode(x: Node, mode: str, align_corners: bool | None, antialias: bool) -> None:
    dims = x.ndim - 2
    if mode not in _DIMS and mode not in _ANY_DIMS:
        names = ", ".join(f'"{name}"' for name in (*_ANY_DIMS, *_DIMS))
        raise ArgumentError(f"interpolate: mode must be one of {names}, got {mode!r}")
    if dims not in (1, 2, 3) or _DIMS.get(mode, dims) != dims:
        fitting = [name for name, count in _DIMS.items() if count == dims]
        hint = f"; use {' or '.join(fitting)}" if fitting else ""
        raise ShapeError(
            f"interpolate: needs (N, C, L), (N, C, H, W) or (N, C, D, H, W) with as many dims of "
            f"places as the mode has, got {x.shape} and mode {mode!r}{hint}"
        )
    if mode not in _DIMS and align_corners is not None:
        raise ArgumentError(f"interpolate: mode {mode!r} has no align_corners; leave it out")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(f"interpolate: mode {mode!r} has no antialias, bilinear and bicubic do")
    if not mode.startswith("nearest") and not x.dtype.is_floating_point:
        raise DTypeError(
            f"interpolate: mode {mode!r} needs a float dtype, got {x.dtype.name}; use .float()"
        )
    if 0 in x.shape[1:]:
        raise ShapeError(f"interpolate: only the batch may be empty, got {x.shape}")


def _lines(
    x: Node,
    size: int | Sequence[int] | None,
    factor: float | Sequence[float] | None,
    recompute: bool,
    align: bool,
) -> list[_Line]:
    have = x.shape[2:]
    if (size is None) == (factor is None):
        raise ArgumentError("interpolate: give either size or scale_factor")
    if size is not None:
        if recompute:
            raise ArgumentError("interpolate: recompute_scale_factor needs scale_factor, not size")
        out: Shape = tuple(int(v) for v in _listed("size", size, len(have)))
        scales: list[float | None] = [None] * len(have)
    else:
        factors = [float(f) for f in _listed("scale_factor", factor, len(have))]
        out = tuple(math.floor(n * f) for n, f in zip(have, factors, strict=True))
        scales = [None if recompute else 1 / f if f > 0 else None for f in factors]
    if min(out) < 1:
        raise ShapeError(f"interpolate: the sizes of the output must be positive, got {out}")
    return [_Line(*values, align) for values in zip(have, out, scales, strict=True)]


def _listed(name: str, value: Any, count: int) -> Sequence[Any]:
    listed = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(listed) != count:
        raise ArgumentError(
            f"interpolate: {name} must be one number or {count}, one for each dim, got {value}"
        )
    return listed


# --- nearest


def _nearest(x: Node, dim: int, line: _Line, exact: bool, copies: bool) -> Node:
    """Returns `x` with the elements of a dim repeated or left out."""
    if line.size == line.out and (copies or line.step == 1):
        return x
    if line.out % line.size == 0 and line.step == line.size / line.out:
        return _repeated(x, dim, line.out // line.size)
    # In float32, as PyTorch: which element is nearest depends on the rounding.
    i = np.arange(line.out, dtype=np.float32)
    places = np.floor((i + np.float32(0.5) if exact else i) * np.float32(line.step))
    taps = np.minimum(places.astype(np.int64), line.size - 1)
    return primitive.index_select(x, base.upload(taps, x.device), dim=dim, op="interpolate")


def _repeated(x: Node, dim: int, times: int) -> Node:
    shape = x.shape
    apart = m.reshape(x, shape=(*shape[: dim + 1], 1, *shape[dim + 1 :]))
    wide = m.expand(apart, shape=(*shape[: dim + 1], times, *shape[dim + 1 :]))
    return m.reshape(wide, shape=(*shape[:dim], shape[dim] * times, *shape[dim + 1 :]))


# --- weighted sums


Taps = Callable[[_Line], "tuple[Array, Array]"]


def _resampled(x: Node, lines: list[_Line], taps: Taps) -> Node:
    dtype = x.dtype
    y = base.cast(x, float32) if dtype.is_half else x
    # From the last dim on, as PyTorch's separable filters.
    for i, line in reversed(list(enumerate(lines))):
        # Equal sizes change nothing, whatever the scale, but with "bicubic": as PyTorch's forward.
        if line.size != line.out or (taps is _cubic and line.step != 1):
            y = _weighted(y, 2 + i, *taps(line))
    return base.cast(p.alias(y) if y is x else y, dtype)


def _weighted(x: Node, dim: int, places: Array, weights: Array) -> Node:
    """Returns sums of `weights[i, k] * x[places[i, k]]` over k along a dim."""
    out, count = places.shape
    lead, rest = x.shape[:dim], x.shape[dim + 1 :]
    line = base.upload(np.ascontiguousarray(places.T).ravel(), x.device)
    seen = primitive.index_select(x, line, dim=dim, op="interpolate")
    seen = m.reshape(seen, shape=(*lead, count, out, *rest))
    shape = (count, out, *(1,) * len(rest))
    factors = np.ascontiguousarray(weights.T).astype(x.dtype.numpy).reshape(shape)
    return total(p.mul(seen, base.upload(factors, x.device)), (dim,), False)


def _taps_of(mode: str, antialias: bool) -> Taps:
    if antialias:
        return _cubic_smooth if mode == "bicubic" else _linear_smooth
    return _cubic if mode == "bicubic" else _linear


def _linear(line: _Line) -> tuple[Array, Array]:
    centers = np.maximum(line.centers(), 0)
    first = np.minimum(np.floor(centers).astype(np.int64), line.size - 1)
    share = np.clip(centers - first, 0, 1)
    places = np.stack([first, np.minimum(first + 1, line.size - 1)], axis=1)
    return places, np.stack([1 - share, share], axis=1)


def _cubic(line: _Line) -> tuple[Array, Array]:
    centers = line.centers()
    first = np.floor(centers).astype(np.int64)
    offsets = np.arange(-1, 3)
    weights = _keys((centers - first)[:, None] - offsets, -0.75)
    return np.clip(first[:, None] + offsets, 0, line.size - 1), weights


def _keys(x: Array, a: float) -> Array:
    """Keys's cubic kernel (1981); PyTorch takes a = -0.75, and -0.5 with antialias."""
    d = np.abs(x)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = (((d - 5) * d + 8) * d - 4) * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _linear_smooth(line: _Line) -> tuple[Array, Array]:
    return _smooth(line, 1.0, lambda x: np.maximum(1 - np.abs(x), 0))


def _cubic_smooth(line: _Line) -> tuple[Array, Array]:
    return _smooth(line, 2.0, lambda x: _keys(x, -0.5))


def _smooth(line: _Line, reach: float, kernel: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Returns the taps of a filter that is as wide as an output element, if that is wider."""
    step = line.step
    width = max(step, 1.0)
    centers = step * (np.arange(line.out) + 0.5)
    first = np.maximum((centers - reach * width + 0.5).astype(np.int64), 0)
    end = np.minimum((centers + reach * width + 0.5).astype(np.int64), line.size)
    places = first[:, None] + np.arange(max(int((end - first).max()), 1))
    weights = kernel((places - centers[:, None] + 0.5) / width)
    weights = np.where(places < end[:, None], weights, 0.0)
    sums = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, sums, out=np.zeros_like(weights), where=sums != 0)
    return np.minimum(places, line.size - 1).astype(np.int64), weights
