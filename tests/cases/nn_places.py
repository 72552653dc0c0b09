"""Cases of grids, further pools, bags of rows, label sequences and further losses.

User side: functional/{sampling,pool_more,embedding,sequence_loss,loss_more}.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from oracle import nn, places
from scipy.spatial.distance import pdist
from scipy.special import log_softmax

import tinygrad_cl.nn.functional as F
from cases.core import Case, Const, Draw, Sample, raises, tie
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

LOOSE = {"float32": (2e-5, 1e-5), "float16": (2e-2, 2e-2)}
WIDE = ("float32", "float64")
ONE = np.ones((1, 1, 3))
IMAGE = np.ones((1, 1, 3, 3))


def off_grid(d: Draw, *shape: int) -> np.ndarray:
    """Places between pixels: at these there is no corner."""
    fine = d.rng.integers(-9, 10, shape) / 8 + d.rng.uniform(0.012, 0.05, shape)
    return fine.astype(d.dtype)


def grids(d: Draw) -> Iterator[Sample]:
    """The gradients of the other modes are compared with PyTorch's: their kernels are large."""
    yield Sample(d.normal(1, 2, 3, 4), off_grid(d, 1, 2, 2, 2))
    places = [("border", False), ("reflection", True), ("reflection", False)]
    for padding, aligned in places:
        options: dict[str, Any] = {"padding_mode": padding, "align_corners": aligned, "grad": False}
        yield Sample(d.normal(1, 2, 4, 5), off_grid(d, 1, 3, 2, 2), **options)
    bicubic: dict[str, Any] = {"mode": "bicubic", "padding_mode": "border", "grad": False}
    yield Sample(d.normal(1, 2, 4, 5), off_grid(d, 1, 3, 2, 2), **bicubic)
    yield Sample(d.normal(1, 2, 4, 5), off_grid(d, 1, 3, 2, 2), mode="nearest", grad=False)
    yield Sample(d.normal(2, 1, 3, 4, 5), off_grid(d, 2, 3, 1, 2, 3), grad=False)


def unpool(d: Draw, dims: int) -> Iterator[Sample]:
    size = (2,) * dims
    count = 4**dims
    where = d.rng.permuted(np.tile(np.arange(count), (2, 3, 1)), axis=2)[..., : 2**dims]
    yield Sample(d.normal(2, 3, *size), where.reshape(2, 3, *size), 2)
    yield Sample(d.normal(2, 3, *size), where.reshape(2, 3, *size), 2, output_size=(5,) * dims)


def fractional(d: Draw, dims: int) -> Iterator[Sample]:
    sizes = (7, 6, 5)[:dims]
    draws = Const(np.float64(d.rng.random((2, 3, dims))))
    yield Sample(d.distinct(2, 3, *sizes), 2, (3,) * dims, _random_samples=draws)
    options: dict[str, Any] = {"output_ratio": 0.5, "return_indices": True}
    yield Sample(d.distinct(2, 3, *sizes), 2, **options, _random_samples=draws)


def bags(d: Draw) -> Iterator[Sample]:
    line = d.index(6, 7)
    padding = int(line[0])
    for mode in ("sum", "mean", "max"):
        yield Sample(d.index(6, 3, 4), d.distinct(6, 3), mode=mode, grad=False)
        offsets = np.array([0, 2, 2, 5])
        grad = mode == "max"
        yield Sample(line, d.distinct(6, 3), offsets, mode=mode, padding_idx=padding, grad=grad)
    options: dict[str, Any] = {"mode": "sum", "include_last_offset": True, "grad": False}
    yield Sample(line, d.normal(6, 3), np.array([0, 3, 7]), **options)
    yield Sample(d.index(6, 2, 3), d.normal(6, 3), mode="sum", per_sample_weights=d.normal(2, 3))


def sequences(d: Draw) -> Iterator[Sample]:
    def scores(t: int, n: int) -> np.ndarray:
        return log_softmax(d.normal(t, n, 3), axis=2).astype(d.dtype)

    labels = np.array([[1, 2], [2, 2], [1, 0]])
    yield Sample(scores(3, 2), labels[:2], (3, 2), (2, 1))
    yield Sample(scores(5, 3), labels, (5, 4, 3), (2, 2, 1), grad=False)
    yield Sample(scores(4, 3), labels, (4, 4, 4), (2, 2, 0), reduction="none", grad=False)
    yield Sample(scores(3, 3), labels, (3, 2, 3), (2, 2, 1), 0, "sum", True, grad=False)
    yield Sample(scores(2, 1), labels[1:2], (2,), (2,), reduction="none", grad=False)


def log_cosh(x: Any, t: Any, reduction: str = "mean") -> Any:
    return nn.reduced(np.logaddexp(x - t, t - x) - np.log(2), reduction)


def rows(x: Any, w: Any, t: Any, linear_bias: Any = None, **options: Any) -> Any:
    logits = np.einsum("nf,c...f->nc...", x, w)
    return nn.cross_entropy(logits if linear_bias is None else logits + linear_bias, t, **options)


