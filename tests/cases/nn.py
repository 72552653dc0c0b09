"""Cases of activations, norms and losses.   User side: functional/{activation,norm,loss}.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import oracle
from scipy import special

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from cases.core import INTS, Case, Const, Draw, Sample, Tie, permuted, raises, sliced, tie
from cases.elementwise import unary
from tinygrad_cl.errors import DTypeError, ShapeError

INF, NAN = float("inf"), float("nan")
LOOSE = {"float32": (1e-5, 2e-6), "float16": (4e-3, 2e-3)}
far = (0.0, 1e3, -1e3, 6e4, -6e4, 30.0, -30.0)


def activation(
    name: str,
    meaning: Callable[..., Any],
    *more: dict[str, Any],
    specials: tuple[float, ...] = far,
    **options: Any,
) -> Case:
    """An activation with its default arguments; `more` are others."""
    function = getattr(F, name)

    def samples(d: Draw) -> Iterator[Sample]:
        yield from plain.samples(d)
        for keywords in more:
            yield Sample(d.normal(3, 17), **keywords)

    plain = unary(name, function, meaning, specials=specials, draw=Draw.away)
    return Case(name, function, meaning, samples, **{"tolerances": LOOSE} | options)


def along(d: Draw) -> Iterator[Sample]:
    """Samples for functions over a dim."""
    yield Sample(d.normal(3, 17), dim=1)
    yield Sample(d.normal(3, 17), dim=0)
    yield Sample(d.normal(2, 3, 5), dim=-2)
    yield Sample(permuted(d.normal(4, 6)), dim=0)
    yield Sample(d.normal(), dim=0)
    yield Sample(d.normal(0, 3), dim=1, grad=False)
    yield Sample(d.array([[1e3, 1e3, -1e3], [-6e4, 0.0, 6e4]]), dim=1, grad=False)
    yield Sample(d.array([[0.0, -INF, 1.0], [NAN, 0.0, 1.0]]), dim=1, grad=False)


def probabilities(d: Draw, *shape: int) -> np.ndarray:
    p = d.rng.random(shape) + 0.1
    return (p / p.sum(1 if p.ndim > 1 else 0, keepdims=True)).astype(d.dtype)


def class_samples(d: Draw) -> Iterator[Sample]:
    """Samples of losses with class indices."""
    n = d.normal
    yield Sample(n(5, 7), d.index(7, 5))
    yield Sample(n(17, 10), d.index(10, 17), reduction="sum")
    yield Sample(n(5, 7), d.index(7, 5), reduction="none")
    yield Sample(n(7), d.index(7))
    yield Sample(n(2, 4, 3, 5), d.index(4, 2, 3, 5))
    yield Sample(n(5, 7), d.index(7, 5), Const(d.uniform(0.5, 2, 7)))
    yield Sample(n(5, 7), np.array([1, -100, 3, -100, 0]))
    yield Sample(n(5, 7), np.array([1, 2, 3, 2, 0]), ignore_index=2, reduction="none")
    yield Sample(permuted(n(5, 7)), d.index(7, 5).astype(np.int32))
    yield Sample(n(5, 7), np.full(5, -100), grad=False)


def cross_entropy_samples(d: Draw) -> Iterator[Sample]:
    yield from class_samples(d)
    yield Sample(d.normal(5, 7), d.index(7, 5), label_smoothing=0.2)
    yield Sample(
        d.normal(5, 7),
        np.array([1, -100, 3, 4, 0]),
        Const(d.uniform(0.5, 2, 7)),
        label_smoothing=0.1,
    )
    yield Sample(d.normal(5, 7), probabilities(d, 5, 7))
    yield Sample(
        d.normal(2, 4, 3), probabilities(d, 2, 4, 3), reduction="none", label_smoothing=0.1
    )
    yield Sample(
        d.normal(5, 7), probabilities(d, 5, 7), Const(d.uniform(0.5, 2, 7)), reduction="sum"
    )
    yield Sample(d.array([[1e3, -1e3], [6e4, 0.0]]), np.array([1, 0]), reduction="none", grad=False)


def distances(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17), d.normal(3, 17))
    yield Sample(d.normal(3, 17), d.normal(3, 17), reduction="sum")
    yield Sample(permuted(d.normal(4, 6)), sliced(d.normal(4, 6)), reduction="none")
    yield Sample(d.normal(), d.normal())


def bce_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.uniform(0.1, 0.9, 3, 17), Const(d.uniform(0, 1, 3, 17)))
    yield Sample(d.uniform(0.1, 0.9, 5), Const(d.uniform(0, 1, 5)), reduction="sum")
    yield Sample(
        d.uniform(0.1, 0.9, 3, 5),
        Const(d.uniform(0, 1, 3, 5)),
        Const(d.uniform(0.5, 2, 5)),
        reduction="none",
    )
    yield Sample(
        d.array([0.0, 1.0, 0.0, 1.0]), Const(d.array([0, 1, 1, 0])), reduction="none", grad=False
    )


def bce_logit_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(3, 17), Const(d.uniform(0, 1, 3, 17)))
    yield Sample(d.normal(5), Const(d.uniform(0, 1, 5)), reduction="sum")
    yield Sample(
        d.normal(3, 5), Const(d.uniform(0, 1, 3, 5)), Const(d.uniform(0.5, 2, 5)), reduction="none"
    )
    yield Sample(
        d.normal(3, 5), Const(d.uniform(0, 1, 3, 5)), pos_weight=Const(d.uniform(0.5, 3, 5))
    )
    yield Sample(
        d.array([1e3, -1e3, 1e3, -1e3]), Const(d.array([1, 0, 0, 1])), reduction="none", grad=False
    )
    ends, targets = d.array([INF, INF, -INF, -INF]), d.array([0, 0.5, 0.5, 1])
    yield Sample(ends, targets, reduction="none", grad=False)
    yield Sample(ends, targets, pos_weight=d.array(3), reduction="none", grad=False)


def infinite_difference(slope: float, **keywords: float) -> Tie:
    """A distance from infinity: the gradient is that of the straight part."""
    return tie(
        np.array([INF, -INF, 0.0, 0.0]),
        np.array([0.0, 1.0, INF, 0.0]),
        reduction="sum",
        gradients=([slope, -slope, -slope, 0.0], [-slope, slope, slope, 0.0]),
        **keywords,
    )


def with_options(*options: dict[str, Any]) -> Callable[[Draw], Iterator[Sample]]:
    def samples(d: Draw) -> Iterator[Sample]:
        yield from distances(d)
        for keywords in options:
            yield Sample(d.normal(3, 17), d.normal(3, 17), **keywords)

    return samples


def norm_oracle(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    a = np.abs(x)
    if p == INF:
        return oracle.over(np.max)(a, dim, keepdim)
    total = oracle.over(np.sum)(a**p if p else (a > 0) * 1.0, dim, keepdim)
    return total ** (1 / p) if p else total


def batch_norm_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    mean, var = Const(n(3)), Const(d.uniform(0.5, 2, 3))
    yield Sample(n(6, 3), mean, var, n(3), n(3))
    yield Sample(n(2, 3, 4, 5), mean, var, n(3), n(3))
    yield Sample(n(2, 3, 4, 5), None, None, n(3), n(3), training=True)
    yield Sample(n(7, 3), None, None, training=True)
    yield Sample(permuted(n(2, 3, 5)), None, None, n(3), None, training=True, eps=1e-3)


def running(x: Any, mean: Any, var: Any, momentum: float) -> Any:
    """The running statistics after a batch."""
    mean, var = mean.clone(), var.clone()
    F.batch_norm(x, mean, var, training=True, momentum=momentum)
    return mean, var


def running_oracle(x: Any, mean: Any, var: Any, momentum: float) -> Any:
    axes = (0, *range(2, x.ndim))
    batch = x.mean(axes), x.var(axes, ddof=1)
    return tuple(
        (1 - momentum) * old + momentum * new for old, new in zip((mean, var), batch, strict=True)
    )


SHAPES = (
    raises(ShapeError, "must have the same shape", np.ones((3, 1)), np.ones(3)),
    raises(DTypeError, "reduction must be", np.ones(3), np.ones(3), reduction="average"),
)
LOGITS = np.ones((2, 3))


def bad_classes(name: str) -> tuple[Any, ...]:
    return (
        raises(IndexError, f"{name}: index 3", LOGITS, np.array([0, 3])),
        raises(IndexError, name, LOGITS, np.array([0, -1])),
        raises(ShapeError, "use target.squeeze(1)", LOGITS, np.array([[0], [1]])),
        raises(ShapeError, "needs class indices of shape (2,)", LOGITS, np.array([0, 1, 2])),
        raises(DTypeError, "must be integers", LOGITS, np.ones(2)),
        raises(ShapeError, "weight must be (3,)", LOGITS, np.array([0, 1]), np.ones(2)),
        raises(DTypeError, "reduction must be", LOGITS, np.array([0, 1]), reduction="all"),
    )


CASES = [
    # --- activations
    activation(
        "leaky_relu",
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        {"negative_slope": 0.2},
    ),
    activation(
        "relu6",
        lambda x: np.clip(x, 0, 6),
        ties=(tie(np.array([0.0, 6.0, 3.0, NAN]), gradients=([0.0, 0.0, 1.0, 0.0],)),),
    ),
    activation(
        "hardtanh",
        lambda x, min_val=-1, max_val=1: np.clip(x, min_val, max_val),
        {"min_val": -0.5, "max_val": 2},
        ties=(tie(np.array([-1.0, 1.0, 0.0, NAN]), gradients=([0.0, 0.0, 1.0, 0.0],)),),
    ),
    Case(
        "hardtanh_of_integers",
        F.hardtanh,
        np.clip,
        lambda d: [Sample(d.normal(3, 17), 0, 4)],
        dtypes=INTS,
        gradient=False,
        covers=("hardtanh",),
    ),
    activation(
        "elu",
        oracle.elu,
        {"alpha": 0.5},
        ties=(tie(np.array([0.0, -0.0, INF, -INF, NAN]), gradients=([1.0, 1.0, 1.0, 0.0, 1.0],)),),
    ),
    activation("selu", lambda x: 1.0507009873554805 * oracle.elu(x, 1.6732632423543772)),
    activation(
        "gelu",
        oracle.gelu,
        {"approximate": "tanh"},
        errors=(raises(DTypeError, "approximate", np.ones(2), "fast"),),
    ),
    activation("silu", lambda x: x * special.expit(x)),
    activation(
        "softplus",
        oracle.softplus,
        {"beta": 2.0},
        {"beta": 0.5, "threshold": 2.0},
        specials=(*far, INF, -INF, NAN),
        ties=(
            tie(np.array([INF, -INF, 0.0]), gradients=([1.0, 0.0, 0.5],)),
            tie(np.array([INF, -INF, 0.0]), 2.0, 5.0, gradients=([1.0, 0.0, 0.5],)),
        ),
    ),
    activation("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), specials=(*far, INF, NAN)),
    activation(
        "logsigmoid",
        special.log_expit,
        specials=(*far, INF, -INF, NAN),
        ties=(tie(np.array([INF, -INF, 0.0]), gradients=([0.0, 1.0, 0.5],)),),
    ),
    activation("softsign", lambda x: x / (1 + np.abs(x))),
    Case(
        "softmax",
        F.softmax,
        lambda x, dim: special.softmax(x, axis=dim) if x.ndim else np.ones(()),
        along,
        tolerances=LOOSE,
        errors=(
            raises(DTypeError, "softmax: give the dim", LOGITS),
            raises(ShapeError, "out of range", LOGITS, dim=2),
        ),
    ),
    Case(
        "log_softmax",
        F.log_softmax,
        lambda x, dim: special.log_softmax(x, axis=dim) if x.ndim else np.zeros(()),
        along,
        tolerances=LOOSE,
        errors=(raises(DTypeError, "log_softmax: give the dim", LOGITS),),
    ),
    Case(
        "logsumexp",
        tg.logsumexp,
        lambda x, dim, keepdim=False: np.asarray(special.logsumexp(x, axis=dim, keepdims=keepdim)),
        lambda d: [
            Sample(d.normal(3, 17), 1),
            Sample(d.normal(3, 17), (0, 1)),
            Sample(d.normal(3, 17), 0, keepdim=True),
            Sample(d.array([[1e3, 1e3], [-INF, -INF], [INF, 0.0]]), 1, grad=False),
        ],
        tolerances=LOOSE,
    ),
    # --- norms
    Case(
        "norm",
        tg.norm,
        norm_oracle,
        lambda d: [
            Sample(d.away(3, 17)),
            Sample(d.away(3, 17), dim=1),
            Sample(d.away(3, 17), 1, 0, True),
            Sample(d.away(3, 17), 3, dim=1),
            Sample(d.distinct(3, 17), INF, dim=1),
            Sample(d.away(3, 17), 0, grad=False),
        ],
        tolerances=LOOSE,
        ties=(
            tie(np.zeros(3), gradients=([0.0] * 3,)),
            tie(
                np.array([3.0, 0.0, 4.0]),
                3,
                gradients=([(9 / 91 ** (2 / 3)), 0.0, 16 / 91 ** (2 / 3)],),
            ),
            tie(np.zeros(3), 3, gradients=([0.0] * 3,)),
        ),
        errors=(raises(DTypeError, "norm", np.ones(3), "nuc"),),
    ),
    Case(
        "normalize",
        F.normalize,
        lambda x, p=2.0, dim=1, eps=1e-12: x / np.maximum(norm_oracle(x, p, dim, True), eps),
        lambda d: [
            Sample(d.away(3, 17)),
            Sample(d.away(3, 5), p=1.0, dim=0),
            Sample(d.array([[0, 0]]), grad=False),
        ],
        # The smallest length, 1e-12, is 0 in float16.
        dtypes=("float32", "float64"),
        tolerances=LOOSE,
    ),
    Case(
        "cosine_similarity",
        F.cosine_similarity,
        lambda a, b, dim=1: (a * b).sum(dim) / (norm_oracle(a, 2, dim) * norm_oracle(b, 2, dim)),
        lambda d: [
            Sample(d.normal(3, 17), d.normal(3, 17)),
            Sample(d.normal(5), d.normal(5), dim=0),
        ],
        tolerances=LOOSE,
        ties=(  # a length that overflows
            tie(
                np.array([[1e200, 1.0]]),
                np.array([[-1e200, 2.0]]),
                gradients=([[0.0, 0.0]], [[0.0, 0.0]]),
            ),
        ),
    ),
    Case(
        "layer_norm",
        F.layer_norm,
        oracle.layer_norm,
        lambda d: [
            Sample(d.normal(3, 17), (17,), d.normal(17), d.normal(17)),
            Sample(d.normal(2, 3, 5), (3, 5), d.normal(3, 5), d.normal(3, 5)),
            Sample(permuted(d.normal(4, 6)), (6,), eps=1e-3),
        ],
        tolerances={"float32": (2e-5, 1e-5), "float16": (5e-3, 5e-3)},
        errors=(
            raises(ShapeError, "does not end with (4,)", np.ones((2, 3)), (4,)),
            raises(ShapeError, "weight and bias must be (3,)", np.ones((2, 3)), (3,), np.ones(2)),
        ),
    ),
    Case(
        "group_norm",
        F.group_norm,
        oracle.group_norm,
        lambda d: [
            Sample(d.normal(2, 6, 4, 5), 3, d.normal(6), d.normal(6)),
            Sample(d.normal(2, 6, 7), 1),
            Sample(d.normal(3, 4), 2),
        ],
        tolerances={"float32": (2e-5, 1e-5), "float16": (5e-3, 5e-3)},
        errors=(raises(ShapeError, "do not fall into 4 groups", np.ones((2, 6)), 4),),
    ),
    Case(
        "batch_norm",
        F.batch_norm,
        oracle.batch_norm,
        batch_norm_samples,
        tolerances={"float32": (2e-5, 1e-5), "float16": (5e-3, 1e-2)},
        errors=(
            raises(
                ShapeError,
                "more than one value per channel",
                np.ones((1, 3)),
                None,
                None,
                training=True,
            ),
            raises(DTypeError, "running_mean and running_var", np.ones((2, 3)), None, None),
            raises(ShapeError, "running statistics", np.ones((2, 3)), np.ones(2), np.ones(2)),
            raises(ShapeError, "batch_norm: needs (N, C)", np.ones(3), np.ones(3), np.ones(3)),
        ),
    ),
    Case(
        "batch_norm_statistics",
        running,
        running_oracle,
        lambda d: [
            Sample(d.normal(6, 3), d.normal(3), d.uniform(0.5, 2, 3), 0.1),
            Sample(d.normal(2, 3, 4, 5), d.normal(3), d.uniform(0.5, 2, 3), 0.4),
        ],
        tolerances=LOOSE,
        gradient=False,
    ),
    # --- losses
    Case(
        "cross_entropy",
        F.cross_entropy,
        oracle.cross_entropy,
        cross_entropy_samples,
        tolerances=LOOSE,
        errors=(
            *bad_classes("cross_entropy"),
            raises(DTypeError, "label_smoothing", LOGITS, np.array([0, 1]), label_smoothing=2.0),
        ),
    ),
    Case(
        "nll_loss",
        F.nll_loss,
        oracle.nll_loss,
        class_samples,
        tolerances=LOOSE,
        errors=bad_classes("nll_loss"),
    ),
    Case(
        "mse_loss",
        F.mse_loss,
        lambda x, y, reduction="mean": oracle.reduced((x - y) ** 2, reduction),
        distances,
        tolerances=LOOSE,
        errors=SHAPES,
    ),
    Case(
        "l1_loss",
        F.l1_loss,
        lambda x, y, reduction="mean": oracle.reduced(np.abs(x - y), reduction),
        distances,
        tolerances=LOOSE,
        errors=SHAPES,
        ties=(
            tie(
                np.array([1.0, 2.0]),
                np.array([1.0, 1.0]),
                reduction="sum",
                gradients=([0.0, 1.0], [0.0, -1.0]),
            ),
        ),
    ),
    Case(
        "huber_loss",
        F.huber_loss,
        oracle.huber,
        with_options({"delta": 0.3}, {"delta": 2.0, "reduction": "none"}),
        tolerances=LOOSE,
        errors=(
            *SHAPES,
            raises(DTypeError, "delta must be positive", np.ones(2), np.ones(2), delta=0),
        ),
        ties=(infinite_difference(1.0), infinite_difference(2.5, delta=2.5)),
    ),
    Case(
        "smooth_l1_loss",
        F.smooth_l1_loss,
        oracle.smooth_l1,
        with_options({"beta": 0.3}, {"beta": 0.0, "reduction": "none"}),
        tolerances=LOOSE,
        errors=(*SHAPES, raises(DTypeError, "beta", np.ones(2), np.ones(2), beta=-1)),
        ties=(infinite_difference(1.0), infinite_difference(1.0, beta=2.5)),
    ),
    Case(
        "binary_cross_entropy",
        F.binary_cross_entropy,
        oracle.bce,
        bce_samples,
        tolerances=LOOSE,
        errors=SHAPES,
        ties=(
            tie(
                np.array([0.0, 1.0, 0.0, 1.0, 0.5]),
                np.array([0.0, 1.0, 1.0, 0.0, 1.0]),
                reduction="sum",
                gradients=([0.0, 0.0, -1e12, 1e12, -2.0], [100.0, -100.0, 100.0, -100.0, 0.0]),
            ),
        ),
    ),
    Case(
        "binary_cross_entropy_with_logits",
        F.binary_cross_entropy_with_logits,
        oracle.bce_with_logits,
        bce_logit_samples,
        tolerances=LOOSE,
        errors=SHAPES,
        ties=(
            tie(
                np.array([INF, INF, INF, -INF, -INF, -INF, 0.0]),
                np.array([0.0, 1.0, 0.5, 0.0, 1.0, 0.5, 0.5]),
                reduction="sum",
                gradients=([1, 0, 0.5, 0, -1, -0.5, 0], [-INF, -INF, -INF, INF, INF, INF, 0]),
            ),
        ),
    ),
    Case(
        "kl_div",
        F.kl_div,
        lambda x, t, reduction="mean", log_target=False: oracle.reduced(
            np.exp(t) * (t - x) if log_target else special.xlogy(t, t) - t * x, reduction
        ),
        lambda d: [
            Sample(d.normal(3, 5), Const(probabilities(d, 3, 5))),
            Sample(d.normal(3, 5), d.normal(3, 5), reduction="sum", log_target=True),
            Sample(d.normal(3), Const(d.array([0.0, 0.5, 0.5])), reduction="none"),
            Sample(d.normal(3), d.array([0.0, -0.5, NAN]), reduction="none", grad=False),
        ],
        tolerances=LOOSE,
        errors=SHAPES,
        ties=(
            tie(
                np.array([2.0, 2.0]),
                np.array([0.0, 1.0]),
                reduction="sum",
                gradients=([0.0, -1.0], [-2.0, -1.0]),
            ),
        ),
    ),
]
