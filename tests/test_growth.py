"""Ten thousand steps: nothing grows that is kept from step to step."""

from __future__ import annotations

import gc

import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.nn import functional as F
from tinygrad_cl.runtime.device import get_device


@pytest.mark.parametrize("captured", [True, False])
def test_ten_thousand_steps_grow_nothing(opencl_device: str, captured: bool) -> None:
    """Two batch sizes in turn, and a rate that changes with every step."""
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).to(opencl_device)
    optimizer = tg.optim.Adam(net.parameters())

    def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    device = get_device(opencl_device)
    called = tg.jit(step) if captured else step
    data = [(tg.randn(n, 4, device=device), tg.tensor([0] * n, device=device)) for n in (3, 5)]

    def run(steps: int) -> tuple[list[int], int, int]:
        for i in range(steps):
            optimizer.param_groups[0]["lr"] = 1e-3 / (1 + i)
            called(*data[i % 2])
        device.synchronize()
        gc.collect()
        kinds = len(called._variants) if captured else 0
        counts = [len(device.plans), device.kernels_compiled, len(device.kernel_programs), kinds]
        return counts, device.memory_stats().held, len(gc.get_objects())

    before, held, objects = run(100)
    after, held_then, objects_then = run(10_000)
    assert before == after
    assert held_then - held < 1 << 17  # blocks of numbers, one for each step in the queue
    assert objects_then - objects < 1000  # a tenth of one for each step
