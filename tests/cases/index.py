"""Cases of indexing.   Primitives and user side: */index.py, functional/indexing.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from cases.core import (
    ANY,
    EXACT,
    FLOATS,
    NUMBERS,
    Case,
    Draw,
    Sample,
    flipped,
    permuted,
    raises,
    sliced,
)
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional.host import DATA_DEPENDENT

SUMS = {"float32": (2e-6, 4e-6), "float16": (2e-3, 4e-3)}
X = np.arange(6.0).reshape(2, 3)
ON_HOST = dict.fromkeys(ANY, DATA_DEPENDENT)


def ints(*values: Any) -> np.ndarray:
    return np.array(values, np.int64)


def gather_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, d.index(4, 3, 5))
    yield Sample(d.normal(4, 5), 1, d.index(5, 4, 17))
    yield Sample(d.normal(4, 5), -1, d.index(5, 2, 3).astype(np.int32))
    yield Sample(d.normal(2, 3, 4), 1, d.index(3, 2, 6, 4))
    yield Sample(permuted(d.normal(4, 5)), 0, permuted(d.index(4, 3, 5)))
    yield Sample(sliced(d.normal(4, 5)), 1, flipped(d.index(5, 4, 3)))
    yield Sample(d.normal(7), 0, d.index(7, 0), grad=False)
    yield Sample(d.normal(7), 0, np.zeros(40, np.int64))


def scatter_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, d.index(4, 3, 5), d.normal(3, 5))
    yield Sample(d.normal(4, 5), 1, d.index(5, 4, 17), d.normal(4, 17))
    yield Sample(d.normal(4, 5), 1, d.index(5, 2, 3), d.normal(4, 6))
    yield Sample(d.normal(2, 3, 4), 1, d.index(3, 2, 6, 4), d.normal(2, 6, 4))
    yield Sample(permuted(d.normal(4, 5)), 0, permuted(d.index(4, 3, 5)), flipped(d.normal(3, 5)))
    yield Sample(d.normal(7), 0, np.full(40, 3), d.normal(40))
    yield Sample(d.normal(7), 0, d.index(7, 0), d.normal(0), grad=False)


def select_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, d.index(4, 7))
    yield Sample(d.normal(4, 5), 1, d.index(5, 3))
    yield Sample(d.normal(2, 3, 17), 1, d.index(3, 5))
    yield Sample(permuted(d.normal(4, 5)), 0, d.index(4, 3))
    yield Sample(d.normal(4, 5), 0, d.index(4, 0), grad=False)
    yield Sample(d.normal(9), 0, sliced(d.index(9, 20)))


def add_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), 0, d.index(4, 7), d.normal(7, 5))
    yield Sample(d.normal(4, 5), 1, d.index(5, 3), d.normal(4, 3))
    yield Sample(d.normal(2, 3, 17), 1, np.zeros(5, np.int64), d.normal(2, 5, 17))
    yield Sample(permuted(d.normal(4, 5)), 0, d.index(4, 3), flipped(d.normal(3, 5)), alpha=2)
    yield Sample(d.normal(4, 5), 0, d.index(4, 0), d.normal(0, 5), grad=False)


def embedding_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.index(9, 6), d.normal(9, 4))
    yield Sample(d.index(9, 2, 3), d.normal(9, 17))
    yield Sample(ints(2).reshape(()), d.normal(3, 4))
    yield Sample(d.index(9, 0), d.normal(9, 4), grad=False)
    yield Sample(d.index(5, 3, 4).astype(np.uint8), permuted(d.normal(5, 6)))


def masks_and_arrays(d: Draw) -> Iterator[Sample]:
    rows = d.index(4, 6, low=-4)
    keys: list[Any] = [
        rows,
        (slice(None), d.index(5, 3)),
        (d.index(4, 6), d.index(5, 6)),
        (d.index(4, 2, 1), d.index(5, 3)),
        (1, d.index(5, 3)),
        (None, d.index(4, 2), slice(None, None, -2)),
        d.mask(4, 5),
        d.mask(4),
        (slice(1, 3), d.mask(5)),
        [0, 2, -1],
        d.index(4, 0),
    ]
    for key in keys:
        yield Sample(d.normal(4, 5), key)
    yield Sample(d.normal(3, 4, 5), (d.index(3, 2), slice(None), d.index(5, 2)))
    yield Sample(permuted(d.normal(4, 5)), (..., d.index(5, 7)))


def assignments(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(4, 5), (slice(1, 3),), d.normal(5))
    yield Sample(d.normal(4, 5), (slice(None), slice(None, None, -2)), d.normal(4, 3))
    yield Sample(d.normal(4, 5), 2, 1)
    yield Sample(d.normal(4, 5), (..., -1), d.normal(4))
    yield Sample(d.normal(4, 5), d.mask(4, 5), 0)
    yield Sample(d.normal(4, 5), (ints(0, 2, 3),), d.normal(3, 5))
    yield Sample(permuted(d.normal(4, 5)), (ints(0, 2), ints(1, 4)), d.normal(2))


def assign(x: Any, key: Any, value: Any) -> Any:
    copy = x.clone() if hasattr(x, "clone") else x.copy()
    copy[key] = value
    return copy


OUT = (
    raises(IndexError, "index 4 is out of range", X, 0, ints([4], [0])),
    raises(IndexError, "index -1 is out of range", X, 0, ints([-1], [0])),
)


def by_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: np.ascontiguousarray(function(*args, **options))


CASES = [
    Case(
        "gather",
        tg.gather,
        oracle.gather,
        gather_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            *OUT,
            raises(ShapeError, "gather", X, 0, ints(0)),
            raises(ShapeError, "gather", X, 0, ints([0, 0, 0, 0])),
            raises(DTypeError, "gather: the index must hold integers", X, 0, X),
            raises(ShapeError, "out of range", X, 2, ints([0])),
        ),
    ),
    Case(
        "scatter_add",
        tg.scatter_add,
        oracle.scatter_add,
        scatter_samples,
        dtypes=NUMBERS,
        tolerances=SUMS,
        errors=(
            raises(IndexError, "scatter_add: index 9", X, 0, ints([9], [0]), np.ones((2, 1))),
            raises(IndexError, "index -1", X, 1, ints([-1], [0]), np.ones((2, 1))),
            raises(ShapeError, "scatter_add", X, 0, ints([0, 0]), np.ones((1, 1))),
            raises(DTypeError, "scatter_add", X, 0, np.ones((1, 1)), np.ones((1, 1))),
        ),
    ),
    Case(
        "index_select",
        tg.index_select,
        oracle.index_select,
        select_samples,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index_select: index 2", X, 0, ints(0, 2)),
            raises(IndexError, "index_select: index -3", X, 0, ints(-3)),
            raises(ShapeError, "index_select", X, 0, ints([0])),
            raises(DTypeError, "index_select", X, 0, np.ones(2)),
        ),
    ),
    Case(
        "index_add",
        tg.index_add,
        oracle.index_add,
        add_samples,
        dtypes=NUMBERS,
        tolerances=SUMS,
        errors=(
            raises(IndexError, "index_add: index 7", X, 0, ints(7), np.ones((1, 3))),
            raises(ShapeError, "index_add", X, 0, ints(0), np.ones((2, 3))),
        ),
    ),
    Case(
        "take_along_dim",
        tg.take_along_dim,
        lambda x, i, dim=None: np.take_along_axis(x, i, dim) if dim is not None else x.ravel()[i],
        lambda d: [
            Sample(d.normal(4, 5), d.index(4, 1, 5), dim=0),
            Sample(d.normal(4, 5), d.index(5, 4, 2), dim=1),
            Sample(d.normal(4, 5), d.index(20, 7)),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(IndexError, "take_along_dim", X, ints([5]), dim=1),),
    ),
    Case(
        "embedding",
        F.embedding,
        lambda i, w: w[i],
        embedding_samples,
        dtypes=FLOATS,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "embedding: index 2", ints(0, 2), X),
            raises(IndexError, "embedding: index -1", ints(-1), X),
            raises(DTypeError, "embedding", X, X),
            raises(ShapeError, "embedding: weight must be (V, D)", ints(0), np.ones(3)),
        ),
    ),
    Case(
        "one_hot",
        F.one_hot,
        oracle.one_hot,
        lambda d: [
            Sample(d.index(5, 7), 5),
            Sample(d.index(5, 2, 3), num_classes=9),
            Sample(np.array([3, 1])),
            Sample(d.index(5, 0), 5),
        ],
        dtypes=("int64",),
        gradient=False,
        errors=(
            raises(IndexError, "one_hot: index 5", ints(0, 5), 5),
            raises(IndexError, "one_hot", ints(-1), 5),
            raises(DTypeError, "one_hot", X, 5),
            raises(ShapeError, "one_hot", np.zeros(0, np.int64)),
        ),
    ),
    Case(
        "getitem_arrays",
        lambda x, key: x[key],
        by_numpy(lambda x, key: x[key]),
        masks_and_arrays,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(IndexError, "index 2 is out of range", X, ints(2)),
            raises(IndexError, "out of range", X, [0, 2]),
            raises(IndexError, "mask of shape", X, np.ones((3, 3), bool)),
            raises(IndexError, "do not broadcast", X, (ints(0, 1), ints(0, 1, 2))),
            raises(DTypeError, "integers or bools", X, np.ones(2)),
            raises(IndexError, "too many indices", X, (ints(0), ints(0), ints(0))),
        ),
        covers=("getitem",),
    ),
    Case(
        "setitem",
        assign,
        assign,
        assignments,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "does not broadcast", X, 0, np.ones(2)),
            raises(IndexError, "out of range", X, 2, 1.0),
        ),
    ),
    Case(
        "nonzero",
        tg.nonzero,
        np.argwhere,
        lambda d: [
            Sample(d.zeros_and_ones(4, 5)),
            Sample(d.array([0, 0])),
            Sample(d.normal(0)),
        ],
        dtypes=ANY,
        result="int64",
        gradient=False,
        host=ON_HOST,
    ),
    Case(
        "argwhere",
        tg.argwhere,
        np.argwhere,
        lambda d: [Sample(d.zeros_and_ones(4, 5)), Sample(d.normal(0)), Sample(d.array(1))],
        dtypes=ANY,
        result="int64",
        gradient=False,
        host=ON_HOST,
    ),
    Case(
        "masked_select",
        tg.masked_select,
        lambda x, mask: np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape))[
            np.broadcast_to(mask, np.broadcast_shapes(x.shape, mask.shape))
        ],
        lambda d: [
            Sample(d.normal(4, 5), d.mask(4, 5)),
            Sample(d.normal(4, 5), d.mask(5)),
            Sample(d.normal(3), np.zeros(3, bool)),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        host=ON_HOST,
        errors=(raises(DTypeError, "masked_select: the mask must be bool", X, X),),
    ),
    Case(
        "tril",
        tg.tril,
        np.tril,
        lambda d: [
            Sample(d.normal(4, 5)),
            Sample(permuted(d.normal(2, 5, 4)), -1),
            Sample(d.normal(3, 3), 2),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(ShapeError, "tril: needs at least two dims", np.ones(3)),),
    ),
    Case(
        "triu",
        tg.triu,
        np.triu,
        lambda d: [
            Sample(d.normal(4, 5)),
            Sample(permuted(d.normal(2, 5, 4)), -1),
            Sample(d.normal(3, 3), 2),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(ShapeError, "triu: needs at least two dims", np.ones(3)),),
    ),
]
