"""Pooling primitives.   Device side: ops/pool.cl.   User side: functional/pool.py.

The dims before the last two are planes; a window slides over the last two. The family of max
pooling is closed under differentiation: `max_pool2d_grad` sends a cotangent to each window's first
maximum, `max_pool2d_gather` reads a value there, and each is the gradient of the other. Where
windows overlap, the forward pass keeps the places of the maxima instead, see pool_offset.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import DType, bool_, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, Primitive, TensorSpec, register
from tinygrad_cl.primitives import plans_pool as plans
from tinygrad_cl.primitives.plans_pool_offset import MAX, MOST_TAPS
from tinygrad_cl.primitives.windows import Axis, Pair, average_axes, axes
from tinygrad_cl.shapes import Shape

Array = NDArray[Any]

MAX_ATTRS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVERAGE_ATTRS = (
    "kernel_size",
    "stride",
    "padding",
    "ceil_mode",
    "count_include_pad",
    "divisor_override",
)


# Spec rules.


def _pooled(shape: Shape, rows: Axis, cols: Axis) -> Shape:
    return (*shape[:-2], rows.out, cols.out)


def _numeric(op: str, dtype: DType) -> None:
    if dtype is bool_:
        raise DTypeError(f"{op}: needs numbers, got bool; cast it first, e.g. x.float()")


def float_spec(op: str, dtype: DType) -> None:
    """Raises a DTypeError unless the dtype is a float."""
    if not dtype.is_floating_point:
        raise DTypeError(f"{op}: needs a float dtype, got {dtype.name}; cast it first: x.float()")


def same_spec(op: str, name: str, found: TensorSpec, shape: Shape, dtype: DType) -> None:
    """Raises a ShapeError or a DTypeError unless an input is as the others need it."""
    if found.shape != shape:
        raise ShapeError(f"{op}: {name} must have shape {shape}, got {found.shape}")
    if found.dtype is not dtype:
        raise DTypeError(f"{op}: {name} must be {dtype.name}, got {found.dtype.name}")


def max_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    """Returns the spec of the maxima."""
    _numeric("max_pool2d", x.dtype)
    return TensorSpec(_pooled(x.shape, *axes("max_pool2d", x.shape, **attrs)), x.dtype)


def _index_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    return TensorSpec(max_spec(x, **attrs).shape, int64)


def _max_grad_spec(g: TensorSpec, x: TensorSpec, **attrs: Any) -> TensorSpec:
    float_spec("max_pool2d_grad", x.dtype)
    same_spec("max_pool2d_grad", "g", g, max_spec(x, **attrs).shape, x.dtype)
    return x


def _gather_spec(v: TensorSpec, x: TensorSpec, **attrs: Any) -> TensorSpec:
    float_spec("max_pool2d_gather", x.dtype)
    same_spec("max_pool2d_gather", "v", v, x.shape, x.dtype)
    return max_spec(x, **attrs)


def _average_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    float_spec("avg_pool2d", x.dtype)
    return TensorSpec(_pooled(x.shape, *average_axes(x.shape, **attrs)), x.dtype)


def _average_grad_spec(g: TensorSpec, input_size: Pair, **attrs: Any) -> TensorSpec:
    float_spec("avg_pool2d_grad", g.dtype)
    shape = (*g.shape[:-2], *input_size)
    same_spec("avg_pool2d_grad", "g", g, _pooled(shape, *average_axes(shape, **attrs)), g.dtype)
    return TensorSpec(shape, g.dtype)


# NumPy references: one vectorized pass over all planes for each of the window's taps.


def _planes(x: Array) -> Array:
    height, width = x.shape[-2:]
    return x.reshape(int(np.prod(x.shape[:-2], dtype=np.int64)), height, width)


def _padded(x: Array, rows: Axis, cols: Axis, fill: Any) -> Array:
    """Returns the planes as far as windows reach, with `fill` around them."""
    if not (rows.padding or cols.padding) and rows.reach <= rows.size and cols.reach <= cols.size:
        return x
    height = max(rows.reach, rows.padding + rows.size)
    width = max(cols.reach, cols.padding + cols.size)
    out = np.full((x.shape[0], height, width), fill, x.dtype)
    out[
        :,
        rows.padding : rows.padding + rows.size,
        cols.padding : cols.padding + cols.size,
    ] = x
    return out


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_reference(x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    padded = _padded(_planes(x), rows, cols, _lowest(x.dtype))
    best: Array | None = None
    with np.errstate(invalid="ignore"):
        for i in rows.taps():
            for j in cols.taps():
                tap = padded[:, i, j]
                best = tap.copy() if best is None else np.maximum(best, tap, out=best)
    assert best is not None
    return best.reshape(_pooled(x.shape, rows, cols))


def _first_places(rows: Axis, cols: Axis) -> Array:
    """The place in each window of its first element in the plane; -1 where there is none."""
    skipped = [(axis.first() - axis.starts()) // axis.dilation for axis in (rows, cols)]
    inside = (rows.first() < rows.size)[:, None] & (cols.first() < cols.size)
    return np.where(inside, skipped[0][:, None] * cols.kernel + skipped[1], -1)


def places(x: Array, rows: Axis, cols: Axis) -> Array:
    """Returns where in each window its first maximum is, row by row; a NaN beats every number."""
    padded = _padded(_planes(x), rows, cols, _lowest(x.dtype))
    shape = (padded.shape[0], rows.out, cols.out)
    chosen = np.broadcast_to(_first_places(rows, cols), shape).copy()
    best = np.full(shape, _lowest(x.dtype), x.dtype)
    with np.errstate(invalid="ignore"):
        for i, row in enumerate(rows.taps()):
            for j, col in enumerate(cols.taps()):
                tap = padded[:, row, col]
                better = tap > best
                if x.dtype.kind == "f":
                    better |= np.isnan(tap) & ~np.isnan(best)
                np.copyto(chosen, i * cols.kernel + j, where=better)
                np.copyto(best, tap, where=better)
    return chosen


def positions(chosen: Array, rows: Axis, cols: Axis) -> Array:
    """Returns where in its plane the place of each window is; -1 for -1."""
    starts = rows.starts()[:, None] * cols.size + cols.starts()
    down, along = np.divmod(chosen, cols.kernel)
    found = starts + down * rows.dilation * cols.size + along * cols.dilation
    return np.where(chosen < 0, -1, found)


def spread(g: Array, found: Array, rows: Axis, cols: Axis) -> Array:
    """Returns planes that hold the sum of the windows' `g` at their positions."""
    target = found + rows.size * cols.size * np.arange(found.shape[0])[:, None, None]
    inside = found >= 0
    size = found.shape[0] * rows.size * cols.size
    total = np.bincount(target[inside], _planes(g)[inside], minlength=size)
    with np.errstate(over="ignore"):
        return total.astype(g.dtype).reshape(*g.shape[:-2], rows.size, cols.size)


