"""1 x 1 convolutions as matrix products on the images as they lie (plans_pointwise.py)."""

from __future__ import annotations

import numpy as np
import pytest
from template_harness import CPU, GPU, Harness, Job, check, job, with_epilogue
from test_templates_dense import conv, random, three

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives.conv_sides import Convolution
from tinygrad_cl.primitives.plans_dense import register_types
from tinygrad_cl.primitives.plans_pointwise import refusal

# Whole tiles of either width, tails of lanes and rows, channels beyond a panel's depth.
ROWS = [
    conv((2, 16, 8, 8), (24, 16, 1, 1)),
    conv((3, 20, 7, 19), (37, 20, 1, 1)),
    conv((2, 33, 4, 4), (70, 33, 1, 1)),
    conv((1, 1100, 6, 5), (40, 1100, 1, 1)),
    conv((2, 300, 14, 14), (40, 300, 1, 1)),
    conv((9, 40, 13, 30), (24, 40, 1, 1)),
]


# Stride 2: odd and even sizes, rows shorter and longer than a register, several depths of a panel.
APART = [
    conv((2, 16, 16, 16), (24, 16, 1, 1), (2, 2)),
    conv((2, 33, 15, 14), (20, 33, 1, 1), (2, 2)),
    conv((3, 20, 7, 61), (37, 20, 1, 1), (2, 2)),
    conv((1, 1100, 12, 13), (40, 1100, 1, 1), (2, 2)),
]


def products(given: list[Job]) -> list[Job]:
    """Those that run as matrix products."""
    return [each for each in given if each.plan.passes[0].file == "matmul"]


def images(of: str, traits: DeviceTraits = CPU) -> list[Job]:
    """All convolutions and their input gradients."""
    return [given for row in ROWS for given in list(three(row, of, traits))[:2]]


def test_values_and_input_gradients(opencl_device: str) -> None:
    jobs = products(images("float32"))
    assert len(jobs) == 2 * len(ROWS)
    check(jobs, opencl_device, 1e-4, 1e-3)


@pytest.mark.parametrize("vector", [8, 16])
def test_stride_2_reads_and_writes_pixels_apart(opencl_device: str, vector: int) -> None:
    traits = DeviceTraits(units=2, vector=vector)
    jobs = products([g for row in APART for g in list(three(row, "float32", traits))[:2]])
    kinds = [dict(given.plan.passes[0].defines)["SPARSE"] for given in jobs]
    assert kinds == ["READ", "WRITTEN"] * len(APART)
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_an_infinity_between_the_pixels_of_stride_2_is_not_met(opencl_device: str) -> None:
    x, w = random((2, 16, 15, 14)), random((24, 16, 1, 1), seed=1)
    x[:, :, 1::2], x[:, :, :, 1::2] = np.inf, np.nan
    attrs = {"stride": (2, 2), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    check(products([job("conv2d", x, w, **attrs)]), opencl_device, 1e-4, 1e-3)


def test_weight_gradients_turn_the_operand_of_fewer_channels(opencl_device: str) -> None:
    rows = [
        conv((3, 16, 9, 11), (70, 16, 1, 1)),
        conv((2, 70, 9, 11), (16, 70, 1, 1)),
        conv((9, 33, 6, 5), (150, 33, 1, 1)),
    ]
    jobs = [given for row in rows for given in list(three(row, "float32", CPU))[2:]]
    flipped = [("FLIPPED", 1) in given.plan.passes[0].defines for given in jobs]
    assert flipped == [True, False, True]
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_weight_gradients_read_the_image_where_it_lies(opencl_device: str) -> None:
    rows = [
        *ROWS,
        conv((7, 37, 5, 7), (16, 37, 1, 1)),
        conv((3, 64, 6, 6), (96, 16, 1, 1), groups=4),
        conv((5, 9, 9, 9), (70, 9, 1, 1)),
        conv((5, 40, 17, 18), (70, 40, 1, 1), (2, 2)),
        conv((5, 40, 17, 18), (70, 40, 1, 1), (3, 1)),
    ]
    jobs = [given for row in rows for given in list(three(row, "float32", CPU))[2:]]
    plain = [given for given in jobs if ("PLAIN", 1) in given.plan.passes[0].defines]
    assert len(plain) >= 8
    check(plain, opencl_device, 1e-4, 1e-3)


def test_float64(opencl_device: str) -> None:
    check(images("float64"), opencl_device, 1e-10, 1e-10)


def test_epilogue_sees_image_channel_and_pixel(opencl_device: str) -> None:
    x, w = random((3, 20, 7, 9)), random((37, 20, 1, 1), seed=1)
    attrs = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    given = job("conv2d", x, w, **attrs)
    assert products([given])
    place = "vstore16((float16)((i0) * 10000 + (i1) * 100 + (j)), 0, line)"
    store = "for (int l = 0; l < n; l++) out[((i0) * 37 + (i1)) * 63 + (j) + l] = line[l] + l;"
    text = f"{{ float line[16]; {place}; {store} }}"
    made = with_epilogue(given, [("EPILOGUE(value, i0, i1, j, n)", text)])
    found = Harness([made], opencl_device).run(made)
    assert found.intact
    places = [10000 * n + 100 * c + p for n in range(3) for c in range(37) for p in range(63)]
    assert found.value.reshape(-1).tolist() == places


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kernel": (3, 1), "out": (14, 16)}, "same place"),
        ({"stride": (3, 3), "out": (6, 6)}, "stride"),
        ({"padding": (1, 1), "out": (18, 18)}, "same place"),
        ({"groups": 2}, "one group"),
        ({"size": (3, 3), "out": (3, 3)}, "too small"),
        ({"outputs": 2}, "few channels"),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, object], reason: str) -> None:
    given = {
        "images": 8,
        "groups": 1,
        "channels": 64,
        "outputs": 64,
        "size": (16, 16),
        "out": (16, 16),
        "kernel": (1, 1),
        "stride": (1, 1),
        "padding": (0, 0),
        "dilation": (1, 1),
    }
    types, half = register_types("float", CPU), register_types("half", CPU)
    assert types is not None
    assert half is not None
    found = refusal("FORWARD", Convolution(**{**given, **changes}), types)  # type: ignore[arg-type]
    assert found is not None
    assert reason in found
    assert refusal("FORWARD", Convolution(**given), types) is None  # type: ignore[arg-type]
    assert refusal("FORWARD", Convolution(**given), half) is not None  # type: ignore[arg-type]


def test_gpus_have_their_own_kernels() -> None:
    assert not products(images("float32", GPU))
