"""Cases of scans.   Primitives: primitives/scan.py.   User side: functional/scan.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_cl as tg
from cases.core import ANY, EXACT, FLOATS, Case, Draw, Sample, flipped, permuted, raises, tie
from cases.movement import primitive
from cases.reduce import to_int64
from tinygrad_cl.errors import ShapeError

INF, NAN = float("inf"), float("nan")
X = np.arange(6.0).reshape(2, 3)


def lines(
    draw: Callable[..., np.ndarray], specials: bool = True, layouts: bool = True
) -> Callable[[Draw], Iterator[Sample]]:
    """Lines along the first, a middle and the last dim, in different layouts."""

    def samples(d: Draw) -> Iterator[Sample]:
        def x(*shape: int) -> np.ndarray:
            return draw(d, *shape)

        yield Sample(x(), 0, grad=False)
        yield Sample(x(7), 0)
        yield Sample(x(3, 17), 1)
        yield Sample(x(4, 18), 0)
        yield Sample(x(2, 5, 3), -2)
        yield Sample(x(1, 1), 1)
        yield Sample(x(0, 3), 0, grad=False)
        yield Sample(x(3, 0), 0, grad=False)
        if layouts:
            yield Sample(permuted(x(5, 4)), 0)
            yield Sample(flipped(x(4, 5)), 1)
        if specials and d.is_float:
            yield Sample(d.array([1, INF, 2, -INF, NAN, 3]), 0, grad=False)
            yield Sample(d.array([-INF, -INF, 0.0, -0.0, 1, NAN]), 0, grad=False)

    return samples


def running(function: Any) -> Callable[..., np.ndarray]:
    """An oracle that applies a NumPy ufunc along the dim, as int64 or float64."""

    def run(x: np.ndarray, dim: int, dtype: str | None = None) -> np.ndarray:
        wide = x if x.dtype.kind == "f" else x.astype(np.int64)
        wide = wide if dtype is None else wide.astype(dtype)
        if x.ndim == 0:
            return wide
        return np.asarray(function.accumulate(wide, axis=dim, dtype=wide.dtype))

    return run


def extremes(over: Any) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """An oracle that looks at every beginning of every line."""

    def one(line: np.ndarray) -> np.ndarray:
        places = []
        for k in range(len(line)):
            seen = line[: k + 1]
            nans = np.flatnonzero(seen != seen)
            best = over(seen) if not len(nans) else None
            places.append(nans[-1] if best is None else np.flatnonzero(seen == best)[-1])
        return np.array(places, np.int64)

    def run(x: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        if x.size == 0 or x.ndim == 0:
            return x, np.zeros(x.shape, np.int64)
        places = np.apply_along_axis(one, dim, x)
        return np.take_along_axis(x, places, dim), places

    return run


def recurrence(a: np.ndarray, b: np.ndarray, dim: int, reverse: bool) -> np.ndarray:
    """One element after another: the last result times `a`, plus `b`."""
    out = np.array(b)
    factors, terms = np.moveaxis(a, dim, 0), np.moveaxis(out, dim, 0)
    order = range(len(terms))[:: -1 if reverse else 1]
    for before, k in pairwise(order):
        terms[k] += factors[k] * terms[before]
    return out


def with_zeros(d: Draw, *shape: int) -> np.ndarray:
    """Factors around 1, some of them 0: products neither overflow nor vanish."""
    x = d.uniform(-1.5, 1.5, *shape) if d.is_float else d.uniform(-2, 2, *shape)
    return np.asarray(np.where(d.rng.random(shape) < 0.2, 0, x).astype(d.dtype))


def few(d: Draw, *shape: int) -> np.ndarray:
    """Few different values: many ties."""
    return np.asarray(d.uniform(0, 4, *shape).round().astype(d.dtype))


CASES = [
    Case(
        "cumsum",
        tg.cumsum,
        running(np.add),
        lines(Draw.normal),
        dtypes=ANY,
        result=to_int64,
        tolerances={"float32": (2e-6, 4e-6), "float16": (2e-3, 4e-3)},
        errors=(
            raises(ShapeError, "cumsum: dim 2 is out of range", X, 2),
            raises(ShapeError, "cumsum: needs a dim", X),
        ),
    ),
    Case(
        "cumsum_dtype",
        tg.cumsum,
        running(np.add),
        lambda d: [Sample(d.normal(3, 9).round(), 1, dtype="int32")],
        dtypes=("float32", "int64", "bool"),
        result="int32",
        gradient=False,
    ),
    Case(
        "cumprod",
        tg.cumprod,
        running(np.multiply),
        lines(with_zeros),
        dtypes=ANY,
        result=to_int64,
        tolerances={"float16": (2e-3, 2e-3)},
        ties=(
            tie(np.array([2.0, 0.0, 3.0, 4.0]), 0, gradients=([1, 2 + 6 + 24, 0, 0],)),
            tie(np.array([2.0, 0.0, 3.0, 0.0]), 0, gradients=([1, 2 + 6, 0, 0],)),
        ),
        errors=(raises(ShapeError, "cumprod: dim -3 is out of range", X, -3),),
    ),
    Case(
        "linear_scan",
        primitive("linear_scan"),
        recurrence,
        lambda d: [
            Sample(d.normal(7), d.normal(7), dim=0, reverse=False),
            Sample(d.normal(3, 17), permuted(d.normal(3, 17)), dim=1, reverse=True),
            Sample(with_zeros(d, 4, 18), d.normal(4, 18), dim=0, reverse=False),
            Sample(d.array([INF, 0, 2]), d.array([1, 2, 3]), dim=0, reverse=False, grad=False),
        ],
        tolerances={"float32": (4e-6, 4e-6), "float16": (2e-3, 4e-3)},
    ),
    Case(
        "logcumsumexp",
        tg.logcumsumexp,
        lambda x, dim: x if x.ndim == 0 else np.logaddexp.accumulate(x, axis=dim),
        lambda d: [
            *lines(Draw.normal)(d),
            Sample(d.array([-1000.0, 0.0, 5000.0, 4999.0, 5000.0]), 0),
            Sample(d.array([-INF, -INF, 0.0]), 0, grad=False),
        ],
        dtypes=FLOATS,
        tolerances={"float32": (4e-6, 4e-6), "float16": (2e-3, 2e-3)},
        errors=(raises(ShapeError, "logcumsumexp: dim 2 is out of range", X, 2),),
    ),
    Case(
        "cummax",
        tg.cummax,
        extremes(np.max),
        lines(Draw.distinct),
        dtypes=FLOATS,
        tolerances=EXACT,
        ties=(
            tie(np.array([1.0, 3.0, 3.0, 2.0]), 0, gradients=([1, 1, 2, 0],)),
            tie(np.array([1.0, NAN, 3.0]), 0, gradients=([1, 2, 0],)),
        ),
        errors=(raises(ShapeError, "cummax: dim 2 is out of range", X, 2),),
    ),
    Case(
        "cummin",
        tg.cummin,
        extremes(np.min),
        lines(Draw.distinct),
        dtypes=FLOATS,
        tolerances=EXACT,
        ties=(tie(np.array([3.0, 1.0, 1.0, 2.0]), 0, gradients=([1, 1, 2, 0],)),),
        errors=(raises(ShapeError, "cummin: dim 2 is out of range", X, 2),),
    ),
    *(
        Case(
            f"{name}_ties",
            getattr(tg, name),
            extremes(over),
            lines(few),
            dtypes=ANY,
            tolerances=EXACT,
            gradient=False,
        )
        for name, over in (("cummax", np.max), ("cummin", np.min))
    ),
    Case(
        "cumsum_",
        lambda x, dim: (x * 1).cumsum_(dim),
        running(np.add),
        lines(Draw.normal, specials=False),
        dtypes=(*FLOATS, "int64"),
        tolerances={"float32": (2e-6, 4e-6), "float16": (2e-3, 4e-3)},
    ),
    Case(
        "cumprod_",
        lambda x, dim: (x * 1).cumprod_(dim),
        running(np.multiply),
        lines(with_zeros, specials=False),
        dtypes=(*FLOATS, "int64"),
        tolerances={"float16": (2e-3, 2e-3)},
    ),
]
