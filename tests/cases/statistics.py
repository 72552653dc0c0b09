"""Cases of statistics and differences.   User side: functional/{statistics,differences}.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle
from scipy import integrate
from scipy.spatial import distance

import tinygrad_cl as tg
from cases.core import ANY, FLOATS, NUMBERS, Case, Const, Draw, Sample, permuted, raises, tie
from cases.elementwise import to_float
from cases.reduce import SUMS, many, one_dim, to_int64
from tinygrad_cl.errors import DTypeError, ShapeError

INF, NAN = float("inf"), float("nan")
Array = np.ndarray

float_like = {"dtypes": (*FLOATS, "int32"), "result": to_float}
loose = {"tolerances": SUMS}
# Compositions are rounded to float16 at every step on "numpy".
rounded = {"float32": (1e-5, 2e-5), "float16": (1e-2, 1e-2), "float64": (1e-12, 1e-11)}


def some_nan(d: Draw, *shape: int) -> Array:
    """Every seventh float is NaN; no dim of the samples is as long."""
    x = d.normal(*shape)
    if d.is_float:
        x.reshape(-1)[3::7] = NAN
    return x


def nanmean(x: Array, axis: Any, keepdims: bool) -> Any:
    count = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    return np.nansum(x, axis=axis, keepdims=keepdims) / count


def moments(x: Array, dim: Any = None, keepdim: bool = False, correction: float = 1) -> list[Any]:
    dims = tuple(dim) or None if isinstance(dim, tuple) else dim
    dims = None if x.ndim == 0 else dims
    wide = x.astype(np.float64)
    return [wide.var(dims, ddof=correction, keepdims=keepdim), wide.mean(dims, keepdims=keepdim)]


def deviations(*args: Any, **kwargs: Any) -> list[Any]:
    variance, mean = moments(*args, **kwargs)
    return [np.sqrt(variance), mean]


def extremes(x: Array, dim: int | None = None, keepdim: bool = False) -> list[Any]:
    dims = None if x.ndim == 0 else dim
    return [x.min(dims, keepdims=keepdim), x.max(dims, keepdims=keepdim)]


def two_moments(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17))
    yield Sample(d.normal(4, 5, 6), dim=1)
    yield Sample(d.normal(4, 5, 6), dim=(0, 2), keepdim=True, correction=0)
    yield Sample(permuted(d.normal(5, 4)), dim=0, correction=2)


def cov(x: Array, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Array:
    return np.asarray(np.cov(x, ddof=correction, fweights=fweights, aweights=aweights))


def covariances(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17))
    yield Sample(d.normal(9))
    yield Sample(d.normal(1, 9), correction=0)
    yield Sample(permuted(d.normal(4, 6)), correction=2)
    counts = d.index(4, 6, low=1)
    yield Sample(d.normal(4, 6), fweights=counts)
    weights = np.linspace(0.5, 2, 6)
    if d.dtype.name in ("float32", "float64"):
        weights = weights.astype(d.dtype)
        yield Sample(d.normal(4, 6), aweights=Const(weights))
        yield Sample(d.normal(4, 6), aweights=Const(weights), fweights=counts, correction=0)


def histc(x: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    x = x[np.isfinite(x)]
    if min == max:
        min, max = (x.min(), x.max()) if x.size else (0, 0)
    if min == max:
        min, max = min - 1, max + 1
    return np.histogram(x, bins, (float(min), float(max)))[0]


def histograms(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17), bins=7, min=-1, max=1.5)
    yield Sample(d.normal(40), 10)
    yield Sample(d.array([1, 1, 1]), bins=4)
    yield Sample(d.array([0, 1, 2, 4, NAN, 5, -1, INF]), bins=4, min=0, max=4)
    yield Sample(d.normal(0), bins=3)
    yield Sample(d.array(0.25), bins=3, min=0, max=1)


def isin(x: Array, among: Array, invert: bool = False) -> Array:
    return np.isin(x, among, invert=invert)


def dist(a: Array, b: Array, p: float = 2) -> Array:
    apart = np.abs(a - b).reshape(-1)
    if p == 0:
        return np.asarray(np.sum(apart != 0), np.float64)
    return np.asarray(np.linalg.norm(apart, p))


METRICS = {1: "cityblock", 2: "euclidean", INF: "chebyshev"}


def cdist(a: Array, b: Array, p: float = 2) -> Array:
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.zeros((*shape, a.shape[-2], b.shape[-2]))
    a, b = (np.broadcast_to(x, (*shape, *x.shape[-2:])) for x in (a, b))
    for at in np.ndindex(*shape):
        if p in METRICS:
            out[at] = distance.cdist(a[at], b[at], METRICS[p])
        else:
            out[at] = distance.cdist(a[at], b[at], "minkowski", p=p)
    return out


def clouds(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 3), d.normal(5, 3))
    yield Sample(d.normal(2, 1, 4, 3), d.normal(3, 5, 3))
    yield Sample(d.normal(0, 3), d.normal(5, 3), grad=False)
    for p in (1.0, 1.5, 3.0, INF):
        yield Sample(d.normal(4, 3), d.normal(5, 3), p=p)


def diff(x: Array, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Array:
    given = {"prepend": prepend, "append": append}
    return np.diff(x, n, dim, **{k: v for k, v in given.items() if v is not None})


def differences(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(7))
    yield Sample(d.normal(3, 5), dim=0)
    yield Sample(permuted(d.normal(3, 5)), n=2)
    yield Sample(d.normal(3, 5), n=0)
    yield Sample(d.normal(3, 1), grad=False)
    yield Sample(d.normal(4), n=6, grad=False)
    yield Sample(d.normal(3, 5), dim=1, prepend=d.normal(3, 1), append=d.normal(3, 2))


def gradient(x: Array, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list[Array]:
    spaces = list(spacing) if isinstance(spacing, tuple | list) else [spacing]
    found = np.gradient(x.astype(np.float64), *spaces, axis=dim, edge_order=edge_order)
    return list(found) if isinstance(found, tuple | list) else [found]


def gradients(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(7))
    yield Sample(d.normal(2))
    yield Sample(d.normal(3, 5), spacing=2)
    yield Sample(d.normal(4, 5), spacing=(0.5, 2), edge_order=2)
    yield Sample(permuted(d.normal(4, 5)), dim=1)
    yield Sample(d.normal(3, 5, 4), dim=(0, 2), spacing=(1, 3))
    if d.dtype.name in ("float32", "float64"):
        places = [Const(d.array(np.cumsum(np.linspace(0.5, 2, n)))) for n in (4, 5)]
        yield Sample(d.normal(4, 5), spacing=tuple(places))
        yield Sample(d.normal(4, 5), spacing=tuple(places), edge_order=2)


def trapezoid(y: Array, x: Any = None, dx: float = 1.0, dim: int = -1) -> Array:
    return np.asarray(np.trapezoid(y, x, dx, dim))


def cumulative(y: Array, x: Any = None, dx: float = 1.0, dim: int = -1) -> Array:
    if y.shape[dim] == 1:
        return np.zeros_like(y).take([], dim)
    return np.asarray(integrate.cumulative_trapezoid(y, x, dx, dim))


def curves(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(7))
    yield Sample(d.normal(3, 5), dx=0.5, dim=0)
    yield Sample(d.normal(3, 5), d.normal(5))
    yield Sample(d.normal(3, 5), d.normal(3, 5))
    yield Sample(permuted(d.normal(4, 3)), d.normal(4), dim=0)
    yield Sample(d.normal(3, 1), grad=False)


no_place = raises(ShapeError, "one per sample", np.ones(3), np.ones(2))
both = raises(ShapeError, "give one of them", np.ones(3), np.ones(3), dx=2)

CASES = [
    Case(
        "nansum",
        tg.nansum,
        oracle.over(np.nansum),
        many(some_nan),
        dtypes=(*NUMBERS, "bool"),
        result=to_int64,
        **loose,
    ),
    Case("nanmean", tg.nanmean, oracle.over(nanmean), many(some_nan), **loose),
    Case("var_mean", tg.var_mean, moments, two_moments, tolerances=rounded),
    Case("std_mean", tg.std_mean, deviations, two_moments, tolerances=rounded),
    Case(
        "aminmax",
        tg.aminmax,
        extremes,
        one_dim(Draw.distinct),
        dtypes=(*NUMBERS, "bool"),
        ties=(tie(np.array([1.0, 1.0, 3.0]), gradients=([0.5, 0.5, 0.0],)),),
        errors=(raises(ShapeError, "empty", np.ones((0,))),),
    ),
    Case(
        "cov",
        tg.cov,
        cov,
        covariances,
        tolerances=rounded,
        errors=(
            raises(ShapeError, "cov: needs a matrix", np.ones((2, 2, 2))),
            raises(ShapeError, "aweights", np.ones((2, 3)), aweights=np.ones(2)),
            raises(DTypeError, "fweights", np.ones((2, 3)), fweights=np.ones(3)),
        ),
    ),
    Case(
        "corrcoef",
        tg.corrcoef,
        np.corrcoef,
        lambda d: [Sample(d.normal(3, 17)), Sample(d.normal(9)), Sample(permuted(d.normal(9, 2)))],
        check={"atol": 1e-6},
        tolerances=rounded,
        errors=(raises(ShapeError, "corrcoef: needs a matrix", np.ones((2, 2, 2))),),
    ),
    Case(
        "histc",
        tg.histc,
        histc,
        histograms,
        dtypes=("float32", "float64"),
        gradient=False,
        errors=(
            raises(ShapeError, "bins", np.ones(3), 0),
            raises(ShapeError, "bins", np.ones(3), 4, 3, 1),
            raises(DTypeError, "needs floats", np.ones(3, np.int32)),
        ),
    ),
    Case(
        "isin",
        tg.isin,
        isin,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(4)),
            Sample(d.array([[1, 0], [3, 1]]), d.array([[1], [2]])),
            Sample(d.array([1, 0]), d.normal(0)),
            Sample(d.normal(0), d.array(1)),
            Sample(d.array([1, 0]), 1, invert=True),
            Sample(1, d.array([1, 0])),
        ],
        dtypes=ANY,
        result="bool",
        gradient=False,
        oracle_dtype=True,
    ),
    Case(
        "dist",
        tg.dist,
        dist,
        lambda d: [
            Sample(d.normal(3, 5), d.normal(5)),
            *[Sample(d.normal(3, 5), d.normal(3, 5), p) for p in (0, 1, 1.5, 3, INF, -INF)],
        ],
        tolerances=rounded,
        ties=(tie(np.array([1.0, 2.0]), np.array([1.0, 2.0]), gradients=([0.0] * 2, [0.0] * 2)),),
        errors=(raises(ShapeError, "do not broadcast", np.ones(2), np.ones(3)),),
    ),
    Case(
        "cdist",
        tg.cdist,
        cdist,
        clouds,
        tolerances=rounded,
        ties=(
            tie(
                np.array([[0.0, 0.0]]),
                np.array([[0.0, 0.0], [3.0, 4.0]]),
                gradients=([[-0.6, -0.8]], [[0.0, 0.0], [0.6, 0.8]]),
            ),
        ),
        errors=(
            raises(ShapeError, "cdist: needs", np.ones((2, 3)), np.ones((2, 4))),
            raises(ShapeError, "p must be", np.ones((2, 3)), np.ones((2, 3)), -1.0),
        ),
    ),
    Case(
        "diff",
        tg.diff,
        diff,
        differences,
        dtypes=ANY,
        errors=(
            raises(ShapeError, "at least one dim", np.array(1.0)),
            raises(ShapeError, "n >= 0", np.ones(3), n=-1),
        ),
        tolerances={"float16": (4e-3, 4e-3)},
    ),
    Case(
        "gradient",
        tg.gradient,
        gradient,
        gradients,
        tolerances=rounded,
        errors=(
            raises(ShapeError, "samples or more", np.ones(1)),
            raises(ShapeError, "one per dim", np.ones((3, 3)), spacing=(1, 2, 3)),
            raises(ShapeError, "coordinates", np.ones(3), spacing=(np.ones(4),)),
            raises(ShapeError, "edge_order", np.ones(3), edge_order=3),
        ),
    ),
    Case(
        "trapezoid",
        tg.trapezoid,
        trapezoid,
        curves,
        **float_like,
        tolerances=rounded,
        covers=("trapz",),
        errors=(no_place, both),
    ),
    Case(
        "trapz",
        tg.trapz,
        trapezoid,
        lambda d: [Sample(d.normal(3, 5), d.normal(5)), Sample(d.normal(3, 5), dx=2, dim=0)],
        tolerances=rounded,
    ),
    Case(
        "cumulative_trapezoid",
        tg.cumulative_trapezoid,
        cumulative,
        curves,
        **float_like,
        tolerances=rounded,
        errors=(no_place, both),
    ),
]
