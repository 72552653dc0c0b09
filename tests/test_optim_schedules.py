"""Rate schedules against PyTorch's numbers, and clipping of gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn, optim
from tinygrad_cl.errors import ArgumentError, GradientError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


# ------------------------------------------------------------------------------------ schedules

SCHEDULES = {
    "lambda": (
        lambda o: optim.lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
        [0.5, 0.45, 0.405, 0.3645, 0.32805, 0.295245, 0.2657205],
    ),
    "step": (
        lambda o: optim.lr_scheduler.StepLR(o, 3, 0.5),
        [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125],
    ),
    "multistep": (
        lambda o: optim.lr_scheduler.MultiStepLR(o, [2, 5, 5], 0.5),
        [0.5, 0.5, 0.25, 0.25, 0.25, 0.0625, 0.0625],
    ),
    "exponential": (
        lambda o: optim.lr_scheduler.ExponentialLR(o, 0.8),
        [0.5, 0.4, 0.32, 0.256, 0.2048, 0.16384, 0.131072],
    ),
    "linear": (
        lambda o: optim.lr_scheduler.LinearLR(o, 0.25, 1.0, 4),
        [0.125, 0.21875, 0.3125, 0.40625, 0.5, 0.5, 0.5],
    ),
    "cosine": (
        lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 5, 0.1),
        [0.5, 0.4618033989, 0.3618033989, 0.2381966011, 0.1381966011, 0.1, 0.1381966011],
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_pytorch(name):
    make, wanted = SCHEDULES[name]
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
    schedule = make(optimizer)
    rates = []
    for _ in wanted:
        rates += schedule.get_last_lr()
        schedule.step()
    np.testing.assert_allclose(rates, wanted, atol=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_can_be_saved(name):
    make, wanted = SCHEDULES[name]
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
    first = make(optimizer)
    for _ in range(3):
        first.step()
    second = make(optimizer)
    second.load_state_dict(first.state_dict())
    second.step()
    np.testing.assert_allclose(second.get_last_lr(), wanted[4:5], atol=1e-9)


def test_plateau():
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, cooldown=1, min_lr=0.3
    )
    rates = []
    for loss in (1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1):
        schedule.step(tg.tensor(loss))
        rates += schedule.get_last_lr()
    assert rates == [1.0] * 4 + [0.5] * 4 + [0.3] * 3
    largest = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0, factor=0.5)
    largest.step(0.9)
    largest.step(0.95)
    assert schedule.get_last_lr() == [0.3]
    largest.step(0.9)
    assert schedule.get_last_lr() == [0.15]


@pytest.mark.parametrize(
    "make",
    [
        lambda o: optim.lr_scheduler.StepLR(o, 0),
        lambda o: optim.lr_scheduler.LambdaLR(o, [abs, abs]),
        lambda o: optim.lr_scheduler.LinearLR(o, 0.0),
        lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 0),
        lambda o: optim.lr_scheduler.ReduceLROnPlateau(o, factor=1.0),
        lambda o: optim.lr_scheduler.ReduceLROnPlateau(o, mode="low"),
    ],
)
def test_bad_schedules(make):
    optimizer = optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
    with pytest.raises(ArgumentError):
        make(optimizer)


# ------------------------------------------------------------------------------------- clipping


def _with_gradients(*gradients):
    tensors = [tg.zeros(len(g), requires_grad=True) for g in gradients]
    for tensor, g in zip(tensors, gradients, strict=True):
        tensor.grad = tg.tensor(g)
    return tensors


def test_clipping_is_global_and_not_per_tensor():
    params = _with_gradients([3.0, 0.0], [0.0, 0.0, 4.0])
    norm = nn.utils.clip_grad_norm_(params, 1.0)
    assert norm.item() == 5.0
    np.testing.assert_allclose(params[0].grad.detach().numpy(), [0.6, 0.0], rtol=1e-5)
    np.testing.assert_allclose(params[1].grad.detach().numpy(), [0.0, 0.0, 0.8], rtol=1e-5)


@pytest.mark.parametrize(("p", "norm"), [(1, 7.0), (2, 5.0), (3, 91 ** (1 / 3)), (math.inf, 4.0)])
def test_clipping_leaves_small_gradients_alone(p, norm):
    params = [*_with_gradients([3.0], [-4.0]), tg.zeros(1, requires_grad=True)]
    assert nn.utils.clip_grad_norm_(params, 8.0, p).item() == pytest.approx(norm)
    assert [p.grad.item() for p in params[:2]] == [3.0, -4.0]
    assert params[2].grad is None


def test_clipping_complains_about_nan_when_asked():
    params = _with_gradients([math.nan])
    assert math.isnan(nn.utils.clip_grad_norm_(params, 1.0).item())
    with pytest.raises(GradientError, match="norm is nan"):
        nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    with pytest.raises(ArgumentError):
        nn.utils.clip_grad_norm_(params, -1.0)


def test_clip_values():
    params = _with_gradients([3.0, -5.0, 1.0])
    nn.utils.clip_grad_value_(params, 2.0)
    assert params[0].grad.tolist() == [2.0, -2.0, 1.0]


def test_parameters_as_a_vector():
    net = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    nn.utils.vector_to_parameters(tg.arange(9.0), net.parameters())
    assert net.weight.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert net.bias.tolist() == [6.0, 7.0, 8.0]
    assert net.weight.requires_grad
    with pytest.raises(ArgumentError, match="9 elements"):
        nn.utils.vector_to_parameters(tg.zeros(8), net.parameters())
