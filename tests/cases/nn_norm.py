"""Cases of further normalizing layers, attention and shuffles.

User side: functional/{channel_norm,attention,shuffle}.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from oracle import layers

import tinygrad_cl.nn.functional as F
from cases.core import ANY, EXACT, Case, Const, Draw, Sample, permuted, raises
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

NORM = {"float32": (2e-5, 1e-5), "float16": (5e-3, 5e-3)}
X = np.ones((2, 3, 4))


def attention(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3, 4, 5), n(2, 3, 6, 5), n(2, 3, 6, 7))
    yield Sample(n(2, 4, 5), n(2, 6, 5), n(2, 6, 7), is_causal=True, scale=0.3)
    mask = d.mask(4, 6)
    mask[0], mask[1] = True, False  # the second query sees nothing
    yield Sample(n(2, 4, 5), n(2, 6, 5), n(2, 6, 7), mask)
    yield Sample(n(2, 3, 4, 5), n(2, 3, 6, 5), n(2, 3, 6, 7), n(2, 1, 4, 6))
    yield Sample(n(2, 4, 3, 5), n(2, 2, 6, 5), n(2, 2, 6, 7), enable_gqa=True)
    yield Sample(n(3, 4, 5), n(1, 6, 5), n(6, 7))
    yield Sample(n(5, 3), n(7, 3), n(7, 2), is_causal=True)
    yield Sample(permuted(n(3, 4, 2)), permuted(n(3, 4, 2)), n(3, 4, 9), is_causal=True)
    yield Sample(n(1, 2, 70, 5), n(1, 2, 68, 5), n(1, 2, 68, 3), d.mask(1, 1, 1, 68))
    yield Sample(n(2, 4, 5), n(2, 6, 5), n(2, 6, 7), Const(n(4, 6)))
    yield Sample(n(0, 4, 5), n(0, 6, 5), n(0, 6, 7), grad=False)


CASES = [
    Case(
        "instance_norm",
        F.instance_norm,
        layers.instance_norm,
        lambda d: [
            Sample(d.normal(2, 3, 5), weight=d.normal(3), bias=d.normal(3)),
            Sample(permuted(d.normal(2, 3, 4, 5)), eps=1e-3),
            Sample(
                d.normal(2, 3, 4),
                Const(d.normal(3)),
                Const(d.uniform(0.5, 2, 3)),
                use_input_stats=False,
            ),
            Sample(d.normal(0, 3, 4), grad=False),
        ],
        tolerances=NORM,
        errors=(
            raises(ShapeError, "more than one place", np.ones((2, 3))),
            raises(ShapeError, "more than one place", np.ones((2, 3, 1))),
            raises(DTypeError, "running_mean", X, use_input_stats=False),
            raises(ShapeError, "weight must have 3 elements", X, weight=np.ones(2)),
        ),
    ),
    Case(
        "rms_norm",
        F.rms_norm,
        layers.rms_norm,
        lambda d: [
            Sample(d.normal(3, 17), (17,), d.normal(17)),
            Sample(d.normal(2, 3, 5), (3, 5), eps=0.1),
            Sample(permuted(d.normal(4, 5)), (5,)),
            Sample(d.normal(0, 4), (4,), grad=False),
        ],
        tolerances=NORM,
        errors=(
            raises(ShapeError, "does not end with (3,)", X, (3,)),
            raises(ShapeError, "weight must be (4,)", X, (4,), np.ones(3)),
        ),
    ),
    Case(
        "local_response_norm",
        F.local_response_norm,
        layers.local_response_norm,
        lambda d: [
            Sample(d.normal(2, 7, 5), 5, alpha=0.5),
            Sample(d.normal(2, 5, 3, 2), 2, alpha=1.0, beta=0.5, k=2.0),
            Sample(d.normal(2, 3, 2, 2, 2), 4),
            Sample(d.normal(0, 3, 4), 3, grad=False),
        ],
        tolerances=NORM,
        errors=(
            raises(ShapeError, "local_response_norm", np.ones((2, 3)), 2),
            raises(ShapeError, "local_response_norm", X, 0),
        ),
    ),
    Case(
        "scaled_dot_product_attention",
        F.scaled_dot_product_attention,
        layers.attention,
        attention,
        tolerances=NORM,
        errors=(
            raises(ShapeError, "needs query (..., L, E)", X, np.ones((2, 3, 5)), X),
            raises(ShapeError, "needs query (..., L, E)", X, X, np.ones((2, 4, 4))),
            raises(ArgumentError, "not both", X, X, X, np.ones((3, 3)), is_causal=True),
            raises(ShapeError, "does not broadcast to", X, X, X, np.ones((5, 2, 3, 3))),
            raises(ShapeError, "must be a multiple", X, X[:1].repeat(3, 0), X, enable_gqa=True),
        ),
    ),
    Case(
        "bilinear",
        F.bilinear,
        layers.bilinear,
        lambda d: [
            Sample(d.normal(4, 3), d.normal(4, 5), d.normal(6, 3, 5), d.normal(6)),
            Sample(d.normal(2, 4, 3), d.normal(2, 4, 5), d.normal(6, 3, 5)),
            Sample(d.normal(3), d.normal(5), d.normal(6, 3, 5)),
            Sample(d.normal(0, 3), d.normal(0, 5), d.normal(6, 3, 5), grad=False),
        ],
        tolerances={"float32": (2e-5, 1e-5), "float16": (2e-2, 2e-2)},
        errors=(
            raises(ShapeError, "needs inputs (..., I)", X, X, np.ones((1, 4, 3))),
            raises(ShapeError, "needs bias (1,)", X, X, np.ones((1, 4, 4)), np.ones(2)),
        ),
    ),
    Case(
        "pixel_shuffle",
        F.pixel_shuffle,
        layers.pixel_shuffle,
        lambda d: [
            Sample(d.normal(2, 12, 3, 4), 2),
            Sample(permuted(d.normal(9, 3, 4)), 3),
            Sample(d.normal(0, 4, 2, 2), 2, grad=False),
        ],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "not divisible by 2 * 2", X, 2),
            raises(ShapeError, "must be positive", X, 0),
            raises(ShapeError, "(..., C, H, W)", np.ones((2, 3)), 2),
        ),
    ),
    Case(
        "pixel_unshuffle",
        F.pixel_unshuffle,
        layers.pixel_unshuffle,
        lambda d: [Sample(d.normal(2, 3, 4, 6), 2), Sample(permuted(d.normal(2, 3, 6)), 3)],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(ShapeError, "must be divisible by 2", X, 2),),
    ),
    Case(
        "channel_shuffle",
        F.channel_shuffle,
        layers.channel_shuffle,
        lambda d: [Sample(d.normal(2, 6, 3), 3), Sample(d.normal(2, 6, 3, 2), 2)],
        dtypes=ANY,
        tolerances=EXACT,
        errors=(raises(ShapeError, "divisible by groups", X, 2),),
    ),
]
