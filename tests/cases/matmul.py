"""Cases of matrix products.   Primitives and user side: */matmul.py, functional/einsum.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from cases.core import INTS, NUMBERS, Case, Draw, Sample, flipped, permuted, raises, sliced
from tinygrad_cl.errors import ShapeError

# Sums of up to 130 products in float32.
PRODUCTS = {"float32": (1e-5, 2e-5), "float16": (2e-3, 2e-3), "float64": (1e-11, 1e-12)}
NO_KERNEL = dict.fromkeys(INTS, "integer matmul has no kernel")


def matmul_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(3, 4), n(4, 5))
    yield Sample(n(1, 1), n(1, 1))
    yield Sample(n(17, 33), n(33, 19), grad=False)
    yield Sample(permuted(n(3, 4)), n(4, 5))
    yield Sample(n(3, 4), permuted(n(4, 5)))
    yield Sample(permuted(n(6, 4)), permuted(n(4, 7)))
    yield Sample(sliced(n(3, 4)), flipped(n(4, 5)))
    yield Sample(n(4), n(4, 5))
    yield Sample(n(3, 4), n(4))
    yield Sample(n(4), n(4))
    yield Sample(n(2, 3, 4), n(2, 4, 5))
    yield Sample(n(2, 3, 4), n(4, 5))
    yield Sample(n(3, 4), n(2, 4, 5))
    yield Sample(n(2, 1, 3, 4), n(5, 4, 2))
    yield Sample(permuted(n(2, 3, 4)), n(2, 4, 5))
    yield Sample(n(4), n(2, 4, 5), grad=False)
    yield Sample(n(0, 4), n(4, 5), grad=False)
    yield Sample(n(3, 0), n(0, 5), grad=False)
    yield Sample(n(0, 3, 4), n(4, 5), grad=False)
    if d.is_float:
        yield Sample(n(65, 130), n(130, 70), grad=False)
        yield Sample(permuted(n(1, 130)), permuted(n(130, 1)), grad=False)


def linear_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(3, 4), n(5, 4), n(5))
    yield Sample(n(3, 4), n(5, 4))
    yield Sample(n(4), n(5, 4), n(5))
    yield Sample(n(2, 3, 4), n(17, 4), n(17))
    yield Sample(permuted(n(3, 4)), permuted(n(5, 4)), n(5))
    yield Sample(n(0, 4), n(5, 4), n(5), grad=False)


def linear_oracle(x: Any, w: Any, b: Any = None) -> Any:
    return x @ w.T if b is None else x @ w.T + b


def einsum_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample("ij,jk->ik", n(3, 4), n(4, 5))
    yield Sample("bij,bjk", n(2, 3, 4), n(2, 4, 5))
    yield Sample("ij->ji", n(3, 4))
    yield Sample("ii->i", n(4, 4))
    yield Sample("ij->", n(3, 4))
    yield Sample("i,j->ij", n(3), n(4))
    yield Sample("bhqd,bhkd->bhqk", n(2, 2, 3, 4), n(2, 2, 5, 4))
    yield Sample("ij,jk,kl->il", n(2, 3), n(3, 4), n(4, 2))
    yield Sample("...ij,...j->...i", n(2, 3, 4), n(2, 4))


def by_numpy(function: Any) -> Any:
    return lambda a, b: np.asarray(function(a, b)).astype(np.result_type(a))


A = np.ones((3, 4))

CASES = [
    Case(
        "matmul",
        tg.matmul,
        by_numpy(np.matmul),
        matmul_samples,
        dtypes=NUMBERS,
        tolerances=PRODUCTS,
        host=NO_KERNEL,
        errors=(
            raises(ShapeError, "matmul: inner sizes differ, (3, 4) @ (3, 4)", A, A),
            raises(ShapeError, "inner sizes differ", np.ones(3), np.ones(4)),
            raises(ShapeError, "at least one dim", np.ones(()), A),
            raises(ShapeError, "do not broadcast", np.ones((2, 3, 4)), np.ones((3, 4, 5))),
        ),
    ),
    Case(
        "mm",
        tg.mm,
        by_numpy(np.matmul),
        lambda d: [Sample(d.normal(3, 4), d.normal(4, 5))],
        tolerances=PRODUCTS,
        errors=(raises(ShapeError, "mm: needs 2 and 2 dims", A, np.ones(4)),),
    ),
    Case(
        "bmm",
        tg.bmm,
        by_numpy(np.matmul),
        lambda d: [Sample(d.normal(2, 3, 4), d.normal(2, 4, 5))],
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "batch sizes differ", np.ones((2, 3, 4)), np.ones((3, 4, 5))),
            raises(ShapeError, "bmm: needs 3 and 3 dims", A, A),
        ),
    ),
    Case(
        "mv",
        tg.mv,
        by_numpy(np.matmul),
        lambda d: [Sample(d.normal(3, 4), d.normal(4))],
        tolerances=PRODUCTS,
        errors=(raises(ShapeError, "inner sizes differ", A, np.ones(3)),),
    ),
    Case(
        "dot",
        tg.dot,
        by_numpy(np.dot),
        lambda d: [Sample(d.normal(17), d.normal(17))],
        tolerances=PRODUCTS,
        errors=(raises(ShapeError, "dot: needs 1 and 1 dims", A, A),),
    ),
    Case(
        "outer",
        tg.outer,
        np.outer,
        lambda d: [Sample(d.normal(3), d.normal(17))],
        dtypes=NUMBERS,
        errors=(raises(ShapeError, "outer: needs two vectors", A, np.ones(2)),),
    ),
    Case(
        "linear",
        F.linear,
        linear_oracle,
        linear_samples,
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "linear: needs input (..., K)", A, np.ones((5, 3))),
            raises(ShapeError, "linear: needs bias (5,)", A, np.ones((5, 4)), np.ones(4)),
        ),
    ),
    Case(
        "addmm",
        tg.addmm,
        lambda c, a, b, beta=1, alpha=1: beta * c + alpha * (a @ b),
        lambda d: [
            Sample(d.normal(5), d.normal(3, 4), d.normal(4, 5)),
            Sample(d.normal(3, 5), d.normal(3, 4), d.normal(4, 5), beta=2, alpha=0.5),
        ],
        tolerances=PRODUCTS,
    ),
    Case(
        "einsum",
        tg.einsum,
        np.einsum,
        einsum_samples,
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "einsum", "ij,jk->ik", A, A),
            raises(ShapeError, "einsum", "ijk->i", A),
        ),
    ),
]
