"""Cases of linear algebra.   Primitives and user side: */linalg.py.

LAPACK computes in the dtype that it is given; float32 is compared with float64 within some hundred
roundings. Matrices for which there is no answer stand in tests/test_linalg.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_cl as tg
from cases.blas import cross_oracle
from cases.core import FLOATS, WIDE_FLOATS, Case, Draw, Sample, flipped, permuted, raises
from cases.matmul import PRODUCTS
from cases.movement import primitive
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

LAPACK = {"float32": (1e-4, 2e-5), "float64": (1e-10, 1e-12)}
HOST = dict.fromkeys(WIDE_FLOATS, "dense factorizations run on the host")
A = np.ones((3, 4))
H = np.ones((2, 2), np.float16)


def row(name: str, function: Any, meaning: Any, samples: Any, *errors: Any, **options: Any) -> Case:
    """A factorization: float32 and float64, on the host."""
    given = {"dtypes": WIDE_FLOATS, "tolerances": LAPACK, "host": HOST} | options
    return Case(name, function, meaning, samples, errors=errors, **given)


def regular(d: Draw, *shape: int) -> np.ndarray:
    """Matrices far from singular."""
    return np.asarray(d.uniform(-1, 1, *shape) + 3 * np.eye(shape[-1], dtype=d.dtype), d.dtype)


def squares(d: Draw) -> Iterator[Sample]:
    yield Sample(regular(d, 3, 3))
    yield Sample(regular(d, 1, 1))
    yield Sample(regular(d, 2, 2, 4, 4))
    yield Sample(permuted(regular(d, 3, 3)))
    yield Sample(flipped(regular(d, 2, 3, 3)))
    yield Sample(np.zeros((0, 0), d.dtype), grad=False)
    yield Sample(np.zeros((0, 2, 2), d.dtype), grad=False)


def determinants(d: Draw) -> Iterator[Sample]:
    yield from squares(d)
    yield Sample(d.normal(2, 3, 3))
    yield Sample(np.zeros((3, 3), d.dtype))
    low = d.normal(4, 2) @ d.normal(2, 4)
    yield Sample(np.asarray(low[:3, :3], d.dtype))  # rank 2 of 3: its cofactors have rank 1
    yield Sample(np.diag(d.array([1, 2, 0])))
    yield Sample(np.eye(3, dtype=d.dtype))


def cofactor_oracle(a: np.ndarray) -> np.ndarray:
    """Determinants of what is left without a row and a column, with alternating signs."""
    n = a.shape[-1]
    out = np.zeros_like(a)
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(a, i, axis=-2), j, axis=-1)
            out[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def cofactor_grad_oracle(g: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Central differences of the cofactors: exact up to rounding for matrices of three rows."""
    out = np.zeros_like(a)
    for place in np.ndindex(*a.shape[-2:]):
        step = np.zeros_like(a)
        step[(..., *place)] = 0.5
        change = cofactor_oracle(a + step) - cofactor_oracle(a - step)
        out[(..., *place)] = (g * change).sum((-2, -1))
    return out


