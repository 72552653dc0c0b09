"""The kernels of matmul and conv, against their references; guards lie around all buffers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from template_harness import CPU, GPU, Array, Harness, Job, check, job, with_epilogue

from tinygrad_cl.graph import PRIMITIVES
from tinygrad_cl.lowering import DeviceTraits, Host, Template, TemplatePlan
from tinygrad_cl.primitives import plans_conv, plans_winograd
from tinygrad_cl.primitives.conv import conv_output_size
from tinygrad_cl.shapes import Layout

BOTH = pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])


def random(shape: tuple[int, ...], of: str = "float32", seed: int = 0) -> Array:
    """Normal numbers, different for each shape."""
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(of)


# Matrix products.

# Batch dims, M, N, K: single elements, tails of tiles, vectors, long sums, no sum at all.
PRODUCTS = [
    ((), 1, 1, 1),
    ((), 5, 7, 3),
    ((), 64, 64, 64),
    ((), 33, 100, 45),
    ((), 1, 300, 200),
    ((), 300, 1, 200),
    ((), 128, 10, 84),
    ((), 10, 84, 128),
    ((3,), 17, 20, 9),
    ((2, 3), 8, 40, 16),
    ((), 16, 150, 3000),
    ((), 130, 70, 2100),
    ((), 200, 33, 1030),
    ((), 7, 40, 0),
    ((4, 2, 3), 5, 6, 7),
]


def stored(shape: tuple[int, ...], order: tuple[int, ...], of: str) -> tuple[Array, Layout]:
    """A view of this shape, its dims in memory in this order, three elements into its buffer."""
    kept = tuple(shape[d] for d in order)
    layout = Layout.contiguous(kept).permute(np.argsort(order).tolist())
    return random((3 + int(np.prod(kept)),), of), Layout(layout.shape, layout.strides, 3)


def seen(array: Array, layout: Layout) -> Array:
    """The view as an array."""
    steps = [s * array.itemsize for s in layout.strides]
    return np.lib.stride_tricks.as_strided(array[layout.offset :], layout.shape, steps)


def check_views(jobs: list[tuple[Job, tuple[Layout, ...]]], device: str) -> None:
    """Runs products of views and compares them with NumPy's."""
    harness = Harness([given for given, _ in jobs], device)
    for given, layouts in jobs:
        result = harness.run(given)
        views = [seen(a, v) for a, v in zip(given.arrays, layouts, strict=True)]
        expected = np.asarray(PRIMITIVES["matmul"].reference(*views))
        where = f"{[v.shape for v in layouts]} strides {[v.strides for v in layouts]}"
        assert result.intact, f"{where}: wrote outside"
        loose = 1e-2 if expected.dtype == np.float16 else 2e-5
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(result.value, expected, loose, loose * scale, err_msg=where)


def product(
    a: tuple[Array, Layout], b: tuple[Array, Layout], traits: DeviceTraits
) -> tuple[Job, tuple[Layout, ...]]:
    """The job of one product of views, which must be accepted."""
    lowering = PRIMITIVES["matmul"].lowering
    assert isinstance(lowering, Template)
    assert all(lowering.accepts(i, view, {}) for i, (_, view) in enumerate((a, b)))
    layouts = (a[1], b[1])
    return job("matmul", a[0], b[0], traits=traits, layouts=layouts), layouts


def products(
    sizes: list[tuple[tuple[int, ...], int, int, int]], of: str, traits: DeviceTraits
) -> Iterator[tuple[Job, tuple[Layout, ...]]]:
    """Every orientation of both operands."""
    for batch, m, n, k in sizes:
        lead = tuple(range(len(batch)))
        straight, crossed = (*lead, len(lead), len(lead) + 1), (*lead, len(lead) + 1, len(lead))
        for order_a in (straight, crossed):
            for order_b in (straight, crossed):
                a = stored((*batch, m, k), order_a, of)
                b = stored((*batch, k, n), order_b, of)
                yield product(a, b, traits)


@BOTH
def test_products_in_every_orientation(opencl_device: str, traits: DeviceTraits) -> None:
    check_views(list(products(PRODUCTS, "float32", traits)), opencl_device)


