"""Linear algebra, `tinygrad_cl.linalg`.   Primitives: primitives/linalg.py.

The last two dims are matrices, those in front are batches. Factorizations need float32 or float64
and are computed on the host; a matrix for which there is no answer is a `LinAlgError` when the
result is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tinygrad_cl import dtypes
from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional import base, creation
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.diagonal import diagonal_node, two_dims
from tinygrad_cl.functional.matmul import product
from tinygrad_cl.functional.norm import norm_node
from tinygrad_cl.functional.products import cross_node, vecdot_node
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import linalg as primitive
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives.matmul import transposed
from tinygrad_cl.shapes import Shape, broadcast

if TYPE_CHECKING:
    from tinygrad_cl.functional.base import Dims
    from tinygrad_cl.tensor import Tensor

# --- factorizations


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Returns the lower triangle L with `L @ L.mT == A`, or `L.mT` if `upper`.

    Only the lower (or upper) triangle of `A` is read; its gradient is symmetric.

    Raises:
        ShapeError: if the matrices are not square.
        DTypeError: if they are not float32 or float64.
        LinAlgError: when computed, if one is not positive definite.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    a = unwrap("linalg.cholesky", A)
    if upper and a.ndim > 1:
        return wrap(transposed(primitive.cholesky(transposed(a))))
    return wrap(primitive.cholesky(a))


def inv(A: Tensor) -> Tensor:
    """Returns the inverse matrices; `solve` is faster and more exact where it serves.

    Raises:
        ShapeError: if the matrices are not square.
        DTypeError: if they are not float32 or float64.
        LinAlgError: when computed, if one is singular.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return wrap(primitive.inv(unwrap("linalg.inv", A)))


