"""Parts that are written where they belong: fewer copies, and the same values."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl.compiler.plan import Plan
from tinygrad_cl.runtime.device import Device

Array = np.ndarray


def draw(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sums(device: Device, rows: int, steps: int = 4) -> tuple[list[tg.Tensor], list[Array]]:
    given = [draw(rows, 16, 8, seed=k) for k in range(steps)]
    return [tg.tensor(x, device=device).sum(2) for x in given], [x.sum(2) for x in given]


def copies(plan: Plan) -> int:
    kernels = [kernel for step in plan.steps for kernel in (step.kernel, *step.kernel.phases)]
    return sum(kernel.label.startswith("copy") for kernel in kernels)


@pytest.mark.parametrize("rows", [8, 24, 3])
def test_parts_of_a_whole_have_its_values(device: Device, rows: int) -> None:
    parts, wanted = sums(device, rows)
    joined = tg.cat(parts) * 2
    twice = tg.cat([*parts[1:], parts[1]]) + 1
    nested = tg.cat([tg.cat(parts[:2]), parts[3]]).sum()
    others = (parts[0] * parts[2]).sum()
    parts.clear()  # what somebody can see has a buffer of its own
    total = joined.sum() + twice.sum() + nested + others
    want = 2 * np.sum(wanted) + np.sum(wanted[1:]) + np.sum(wanted[1]) + sum(map(np.size, wanted))
    want += np.sum(wanted[0]) + np.sum(wanted[1]) + np.sum(wanted[3])
    want += np.sum(wanted[0] * wanted[2])
    np.testing.assert_allclose(total.item(), want, rtol=1e-4)


def test_only_parts_that_fit_are_not_copied(opencl_device: Device) -> None:
    def plan(rows: int, dim: int) -> Plan:
        parts, _ = sums(opencl_device, rows)
        total = tg.cat(parts, dim).cumsum(0)
        parts.clear()  # what somebody can see has a buffer of its own
        return tg.explain(total)

    assert copies(plan(8, 0)) == 0  # 512 bytes each
    assert copies(plan(3, 0)) > 0  # they would start at odd places
    assert copies(plan(8, 1)) > 0  # no run of bytes each