def test_left_operands_whose_neighbors_lie_pages_apart_are_packed(opencl_device: str) -> None:
    a, b = stored((2048, 300), (1, 0), "float32"), stored((300, 2051), (0, 1), "float32")
    given, views = product(a, b, CPU)
    assert {("PACK_A", 2), ("DEEP", 1)} <= set(given.plan.passes[0].defines)
    check_views([(given, views)], opencl_device)


@BOTH
@pytest.mark.parametrize("of", ["float16", "float64"])
def test_products_of_other_dtypes(opencl_device: str, traits: DeviceTraits, of: str) -> None:
    sizes = [((2,), 20, 37, 70), ((), 9, 40, 1100)]
    check_views(list(products(sizes, of, traits)), opencl_device)


@BOTH
def test_products_with_broadcast_and_permuted_batches(
    opencl_device: str, traits: DeviceTraits
) -> None:
    def broadcast(given: tuple[Array, Layout], shape: tuple[int, ...]) -> tuple[Array, Layout]:
        layout = given[1].expand(shape)
        assert layout is not None
        return given[0], layout

    heads = stored((2, 3, 8, 16), (0, 2, 1, 3), "float32")
    keys = stored((2, 3, 16, 20), (0, 3, 1, 2), "float32")
    weight = stored((16, 20), (0, 1), "float32")
    turned = stored((16, 20), (1, 0), "float32")
    rows = stored((4, 9, 16), (0, 1, 2), "float32")
    jobs = [
        product(heads, keys, traits),
        product(heads, broadcast(weight, (2, 3, 16, 20)), traits),
        product(rows, broadcast(turned, (4, 16, 20)), traits),
        product(
            broadcast(stored((9, 16), (0, 1), "float32"), (4, 9, 16)),
            stored((4, 16, 20), (0, 1, 2), "float32"),
            traits,
        ),
        product(
            broadcast(stored((2, 1, 5, 6), (0, 1, 2, 3), "float32"), (2, 7, 5, 6)),
            broadcast(stored((7, 6, 4), (0, 1, 2), "float32"), (2, 7, 6, 4)),
            traits,
        ),
    ]
    check_views(jobs, opencl_device)


def test_products_accept_what_they_can_read() -> None:
    lowering = PRIMITIVES["matmul"].lowering
    assert isinstance(lowering, Template)
    whole = Layout.contiguous((4, 6, 8))
    accepted = [
        whole,
        whole.permute((0, 2, 1)),
        whole.permute((1, 0, 2)),
        whole.slice((1, 2, 0), (1, 1, 1), (2, 3, 8)),
    ]
    refused = [
        whole.slice((3, 0, 0), (-1, 1, 1), (4, 6, 8)),
        whole.slice((0, 0, 0), (1, 2, 2), (4, 3, 4)),
        whole.pad((0, 1, 0), (4, 7, 8)),
        Layout.contiguous((2, 3, 4, 5, 6)).permute((2, 1, 0, 3, 4)),
    ]
    assert all(lowering.accepts(0, layout, {}) for layout in accepted)
    assert not any(lowering.accepts(0, layout, {}) for layout in refused)


@pytest.mark.parametrize(
    ("storage", "traits", "reason"),
    [
        ("int", CPU, "integer"),
        ("long", GPU, "integer"),
        ("double", DeviceTraits(double=False), "float64"),
    ],
)
def test_products_without_a_kernel_run_on_the_host(
    storage: str, traits: DeviceTraits, reason: str
) -> None:
    lowering = PRIMITIVES["matmul"].lowering
    assert isinstance(lowering, Template)
    layouts = (Layout.contiguous((2, 3)), Layout.contiguous((3, 4)))
    found = lowering.plan(layouts, (2, 4), (storage,) * 3, {}, traits)
    assert isinstance(found, Host)
    assert reason in found.reason


def test_long_sums_are_cut_only_where_units_would_idle() -> None:
    def passes(m: int, n: int, k: int) -> int:
        return len(job("matmul", random((m, k)), random((k, n))).plan.passes)

    assert passes(16, 32, 20_000) == 2
    assert passes(512, 512, 2048) == 1
    assert passes(16, 32, 64) == 1


