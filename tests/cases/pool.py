"""Cases of pooling.   Primitives: primitives/pool.py.   User side: functional/pool.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle
from oracle import volumes

import tinygrad_cl.nn.functional as F
from cases.core import EXACT, FLOATS, Case, Draw, Sample, flipped, permuted, raises, sliced, tie
from cases.movement import primitive
from tinygrad_cl.errors import ShapeError

INF, NAN = float("inf"), float("nan")
SUMS = {"float32": (5e-6, 5e-6), "float16": (2e-3, 2e-3), "float64": (1e-12, 1e-12)}
IMAGE = (2, 3, 6, 7)

MAX_OPTIONS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (2, 1)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": 1, "dilation": (2, 1), "padding": (1, 1)},
    {"kernel_size": 2, "stride": 3},
]
AVERAGE_OPTIONS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (2, 1)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": 3, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 2, "stride": 3, "divisor_override": 3},
]


def attrs_of(options: dict[str, Any], average: bool) -> dict[str, Any]:
    """The primitive's attrs for a function's options."""
    kernel = oracle.pair(options["kernel_size"])
    found = {
        "kernel_size": kernel,
        "stride": oracle.pair(options.get("stride", kernel)),
        "padding": oracle.pair(options.get("padding", 0)),
        "ceil_mode": options.get("ceil_mode", False),
    }
    if not average:
        return found | {"dilation": oracle.pair(options.get("dilation", 1))}
    return found | {
        "count_include_pad": options.get("count_include_pad", True),
        "divisor_override": options.get("divisor_override"),
    }


def out_size(attrs: dict[str, Any]) -> tuple[int, int]:
    sizes = [
        oracle.pooled_size(
            IMAGE[2 + i],
            attrs["kernel_size"][i],
            attrs["stride"][i],
            attrs["padding"][i],
            attrs.get("dilation", (1, 1))[i],
            attrs["ceil_mode"],
        )
        for i in range(2)
    ]
    return sizes[0], sizes[1]


def max_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        yield Sample(d.distinct(*IMAGE), **options)
    yield Sample(d.distinct(3, 5, 4), 2)
    yield Sample(permuted(d.distinct(*IMAGE)), 2)
    yield Sample(sliced(d.distinct(*IMAGE)), 3, 2, 1)
    yield Sample(flipped(d.distinct(2, 3, 9, 33)), 3, 2, grad=False)
    yield Sample(d.distinct(0, 3, 4, 4), 2, grad=False)
    yield Sample(d.distinct(2, 3, 4, 5), 2, return_indices=True)
    special = d.normal(1, 1, 4, 4)
    special[0, 0, 1, 1], special[0, 0, 2, 3], special[0, 0, 0, 2:] = NAN, INF, -INF
    yield Sample(special, 2, grad=False)
    yield Sample(np.full((1, 1, 3, 3), -INF, d.dtype), 2, stride=1, return_indices=True, grad=False)


def index_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        yield Sample(d.distinct(*IMAGE), **attrs_of(options, False))
    yield Sample(d.normal(2, 3, 6, 7).round(), **attrs_of(MAX_OPTIONS[2], False))
    yield Sample(np.zeros(IMAGE, d.dtype), **attrs_of(MAX_OPTIONS[1], False))


def max_grad_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        attrs = attrs_of(options, False)
        yield Sample(d.normal(*IMAGE[:2], *out_size(attrs)), d.distinct(*IMAGE), **attrs)
    attrs = attrs_of(MAX_OPTIONS[2], False)
    g = d.normal(*IMAGE[:2], *out_size(attrs))
    yield Sample(permuted(g), flipped(d.distinct(*IMAGE)), **attrs)
    yield Sample(g, d.normal(*IMAGE).round(), grad=False, **attrs)


def max_gather_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        yield Sample(d.normal(*IMAGE), d.distinct(*IMAGE), **attrs_of(options, False))
    yield Sample(
        sliced(d.normal(*IMAGE)), permuted(d.distinct(*IMAGE)), **attrs_of(MAX_OPTIONS[2], False)
    )


def offset_samples(d: Draw) -> Iterator[Sample]:
    yield from index_samples(d)
    yield Sample(d.distinct(2, 3, 9, 33), **attrs_of({"kernel_size": 3, "stride": 2}, False))


def _offset(d: Draw, attrs: dict[str, Any]) -> Any:
    return oracle.max_pool2d_offset(d.distinct(*IMAGE), **attrs)


def spread_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        attrs = attrs_of(options, False)
        g = d.normal(*IMAGE[:2], *out_size(attrs))
        yield Sample(g, _offset(d, attrs), input_size=IMAGE[2:], **attrs)
    yield Sample(permuted(g), _offset(d, attrs), input_size=IMAGE[2:], **attrs)


def take_samples(d: Draw) -> Iterator[Sample]:
    for options in MAX_OPTIONS:
        attrs = attrs_of(options, False)
        yield Sample(d.normal(*IMAGE), _offset(d, attrs), **attrs)


def average_samples(d: Draw) -> Iterator[Sample]:
    for options in AVERAGE_OPTIONS:
        yield Sample(d.normal(*IMAGE), **options)
    yield Sample(d.normal(3, 5, 4), 2)
    yield Sample(permuted(d.normal(*IMAGE)), 2)
    yield Sample(sliced(d.normal(*IMAGE)), 3, 2, 1)
    yield Sample(d.normal(2, 3, 9, 33), 3, 2, grad=False)
    yield Sample(d.normal(0, 3, 4, 4), 2, grad=False)


def average_grad_samples(d: Draw) -> Iterator[Sample]:
    for options in AVERAGE_OPTIONS:
        attrs = attrs_of(options, True)
        g = d.normal(*IMAGE[:2], *out_size(attrs))
        yield Sample(g, input_size=IMAGE[2:], **attrs)
    yield Sample(permuted(g), input_size=IMAGE[2:], **attrs)


def line_samples(d: Draw) -> Iterator[Sample]:
    yield Sample(d.distinct(2, 3, 9), 2)
    yield Sample(d.distinct(3, 9), 3, stride=2, padding=1)
    yield Sample(d.distinct(2, 3, 8), 3, stride=2, ceil_mode=True)


X = np.ones((1, 1, 4, 4))
# A window of equal values: all of the gradient goes to the first, none of it twice.
FIRST = np.zeros((1, 1, 2, 4))
FIRST[0, 0, 0, ::2] = 1
OVERLAP = np.array([[[[1.0, 5.0, 2.0]]]])


def bad(name: str) -> tuple[Any, ...]:
    return (
        raises(ShapeError, name, np.ones((4, 4)), 2),
        raises(ShapeError, name, X, 5),
        raises(ShapeError, name, X, 2, padding=2),
        raises(ShapeError, name, X, 2, stride=0),
        raises(ShapeError, name, X, 0),
        raises(ShapeError, name, X, (2, 2, 2)),
    )


CASES = [
    Case(
        "max_pool2d",
        F.max_pool2d,
        oracle.max_pool2d,
        max_samples,
        tolerances=EXACT,
        errors=bad("max_pool2d"),
        ties=(
            tie(np.ones((1, 1, 2, 4)), 2, gradients=(FIRST,)),
            tie(OVERLAP, (1, 2), 1, gradients=([[[[0.0, 2.0, 0.0]]]],)),
        ),
    ),
    Case(
        "max_pool2d_index",
        primitive("max_pool2d_index"),
        oracle.max_pool2d_index,
        index_samples,
        result="int64",
        gradient=False,
    ),
    Case(
        "max_pool2d_grad",
        primitive("max_pool2d_grad"),
        oracle.max_pool2d_grad,
        max_grad_samples,
        tolerances=SUMS,
    ),
    Case(
        "max_pool2d_gather",
        primitive("max_pool2d_gather"),
        oracle.max_pool2d_gather,
        max_gather_samples,
        tolerances=EXACT,
    ),
    Case(
        "max_pool2d_offset",
        primitive("max_pool2d_offset"),
        oracle.max_pool2d_offset,
        offset_samples,
        result="uint8",
        gradient=False,
    ),
    Case(
        "max_pool2d_spread",
        primitive("max_pool2d_spread"),
        oracle.max_pool2d_spread,
        spread_samples,
        tolerances=SUMS,
    ),
    Case(
        "max_pool2d_take",
        primitive("max_pool2d_take"),
        oracle.max_pool2d_take,
        take_samples,
        tolerances=EXACT,
    ),
    Case(
        "avg_pool2d",
        F.avg_pool2d,
        oracle.avg_pool2d,
        average_samples,
        tolerances=SUMS,
        errors=bad("avg_pool2d"),
    ),
    Case(
        "avg_pool2d_grad",
        primitive("avg_pool2d_grad"),
        oracle.avg_pool2d_grad,
        average_grad_samples,
        tolerances=SUMS,
    ),
    Case("max_pool1d", F.max_pool1d, oracle.max_pool1d, line_samples, tolerances=EXACT),
    Case(
        "max_pool1d_indices",
        F.max_pool1d,
        volumes.max_pool(1),
        lambda d: [
            Sample(d.distinct(2, 3, 9), 3, 2, 1, return_indices=True),
            Sample(d.distinct(3, 9), 2, return_indices=True),
        ],
        tolerances=EXACT,
    ),
    Case("avg_pool1d", F.avg_pool1d, oracle.avg_pool1d, line_samples, tolerances=SUMS),
    Case(
        "adaptive_avg_pool2d",
        F.adaptive_avg_pool2d,
        oracle.adaptive_avg_pool2d,
        lambda d: [
            Sample(d.normal(2, 3, 6, 7), 1),
            Sample(d.normal(2, 3, 6, 8), (3, 4)),
            Sample(d.normal(2, 3, 6, 7), (4, 3)),
            Sample(d.normal(3, 6, 7), (None, 2)),
        ],
        dtypes=FLOATS,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "adaptive_avg_pool2d", np.ones((2, 2)), 1),
            raises(ShapeError, "adaptive_avg_pool2d", X, 0),
        ),
    ),
]
