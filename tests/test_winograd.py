"""Winograd's form of 3 x 3 convolutions (plans_winograd.py, ops/winograd*.cl) against the sum."""

from __future__ import annotations

import numpy as np
import pytest
from template_harness import CPU, GPU, Harness, Job, check, job
from test_templates_dense import conv, random, three

from tinygrad_cl.lowering import DeviceTraits, TemplatePlan
from tinygrad_cl.primitives.conv_sides import Convolution
from tinygrad_cl.primitives.plans_dense import register_types
from tinygrad_cl.primitives.plans_winograd import POINTS, refusal

# Tails of tiles, blocks, lanes and panels; every padding; more rows than a block; many channels.
ROWS = [
    conv((2, 16, 8, 8), (32, 16, 3, 3), padding=(1, 1)),
    conv((3, 20, 7, 9), (37, 20, 3, 3), padding=(1, 1)),
    conv((5, 33, 4, 4), (70, 33, 3, 3), padding=(1, 0)),
    conv((2, 40, 13, 30), (24, 40, 3, 3), padding=(2, 2)),
    conv((70, 20, 5, 5), (20, 20, 3, 3), padding=(0, 2)),
    conv((1, 32, 40, 250), (16, 32, 3, 3), padding=(1, 1)),
    conv((9, 130, 6, 6), (150, 130, 3, 3), padding=(1, 1)),
    conv((2, 300, 6, 6), (40, 300, 3, 3)),
    conv((2, 24, 14, 11), (37, 24, 5, 5), padding=(2, 2)),
    conv((9, 33, 7, 6), (40, 33, 5, 5), padding=(4, 1)),
    conv((9, 64, 16, 16), (64, 16, 3, 3), padding=(1, 1), groups=4),
    conv((3, 40, 20, 21), (74, 20, 3, 3), padding=(0, 1), groups=2),
    conv((3, 72, 20, 19), (72, 24, 5, 5), padding=(2, 2), groups=3),
]


def winograds(given: list[Job]) -> list[Job]:
    """Those that run in Winograd's form."""
    return [each for each in given if each.plan.passes[0].file.startswith("winograd")]


def test_values_and_gradients(opencl_device: str) -> None:
    jobs = winograds([given for row in ROWS for given in three(row, "float32", CPU)])
    assert len(jobs) >= 3 * len(ROWS) - 5  # for five, the plain sum is cheaper
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_half_storage(opencl_device: str) -> None:
    jobs = winograds(list(three(ROWS[0], "float16", CPU)))
    assert len(jobs) == 3
    check(jobs, opencl_device, 1e-3, 0.1)


@pytest.mark.parametrize("side", [3, 5])
def test_error_is_a_few_times_that_of_the_sum(opencl_device: str, side: int) -> None:
    x, w = random((4, 128, 16, 16)), random((64, 128, side, side), seed=1)
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    given = job("conv2d", x, w, **attrs)
    assert winograds([given])
    exact = job("conv2d", x.astype("f8"), w.astype("f8"), **attrs).expected
    scale = exact.std()
    made = Harness([given], opencl_device).run(given).value
    error = np.sqrt(np.mean((made - exact) ** 2)) / scale
    assert error < 3e-6  # the sum in float32: 3e-7
    assert np.abs(made - exact).max() < 3e-5 * scale


def test_two_runs_and_two_batches_are_equal_to_the_bit(opencl_device: str) -> None:
    x, w = random((6, 32, 12, 12)), random((48, 32, 3, 3), seed=1)
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    whole, part = job("conv2d", x, w, **attrs), job("conv2d", x[3:5], w, **attrs)
    assert len(winograds([whole, part])) == 2
    harness = Harness([whole, part], opencl_device)
    first = harness.run(whole).value
    np.testing.assert_array_equal(first, harness.run(whole).value)
    np.testing.assert_array_equal(first[3:5], harness.run(part).value)


def sizes(**changes: object) -> Convolution:
    """A convolution that Winograd's form serves, with changes."""
    given = {
        "images": 8,
        "groups": 1,
        "channels": 64,
        "outputs": 64,
        "size": (16, 16),
        "out": (16, 16),
        "kernel": (3, 3),
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
    }
    return Convolution(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kernel": (7, 7), "padding": (3, 3)}, "5 x 5"),
        ({"kernel": (3, 5), "padding": (1, 2)}, "5 x 5"),
        ({"stride": (2, 2), "out": (8, 8)}, "stride"),
        ({"dilation": (2, 2), "padding": (2, 2)}, "dilation"),
        ({"padding": (3, 3), "out": (20, 20)}, "padding"),
        ({"images": 0}, "nothing"),
        ({"size": (4, 300), "out": (4, 300)}, "wider"),
        ({"channels": 512, "size": (8, 200), "out": (8, 200)}, "private memory"),
        ({"channels": 1024, "outputs": 1024}, "memory"),
        ({"channels": 3}, "direct sum"),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, object], reason: str) -> None:
    types = register_types("float", CPU)
    assert types is not None
    direct = 1e12 if "direct" not in reason else 1e5
    found = refusal("FORWARD", sizes(**changes), types, direct)
    assert found is not None
    assert reason in found
    assert refusal("FORWARD", sizes(), types, 1e12) is None


@pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])
def test_float64_and_gpus_keep_the_sum(traits: DeviceTraits) -> None:
    of = "float64" if traits.kind == "cpu" else "float32"
    assert not winograds(list(three(ROWS[0], of, traits)))


def test_tasks_share_the_units_and_weights_are_brought_once() -> None:
    (given,) = winograds([next(three(conv((32, 64, 16, 16), (64, 64, 3, 3)), "float32", CPU))])
    plan = given.plan
    assert isinstance(plan, TemplatePlan)
    assert [step.kernel for step in plan.passes] == ["conv_filter", "conv"]
    assert plan.passes[-1].grid.size[0] >= 8
    assert plan.scratch == (2 * POINTS * (32 * 64 + 16) * 4,)
