"""checkpoint: the same values and gradients, from less memory."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn


def blocks(device: str) -> Any:
    tg.manual_seed(0)
    layers = [
        nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Dropout(0.2), nn.Linear(64, 16))
        for _ in range(6)
    ]
    return nn.ModuleList(layers).to(device)


def losses_and_gradients(net: Any, x: tg.Tensor, recomputed: bool) -> tuple[float, list[Any], Any]:
    tg.manual_seed(1)
    net.zero_grad()
    hidden = x
    for block in net:
        hidden = tg.checkpoint(block, hidden) if recomputed else block(hidden)
    loss = (hidden * hidden).mean()
    loss.backward()
    plan = tg.explain(loss, *[p.grad for p in net.parameters()])
    after = tg.rand(2).tolist()
    return loss.item(), [p.grad.numpy().copy() for p in net.parameters()], (plan, after)


def test_gradients_of_closed_over_parameters_agree(device: str) -> None:
    net = blocks(device)
    x = tg.randn(512, 16, device=device)
    loss, gradients, (plan, after) = losses_and_gradients(net, x, False)
    again, recomputed, (smaller, same) = losses_and_gradients(net, x, True)
    assert loss == pytest.approx(again, rel=1e-6)
    for a, b in zip(gradients, recomputed, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
    assert after == same, "the random stream moves on as it would without"
    assert smaller.arena < plan.arena / 2


def test_second_derivatives(device: str) -> None:
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    (g,) = tg.autograd.grad(tg.checkpoint(lambda v: v**3, x).sum(), x, create_graph=True)
    assert g.tolist() == [3, 12]
    (h,) = tg.autograd.grad(g.sum(), x)
    assert h.tolist() == [6, 12]


def test_several_results_and_other_arguments(device: str) -> None:
    x = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    w = tg.tensor([3.0, 4.0], device=device, requires_grad=True)

    def function(a: Any, k: int, b: Any, *, shift: float) -> Any:
        return a * b * k + shift, a - b

    one, two = tg.checkpoint(function, x, 2, w, shift=1.0)
    assert one.tolist() == [7, 17]
    (one + two * 10).sum().backward()
    assert x.grad.tolist() == [16, 18]
    assert w.grad.tolist() == [-8, -6]


def test_without_gradients_it_is_a_call(device: str) -> None:
    with tg.no_grad():
        y = tg.checkpoint(lambda v: v * 2, tg.ones(2, device=device))
    assert y.tolist() == [2, 2]
    assert not y.requires_grad


def test_a_function_that_changes_is_found_out(device: str) -> None:
    calls = []

    def unsteady(v: Any) -> Any:
        calls.append(1)
        return (v * 2, v) if len(calls) < 2 else (v * 2,)

    x = tg.tensor([1.0], device=device, requires_grad=True)
    y, _ = tg.checkpoint(unsteady, x)
    with pytest.raises(tg.TinygradError, match="made 2 results, and 1"):
        y.sum().backward()


@pytest.mark.parametrize("realized", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_values_from_outside_keep_their_graph(device: str, realized: bool, times: int) -> None:
    """They are not released with what is computed again; y = sin(x h), h = w^2."""
    w = tg.tensor([1.0, 2.0], device=device, requires_grad=True)
    x = tg.tensor([3.0, 4.0], device=device, requires_grad=True)
    h = w * w
    if realized:
        h.realize()
    y = sum(tg.checkpoint(lambda v: (v * h).sin(), x) for _ in range(times))
    (y.sum() + (h * h).sum()).backward()
    W, X = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    slope = times * np.cos(X * W * W)
    np.testing.assert_allclose(w.grad.numpy(), slope * X * 2 * W + 4 * W**3, rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), slope * W * W, rtol=1e-5)


def test_hooks_of_parameters_see_a_gradient_once(device: str) -> None:
    layer = nn.Linear(3, 3).to(device)
    seen = []
    layer.bias.register_hook(lambda g: seen.append(g) or g * 0.5)
    tg.checkpoint(layer, tg.ones(2, 3, device=device)).sum().backward()
    assert layer.bias.grad.tolist() == [1, 1, 1]
    assert len(seen) == 1


def test_the_function_is_called_twice(device: str) -> None:
    """So running statistics move twice, as they do in PyTorch."""
    norm = nn.BatchNorm1d(3).to(device)
    x = tg.randn(5, 3, device=device, requires_grad=True)
    tg.checkpoint(lambda v: norm(v), x).sum().backward()
    assert norm.num_batches_tracked.item() == 2
    with tg.no_grad():
        tg.checkpoint(norm, x)
    assert norm.num_batches_tracked.item() == 3


def test_replays_draw_the_same_numbers_again(device: str) -> None:
    """y = 3 x d and its gradient 3 d have one mask d, another one in each call."""
    drop = nn.Dropout(0.5)
    w = tg.ones(64, device=device, requires_grad=True)

    @tg.jit
    def step(x: Any) -> Any:
        w.grad = None
        y = tg.checkpoint(lambda v: drop(v) * 3, x * w)
        y.sum().backward()
        return y.detach(), w.grad.detach()

    masks = []
    for _ in range(6):
        y, g = step(tg.ones(64, device=device))
        np.testing.assert_array_equal(y.numpy(), g.numpy())
        masks.append(y.tolist())
    assert "replayed 3 times" in str(step)
    assert all(a != b for a, b in itertools.pairwise(masks))
