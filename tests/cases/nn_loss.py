"""Cases of further losses.   User side: functional/{margin_loss,distance}.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from oracle import margins, nn

import tinygrad_cl.nn.functional as F
from cases.core import Case, Const, Draw, Sample, permuted, raises, tie
from cases.nn import SHAPES
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

LOOSE = {"float32": (2e-5, 5e-6), "float16": (6e-3, 6e-3)}
REDUCTION = raises(DTypeError, "reduction must be", np.ones(3), np.ones(3), reduction="all")
SCORES = np.ones((2, 3))
VECTORS = np.ones((2, 3))


def signs(d: Draw, *shape: int) -> Const:
    return Const(np.where(d.rng.random(shape) < 0.5, 1, -1).astype(d.dtype))


def signed(*options: dict[str, Any]) -> Callable[[Draw], Iterator[Sample]]:
    """Samples with targets 1 and -1."""

    def samples(d: Draw) -> Iterator[Sample]:
        yield Sample(d.normal(3, 17), signs(d, 3, 17))
        yield Sample(permuted(d.normal(4, 6)), signs(d, 4, 6), reduction="none")
        yield Sample(d.normal(), signs(d))
        for keywords in options:
            yield Sample(d.normal(3, 5), signs(d, 3, 5), **keywords)

    return samples


def classes(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(5, 7), d.index(7, 5))
    yield Sample(d.normal(5, 7), d.index(7, 5), p=2, margin=0.3, reduction="none")
    yield Sample(d.normal(5, 7), d.index(7, 5), weight=Const(d.uniform(0.5, 2, 7)))
    yield Sample(d.normal(7), d.index(7), reduction="sum")


def labels(d: Draw) -> Iterator[Sample]:
    t = np.array([[1, 2, -1, 0], [-1, 3, 3, 3], [0, 1, 2, 3], [2, 2, -1, -1]])
    yield Sample(d.normal(4, 4), t)
    yield Sample(d.normal(4, 4), t.astype(np.int32), reduction="none")
    yield Sample(d.normal(4), t[0], reduction="sum")


def means(d: Draw) -> Iterator[Sample]:
    def var(*shape: int) -> np.ndarray:
        return d.uniform(0.5, 2, *shape)

    yield Sample(d.normal(3, 5), d.normal(3, 5), var(3, 5))
    yield Sample(d.normal(3, 5), d.normal(3, 5), var(3, 1), full=True, reduction="none")
    yield Sample(d.normal(3, 5), d.normal(5), var(3), reduction="sum")
    yield Sample(d.normal(3, 5), d.normal(3, 5), 0.7)
    yield Sample(d.normal(3, 5), d.normal(3, 5), Const(d.uniform(0, 1, 3, 5)), eps=0.5)


def three(d: Draw) -> Iterator[Sample]:
    def draw() -> tuple[np.ndarray, ...]:
        return d.normal(4, 5), d.normal(4, 5), d.normal(4, 5)

    yield Sample(*draw())
    yield Sample(*draw(), swap=True, reduction="none")
    yield Sample(*draw(), margin=3.0, reduction="sum")
    yield Sample(d.normal(5), d.normal(5), d.normal(5))


CASES = [
    Case(
        "poisson_nll_loss",
        F.poisson_nll_loss,
        margins.poisson_nll,
        lambda d: [
            Sample(d.normal(3, 17), Const(d.uniform(0, 5, 3, 17))),
            Sample(d.normal(3, 5), Const(d.uniform(0, 5, 5)), full=True, reduction="none"),
            Sample(d.uniform(0.5, 3, 3, 5), d.uniform(1.1, 5, 3, 5), False, True, reduction="sum"),
        ],
        tolerances=LOOSE,
        errors=(REDUCTION,),
    ),
    Case(
        "gaussian_nll_loss",
        F.gaussian_nll_loss,
        margins.gaussian_nll,
        means,
        # The gradient is that of the formula at the clamped variance, as in PyTorch.
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "var (3,) must have", SCORES, SCORES, np.ones(3)),
            raises(ArgumentError, "var must not be negative", SCORES, SCORES, -1.0),
            raises(ArgumentError, "eps must be positive", SCORES, SCORES, 1.0, eps=0.0),
        ),
    ),
    Case(
        "soft_margin_loss",
        F.soft_margin_loss,
        lambda x, t, reduction="mean": nn.reduced(np.logaddexp(0, -t * x), reduction),
        signed({"reduction": "sum"}),
        tolerances=LOOSE,
        errors=SHAPES,
    ),
    Case(
        "hinge_embedding_loss",
        F.hinge_embedding_loss,
        margins.hinge_embedding,
        signed({"margin": 0.3}),
        tolerances=LOOSE,
        errors=(REDUCTION,),
        ties=(
            tie(
                np.array([1.0, 0.0, 3.0]),
                Const(np.array([-1.0, 1.0, -1.0])),
                reduction="sum",
                gradients=([-1.0, 1.0, 0.0],),
            ),
        ),
    ),
    Case(
        "margin_ranking_loss",
        F.margin_ranking_loss,
        margins.ranking,
        lambda d: [
            Sample(d.normal(3, 17), d.normal(3, 17), signs(d, 3, 17)),
            Sample(d.normal(3, 5), d.normal(1, 5), signs(d, 3, 1), margin=0.3, reduction="none"),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "equally many dims", SCORES, SCORES, np.ones(3)),),
        ties=(
            tie(
                np.array([1.0, 0.0]),
                np.array([1.0, 0.0]),
                Const(np.array([1.0, -1.0])),
                reduction="sum",
                gradients=([-1.0, 1.0], [1.0, -1.0]),
            ),
        ),
    ),
    Case(
        "multi_margin_loss",
        F.multi_margin_loss,
        margins.multi_margin,
        classes,
        tolerances=LOOSE,
        errors=(
            raises(ArgumentError, "p must be 1 or 2", SCORES, np.array([0, 1]), p=3),
            raises(ShapeError, "needs input (N, C)", SCORES, np.array([0])),
            raises(DTypeError, "must be integers", SCORES, np.ones(2)),
            raises(ShapeError, "weight must be (3,)", SCORES, np.array([0, 1]), weight=np.ones(2)),
            raises(IndexError, "multi_margin_loss: index 3", SCORES, np.array([0, 3])),
        ),
        ties=(
            tie(
                np.array([[1.0, 0.0, 0.5]]),
                np.array([0]),
                gradients=([[-1 / 3, 0.0, 1 / 3]],),
            ),
        ),
    ),
    Case(
        "multilabel_margin_loss",
        F.multilabel_margin_loss,
        margins.multilabel_margin,
        labels,
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "of one shape", SCORES, np.array([0, 1])),
            raises(DTypeError, "must be integers", SCORES, SCORES),
            raises(IndexError, "multilabel_margin_loss", SCORES, np.full((2, 3), 3)),
        ),
        ties=(tie(np.array([[0.5, 0.5, 1.5]]), np.array([[2, -1, 1]]), gradients=([[0.0] * 3],)),),
    ),
    Case(
        "multilabel_soft_margin_loss",
        F.multilabel_soft_margin_loss,
        margins.multilabel_soft_margin,
        lambda d: [
            Sample(d.normal(3, 17), Const(d.uniform(0, 1, 3, 17))),
            Sample(d.normal(3, 5), d.uniform(0, 1, 3, 5), Const(d.uniform(0.5, 2, 5))),
            Sample(d.normal(5), Const(d.uniform(0, 1, 5)), reduction="none"),
        ],
        tolerances=LOOSE,
        errors=(*SHAPES, raises(ShapeError, "dim of classes", np.ones(()), np.ones(()))),
    ),
    Case(
        "pairwise_distance",
        F.pairwise_distance,
        margins.distance,
        lambda d: [
            Sample(d.normal(3, 17), d.normal(3, 17)),
            Sample(d.normal(3, 5), d.normal(5), p=1.0, keepdim=True),
            Sample(d.normal(5), d.normal(5), p=3.0),
            Sample(d.distinct(3, 5), d.normal(3, 5), p=float("inf")),
            Sample(d.normal(0, 5), d.normal(0, 5), grad=False),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "at least one dim", np.ones(()), np.ones(())),),
    ),
    Case(
        "cosine_embedding_loss",
        F.cosine_embedding_loss,
        margins.cosine_embedding,
        lambda d: [
            Sample(d.normal(5, 7), d.normal(5, 7), signs(d, 5), margin=-0.9),
            Sample(d.normal(7), d.normal(7), np.array(1), reduction="none"),
        ],
        tolerances=LOOSE,
        errors=(raises(ShapeError, "(N, D) and target (N)", VECTORS, VECTORS, VECTORS),),
    ),
    Case(
        "triplet_margin_loss",
        F.triplet_margin_loss,
        margins.triplet,
        three,
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "equally many dims", VECTORS, VECTORS, np.ones(3)),
            raises(ArgumentError, "margin", VECTORS, VECTORS, VECTORS, margin=-1.0),
        ),
    ),
    Case(
        "triplet_margin_with_distance_loss",
        F.triplet_margin_with_distance_loss,
        lambda *a, distance_function=None, **k: margins.triplet(
            *a, **k, **({"p": 1, "eps": 0.0} if distance_function else {})
        ),
        lambda d: [
            *three(d),
            Sample(
                d.normal(4, 5),
                d.normal(4, 5),
                d.normal(4, 5),
                distance_function=lambda a, b: (a - b).abs().sum(-1),
            ),
        ],
        tolerances=LOOSE,
    ),
]
