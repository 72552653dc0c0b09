"""Products beyond `a @ b`: added to something, over named dims, of Kronecker.   See matmul.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import Scalar
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.functional.matmul import dot, product
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import Shape, broadcast, normalize_dim, numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

# --- a product, added to something


def _factors(op: str, dims: tuple[int, int], a: Tensor, b: Tensor) -> tuple[Node, Node]:
    x, y = base.operands(op, a, b)
    if (x.ndim, y.ndim) != dims:
        raise ShapeError(
            f"{op}: needs tensors of {dims[0]} and {dims[1]} dims, got {x.shape} and {y.shape}"
        )
    return x, y


def added(op: str, input: object, result: Node, beta: Scalar, alpha: Scalar) -> Tensor:
    """Returns `beta * input + alpha * result`; with beta 0 the input counts for nothing, NaN too.

    Raises:
        ShapeError: if the input does not broadcast to the result's shape.
        DTypeError: if integers shall be multiplied by a float.
    """
    x = base.operand(op, input, result)
    for name, number in (("alpha", alpha), ("beta", beta)):
        if isinstance(number, float) and not result.dtype.is_floating_point:
            raise DTypeError(f"{op}: {name} must be an integer for {result.dtype.name} tensors")
    if broadcast(op, x.shape, result.shape) != result.shape:
        raise ShapeError(f"{op}: input {x.shape} does not broadcast to {result.shape}")
    scaled = result if alpha == 1 else result * alpha
    if beta == 0:
        return wrap(scaled)
    x = base.cast(x, result.dtype)
    return wrap(p.add(x if beta == 1 else x * beta, scaled))


def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1
) -> Tensor:
    """Returns `beta * input + alpha * (mat @ vec)`.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addmv(tg.ones(2), tg.ones(2, 3), tg.ones(3))
        tensor([4., 4.])
    """
    a, b = _factors("addmv", (2, 1), mat, vec)
    column = product(a, m.reshape(b, shape=(*b.shape, 1)))
    return added("addmv", input, m.reshape(column, shape=column.shape[:1]), beta, alpha)


def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1
) -> Tensor:
    """Returns `beta * input + alpha * outer(vec1, vec2)`.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addr(tg.zeros(2, 2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    a, b = _factors("addr", (1, 1), vec1, vec2)
    return added("addr", input, p.mul(m.reshape(a, shape=(*a.shape, 1)), b), beta, alpha)


def _batches(op: str, batch1: Tensor, batch2: Tensor) -> tuple[Node, Node]:
    a, b = _factors(op, (3, 3), batch1, batch2)
    if a.shape[0] != b.shape[0]:
        raise ShapeError(f"{op}: batch sizes differ, {a.shape} and {b.shape}")
    if a.shape[2] != b.shape[1]:
        raise ShapeError(f"{op}: inner sizes differ, {a.shape} @ {b.shape}")
    return a, b


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1
) -> Tensor:
    """Returns `beta * input + alpha * bmm(batch1, batch2)`.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.baddbmm(tg.zeros(1, 2, 2), tg.ones(1, 2, 3), tg.ones(1, 3, 2)).shape
        (1, 2, 2)
    """
    a, b = _batches("baddbmm", batch1, batch2)
    return added("baddbmm", input, product(a, b), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Scalar = 1, alpha: Scalar = 1
) -> Tensor:
    """Returns `beta * input + alpha * bmm(batch1, batch2).sum(0)`.

    Raises:
        ShapeError: if the sizes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.addbmm(tg.zeros(1, 1), tg.ones(5, 1, 3), tg.ones(5, 3, 1))
        tensor([[15.]])
    """
    a, b = _batches("addbmm", batch1, batch2)
    count, rows, inner = a.shape
    # The batch becomes a part of the inner dim: one product, which sums over both.
    left = m.reshape(m.permute(a, dims=(1, 0, 2)), shape=(rows, count * inner))
    right = m.reshape(b, shape=(count * inner, b.shape[2]))
    return added("addbmm", input, product(left, right), beta, alpha)


# --- products over dims


def contracted(a: Node, b: Node, of_a: Shape, of_b: Shape) -> Node:
    """Returns the sum over pairs of dims: the free dims of `a`, then those of `b`."""
    free_a = tuple(d for d in range(a.ndim) if d not in of_a)
    free_b = tuple(d for d in range(b.ndim) if d not in of_b)
    shape = (*(a.shape[d] for d in free_a), *(b.shape[d] for d in free_b))
    inner = numel(a.shape[d] for d in of_a)
    left = m.reshape(
        m.permute(a, dims=(*free_a, *of_a)), shape=(numel(a.shape[d] for d in free_a), inner)
    )
    right = m.reshape(
        m.permute(b, dims=(*of_b, *free_b)), shape=(inner, numel(b.shape[d] for d in free_b))
    )
    return m.reshape(product(left, right), shape=shape)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Returns the products summed over the last dims; with a number, the plain product.

    Shapes: (..., K) and (*, K) -> (..., *).

    Raises:
        ShapeError: if the last sizes differ.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.inner(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    a, b = base.operands("inner", input, other)
    if a.ndim == 0 or b.ndim == 0:
        return wrap(p.mul(a, b))
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"inner: the last sizes differ, {a.shape} and {b.shape}")
    return wrap(contracted(a, b, (a.ndim - 1,), (b.ndim - 1,)))


def tensordot(
    a: Tensor, b: Tensor, dims: int | Sequence[int] | Sequence[Sequence[int]] = 2
) -> Tensor:
    """Returns the products summed over several dims.

    Args:
        a: any tensor.
        b: any tensor.
        dims: how many last dims of `a` meet as many first dims of `b`, or a list of dims of each.

    Raises:
        ShapeError: if the dims do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.tensordot(tg.ones(2, 3, 4), tg.ones(3, 4, 5)).shape
        (2, 5)
    """
    x, y = base.operands("tensordot", a, b)
    if isinstance(dims, int):
        if not 0 <= dims <= min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot: {x.shape} and {y.shape} have no {dims} dims in common")
        pairs = [(x.ndim - dims + i, i) for i in range(dims)]
    else:
        first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
        if len(first) != len(second):
            raise ShapeError(f"tensordot: {first} and {second} differ in length")
        pairs = [
            (normalize_dim("tensordot", d, x.ndim), normalize_dim("tensordot", e, y.ndim))
            for d, e in zip(first, second, strict=True)
        ]
    of_x, of_y = tuple(d for d, _ in pairs), tuple(e for _, e in pairs)
    if len(set(of_x)) < len(of_x) or len(set(of_y)) < len(of_y):
        raise ShapeError(f"tensordot: dims {of_x} and {of_y} name a dim twice")
    sizes = tuple(x.shape[d] for d in of_x), tuple(y.shape[e] for e in of_y)
    if sizes[0] != sizes[1]:
        raise ShapeError(f"tensordot: dims {of_x} of {x.shape} and {of_y} of {y.shape} differ")
    return wrap(contracted(x, y, of_x, of_y))


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Returns the inner product of two vectors; for real numbers, that of `dot`.

    Raises:
        ShapeError: if they are no vectors of one length.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.vdot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return dot(input, other)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Returns the Kronecker product: `input` with each element replaced by it times `other`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.kron(tg.tensor([[1, 2]]), tg.tensor([[1], [3]]))
        tensor([[1, 2],
                [3, 6]])
    """
    a, b = base.operands("kron", input, other)
    ndim = max(a.ndim, b.ndim)
    x, y = (1,) * (ndim - a.ndim) + a.shape, (1,) * (ndim - b.ndim) + b.shape
    left = m.reshape(a, shape=tuple(s for size in x for s in (size, 1)))
    right = m.reshape(b, shape=tuple(s for size in y for s in (1, size)))
    merged = tuple(s * t for s, t in zip(x, y, strict=True))
    return wrap(m.reshape(p.mul(left, right), shape=merged))


# --- cross products


def cross_node(op: str, a: Node, b: Node, dim: int) -> Node:
    """Returns the cross products of vectors of three elements along a dim."""
    shape = broadcast(op, a.shape, b.shape)
    at = normalize_dim(op, dim, len(shape))
    if not shape or shape[at] != 3:
        raise ShapeError(f"{op}: dim {dim} must have 3 elements, got {a.shape} and {b.shape}")
    x, y = _thirds(base.expand(a, shape), at), _thirds(base.expand(b, shape), at)
    parts = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return m.cat(*parts, dim=at)


def _thirds(x: Node, dim: int) -> list[Node]:
    shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    starts = [tuple(i if d == dim else 0 for d in range(x.ndim)) for i in range(3)]
    return [m.slice(x, starts=start, steps=(1,) * x.ndim, shape=shape) for start in starts]


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Returns the cross products of vectors of three elements along a dim.

    Args:
        input: vectors, which broadcast with `other`.
        other: vectors.
        dim: the dim of size 3; the first one by default.

    Raises:
        ShapeError: if there is no dim of size 3.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.cross(tg.tensor([1, 0, 0]), tg.tensor([0, 1, 0]))
        tensor([0, 0, 1])
    """
    a, b = base.operands("cross", input, other)
    if dim is None:
        shape = broadcast("cross", a.shape, b.shape)
        if 3 not in shape:
            raise ShapeError(f"cross: no dim has 3 elements, got {a.shape} and {b.shape}")
        dim = shape.index(3)
    return wrap(cross_node("cross", a, b, dim))


def vecdot_node(op: str, a: Node, b: Node, dim: int) -> Node:
    """Returns the inner products of vectors along a dim, other dims broadcast."""
    shape = broadcast(op, a.shape, b.shape)
    if not shape:
        raise ShapeError(f"{op}: needs at least one dim, got {a.shape} and {b.shape}")
    at = normalize_dim(op, dim, len(shape))
    return total(base.expand(a, shape) * base.expand(b, shape), (at,), False)
