"""Random activations and dropout: what their values may be, and what their moments are."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import Tensor, tensor
from tinygrad_cl.errors import ArgumentError, TinygradError

COUNT = 40_000


def normal(device: str) -> Tensor:
    values = np.random.default_rng(0).standard_normal(COUNT).astype(np.float32)
    return tensor(values, device=device, requires_grad=True)


def test_alpha_dropout_keeps_mean_and_variance(device: str) -> None:
    tg.manual_seed(0)
    x = normal(device)
    y = F.alpha_dropout(x, 0.3, training=True)
    values = y.detach().numpy()
    assert abs(values.mean()) < 0.03
    assert abs(values.std() - 1) < 0.03
    y.sum().backward()
    assert x.grad is not None
    slopes = np.unique(x.grad.numpy())
    assert slopes[0] == 0
    assert len(slopes) == 2
    dropped = x.grad.numpy() == 0
    assert abs(dropped.mean() - 0.3) < 0.02
    assert len(np.unique(values[dropped])) == 1


def test_alpha_dropout_at_rest(device: str) -> None:
    x = normal(device)
    assert F.alpha_dropout(x, 0.5) is x
    assert F.alpha_dropout(x, 0.0, training=True) is x
    assert not F.alpha_dropout(x, 1.0, training=True).detach().numpy().any()
    with pytest.raises(TinygradError, match="between 0 and 1"):
        F.alpha_dropout(x, -0.1, training=True)


def test_rrelu_draws_a_slope_per_element(device: str) -> None:
    tg.manual_seed(0)
    x = normal(device)
    y = F.rrelu(x, 0.2, 0.6, training=True)
    y.sum().backward()
    assert x.grad is not None
    slope, given = x.grad.numpy(), x.detach().numpy()
    assert (slope[given > 0] == 1).all()
    random = slope[given <= 0]
    assert random.min() >= np.float32(0.2)
    assert random.max() <= np.float32(0.6)
    assert abs(random.mean() - 0.4) < 0.01
    assert np.allclose(y.detach().numpy(), given * slope)


def test_gumbel_softmax_follows_the_logits(device: str) -> None:
    tg.manual_seed(0)
    p = np.array([0.1, 0.6, 0.3], np.float32)
    logits = tensor(np.tile(np.log(p), (COUNT, 1)), device=device, requires_grad=True)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    values = hard.detach().numpy()
    assert np.abs(values - values.round()).max() < 1e-6
    assert np.allclose(values.sum(1), 1)
    assert np.abs(values.mean(0) - p).max() < 0.02
    (hard * tensor(np.array([1.0, 2.0, 3.0], np.float32), device=device)).sum().backward()
    assert logits.grad is not None
    assert np.abs(logits.grad.numpy()).max() > 0.01
    soft = F.gumbel_softmax(logits, dim=0).detach().numpy()
    assert np.isfinite(soft).all()
    assert np.allclose(soft.sum(0), 1, atol=1e-4)
    with pytest.raises(ArgumentError, match="tau must be positive"):
        F.gumbel_softmax(logits, tau=0)


def test_attention_drops_weights(device: str) -> None:
    tg.manual_seed(0)
    q = tensor(np.zeros((50, 20, 4), np.float32), device=device)
    ones = tensor(np.ones((50, 20, 1), np.float32), device=device)
    y = F.scaled_dot_product_attention(q, q, ones, dropout_p=0.5).numpy()
    assert abs(y.mean() - 1) < 0.05
    assert y.std() > 0.1


def test_instance_norm_moves_running_statistics(device: str) -> None:
    values = np.random.default_rng(0).standard_normal((4, 3, 5)).astype(np.float32)
    mean, var = (tensor(v, device=device) for v in (np.zeros(3, "f4"), np.ones(3, "f4")))
    F.instance_norm(tensor(values, device=device), mean, var, momentum=0.25)
    assert np.allclose(mean.numpy(), 0.25 * values.mean((0, 2)), atol=1e-6)
    unbiased = values.var(2, ddof=1).mean(0)
    assert np.allclose(var.numpy(), 0.75 + 0.25 * unbiased, atol=1e-6)


def test_dropout_of_whole_channels(device: str) -> None:
    for function, places in ((F.dropout1d, (5,)), (F.dropout3d, (2, 3, 1))):
        x = tg.ones(40, 50, *places, device=device)
        y = function(x, 0.3).numpy().reshape(40, 50, -1)
        assert (y == y[..., :1]).all()
        assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
        assert abs((y == 0).mean() - 0.3) < 0.04
        single = function(x[0], 0.3).numpy().reshape(50, -1)
        assert (single == single[:, :1]).all()
        assert function(x, 0.3, False) is x
        with pytest.raises(TinygradError, match="dims, or"):
            function(x[0, 0, 0], 0.3)


def test_feature_alpha_dropout_drops_whole_channels(device: str) -> None:
    tg.manual_seed(0)
    x = normal(device).detach().reshape(100, 100, 4)
    y = F.feature_alpha_dropout(x, 0.3, training=True).numpy()
    dropped = (y == y[..., :1]).all(2)
    assert abs(dropped.mean() - 0.3) < 0.02
    assert len(np.unique(y[dropped])) == 1
    assert abs(y.mean()) < 0.05
    assert abs(y.std() - 1) < 0.05
    assert F.feature_alpha_dropout(x, 0.3) is x
