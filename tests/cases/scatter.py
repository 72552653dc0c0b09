"""Cases of writing by an index, a mask or a slice.   User side: functional/writing*.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
from cases.core import ANY, EXACT, FLOATS, INTS, Case, Draw, Sample, flipped, permuted, raises, tie
from cases.index import SUMS, ints
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

X = np.arange(6.0).reshape(2, 3)


def different(d: Draw, size: int, *shape: int, dim: int) -> np.ndarray:
    """Indices below `size`, none of them twice along the dim."""
    lines = np.moveaxis(np.empty(shape), dim, -1)
    rows = [d.rng.permutation(size)[: lines.shape[-1]] for _ in range(lines[..., 0].size)]
    return np.moveaxis(np.array(rows).reshape(lines.shape), -1, dim).astype(np.int64)


def scatter_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, different(d, 4, 3, 5, dim=0), d.normal(3, 5))
    yield Sample(d.normal(4, 5), 1, d.index(5, 4, 17), d.normal(4, 17))
    yield Sample(d.normal(4, 5), -1, d.index(5, 2, 3), d.normal(4, 6))
    yield Sample(d.normal(2, 3, 4), 1, d.index(3, 2, 6, 4), d.normal(2, 6, 4))
    yield Sample(permuted(d.normal(4, 5)), 0, permuted(d.index(4, 3, 5)), flipped(d.normal(3, 5)))
    yield Sample(d.normal(4, 5), 0, d.index(4, 2, 3), 3)
    yield Sample(d.normal(4, 5), 1, d.index(5, 4, 2), value=1)
    yield Sample(d.normal(), 0, ints(0), 1, grad=False)
    yield Sample(d.normal(4, 5), 0, d.index(4, 0, 5), d.normal(0, 5), grad=False)


def join_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.uniform(1, 2, 4, 5), 0, d.index(4, 3, 5), d.uniform(1, 2, 3, 5))
    yield Sample(d.uniform(1, 2, 4, 5), 1, d.index(5, 2, 9), d.uniform(1, 2, 4, 9))
    yield Sample(d.uniform(1, 2, 7), 0, d.index(7, 9), 2)


def twice(function: Callable[..., Any], *index: int) -> Callable[..., Any]:
    """The function along dim 0 with a fixed index, for tensors and for arrays."""

    def call(x: Any, src: Any) -> Any:
        if isinstance(x, np.ndarray):
            return function(x, 0, ints(*index), src)
        return function(x, 0, tg.tensor(index, device=x.device), src)

    return call


def fill_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 1, ints(0, -1, 2), 3)
    yield Sample(d.normal(4, 5), 0, ints(1, 1), d.normal())
    yield Sample(permuted(d.normal(4, 5, 2)), -1, d.index(2, 2), 1)
    yield Sample(d.normal(3, 17), 0, np.int64(1), 1)
    yield Sample(d.normal(), 0, ints(0), 1, grad=False)
    yield Sample(d.normal(3), 0, ints(), 1)


def copy_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, ints(2, 0), d.normal(2, 5))
    yield Sample(d.normal(4, 5), 1, ints(4, 0, 4), d.normal(4, 3))
    yield Sample(permuted(d.normal(2, 3, 17)), 1, ints(1, 0), flipped(d.normal(2, 2, 17)))
    yield Sample(d.normal(4, 5), 0, ints(), d.normal(0, 5), grad=False)


def put_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), (ints(2, 0), ints(1, -1)), d.normal(2))
    yield Sample(d.normal(4, 5), (ints(2, 0),), d.normal(5))
    yield Sample(d.normal(4, 5), (None, ints(2, 0, 3)), d.normal())
    yield Sample(d.normal(4, 5, 3), (ints(2, 0), None, ints([1], [0])), d.normal(2, 2, 5))
    yield Sample(permuted(d.normal(4, 5, 3)), (None, ints(2, 0, -1), ints(0)), d.normal(4, 3))
    yield Sample(d.normal(4, 5), (d.mask(4, 5),), d.normal())
    yield Sample(d.normal(4, 5), (ints(1, 1, 2),), d.normal(3, 5))
    yield Sample(d.normal(4, 5), (ints(),), d.normal(0, 5), grad=False)


def add_samples(d: Draw) -> Iterator[Sample]:
    for sample in put_samples(d):
        yield Sample(*sample.args, accumulate=True, grad=sample.grad)


def mask_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), d.mask(4, 5), d.normal(3, 10))
    yield Sample(d.normal(4, 5), d.mask(5), d.normal(20))
    yield Sample(permuted(d.normal(5)), d.mask(4, 5), permuted(d.normal(4, 5)))
    yield Sample(d.normal(4), np.zeros(4, bool), d.normal(0), grad=False)


def take_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), ints([1, -1], [19, 3]))
    yield Sample(permuted(d.normal(4, 5)), d.index(20, 30))
    yield Sample(d.normal(), ints(0, -1, 0))
    yield Sample(d.normal(4), np.int64(2))
    yield Sample(d.normal(4), ints(), grad=False)


def in_place(name: str) -> Callable[..., Any]:
    return lambda x, *a, **k: getattr(x.clone(), name)(*a, **k)


CASES = [
    Case(
        "scatter",
        tg.scatter,
        oracle.scatter,
        scatter_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ArgumentError, "give src, or value", X, 0, ints([0])),
            raises(ArgumentError, "reduce is", X, 0, ints([0]), 1, reduce="max"),
            raises(ShapeError, "fits into input", X, 0, ints(0), np.ones(1)),
            raises(ShapeError, "fits into input", X, 0, ints([0, 0, 0, 0]), 1.0),
            raises(IndexError, "scatter: index 2", X, 0, ints([2]), 1.0),
            raises(IndexError, "scatter: index -1", X, 0, ints([-1]), 1.0),
            raises(DTypeError, "index must hold integers", X, 0, X, 1.0),
        ),
    ),
    *(
        Case(
            f"{name}_twice",
            twice(getattr(tg, name), 1, 1, 2),
            twice(getattr(oracle, name), 1, 1, 2),
            lambda d: [Sample(d.normal(3), d.normal(3))],
            tolerances=EXACT,
            ties=(tie(np.zeros(3), np.ones(3), gradients=([1, 0, 0], [0, 1, 1])),),
        )
        for name in ("scatter", "index_copy")
    ),
    Case(
        "scatter_reduce_add",
        lambda *a: tg.scatter(*a, reduce="add"),
        lambda *a: oracle.scatter(*a, reduce="add"),
        join_samples,
        dtypes=(*FLOATS, *INTS),
        tolerances=SUMS,
    ),
    Case(
        "scatter_reduce_multiply",
        lambda *a: tg.scatter(*a, reduce="multiply"),
        lambda *a: oracle.scatter(*a, reduce="multiply"),
        join_samples,
        dtypes=(*FLOATS, *INTS),
        tolerances=SUMS,
        gradient=False,  # nor has PyTorch one
    ),
    Case(
        "index_fill",
        tg.index_fill,
        oracle.index_fill,
        fill_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index_fill: index 2", X, 0, ints(2), 1.0),
            raises(IndexError, "index_fill: index -3", X, 0, ints(-3), 1.0),
            raises(ShapeError, "the index must be a vector", X, 0, ints([0]), 1.0),
            raises(ShapeError, "value must be a number", X, 0, ints(0), np.ones(3)),
        ),
    ),
    Case(
        "index_copy",
        tg.index_copy,
        oracle.index_copy,
        copy_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index_copy: index -1", X, 0, ints(-1), np.ones((1, 3))),
            raises(ShapeError, "source must have shape (1, 3)", X, 0, ints(0), np.ones(3)),
            raises(DTypeError, "dtypes of input and source", X, 0, ints(0), ints([1, 2, 3])),
        ),
    ),
    Case(
        "index_put",
        tg.index_put,
        oracle.index_put,
        put_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index 2 is out of range", X, (ints(2),), np.float64(1)),
            raises(IndexError, "too many indices", X, (ints(0),) * 3, np.float64(1)),
            raises(IndexError, "at least one index tensor", X, (None,), np.float64(1)),
            raises(ShapeError, "does not broadcast", X, (ints(0),), np.ones(2)),
            raises(DTypeError, "dtypes of input and values", X, (ints(0),), ints(1)),
        ),
    ),
    Case(
        "index_put_accumulate",
        tg.index_put,
        oracle.index_put,
        add_samples,
        dtypes=(*FLOATS, *INTS),
        tolerances=SUMS,
    ),
    Case(
        "masked_scatter",
        tg.masked_scatter,
        oracle.masked_scatter,
        mask_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "masked_scatter: index", X, X >= 0, np.ones(2)),
            raises(DTypeError, "the mask must be bool", X, X, X),
            raises(ShapeError, "do not broadcast", X, np.ones(2, bool), X),
        ),
    ),
    Case(
        "take",
        tg.take,
        lambda x, index: x.reshape(-1)[index],
        take_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "take: index 6", X, ints(6)),
            raises(IndexError, "take: index -7", X, ints(-7)),
        ),
    ),
    Case(
        "unravel_index",
        tg.unravel_index,
        lambda i, shape: np.unravel_index(i, shape),
        lambda d: [
            Sample(d.uniform(0, 23, 7), (2, 3, 4)),
            Sample(d.uniform(0, 23, 2, 3), (24,)),
            Sample(d.array(5), (4, 2)),
        ],
        dtypes=INTS,
        result="int64",
        gradient=False,
        errors=(raises(DTypeError, "unravel_index: the index must hold integers", X, (2, 3)),),
    ),
    Case(
        "select_scatter",
        tg.select_scatter,
        oracle.select_scatter,
        lambda d: [
            Sample(d.normal(4, 5), d.normal(5), 0, -1),
            Sample(permuted(d.normal(2, 3, 17)), permuted(d.normal(2, 17)), 1, 2),
            Sample(d.normal(3), d.normal(), -1, 0),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index 2 is out of range", X, np.ones(3), 0, 2),
            raises(ShapeError, "src must have the shape (3,)", X, np.ones(2), 0, 1),
        ),
    ),
    Case(
        "slice_scatter_of_a_dim",
        tg.slice_scatter,
        oracle.slice_scatter,
        lambda d: [
            Sample(d.normal(4, 5), d.normal(2, 5), 0, 1, 99, 2),
            Sample(permuted(d.normal(4, 5)), d.normal(4, 3), 1, -3),
            Sample(d.normal(4, 5), permuted(d.normal(4, 5))),
            Sample(d.normal(4, 17), d.normal(4, 4), dim=-1, end=12, step=3),
            Sample(d.normal(4, 5), d.normal(4, 0), 1, 3, 2, grad=False),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ArgumentError, "slice_scatter: step must be positive", X, X, 0, None, None, -1),
            raises(ShapeError, "src must have the shape (1, 3)", X, X, 0, 1),
        ),
    ),
    Case(
        "diagonal_scatter",
        tg.diagonal_scatter,
        oracle.diagonal_scatter,
        lambda d: [
            Sample(d.normal(4, 5), d.normal(4)),
            Sample(d.normal(4, 5), d.normal(3), -1),
            Sample(permuted(d.normal(4, 5)), d.normal(3), 2),
            Sample(d.normal(3, 4, 5), d.normal(4, 3), 0, 0, 2),
            Sample(d.normal(3, 4, 5), d.normal(3, 4), -1, -1, 1),
            Sample(d.normal(2, 3), d.normal(0), 5, grad=False),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "src must have the shape (2,)", X, np.ones(3)),
            raises(ShapeError, "two different dims", X, np.ones(2), 0, 1, -1),
        ),
    ),
    *(
        Case(
            f"{name}_",
            in_place(f"{name}_"),
            getattr(oracle, name),
            samples,
            dtypes=("float32", "float64", "int64"),
            tolerances=EXACT,
        )
        for name, samples in (
            ("scatter", scatter_samples),
            ("index_fill", fill_samples),
            ("index_copy", copy_samples),
            ("index_put", put_samples),
        )
    ),
    Case(
        "masked_scatter_",
        in_place("masked_scatter_"),
        oracle.masked_scatter,
        lambda d: [Sample(d.normal(4, 5), d.mask(4, 5), d.normal(3, 10))],
        tolerances=EXACT,
    ),
    Case(
        "index_add_",
        in_place("index_add_"),
        oracle.index_add,
        lambda d: [Sample(d.normal(4, 5), 0, d.index(4, 7), d.normal(7, 5))],
        tolerances=SUMS,
    ),
    Case(
        "scatter_add_",
        in_place("scatter_add_"),
        lambda *a: oracle.scatter(*a, reduce="add"),
        lambda d: [Sample(d.normal(4, 5), 0, d.index(4, 3, 5), d.normal(3, 5))],
        tolerances=SUMS,
    ),
]
