"""What random programs have found, each as the smallest program that shows it."""

from __future__ import annotations

from typing import Any

import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn


def other(device: str) -> str:
    """A device that is not the default one, if there is any."""
    names = [record.name for record in tg.devices() if record.usable]
    return next((name for name in names if name != tg.get_default_device()), device)


@pytest.mark.parametrize("shape", [(3,), (2, 3), ()])
def test_a_tensor_filled_by_assignment_stays_on_its_device(
    device: str, shape: tuple[int, ...]
) -> None:
    x = tg.zeros(shape, device=device)
    x[...] = 0.25
    assert x.device.name == device
    y = x + tg.ones(shape, device=device)
    assert y.sum().item() == 1.25 * y.numel()


def test_copy_takes_values_of_another_device_and_stays(device: str) -> None:
    elsewhere = "numpy" if device != "numpy" else other(device)
    x = tg.zeros(3, device=device)
    y = tg.tensor([1.0, 2.0, 3.0], device=elsewhere, requires_grad=True)
    x.copy_(y * 2)
    assert x.device.name == device
    assert x.tolist() == [2.0, 4.0, 6.0]
    x.sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("owner", ["optimizer", "module"])
def test_zeroed_gradients_are_zero_and_the_same_tensor(device: str, owner: str) -> None:
    """Also those that were infinite: `inf * 0` is no number."""
    net = nn.Linear(2, 1, bias=False, device=device)
    owned: Any = net if owner == "module" else tg.optim.SGD(net.parameters(), lr=0.1)
    for value in (float("inf"), 1.0):
        net(tg.full((1, 2), value, device=device)).sum().backward()
        assert net.weight.grad is not None
        held = net.weight.grad
        owned.zero_grad(set_to_none=False)
        assert net.weight.grad is held
        assert held.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("zeroed", [False, True], ids=["in place", "none"])
def test_a_captured_step_of_two_backward_passes(device: str, zeroed: bool) -> None:
    """One result is the gradient, and the value of the tensor that was the gradient before."""
    seen = []
    for wrap in (lambda f: f, tg.jit):
        tg.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(device)
        optimizer = tg.optim.Adagrad(net.parameters(), lr=0.02)

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad(set_to_none=zeroed)
            y = net(x)
            y.logsumexp(1).sum().backward(retain_graph=True)
            (y * y).mean().backward()
            optimizer.step()
            return y.detach()

        called = wrap(step)
        rows = [called(tg.full((2, 4), i / 4, device=device)).tolist() for i in range(8)]
        seen.append([rows, *[p.tolist() for p in net.parameters()]])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("rows", [1, 5])
def test_a_net_that_is_called_three_times_in_one_loss(device: str, rows: int) -> None:
    """Sums over the rows store what they fold, and values between that nobody else reads."""
    net = nn.Linear(6, 4).to(device)
    net.weight.data.copy_(tg.linspace(-1, 1, 24, device=device).reshape(4, 6))
    net.bias.data.fill_(0.5)
    inputs = [
        tg.linspace(-k, k + 1.0, rows * 6, device=device).sin().reshape(rows, 6) for k in (1, 2, 3)
    ]
    results = []
    for parts in (inputs, [x.to("numpy") for x in inputs]):
        net.to(parts[0].device).zero_grad()
        loss = nn.functional.triplet_margin_loss(*[net(x) for x in parts], margin=5.0)
        loss.backward()
        assert net.weight.grad is not None
        assert net.bias.grad is not None
        results.append([loss.item(), *net.weight.grad.flatten().tolist(), *net.bias.grad.tolist()])
    assert results[0] == pytest.approx(results[1], rel=1e-4, abs=1e-5)
