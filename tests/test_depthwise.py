"""Convolutions whose groups have few channels (plans_depth.py, ops/conv_depth*.cl)."""

from __future__ import annotations

import numpy as np
import pytest
from template_harness import CPU, GPU, Harness, Job, check, job, with_epilogue
from test_templates_dense import conv, random, three

import tinygrad_cl as tg
from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives import plans_depth
from tinygrad_cl.primitives.conv_sides import Convolution
from tinygrad_cl.primitives.plans_dense import register_types

# Planes narrower and wider than a register; strips of a plane; tails of register tiles; strides,
# also with kernels smaller than them, and sizes that they do not divide; dilation; even kernels;
# padding wider than the kernel; several sources or results of a group; many taps; one row.
ROWS = [
    conv((2, 8, 10, 10), (8, 1, 3, 3), padding=(1, 1), groups=8),
    conv((2, 40, 7, 7), (40, 1, 3, 3), padding=(1, 1), groups=40),
    conv((2, 5, 14, 14), (5, 1, 3, 3), (2, 2), padding=(1, 1), groups=5),
    conv((2, 3, 112, 112), (3, 1, 3, 3), padding=(1, 1), groups=3),
    conv((1, 3, 70, 113), (3, 1, 3, 3), (2, 2), padding=(1, 1), groups=3),
    conv((2, 5, 15, 17), (5, 1, 5, 5), (2, 2), padding=(2, 2), groups=5),
    conv((2, 5, 15, 17), (5, 1, 5, 4), (1, 2), padding=(0, 1), dilation=(2, 1), groups=5),
    conv((1, 3, 16, 33), (3, 1, 3, 3), (2, 1), padding=(3, 3), dilation=(3, 3), groups=3),
    conv((2, 5, 33, 40), (5, 1, 5, 5), padding=(2, 2), groups=5),
    conv((2, 3, 20, 20), (3, 1, 7, 7), padding=(3, 3), groups=3),
    conv((2, 3, 20, 21), (3, 1, 7, 7), (2, 2), padding=(3, 3), groups=3),
    conv((2, 3, 9, 10), (3, 1, 1, 1), (2, 2), groups=3),
    conv((2, 3, 12, 12), (3, 1, 3, 3), padding=(4, 4), groups=3),
    conv((2, 5, 33, 18), (15, 1, 3, 3), padding=(1, 1), groups=5),
    conv((2, 4, 33, 18), (4, 2, 3, 3), (2, 2), padding=(1, 1), groups=2),
    conv((2, 12, 9, 33), (4, 3, 3, 3), padding=(1, 1), groups=4),
    conv((2, 3, 1, 500), (3, 1, 1, 31), padding=(0, 15), groups=3),
    conv((2, 3, 1, 501), (3, 1, 1, 4), (1, 2), padding=(0, 1), groups=3),
    conv((9, 2, 6, 300), (2, 1, 3, 3), padding=(1, 1), groups=2),
    conv((2, 3, 20, 33), (3, 1, 3, 3), groups=3),  # cotangents narrower than what they make
    conv((2, 3, 40, 40), (3, 1, 3, 3), padding=(2, 2), dilation=(9, 9), groups=3),
]


def planes(given: list[Job]) -> list[Job]:
    """Those that run plane by plane."""
    return [each for each in given if each.plan.passes[0].file.startswith("conv_depth")]


def test_values_and_gradients(opencl_device: str) -> None:
    jobs = planes([given for row in ROWS for given in three(row, "float32", CPU)])
    assert len(jobs) == 3 * len(ROWS) - 2  # the sums of 7x7 weights do not fit the registers
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_wide_planes_are_read_where_they_lie_and_narrow_or_strided_ones_copied() -> None:
    def direct(row: int, of: str = "float32") -> list[bool]:
        steps = [given.plan.passes[0] for given in planes(list(three(ROWS[row], of, CPU)))]
        return [s.file == "conv_depth_rows" or ("DIRECT", 1) in s.defines for s in steps]

    assert direct(3) == direct(8) == [True, True, True]
    assert not any(direct(1) + direct(4) + direct(0, "float16"))


@pytest.mark.parametrize("of", ["float16", "float64"])
def test_other_dtypes(opencl_device: str, of: str) -> None:
    rows = [ROWS[0], ROWS[2], ROWS[14]]
    jobs = planes([given for row in rows for given in three(row, of, CPU)])
    assert len(jobs) == 9
    check(jobs, opencl_device, 1e-3 if of == "float16" else 1e-10, 0.1 if of == "float16" else 1e-9)


def test_registers_of_eight_lanes(opencl_device: str) -> None:
    narrow = DeviceTraits(units=2, vector=8)
    rows = [ROWS[1], ROWS[4], ROWS[5]]
    jobs = planes([given for row in rows for given in three(row, "float32", narrow)])
    assert len(jobs) == 9
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_chunks_of_images_are_summed_in_order(opencl_device: str) -> None:
    """Many images: a weight gradient has several partial sums, and two runs are equal."""
    x, g = random((40, 3, 64, 64)), random((40, 3, 64, 64), seed=1)
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 3}
    given = job("conv2d_weight_grad", x, g, kernel_size=(3, 3), **attrs)
    assert len(given.plan.passes) == 2
    harness = Harness([given], opencl_device)
    first, second = harness.run(given), harness.run(given)
    assert first.value.tobytes() == second.value.tobytes()
    np.testing.assert_allclose(first.value, given.expected, 1e-4, 1e-2)


