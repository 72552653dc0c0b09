"""No kernel writes outside its buffers: every template, at sizes that are no multiple of anything.

The device gives each buffer exactly its size, between bytes that must not change, and starts it as
NaN: what is written outside shows in the guards, what is read unwritten shows in the values. The
calls below reach every template of `ops/`; a new one wants a call here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from odd_devices import guarded, registered

import tinygrad_cl as tg
from tinygrad_cl import engine
from tinygrad_cl.nn import functional as F
from tinygrad_cl.runtime.sources import template_names, template_source

Make = Callable[..., tg.Tensor]
Call = Callable[[Make, str], Any]

GPU_FORMS = {"attention_gpu", "dense_gpu"}
APART = {"probe", "phase"}  # no kernels of a plan
WIDE_FORMS = {  # not for registers of few lanes
    *("conv_channels", "conv_channels_filter", "conv_channels_weight", "pool_offset"),
    *("winograd", "winograd_filter", "winograd_weight"),
}


def conv(x: tuple[int, ...], w: tuple[int, ...], **options: Any) -> Call:
    return lambda make, device: F.conv2d(make(*x), make(*w), **options)


def pool(function: Callable[..., Any], *shape: int, **options: Any) -> Call:
    return lambda make, device: function(make(*shape), **options)


def ints(device: str, high: int, *shape: int) -> tg.Tensor:
    made = np.random.default_rng(5).integers(0, high, shape)
    return tg.tensor(made, device=device)


MOVED: list[Call] = [
    lambda make, device: make(1, 37, 3).sin() * make(3),
    lambda make, device: make(33, 71).T + make(71, 33),
    lambda make, device: make(5, 19, 23).permute(2, 0, 1).contiguous(),
    lambda make, device: tg.cat([make(3, 17), make(5, 17)], 0),
    lambda make, device: make(7, 13)[1:6, ::3].half().float() + 1,
    lambda make, device: F.pad(make(3, 11), (2, 5)),
    lambda make, device: (make(41) > 0).to(tg.uint8).sum(),
    lambda make, device: make(3, 5).double() * 2,
]
FOLDED: list[Call] = [
    lambda make, device: make(3, 1021).sum(1),
    lambda make, device: make(1021, 3).sum(0),
    lambda make, device: make(3, 45_007).sum(1),
    lambda make, device: make(70_001, 1).mean(0),
    lambda make, device: make(5, 7, 9).amax((0, 2)),
    lambda make, device: make(11, 77).argmax(1),
    lambda make, device: make(77, 11).argmin(0),
    lambda make, device: make(9, 131).softmax(1),
    lambda make, device: F.layer_norm(make(5, 67), (67,)),
    lambda make, device: make(5, 67).logsumexp(1),
]
ORDERED: list[Call] = [
    lambda make, device: make(3, 301).sort(1)[0],
    lambda make, device: make(130, 3).argsort(0),
    lambda make, device: make(5, 61).topk(7)[0],
    lambda make, device: make(3, 207).cumsum(1),
    lambda make, device: make(2, 70_003).cumsum(1),
    lambda make, device: make(31, 9).cumprod(0),
    lambda make, device: make(31, 9).cummax(0)[0],
    lambda make, device: tg.searchsorted(make(37).sort()[0], make(11)),
]
INDEXED: list[Call] = [
    lambda make, device: make(29, 13)[ints(device, 29, 17)],
    lambda make, device: make(29, 3).gather(0, ints(device, 29, 7, 3)),
    lambda make, device: tg.zeros(9, 5, device=device).index_add(
        0, ints(device, 9, 31), make(31, 5)
    ),
    lambda make, device: F.embedding(ints(device, 19, 3, 7), make(19, 35)),
    lambda make, device: F.cross_entropy(make(13, 10), ints(device, 10, 13)),
]
PRODUCTS: list[Call] = [
    lambda make, device: make(37, 29) @ make(29, 53),
    lambda make, device: make(3, 17, 70).transpose(1, 2) @ make(3, 17, 5),
    lambda make, device: make(5, 301) @ make(3, 301).T,
    lambda make, device: make(1, 67) @ make(67, 130),
    lambda make, device: F.linear(make(33, 19), make(7, 19), make(7)).relu(),
    lambda make, device: F.scaled_dot_product_attention(
        make(2, 3, 21, 10), make(2, 3, 37, 10), make(2, 3, 37, 10)
    ),
    lambda make, device: F.scaled_dot_product_attention(
        *(make(1, 2, 35, 9) for _ in range(3)), is_causal=True
    ),
]
CONVOLVED: list[Call] = [
    conv((3, 3, 11, 13), (7, 3, 5, 5), padding=2),
    conv((2, 4, 9, 7), (6, 2, 3, 3), stride=2, groups=2, dilation=2),
    conv((2, 5, 1, 31), (3, 5, 1, 7)),
    conv((3, 20, 7, 9), (37, 20, 3, 3), padding=1),
    conv((3, 24, 9, 11), (37, 24, 3, 3), stride=2, padding=1),
    conv((5, 64, 8, 8), (70, 64, 1, 1), stride=2),
    conv((3, 130, 5, 5), (33, 130, 3, 3), stride=2),
    conv((2, 40, 33, 35), (3, 40, 3, 3)),
    conv((2, 19, 9, 11), (19, 1, 3, 3), padding=1, groups=19),
    conv((2, 6, 10, 7), (12, 1, 3, 3), stride=2, groups=6),
    conv((2, 5, 19, 37), (5, 1, 3, 3), padding=1, groups=5),
]
POOLED: list[Call] = [
    pool(F.max_pool2d, 3, 5, 10, 14, kernel_size=2),
    pool(F.max_pool2d, 3, 5, 11, 13, kernel_size=3, stride=2, padding=1),
    pool(F.max_pool2d, 2, 3, 9, 11, kernel_size=3, stride=1, dilation=2),
    pool(F.max_pool2d, 2, 3, 21, 37, kernel_size=3, stride=2, padding=1),
    pool(F.max_pool2d, 3, 2, 19, 23, kernel_size=3, stride=1),
    pool(F.max_pool2d, 2, 3, 13, 17, kernel_size=6, stride=4),
    pool(F.max_pool2d, 2, 3, 8, 12, kernel_size=2, return_indices=True),
    pool(F.max_pool2d, 2, 3, 9, 11, kernel_size=3, stride=2, return_indices=True),
    pool(F.avg_pool2d, 2, 3, 10, 14, kernel_size=2),
    pool(F.avg_pool2d, 2, 3, 11, 37, kernel_size=3, stride=1),
    pool(F.avg_pool2d, 2, 3, 11, 13, kernel_size=3, stride=2, padding=1),
    pool(F.max_pool2d, 1, 1, 3, 1500, kernel_size=(1, 1200), stride=(1, 7)),
]
GROUPS = {
    "moved": MOVED,
    "folded": FOLDED,
    "ordered": ORDERED,
    "indexed": INDEXED,
    "products": PRODUCTS,
    "convolved": CONVOLVED,
    "pooled": POOLED,
}


@pytest.fixture(params=["cpu", "narrow", "gpu"])
def watched(request: pytest.FixtureRequest, opencl_device: str) -> Iterator[Any]:
    """A guarded device that is what it is, has registers of four lanes, or passes for a GPU."""
    made = guarded(opencl_device, request.param)
    with registered(made):
        yield made


def results(calls: list[Call], name: str) -> list[np.ndarray[Any, Any]]:
    """The values of some calls, and the gradients of their first results."""
    rng = np.random.default_rng(0)
    made: list[tg.Tensor] = []
    for call in calls:
        leaves: list[tg.Tensor] = []

        def make(*shape: int, leaves: list[tg.Tensor] = leaves) -> tg.Tensor:
            array = rng.standard_normal(shape).astype(np.float32)
            leaves.append(tg.tensor(array, device=name, requires_grad=True))
            return leaves[-1]

        given = call(make, name)
        outputs = list(given) if isinstance(given, tuple | list) else [given]
        if outputs[0].requires_grad:
            (outputs[0].float() * outputs[0].detach().float().cos()).sum().backward()
        made += [*outputs, *(leaf.grad for leaf in leaves if leaf.grad is not None)]
    engine.realize([tensor.node for tensor in made])
    return [tensor.detach().numpy() for tensor in made]


def files_of(device: Any) -> set[str]:
    """The templates of all plans of a device, with what they include."""
    found: set[str] = set()
    for made in device.plans.values():
        for kernel in made.plan.kernels:
            found |= {kernel.file, *(phase.file for phase in kernel.phases)}
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_guards_stay(group: str, watched: Any) -> None:
    actual = results(GROUPS[group], watched.name)
    assert watched.check() >= len(actual)
    for i, (value, expected) in enumerate(
        zip(actual, results(GROUPS[group], "numpy"), strict=True)
    ):
        scale = 1e-4 * float(np.abs(expected).max(initial=0))
        np.testing.assert_allclose(value, expected, 1e-4, scale, err_msg=f"{group} {i}")


def test_guards_stay_in_a_training_step(watched: Any) -> None:
    losses = []
    for name in (watched.name, "numpy"):
        tg.manual_seed(0)
        net = tg.nn.Sequential(
            *(tg.nn.Conv2d(1, 5, 3), tg.nn.ReLU(), tg.nn.MaxPool2d(2), tg.nn.Conv2d(5, 7, 3)),
            *(tg.nn.ReLU(), tg.nn.Flatten(), tg.nn.Linear(7 * 9, 10)),
        ).to(name)
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        rng = np.random.default_rng(0)
        x = tg.tensor(rng.standard_normal((19, 1, 12, 12)).astype("f4"), device=name)
        y = tg.tensor(rng.integers(0, 10, 19), device=name)
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    watched.check()
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_write_outside_is_noticed(watched: Any) -> None:
    buffer = watched.allocate(12)
    source = "kernel void wrong(global int *a) { a[3] = 1; }"
    kernel = watched.build(source).kernel("wrong")
    kernel.set(0, buffer)
    watched.run([(kernel, (1,), None)])
    with pytest.raises(AssertionError, match=r"written .* behind one of 12 bytes"):
        watched.check()
    watched.kept.clear()


def test_every_template_is_called(watched: Any) -> None:
    for calls in GROUPS.values():
        results(calls, watched.name)
    test_guards_stay_in_a_training_step(watched)
    called = files_of(watched)
    if watched.kind == "gpu":
        assert called >= GPU_FORMS
        return
    kernels = {n for n in template_names() if re.search(r"\b__kernel\b", template_source(n))}
    missing = kernels - APART - GPU_FORMS - called
    if watched.traits.vector < 16:
        missing -= WIDE_FORMS
    assert not missing, f"add calls that run {sorted(missing)}"