def positive(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`function` of `a @ a.T + I`, so that its gradient is asked for along symmetric matrices."""

    def symmetric(a: Any) -> Any:
        product = a @ a.swapaxes(-1, -2)
        one = np.eye(a.shape[-1], dtype=a.dtype) if isinstance(a, np.ndarray) else None
        if one is None:
            one = tg.eye(a.shape[-1], dtype=a.dtype, device=a.device)
        return function(product + one, **options)

    return symmetric


def symmetric_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 3))
    yield Sample(permuted(d.normal(4, 4)))
    yield Sample(d.normal(2, 2, 2))
    yield Sample(d.normal(1, 1))
    yield Sample(np.zeros((0, 0), d.dtype), grad=False)


def solve_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(regular(d, 3, 3), n(3, 2))
    yield Sample(regular(d, 3, 3), n(3))
    yield Sample(permuted(regular(d, 3, 3)), permuted(n(3, 2)))
    yield Sample(regular(d, 2, 3, 3), n(2, 3))
    yield Sample(regular(d, 2, 1, 3, 3), n(4, 3, 1))
    yield Sample(regular(d, 3, 3), n(2, 3), left=False)
    yield Sample(np.zeros((0, 0), d.dtype), np.zeros((0, 2), d.dtype), grad=False)


def solve_oracle(a: np.ndarray, b: np.ndarray, left: bool = True) -> np.ndarray:
    if not left:
        return b @ np.linalg.inv(a)
    if b.ndim == 1 or b.shape == a.shape[:-1]:
        return (np.linalg.inv(a) @ b[..., None])[..., 0]
    return np.linalg.inv(a) @ b


def tall(d: Draw) -> Iterator[Sample]:
    """Matrices whose singular values are well apart."""
    yield Sample(d.normal(3, 3))
    yield Sample(d.normal(4, 2))
    yield Sample(permuted(d.normal(4, 3)))
    yield Sample(d.normal(2, 2, 3))


def projected(name: str, side: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Singular vectors weighted and squared to projectors, for their signs are anybody's."""

    def found(a: Any) -> Any:
        vectors = primitive(name)(a)
        weights = tg.arange(1, vectors.shape[-1] + 1, device=a.device).to(a.dtype)
        return (vectors * weights) @ vectors.mT

    def meaning(a: np.ndarray) -> np.ndarray:
        vectors = np.linalg.svd(a, full_matrices=False)[side]
        vectors = vectors.swapaxes(-1, -2) if side == 2 else vectors
        return (vectors * np.arange(1, vectors.shape[-1] + 1)) @ vectors.swapaxes(-1, -2)

    return found, meaning


def powers(d: Draw) -> Iterator[Sample]:
    for n in (0, 1, 2, 3, 5, -1, -2):
        yield Sample(regular(d, 3, 3), n, grad=n != 0)
    yield Sample(permuted(regular(d, 3, 3)), 4)
    yield Sample(regular(d, 2, 2, 2), 3)


def chains(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample([n(2, 3), n(3, 4)])
    yield Sample([n(5, 2), n(2, 6), n(6, 3), permuted(n(3, 4))])
    yield Sample([n(3), n(3, 4), n(4)])
    yield Sample([n(3), n(3, 4)])
    yield Sample([n(2, 3), n(3)])


def vector_norms(d: Draw) -> Iterator[Sample]:
    for order in (2, 1, 3, 0.5, math.inf, -math.inf, 0):
        yield Sample(d.away(3, 4), order, 1)
    yield Sample(d.away(2, 3, 2), 2)
    yield Sample(d.away(2, 3, 2), 3, (0, 2), True)
    yield Sample(permuted(d.away(3, 4)), 1)
    yield Sample(d.away(), 2)
    yield Sample(np.zeros((0, 3), d.dtype), 2, 0, grad=False)


def vector_norm_oracle(x: Any, order: float = 2, dim: Any = None, keepdim: bool = False) -> Any:
    size, axis = np.abs(x), tuple(dim) if isinstance(dim, list | tuple) else dim
    if math.isinf(order):
        return (np.max if order > 0 else np.min)(size, axis=axis, keepdims=keepdim)
    if order == 0:
        return (x != 0).sum(axis=axis, keepdims=keepdim).astype(x.dtype)
    return (size**order).sum(axis=axis, keepdims=keepdim) ** (1 / order)


def matrix_norms(d: Draw) -> Iterator[Sample]:
    for order in ("fro", 1, -1, math.inf, -math.inf):
        yield Sample(d.away(3, 4), order)
        yield Sample(d.away(2, 3, 4), order, (2, 0), True)


def spectral_norms(d: Draw) -> Iterator[Sample]:
    for order in ("nuc", 2, -2):
        yield Sample(d.normal(3, 3), order)
        yield Sample(d.normal(2, 3, 4), order, (2, 0), True)
        yield Sample(permuted(d.normal(2, 4)), order)


def matrix_norm_oracle(
    a: Any, order: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False
) -> Any:
    turned = np.moveaxis(a, dim, (-2, -1))
    norms = np.asarray(np.linalg.norm(turned, order, axis=(-2, -1)))
    if not keepdim:
        return norms
    return norms.reshape(
        [1 if i in [d % a.ndim for d in dim] else s for i, s in enumerate(a.shape)]
    )


def norms(d: Draw) -> Iterator[Sample]:
    yield Sample(d.away(2, 3, 2))
    yield Sample(d.away(2, 3), 1)
    yield Sample(d.away(4), 3)
    yield Sample(d.away(2, 3), 1, 1)
    yield Sample(d.away(2, 3), None, (0, 1), True)


def norm_oracle(x: Any, order: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if order is None and dim is None:
        return np.asarray(np.sqrt((x * x).sum(keepdims=keepdim)))
    return np.asarray(np.linalg.norm(x, order, dim, keepdim))


def vecdots(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(5), n(5))
    yield Sample(n(2, 5), n(3, 1, 5))
    yield Sample(permuted(n(5, 2)), n(5, 2), dim=0)


LEFT, RIGHT = projected("left_vectors", 0), projected("right_vectors", 2)
CASES = [
    row(
        "linalg.cholesky",
        positive(tg.linalg.cholesky),
        positive(np.linalg.cholesky),
        symmetric_samples,
        covers=("cholesky",),
    ),
    row(
        "linalg.cholesky_upper",
        positive(tg.linalg.cholesky, upper=True),
        positive(lambda a: np.linalg.cholesky(a).swapaxes(-1, -2)),
        symmetric_samples,
    ),
    row(
        "linalg.inv",
        tg.linalg.inv,
        np.linalg.inv,
        squares,
        raises(ShapeError, "linalg.inv: needs square matrices", A),
        raises(DTypeError, "linalg.inv: needs float32 or float64, got float16", H),
        raises(DTypeError, "needs float32 or float64, got int64", np.ones((2, 2), np.int64)),
    ),
    row(
        "linalg.det",
        tg.linalg.det,
        np.linalg.det,
        determinants,
        raises(ShapeError, "linalg.det: needs square matrices", np.ones(3)),
    ),
    row(
        "cofactor_primitive",
        primitive("cofactor"),
        cofactor_oracle,
        lambda d: [Sample(regular(d, 3, 3)), Sample(d.normal(2, 2, 2)), Sample(d.normal(1, 1))],
    ),
    row(
        "cofactor_grad_primitive",
        primitive("cofactor_grad"),
        cofactor_grad_oracle,
        lambda d: [
            Sample(d.normal(3, 3), regular(d, 3, 3)),
            Sample(
                d.normal(2, 3, 3), np.asarray(np.stack([np.ones((3, 3))] * 2), d.dtype), grad=False
            ),
        ],
    ),
    row(
        "linalg.solve",
        tg.linalg.solve,
        solve_oracle,
        solve_samples,
        raises(ShapeError, "linalg.solve: needs square matrices", A, A),
        raises(ShapeError, "linalg.solve: sizes differ", np.eye(3), np.ones((2, 2))),
        raises(ShapeError, "B must be matrices", np.eye(3), np.ones(3), left=False),
        raises(DTypeError, "got float64, float32", np.eye(2), np.ones((2, 1), np.float32)),
    ),
    row(
        "singular_values_primitive",
        primitive("singular_values"),
        lambda a: np.linalg.svd(a, compute_uv=False),
        tall,
    ),
    row("left_vectors_primitive", *LEFT, tall),
    row("right_vectors_primitive", *RIGHT, tall),
    row(
        "linalg.matrix_power",
        tg.linalg.matrix_power,
        np.linalg.matrix_power,
        powers,
        raises(ShapeError, "linalg.matrix_power: needs square matrices", A, 2),
    ),
    Case(
        "linalg.multi_dot",
        tg.linalg.multi_dot,
        np.linalg.multi_dot,
        chains,
        tolerances=PRODUCTS | {"float16": (1e-2, 5e-2)},
        errors=(
            raises(ShapeError, "linalg.multi_dot: needs at least two", [A]),
            raises(ShapeError, "(3, 4) and (3, 4) do not multiply", [A, A]),
        ),
    ),
    Case(
        "linalg.cross",
        tg.linalg.cross,
        cross_oracle,
        lambda d: [
            Sample(d.normal(4, 3), d.normal(4, 3)),
            Sample(d.normal(1, 3), d.normal(4, 3)),
            Sample(permuted(d.normal(3, 4)), d.normal(3, 4), dim=0),
        ],
        tolerances=PRODUCTS | {"float16": (4e-3, 4e-3)},
        errors=(raises(ShapeError, "linalg.cross: dim -1 must have 3", A, A),),
    ),
    Case(
        "linalg.vecdot",
        tg.linalg.vecdot,
        lambda x, y, dim=-1: (x * y).sum(dim),
        vecdots,
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "linalg.vecdot: needs at least one dim", np.ones(()), np.ones(())),
        ),
    ),
    Case(
        "linalg.diagonal",
        tg.linalg.diagonal,
        lambda a, offset=0, dim1=-2, dim2=-1: np.array(np.diagonal(a, offset, dim1, dim2)),
        lambda d: [Sample(d.normal(2, 3, 4)), Sample(d.normal(2, 3, 4), offset=1, dim1=0, dim2=1)],
        dtypes=FLOATS,
    ),
    Case(
        "linalg.vector_norm",
        tg.linalg.vector_norm,
        vector_norm_oracle,
        vector_norms,
        tolerances={"float32": (2e-5, 1e-6), "float16": (6e-3, 1e-3)},
        errors=(raises(ShapeError, "has no norm of infinite order", np.ones((0, 2)), math.inf, 0),),
    ),
    Case(
        "linalg.matrix_norm",
        tg.linalg.matrix_norm,
        matrix_norm_oracle,
        matrix_norms,
        tolerances={"float32": (2e-5, 1e-6), "float16": (6e-3, 1e-3)},
        errors=(
            raises(ArgumentError, "linalg.matrix_norm: ord must be", A, 3),
            raises(ShapeError, "linalg.matrix_norm: needs two dims", A, "fro", (0,)),
            raises(ShapeError, "needs at least two dims", np.ones(3)),
            raises(ShapeError, "an empty matrix has no norm", np.ones((0, 0)), 2),
        ),
    ),
    row("linalg.matrix_norm_spectral", tg.linalg.matrix_norm, matrix_norm_oracle, spectral_norms),
    Case(
        "linalg.norm",
        tg.linalg.norm,
        norm_oracle,
        norms,
        tolerances={"float32": (2e-5, 1e-6), "float16": (6e-3, 1e-3)},
        errors=(raises(ShapeError, "linalg.norm: ord 1 needs one or two", np.ones((2, 2, 2)), 1),),
    ),
]
