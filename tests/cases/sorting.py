"""Cases of sorting and counting.   User side: functional/{sorting,quantiles,counting}.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
from cases.core import (
    ANY,
    EXACT,
    FLOATS,
    INTS,
    WIDE_FLOATS,
    Case,
    Const,
    Draw,
    Sample,
    flipped,
    permuted,
    raises,
    tie,
)
from cases.scan import few
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional.host import DATA_DEPENDENT

INF, NAN = float("inf"), float("nan")
X = np.arange(6.0).reshape(2, 3)
ON_HOST = dict.fromkeys(ANY, DATA_DEPENDENT)


def ints(*values: Any) -> np.ndarray:
    return np.array(values, np.int64)


def sort_samples(draw: Callable[..., np.ndarray]) -> Callable[[Draw], Iterator[Sample]]:
    def samples(d: Draw) -> Iterator[Sample]:
        yield Sample(draw(d))
        yield Sample(draw(d, 7), 0)
        yield Sample(draw(d, 3, 17))
        yield Sample(draw(d, 37, 3), 0, descending=True)
        yield Sample(draw(d, 2, 5, 3), 1, True)
        yield Sample(permuted(draw(d, 5, 4)), 0)
        yield Sample(flipped(draw(d, 4, 5)), -1, descending=True)
        yield Sample(draw(d, 70), 0, grad=False)
        yield Sample(draw(d, 0, 3), 0, grad=False)
        yield Sample(draw(d, 3, 0), 0, grad=False)
        if d.is_float:
            special = d.array([NAN, 1, INF, 0.0, -0.0, -INF, NAN, 1])
            yield Sample(special, 0, grad=False)
            yield Sample(special, 0, descending=True, grad=False)

    return samples


def sort(x: np.ndarray, dim: int = -1, descending: bool = False) -> Any:
    return oracle.by_line(oracle.sorted_line)(x, dim, descending=descending)


def topk_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.distinct(7), 3)
    yield Sample(d.distinct(7), 7)
    yield Sample(d.distinct(4, 5), 2, 0, largest=False)
    yield Sample(d.distinct(2, 5, 3), 2, -2)
    yield Sample(permuted(d.distinct(5, 4)), 1)
    yield Sample(d.distinct(3, 50), 40)
    yield Sample(d.distinct(3, 50), 9, largest=False)
    yield Sample(d.distinct(3, 4), 0, grad=False)
    yield Sample(d.array([NAN, 1, INF]), 2, grad=False)
    yield Sample(d.distinct(), 1, grad=False)


def topk(x: np.ndarray, k: int, dim: int = -1, largest: bool = True) -> Any:
    return tuple(np.take(v, range(k), dim) if x.ndim else v for v in sort(x, dim, largest))


def median_samples(draw: Callable[..., np.ndarray]) -> Callable[[Draw], Iterator[Sample]]:
    def samples(d: Draw) -> Iterator[Sample]:
        yield Sample(draw(d, 7))
        yield Sample(draw(d, 4, 5))
        yield Sample(draw(d, 4, 5), 0)
        yield Sample(draw(d, 4, 5), -1, True)
        yield Sample(permuted(draw(d, 2, 5, 3)), dim=1)
        yield Sample(draw(d, 0, 3), 1, grad=False)
        yield Sample(draw(d), 0, grad=False)
        if d.is_float:
            nans = d.array([[NAN, 1, NAN, 3, 2], [4, NAN, 5, 7, 6], [INF, -INF, 1, 0, 2]])
            yield Sample(nans, 1, grad=False)
            yield Sample(nans, grad=False)
            yield Sample(nans[2], grad=False)

    return samples


def quantile_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.distinct(7), 0.3)
    yield Sample(d.distinct(4, 5), 0.35, dim=0)
    yield Sample(d.distinct(4, 5), 0.0, dim=-1, keepdim=True)
    yield Sample(d.distinct(2, 5, 3), 1.0, 1)
    yield Sample(d.distinct(4, 5), Const(d.array([0.11, 0.53, 1])), dim=1)
    yield Sample(d.distinct(4, 5), d.array([0.11, 0.53, 0.97]), dim=0, keepdim=True)
    yield Sample(d.distinct(4, 5), Const(d.array([0.5])), keepdim=True)
    yield Sample(permuted(d.distinct(4, 5)), 0.7, 0)
    yield Sample(d.array([[1, NAN, 2], [3, 4, 5]]), 0.3, 1, grad=False)
    yield Sample(d.array([1, INF, 2]), 0.3, grad=False)
    yield Sample(d.distinct(), 0.3, grad=False)


def quantile(
    x: np.ndarray, q: Any, dim: int | None = None, keepdim: bool = False, **options: Any
) -> np.ndarray:
    method = options.get("interpolation", "linear")
    axis = dim if x.ndim else None
    return np.asarray(np.quantile(x, q, axis=axis, keepdims=keepdim, method=method))


def unique_samples(d: Draw) -> Iterator[Sample]:
    rows = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 1], [0, 0, 1]]).astype(d.dtype)
    yield Sample(few(d, 4, 5))
    yield Sample(few(d, 4, 5), return_inverse=True, return_counts=True)
    yield Sample(rows, dim=0, return_inverse=True, return_counts=True)
    yield Sample(rows, return_counts=True, dim=-1)
    yield Sample(few(d, 0))
    yield Sample(few(d), return_inverse=True)
    if d.is_float:
        yield Sample(d.array([NAN, 1, INF, NAN, 1]), return_inverse=True, return_counts=True)


def unique(x: np.ndarray, dim: int | None = None, **wanted: bool) -> Any:
    values = x.reshape(1) if x.ndim == 0 else x
    found = np.unique(values, axis=dim, equal_nan=False, **wanted)
    if not wanted:
        return found
    if "return_inverse" in wanted:
        shape = x.shape if dim is None else (x.shape[dim],)
        return (found[0], found[1].reshape(shape), *found[2:])
    return found


def search_samples(d: Draw) -> Iterator[Sample]:
    line, lines = np.sort(few(d, 9)), np.sort(few(d, 3, 9), axis=1)
    yield Sample(line, few(d, 4, 5))
    yield Sample(line, few(d, 30), right=True)
    yield Sample(line, few(d), side="right")
    yield Sample(lines, few(d, 3, 4))
    yield Sample(lines.reshape(3, 1, 9), few(d, 3, 1, 2), right=True)
    yield Sample(line[[2, 1, 0]], few(d, 4), sorter=ints(2, 1, 0))
    yield Sample(line[:0], few(d, 4))
    yield Sample(line, few(d, 0))
    yield Sample(line, 2)
    if d.is_float:
        yield Sample(d.array([-INF, 0, 1, INF]), d.array([NAN, INF, -INF, 0.5]), right=True)


def count_samples(d: Draw) -> Iterator[Sample]:
    x = d.uniform(0, 9, 20)
    yield Sample(x)
    yield Sample(x, minlength=15)
    yield Sample(x, d.rng.standard_normal(20))
    yield Sample(x, d.rng.standard_normal(20).astype(np.float32), 3)
    yield Sample(x[:0])
    yield Sample(x[:0], minlength=2)


def repeat_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 2)
    yield Sample(d.normal(4, 5), 3, 1)
    yield Sample(permuted(d.normal(4, 5)), 2, dim=0)
    yield Sample(d.normal(4, 5), ints(1, 0, 3, 2), dim=0)
    yield Sample(d.normal(2, 3, 4), ints(2), -1)
    yield Sample(d.normal(6), ints(1, 0, 3, 2, 0, 1), output_size=7)
    yield Sample(d.normal(4), 0, grad=False)


CASES = [
    Case(
        "sort",
        tg.sort,
        sort,
        sort_samples(Draw.distinct),
        dtypes=FLOATS,
        tolerances=EXACT,
        errors=(raises(ShapeError, "sort: dim 2 is out of range", X, 2),),
    ),
    Case(
        "sort_ties",
        lambda *a, **k: tg.sort(*a, **k, stable=True),
        sort,
        sort_samples(few),
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
    ),
    Case(
        "argsort",
        tg.argsort,
        lambda *a, **k: sort(*a, **k)[1],
        sort_samples(few),
        dtypes=ANY,
        result="int64",
        gradient=False,
        errors=(raises(ShapeError, "argsort: dim 2 is out of range", X, 2),),
    ),
    Case(
        "msort",
        tg.msort,
        lambda x: np.sort(x, axis=0),
        lambda d: [
            Sample(d.distinct(4, 5)),
            Sample(permuted(d.distinct(4, 5))),
            Sample(d.distinct(17)),
            Sample(d.array([NAN, 1, INF]), grad=False),
        ],
        dtypes=FLOATS,
        tolerances=EXACT,
    ),
    Case(
        "topk",
        tg.topk,
        topk,
        topk_samples,
        dtypes=FLOATS,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "topk: k 4 is not between 0 and 3", X, 4),
            raises(ShapeError, "topk: dim 2 is out of range", X, 1, 2),
        ),
    ),
    Case(
        "median",
        tg.median,
        oracle.median(),
        median_samples(Draw.distinct),
        dtypes=FLOATS,
        tolerances=EXACT,
        ties=(
            tie(np.array([1.0, 2, 5, 2, 2]), gradients=([0, 1 / 3, 0, 1 / 3, 1 / 3],)),
            tie(np.array([1.0, NAN, 5, NAN]), gradients=([0, 0.5, 0, 0.5],)),
            tie(np.array([1.0, NAN, 5, NAN]), 0, gradients=([0, 1, 0, 0],)),
        ),
        errors=(
            raises(ShapeError, "median: dim 0 of (0, 3) is empty", np.zeros((0, 3)), 0),
            raises(ShapeError, "median: an empty tensor has no median", ints()),
        ),
    ),
    Case(
        "median_integers",
        tg.median,
        oracle.median(),
        median_samples(few),
        dtypes=INTS,
        gradient=False,
    ),
    Case(
        "nanmedian",
        tg.nanmedian,
        oracle.median(skip_nan=True),
        median_samples(Draw.distinct),
        dtypes=FLOATS,
        tolerances=EXACT,
        ties=(tie(np.array([1.0, NAN, 2, 2]), gradients=([0, 0, 0.5, 0.5],)),),
        errors=(raises(ShapeError, "nanmedian: dim 0 of (0, 3)", np.zeros((0, 3)), 0),),
    ),
    Case(
        "quantile",
        tg.quantile,
        quantile,
        quantile_samples,
        dtypes=WIDE_FLOATS,
        errors=(
            raises(ArgumentError, "q must lie between 0 and 1", X, 1.5),
            raises(ArgumentError, "interpolation is one of", X, 0.5, interpolation="cubic"),
            raises(DTypeError, "quantile: needs float32 or float64", ints(1, 2), 0.5),
            raises(DTypeError, "quantile: q must be float64", X, np.float32(0.5)),
            raises(ShapeError, "quantile: q must be a number or 1-d", X, np.ones((1, 1))),
            raises(ShapeError, "has no quantiles", np.zeros(0), 0.5),
            raises(ShapeError, "quantile: dim 2 is out of range", X, 0.5, 2),
        ),
    ),
    *(
        Case(
            f"quantile_{method}",
            lambda *a, method=method, **k: tg.quantile(*a, **k, interpolation=method),
            lambda *a, method=method, **k: quantile(*a, **k, interpolation=method),
            lambda d: [
                Sample(d.distinct(7), 0.3),
                Sample(d.distinct(4, 6), Const(d.array([0.13, 0.47, 1])), dim=1),
            ],
            dtypes=WIDE_FLOATS,
        )
        for method in ("lower", "higher", "nearest", "midpoint")
    ),
    Case(
        "unique",
        tg.unique,
        unique,
        unique_samples,
        dtypes=ANY,
        tolerances=EXACT,
        gradient=False,
        host=ON_HOST,
        errors=(raises(ShapeError, "unique: dim 2 is out of range", X, dim=2),),
    ),
    Case(
        "searchsorted",
        tg.searchsorted,
        oracle.searchsorted,
        search_samples,
        dtypes=(*FLOATS, *INTS),
        result="int64",
        gradient=False,
        errors=(
            raises(ShapeError, "same leading dims", X, np.ones((3, 1))),
            raises(ShapeError, "at least one dim", np.float64(1), X),
            raises(ShapeError, "sorter", np.ones(3), X, sorter=ints(0)),
            raises(ArgumentError, "side must be", np.ones(3), X, side="middle"),
        ),
    ),
    Case(
        "bucketize",
        tg.bucketize,
        lambda x, edges, right=False: np.searchsorted(edges, x, "right" if right else "left"),
        lambda d: [
            Sample(few(d, 4, 5), np.sort(few(d, 6))),
            Sample(few(d, 30), np.sort(few(d, 6)), right=True),
            Sample(2, np.sort(few(d, 6))),
            Sample(permuted(few(d, 4, 5)), np.sort(few(d, 1))),
        ],
        dtypes=(*FLOATS, *INTS),
        result="int64",
        gradient=False,
        errors=(raises(ShapeError, "bucketize: boundaries must be 1-d", X, X),),
    ),
    Case(
        "searchsorted_int32",
        lambda a, x: tg.searchsorted(a, x, out_int32=True) + tg.bucketize(x, a, out_int32=True),
        lambda a, x: 2 * oracle.searchsorted(a, x),
        lambda d: [Sample(np.sort(few(d, 6)), few(d, 4, 5))],
        dtypes=("float32", "int64"),
        result="int32",
        gradient=False,
    ),
    Case(
        "bincount",
        tg.bincount,
        np.bincount,
        lambda d: [s for s in count_samples(d) if len(s.args) < 2],
        dtypes=INTS,
        result="int64",
        gradient=False,
        errors=(
            raises(ArgumentError, "bincount: -1 cannot be counted", ints(1, -1)),
            raises(ArgumentError, "minlength must not be negative", ints(1), minlength=-1),
            raises(ShapeError, "bincount: needs a vector", ints([1])),
            raises(ShapeError, "weights (2,) do not fit", ints(1), np.ones(2)),
            raises(DTypeError, "bincount: needs integers", np.ones(2)),
        ),
    ),
    Case(
        "bincount_weights",
        tg.bincount,
        np.bincount,
        lambda d: [
            Sample(d.index(9, 20), d.normal(20)),
            Sample(d.index(9, 20).astype(np.uint8), d.normal(20), 12),
        ],
        dtypes=("float32", "float64", "int64"),
        result=lambda dtype: "float32" if dtype == "float32" else "float64",
        tolerances={"float32": (2e-6, 4e-6)},
    ),
    Case(
        "repeat_interleave",
        tg.repeat_interleave,
        oracle.repeat_interleave,
        repeat_samples,
        dtypes=ANY,
        tolerances=EXACT,
        host=ON_HOST,
        errors=(
            raises(ShapeError, "3 repeats do not fit 2 slices", X, ints(1, 1, 1), 0),
            raises(ShapeError, "output_size 5", X, 2, 0, output_size=5),
            raises(ArgumentError, "must not be negative", X, -1),
            raises(ArgumentError, "must not be negative", X, ints(-1), 0),
            raises(DTypeError, "repeats must be integers", X, np.ones(2), 0),
        ),
    ),
    Case(
        "repeat_interleave_indices",
        tg.repeat_interleave,
        oracle.repeat_interleave,
        lambda d: [Sample(d.array([1, 0, 3, 2])), Sample(d.array([0]))],
        dtypes=INTS,
        result="int64",
        gradient=False,
        host=ON_HOST,
    ),
    # Rows of which only one index can be drawn; test_sampling.py looks at the others.
    Case(
        "multinomial",
        tg.multinomial,
        lambda p, n, replacement=False: np.repeat(p.argmax(-1)[..., None], n, -1),
        lambda d: [
            Sample(d.array([0, 0, 3, 0]), 5, replacement=True),
            Sample(d.array([[0, 2, 0], [0.5, 0, 0], [0, 0, 1]]), 4, True),
            Sample(d.array([[0, 2, 0], [0.5, 0, 0], [0, 0, 1]]), 1),
        ],
        dtypes=FLOATS,
        result="int64",
        gradient=False,
        errors=(
            raises(ArgumentError, "negative or not finite", np.array([1.0, -1.0]), 1),
            raises(ArgumentError, "negative or not finite", np.array([1.0, NAN]), 1),
            raises(ArgumentError, "all zero", np.zeros(3), 1),
            raises(ShapeError, "cannot draw 3 of 2 indices", np.ones(2), 3),
            raises(ShapeError, "one row of weights or several", np.ones((1, 1, 1)), 1),
            raises(DTypeError, "weights must be floats", ints(1, 2), 1),
        ),
    ),
]
