"""Distributions: samples against their own moments, gradients through them, captured policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import distributions as d
from tinygrad_cl import nn

MADE: dict[str, Any] = {
    "normal": lambda: d.Normal(tg.tensor([1.0, -2.0]), tg.tensor([0.5, 2.0])),
    "laplace": lambda: d.Laplace(tg.tensor([1.0, -2.0]), tg.tensor([0.5, 2.0])),
    "uniform": lambda: d.Uniform(tg.tensor([1.0, -2.0]), tg.tensor([4.0, 0.0])),
    "exponential": lambda: d.Exponential(tg.tensor([0.5, 2.0])),
    "bernoulli": lambda: d.Bernoulli(logits=tg.tensor([0.5, -2.0])),
    "independent": lambda: d.Independent(d.Normal(tg.zeros(3, 2), tg.ones(3, 2)), 1),
}


@pytest.fixture(autouse=True)
def _on(device: str) -> Any:
    before = tg.get_default_device()
    tg.set_default_device(device)
    tg.manual_seed(0)
    yield
    tg.set_default_device(before)


@pytest.mark.parametrize("name", MADE)
def test_samples_have_the_moments(name: str) -> None:
    made = MADE[name]()
    found = made.sample((20000,)).numpy()
    mean, deviation = made.mean.numpy(), made.stddev.numpy()
    assert found.shape == (20000, *made.batch_shape, *made.event_shape)
    np.testing.assert_allclose(found.mean(0), mean, atol=4 * deviation.max() / 20000**0.5)
    np.testing.assert_allclose(found.std(0), deviation, rtol=0.05)


def test_classes_are_drawn_by_their_probabilities() -> None:
    made = d.Categorical(probs=tg.tensor([[1.0, 2.0, 1.0], [0.0, 0.0, 3.0]]))
    found = made.sample((8000,)).numpy()
    for row, probs in enumerate(([0.25, 0.5, 0.25], [0, 0, 1])):
        shares = np.bincount(found[:, row], minlength=3) / 8000
        np.testing.assert_allclose(shares, probs, atol=0.02)
    assert made.entropy().tolist() == pytest.approx([1.0397, 0], abs=1e-4)
    assert made.mode.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["normal", "laplace", "uniform"])
def test_gradients_flow_through_samples(name: str) -> None:
    where = tg.tensor([0.0, 1.0], requires_grad=True)
    kind = {"normal": d.Normal, "laplace": d.Laplace, "uniform": d.Uniform}[name]
    made = kind(where, where + 2)
    assert made.has_rsample
    assert not made.sample().requires_grad
    made.rsample((5,)).sum().backward()
    assert where.grad is not None
    assert np.all(np.abs(where.grad.numpy()) > 0)


def test_bad_uses_are_refused() -> None:
    with pytest.raises(tg.TinygradError, match="give probs or logits"):
        d.Bernoulli()
    with pytest.raises(tg.TinygradError, match="gradients do not flow"):
        d.Categorical(logits=tg.zeros(2)).rsample()
    with pytest.raises(tg.TinygradError, match="none is known from Normal to Bernoulli"):
        d.kl_divergence(d.Normal(0.0, 1.0), d.Bernoulli(0.5))
    with pytest.raises(tg.ShapeError):
        d.Normal(tg.zeros(2), tg.ones(3))


def test_a_captured_policy_gradient_is_the_plain_one() -> None:
    seen = []
    for wrap in (lambda f: f, tg.jit):
        tg.manual_seed(1)
        policy = nn.Linear(3, 4)
        optimizer = tg.optim.SGD(policy.parameters(), lr=0.5)

        @wrap
        def step(x: Any, rewards: Any, policy: Any = policy, optimizer: Any = optimizer) -> Any:
            made = d.Categorical(logits=policy(x))
            actions = made.sample()
            loss = -(made.log_prob(actions) * rewards).mean() - 0.1 * made.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return actions, loss.detach()

        rows = [step(tg.ones(8, 3), tg.arange(8).float()) for _ in range(7)]
        seen.append([(a.tolist(), loss.item()) for a, loss in rows])
    assert seen[0] == seen[1]
    assert len({tuple(actions) for actions, _ in seen[0]}) > 1
