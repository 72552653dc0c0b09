"""Matrix product.   Device side: ops/matmul.cl.   User side: functional/matmul.py.   Plans: plans_matmul.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.graph import PRIMITIVES, Node, Primitive, TensorSpec, register
from tinygrad_cl.lowering import Template
from tinygrad_cl.primitives.plans_matmul import accepts_operand, plan_matmul

Array = NDArray[np.generic]


def _spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    if a.dtype is not b.dtype or a.dtype.kind == "b":
        raise DTypeError(
            f"matmul: needs two inputs of one numeric dtype, got {a.dtype.name} and {b.dtype.name}; "
            "cast one of them with .to(...)"
        )
    left, right = a.shape, b.shape
    if len(left) < 2 or len(left) != len(right) or left[:-2] != right[:-2]:
        raise ShapeError(
            f"matmul: needs (..., M, K) @ (..., K, N) with equal batch sizes, got {left} @ {right}; "
            "expand the batch dims first"
        )
    if left[-1] != right[-2]:
        hint = "; did you mean a @ b.T?" if left[-1] == right[-1] else ""
        raise ShapeError(f"matmul: inner sizes differ, {left} @ {right}{hint}")
    return TensorSpec((*left[:-1], right[-1]), a.dtype)


def _reference(a: Array, b: Array) -> Array:
    # float16 accumulates in float32, as the kernels do.
    wide = np.promote_types(a.dtype, np.float32) if a.dtype == np.float16 else a.dtype
    with np.errstate(all="ignore"):
        product = np.matmul(a.astype(wide, copy=False), b.astype(wide, copy=False))
        return product.astype(a.dtype, copy=False)


def transposed(x: Node) -> Node:
    """Returns `x` with its last two dims swapped: a change of layout, which the kernel reads through."""
    return PRIMITIVES["permute"](x, dims=_swapped(x.ndim))


def _swapped(ndim: int) -> tuple[int, ...]:
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def _right_vjp(g: Node, y: Node, a: Node, b: Node) -> Node:
    # Where b is a transposed view (x @ W.T), its cotangent is made in the order of what it views, not copied into it.
    if b.primitive.name == "permute" and b.signature.kwargs["dims"] == _swapped(b.ndim):
        return transposed(matmul(transposed(g), a))
    return matmul(transposed(a), g)


matmul = register(
    Primitive(
        "matmul",
        _spec,
        _reference,
        Template(plan_matmul, accepts_operand),
        vjps=(
            lambda g, y, a, b: matmul(g, transposed(b)),
            _right_vjp,
        ),
    )
)
