"""Reductions.   Device side: ops/reduce.cl.   User side: functional/reduce.py.

The attr `dim` holds the reduced dims, counted from the front and in increasing order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cl.dtypes import DType, int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, Vjp, register
from tinygrad_cl.lowering import Reduction
from tinygrad_cl.primitives.elementwise import cast, eq, isnan, logical_or, where
from tinygrad_cl.primitives.movement import cat, expand, full, permute, reshape, slice, zeros
from tinygrad_cl.primitives.rules import ANY, BOOL, NUMERIC, common_dtype, reference
from tinygrad_cl.shapes import Shape, numel, reduced_shape

# ---- constructors of rows


def _spec(
    op: str, kinds: str, result: DType | None, filled: bool, one_dim: bool
) -> Callable[..., TensorSpec]:
    def spec(x: TensorSpec, dim: Shape, keepdim: bool) -> TensorSpec:
        dtype = common_dtype(op, kinds, (x,))
        if list(dim) != sorted({d for d in dim if 0 <= d < len(x.shape)}):
            raise ShapeError(f"{op}: dims {dim} are not dims of {x.shape}")
        if one_dim and len(dim) != 1:
            raise ShapeError(f"{op}: needs exactly one dim, got {dim}; flatten the tensor first")
        if filled and 0 in [x.shape[d] for d in dim]:
            raise ShapeError(f"{op}: a dim among {dim} of {x.shape} is empty and has no {op}")
        return TensorSpec(reduced_shape(x.shape, dim, keepdim), result or dtype)

    return spec


def row(
    name: str,
    function: Callable[..., Any],
    *vjps: Vjp,
    kinds: str = NUMERIC,
    result: DType | None = None,
    filled: bool = False,
    one_dim: bool = False,
) -> Primitive:
    """Registers a fold: `filled` if an empty set has no value, `one_dim` if it takes one dim."""

    def fold(x: Any, dim: Shape, keepdim: bool) -> Any:
        return function(x, axis=dim[0] if one_dim else dim, keepdims=keepdim)

    spec = _spec(name, kinds, result, filled, one_dim)
    rules = reference(fold, result), Reduction(name), vjps
    return register(Primitive(name, spec, *rules, attrs=("dim", "keepdim")))


# ---- NumPy references


def _keep(ufunc: Any) -> Callable[..., Any]:
    """A fold that keeps its dtype: NumPy would widen small integers."""
    return lambda x, axis, keepdims: ufunc.reduce(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


# ---- gradient rules


def restore(node: Node, x: Node, dim: Shape) -> Node:
    """Returns a reduced `node` at the shape of `x`."""
    return expand(reshape(node, shape=reduced_shape(x.shape, dim, True)), shape=x.shape)


def _extremum_vjp(g: Node, y: Node, x: Node, dim: Shape, keepdim: bool) -> Node:
    # Ties share the cotangent equally; a NaN result ties with every NaN.
    chosen = logical_or(eq(x, restore(y, x, dim)), isnan(x))
    count = sum(cast(chosen, dtype=x.dtype), dim=dim, keepdim=True)
    return where(chosen, restore(g, x, dim) / expand(count, shape=x.shape), zeros(x))


def _prod_vjp(g: Node, y: Node, x: Node, dim: Shape, keepdim: bool) -> Node:
    # Every element gets the product of the others, not y / x: right at zeros too, to every order.
    order = dim + tuple(d for d in range(x.ndim) if d not in dim)
    sizes = tuple(x.shape[d] for d in order)
    count = numel(sizes[: len(dim)])
    lines = reshape(permute(x, dims=order), shape=(count, numel(sizes[len(dim) :])))
    rest = reshape(_others(lines), shape=sizes)
    return restore(g, x, dim) * permute(rest, dims=tuple(order.index(d) for d in range(x.ndim)))


def _others(x: Node) -> Node:
    """Returns the product of the other elements along dim 0: down a tree of halves and up again."""
    n, width = x.shape
    if n <= 1:
        return full(1, x.shape, x.dtype)
    half = (n + 1) // 2
    low, high = _rows(x, 0, half), _rows(x, half, n - half)
    if n - half < half:
        high = cat(high, full(1, (1, width), x.dtype), dim=0)
    rest = _others(low * high)
    return _rows(cat(rest * high, rest * low, dim=0), 0, n)


def _rows(x: Node, start: int, count: int) -> Node:
    if count == x.shape[0]:
        return x
    return slice(x, starts=(start, 0), steps=(1, 1), shape=(count, x.shape[1]))


# ---- the rows
# fmt: off

sum    = row("sum",  _keep(np.add),      lambda g, y, x, dim, keepdim: restore(g, x, dim))
prod   = row("prod", _keep(np.multiply), _prod_vjp)
max    = row("max",  np.max,             _extremum_vjp, kinds=ANY, filled=True)
min    = row("min",  np.min,             _extremum_vjp, kinds=ANY, filled=True)
any    = row("any",  np.any,             kinds=BOOL)
all    = row("all",  np.all,             kinds=BOOL)
argmax = row("argmax", np.argmax, kinds=NUMERIC, result=int64, filled=True, one_dim=True)
argmin = row("argmin", np.argmin, kinds=NUMERIC, result=int64, filled=True, one_dim=True)

# fmt: on