CASES = [
    Case(
        "affine_grid",
        F.affine_grid,
        places.affine_grid,
        lambda d: [
            Sample(d.normal(2, 2, 3), (2, 1, 3, 4), align_corners=True, grad=False),
            Sample(d.normal(2, 2, 3), (2, 1, 3, 1), grad=False),
            Sample(d.normal(1, 3, 4), (1, 1, 2, 3, 2)),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "needs theta", np.ones((2, 3)), (1, 1, 2, 2)),),
    ),
    Case(
        "grid_sample",
        F.grid_sample,
        places.grid_sample,
        grids,
        dtypes=WIDE,
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "needs input (N, C, H, W)", IMAGE, np.ones((1, 2, 2, 3))),
            raises(ArgumentError, "mode must be", IMAGE, np.ones((1, 2, 2, 2)), mode="cubic"),
        ),
    ),
    *(
        Case(
            f"lp_pool{n}d",
            getattr(F, f"lp_pool{n}d"),
            places.lp_pool,
            lambda d, n=n: [
                Sample(d.uniform(0.5, 2, 2, 3, *(5,) * n), 2.0, 2, grad=False),
                Sample(d.uniform(0.5, 2, 1, 2, *(4,) * n), 3.0, 3, 1),
            ],
            dtypes=WIDE,
            tolerances=LOOSE,
        )
        for n in (1, 2, 3)
    ),
    *(
        Case(
            f"max_unpool{n}d",
            getattr(F, f"max_unpool{n}d"),
            places.max_unpool,
            lambda d, n=n: unpool(d, n),
            errors=(
                raises(ShapeError, "indices of its shape", ONE, np.zeros((1, 1, 2), np.int64), 2),
            ),
        )
        for n in (1, 2, 3)
    ),
    *(
        Case(
            f"fractional_max_pool{n}d",
            getattr(F, f"fractional_max_pool{n}d"),
            places.fractional_max_pool,
            lambda d, n=n: fractional(d, n),
            dtypes=WIDE,
            errors=(raises(ArgumentError, "one of them", np.ones((1, 1, *(4,) * n)), 2),),
        )
        for n in (2, 3)
    ),
    Case(
        "embedding_bag",
        F.embedding_bag,
        places.embedding_bag,
        bags,
        tolerances=LOOSE,
        errors=(
            raises(ArgumentError, "mode must be", np.ones((1, 1), np.int64), ONE[0], mode="min"),
            raises(ShapeError, "or (N) with offsets", np.ones(2, np.int64), ONE[0]),
            raises(ArgumentError, "must begin with 0", np.ones(2, np.int64), ONE[0], (1,)),
        ),
    ),
    Case(
        "ctc_loss",
        F.ctc_loss,
        places.ctc,
        sequences,
        dtypes=WIDE,
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "log_probs must be", np.ones(3), np.ones((1, 1)), (1,), (1,)),
            raises(ArgumentError, "out of range", ONE, np.ones((1, 1), np.int64), (2,), (1,)),
            raises(ArgumentError, "must be classes", ONE, np.full((1, 1), 9), (1,), (1,)),
        ),
    ),
    Case(
        "log_cosh_loss",
        F.log_cosh_loss,
        log_cosh,
        lambda d: [
            Sample(d.normal(3, 17), d.normal(3, 17)),
            Sample(d.array([1000.0, -1000.0, 0.0]), d.array([0.0, 0.0, 0.0]), reduction="none"),
            Sample(d.array([1e-3, 0.99, 1.01]), d.array([0.0, 0.0, 0.0]), reduction="sum"),
        ],
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "must have the same shape", np.ones(3), np.ones(2)),
            raises(DTypeError, "reduction must be", np.ones(3), np.ones(3), reduction="all"),
        ),
        ties=(
            tie(
                np.array([0.0, 1e3, -1e3]),
                Const(np.zeros(3)),
                reduction="sum",
                gradients=([0.0, 1.0, -1.0],),
            ),
        ),
    ),
    Case(
        "linear_cross_entropy",
        F.linear_cross_entropy,
        rows,
        lambda d: [
            Sample(d.normal(4, 3), d.normal(5, 3), d.index(5, 4), grad=False),
            Sample(d.normal(4, 3), d.normal(5, 2, 3), d.index(5, 4, 2), linear_bias=d.normal(5, 2)),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "linear_weight must be", ONE[0], np.ones(3), np.ones(1)),),
    ),
    Case(
        "pdist",
        F.pdist,
        lambda x, p=2.0: pdist(x, "minkowski", p=p) if p < np.inf else pdist(x, "chebyshev"),
        lambda d: [
            Sample(d.distinct(5, 3)),
            Sample(d.distinct(4, 3), 1.0, grad=False),
            Sample(d.distinct(4, 3), float("inf"), grad=False),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "needs (N, D)", np.ones(3)),),
    ),
]
