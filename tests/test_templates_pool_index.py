"""The kernels of pooling and indexing, against their references; guards lie around all buffers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pool_index_rows import average, run, window
from template_harness import CPU, GPU, Array, Harness, Job, check, job, with_epilogue, with_twin

import tinygrad_cl as tg
from tinygrad_cl.graph import PRIMITIVES
from tinygrad_cl.lowering import DeviceTraits, Host, Template, flag_code
from tinygrad_cl.primitives.plans_pool_offset import MOST_TAPS
from tinygrad_cl.shapes import Layout

BOTH = pytest.mark.parametrize("traits", [CPU, GPU], ids=["cpu", "gpu"])


# Kernels of pooling.

# Shape and windows: every fast path, its borders, and what lies just outside of it.
POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1, 1), window(1)),
    ((0, 3, 4, 4), window(2)),
    ((2, 3, 28, 28), window(2)),
    ((3, 5, 10, 10), window(2)),
    ((2, 2, 7, 5), window(2)),
    ((2, 2, 7, 5), window(2, ceil_mode=True)),
    ((2, 2, 2, 66), window(2)),
    ((1, 2, 3, 600), window(2)),
    ((1, 1, 2, 2100), window(2)),
    ((5, 9, 11), window(3, 2, 1)),
    ((2, 3, 32, 33), window(3, 1, 1)),
    ((3, 2, 9, 40), window((3, 5), 1, (1, 2))),
    ((2, 3, 5, 6), window((5, 4), 1, (2, 1))),
    ((1, 2, 7, 7), window(7, 1)),
    ((1, 2, 4, 1021), window(3, 1, 1)),
    ((2, 2, 9, 40), window((2, 3), (1, 2), (1, 0), ceil_mode=True)),
    ((2, 2, 12, 13), window(3, 2, 1, 2)),
    ((1, 1, 1, 1), window(2, 1, 1, 2)),
    ((1, 2, 3, 1500), window(3, 2, 1)),
    ((1, 1, 1, 3000), window((1, 2000), 300)),
    ((2, 2, 40, 33), window(5, 3, 2)),
    ((2, 3, 20, 90), window(2, 5)),
    ((3, 4, 7, 7), window(7)),
    ((2, 2, 6, 80), window((3, 70), 2, (1, 30))),
    ((2, 3, 9, 8), window(4, 4, 2, ceil_mode=True)),
    ((7, 13, 7, 7), window(3, 2)),
    ((2, 11, 15, 15), window(3, 2)),
    ((1, 9, 8, 17), window((5, 7), (2, 1), (2, 3))),
    ((2, 5, 13, 9), window((2, 3), (1, 2), (1, 1), (3, 2))),
    ((3, 5, 6, 5), window((4, 2), (3, 1), (2, 0), (1, 3))),
]


def images(shape: tuple[int, ...], kind: str, of: str = "float32") -> Array:
    """Random images: distinct values, values full of ties, or both with NaN and infinities."""
    rng = np.random.default_rng(len(kind) + sum(shape))
    x = rng.standard_normal(shape) * 4
    if kind != "distinct":
        x = np.round(x / 4)
    if kind == "special":
        x[rng.random(shape) < 0.05] = np.nan
        x[rng.random(shape) < 0.05] = -np.inf
        x[:1, :1] = -np.inf
    return x.astype(of)


def pool_jobs(
    shape: tuple[int, ...], attrs: dict[str, Any], traits: DeviceTraits, kind: str, of: str
) -> Iterator[Job]:
    """Every primitive of the family on one image."""
    x = images(shape, kind, of)
    first = job("max_pool2d", x, traits=traits, **attrs)
    g = np.random.default_rng(1).standard_normal(first.spec.shape).astype(of)
    yield first
    yield job("max_pool2d_index", x, traits=traits, **attrs)
    yield job("max_pool2d_grad", g, x, traits=traits, **attrs)
    v = np.random.default_rng(2).standard_normal(shape).astype(of)
    yield job("max_pool2d_gather", v, x, traits=traits, **attrs)
    full = of == "float32" and traits.vector == CPU.vector  # the windows are in the text: few more
    if np.prod(attrs["kernel_size"]) <= MOST_TAPS and (full or (shape, attrs) in POOLS[9::6]):
        yield from filter(None, [with_twin(first, traits)])
        places = job("max_pool2d_offset", x, traits=traits, **attrs)
        yield places
        size, offset = shape[-2:], places.expected
        yield job("max_pool2d_spread", g, offset, traits=traits, input_size=size, **attrs)
        yield job("max_pool2d_take", v, offset, traits=traits, **attrs)
    if attrs["dilation"] == (1, 1):
        for options in ((True, None), (False, None), (True, 3)):
            given = average(attrs, *options)
            if kind == "distinct":
                yield job("avg_pool2d", x, traits=traits, **given)
            yield job("avg_pool2d_grad", g, input_size=shape[-2:], traits=traits, **given)


@BOTH
@pytest.mark.parametrize("of", ["float32", "float64", "float16"])
def test_pooling_kernels(opencl_device: str, traits: DeviceTraits, of: str) -> None:
    kinds = ["distinct", "ties", "special"] if of == "float32" else ["distinct"]
    check(
        [j for k in kinds for s, a in POOLS for j in pool_jobs(s, a, traits, k, of)], opencl_device
    )


def test_narrow_registers(opencl_device: str) -> None:
    narrow = dataclasses.replace(CPU, vector=4)
    check([j for s, a in POOLS for j in pool_jobs(s, a, narrow, "ties", "float32")], opencl_device)


@BOTH
def test_maxima_of_integers(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = []
    for name in ("int32", "int64", "uint8"):
        info = np.iinfo(name)
        for shape, attrs in POOLS:
            x = np.random.default_rng(3).integers(-100, 100, shape).astype(name)
            x.reshape(-1)[:2] = info.min
            jobs.append(job("max_pool2d", x, traits=traits, **attrs))
            jobs.append(job("max_pool2d_index", x, traits=traits, **attrs))
    check(jobs, opencl_device, rtol=0)


def test_each_path_is_taken() -> None:
    def files(attrs: dict[str, Any], traits: DeviceTraits = CPU) -> set[str]:
        jobs = pool_jobs((2, 2, 28, 28), attrs, traits, "ties", "float32")
        return {step.file for given in jobs for step in given.plan.passes}

    offset = {"pool_argmax", "pool_first", "pool_offset"}
    assert files(window(2)) == {"pool_tile", "pool_unpool", "pool_collect", *offset}
    assert files(window(3, 4)) == {"pool", "pool_spread", *offset}
    assert files(window(3, 2, 1)) == {"pool_spread", "pool_collect", *offset}
    assert files(window(3, 3)) == {"pool", "pool_spread", *offset}
    assert files(window(3, 1)) == {"pool_first", "pool_collect", *offset}
    assert files(window(9, 1)) == {"pool_spread", *offset}
    assert files(window(16, 1)) == {"pool", "pool_spread", "pool_argmax"}
    assert files(window(2), GPU) == {"pool_element"}


def fused(given: Job) -> Job:
    """The job with 2 * value + 1 in its epilogue, as a fused kernel has."""
    return with_epilogue(
        given,
        [
            ("EPILOGUE_PARAMS", ""),
            ("EPILOGUE_ARGS", ""),
            ("EPILOGUE(value, j, n)", "STOREP_float((value) * 2 + 1, out, j, n)"),
        ],
    )


@BOTH
def test_epilogues(opencl_device: str, traits: DeviceTraits) -> None:
    cases = [((2, 3, 7, 9), window(2)), ((2, 3, 7, 9), window(3, 2, 1))]
    jobs = [
        fused(j)
        for shape, attrs in cases
        for j in pool_jobs(shape, attrs, traits, "distinct", "float32")
        if j.plan.passes[-1].epilogue
    ]
    harness = Harness(jobs, opencl_device)
    for given in jobs:
        result = harness.run(given)
        assert result.intact
        np.testing.assert_allclose(result.value, given.expected * 2 + 1, 1e-5, 1e-5)


# Kernels of indexing.

VALUES = ["float32", "float64", "float16", "int32", "int64", "uint8", "bool"]


def values(shape: tuple[int, ...], of: str) -> Array:
    most = 2 if of == "bool" else 100
    return np.random.default_rng(4).integers(0, most, shape).astype(of)


# x, dim, number of indices
ROWS = [
    ((7,), 0, 5),
    ((1,), 0, 1),
    ((5, 3), 0, 9),
    ((5, 3), 1, 4),
    ((4, 6, 37), 1, 11),
    ((50, 64), 0, 300),
    ((5, 16), 0, 0),
    ((0, 5), 1, 3),
    ((3, 5, 0), 1, 2),
    ((2, 3, 2, 16), 2, 7),
    ((3000, 40), 0, 900),
    ((9, 300), 0, 40),
]


def row_jobs(traits: DeviceTraits, of: str) -> Iterator[Job]:
    for shape, dim, count in ROWS:
        index = np.random.default_rng(5).integers(0, shape[dim], count)
        x, given = values(shape, of), {"dim": dim, "op": "index_select"}
        yield job("index_select", x, index, traits=traits, **given)
        if of != "bool":
            src = values((*shape[:dim], count, *shape[dim + 1 :]), of)
            yield job("index_add", x, index, src, traits=traits, dim=dim, op="index_add")


def element_jobs(traits: DeviceTraits, of: str) -> Iterator[Job]:
    for shape, dim, count in ROWS:
        wanted = (*shape[:dim], count, *shape[dim + 1 :])
        index = np.random.default_rng(6).integers(0, shape[dim], wanted)
        x = values(shape, of)
        yield job("gather", x, index, traits=traits, dim=dim, op="gather")
        if of != "bool":
            src = values(wanted, of)
            yield job("scatter_add", x, index, src, traits=traits, dim=dim, op="scatter_add")


@BOTH
def test_indexing_kernels(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = [j for of in VALUES for make in (row_jobs, element_jobs) for j in make(traits, of)]
    check([j for j in jobs if j.spec.dtype.name != "float16"], opencl_device, rtol=0)
    check([j for j in jobs if j.spec.dtype.name == "float16"], opencl_device, rtol=1e-3)


@BOTH
def test_sums_from_one_constant(opencl_device: str, traits: DeviceTraits) -> None:
    jobs = []
    for name, of in (("index_add", "float32"), ("scatter_add", "float16")):
        shape, count = (9, 20), 30
        index = np.random.default_rng(7).integers(0, 9, count)
        src = values((count, 20), of)
        if name == "scatter_add":
            index = np.broadcast_to(index[:, None], src.shape).copy()
        layouts = [
            Layout(shape, (0, 0)),
            Layout.contiguous(index.shape),
            Layout.contiguous(src.shape),
        ]
        one = np.array(3, of)
        found = job(name, one, index, src, traits=traits, layouts=layouts, dim=0, op=name)
        jobs.append((found, run(name, np.full(shape, one), index, src, dim=0, op=name)))
    harness = Harness([found for found, _ in jobs], opencl_device)
    for found, expected in jobs:
        assert np.array_equal(harness.run(found).value, expected)


def test_only_constants_and_contiguous_inputs_are_accepted() -> None:
    lowering = PRIMITIVES["index_add"].lowering
    assert isinstance(lowering, Template)
    constant = Layout((4, 5), (0, 0))
    assert lowering.accepts(0, constant, {})
    assert not lowering.accepts(2, constant, {})
    assert not lowering.accepts(0, Layout((4, 5), (0, 1)), {})


@BOTH
@pytest.mark.parametrize("bad", [-1, 5, 2**40])
def test_an_index_out_of_range_is_reported_and_does_nothing(
    opencl_device: str, traits: DeviceTraits, bad: int
) -> None:
    x, src = values((5, 20), "float32"), values((3, 20), "float32") + 1
    rows = np.array([0, bad, 4])
    cells = np.zeros((3, 20), np.int64)
    cells[1, 7] = bad
    cases: list[tuple[Job, Callable[[], Array]]] = [
        (
            job("index_select", x, rows, traits=traits, dim=0, op="embedding"),
            lambda: np.stack([x[0], 0 * x[0], x[4]]),
        ),
        (
            job("gather", x, cells, traits=traits, dim=0, op="embedding"),
            lambda: np.where(cells == 0, x[0], 0),
        ),
        (
            job("index_add", x, rows, src, traits=traits, dim=0, op="embedding"),
            lambda: run("index_add", x, rows[::2], src[::2], dim=0, op=""),
        ),
        (
            job("scatter_add", x, cells, src, traits=traits, dim=0, op="embedding"),
            lambda: run("scatter_add", x, 0 * cells, src * (cells == 0), dim=0, op=""),
        ),
    ]
    harness = Harness([given for given, _ in cases], opencl_device)
    for given, expected in cases:
        result = harness.run(given)
        assert result.intact
        assert result.flags[0] == flag_code("embedding")
        assert result.flags[1:3] == (np.int64(bad).astype(np.int32), 5)
        assert np.array_equal(result.value, expected()), given.name
        with pytest.raises(IndexError, match=f"embedding: index {bad} is out of range"):
            _ = given.expected


def test_an_index_smaller_than_its_input_is_left_to_the_host() -> None:
    lowering = PRIMITIVES["gather"].lowering
    assert isinstance(lowering, Template)
    layouts = (Layout.contiguous((3, 4)), Layout.contiguous((3, 2)))
    plan = lowering.plan(layouts, (3, 2), ("float", "long", "float"), {"dim": 0, "op": ""}, CPU)
    assert isinstance(plan, Host)


@pytest.mark.parametrize("of", ["float64", "int64", "float32"])
def test_sums_in_narrow_registers(opencl_device: str, of: str) -> None:
    """Registers of 16 bytes: those of doubles still have four lanes."""
    narrow = dataclasses.replace(CPU, vector=4)
    rng = np.random.default_rng(0)
    x, source = (rng.integers(-9, 9, (n, 11)).astype(of) for n in (5, 7))
    index = rng.integers(0, 5, 7)
    given: dict[str, Any] = {"traits": narrow, "dim": 0, "op": "index"}
    jobs = [job("index_add", x, index, source, **given), job("index_select", x, index, **given)]
    assert all(dict(one.plan.passes[0].defines)["VEC"] == 4 for one in jobs)
    check(jobs, opencl_device, rtol=0)


def test_gradients_of_tables_start_from_one_number(opencl_device: str) -> None:
    """No zeros are written for a gradient that is a sum by index."""
    table = tg.tensor(np.ones((1000, 64), "float32"), device=opencl_device, requires_grad=True)
    rows = tg.tensor([3, 3, 1], device=opencl_device)
    (grad,) = tg.autograd.grad(tg.nn.functional.embedding(rows, table).sum(), [table])
    assert tg.explain(grad).arena < grad.numpy().nbytes / 16  # links between rows, and the number
    assert grad.numpy()[:5, 0].tolist() == [0, 1, 0, 2, 0]


@BOTH
def test_an_index_that_counts_up(opencl_device: str, traits: DeviceTraits) -> None:
    """Runs of neighbors are added together; breaks, repetitions and bad places are not missed."""
    runs = [np.arange(3, 40), np.arange(90), np.full(20, 5), np.arange(60, 96), np.arange(17)[::-1]]
    index = np.concatenate(runs)
    rng = np.random.default_rng(0)
    x, source = (rng.integers(-9, 9, (3, n)).astype("float32") for n in (96, index.size))
    given: dict[str, Any] = {"traits": traits, "dim": 1, "op": "index"}
    check([job("index_add", x, index, source, **given)], opencl_device, rtol=0)
    beyond = job("index_add", x, index + 1, source, **given)
    result = Harness([beyond], opencl_device).run(beyond)
    assert result.intact
    assert result.flags[1:3] == (96, 96)
