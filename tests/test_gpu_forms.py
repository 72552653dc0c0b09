"""The forms of the kernels for GPUs, run on whatever OpenCL device there is: the whole table.

The device says that it is a GPU and copies its memory, so the compiler picks one lane per
work-item, work-groups that share local memory, and transfers instead of views.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from cases import CASES, Case
from runtime_devices import opencl

from tinygrad_cl import engine
from tinygrad_cl.runtime import device as devices
from tinygrad_cl.testing import assert_close

NAME = "opencl:as-gpu"


@pytest.fixture(scope="module")
def gpu() -> Iterator[str]:
    """The name of a device that passes for a GPU."""
    made = opencl(zero_copy=False)
    made.name, made.kind = NAME, "gpu"
    made.traits = replace(made.traits, kind="gpu", vector=1, units=8, max_work_group=256)
    devices._registry.opened[NAME] = made
    yield NAME
    del devices._registry.opened[NAME]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_values_on_gpu_forms(case: Case, gpu: str) -> None:
    dtype = case.dtypes[0]
    samples = case.draws(dtype)
    there = [case.run(sample, gpu) for sample in samples]
    engine.realize([tensor.node for outputs in there for tensor in outputs])
    for sample, outputs in zip(samples, there, strict=True):
        for actual, expected in zip(outputs, case.run(sample, "numpy"), strict=True):
            rtol, atol = case.tolerance(expected.dtype.name)
            name = f"{case.name}{sample!r}"
            assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=True, name=name)


def test_gradients_on_gpu_forms_are_those_of_numpy(gpu: str) -> None:
    from test_engine import batch, small_net

    from tinygrad_cl.nn import functional as F

    results = []
    for name in ("numpy", gpu):
        net = small_net(name)
        x, y = batch(name)
        F.cross_entropy(net(x), y).backward()
        results.append([p.grad.numpy() for p in net.parameters() if p.grad is not None])
    assert len(results[0]) == len(results[1]) == 4
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_transposed_operands_on_gpu_forms(gpu: str) -> None:
    import tinygrad_cl as tg

    rng = np.random.default_rng(0)
    for shape, order in (((33, 70), (1, 0)), ((4, 30, 31, 17), (3, 1, 0, 2)), ((300, 65), (1, 0))):
        a, b = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        other = rng.standard_normal(a.transpose(order).shape).astype(np.float32)
        x, y = (tg.tensor(v, device=gpu).permute(*order) for v in (a, b))
        result = x * tg.tensor(other, device=gpu) + y
        expected = a.transpose(order) * other + b.transpose(order)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-5)
