"""The kernels of attention against their references, in the forms for CPUs and for GPUs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from template_harness import CPU, GPU, Array, Job, check, job

from tinygrad_cl.graph import PRIMITIVES
from tinygrad_cl.lowering import DeviceTraits, Host, Template
from tinygrad_cl.shapes import Layout

WIDE = {"cpu": CPU, "gpu": GPU}
TRAITS = WIDE | {
    "narrow": dataclasses.replace(CPU, vector=4),
    "middle": dataclasses.replace(CPU, vector=8),
}
each_form = pytest.mark.parametrize("traits", TRAITS.values(), ids=TRAITS.keys())

# batches, heads, queries, keys, elements of a query, of a value; the mask; whether it is causal
SMALL = [
    ((1, 1, 1, 1, 1, 1), "", True),
    ((2, 3, 5, 7, 3, 4), "bool", False),
    ((1, 2, 64, 64, 16, 16), "", True),
    ((1, 1, 65, 130, 16, 15), "float", False),
]
LARGE = [
    ((1, 2, 131, 70, 33, 7), "", False),
    ((1, 1, 70, 131, 33, 7), "", True),
    ((1, 1, 200, 200, 32, 32), "", True),
    ((1, 1, 70, 131, 16, 32), "", True),
    ((1, 1, 35, 33, 200, 256), "float", False),
]


def arrays(sizes: tuple[int, ...], of: str, mask: str) -> list[Array]:
    """Query, key, value, scale, and perhaps a mask that hides all keys from some queries."""
    b, h, n, m, e, v = sizes
    rng = np.random.default_rng(sum(sizes))
    shapes = [(b, h, n, e), (b, h, m, e), (b, h, m, v)]
    made = [rng.standard_normal(shape).astype(of) for shape in shapes]
    made.append(np.array([0.3], of))
    hidden = rng.random((b, h, n, m)) < 0.4
    hidden[:, :, ::4] = True
    if mask == "bool":
        made.append(~hidden)
    if mask == "float":
        made.append(np.where(hidden, -np.inf, rng.standard_normal(hidden.shape)).astype(of))
    return made


def jobs(traits: DeviceTraits, of: str, rows: list[Any]) -> Iterator[Job]:
    for sizes, mask, causal in rows:
        q, k, v, scale, *masks = arrays(sizes, of, mask)
        given: dict[str, Any] = {"traits": traits, "causal": causal}
        forward = job("attention", q, k, v, scale, *masks, **given)
        yield forward
        g = np.random.default_rng(1).standard_normal((*q.shape[:3], v.shape[3])).astype(of)
        yield job("attention_grad", q, k, v, scale, forward.expected, g, *masks, **given)


@each_form
def test_attention_and_its_gradient(opencl_device: str, traits: DeviceTraits) -> None:
    check(list(jobs(traits, "float32", SMALL)), opencl_device, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("traits", WIDE.values(), ids=WIDE.keys())
def test_several_blocks_and_wide_heads(opencl_device: str, traits: DeviceTraits) -> None:
    check(list(jobs(traits, "float32", LARGE)), opencl_device, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("traits", WIDE.values(), ids=WIDE.keys())
def test_doubles(opencl_device: str, traits: DeviceTraits) -> None:
    rows = [SMALL[1], SMALL[2], LARGE[0]]
    check(list(jobs(traits, "float64", rows)), opencl_device, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("traits", WIDE.values(), ids=WIDE.keys())
def test_inputs_are_read_where_they_lie(opencl_device: str, traits: DeviceTraits) -> None:
    """Query, key and value are parts of one projection, the heads side by side."""
    rng = np.random.default_rng(0)
    b, n, h, e = 2, 20, 3, 5
    whole = rng.standard_normal((b, n, 3, h, e)).astype("float32")
    parts = [np.ascontiguousarray(whole[:, :, i].transpose(0, 2, 1, 3)) for i in range(3)]
    step = 3 * h * e
    layouts = [Layout((b, h, n, e), (n * step, e, step, 1), i * h * e) for i in range(3)]
    scale, lone = np.array([0.5], "float32"), Layout.contiguous((1,))
    mask = rng.random((b, 1, 1, n)) < 0.7
    seen = Layout((b, h, n, n), (n, 0, 0, 1))
    attrs: dict[str, Any] = {"traits": traits, "causal": False}
    one = job(
        "attention", whole, whole, whole, scale, mask, layouts=[*layouts, lone, seen], **attrs
    )
    primitive = PRIMITIVES["attention"]
    assert isinstance(primitive.lowering, Template)
    accepted = [primitive.lowering.accepts(i, x, {}) for i, x in enumerate([*layouts, lone, seen])]
    assert all(accepted)
    reference = primitive.reference(*parts, scale, np.broadcast_to(mask, seen.shape), causal=False)
    check([Expecting.of(one, reference)], opencl_device)


class Expecting(Job):
    """A job whose arrays are the buffers, so that its result is given."""

    given: Array

    @classmethod
    def of(cls, one: Job, reference: Array) -> Expecting:
        made = cls(**{f.name: getattr(one, f.name) for f in dataclasses.fields(one)})
        object.__setattr__(made, "given", reference)
        return made

    @property
    def expected(self) -> Array:
        return self.given


def test_what_the_kernels_do_not_read() -> None:
    accepts = PRIMITIVES["attention"].lowering.accepts  # type: ignore[union-attr]
    row = Layout((2, 2, 3, 4), (24, 12, 4, 1))
    assert accepts(0, row, {})
    assert not accepts(0, row.permute((0, 1, 3, 2)), {})  # columns apart
    assert not accepts(0, row.slice((0, 0, 2, 0), (1, 1, -1, 1), row.shape), {})
    assert not accepts(0, row.pad((0, 0, 1, 0), (2, 2, 4, 4)), {})


def test_a_head_beyond_local_memory_runs_on_the_host() -> None:
    little = dataclasses.replace(GPU, local_memory=1024)
    lowering = PRIMITIVES["attention"].lowering
    assert isinstance(lowering, Template)
    layouts = (*[Layout.contiguous((1, 1, 4, 64))] * 3, Layout.contiguous((1,)))
    plan = lowering.plan(layouts, (4 * 65,), ("float",) * 5, {"causal": False}, little)
    assert isinstance(plan, Host)
    assert "local memory" in plan.reason
