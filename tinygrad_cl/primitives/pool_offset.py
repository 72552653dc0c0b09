"""Max pooling that keeps the places of the maxima.   Plans: plans_pool_offset.py.

The place of a window's first maximum is a byte: its tap, row by row (`MOST_TAPS` if the window
meets no element). `max_pool2d_offset` finds it, in one kernel with the maxima where a graph holds
both; `max_pool2d_spread` sends a cotangent there, `max_pool2d_take` reads a value there, and each
is the gradient of the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cl.dtypes import uint8
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Primitive, TensorSpec, register
from tinygrad_cl.primitives import plans_pool_offset as plans
from tinygrad_cl.primitives import pool
from tinygrad_cl.primitives.plans_pool_offset import MOST_TAPS
from tinygrad_cl.primitives.pool import MAX_ATTRS, Array
from tinygrad_cl.primitives.windows import Axis, Pair, axes


def _offset_spec(x: TensorSpec, **attrs: Any) -> TensorSpec:
    pool.float_spec("max_pool2d_offset", x.dtype)
    taps = int(np.prod(attrs["kernel_size"]))
    if taps > MOST_TAPS:
        raise ShapeError(
            f"max_pool2d_offset: windows have at most {MOST_TAPS} elements, got {taps}; "
            "use max_pool2d_index"
        )
    return TensorSpec(pool.max_spec(x, **attrs).shape, uint8)


def _spread_spec(g: TensorSpec, offset: TensorSpec, input_size: Pair, **attrs: Any) -> TensorSpec:
    pool.float_spec("max_pool2d_spread", g.dtype)
    x = TensorSpec((*g.shape[:-2], *input_size), g.dtype)
    made = _offset_spec(x, **attrs)
    pool.same_spec("max_pool2d_spread", "g", g, made.shape, g.dtype)
    pool.same_spec("max_pool2d_spread", "offset", offset, *made)
    return x


def _take_spec(v: TensorSpec, offset: TensorSpec, **attrs: Any) -> TensorSpec:
    made = _offset_spec(v, **attrs)
    pool.same_spec("max_pool2d_take", "offset", offset, *made)
    return TensorSpec(made.shape, v.dtype)


def _offset_reference(x: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", x.shape, **attrs)
    found = pool.places(x, rows, cols)
    shape = (*x.shape[:-2], rows.out, cols.out)
    return np.where(found < 0, MOST_TAPS, found).astype(np.uint8).reshape(shape)


def _positions(offset: Array, rows: Axis, cols: Axis) -> Array:
    """Where in its plane each window's place is; -1 where there is none."""
    planes = int(np.prod(offset.shape[:-2], dtype=np.int64))
    chosen = offset.astype(np.int64).reshape(planes, rows.out, cols.out)
    return pool.positions(np.where(chosen == MOST_TAPS, -1, chosen), rows, cols)


def _spread_reference(g: Array, offset: Array, input_size: Pair, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", (*g.shape[:-2], *input_size), **attrs)
    return pool.spread(g, _positions(offset, rows, cols), rows, cols)


def _take_reference(v: Array, offset: Array, **attrs: Any) -> Array:
    rows, cols = axes("max_pool2d", v.shape, **attrs)
    return pool.take(v, _positions(offset, rows, cols), rows, cols)


max_pool2d_offset = register(
    Primitive("max_pool2d_offset", _offset_spec, _offset_reference, plans.OFFSET, (), MAX_ATTRS)
)
max_pool2d_spread: Primitive = register(
    Primitive(
        "max_pool2d_spread",
        _spread_spec,
        _spread_reference,
        plans.SPREAD,
        (
            lambda v, y, g, offset, input_size, **attrs: max_pool2d_take(v, offset, **attrs),
            None,
        ),
        ("input_size", *MAX_ATTRS),
    )
)
max_pool2d_take: Primitive = register(
    Primitive(
        "max_pool2d_take",
        _take_spec,
        _take_reference,
        plans.TAKE,
        (
            lambda g, y, v, offset, **attrs: max_pool2d_spread(
                g, offset, input_size=v.shape[-2:], **attrs
            ),
            None,
        ),
        MAX_ATTRS,
    )
)
