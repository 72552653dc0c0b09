"""Matrix product.   Device side: ops/matmul.cl.   User side: functional/matmul.py.

The plans are in plans_matmul.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, Primitive, TensorSpec, register
from tinygrad_cl.lowering import Attrs, Template
from tinygrad_cl.primitives.choices_matmul import choices_matmul
from tinygrad_cl.primitives.plans_matmul import plan_matmul
from tinygrad_cl.primitives.products import accepts_operand
from tinygrad_cl.primitives.rules import widen
from tinygrad_cl.shapes import Shape

Array = NDArray[Any]


def _spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    if a.dtype is not b.dtype or a.dtype.kind == "b":
        raise DTypeError(
            f"matmul: needs two inputs of one numeric dtype, got {a.dtype.name} and "
            f"{b.dtype.name}; cast one of them with .to(...)"
        )
    left, right = a.shape, b.shape
    if len(left) < 2 or len(left) != len(right) or left[:-2] != right[:-2]:
        raise ShapeError(
            f"matmul: needs (..., M, K) @ (..., K, N) with equal batch sizes, got {left} @ "
            f"{right}; expand the batch dims first"
        )
    if left[-1] != right[-2]:
        hint = "; did you mean a @ b.T?" if left[-1] == right[-1] else ""
        raise ShapeError(f"matmul: inner sizes differ, {left} @ {right}{hint}")
    return TensorSpec((*left[:-1], right[-1]), a.dtype)


def _reference(a: Array, b: Array) -> Array:
    with np.errstate(all="ignore"):
        product: Array = np.matmul(widen(a), widen(b))
        return product.astype(a.dtype, copy=False)


def transposed(x: Node) -> Node:
    """Returns `x` with its last two dims swapped: a view, through which the kernel reads."""
    return PRIMITIVES["permute"](x, dims=_swapped(x.ndim))


def _swapped(ndim: int) -> tuple[int, ...]:
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def _right_vjp(g: Node, y: Node, a: Node, b: Node) -> Node:
    # Where b is a transposed view (x @ W.T), its cotangent is made in the order of what it views.
    if b.primitive.name == "permute" and b.signature.kwargs["dims"] == _swapped(b.ndim):
        return transposed(matmul(transposed(g), a))
    return matmul(transposed(a), g)


def _cut(shapes: tuple[Shape, ...], attrs: Attrs) -> tuple[bool, ...]:
    """A matrix product by rows of `a`; with batches, by batches of both."""
    return True, len(shapes[1]) > 2


matmul: Primitive = register(
    Primitive(
        "matmul",
        _spec,
        _reference,
        Template(plan_matmul, accepts_operand, _cut, choices=choices_matmul),
        vjps=(
            lambda g, y, a, b: matmul(g, transposed(b)),
            _right_vjp,
        ),
        peeks=True,
    )
)
