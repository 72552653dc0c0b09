"""Convolution with channels side by side (plans_channels.py, ops/conv_channels*.cl)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from template_harness import CPU, GPU, Harness, Job, check, job
from test_templates_dense import CONVOLUTIONS, conv, random, three

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives import (
    channels_blocks,
    plans_channels_weight,
    plans_conv,
    plans_depth,
    plans_pointwise,
    plans_winograd,
)
from tinygrad_cl.primitives.conv_sides import Convolution
from tinygrad_cl.primitives.plans_dense import register_types

# Tails of tiles, blocks, lanes and panels; strides, kernels smaller than them; dilation; few and
# many channels; more taps than lanes; more images than a block.
ROWS = [
    conv((3, 24, 9, 11), (37, 24, 3, 3), (2, 2), (1, 1)),
    conv((2, 33, 8, 8), (20, 33, 3, 3), (2, 3), (1, 0)),
    conv((5, 64, 8, 8), (70, 64, 1, 1), (2, 2)),
    conv((3, 20, 7, 9), (33, 20, 1, 1), (3, 3), (1, 1)),
    conv((2, 40, 9, 8), (24, 40, 1, 3), (2, 1), (0, 1)),
    conv((2, 3, 35, 33), (20, 3, 11, 11), (4, 4), (2, 2)),
    conv((2, 5, 20, 21), (40, 5, 5, 5), (3, 2), (2, 2), (2, 1)),
    conv((70, 20, 5, 5), (20, 20, 3, 3), (2, 2), (1, 1)),
    conv((2, 300, 6, 6), (40, 300, 3, 3), (2, 2), (1, 1)),
    conv((2, 18, 10, 12), (21, 18, 3, 3), (4, 4), (1, 1), (3, 3)),
    conv((1, 16, 70, 40), (17, 16, 2, 2), (2, 2)),
    conv((2, 16, 12, 12), (16, 16, 5, 5), (1, 1), (2, 2)),
    conv((2, 260, 6, 5), (150, 260, 3, 3), (2, 2), (1, 1)),
]


@pytest.fixture
def only_channels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plans that put channels side by side wherever they can."""
    for form in (plans_depth, plans_pointwise, plans_winograd):
        monkeypatch.setattr(form, "refusal", lambda *given: "the test wants another form")
    monkeypatch.setattr(channels_blocks, "MARGIN", 1e9)
    plans_conv._plan.cache_clear()
    yield
    plans_conv._plan.cache_clear()


def channels(given: list[Job]) -> list[Job]:
    """Those that run with channels side by side."""
    return [each for each in given if each.plan.passes[0].file.startswith("conv_channels")]


@pytest.mark.usefixtures("only_channels")
def test_values_and_gradients(opencl_device: str) -> None:
    jobs = channels([given for row in ROWS for given in three(row, "float32", CPU)])
    assert len(jobs) == 3 * len(ROWS)
    check(jobs, opencl_device, 1e-4, 1e-3)


@pytest.mark.usefixtures("only_channels")
def test_the_table_of_all_convolutions(opencl_device: str) -> None:
    jobs = channels([given for row in CONVOLUTIONS for given in three(row, "float32", CPU)])
    assert len(jobs) > 2 * len(CONVOLUTIONS)
    check(jobs, opencl_device, 1e-4, 1e-3)


@pytest.mark.usefixtures("only_channels")
@pytest.mark.parametrize("of", ["float16", "float64"])
def test_other_dtypes(opencl_device: str, of: str) -> None:
    rows = [ROWS[0], ROWS[3], ROWS[5]]
    jobs = channels([given for row in rows for given in three(row, of, CPU)])
    assert len(jobs) == 3 * len(rows)
    check(jobs, opencl_device, 1e-3 if of == "float16" else 1e-10, 0.1 if of == "float16" else 1e-9)


@pytest.mark.usefixtures("only_channels")
def test_registers_of_eight_lanes(opencl_device: str) -> None:
    narrow = DeviceTraits(units=2, vector=8)
    jobs = channels([given for row in ROWS[:6] for given in three(row, "float32", narrow)])
    assert len(jobs) == 18
    check(jobs, opencl_device, 1e-4, 1e-3)


@pytest.mark.usefixtures("only_channels")
def test_an_infinity_stays_in_its_windows(opencl_device: str) -> None:
    """Lanes that only fill up a register multiply nothing that counts."""
    x, w = random((2, 20, 9, 9)), random((33, 20, 3, 3), seed=1)
    x[0, 19, 0, 0] = np.inf
    attrs = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    given = job("conv2d", x, w, **attrs)
    made = Harness(channels([given]), opencl_device).run(given).value
    np.testing.assert_array_equal(np.isfinite(made), np.isfinite(given.expected))


def test_strided_layers_take_this_form_and_gpus_do_not() -> None:
    row = conv((16, 128, 16, 16), (256, 128, 3, 3), (2, 2), (1, 1))
    assert len(channels(list(three(row, "float32", CPU)))) == 3
    assert not channels(list(three(row, "float32", GPU)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": 2}, "group"),
        ({"kernel": (12, 12)}, "taps"),
        ({"images": 0}, "nothing"),
        ({}, None),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, object], reason: str | None) -> None:
    types = register_types("float", CPU)
    assert types is not None
    sizes = {"size": (16, 16), "out": (8, 8), "stride": (2, 2), "padding": (1, 1)}
    given = {"images": 8, "groups": 1, "channels": 64, "outputs": 64, "kernel": (3, 3)} | sizes
    c = Convolution(**{**given, "dilation": (1, 1), **changes})  # type: ignore[arg-type]
    found = channels_blocks.refusal(c, types)
    assert found is None if reason is None else reason in str(found)
    assert (plans_channels_weight.weight_form(c, types, CPU) is None) == (reason is not None)
