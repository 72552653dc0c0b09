"""The order of sums is the graph's: neither how often it ran nor who holds what changes a bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.compiler import sliceplan
from tinygrad_cl.compiler.execute import HOT

F = nn.functional


def conv_net() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.Tanh(), nn.Flatten(), nn.Linear(96, 16), nn.Linear(16, 10)),
    )


def channel_net() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(8, 10)),
    )


def row_net() -> Any:
    return nn.Sequential(nn.Linear(64, 320), nn.LayerNorm(320), nn.GELU(), nn.Linear(320, 10))


NETS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "conv": (conv_net, (12, 1, 16, 16)),
    "rows": (row_net, (256, 64)),
    "channels": (channel_net, (32, 1, 20, 20)),
}


def batch(name: str, device: str) -> tuple[Any, tg.Tensor, tg.Tensor]:
    make, shape = NETS[name]
    rng = np.random.default_rng(0)
    tg.manual_seed(0)
    x = tg.tensor(rng.standard_normal(shape).astype(np.float32), device=device)
    return make().to(device), x, tg.tensor(rng.integers(0, 10, shape[0]), device=device)


def bits(*tensors: tg.Tensor) -> list[bytes]:
    return [tensor.detach().numpy().tobytes() for tensor in tensors]


def trained(name: str, device: str, captured: bool, held: bool) -> list[bytes]:
    """The loss and the weights after some steps; `held`: somebody keeps the old weights."""
    net, x, y = batch(name, device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)

    def step() -> tg.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = tg.jit(step) if captured else step
    for _ in range(4):
        old = [p.detach() for p in net.parameters()] if held else []
        loss = run()
        del old
    return bits(loss, *net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_whoever_holds_the_old_weights(name: str, opencl_device: str) -> None:
    first = trained(name, opencl_device, captured=False, held=False)
    for captured, held in ((False, True), (True, False), (True, True)):
        assert trained(name, opencl_device, captured, held) == first


def gradients(name: str, device: str, held: int | None) -> list[bytes]:
    """The loss and all gradients; `held`: the layer whose result somebody keeps."""
    net, x, y = batch(name, device)
    kept = []
    for number, layer in enumerate(net):
        x = layer(x)
        if number == held:
            kept.append(x)
    loss = F.cross_entropy(x, y)
    loss.backward()
    found = [loss, *(p.grad for p in net.parameters())]
    engine.realize([tensor.node for tensor in found])
    return bits(*found)


@pytest.mark.parametrize("name", NETS)
def test_whoever_holds_what_lies_between(
    name: str, opencl_device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held needs no room between kernels, which must not make slices larger."""
    monkeypatch.setattr(sliceplan, "CACHE", 3 << 13)
    first = gradients(name, opencl_device, held=None)
    for held in range(4):
        assert gradients(name, opencl_device, held) == first


OPS: dict[str, Callable[[tg.Tensor], tg.Tensor]] = {
    "scaled": lambda x: x / (x * x).sum(1, keepdim=True),
    "layer_norm": lambda x: F.layer_norm(x, x.shape[1:]),
}


@pytest.mark.parametrize("shape", [(6, 20000), (3, 32000)])
@pytest.mark.parametrize("op", OPS)
def test_however_often_it_ran(op: str, shape: tuple[int, int], opencl_device: str) -> None:
    """Few long rows: alone, a sum of them is cut; within slices it is not."""
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = tg.tensor(values, device=opencl_device)
    assert len({OPS[op](x).numpy().tobytes() for _ in range(HOT + 1)}) == 1
