"""What shares its work is computed together, though it is looked at one by one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.capture import Capture

F = nn.functional


class World:
    """A small net on a device, and how many plans were looked for."""

    def __init__(self, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
        tg.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.Linear(4, 3))
        self.net.to(device)
        self.x = tg.tensor(np.arange(24, dtype=np.float32).reshape(4, 6) / 24, device=device)
        self.y = tg.tensor([0, 1, 2, 0], device=device)
        self.weights = list(self.net.parameters())
        engine.realize([tensor.node for tensor in (self.x, self.y, *self.weights)])
        self.plans = 0

        def counted(*args: Any) -> Capture:
            self.plans += 1
            return Capture(*args)

        monkeypatch.setattr(engine, "Capture", counted)

    def backward(self) -> tg.Tensor:
        for p in self.weights:
            p.grad = None
        loss = F.cross_entropy(self.net(self.x), self.y)
        loss.backward()
        return loss

    @property
    def gradients(self) -> list[tg.Tensor]:
        return [p.grad for p in self.weights if p.grad is not None]


def with_operators(world: World) -> None:
    with tg.no_grad():
        for p, g in zip(world.weights, world.gradients, strict=True):
            p -= 0.1 * g


def with_methods(world: World) -> None:
    with tg.no_grad():
        for p, g in zip(world.weights, world.gradients, strict=True):
            p.sub_(g, alpha=0.1)


def with_data(world: World) -> None:
    for p, g in zip(world.weights, world.gradients, strict=True):
        p.data -= 0.1 * g


def with_copies(world: World) -> None:
    with tg.no_grad():
        for p, g in zip(world.weights, world.gradients, strict=True):
            p.copy_(p - 0.1 * g)


UPDATES: dict[str, Callable[[World], None]] = {
    "operators": with_operators,
    "methods": with_methods,
    "data": with_data,
    "copies": with_copies,
}


@pytest.mark.parametrize("update", UPDATES)
def test_weights_updated_by_hand_are_one_plan(
    update: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(device, monkeypatch)
    before = [p.detach().numpy().copy() for p in world.weights]
    world.backward()
    UPDATES[update](world)
    after = [p.detach().numpy() for p in world.weights]
    assert world.plans == 1
    for old, new, g in zip(before, after, world.gradients, strict=True):
        np.testing.assert_allclose(new, old - np.float32(0.1) * g.numpy(), rtol=1e-6)


@pytest.mark.parametrize("first", ["loss", "gradient"])
def test_a_loss_and_its_gradients_are_one_plan(
    first: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(device, monkeypatch)
    loss = world.backward()
    looked_at = [loss, *world.gradients]
    for tensor in looked_at if first == "loss" else looked_at[::-1]:
        tensor.detach().numpy()
    assert world.plans == 1


def test_gradients_of_a_second_derivative_are_left_alone(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(device, monkeypatch)
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    assert x.grad is not None
    (x.grad * x.grad).sum().backward()
    np.testing.assert_allclose(x.grad.detach().numpy(), [3 + 36, 12 + 288])
    assert world.plans == 1


def test_averages_of_weights_are_one_plan(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(device, monkeypatch)
    averages = [p.detach().clone() for p in world.weights]
    for average, p in zip(averages, world.weights, strict=True):
        average.mul_(0.5).add_(p.detach(), alpha=0.5)
    for average, p in zip(averages, world.weights, strict=True):
        np.testing.assert_allclose(average.numpy(), p.detach().numpy(), rtol=1e-6)
    assert world.plans == 1


def test_what_nobody_holds_is_not_computed(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(device, monkeypatch)
    x = tg.ones(3, device=device)
    held = weakref.ref(x.add_(1.0).mul_(2.0))
    del x
    assert held() is None
    world.x.sum().item()
    assert not engine._deferred.tensors


def test_a_captured_step_keeps_one_set_of_gradients(device: str) -> None:
    """Those that were there when it was captured must not live on."""
    net = nn.Linear(6, 3).to(device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    x = tg.ones(4, 6, device=device)

    @tg.jit
    def step() -> tg.Tensor:
        optimizer.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    seen: list[weakref.ref[tg.Tensor]] = []
    for _ in range(6):
        step()
        seen += [weakref.ref(p.grad) for p in net.parameters() if p.grad is not None]
    living = {id(g) for g in (ref() for ref in seen) if g is not None}
    assert len(living) == 2
