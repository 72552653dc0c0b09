"""Sorting and searching.   Device side: ops/{sort,topk,search}.cl.   User: functional/sorting.py.

Both give positions; values, and with them gradients, are gathered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.graph import Primitive, TensorSpec, register
from tinygrad_cl.primitives import plans_sort as plans
from tinygrad_cl.primitives.rules import ANY, common_dtype

Array = NDArray[Any]


def _argsort_spec(x: TensorSpec, dim: int, descending: bool) -> TensorSpec:
    common_dtype("argsort", ANY, (x,))
    if not 0 <= dim < len(x.shape):
        raise ShapeError(f"argsort: dim {dim} is out of range for shape {x.shape}")
    return TensorSpec(x.shape, int64)


def _argsort_reference(x: Array, dim: int, descending: bool) -> Array:
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # Backwards, so that equal elements come out in their order once more.
    flipped = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
    return np.ascontiguousarray(x.shape[dim] - 1 - np.flip(flipped, dim))


def _topk_spec(x: TensorSpec, dim: int, descending: bool, count: int) -> TensorSpec:
    _argsort_spec(x, dim, descending)
    if not 0 < count <= x.shape[dim]:
        raise ShapeError(f"topk_index: dim {dim} of {x.shape} has no {count} elements to keep")
    return TensorSpec((*x.shape[:dim], count, *x.shape[dim + 1 :]), int64)


def _topk_reference(x: Array, dim: int, descending: bool, count: int) -> Array:
    order = _argsort_reference(x, dim, descending)
    return np.ascontiguousarray(np.take(order, range(count), axis=dim))


def _searchsorted_spec(sequence: TensorSpec, values: TensorSpec, right: bool) -> TensorSpec:
    common_dtype("searchsorted", ANY, (sequence, values))
    lines, given = sequence.shape, values.shape
    if len(lines) != 2 or len(given) != 2 or lines[0] != given[0]:
        raise ShapeError(f"searchsorted: needs two matrices of equal rows, got {lines}, {given}")
    return TensorSpec(given, int64)


def _searchsorted_reference(sequence: Array, values: Array, right: bool) -> Array:
    """The bisection that the kernel does, for all values at once."""
    low = np.zeros(values.shape, np.int64)
    high = np.full(values.shape, sequence.shape[1], np.int64)
    while (low < high).any():
        open_ = low < high
        middle = low + (high - low) // 2
        found = np.take_along_axis(sequence, np.where(open_, middle, 0), axis=1)
        behind = ~(found > values) if right else ~(found >= values)
        low = np.where(open_ & behind, middle + 1, low)
        high = np.where(open_ & ~behind, middle, high)
    return low


argsort = register(
    Primitive("argsort", _argsort_spec, _argsort_reference, plans.SORT, attrs=("dim", "descending"))
)
# The first `count` positions of `argsort`: cheap where they are few.
topk_index = register(
    Primitive(
        "topk_index",
        _topk_spec,
        _topk_reference,
        plans.TOP,
        attrs=("dim", "descending", "count"),
    )
)
searchsorted = register(
    Primitive(
        "searchsorted", _searchsorted_spec, _searchsorted_reference, plans.SEARCH, attrs=("right",)
    )
)
