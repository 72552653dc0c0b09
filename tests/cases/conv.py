"""Cases of convolutions.   Primitives: primitives/conv.py.   User side: functional/conv.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import oracle

import tinygrad_cl.nn.functional as F
from cases.core import Case, Draw, Sample, flipped, permuted, raises, sliced
from cases.movement import primitive
from tinygrad_cl.errors import ShapeError

SUMS = {"float32": (1e-5, 3e-5), "float16": (3e-3, 3e-3), "float64": (1e-11, 1e-12)}


def conv2d_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3, 6, 7), n(4, 3, 3, 2), n(4))
    yield Sample(n(1, 1, 1, 1), n(1, 1, 1, 1))
    yield Sample(n(2, 3, 7, 6), n(4, 3, 3, 3), stride=2)
    yield Sample(n(2, 3, 7, 6), n(4, 3, 3, 2), stride=(2, 3), padding=(2, 1))
    yield Sample(n(1, 2, 8, 9), n(3, 2, 3, 2), n(3), dilation=(2, 3), padding=1)
    yield Sample(n(2, 4, 5, 5), n(6, 2, 3, 3), n(6), groups=2, padding=1)
    yield Sample(n(2, 4, 5, 6), n(4, 1, 2, 3), groups=4, stride=(1, 2))
    yield Sample(n(3, 6, 7), n(2, 3, 3, 3))
    yield Sample(n(2, 3, 5, 6), n(4, 3, 3, 2), padding="same")
    yield Sample(n(2, 3, 5, 6), n(4, 3, 3, 2), padding="valid")
    yield Sample(permuted(n(2, 3, 6, 5)), permuted(n(4, 3, 3, 3)), padding=1)
    yield Sample(sliced(n(2, 3, 6, 5)), flipped(n(4, 3, 3, 3)), stride=2, padding=1)
    yield Sample(n(0, 3, 5, 5), n(4, 3, 3, 3), n(4), grad=False)
    yield Sample(n(2, 3, 2, 2), n(4, 3, 1, 1), padding=2)
    if d.dtype == np.float32:
        yield Sample(n(3, 5, 17, 18), n(21, 5, 5, 5), n(21), padding=2, grad=False)
        yield Sample(n(2, 20, 14, 14), n(33, 20, 3, 3), stride=2, grad=False)


def conv1d_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3, 9), n(4, 3, 3), n(4), padding=1)
    yield Sample(n(2, 4, 9), n(6, 2, 2), groups=2, stride=2, dilation=2)
    yield Sample(n(3, 9), n(4, 3, 4), padding="same")


def transpose_samples(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 3, 4, 5), n(3, 4, 3, 2), n(4))
    yield Sample(n(1, 1, 1, 1), n(1, 1, 2, 2))
    yield Sample(n(2, 3, 4, 3), n(3, 4, 3, 3), stride=2, padding=1, output_padding=1)
    yield Sample(n(2, 4, 3, 4), n(4, 3, 2, 3), n(6), stride=(1, 2), groups=2)
    yield Sample(n(2, 3, 4, 4), n(3, 2, 3, 3), dilation=(2, 1), padding=(1, 2))
    yield Sample(n(3, 4, 4), n(3, 2, 2, 2), stride=3)
    yield Sample(permuted(n(2, 3, 4, 4)), flipped(n(3, 2, 2, 2)), grad=False)


ATTRS: list[dict[str, Any]] = [
    {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1},
    {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 1), "groups": 1},
    {"stride": (2, 3), "padding": (0, 1), "dilation": (2, 1), "groups": 2},
    {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 2), "groups": 4},
]


def sizes(attrs: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Sizes of image, filter and output that go with the attrs; some pixels are never reached."""
    image, kernel = (8, 9), (3, 2)
    out = [
        (image[i] + 2 * attrs["padding"][i] - attrs["dilation"][i] * (kernel[i] - 1) - 1)
        // attrs["stride"][i]
        + 1
        for i in range(2)
    ]
    return image, kernel, (out[0], out[1])


def input_grad_samples(d: Draw) -> Iterator[Sample]:
    for attrs in ATTRS:
        image, kernel, out = sizes(attrs)
        w = d.normal(8, 4 // attrs["groups"], *kernel)
        yield Sample(d.normal(2, 8, *out), w, input_size=image, **attrs)
    image, kernel, out = sizes(ATTRS[1])
    g, w = d.normal(2, 8, *out), d.normal(8, 4, *kernel)
    yield Sample(permuted(g), flipped(w), input_size=image, **ATTRS[1])
    yield Sample(d.normal(0, 8, *out), w, input_size=image, grad=False, **ATTRS[1])


def weight_grad_samples(d: Draw) -> Iterator[Sample]:
    for attrs in ATTRS:
        image, kernel, out = sizes(attrs)
        yield Sample(d.normal(2, 4, *image), d.normal(2, 8, *out), kernel_size=kernel, **attrs)
    image, kernel, out = sizes(ATTRS[1])
    x, g = d.normal(2, 4, *image), d.normal(2, 8, *out)
    yield Sample(permuted(x), sliced(g), kernel_size=kernel, **ATTRS[1])
    yield Sample(
        d.normal(0, 4, *image), d.normal(0, 8, *out), kernel_size=kernel, grad=False, **ATTRS[1]
    )


X, W = np.ones((2, 3, 5, 5)), np.ones((4, 3, 3, 3))
CASES = [
    Case(
        "conv2d",
        F.conv2d,
        oracle.conv2d,
        conv2d_samples,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "conv2d", X, np.ones((4, 2, 3, 3))),
            raises(ShapeError, "conv2d: needs input of 4 dims", np.ones((5, 5)), W),
            raises(ShapeError, "conv2d: needs bias (4,)", X, W, np.ones(3)),
            raises(ShapeError, "conv2d", X, np.ones((4, 3, 7, 7))),
            raises(ShapeError, "conv2d", X, W, groups=2),
            raises(ShapeError, "conv2d", X, W, stride=0),
            raises(ShapeError, "conv2d", X, W, padding=-1),
            raises(ShapeError, "conv2d", X, W, dilation=0),
            raises(ShapeError, "conv2d", X, W, stride=(1, 2, 3)),
            raises(ShapeError, "needs stride 1", X, W, padding="same", stride=2),
            raises(ShapeError, "padding must be", X, W, padding="full"),
        ),
    ),
    Case(
        "conv1d",
        F.conv1d,
        oracle.conv1d,
        conv1d_samples,
        tolerances=SUMS,
        errors=(raises(ShapeError, "conv1d", np.ones((2, 3, 5)), np.ones((4, 2, 3))),),
    ),
    Case(
        "conv_transpose2d",
        F.conv_transpose2d,
        oracle.conv_transpose2d,
        transpose_samples,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "conv_transpose2d", X, np.ones((4, 3, 3, 3))),
            raises(ShapeError, "output_padding", X, np.ones((3, 4, 3, 3)), output_padding=1),
            raises(ShapeError, "would have size", X, np.ones((3, 4, 1, 1)), padding=3),
        ),
    ),
    Case(
        "conv2d_input_grad",
        primitive("conv2d_input_grad"),
        oracle.conv2d_input_grad,
        input_grad_samples,
        tolerances=SUMS,
    ),
    Case(
        "conv2d_weight_grad",
        primitive("conv2d_weight_grad"),
        oracle.conv2d_weight_grad,
        weight_grad_samples,
        tolerances=SUMS | {"float16": (3e-3, 2e-2)},
    ),
]