def det(A: Tensor) -> Tensor:
    """Returns the determinants; singular matrices have their gradient too.

    Raises:
        ShapeError: if the matrices are not square.
        DTypeError: if they are not float32 or float64.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.det(tg.tensor([[2.0, 1.0], [0.0, 4.0]]))
        tensor(8.)
    """
    return wrap(primitive.det(unwrap("linalg.det", A)))


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Returns X with `A @ X == B`, or `X @ A == B` if not `left`; batch dims broadcast.

    `B` is a vector, or a batch of them, if it has one dim or the shape of `A` without its last.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if they are not both float32, or both float64.
        LinAlgError: when computed, if a matrix is singular.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 2.0]))
        tensor([1.0000, 0.5000])
    """
    a, b = unwrap("linalg.solve", A), unwrap("linalg.solve", B)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"linalg.solve: needs square matrices (..., N, N), got {a.shape}")
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    if b.ndim == 0 or (vector and not left):
        raise ShapeError(f"linalg.solve: B must be matrices, got {b.shape}")
    given = m.reshape(b, shape=(*b.shape, 1)) if vector else b
    if not left:
        a, given = transposed(a), transposed(given)
    if a.shape[-1] != given.shape[-2]:
        raise ShapeError(f"linalg.solve: sizes differ, A {A.node.shape} and B {B.node.shape}")
    batch = broadcast("linalg.solve", a.shape[:-2], given.shape[:-2])
    a = base.expand(a, batch + a.shape[-2:])
    found = primitive.solve(a, base.expand(given, batch + given.shape[-2:]))
    if not left:
        found = transposed(found)
    return wrap(m.reshape(found, shape=found.shape[:-1]) if vector else found)


# --- products


def matrix_power(A: Tensor, n: int) -> Tensor:
    """Returns `A @ A @ ... @ A`, n times, by squaring; of the inverse if n is negative.

    Raises:
        ShapeError: if the matrices are not square.
        LinAlgError: when computed, if n is negative and a matrix is singular.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.matrix_power(tg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
        tensor([[1., 5.],
                [0., 1.]])
    """
    a = unwrap("linalg.matrix_power", A)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: needs square matrices (..., N, N), got {a.shape}")
    if n == 0:
        one = creation.eye(a.shape[-1], dtype=a.dtype, device=base.device_of(a)).node
        return wrap(m.expand(one, shape=a.shape))
    power = primitive.inv(a) if n < 0 else a
    result: Node | None = None
    for bit in reversed(f"{abs(n):b}"):
        if bit == "1":
            result = power if result is None else product(result, power)
        power = product(power, power)
    assert result is not None
    return wrap(p.alias(a) if result is a else result)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the product of several matrices, in the order that needs the fewest multiplications.

    The first and the last may be vectors, a row and a column; their dims are left out.

    Raises:
        ShapeError: if there are fewer than two, or the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.multi_dot([tg.ones(2, 3), tg.ones(3, 4), tg.ones(4)])
        tensor([12., 12.])
    """
    op = "linalg.multi_dot"
    nodes = [unwrap(op, x) for x in tensors]
    if len(nodes) < 2:
        raise ShapeError(f"{op}: needs at least two tensors, got {len(nodes)}")
    row, column = nodes[0].ndim == 1, nodes[-1].ndim == 1
    if row:
        nodes[0] = m.reshape(nodes[0], shape=(1, *nodes[0].shape))
    if column:
        nodes[-1] = m.reshape(nodes[-1], shape=(*nodes[-1].shape, 1))
    for left, right in pairwise(nodes):
        if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
            raise ShapeError(f"{op}: {left.shape} and {right.shape} do not multiply")
    sizes = (nodes[0].shape[0], *(node.shape[1] for node in nodes))
    result = _multiplied(nodes, _best_cuts(sizes), 0, len(nodes) - 1)
    shape = (() if row else result.shape[:1]) + (() if column else result.shape[1:])
    return wrap(base.reshape(result, shape))


def _best_cuts(sizes: Shape) -> dict[tuple[int, int], int]:
    """Returns where each run of matrices is best cut in two (Cormen et al., section 14.2)."""
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [
                (costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            costs[i, j], cuts[i, j] = min(options)
    return cuts


def _multiplied(nodes: list[Node], cuts: dict[tuple[int, int], int], i: int, j: int) -> Node:
    if i == j:
        return nodes[i]
    cut = cuts[i, j]
    return product(_multiplied(nodes, cuts, i, cut), _multiplied(nodes, cuts, cut + 1, j))


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Returns the cross products of vectors of three elements along a dim.

    Raises:
        ShapeError: if the dim has not 3 elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.cross(tg.tensor([1, 0, 0]), tg.tensor([0, 1, 0]))
        tensor([0, 0, 1])
    """
    a, b = base.operands("linalg.cross", input, other)
    if a.ndim != b.ndim:
        raise ShapeError(f"linalg.cross: needs equally many dims, got {a.shape} and {b.shape}")
    return wrap(cross_node("linalg.cross", a, b, dim))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Returns the inner products of vectors along a dim; other dims broadcast.

    Raises:
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.vecdot(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    a, b = base.operands("linalg.vecdot", x, y)
    return wrap(vecdot_node("linalg.vecdot", a, b, dim))


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Returns the diagonals of matrices as the last dim; it costs no copy.

    Raises:
        ShapeError: if there are not two such dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.diagonal(tg.ones(5, 2, 3)).shape
        (5, 2)
    """
    a = unwrap("linalg.diagonal", A)
    return wrap(diagonal_node("linalg.diagonal", a, offset, dim1, dim2))


# --- norms


def _measured(op: str, x: Tensor, dtype: DType | str | None) -> Node:
    node = unwrap(op, x)
    if not node.dtype.is_floating_point:
        node = base.floating(node) if dtype is None else node
    return node if dtype is None else base.cast(node, dtypes.dtype(dtype))


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
) -> Tensor:
    """Returns `sum(|x|**ord)**(1/ord)` over dims, by default of all elements.

    Args:
        x: any tensor; integers count as float32.
        ord: inf and -inf give the largest and the smallest |x|, 0 counts what is not zero.
        dim: the dims to reduce; all of them by default.
        keepdim: keep them with size 1.
        dtype: computed in it.

    Raises:
        ShapeError: for an infinite order of an empty tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.vector_norm(tg.tensor([[3.0, 4.0]]))
        tensor(5.)
    """
    node = _measured("linalg.vector_norm", x, dtype)
    dims = base.listed_dims("linalg.vector_norm", dim, None, node.ndim)
    result = norm_node(node, float(ord), dims, keepdim)
    return wrap(p.alias(result) if result is node else result)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
) -> Tensor:
    """Returns a norm of matrices.

    Args:
        A: matrices in two dims.
        ord: "fro", the root of the sum of squares; "nuc", the sum of singular values; 2 and -2, the
            largest and the smallest of them; 1 and -1, the largest and the smallest sum of |A| over
            a column; inf and -inf, over a row.
        dim: the dims of rows and columns.
        keepdim: keep them with size 1.
        dtype: computed in it.

    Raises:
        ShapeError: if there are not two such dims.
        ArgumentError: for another `ord`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.matrix_norm(tg.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
        tensor(7.)
    """
    op = "linalg.matrix_norm"
    node = _measured(op, A, dtype)
    if len(tuple(dim)) != 2:
        raise ShapeError(f"{op}: needs two dims, got {tuple(dim)}")
    rows, columns = two_dims(op, dim[0], dim[1], node.ndim)
    if ord == "fro":
        return wrap(norm_node(node, 2.0, tuple(sorted((rows, columns))), keepdim))
    if ord in ("nuc", 2, -2):
        result = _spectral(node, ord, rows, columns)
    elif ord in (1, -1, math.inf, -math.inf):
        across, along = (rows, columns) if abs(float(ord)) == 1 else (columns, rows)
        sums = total(p.abs(node), (across,), True)
        _check_extreme(op, sums, along)
        result = (r.max if float(ord) > 0 else r.min)(sums, dim=(along,), keepdim=True)
    else:
        raise ArgumentError(f'{op}: ord must be "fro", "nuc", 1, -1, 2, -2, inf or -inf, not {ord}')
    wide = tuple(1 if d in (rows, columns) else s for d, s in enumerate(node.shape))
    short = tuple(s for d, s in enumerate(node.shape) if d not in (rows, columns))
    return wrap(base.reshape(result, wide if keepdim else short))


def _check_extreme(op: str, x: Node, dim: int) -> None:
    if x.shape[dim] == 0:
        raise ShapeError(f"{op}: an empty matrix has no norm of this order")


def _spectral(node: Node, ord: float | str, rows: int, columns: int) -> Node:
    rest = tuple(d for d in range(node.ndim) if d not in (rows, columns))
    values = primitive.singular_values(m.permute(node, dims=(*rest, rows, columns)))
    last = values.ndim - 1
    if ord == "nuc":
        return total(values, (last,), True)
    _check_extreme("linalg.matrix_norm", values, last)
    return (r.max if ord == 2 else r.min)(values, dim=(last,), keepdim=True)


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DType | str | None = None,
) -> Tensor:
    """Returns a vector norm or a matrix norm.

    Args:
        A: any tensor.
        ord: without it, the root of the sum of squares over all dims given.
        dim: one dim for `vector_norm`, two for `matrix_norm`; by default those of `A`, of which
            there must be one or two if `ord` is given.
        keepdim: keep them with size 1.
        dtype: computed in it.

    Raises:
        ShapeError: if the number of dims fits neither.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.linalg.norm(tg.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
        tensor(4.)
    """
    node = unwrap("linalg.norm", A)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    listed = (dim,) if isinstance(dim, int) else tuple(range(node.ndim) if dim is None else dim)
    if len(listed) == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, listed, keepdim, dtype=dtype)
    if len(listed) != 2:
        raise ShapeError(f"linalg.norm: ord {ord!r} needs one or two dims, got {listed}")
    return matrix_norm(A, ord, listed, keepdim, dtype=dtype)


__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "inv",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "solve",
    "vecdot",
    "vector_norm",
]
