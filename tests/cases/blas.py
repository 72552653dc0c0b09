"""Cases of products beyond `a @ b`.   User side: functional/products.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_cl as tg
from cases.core import NUMBERS, Case, Draw, Sample, flipped, permuted, raises
from cases.matmul import NO_KERNEL, PRODUCTS
from tinygrad_cl.errors import DTypeError, ShapeError

A = np.ones((3, 4))
B = np.ones((2, 3, 4))


def added(product: Callable[..., Any]) -> Callable[..., Any]:
    """`beta * c + alpha * product(a, b)`, where beta 0 leaves out what c holds."""

    def meaning(c: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
        result = alpha * product(a, b)
        return np.asarray(result if beta == 0 else beta * c + result).astype(np.result_type(a))

    return meaning


def samples(out: tuple[int, ...], *shapes: tuple[int, ...]) -> Callable[[Draw], Iterator[Sample]]:
    def drawn(d: Draw) -> Iterator[Sample]:
        for first in (out, out[-1:], ()):
            yield Sample(d.normal(*first), *(d.normal(*s) for s in shapes))
        factors = (permuted(d.normal(*shapes[0])), flipped(d.normal(*shapes[1])))
        yield Sample(d.normal(*out), *factors, beta=2, alpha=3)
        if d.is_float:
            unknown = np.full(out, np.nan, d.dtype)
            yield Sample(unknown, *(d.normal(*s) for s in shapes), beta=0, grad=False)
            yield Sample(d.normal(*out), *factors, beta=0.5, alpha=-1.5)

    return drawn


def tensordot_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3, 4), n(3, 4, 5))
    yield Sample(n(2, 3), n(3, 4), 1)
    yield Sample(n(2), n(3), 0)
    yield Sample(n(2, 3, 4), n(4, 5, 2), ([0, 2], [2, 0]))
    yield Sample(permuted(n(2, 3, 4)), n(5, 3), ([1], [-1]))
    yield Sample(n(2, 3), n(2, 3), 2)
    yield Sample(n(2, 0), n(0, 3), 1, grad=False)


def kron_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3), n(3, 2))
    yield Sample(n(3), n(2, 2))
    yield Sample(n(2, 1, 2), permuted(n(2, 3)))
    yield Sample(n(), n(3))
    yield Sample(n(0, 2), n(2, 2), grad=False)


def inner_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(5), n(5))
    yield Sample(n(2, 5), n(3, 5))
    yield Sample(n(2, 3, 5), permuted(n(5, 5)))
    yield Sample(n(), n(2, 3))
    yield Sample(n(4), n())


def cross_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(3), n(3))
    yield Sample(n(4, 3), n(4, 3), 1)
    yield Sample(n(3, 4), n(3, 4), -2)
    yield Sample(n(2, 1, 3), permuted(n(3, 3)), -1)
    yield Sample(n(0, 3), n(0, 3), grad=False)


def cross_oracle(a: np.ndarray, b: np.ndarray, dim: int = -1) -> np.ndarray:
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = (np.moveaxis(np.broadcast_to(x, shape), dim, 0) for x in (a, b))
    parts = [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
    return np.array(np.moveaxis(np.stack(parts), 0, dim))


def same(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, *rest: np.asarray(function(a, *rest)).astype(np.result_type(a))


CASES = [
    Case(
        "addmv",
        tg.addmv,
        added(np.matmul),
        samples((3,), (3, 4), (4,)),
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "addmv: needs tensors of 2 and 1 dims", np.ones(3), A, A),
            raises(ShapeError, "inner sizes differ", np.ones(3), A, np.ones(3)),
            raises(ShapeError, "addmv: input (2, 3) does not", np.ones((2, 3)), A, np.ones(4)),
        ),
    ),
    Case(
        "addr",
        tg.addr,
        added(np.outer),
        samples((3, 4), (3,), (4,)),
        dtypes=NUMBERS,
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "addr: needs tensors of 1 and 1 dims", A, A, np.ones(4)),
            raises(
                DTypeError,
                "addr: alpha must be an integer",
                np.ones((2, 2), np.int64),
                np.ones(2, np.int64),
                np.ones(2, np.int64),
                alpha=0.5,
            ),
        ),
    ),
    Case(
        "baddbmm",
        tg.baddbmm,
        added(np.matmul),
        samples((2, 3, 5), (2, 3, 4), (2, 4, 5)),
        tolerances=PRODUCTS,
        errors=(
            raises(ShapeError, "baddbmm: batch sizes differ", A, B, np.ones((3, 4, 5))),
            raises(ShapeError, "baddbmm: inner sizes differ", A, B, B),
        ),
    ),
    Case(
        "addbmm",
        tg.addbmm,
        added(lambda a, b: (a @ b).sum(0)),
        samples((3, 5), (2, 3, 4), (2, 4, 5)),
        tolerances=PRODUCTS | {"float16": (4e-3, 1e-2)},
        errors=(raises(ShapeError, "addbmm: needs tensors of 3 and 3 dims", A, A, A),),
    ),
    Case(
        "inner",
        tg.inner,
        same(np.inner),
        inner_samples,
        dtypes=NUMBERS,
        tolerances=PRODUCTS,
        host=NO_KERNEL,
        errors=(raises(ShapeError, "inner: the last sizes differ", A, np.ones(3)),),
    ),
    Case(
        "vdot",
        tg.vdot,
        same(np.vdot),
        lambda d: [Sample(d.normal(17), d.normal(17))],
        tolerances=PRODUCTS,
    ),
    Case(
        "tensordot",
        tg.tensordot,
        lambda a, b, dims=2: np.asarray(np.tensordot(a, b, dims)),
        tensordot_samples,
        dtypes=NUMBERS,
        tolerances=PRODUCTS,
        host=NO_KERNEL,
        errors=(
            raises(ShapeError, "tensordot: dims (1,) of (3, 4)", A, A, 1),
            raises(ShapeError, "have no 3 dims in common", A, A, 3),
            raises(ShapeError, "differ in length", A, A, ([0, 1], [0])),
            raises(ShapeError, "name a dim twice", A, A, ([0, 0], [0, 1])),
        ),
    ),
    Case("kron", tg.kron, np.kron, kron_samples, dtypes=NUMBERS, tolerances=PRODUCTS),
    Case(
        "cross",
        tg.cross,
        cross_oracle,
        cross_samples,
        dtypes=NUMBERS,
        tolerances=PRODUCTS | {"float16": (4e-3, 4e-3)},
        errors=(
            raises(ShapeError, "cross: no dim has 3 elements", np.ones((2, 4)), np.ones((2, 4))),
            raises(ShapeError, "cross: dim 1 must have 3 elements", A, A, 1),
        ),
    ),
]