# Convolutions.


def conv(
    x: tuple[int, ...],
    w: tuple[int, ...],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """One row of `CONVOLUTIONS`."""
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, w, attrs


CONVOLUTIONS = [
    conv((3, 1, 28, 28), (6, 1, 5, 5), padding=(2, 2)),
    conv((3, 6, 14, 14), (16, 6, 5, 5)),
    conv((2, 3, 8, 8), (4, 3, 3, 3), padding=(1, 1)),
    conv((2, 4, 9, 11), (6, 2, 3, 2), (2, 3), (1, 0), (2, 1), 2),
    conv((1, 1, 1, 1), (1, 1, 1, 1)),
    conv((2, 5, 7, 7), (3, 5, 1, 1), (2, 2)),
    conv((2, 8, 10, 10), (8, 1, 3, 3), padding=(1, 1), groups=8),
    conv((1, 2, 5, 40), (3, 2, 1, 7), padding=(0, 3)),
    conv((2, 3, 12, 13), (5, 3, 4, 3), (3, 2), (2, 1)),
    conv((2, 3, 6, 6), (5, 3, 2, 2), (3, 3)),
    conv((2, 3, 8, 8), (5, 3, 2, 2), (3, 3)),
    conv((1, 200, 6, 6), (20, 200, 3, 3), padding=(1, 1)),
    conv((5, 32, 4, 4), (70, 32, 3, 3), padding=(1, 1)),
    conv((2, 3, 33, 31), (5, 3, 7, 7), (2, 2), (3, 3)),
    conv((1, 2, 20, 1100), (3, 2, 3, 3), padding=(1, 1)),
    conv((2, 4, 10, 10), (4, 4, 3, 3), padding=(4, 4), dilation=(3, 3)),
    conv((2, 3, 70, 50), (1, 3, 5, 5), dilation=(9, 9)),
    conv((1, 130, 12, 12), (9, 130, 3, 3), (2, 2), (1, 1)),
    conv((4, 64, 8, 8), (96, 64, 3, 3), padding=(1, 1)),
    conv((0, 3, 8, 8), (4, 3, 3, 3)),
    conv((2, 0, 6, 6), (4, 0, 3, 3)),
    conv((2, 3, 6, 6), (0, 3, 3, 3)),
]


def three(
    row: tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], of: str, traits: DeviceTraits
) -> Iterator[Job]:
    """A convolution and both gradients, where their outputs are not empty."""
    x_shape, w_shape, attrs = row
    sizes = (x_shape[2], x_shape[3]), (w_shape[2], w_shape[3])
    out = conv_output_size("conv2d", *sizes, attrs["stride"], attrs["padding"], attrs["dilation"])
    x, w = random(x_shape, of), random(w_shape, of, 1)
    g = random((x_shape[0], w_shape[0], *out), of, 2)
    if g.size:
        yield job("conv2d", x, w, traits=traits, **attrs)
    if x.size:
        yield job("conv2d_input_grad", g, w, traits=traits, input_size=sizes[0], **attrs)
    if w.size:
        yield job("conv2d_weight_grad", x, g, traits=traits, kernel_size=sizes[1], **attrs)


