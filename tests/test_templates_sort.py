"""The kernels of sorting and searching, in the forms for CPUs and for GPUs."""

from __future__ import annotations

import numpy as np
import pytest
from template_harness import CPU, GPU, Array, check, job
from test_templates_scan import values

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives.plans_sort import RUN, SHARE, widths

BOTH = pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])

# Shape and dim: lines below, at and above the size of a run and of a share, side by side, none.
LINES = [
    ((1,), 0),
    ((5, RUN), 1),
    ((2, RUN + 1), 1),
    ((RUN * 2 + 3, 4), 0),
    ((2, 70, 3), 1),
    ((3, 300), 1),
    ((0, 3), 1),
    ((3, 0), 1),
    ((2 * SHARE["cpu"] + 777,), 0),
]


@BOTH
@pytest.mark.parametrize("descending", [False, True])
def test_sorting(opencl_device: str, traits: DeviceTraits, descending: bool) -> None:
    jobs = [
        job("argsort", values(shape, of, True), traits=traits, dim=dim, descending=descending)
        for of in ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")
        for shape, dim in LINES
    ]
    check(jobs, opencl_device, rtol=0)


@BOTH
@pytest.mark.parametrize("descending", [False, True])
def test_first_of_sorted(opencl_device: str, traits: DeviceTraits, descending: bool) -> None:
    jobs = []
    for of in ("float32", "float64", "float16", "int64", "uint8"):
        for shape, dim in LINES[:6]:
            for count in (1, min(3, shape[dim]), min(32, shape[dim])):
                given = {"dim": dim, "descending": descending, "count": count}
                jobs.append(job("topk_index", values(shape, of, True), traits=traits, **given))
    check(jobs, opencl_device, rtol=0)


def test_merges_double_the_width() -> None:
    assert widths(1) == widths(RUN) == []
    assert widths(RUN + 1) == [RUN]
    assert widths(RUN * 5) == [RUN, RUN * 2, RUN * 4]


def searched(of: str, lines: int, size: int, count: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(size)
    sequence = np.sort(np.round(rng.standard_normal((lines, size)) * 4), axis=1)
    wanted = np.round(rng.standard_normal((lines, count)) * 4)
    if of[0] == "f" and count:
        wanted[:, :3] = [np.nan, np.inf, -np.inf]
    return sequence.astype(of), wanted.astype(of)


@BOTH
def test_searching(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [
        job("searchsorted", *searched(of, *sizes), traits=traits, right=right)
        for of in ("float32", "float64", "float16", "int32", "int64")
        for sizes in ((1, 10, 30), (3, 17, 5), (2, 0, 4), (2, 4, 0), (1, 1, 9))
        for right in (False, True)
    ]
    check(jobs, opencl_device, rtol=0)
