"""The kernels of scans against their references, in the forms for CPUs and for GPUs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from template_harness import CPU, GPU, Array, Job, check, job

from tinygrad_cl.lowering import DeviceTraits

TRAITS = {
    "cpu": CPU,
    "gpu": GPU,
    "narrow": dataclasses.replace(CPU, vector=4),
    "no doubles": dataclasses.replace(CPU, double=False),
}
each_form = pytest.mark.parametrize("traits", TRAITS.values(), ids=TRAITS.keys())

# Shape and dim: one line, many lines, lines side by side in full and partial registers, none.
LINES = [
    ((1,), 0),
    ((40,), 0),
    ((3, 17), 1),
    ((5, 4), 0),
    ((9, 16), 0),
    ((2, 7, 37), 1),
    ((0, 3), 1),
    ((3, 0), 1),
    ((64, 300), 0),
]


def values(shape: tuple[int, ...], of: str, special: bool = False) -> Array:
    rng = np.random.default_rng(len(shape))
    if of == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if of[0] in "ui":
        return np.asarray(rng.integers(0, 5, shape).astype(of))
    x = np.round(rng.standard_normal(shape) * 4) / 4
    if special:
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.1] = np.inf
        x[rng.random(shape) < 0.1] = -np.inf
    return np.asarray(x.astype(of))


def float_jobs(traits: DeviceTraits, of: str) -> Iterator[Job]:
    for shape, dim in LINES:
        for special in (False, True):
            x = values(shape, of, special)
            for reverse in (False, True):
                given = {"traits": traits, "dim": dim, "reverse": reverse}
                yield job("cumsum", x, **given)
                yield job("cumprod", x, **given)
                yield job("logcumsumexp", x, **given)
                yield job("linear_scan", x, values(shape, of), **given)


@each_form
@pytest.mark.parametrize("of", ["float32", "float64", "float16"])
def test_scans_of_floats(opencl_device: str, traits: DeviceTraits, of: str) -> None:
    check(list(float_jobs(traits, of)), opencl_device, rtol=1e-6 if of == "float64" else 1e-5)


@each_form
def test_scans_of_integers_are_exact(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [
        job(name, values(shape, of), traits=traits, dim=dim, reverse=reverse)
        for name in ("cumsum", "cumprod")
        for of in ("int32", "int64", "uint8")
        for shape, dim in LINES
        for reverse in (False, True)
    ]
    check(jobs, opencl_device, rtol=0)


@each_form
def test_positions_of_extremes(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [
        job(name, values(shape, of, True), traits=traits, dim=dim)
        for name in ("cummax_index", "cummin_index")
        for of in ("float32", "float64", "float16", "int64", "uint8", "bool")
        for shape, dim in LINES
    ]
    check(jobs, opencl_device, rtol=0)


@each_form
def test_few_long_lines_are_cut_into_parts(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = []
    for shape, dim in (((70_001,), 0), ((2, 33_333), 1), ((40_000, 2), 0)):
        for reverse in (False, True):
            given = {"traits": traits, "dim": dim, "reverse": reverse}
            jobs += [job("cumsum", values(shape, "int32"), **given)]
            jobs += [job("logcumsumexp", values(shape, "float32"), **given)]
        jobs += [job("cummax_index", values(shape, "float32", True), traits=traits, dim=dim)]
        jobs += [job("cummin_index", values(shape, "int64"), traits=traits, dim=dim)]
    assert all(len(one.plan.passes) == 2 for one in jobs)
    check(jobs, opencl_device, rtol=1e-5)


def test_products_are_not_cut() -> None:
    x = values((70_000,), "float32")
    assert len(job("cumprod", x, dim=0, reverse=False).plan.passes) == 1


def test_floats_are_carried_as_doubles(opencl_device: str) -> None:
    x = np.full(1_000_000, 0.1, np.float32)
    done = job("cumsum", x, dim=0, reverse=False)
    np.testing.assert_allclose(done.expected[-1], 1e5, rtol=1e-7)
    check([done], opencl_device, rtol=1e-7)
