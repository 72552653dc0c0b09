"""Pooling primitives.   Device side: ops/pool.cl.   User side: functional/pool.py.

The dims before the last two are planes; a window slides over the last two. The family of max
pooling is closed under differentiation: `max_pool2d_grad` sends a cotangent to each window's first
maximum, `max_pool2d_gather` reads a value there, and each is the gradient of the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import DType, bool_, int64
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.primitives import plans_pool as plans
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


def _float(op: str, dtype: DType) -> None:
    if not dtype.is_floating_point:
        raise DTypeError(f"{op}: needs a float dtype, got {dtype.name}; cast it first: x.float()")


def _same(op: str, name: str, found: TensorSpec, shape: Shape, dtype: DType) -> None:
    if found.shape != shape:
        raise ShapeError(f"{op}: {name} must have shape {shape}, got {found.shape}")
    if found.dtype is not dtype:
        raise DTypeError(f"{op}: {name} must be {dtype.name}, got {found.dtype.name}")


def _max_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    _numeric("max_pool2d", x.dtype)
    return TensorSpec(_pooled(x.shape, *axes("max_pool2d", x.shape, **attrs)), x.dtype)


def _index_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    return TensorSpec(_max_spec(x, **attrs).shape, int64)


def _max_grad_spec(g: TensorSpec, x: TensorSpec, **attrs: Any) -> TensorSpec:
    _float("max_pool2d_grad", x.dtype)
    _same("max_pool2d_grad", "g", g, _max_spec(x, **attrs).shape, x.dtype)
    return x


def _gather_spec(v: TensorSpec, x: TensorSpec, **attrs: Any) -> TensorSpec:
    _float("max_pool2d_gather", x.dtype)
    _same("max_pool2d_gather", "v", v, x.shape, x.dtype)
    return _max_spec(x, **attrs)


def _average_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    _float("avg_pool2d", x.dtype)
    return TensorSpec(_pooled(x.shape, *average_axes(x.shape, **attrs)), x.dtype)


def _average_grad_spec(g: TensorSpec, input_size: Pair, **attrs: Any) -> TensorSpec:
    _float("avg_pool2d_grad", g.dtype)
    shape = (*g.shape[:-2], *input_size)
    _same("avg_pool2d_grad", "g", g, _pooled(shape, *average_axes(shape, **attrs)), g.dtype)
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


def _first_positions(rows: Axis, cols: Axis) -> Array:
    """The position in its plane of each window's first element; -1 where there is none."""
    row, col = rows.first()[:, None], cols.first()[None, :]
    return np.where((row < rows.size) & (col < cols.size), row * cols.size + col, -1)


def _positions(x: Array, rows: Axis, cols: Axis) -> Array:
    """The position in its plane of each window's first maximum; a NaN beats every number."""
    padded = _padded(_planes(x), rows, cols, _lowest(x.dtype))
    shape = (padded.shape[0], rows.out, cols.out)
    chosen = np.broadcast_to(_first_positions(rows, cols), shape).copy()
    best = np.full(shape, _lowest(x.dtype), x.dtype)
    starts = rows.starts()[:, None] * cols.size + cols.starts()
    with np.errstate(invalid="ignore"):
        for i, row in enumerate(rows.taps()):
            for j, col in enumerate(cols.taps()):
                tap = padded[:, row, col]
                better = tap > best
                if x.dtype.kind == "f":
                    better |= np.isnan(tap) & ~np.isnan(best)
                offset = i * rows.dilation * cols.size + j * cols.dilation
                np.copyto(chosen, starts + offset, where=better)
                np.copyto(best, tap, where=better)
    return chosen


def _index_reference(x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    found = _positions(x, rows, cols)
    return found.astype(np.int64, copy=False).reshape(_pooled(x.shape, rows, cols))


def _max_grad_reference(g: Array, x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    found = _positions(x, rows, cols)
    pixels = rows.size * cols.size
    target = found + pixels * np.arange(found.shape[0])[:, None, None]
    inside = found >= 0
    total = np.bincount(target[inside], _planes(g)[inside], minlength=x.size)
    with np.errstate(over="ignore"):
        return total.astype(x.dtype).reshape(x.shape)


def _gather_reference(v: Array, x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    found = _positions(x, rows, cols)
    flat = np.maximum(found, 0).reshape(found.shape[0], rows.out * cols.out)
    values: Array = np.take_along_axis(
        v.reshape(found.shape[0], rows.size * cols.size), flat, axis=1
    )
    values[found.reshape(flat.shape) < 0] = 0
    return values.reshape(_pooled(x.shape, rows, cols))


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


def _average_vjp(g: Node, y: Node, x: Node, **attrs: Any) -> Node:
    return avg_pool2d_grad(g, input_size=x.shape[-2:], **attrs)


def _average_grad_vjp(g: Node, y: Node, given: Node, input_size: Pair, **attrs: Any) -> Node:
    return avg_pool2d(g, **attrs)


# The rows.

max_pool2d = register(
    Primitive(
        "max_pool2d",
        _max_spec,
        _max_reference,
        plans.MAX,
        (lambda g, y, x, **attrs: max_pool2d_grad(g, x, **attrs),),
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
