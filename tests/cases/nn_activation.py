"""Cases of further activations.   User side: functional/piecewise.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

import tinygrad_cl.nn.functional as F
from cases.core import EXACT, Case, Sample, permuted, raises, tie
from cases.nn import LOOSE, activation, along
from tinygrad_cl.errors import ArgumentError, ShapeError

INF, NAN = float("inf"), float("nan")
X = np.ones((2, 3))


def exact(name: str, meaning: Any, *more: dict[str, Any], **options: Any) -> Case:
    return activation(name, meaning, *more, tolerances=EXACT, **options)


def celu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def prelu(x: Any, w: Any) -> Any:
    around = (1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (-1,) * x.ndim
    return np.where(x > 0, x, x * w.reshape(around))


CASES = [
    activation(
        "hardsigmoid",
        lambda x: np.clip(x / 6 + 0.5, 0, 1),
        ties=(tie(np.array([-3.0, 3.0]), gradients=([0.0, 0.0],)),),
    ),
    activation(
        "hardswish",
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        ties=(tie(np.array([-3.0, 0.0, 3.0]), gradients=([0.0, 0.5, 1.0],)),),
        tolerances=LOOSE | {"float16": (4e-3, 4e-3)},
    ),
    exact(
        "hardshrink",
        lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0),
        {"lambd": 1.25},
        ties=(tie(np.array([-0.5, 0.5, 0.75, NAN]), gradients=([0.0, 0.0, 1.0, 0.0],)),),
    ),
    activation(
        "softshrink",
        lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
        {"lambd": 1.25},
        errors=(raises(ArgumentError, "lambd must not be negative", X, -1.0),),
        ties=(tie(np.array([-0.5, 0.5, 0.75, NAN]), gradients=([0.0, 0.0, 1.0, 0.0],)),),
    ),
    activation("tanhshrink", lambda x: x - np.tanh(x)),
    Case(
        "threshold",
        F.threshold,
        lambda x, threshold, value: np.where(x <= threshold, value, x),
        lambda d: [
            Sample(d.away(3, 17), 0.1, 20.0),
            Sample(permuted(d.away(4, 6)), -0.1, -3.5),
            Sample(d.away(), 0, 1),
            Sample(d.array([np.nan, np.inf, -np.inf]), 0, 1, grad=False),
        ],
        tolerances=EXACT,
        ties=(tie(np.array([1.0, 2.0]), 1.0, 0.0, gradients=([0.0, 1.0],)),),
    ),
    activation(
        "celu",
        celu,
        {"alpha": 0.5},
        {"alpha": -2.0},
        errors=(raises(ArgumentError, "alpha must not be 0", X, 0.0),),
        ties=(tie(np.array([0.0, INF, -INF, NAN]), gradients=([1.0, 1.0, 0.0, 1.0],)),),
    ),
    Case(
        "prelu",
        F.prelu,
        prelu,
        lambda d: [
            Sample(d.away(2, 3, 5), d.normal(3)),
            Sample(d.away(2, 3), d.normal(3)),
            Sample(permuted(d.away(4, 6)), d.normal(1)),
            Sample(d.away(5), d.normal(1)),
            Sample(d.away(), d.normal(1)),
            Sample(d.away(0, 3), d.normal(3), grad=False),
        ],
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "must hold 1 number, or 3", X, np.ones(2)),
            raises(ShapeError, "prelu", X, np.ones((1, 3))),
        ),
        ties=(
            tie(
                np.array([0.0, -1.0, np.inf]),
                np.array([0.25]),
                gradients=([0.25, 0.25, 1.0], [-1.0]),
            ),
        ),
    ),
    Case(
        "rrelu",
        F.rrelu,
        lambda x, lower=1 / 8, upper=1 / 3: np.where(x > 0, x, x * (lower + upper) / 2),
        lambda d: [Sample(d.away(3, 17)), Sample(d.away(5), 0.25, 0.75), Sample(d.away())],
        tolerances=LOOSE,
        errors=(raises(ArgumentError, "must not be above upper", X, 0.5, 0.25),),
    ),
    Case(
        "glu",
        F.glu,
        lambda x, dim=-1: np.split(x, 2, dim)[0] * special.expit(np.split(x, 2, dim)[1]),
        lambda d: [
            Sample(d.normal(3, 18)),
            Sample(d.normal(4, 6), dim=0),
            Sample(permuted(d.normal(4, 6, 2)), dim=1),
            Sample(d.normal(0, 4), grad=False),
        ],
        tolerances=LOOSE,
        errors=(
            raises(ShapeError, "must be even", X),
            raises(ShapeError, "zero-dimensional", np.ones(())),
            raises(ShapeError, "out of range", X, dim=2),
        ),
    ),
    Case(
        "softmin",
        F.softmin,
        lambda x, dim: special.softmax(-x, axis=dim) if x.ndim else np.ones(()),
        along,
        tolerances=LOOSE,
    ),
]