def take(v: Array, found: Array, rows: Axis, cols: Axis) -> Array:
    """Returns the elements of `v` at the windows' positions, and 0 for windows without one."""
    flat = np.maximum(found, 0).reshape(found.shape[0], rows.out * cols.out)
    pixels = v.reshape(found.shape[0], rows.size * cols.size)
    values: Array = np.take_along_axis(pixels, flat, axis=1)
    values[found.reshape(flat.shape) < 0] = 0
    return values.reshape(_pooled(v.shape, rows, cols))


def _index_reference(x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    found = positions(places(x, rows, cols), rows, cols)
    return found.astype(np.int64, copy=False).reshape(_pooled(x.shape, rows, cols))


def _max_grad_reference(g: Array, x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    return spread(g, positions(places(x, rows, cols), rows, cols), rows, cols)


def _gather_reference(v: Array, x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    return take(v, positions(places(x, rows, cols), rows, cols), rows, cols)


def _divisors(rows: Axis, cols: Axis, include: bool, override: int | None) -> Array:
    """By how much each window's sum is divided."""
    if override is not None:
        return np.full((rows.out, cols.out), override, np.float64)
    counts = rows.counts(include)[:, None] * cols.counts(include)
    return np.asarray(np.maximum(counts, 1), np.float64)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)


def _average_reference(
    x: Array, count_include_pad: bool, divisor_override: int | None, **attrs: Any
) -> Array:
    rows, cols = axes("avg_pool2d", x.shape, dilation=(1, 1), **attrs)
    wide = _wide(x.dtype)
    padded = _padded(_planes(x), rows, cols, 0)
    total = np.zeros((padded.shape[0], rows.out, cols.out), wide)
    with np.errstate(invalid="ignore", over="ignore"):
        for i in rows.taps():
            for j in cols.taps():
                total += padded[:, i, j]
        total /= _divisors(rows, cols, count_include_pad, divisor_override).astype(wide)
        return total.astype(x.dtype, copy=False).reshape(_pooled(x.shape, rows, cols))


def _average_grad_reference(
    g: Array,
    input_size: Pair,
    count_include_pad: bool,
    divisor_override: int | None,
    **attrs: Any,
) -> Array:
    shape = (*g.shape[:-2], *input_size)
    rows, cols = axes("avg_pool2d", shape, dilation=(1, 1), **attrs)
    wide = _wide(g.dtype)
    share = _planes(g).astype(wide)
    height = max(rows.reach, rows.padding + rows.size)
    width = max(cols.reach, cols.padding + cols.size)
    total = np.zeros((share.shape[0], height, width), wide)
    with np.errstate(invalid="ignore", over="ignore"):
        share /= _divisors(rows, cols, count_include_pad, divisor_override).astype(wide)
        for i in rows.taps():
            for j in cols.taps():
                total[:, i, j] += share
        inner = total[
            :,
            rows.padding : rows.padding + rows.size,
            cols.padding : cols.padding + cols.size,
        ]
        return inner.astype(g.dtype).reshape(shape)


# Gradients.


def _max_vjp(g: Node, y: Node, x: Node, **attrs: Any) -> Node:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    if plans.is_tile(rows, cols) or rows.kernel * cols.kernel > MOST_TAPS:
        return max_pool2d_grad(g, x, **attrs)
    offset = PRIMITIVES["max_pool2d_offset"](x, **attrs)
    return PRIMITIVES["max_pool2d_spread"](g, offset, input_size=x.shape[-2:], **attrs)


def _average_vjp(g: Node, y: Node, x: Node, **attrs: Any) -> Node:
    return avg_pool2d_grad(g, input_size=x.shape[-2:], **attrs)


def _average_grad_vjp(g: Node, y: Node, given: Node, input_size: Pair, **attrs: Any) -> Node:
    return avg_pool2d(g, **attrs)


# The rows.

max_pool2d = register(
    Primitive(
        "max_pool2d",
        max_spec,
        _max_reference,
        MAX,
        (_max_vjp,),
        MAX_ATTRS,
    )
)
max_pool2d_index = register(
    Primitive("max_pool2d_index", _index_spec, _index_reference, plans.INDEX, (), MAX_ATTRS)
)
max_pool2d_grad: Primitive = register(
    Primitive(
        "max_pool2d_grad",
        _max_grad_spec,
        _max_grad_reference,
        plans.MAX_GRAD,
        (lambda v, y, g, x, **attrs: max_pool2d_gather(v, x, **attrs), None),
        MAX_ATTRS,
    )
)
max_pool2d_gather: Primitive = register(
    Primitive(
        "max_pool2d_gather",
        _gather_spec,
        _gather_reference,
        plans.GATHER,
        (lambda g, y, v, x, **attrs: max_pool2d_grad(g, x, **attrs), None),
        MAX_ATTRS,
    )
)
avg_pool2d = register(
    Primitive(
        "avg_pool2d",
        _average_spec,
        _average_reference,
        plans.AVERAGE,
        (_average_vjp,),
        AVERAGE_ATTRS,
    )
)
avg_pool2d_grad = register(
    Primitive(
        "avg_pool2d_grad",
        _average_grad_spec,
        _average_grad_reference,
        plans.AVERAGE_GRAD,
        (_average_grad_vjp,),
        ("input_size", *AVERAGE_ATTRS),
    )
)
