"""Scans along one dim.   Device side: ops/scan.cl.   User side: functional/scan.py.

With `reverse` they begin at the end of the dim. Floats are carried wider than they are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import DType, int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.primitives import plans_scan as plans
from tinygrad_cl.primitives.elementwise import eq, exp, isnan, logical_and, where
from tinygrad_cl.primitives.movement import cat, full, slice, zeros
from tinygrad_cl.primitives.rules import ANY, FLOAT, NUMERIC, common_dtype

Array = NDArray[Any]

_CARRIED: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("float32"),
    "float32": np.dtype("float64"),
}


def _spec(op: str, kinds: str, result: DType | None = None) -> Callable[..., TensorSpec]:
    def spec(*xs: TensorSpec, dim: int, reverse: bool = False) -> TensorSpec:
        dtype = common_dtype(op, kinds, xs)
        shape = xs[0].shape
        if not 0 <= dim < len(shape) or any(x.shape != shape for x in xs):
            listed = " and ".join(str(x.shape) for x in xs)
            raise ShapeError(f"{op}: needs equal shapes with a dim {dim}, got {listed}")
        return TensorSpec(shape, result or dtype)

    return spec


# NumPy references.


def _along(walk: Callable[..., Array]) -> Callable[..., Array]:
    """A reference from `walk(*arrays)`, which scans dim 0 of arrays in their wide dtype."""

    def run(*xs: Array, dim: int, reverse: bool = False) -> Array:
        dtype = xs[0].dtype
        lines = [np.moveaxis(x.astype(_CARRIED.get(dtype.name, dtype)), dim, 0) for x in xs]
        with np.errstate(all="ignore"):
            found = walk(*(line[::-1] if reverse else line for line in lines))
            found = found.astype(dtype if found.dtype.kind == dtype.kind else found.dtype)
        return np.ascontiguousarray(np.moveaxis(found[::-1] if reverse else found, 0, dim))

    return run


def _accumulate(ufunc: Any) -> Callable[[Array], Array]:
    return lambda x: np.asarray(ufunc.accumulate(x, axis=0, dtype=x.dtype))


def _linear(a: Array, b: Array) -> Array:
    out = np.array(b)
    for k in range(1, len(out)):
        out[k] += a[k] * out[k - 1]
    return out


def _where(over: Any) -> Callable[..., Array]:
    def reference(x: Array, dim: int) -> Array:
        lines = np.moveaxis(x, dim, 0)
        out = np.zeros(lines.shape, np.int64)
        best = np.array(lines[:1])
        for k in range(1, len(lines)):
            v = lines[k : k + 1]
            take = (v != v) | ((best == best) & over(v, best))
            best = np.where(take, v, best)
            out[k : k + 1] = np.where(take, k, out[k - 1 : k])
        return np.ascontiguousarray(np.moveaxis(out, 0, dim))

    return reference


# Gradients.


def _part(x: Node, dim: int, start: int, length: int) -> Node:
    starts = tuple(start if d == dim else 0 for d in range(x.ndim))
    shape = (*x.shape[:dim], length, *x.shape[dim + 1 :])
    return slice(x, starts=starts, steps=(1,) * x.ndim, shape=shape)


def _shifted(x: Node, dim: int, back: bool, fill: int | None) -> Node:
    """Returns `x` moved one place along a dim, to its end or `back` to its start.

    The place that gets free holds `fill`, or what it held if that is None.
    """
    size = x.shape[dim]
    if size == 0:
        return x
    edge = _part(x, dim, size - 1 if back else 0, 1)
    edge = edge if fill is None else full(fill, edge.shape, x.dtype)
    kept = _part(x, dim, int(back), size - 1)
    return cat(*((kept, edge) if back else (edge, kept)), dim=dim)


def _previous(x: Node, dim: int, reverse: bool, fill: int | None) -> Node:
    return _shifted(x, dim, reverse, fill)


def _next(x: Node, dim: int, reverse: bool) -> Node:
    return _shifted(x, dim, not reverse, 0)


def _adjoint(factors: Node, g: Node, dim: int, reverse: bool) -> Node:
    """The cotangent of every term of a recurrence: `c[k] = g[k] + factors[k + 1] * c[k + 1]`."""
    return linear_scan(_next(factors, dim, reverse), g, dim=dim, reverse=not reverse)


def _cumsum_vjp(g: Node, y: Node, x: Node, dim: int, reverse: bool) -> Node:
    return cumsum(g, dim=dim, reverse=not reverse)


def _cumprod_vjp(g: Node, y: Node, x: Node, dim: int, reverse: bool) -> Node:
    # No division: right at zeros, to every order.
    return _adjoint(x, g, dim, reverse) * _previous(y, dim, reverse, 1)


def _linear_factor_vjp(g: Node, y: Node, a: Node, b: Node, dim: int, reverse: bool) -> Node:
    return _adjoint(a, g, dim, reverse) * _previous(y, dim, reverse, 0)


def _linear_term_vjp(g: Node, y: Node, a: Node, b: Node, dim: int, reverse: bool) -> Node:
    return _adjoint(a, g, dim, reverse)


def _logcumsumexp_vjp(g: Node, y: Node, x: Node, dim: int, reverse: bool) -> Node:
    # dx[i] = sum over k >= i of g[k] exp(x[i] - y[k]); y never falls, so no factor is above 1.
    before = _previous(y, dim, reverse, None)
    fall = before - y
    level = logical_and(eq(before, y), isnan(fall))  # both infinite
    factors = exp(where(level, zeros(y), fall))
    return exp(x - y) * _adjoint(factors, g, dim, reverse)


# The rows.

_ATTRS = ("dim", "reverse")


def _row(name: str, kinds: str, walk: Callable[..., Array], kind: str, *vjps: Any) -> Primitive:
    rules = _spec(name, kinds), _along(walk), plans.scan(kind), vjps
    return register(Primitive(name, *rules, attrs=_ATTRS))


def _where_row(name: str, over: Any, sign: str) -> Primitive:
    rules = _spec(name, ANY, int64), _where(over), plans.scan("WHERE", exact=False, over=sign)
    return register(Primitive(name, *rules, attrs=("dim",)))


cumsum: Primitive = _row("cumsum", NUMERIC, _accumulate(np.add), "SUM", _cumsum_vjp)
cumprod: Primitive = _row("cumprod", NUMERIC, _accumulate(np.multiply), "PROD", _cumprod_vjp)
# out[k] = a[k] * out[k - 1] + b[k]; a[0] is not read.
linear_scan: Primitive = _row(
    "linear_scan", FLOAT, _linear, "LINEAR", _linear_factor_vjp, _linear_term_vjp
)
logcumsumexp: Primitive = _row(
    "logcumsumexp", FLOAT, _accumulate(np.logaddexp), "LOGSUM", _logcumsumexp_vjp
)
# Where the last largest (smallest) element so far is; a NaN is larger and smaller than everything.
cummax_index = _where_row("cummax_index", np.greater_equal, ">=")
cummin_index = _where_row("cummin_index", np.less_equal, "<=")