@pytest.fixture(params=["direct", "free"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Plans that may use Winograd's form, and such that may not."""
    if request.param == "direct":
        monkeypatch.setattr(plans_winograd, "refusal", lambda *given: "the test wants the sum")
    plans_conv._plan.cache_clear()
    yield
    plans_conv._plan.cache_clear()


@BOTH
@pytest.mark.usefixtures("form")
def test_convolutions(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [given for row in CONVOLUTIONS for given in three(row, "float32", traits)]
    check(jobs, opencl_device, 1e-4, 1e-3)


@BOTH
@pytest.mark.parametrize("of", ["float16", "float64"])
@pytest.mark.usefixtures("form")
def test_convolutions_of_other_dtypes(opencl_device: str, traits: DeviceTraits, of: str) -> None:
    rows = [
        conv((2, 4, 9, 11), (6, 2, 3, 2), (2, 1), (1, 0), groups=2),
        conv((2, 3, 9, 9), (6, 3, 3, 3), padding=(1, 1)),
        conv((3, 40, 4, 4), (70, 40, 3, 3), padding=(1, 1)),
    ]
    jobs = [given for row in rows for given in three(row, of, traits)]
    check(jobs, opencl_device, 1e-4, 0.1 if of == "float16" else 1e-8)


def test_single_images_are_cut_for_all_units(opencl_device: str) -> None:
    jobs = list(three(conv((1, 40, 16, 16), (48, 40, 3, 3), padding=(1, 1)), "float32", CPU))
    jobs += three(conv((1, 3, 64, 64), (8, 3, 3, 3), padding=(1, 1)), "float32", CPU)
    for given in jobs[:3]:
        assert max(step.grid.size[0] for step in given.plan.passes) >= 4
    check(jobs, opencl_device, 1e-4, 1e-3)


@BOTH
def test_input_gradients_of_larger_inputs(opencl_device: str, traits: DeviceTraits) -> None:
    """A stride leaves rows and columns that no window met: they are zero."""
    g, w = random((2, 3, 4, 4)), random((3, 5, 3, 3), seed=1)
    attrs = {"stride": (3, 3), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    jobs = [
        job("conv2d_input_grad", g, w, traits=traits, input_size=size, **attrs)
        for size in ((10, 10), (11, 12), (12, 10))
    ]
    check(jobs, opencl_device, 1e-4, 1e-4)


@BOTH
def test_weight_gradients_add_many_chunks(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = list(three(conv((70, 2, 9, 9), (3, 2, 3, 3), padding=(1, 1)), "float32", traits))
    assert len(jobs[-1].plan.passes) == 2
    check(jobs[-1:], opencl_device, 1e-4, 1e-3)


def test_kernels_that_do_not_fit_run_on_the_host() -> None:
    lowering = PRIMITIVES["conv2d"].lowering
    assert isinstance(lowering, Template)
    layouts = (Layout.contiguous((1, 1, 300, 300)), Layout.contiguous((1, 1, 300, 300)))
    attrs = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    found = lowering.plan(layouts, (1, 1, 1, 1), ("float",) * 3, attrs, CPU)
    assert isinstance(found, Host)
    assert "private memory" in found.reason


# The epilogue hole.

# Stores the place that the indices name instead of the value, so that every index is checked.
_PLACES = (
    "EPILOGUE(value, i0, i1, j, n)",
    "for (int lane = 0; lane < (n); lane++) out[((i0) * {1} + (i1)) * {2} + (j) + lane]"
    " = (float)(((i0) * {1} + (i1)) * {2} + (j) + lane)",
)


@BOTH
@pytest.mark.usefixtures("form")
def test_epilogues_get_every_index_once(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [
        job("matmul", random((3, 17, 20)), random((3, 20, 45)), traits=traits),
        job("matmul", random((300, 20)), random((20, 1)), traits=traits),
        job("matmul", random((16, 5000)), random((5000, 33)), traits=traits),
        *three(conv((3, 6, 14, 14), (16, 6, 5, 5)), "float32", traits),
        *three(conv((2, 4, 9, 11), (6, 2, 3, 2), (2, 3), groups=2), "float32", traits),
        *three(conv((5, 32, 4, 4), (70, 32, 3, 3), padding=(1, 1)), "float32", traits),
        *three(conv((1, 2, 20, 1100), (3, 2, 3, 3), padding=(1, 1)), "float32", traits),
    ]
    marked = []
    for given in jobs:
        assert isinstance(given.plan, TemplatePlan)
        assert int(np.prod(given.plan.domain)) == int(np.prod(given.spec.shape))
        marked.append(with_epilogue(given, [(_PLACES[0], _PLACES[1].format(*given.plan.domain))]))
    harness = Harness(marked, opencl_device)
    for given in marked:
        result = harness.run(given)
        places = np.arange(result.value.size, dtype=np.float32)
        np.testing.assert_array_equal(result.value.reshape(-1), places, err_msg=given.name)