def test_epilogues_and_outputs_beyond_every_cache(
    opencl_device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def relu(macro: str) -> list[tuple[str, str]]:
        place = "((i) * groups * results + (c)) * out_height * out_width + (j)"
        call = f"CAT({macro}, OUT_T)(max(v, (V)(0)), out, {place}, n)"
        return [("EPILOGUE(v, i, c, j, n)", call)]

    monkeypatch.setattr(plans_depth, "STREAM_FROM", 0)
    x_shape, w_shape, attrs = conv((3, 6, 13, 15), (6, 1, 3, 3), padding=(1, 1), groups=6)
    given = job("conv2d", random(x_shape), random(w_shape), **attrs)
    assert ("STREAM", 1) in given.plan.passes[0].defines
    fused = [with_epilogue(given, relu(macro)) for macro in ("STOREP_", "STREAMP_")]
    harness = Harness([given, *fused], opencl_device)
    plain = harness.run(given)
    np.testing.assert_allclose(plain.value, given.expected, 1e-5, 1e-5)
    for each in fused:
        made = harness.run(each)
        assert made.intact
        np.testing.assert_array_equal(made.value, np.maximum(plain.value, 0))


def test_an_infinity_stays_in_its_windows(opencl_device: str) -> None:
    """Lanes that only fill up a register count for nothing."""
    x, w = random((2, 4, 9, 9)), random((4, 1, 3, 3), seed=1)
    x[0, 3, 0, 0] = np.inf
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 4}
    given = job("conv2d", x, w, **attrs)
    made = Harness(planes([given]), opencl_device).run(given).value
    np.testing.assert_array_equal(np.isfinite(made), np.isfinite(given.expected))


def test_a_large_layer_with_bias_and_relu(device: str) -> None:
    """By way of the engine, where the epilogue of an output beyond the caches is fused."""
    x, w, b = random((3, 8, 224, 224)), random((8, 1, 3, 3), seed=1), random((8,), seed=2)
    F = tg.nn.functional
    args = [tg.tensor(a, device=device) for a in (x, w, b)]
    made = F.relu(F.conv2d(*args, padding=1, groups=8)).numpy()
    attrs = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 8}
    expected = job("conv2d", x, w, **attrs).expected + b[:, None, None]
    np.testing.assert_allclose(made, np.maximum(expected, 0), 1e-4, 1e-4)


def test_second_derivatives(device: str) -> None:
    """Every gradient of a gradient is one of the three products."""
    shapes = [(2, 3, 6, 7), (3, 1, 3, 3)]
    inputs = [tg.tensor(random(s, "float64"), device=device, requires_grad=True) for s in shapes]
    assert tg.testing.gradgradcheck(
        lambda x, w: tg.nn.functional.conv2d(x, w, None, 2, 1, 1, 3), inputs
    )


def test_one_result_of_one_group(opencl_device: str) -> None:
    """Forward with one output channel, and the input gradient of one input channel."""
    rows = [
        conv((2, 40, 9, 40), (1, 40, 3, 3), (2, 1), padding=(1, 1)),
        conv((2, 6, 30, 31), (1, 6, 3, 3), padding=(2, 2), dilation=(2, 2)),
        conv((3, 1, 28, 28), (6, 1, 5, 5), padding=(2, 2)),
        conv((2, 1, 23, 31), (20, 1, 5, 5), (2, 2), padding=(2, 2)),
    ]
    jobs = planes([given for row in rows for given in three(row, "float32", CPU)])
    assert len(jobs) == len(rows)
    check(jobs, opencl_device, 1e-4, 1e-3)


def test_depthwise_layers_take_this_form_and_gpus_do_not() -> None:
    row = conv((4, 32, 28, 28), (32, 1, 3, 3), (2, 2), padding=(1, 1), groups=32)
    assert len(planes(list(three(row, "float32", CPU)))) == 3
    assert not planes(list(three(row, "float32", GPU)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"groups": 1, "outputs": 2}, "one group"),
        ({"groups": 1, "channels": 90}, None),
        ({"images": 0}, "nothing"),
        ({"channels": 4, "outputs": 4}, "channels"),
        ({"kernel": (8, 8)}, "taps"),
        ({"stride": (3, 1)}, "stride"),
        ({}, None),
    ],
)
def test_refusals_name_their_reason(changes: dict[str, object], reason: str | None) -> None:
    types = register_types("float", CPU)
    assert types is not None
    sizes = {"size": (16, 16), "out": (8, 8), "stride": (2, 2), "padding": (1, 1)}
    given = {"images": 8, "groups": 8, "channels": 1, "outputs": 1, "kernel": (3, 3)} | sizes
    c = Convolution(**{**given, "dilation": (1, 1), **changes})  # type: ignore[arg-type]
    found = plans_depth.refusal("FORWARD", c)
    assert found is None if reason is None else reason in str(found)
    assert (plans_depth.planes("FORWARD", c, types) is None) == (reason is not None)
