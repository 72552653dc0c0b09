"""Cases of convolution and pooling in other numbers of dims, adaptive pooling, blocks, resampling.

User side: functional/{conv3d,pool3d,adaptive,windows,padding,resample}.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from oracle import layers, volumes

import tinygrad_cl.nn.functional as F
from cases.core import ANY, EXACT, Case, Draw, Sample, permuted, raises, tie
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError

SUMS = {"float32": (2e-5, 1e-5), "float16": (1e-2, 1e-2), "float64": (1e-11, 1e-12)}
V = np.ones((1, 2, 3, 3, 3))
W = np.ones((2, 2, 2, 2, 2))
L, WL = np.ones((1, 2, 4)), np.ones((2, 2, 2))
IMAGE = np.ones((1, 1, 4, 4))


def conv3d(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 2, 3, 4, 3), n(3, 2, 2, 3, 2), n(3))
    yield Sample(n(1, 2, 4, 4, 3), n(2, 2, 2, 3, 3), stride=2, padding=1)
    yield Sample(n(1, 2, 4, 5, 4), n(2, 2, 2, 2, 2), None, (1, 2, 1), (0, 1, 2), (2, 1, 2))
    yield Sample(n(1, 2, 3, 4, 3), n(2, 2, 2, 3, 2), padding="same", dilation=(1, 1, 2))
    yield Sample(n(4, 3, 3, 3), n(4, 2, 2, 2, 1), groups=2, padding="valid")
    yield Sample(permuted(n(1, 2, 3, 4, 3)), n(2, 2, 1, 1, 1))
    yield Sample(n(0, 2, 3, 3, 3), n(2, 2, 2, 2, 2), grad=False)


def transposed3d(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 2, 2, 3, 2), n(2, 3, 2, 2, 3), n(3))
    yield Sample(n(1, 2, 2, 2, 2), n(2, 2, 3, 2, 3), None, 2, 1, 1)
    yield Sample(
        n(1, 2, 2, 2, 2), n(2, 2, 2, 3, 2), None, (1, 2, 3), (0, 1, 2), (1, 0, 2), 1, (2, 1, 2)
    )
    yield Sample(n(4, 2, 2, 2), n(4, 2, 2, 2, 2), groups=2, stride=3)


def transposed1d(d: Draw) -> Iterator[Sample]:
    n = d.normal
    yield Sample(n(2, 4, 5), n(4, 3, 3), n(3))
    yield Sample(n(2, 4, 5), n(4, 3, 3), None, 2, 1, 1)
    yield Sample(n(4, 5), n(4, 3, 3), stride=3, dilation=2, groups=2)


WINDOWS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 3, 2), "stride": (2, 1, 3), "ceil_mode": True},
]


def max3d(d: Draw) -> Iterator[Sample]:
    for options in WINDOWS:
        yield Sample(d.distinct(2, 2, 4, 5, 4), return_indices=True, **options)
    yield Sample(d.distinct(2, 5, 4, 5), 2, 1, 1, (2, 1, 1))
    yield Sample(permuted(d.distinct(1, 2, 4, 4, 4)), 2)
    yield Sample(d.normal(2, 4, 5, 4).round(), 3, 2, 1, return_indices=True, grad=False)
    yield Sample(d.distinct(0, 2, 4, 4, 4), 2, grad=False)


def avg3d(d: Draw) -> Iterator[Sample]:
    for options in WINDOWS:
        yield Sample(d.normal(2, 2, 4, 5, 4), **options)
        yield Sample(d.normal(2, 4, 5, 4), count_include_pad=False, **options)
    yield Sample(d.normal(2, 2, 4, 5, 4), 2, divisor_override=3)


def adaptive(dims: int, **options: Any) -> Any:
    shapes = [(2, 3, 7), (2, 2, 7, 6), (1, 2, 5, 6, 4)]
    outs: list[list[Any]] = [[3, 9, 1], [(3, 4), (None, 2), 5], [(3, 4, None), 2, (1, 3, 3)]]

    def samples(d: Draw) -> Iterator[Sample]:
        shape = shapes[dims - 1]
        for out in outs[dims - 1]:
            yield Sample(d.distinct(*shape), out, **options)
        yield Sample(d.distinct(*shape[1:]), 2, **options)
        yield Sample(permuted(d.distinct(*shape)), 2, **options)
        yield Sample(d.distinct(0, *shape[1:]), 2, grad=False, **options)

    return samples


def bad_adaptive(name: str, dims: int) -> tuple[Any, ...]:
    x = np.ones((2, *(4,) * dims))
    return (
        raises(ShapeError, name, np.ones(4), 1),
        raises(ShapeError, "cannot pool", x, 0),
        raises(ShapeError, "output_size must be", x, (1,) * (dims + 1)),
    )


def adaptive_case(dims: int, kind: str) -> Case:
    name = f"adaptive_{kind}_pool{dims}d"
    average = kind == "avg"
    return Case(
        name,
        getattr(F, name),
        volumes.adaptive_pool(dims, average),
        adaptive(dims, **({} if average else {"return_indices": True})),
        tolerances={"float32": (5e-6, 5e-6), "float16": (2e-3, 2e-3)} if average else EXACT,
        errors=bad_adaptive(name, dims),
    )


def blocks(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(2, 3, 4, 5), 2)
    yield Sample(d.normal(3, 5, 4), (2, 3), (2, 1), (1, 2), (1, 2))
    yield Sample(permuted(d.normal(2, 3, 4, 5)), (3, 1), stride=2)


def added(d: Draw) -> Iterator[Sample]:
    yield Sample(d.normal(2, 12, 12), (4, 5), 2)
    yield Sample(d.normal(12, 12), (5, 6), 2, padding=1, stride=2)
    yield Sample(d.normal(1, 4, 6), (4, 4), 2, dilation=(1, 2))


def padding(d: Draw) -> Iterator[Sample]:
    for mode in ("reflect", "replicate", "circular"):
        for widths in ((1, 2), (-1, 2), (2, -1), (3, 3), (0, 0)):
            yield Sample(d.normal(2, 3, 4), widths, mode)
        yield Sample(permuted(d.normal(3, 4, 5)), (1, 2, 2, 0), mode)
        yield Sample(d.normal(2, 3, 4, 5, 3), (1, 2, 2, 0, 1, 3), mode)


SCALES: list[dict[str, Any]] = [
    {"size": 7},
    {"size": 3},
    {"scale_factor": 2},
    {"scale_factor": 1.7},
    {"scale_factor": 0.6},
    {"scale_factor": 1.7, "recompute_scale_factor": True},
]
MODES = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}


def resampled(d: Draw) -> Iterator[Sample]:
    for dims, modes in MODES.items():
        shape = ((2, 3, 5), (1, 2, 5, 4), (1, 1, 5, 3, 4))[dims - 1]
        for mode in modes:
            for i, options in enumerate(SCALES[: 6 if dims < 3 else 4]):
                yield Sample(d.normal(*shape), mode=mode, align_corners=bool(i % 2), **options)
            yield Sample(d.normal(*shape), mode=mode, align_corners=True, size=1)
        yield Sample(d.normal(*shape), mode="area", size=3)
    for mode in MODES[2]:
        for options in SCALES[:5]:
            yield Sample(d.normal(1, 1, 5, 7), mode=mode, antialias=True, **options)
    yield Sample(d.normal(1, 1, 5, 4), (4, 9), mode="bilinear")
    yield Sample(permuted(d.normal(1, 2, 5, 4)), scale_factor=(2.5, 0.5), mode="bicubic")
    yield Sample(d.normal(0, 2, 5), 3, mode="linear", grad=False)


def nearest(d: Draw) -> Iterator[Sample]:
    for mode in ("nearest", "nearest-exact"):
        for shape in ((2, 3, 5), (1, 2, 5, 4), (1, 1, 3, 4, 5)):
            for options in SCALES:
                yield Sample(d.normal(*shape), mode=mode, **options)


CASES = [
    Case(
        "conv3d",
        F.conv3d,
        volumes.conv,
        conv3d,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "conv3d: needs input of 5 dims", IMAGE[0], W),
            raises(ShapeError, "does not fit weight", V, W, groups=2),
            raises(ShapeError, "the kernel covers", V, np.ones((1, 2, 4, 1, 1))),
            raises(ShapeError, "needs stride 1", V, W, stride=2, padding="same"),
            raises(ShapeError, "padding must be", V, W, padding="full"),
            raises(ShapeError, "one int or three", V, W, stride=(1, 2)),
            raises(ShapeError, "at least 1", V, W, stride=0),
            raises(ShapeError, "needs bias (2,)", V, W, np.ones(3)),
        ),
    ),
    Case(
        "conv_transpose3d",
        F.conv_transpose3d,
        volumes.conv_transpose,
        transposed3d,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "output_padding", V, W, output_padding=1),
            raises(ShapeError, "needs input (N, C, ...)", V, np.ones((3, 2, 2, 2, 2))),
            raises(ShapeError, "would have size", V, W, padding=3),
        ),
    ),
    Case(
        "conv_transpose1d",
        F.conv_transpose1d,
        volumes.conv_transpose,
        transposed1d,
        tolerances=SUMS,
        errors=(
            raises(ShapeError, "output_padding", L, WL, output_padding=1),
            raises(ShapeError, "needs input (N, C, ...)", L, np.ones((3, 2, 2))),
        ),
    ),
    Case(
        "max_pool3d",
        F.max_pool3d,
        volumes.max_pool(3),
        max3d,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "max_pool3d", IMAGE[0], 2),
            raises(ShapeError, "smaller than the window", V, 4),
            raises(ShapeError, "at most half", V, 2, padding=2),
            raises(ShapeError, "one int or three", V, (2, 2)),
        ),
        ties=(
            tie(
                np.ones((1, 1, 2, 2, 2)),
                2,
                gradients=(np.arange(8).reshape(1, 1, 2, 2, 2) == 0,),
            ),
        ),
    ),
    Case(
        "avg_pool3d",
        F.avg_pool3d,
        volumes.avg_pool3d,
        avg3d,
        tolerances={"float32": (5e-6, 5e-6), "float16": (4e-3, 4e-3), "float64": (1e-12, 1e-12)},
        errors=(
            raises(ShapeError, "avg_pool3d", IMAGE[0], 2),
            raises(ShapeError, "must not be 0", V, 2, divisor_override=0),
        ),
    ),
    *(adaptive_case(dims, "max") for dims in (1, 2, 3)),
    *(adaptive_case(dims, "avg") for dims in (1, 3)),
    Case(
        "unfold",
        F.unfold,
        volumes.unfold,
        blocks,
        tolerances=EXACT,
        errors=(
            raises(ShapeError, "needs (N, C, H, W)", np.ones((2, 2)), 2),
            raises(ShapeError, "no block", IMAGE, 5),
            raises(ShapeError, "at least 1", IMAGE, 2, stride=0),
        ),
    ),
    Case(
        "fold",
        F.fold,
        volumes.fold,
        added,
        tolerances={"float32": (2e-6, 1e-6), "float16": (2e-3, 2e-3)},
        errors=(
            raises(ShapeError, "fold: needs (N, C * 4, 9)", np.ones((1, 4, 8)), 4, 2),
            raises(ShapeError, "no block", np.ones((1, 4, 8)), 1, 2),
        ),
    ),
    Case(
        "pad_with_elements",
        F.pad,
        layers.pad,
        padding,
        dtypes=ANY,
        tolerances=EXACT,
        errors=(
            raises(ArgumentError, "mode must be", L, (1, 1), "mirror"),
            raises(ArgumentError, "takes no value", L, (1, 1), "reflect", 1.0),
            raises(ShapeError, "at most 3 elements", L, (4, 0), "reflect"),
            raises(ShapeError, "at most 4 elements", L, (5, 0), "circular"),
            raises(ShapeError, "nothing would be left", L, (-2, -2), "replicate"),
            raises(ShapeError, "pads the last 1, 2 or 3 dims", np.ones(4), (1, 1), "reflect"),
        ),
        covers=("pad",),
    ),
    Case(
        "interpolate",
        F.interpolate,
        layers.interpolate,
        resampled,
        tolerances={"float32": (1e-5, 5e-6), "float16": (4e-3, 4e-3)},
        errors=(
            raises(ArgumentError, "mode must be one of", L, 2, mode="cubic"),
            raises(ShapeError, "use linear", L, 2, mode="bilinear"),
            raises(ArgumentError, "no align_corners", L, 2, align_corners=True),
            raises(ArgumentError, "no antialias", L, 2, mode="linear", antialias=True),
            raises(ArgumentError, "either size or scale_factor", L),
            raises(ArgumentError, "either size or scale_factor", L, 2, 2.0),
            raises(ArgumentError, "one for each dim", L, (2, 2)),
            raises(ArgumentError, "needs scale_factor", L, 2, recompute_scale_factor=True),
            raises(ShapeError, "must be positive", L, 0),
            raises(ShapeError, "only the batch", np.ones((1, 0, 2)), 2),
            raises(DTypeError, "needs a float dtype", np.ones((1, 1, 2), int), 2, mode="linear"),
        ),
    ),
    Case(
        "interpolate_nearest",
        F.interpolate,
        layers.interpolate,
        nearest,
        dtypes=("float32", "float64", "float16", "int32", "uint8"),
        tolerances=EXACT,
        covers=("interpolate",),
    ),
]
