"""Layers that take their sizes from the first input, on every device."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError, ShapeError, StateError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.LazyConv2d(4, 3, padding=1), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2)
    )


def test_the_first_batch_makes_ordinary_layers() -> None:
    lazy = net()
    assert repr(lazy[3]) == "LazyLinear(in_features=0, out_features=2, bias=True)"
    names = list(lazy.state_dict())
    assert lazy(tg.ones(2, 3, 5, 4)).shape == (2, 2)
    assert [type(layer) for layer in lazy] == [nn.Conv2d, nn.BatchNorm2d, nn.Flatten, nn.Linear]
    assert list(lazy.state_dict()) == names
    assert (lazy[0].in_channels, lazy[1].num_features, lazy[3].in_features) == (3, 4, 80)
    bound = 1 / np.sqrt(80)
    weight = lazy[3].weight.detach().numpy()
    assert 0.9 * bound < np.abs(weight).max() <= bound
    assert (lazy[1].weight.detach().numpy() == 1).all()
    with pytest.raises(ShapeError):
        lazy(tg.ones(2, 2, 5, 4))


def test_an_optimizer_refuses_what_has_no_shape() -> None:
    lazy = net()
    for make in (tg.optim.SGD, tg.optim.Adam):
        with pytest.raises(ShapeError, match="run one batch"):
            make(lazy.parameters(), lr=0.1)
    lazy(tg.ones(2, 1, 3, 3)).sum().backward()
    before = lazy[3].weight.detach().numpy().copy()
    tg.optim.SGD(lazy.parameters(), lr=0.1).step()
    assert not np.array_equal(before, lazy[3].weight.detach().numpy())


def test_values_are_not_there_before_the_shape_is() -> None:
    weight = nn.LazyLinear(3).weight
    assert nn.parameter.is_lazy(weight)
    assert repr(weight) == "<UninitializedParameter>"
    assert weight.requires_grad
    for use in (lambda: weight.shape, lambda: weight + 1, lambda: weight.numpy()):
        with pytest.raises(ShapeError, match="has no shape yet"):
            use()


def test_states_go_in_before_the_first_batch() -> None:
    ready, fresh = net(), net()
    x = tg.tensor(np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32))
    ready.eval()(x)
    fresh.load_state_dict(ready.state_dict())
    assert not nn.parameter.is_lazy(fresh[0].weight)
    np.testing.assert_array_equal(fresh.eval()(x).detach().numpy(), ready(x).detach().numpy())
    assert (fresh[0].in_channels, fresh[3].in_features) == (3, 64)
    empty = net()
    empty.load_state_dict(net().state_dict())  # nothing there, nothing to do
    assert nn.parameter.is_lazy(empty[0].weight)
    state = ready.state_dict()
    state.pop("3.bias")
    other = net()
    with pytest.raises(StateError, match=r"missing: 3\.bias"):
        other.load_state_dict(state)


def test_casts_copies_and_freezing_come_before_the_shape() -> None:
    lazy = net().double().requires_grad_(False)
    twin = copy.deepcopy(lazy)
    y = twin(tg.ones(2, 3, 4, 4, dtype=tg.float64))
    assert y.dtype is tg.float64
    assert not y.requires_grad
    assert nn.parameter.is_lazy(lazy[0].weight)
    assert twin[1].running_mean.dtype is tg.float64
    moved = nn.LazyLinear(2).to("numpy")
    assert moved(tg.ones(1, 3, device="numpy")).device.name == "numpy"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_lazy_layer_takes_a_batch_and_a_single_sample(d: int) -> None:
    x = tg.ones(2, 4, *(4,) * d)
    for kind in ("Conv", "ConvTranspose"):
        layer = getattr(nn, f"Lazy{kind}{d}d")(6, 3, groups=2, bias=False)
        one = getattr(nn, f"Lazy{kind}{d}d")(6, 3, groups=2)
        assert layer(x).shape[1] == one(x[0]).shape[0] == 6
        assert layer.weight.shape == one.weight.shape
        assert layer.bias is None
        assert one.in_channels == 4
    norm = getattr(nn, f"LazyInstanceNorm{d}d")()
    norm(x[0])
    assert norm.num_features == 4
    assert type(norm) is getattr(nn, f"InstanceNorm{d}d")
    with pytest.raises(ArgumentError, match="groups must divide"):
        getattr(nn, f"LazyConv{d}d")(6, 3, groups=4)


def test_shapes_that_tell_nothing() -> None:
    with pytest.raises(ShapeError, match="4 dims, or 3"):
        nn.LazyConv2d(2, 3)(tg.ones(2, 3))
    with pytest.raises(ShapeError, match=r"needs \(N, C"):
        nn.LazyBatchNorm1d()(tg.ones(2))


def test_an_automatic_start_waits_for_the_shape() -> None:
    tg.manual_seed(0)
    lazy = nn.Sequential(nn.LazyLinear(300), nn.ReLU(), init="auto")
    lazy(tg.ones(2, 200))
    weight = lazy[0].weight.detach().numpy()
    assert weight.std() == pytest.approx(np.sqrt(2 / 200), rel=0.03)
    assert not lazy[0].bias.detach().numpy().any()


def test_buffers_by_assignment() -> None:
    module = nn.Module()
    module.kept, module.passing = nn.Buffer(tg.ones(2)), nn.Buffer(tg.ones(3), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "passing"]
    assert list(module.state_dict()) == ["kept"]
    assert module.get_buffer("passing").shape == (3,)
