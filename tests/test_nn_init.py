"""Initial values: their distributions, PyTorch's defaults, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def _bounds(fill, shape=(40, 50)):
    values = fill(tg.empty(*shape)).detach().numpy()
    return values.min(), values.max(), values.std()


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (lambda t: nn.init.uniform_(t, -3.0, 3.0), 3.0),
        (lambda t: nn.init.xavier_uniform_(t, gain=2.0), 2 * math.sqrt(6 / 90)),
        (lambda t: nn.init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(6 / 50)),
        (lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5)), math.sqrt(1 / 50)),
        (lambda t: nn.init.kaiming_uniform_(t, mode="fan_out"), math.sqrt(6 / 40)),
    ],
)
def test_uniform_initializers(fill, bound):
    low, high, std = _bounds(fill)
    assert -bound <= low < -0.98 * bound
    assert 0.98 * bound < high <= bound
    assert std == pytest.approx(bound / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: nn.init.normal_(t, 0.0, 2.0), 2.0),
        (lambda t: nn.init.xavier_normal_(t), math.sqrt(2 / 90)),
        (lambda t: nn.init.kaiming_normal_(t, nonlinearity="tanh"), 5 / 3 / math.sqrt(50)),
        (lambda t: nn.init.trunc_normal_(t), 0.8796),
    ],
)
def test_normal_initializers(fill, std):
    assert _bounds(fill)[2] == pytest.approx(std, rel=0.05)


def test_trunc_normal_follows_its_distribution():
    values = np.sort(nn.init.trunc_normal_(tg.empty(20000), 1.0, 2.0, -1.0, 5.0).detach().numpy())
    assert values[0] >= -1.0
    assert values[-1] <= 5.0
    phi = np.vectorize(lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))))
    wanted = (phi((values - 1) / 2) - phi(-1.0)) / (phi(2.0) - phi(-1.0))
    assert np.abs(wanted - np.linspace(0, 1, values.size)).max() < 0.015


def test_constant_initializers_and_errors():
    layer = nn.Linear(2, 3)
    assert nn.init.ones_(layer.weight) is layer.weight
    assert layer.weight.tolist() == [[1, 1]] * 3
    assert layer.weight.is_leaf
    assert layer.weight.requires_grad
    nn.init.constant_(layer.bias, 0.5)
    assert layer.bias.tolist() == [0.5] * 3
    assert nn.init.eye_(tg.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ShapeError, match="at least 2 dims"):
        nn.init.kaiming_normal_(layer.bias)
    with pytest.raises(ArgumentError, match="unknown"):
        nn.init.calculate_gain("swish")
    with pytest.raises(ArgumentError, match="mode"):
        nn.init.kaiming_normal_(layer.weight, mode="fan")
    assert nn.init.calculate_gain("leaky_relu", 2.0) == math.sqrt(2 / 5)


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda: nn.Linear(100, 40), 100),
        (lambda: nn.Conv2d(8, 16, (3, 4), groups=2), 48),
        (lambda: nn.Conv1d(8, 16, 5), 40),
        (lambda: nn.ConvTranspose2d(8, 16, 3), 144),
    ],
    ids=["linear", "conv2d", "conv1d", "transposed"],
)
def test_layers_start_as_in_pytorch(make, fan_in):
    layer = make()
    bound = 1 / math.sqrt(fan_in)
    for values in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert np.abs(values).max() <= bound
    assert np.abs(layer.weight.detach().numpy()).max() > 0.95 * bound


def test_same_seed_same_start():
    nets = []
    for _ in range(2):
        tg.manual_seed(7)
        nets.append(nn.Sequential(nn.Linear(3, 4), nn.Embedding(5, 2)))
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    assert abs(nets[0][0].weight.detach().numpy()).max() <= 1 / math.sqrt(3)
