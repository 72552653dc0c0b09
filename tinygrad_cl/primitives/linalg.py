"""Dense factorizations: cholesky, inverse, solve, determinant, singular values.

Device side: none, LAPACK on the host does them well.   User side: functional/linalg.py.

The last two dims are matrices, those in front are batches. Gradients are written with these rows
and matrix products, so they have gradients themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cl.dtypes import DType
from tinygrad_cl.errors import DTypeError, LinAlgError, ShapeError
from tinygrad_cl.graph import Node, Primitive, TensorSpec, register
from tinygrad_cl.lowering import Host
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import reduce as r
from tinygrad_cl.primitives.matmul import matmul, transposed

HOST = Host("dense factorizations run on the host, with LAPACK")

# ---- spec rules


def _dtype(op: str, *inputs: TensorSpec) -> DType:
    dtype = inputs[0].dtype
    if any(x.dtype is not dtype for x in inputs) or dtype.name not in ("float32", "float64"):
        found = ", ".join(x.dtype.name for x in inputs)
        raise DTypeError(f"{op}: needs float32 or float64, got {found}; cast with .to(...)")
    return dtype


def _square(op: str, a: TensorSpec) -> TensorSpec:
    dtype = _dtype(op, a)
    if len(a.shape) < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{op}: needs square matrices (..., N, N), got {a.shape}")
    return TensorSpec(a.shape, dtype)


def _solve_spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    dtype = _dtype("linalg.solve", a, b)
    _square("linalg.solve", a)
    if a.shape[:-1] != b.shape[:-1]:
        raise ShapeError(
            f"linalg.solve: needs (..., N, N) and (..., N, K), got {a.shape} and {b.shape}"
        )
    return TensorSpec(b.shape, dtype)


def _matrix(a: TensorSpec) -> TensorSpec:
    dtype = _dtype("linalg.matrix_norm", a)
    if len(a.shape) < 2:
        raise ShapeError(f"linalg.matrix_norm: needs matrices (..., M, N), got {a.shape}")
    return TensorSpec(a.shape, dtype)


def _with_last(a: TensorSpec, *last: int) -> TensorSpec:
    return TensorSpec((*_matrix(a).shape[:-2], *last), a.dtype)


# ---- references


def _or_error(
    op: str, problem: str, compute: Callable[..., Any]
) -> Callable[..., np.ndarray[Any, Any]]:
    """A reference that names the matrix for which LAPACK found no answer."""

    def run(*arrays: Any) -> np.ndarray[Any, Any]:
        try:
            return np.asarray(compute(*arrays)).astype(arrays[0].dtype, copy=False)
        except np.linalg.LinAlgError:
            batch = arrays[0].shape[:-2]
            bad = next((i for i in np.ndindex(*batch) if _fails(compute, arrays, i)), None)
            where = f" (matrix {', '.join(map(str, bad))} of the batch)" if bad else ""
            raise LinAlgError(f"{op}: {problem}{where}") from None

    return run


def _fails(compute: Callable[..., Any], arrays: tuple[Any, ...], place: tuple[int, ...]) -> bool:
    try:
        compute(*(array[place] for array in arrays))
    except np.linalg.LinAlgError:
        return True
    return False


def _finite(a: Any) -> tuple[Any, Any]:
    """Matrices in float64, and which of them hold only finite numbers; others become zero."""
    good = np.isfinite(a).all(axis=(-2, -1), keepdims=True)
    return np.where(good, a, 0).astype(np.float64), good


def _np_det(a: Any) -> Any:
    found = np.asarray(np.linalg.det(a), a.dtype)
    # LAPACK takes some NaN for a pivot of zero.
    return np.where((found == 0) & ~np.isfinite(a).all(axis=(-2, -1)), a.dtype.type(np.nan), found)


def _others(s: Any) -> Any:
    """The products of all entries of vectors but the i-th."""
    one = np.ones_like(s[..., :1])
    before = np.concatenate([one, s[..., :-1]], -1).cumprod(-1)
    after = np.concatenate([s[..., 1:], one], -1)[..., ::-1].cumprod(-1)[..., ::-1]
    return (before * after)[..., : s.shape[-1]]


def _np_cofactor(a: Any) -> Any:
    whole, good = _finite(a)
    u, s, vt = np.linalg.svd(whole)
    sign = (np.linalg.det(u) * np.linalg.det(vt))[..., None, None]
    return np.where(good, sign * (u * _others(s)[..., None, :]) @ vt, np.nan).astype(a.dtype)


def _np_cofactor_grad(g: Any, a: Any) -> Any:
    """In the basis of singular vectors: minors of two rows, plus on, minus off the diagonal."""
    whole, good = _finite(a)
    u, s, vt = np.linalg.svd(whole)
    sign = (np.linalg.det(u) * np.linalg.det(vt))[..., None, None]
    turned = u.swapaxes(-1, -2) @ g.astype(np.float64) @ vt.swapaxes(-1, -2)
    on = np.eye(s.shape[-1], dtype=bool)
    minors, off = _others(np.where(on, 1, s[..., None, :])), ~on
    diagonal = np.where(off, minors * turned.diagonal(0, -2, -1)[..., None, :], 0).sum(-1)
    h = np.where(on, diagonal[..., None], -minors * turned.swapaxes(-1, -2))
    return np.where(good, sign * u @ h @ vt, np.nan).astype(a.dtype)


def _svd(part: int) -> Callable[[Any], Any]:
    def run(a: Any) -> Any:
        whole, good = _finite(a)
        found = np.linalg.svd(whole, full_matrices=False)[part]
        found = found.swapaxes(-1, -2) if part == 2 else found
        return np.where(good[..., 0] if part == 1 else good, found, np.nan).astype(a.dtype)

    return run


# ---- gradients


def _triangle(x: Node) -> Node:
    """Returns the lower triangles of matrices, their diagonals halved."""
    rows, columns = m.iota(shape=(x.shape[-2], 1)), m.iota(shape=(x.shape[-1],))
    lower = p.where(p.lt(columns, rows), x, m.zeros(x))
    return p.where(p.eq(columns, rows), x * 0.5, lower)


def _cholesky_vjp(g: Node, y: Node, a: Node) -> Node:
    # Murray (2016), "Differentiation of the Cholesky decomposition", section 4.1.
    upper = transposed(y)
    left = solve(upper, _triangle(matmul(upper, g)))
    both = solve(upper, transposed(left))
    return (both + transposed(both)) * 0.5


def _solve_vjp(g: Node, y: Node, a: Node, b: Node) -> Node:
    return -matmul(solve(transposed(a), g), transposed(y))


def _inv_vjp(g: Node, y: Node, a: Node) -> Node:
    turned = transposed(y)
    return -matmul(turned, matmul(g, turned))


def _per_matrix(x: Node) -> Node:
    """Returns one number per matrix so that it broadcasts with the matrices."""
    return m.reshape(x, shape=(*x.shape, 1, 1))


def _inner(a: Node, b: Node) -> Node:
    return r.sum(a * b, dim=(a.ndim - 2, a.ndim - 1), keepdim=True)


def _curvature_vjp(k: Node, y: Node, g: Node, a: Node) -> Node:
    """The third derivative of the determinant, from `y = (<g, c> c - c g.T c) / det` for c = cof a.

    Only regular matrices have it here.
    """
    c, volume = cofactor(a), _per_matrix(det(a))
    twice = matmul(k, matmul(transposed(c), g)) + matmul(g, matmul(transposed(c), k))
    outward = (g * _inner(k, c) + k * _inner(g, c) - twice) / volume
    return cofactor_grad(outward, a) - _inner(k, y) / volume * c


def _values_vjp(g: Node, y: Node, a: Node) -> Node:
    scaled = left_vectors(a) * m.reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    return matmul(scaled, transposed(right_vectors(a)))


def _gaps(s: Node) -> Node:
    """Returns `1 / (s_j**2 - s_i**2)` off the diagonal, and 0 on it."""
    n = s.shape[-1]
    row, column = m.reshape(s, shape=(*s.shape[:-1], 1, n)), m.reshape(s, shape=(*s.shape, 1))
    own = p.eq(m.iota(shape=(n, 1)), m.iota(shape=(n,)))
    gap = (row - column) * (row + column)
    one = m.full(1, gap.shape, gap.dtype)
    return p.where(own, m.zeros(gap), one / p.where(own, one, gap))


def _vectors_cotangent(g: Node, y: Node, s: Node) -> Node:
    # Townsend (2016), "Differentiating the singular value decomposition".
    row = m.reshape(s, shape=(*s.shape[:-1], 1, s.shape[-1]))
    turned = matmul(transposed(y), g)
    inside = matmul(y, _gaps(s) * (turned - transposed(turned)) * row)
    if y.shape[-2] == y.shape[-1]:  # nothing lies outside of what the vectors span
        return inside
    return inside + (g - matmul(y, turned)) / row


def _left_vjp(g: Node, y: Node, a: Node) -> Node:
    inner = _vectors_cotangent(g, y, singular_values(a))
    return matmul(inner, transposed(right_vectors(a)))


def _right_vjp(g: Node, y: Node, a: Node) -> Node:
    inner = _vectors_cotangent(g, y, singular_values(a))
    return matmul(left_vectors(a), transposed(inner))


# ---- the rows

cholesky = register(
    Primitive(
        "cholesky",
        lambda a: _square("linalg.cholesky", a),
        _or_error(
            "linalg.cholesky",
            "the matrix is not positive definite; add a small multiple of the identity",
            np.linalg.cholesky,
        ),
        HOST,
        (_cholesky_vjp,),
    )
)
solve: Primitive = register(
    Primitive(
        "solve",
        _solve_spec,
        _or_error(
            "linalg.solve",
            "the matrix is singular; add a small multiple of the identity",
            np.linalg.solve,
        ),
        HOST,
        (_solve_vjp, lambda g, y, a, b: solve(transposed(a), g)),
    )
)
inv: Primitive = register(
    Primitive(
        "inv",
        lambda a: _square("linalg.inv", a),
        _or_error(
            "linalg.inv",
            "the matrix is singular; add a small multiple of the identity",
            np.linalg.inv,
        ),
        HOST,
        (_inv_vjp,),
    )
)
det: Primitive = register(
    Primitive(
        "det",
        lambda a: TensorSpec(_square("linalg.det", a).shape[:-2], a.dtype),
        _np_det,
        HOST,
        (lambda g, y, a: _per_matrix(g) * cofactor(a),),
    )
)
cofactor: Primitive = register(
    Primitive(
        "cofactor",
        lambda a: _square("linalg.det", a),
        _np_cofactor,
        HOST,
        (lambda g, y, a: cofactor_grad(g, a),),
    )
)
cofactor_grad: Primitive = register(
    Primitive(
        "cofactor_grad",
        lambda g, a: _square("linalg.det", a),
        _np_cofactor_grad,
        HOST,
        (lambda k, y, g, a: cofactor_grad(k, a), _curvature_vjp),
    )
)
singular_values = register(
    Primitive(
        "singular_values",
        lambda a: _with_last(a, min(_matrix(a).shape[-2:])),
        _svd(1),
        HOST,
        (_values_vjp,),
    )
)
left_vectors: Primitive = register(
    Primitive(
        "left_vectors",
        lambda a: _with_last(a, _matrix(a).shape[-2], min(a.shape[-2:])),
        _svd(0),
        HOST,
        (_left_vjp,),
    )
)
right_vectors: Primitive = register(
    Primitive(
        "right_vectors",
        lambda a: _with_last(a, _matrix(a).shape[-1], min(a.shape[-2:])),
        _svd(2),
        HOST,
        (_right_vjp,),
    )
)
