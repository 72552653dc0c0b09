"""Matrix products and what is made of them.   Primitives: primitives/matmul.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.dtypes import Scalar
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.graph import Node, apply
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import matmul as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import broadcast, numel

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Operand
    from tinygrad_cl.tensor import Tensor

_product = primitive.matmul


def product(a: Node, b: Node) -> Node:
    """Returns `a @ b` of nodes with at least two dims each, batch dims broadcast.

    Raises:
        ShapeError: if the inner sizes differ or the batch dims do not broadcast.
    """
    left, right = a.shape, b.shape
    if left[-1] != right[-2]:
        hint = "; did you mean a @ b.mT?" if left[-1] == right[-1] else ""
        raise ShapeError(f"matmul: inner sizes differ, {left} @ {right}{hint}")
    if len(left) == 2 and len(right) == 2:
        return apply(_product, (a, b))
    if len(right) == 2:  # one matrix for the whole batch: the batch becomes rows
        rows = m.reshape(a, shape=(numel(left[:-1]), left[-1]))
        return m.reshape(apply(_product, (rows, b)), shape=(*left[:-1], right[-1]))
    batch = broadcast("matmul", left[:-2], right[:-2])
    wide_a, wide_b = base.expand(a, batch + left[-2:]), base.expand(b, batch + right[-2:])
    return apply(_product, (wide_a, wide_b))


def matmul(input: Operand, other: Operand) -> Tensor:
    """Returns the matrix product, with vectors and batches as NumPy and PyTorch treat them.

    Shapes: (M, K) @ (K, N) -> (M, N); a vector on the left is a row, on the right a column, and its
    dim is left out of the result; further dims in front are batches and broadcast.

    Raises:
        ShapeError: if the inner sizes differ, or an operand has no dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]) @ tg.tensor([1.0, 1.0])
        tensor([3., 7.])
    """
    a, b = base.operands("matmul", input, other)
    if a.ndim == 2 and b.ndim == 2:
        return wrap(product(a, b))
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(f"matmul: needs at least one dim on each side, got {a.shape} @ {b.shape}")
    if a.ndim == 1 and b.ndim == 1 and a.shape != b.shape:
        raise ShapeError(f"matmul: inner sizes differ, {a.shape} @ {b.shape}")
    left = m.reshape(a, shape=(1, *a.shape)) if a.ndim == 1 else a
    right = m.reshape(b, shape=(*b.shape, 1)) if b.ndim == 1 else b
    result = product(left, right)
    shape = result.shape
    if b.ndim == 1:
        shape = shape[:-1]
    if a.ndim == 1:
        shape = shape[:-2] + shape[-1:] if b.ndim != 1 else shape[:-1]
    return wrap(base.reshape(result, shape))


def _of_dims(op: str, needed: tuple[int, int], a: Operand, b: Operand) -> Tensor:
    x, y = base.operands(op, a, b)
    if (x.ndim, y.ndim) != needed:
        raise ShapeError(
            f"{op}: needs {needed[0]} and {needed[1]} dims, got {x.shape} and {y.shape}; "
            "matmul takes any"
        )
    return matmul(a, b)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Returns the product of two matrices.

    Raises:
        ShapeError: if an operand is no matrix, or the inner sizes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.mm(tg.ones(2, 3), tg.ones(3, 1))
        tensor([[3.],
                [3.]])
    """
    return _of_dims("mm", (2, 2), input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Returns the products of two batches of matrices, (B, M, K) @ (B, K, N).

    Raises:
        ShapeError: if an operand has no three dims, or the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bmm(tg.ones(5, 2, 3), tg.ones(5, 3, 4)).shape
        (5, 2, 4)
    """
    x, y = base.operands("bmm", input, mat2)
    if x.ndim == y.ndim == 3 and x.shape[0] != y.shape[0]:
        raise ShapeError(
            f"bmm: batch sizes differ, {x.shape} and {y.shape}; matmul broadcasts them"
        )
    return _of_dims("bmm", (3, 3), input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Returns the product of a matrix and a vector.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.mv(tg.ones(2, 3), tg.ones(3))
        tensor([3., 3.])
    """
    return _of_dims("mv", (2, 1), input, vec)


def dot(input: Tensor, other: Tensor) -> Tensor:
    """Returns the inner product of two vectors.

    Raises:
        ShapeError: if they are no vectors of one length.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return _of_dims("dot", (1, 1), input, other)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Returns the products of all elements of one vector with all of another, of shape (N, M).

    Raises:
        ShapeError: if an operand is no vector.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.outer(tg.tensor([1, 2]), tg.tensor([3, 4]))
        tensor([[3, 4],
                [6, 8]])
    """
    a, b = base.operands("outer", input, vec2)
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"outer: needs two vectors, got {a.shape} and {b.shape}")
    return wrap(p.mul(m.reshape(a, shape=(*a.shape, 1)), b))


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Returns `input @ weight.T + bias`.

    Shapes: input (..., K), weight (N, K), bias (N) -> (..., N).

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.functional.linear(tg.ones(2, 3), tg.ones(4, 3), tg.ones(4)).shape
        (2, 4)
    """
    x, w = base.operands("linear", input, weight)
    if w.ndim != 2 or x.ndim == 0 or x.shape[-1] != w.shape[1]:
        hint = ""
        if w.ndim == 2 and x.ndim:
            hint = (
                f"; the weight takes {w.shape[1]} features, and the last dim of the input has "
                f"{x.shape[-1]}: nn.Linear({x.shape[-1]}, {w.shape[0]}) would fit"
            )
        raise ShapeError(
            f"linear: needs input (..., K) and weight (N, K), got {x.shape} and {w.shape}{hint}"
        )
    if bias is None:
        return wrap(_linear(x, w))
    b = base.unwrap("linear", bias)
    if b.shape != w.shape[:1]:
        raise ShapeError(f"linear: needs bias ({w.shape[0]},) for weight {w.shape}, got {b.shape}")
    return wrap(_linear(x, w, b))


def _linear_node(x: Node, w: Node, *bias: Node) -> Node:
    rows = x if x.ndim == 2 else m.reshape(x, shape=(numel(x.shape[:-1]), x.shape[-1]))
    result = _product(rows, m.permute(w, dims=(1, 0)))
    for b in bias:
        result = p.add(result, base.cast(b, result.dtype))
    return base.reshape(result, (*x.shape[:-1], w.shape[0]))


_linear = composed("linear", _linear_node)


def addmm(
    input: Operand, mat1: Tensor, mat2: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1
) -> Tensor:
    """Returns `beta * input + alpha * (mat1 @ mat2)`.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addmm(tg.ones(2), tg.ones(2, 3), tg.ones(3, 2))
        tensor([[4., 4.],
                [4., 4.]])
    """
    result = mm(mat1, mat2).node
    if alpha != 1:
        result = result * alpha
    first = base.cast(base.operand("addmm", input, result), result.dtype)
    return wrap(p.add(first * beta if beta != 1 else first, result))
