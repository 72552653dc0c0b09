"""Indexing primitives.   Device side: ops/index.cl.   User side: functional/index.py.

Indices are int64 and count from the front; where negative ones are allowed, functional/index.py
wraps them first. An index out of range is an IndexError; nothing is read or written outside. Where
several sources meet in one element they are added in the order of the index, so that sums are
deterministic.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import DType, bool_, int64
from tinygrad_cl.errors import DTypeError, GradientError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register, scalar
from tinygrad_cl.primitives import plans_index as plans
from tinygrad_cl.primitives.movement import expand, pad, reshape
from tinygrad_cl.primitives.rules import widen
from tinygrad_cl.shapes import Shape

Array = NDArray[Any]


# Spec rules.


def _check_dim(op: str, shape: Shape, dim: int) -> None:
    if not 0 <= dim < len(shape):
        raise ShapeError(f"{op}: dim {dim} is out of range for shape {shape}")


def _check_index(op: str, index: TensorSpec) -> None:
    if index.dtype is not int64:
        raise DTypeError(f"{op}: index must be int64, got {index.dtype.name}; use index.long()")


def _check_add(op: str, x: DType, src: DType) -> None:
    if x is not src:
        raise DTypeError(f"{op}: the dtypes of input and source differ, {x.name} and {src.name}")
    if x is bool_:
        raise DTypeError(f"{op}: bool cannot be added; cast to an integer dtype first")


def _check_within(op: str, names: str, small: Shape, large: Shape, free: int | None) -> None:
    fits = len(small) == len(large) and all(
        s <= size or d == free for d, (s, size) in enumerate(zip(small, large, strict=True))
    )
    if not fits:
        except_dim = "" if free is None else f" except in dim {free}"
        raise ShapeError(
            f"{op}: index may not be larger than {names}{except_dim}, got {small} and {large}"
        )


def _gather_spec(x: TensorSpec, index: TensorSpec, dim: int, op: str) -> TensorSpec:
    _check_dim(op, x.shape, dim)
    _check_index(op, index)
    _check_within(op, "input", index.shape, x.shape, dim)
    return TensorSpec(index.shape, x.dtype)


def _scatter_add_spec(
    x: TensorSpec, index: TensorSpec, src: TensorSpec, dim: int, op: str
) -> TensorSpec:
    _check_dim(op, x.shape, dim)
    _check_index(op, index)
    _check_add(op, x.dtype, src.dtype)
    _check_within(op, "input", index.shape, x.shape, dim)
    _check_within(op, "source", index.shape, src.shape, None)
    return x


def _scatter_fold_spec(
    x: TensorSpec, index: TensorSpec, src: TensorSpec, dim: int, op: str, kind: str
) -> TensorSpec:
    return _scatter_add_spec(x, index, src, dim, op)


def _selected(op: str, shape: Shape, index: TensorSpec, dim: int) -> Shape:
    _check_dim(op, shape, dim)
    _check_index(op, index)
    if len(index.shape) != 1:
        raise ShapeError(f"{op}: index must be 1-d, got shape {index.shape}; use index.reshape(-1)")
    return (*shape[:dim], index.shape[0], *shape[dim + 1 :])


def _index_select_spec(x: TensorSpec, index: TensorSpec, dim: int, op: str) -> TensorSpec:
    return TensorSpec(_selected(op, x.shape, index, dim), x.dtype)


def _index_add_spec(
    x: TensorSpec, index: TensorSpec, src: TensorSpec, dim: int, op: str
) -> TensorSpec:
    expected = _selected(op, x.shape, index, dim)
    _check_add(op, x.dtype, src.dtype)
    if src.shape != expected:
        raise ShapeError(f"{op}: source must have shape {expected}, got {src.shape}")
    return x


# NumPy references.


def _in_range(op: str, index: Array, size: int) -> None:
    bad = (index < 0) | (index >= size)
    if bad.any():
        raise IndexError(plans.out_of_range(op, int(index[bad][0]), size))


def _corner(shape: Shape, dim: int | None = None) -> tuple[slice, ...]:
    """The first `shape` elements of an array; all of them in `dim`."""
    return tuple(slice(None) if d == dim else slice(s) for d, s in enumerate(shape))


def _gather_reference(x: Array, index: Array, dim: int, op: str) -> Array:
    _in_range(op, index, x.shape[dim])
    if index.size == 0:
        return np.empty(index.shape, x.dtype)
    return np.take_along_axis(x[_corner(index.shape, dim)], index, axis=dim)


def _scatter_add_reference(x: Array, index: Array, src: Array, dim: int, op: str) -> Array:
    return _scattered(np.add, x, index, src, dim, op)


def _scatter_fold_reference(
    x: Array, index: Array, src: Array, dim: int, op: str, kind: str
) -> Array:
    join = {"prod": np.multiply, "max": np.maximum}[kind]
    return _scattered(join, x, index, src, dim, op)


def _scattered(join: Any, x: Array, index: Array, src: Array, dim: int, op: str) -> Array:
    _in_range(op, index, x.shape[dim])
    out = np.array(widen(x))
    places: list[Array] = list(np.ogrid[_corner(index.shape)])
    places[dim] = index
    with np.errstate(all="ignore"):
        join.at(out, tuple(places), src[_corner(index.shape)])
        return out.astype(x.dtype, copy=False)


def _index_select_reference(x: Array, index: Array, dim: int, op: str) -> Array:
    _in_range(op, index, x.shape[dim])
    return np.take(x, index, axis=dim)


def _index_add_reference(x: Array, index: Array, src: Array, dim: int, op: str) -> Array:
    _in_range(op, index, x.shape[dim])
    out = np.array(widen(x))
    with np.errstate(all="ignore"):
        np.add.at(np.moveaxis(out, dim, 0), index, np.moveaxis(src, dim, 0))
        return out.astype(x.dtype, copy=False)


# Gradients.


def nothing(shape: Shape, dtype: DType) -> Node:
    """Returns zeros that the kernels of sums read from one number in memory."""
    return expand(reshape(scalar(0, dtype), shape=(1,) * len(shape)), shape=shape)


def _gather_vjp(g: Node, y: Node, x: Node, index: Node, dim: int, op: str) -> Node:
    return scatter_add(nothing(x.shape, x.dtype), index, g, dim=dim, op=op)


def _scatter_source_vjp(
    g: Node, y: Node, x: Node, index: Node, src: Node, dim: int, op: str
) -> Node:
    found = gather(g, index, dim=dim, op=op)
    if index.shape == src.shape:
        return found
    after = tuple(full - used for full, used in zip(src.shape, index.shape, strict=True))
    return pad(found, before=(0,) * len(after), after=after)


def _no_vjp(g: Node, y: Node, *inputs: Node, dim: int, op: str, kind: str) -> Node:
    raise GradientError(f"{op}: a {kind} of scattered elements has no gradient; use reduce='add'")


def _index_select_vjp(g: Node, y: Node, x: Node, index: Node, dim: int, op: str) -> Node:
    return index_add(nothing(x.shape, x.dtype), index, g, dim=dim, op=op)


def _index_source_vjp(g: Node, y: Node, x: Node, index: Node, src: Node, dim: int, op: str) -> Node:
    return index_select(g, index, dim=dim, op=op)


def _pass(g: Node, y: Node, *inputs: Node, **attrs: Any) -> Node:
    return g


# The rows.

_ATTRS = ("dim", "op")

gather = register(
    Primitive("gather", _gather_spec, _gather_reference, plans.GATHER, (_gather_vjp, None), _ATTRS)
)
scatter_add = register(
    Primitive(
        "scatter_add",
        _scatter_add_spec,
        _scatter_add_reference,
        plans.SCATTER_ADD,
        (_pass, None, _scatter_source_vjp),
        _ATTRS,
    )
)
# Elements that meet in one place, and what was there, are joined by another fold: prod or max.
scatter_fold = register(
    Primitive(
        "scatter_fold",
        _scatter_fold_spec,
        _scatter_fold_reference,
        plans.SCATTER_FOLD,
        (_no_vjp, None, _no_vjp),
        (*_ATTRS, "kind"),
    )
)
index_select = register(
    Primitive(
        "index_select",
        _index_select_spec,
        _index_select_reference,
        plans.INDEX_SELECT,
        (_index_select_vjp, None),
        _ATTRS,
    )
)
index_add = register(
    Primitive(
        "index_add",
        _index_add_spec,
        _index_add_reference,
        plans.INDEX_ADD,
        (_pass, None, _index_source_vjp),
        _ATTRS,
    )
)
