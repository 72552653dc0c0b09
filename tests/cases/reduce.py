"""Cases of reductions.   Primitives: primitives/reduce.py.   User side: functional/reduce.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
from cases.core import (
    ANY,
    EXACT,
    NUMBERS,
    Case,
    Draw,
    Sample,
    flipped,
    inner,
    permuted,
    raises,
    sliced,
    tie,
)
from cases.elementwise import to_float
from tinygrad_cl.errors import ShapeError

INF, NAN = float("inf"), float("nan")
SUMS = {"float32": (1e-5, 2e-5), "float16": (2e-3, 2e-3), "float64": (1e-12, 1e-11)}


def to_int64(dtype: str) -> str:
    """The dtype of sums: integers and bools become int64."""
    return dtype if dtype.startswith("float") else "int64"


def many(
    draw: Callable[..., np.ndarray],
    specials: bool = False,
    empty: bool = True,
    big: bool = False,
) -> Callable[[Draw], Iterator[Sample]]:
    """Samples over all, first, last, middle and several dims, in different layouts."""

    def samples(d: Draw) -> Iterator[Sample]:
        def x(*shape: int) -> np.ndarray:
            return draw(d, *shape)

        yield Sample(x())
        yield Sample(x(), dim=0, keepdim=True, grad=False)
        yield Sample(x(1))
        yield Sample(x(3, 17))
        yield Sample(x(3, 17), dim=0)
        yield Sample(x(3, 17), dim=-1, keepdim=True)
        yield Sample(x(2, 3, 4, 5), dim=(1, 3))
        yield Sample(x(2, 3, 4, 5), dim=(0, -2), keepdim=True)
        yield Sample(x(4, 5, 6), dim=1, grad=False)
        yield Sample(x(2, 3), dim=(), grad=False)
        yield Sample(permuted(x(6, 5, 4)), dim=(0, 1))
        yield Sample(sliced(x(5, 9)), dim=1)
        yield Sample(flipped(x(33)), grad=False)
        yield Sample(inner(x(4, 6)), dim=0, grad=False)
        yield Sample(x(3, 0, 2), dim=0, grad=False)
        if empty:
            yield Sample(x(0), grad=False)
            yield Sample(x(3, 0), dim=1, grad=False)
        if big and d.dtype.name in ("float32", "float64"):
            yield Sample(x(67, 129), grad=False)
            yield Sample(x(67, 129), dim=0, grad=False)
            yield Sample(x(5, 1031), dim=1, grad=False)
        if specials and d.is_float:
            yield Sample(d.array([[1.0, NAN, 3.0], [INF, 0.0, -INF]]), dim=1, grad=False)
            yield Sample(d.array([-INF, -INF]), grad=False)

    return samples


def one_dim(
    draw: Callable[..., np.ndarray], whole: bool = True
) -> Callable[[Draw], Iterator[Sample]]:
    """Samples over one dim at a time, with ties and NaN."""

    def samples(d: Draw) -> Iterator[Sample]:
        def x(*shape: int) -> np.ndarray:
            return draw(d, *shape)

        if whole:
            yield Sample(x(3, 17))
            yield Sample(permuted(x(6, 5)), grad=False)
        yield Sample(x(), dim=0)
        yield Sample(x(1), dim=0)
        yield Sample(x(3, 17), dim=0)
        yield Sample(x(3, 17), dim=1, keepdim=True)
        yield Sample(x(2, 3, 5), dim=1)
        yield Sample(permuted(x(6, 5, 4)), dim=-1)
        yield Sample(sliced(x(5, 9)), dim=0)
        yield Sample(flipped(x(2, 33)), dim=1, grad=False)
        yield Sample(x(0, 3), dim=1, grad=False)
        if d.dtype.kind != "b":
            yield Sample(d.array([[3, 1, 3, 0], [2, 2, 2, 2]]), dim=1, grad=False)
        if d.is_float:
            yield Sample(
                d.array([[1.0, NAN, 3.0, NAN], [-INF, -INF, -INF, -INF]]), dim=1, grad=False
            )
            yield Sample(d.array([INF, 1.0, INF]), dim=0, grad=False)

    return samples


def bad_dims(name: str) -> tuple[Any, ...]:
    x = np.ones((2, 3))
    return (
        raises(ShapeError, f"{name}: dim 2 is out of range", x, dim=2),
        raises(ShapeError, "out of range", x, dim=-3),
    )


def twice(name: str) -> tuple[Any, ...]:
    return (*bad_dims(name), raises(ShapeError, "twice", np.ones((2, 3)), dim=(0, -2)))


def around_one(d: Draw, *shape: int) -> np.ndarray:
    return d.uniform(0.6, 1.5, *shape) if d.is_float else d.uniform(1, 2, *shape)


def prod_samples(d: Draw) -> Iterator[Sample]:
    yield from many(around_one, specials=True)(d)
    if d.is_float:
        yield Sample(d.array([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [1.0, 2.0, 3.0]]), dim=1)
        yield Sample(d.array([2.0, 0.0, 3.0]))


def bools(d: Draw, *shape: int) -> np.ndarray:
    """Mostly ones for `all`, mostly zeros for `any`: both answers occur."""
    return (d.rng.random(shape) < 0.3).astype(d.dtype)


EMPTY = (
    raises(ShapeError, "empty", np.ones((0,))),
    raises(ShapeError, "empty", np.ones((3, 0)), dim=1),
)

CASES = [
    Case(
        "sum",
        tg.sum,
        oracle.over(np.sum),
        many(Draw.normal, specials=True, big=True),
        dtypes=ANY,
        result=to_int64,
        tolerances=SUMS,
        errors=twice("sum"),
    ),
    Case(
        "mean",
        tg.mean,
        oracle.over(np.mean),
        lambda d: (s for s in many(Draw.normal, specials=True, empty=False)(d)),
        dtypes=ANY,
        result=to_float,
        tolerances={"float32": (1e-5, 1e-6), "float16": (2e-3, 1e-3)},
        errors=twice("mean"),
    ),
    Case(
        "prod",
        tg.prod,
        oracle.over(np.prod),
        prod_samples,
        dtypes=NUMBERS,
        result=to_int64,
        tolerances={"float32": (3e-5, 1e-6), "float16": (3e-3, 1e-3)},
        errors=twice("prod"),
    ),
    Case(
        "amax",
        tg.amax,
        oracle.over(np.max),
        many(Draw.distinct, specials=True, empty=False, big=True),
        dtypes=NUMBERS,
        tolerances=EXACT,
        ties=(
            tie(
                np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]),
                dim=1,
                gradients=([[0, 0.5, 0.5], [1, 0, 0]],),
            ),
            tie(np.array([1.0, NAN, INF, NAN]), gradients=([0, 0.5, 0, 0.5],)),
        ),
        errors=(*twice("amax"), *EMPTY),
    ),
    Case(
        "amin",
        tg.amin,
        oracle.over(np.min),
        many(Draw.distinct, specials=True, empty=False),
        dtypes=NUMBERS,
        tolerances=EXACT,
        ties=(
            tie(np.array([1.0, 1.0, 3.0, 1.0]), gradients=([1 / 3, 1 / 3, 0, 1 / 3],)),
            tie(np.array([1.0, NAN, -INF]), gradients=([0, 1, 0],)),
        ),
        errors=(*twice("amin"), *EMPTY),
    ),
    Case(
        "max",
        tg.max,
        oracle.extreme(np.max, np.argmax),
        one_dim(Draw.distinct),
        dtypes=ANY,
        tolerances=EXACT,
        ties=(tie(np.array([1.0, 3.0, 3.0]), 0, gradients=([0.0, 1.0, 0.0],)),),
        errors=(*bad_dims("max"), *EMPTY),
    ),
    Case(
        "min",
        tg.min,
        oracle.extreme(np.min, np.argmin),
        one_dim(Draw.distinct),
        dtypes=ANY,
        tolerances=EXACT,
        ties=(tie(np.array([3.0, 1.0, 1.0]), 0, gradients=([0.0, 1.0, 0.0],)),),
        errors=(*bad_dims("min"), *EMPTY),
    ),
    Case(
        "argmax",
        tg.argmax,
        oracle.position(np.argmax),
        one_dim(Draw.normal),
        dtypes=NUMBERS,
        result="int64",
        gradient=False,
        errors=(*bad_dims("argmax"), *EMPTY),
    ),
    Case(
        "argmin",
        tg.argmin,
        oracle.position(np.argmin),
        one_dim(Draw.normal),
        dtypes=NUMBERS,
        result="int64",
        gradient=False,
        errors=(*bad_dims("argmin"), *EMPTY),
    ),
    Case(
        "any",
        tg.any,
        oracle.over(np.any),
        many(bools),
        dtypes=ANY,
        result="bool",
        gradient=False,
        errors=twice("any"),
    ),
    Case(
        "all",
        tg.all,
        oracle.over(np.all),
        many(lambda d, *s: np.asarray(1 - bools(d, *s).astype(np.int64)).astype(d.dtype)),
        dtypes=ANY,
        result="bool",
        gradient=False,
        errors=twice("all"),
    ),
    Case(
        "count_nonzero",
        tg.count_nonzero,
        lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=dim)),
        lambda d: [Sample(bools(d, 3, 17)), Sample(bools(d, 3, 17), dim=1), Sample(bools(d))],
        dtypes=ANY,
        result="int64",
        gradient=False,
    ),
    Case(
        "var",
        tg.var,
        lambda x, dim=None, keepdim=False, correction=1: oracle.over(np.var)(
            x, dim, keepdim, ddof=correction
        ),
        lambda d: [
            Sample(d.normal(3, 17)),
            Sample(d.normal(3, 17), dim=0, correction=0),
            Sample(d.normal(2, 3, 5), dim=(0, 2), keepdim=True),
            Sample(permuted(d.normal(6, 5)), dim=1, correction=2),
            Sample(d.array([1, 1, 1, 1]), grad=False),
        ],
        tolerances={"float32": (1e-5, 1e-6), "float16": (3e-3, 1e-3)},
        errors=bad_dims("var"),
    ),
    Case(
        "std",
        tg.std,
        lambda x, dim=None, keepdim=False, correction=1: oracle.over(np.std)(
            x, dim, keepdim, ddof=correction
        ),
        lambda d: [
            Sample(d.normal(3, 17)),
            Sample(d.normal(3, 17), dim=0, correction=0),
            Sample(d.normal(2, 3, 5), dim=(0, 2), keepdim=True),
        ],
        tolerances={"float32": (1e-5, 1e-6), "float16": (3e-3, 1e-3)},
        ties=(tie(np.ones((2, 3)), dim=1, gradients=([[0.0] * 3] * 2,)),),
        errors=bad_dims("std"),
    ),
]
