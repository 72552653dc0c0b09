"""Loss scaling: what is scaled, skipped, grown and saved."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import amp, nn, optim
from tinygrad_cl.errors import ArgumentError, GradientError, StateError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def _round(scaler, optimizer, loss):
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    result = scaler.step(optimizer)
    scaler.update()
    return result


def _param(values=(1.0, -2.0), dtype=tg.float32):
    return tg.tensor(list(values), dtype=dtype, requires_grad=True)


def test_a_scaled_step_is_the_plain_step():
    plain, scaled = _param(), _param()
    one, two = optim.Adam([plain], lr=0.1), optim.Adam([scaled], lr=0.1)
    scaler = amp.GradScaler(init_scale=1024.0)
    for _ in range(5):
        one.zero_grad()
        (plain**2).sum().backward()
        one.step()
        _round(scaler, two, (scaled**2).sum())
    assert scaled.grad.tolist() != plain.grad.tolist()  # the step left the scaled gradient alone
    np.testing.assert_allclose(scaled.tolist(), plain.tolist(), rtol=1e-6)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_gradient_that_is_not_finite_skips_the_step(bad):
    x, y = _param(), _param((1.0,))
    optimizer = optim.Adam([x, y], lr=0.1)
    scaler = amp.GradScaler(init_scale=8.0)
    _round(scaler, optimizer, (x * x).sum() + y.sum())
    before = x.tolist(), y.tolist(), optimizer.state[x]["exp_avg"].tolist()
    _round(scaler, optimizer, (x * tg.tensor([1.0, bad])).sum() + y.sum())
    assert (x.tolist(), y.tolist(), optimizer.state[x]["exp_avg"].tolist()) == before
    assert optimizer.state[x]["step"] == 1
    assert scaler.get_scale() == 4.0


def test_small_half_precision_gradients_survive_with_scaling_only():
    def trained(scaler):
        x = _param((1.0, 1.0), tg.float16)
        optimizer = optim.SGD([x], lr=2.0**24)
        with_loss = (x * 2.0**-6).sum().to(tg.float32) * 2.0**-20  # gradients of 2**-26: below half
        _round(scaler, optimizer, with_loss)
        return x.tolist()

    assert trained(amp.GradScaler(enabled=False)) == [1.0, 1.0]
    assert trained(amp.GradScaler(init_scale=2.0**16)) == [0.75, 0.75]


def test_half_precision_losses_are_scaled_in_float32():
    x = _param((3.0,), tg.float16)
    scaled = amp.GradScaler(init_scale=2.0**16).scale(x.sum())
    assert scaled.dtype is tg.float32
    assert scaled.item() == 3 * 2.0**16


def test_unscaled_gradients_can_be_clipped():
    x = _param((0.0, 0.0))
    optimizer = optim.SGD([x], lr=1.0)
    scaler = amp.GradScaler(init_scale=64.0)
    scaler.scale((x * tg.tensor([3.0, 4.0])).sum()).backward()
    assert x.grad.tolist() == [192.0, 256.0]
    scaler.unscale_(optimizer)
    assert x.grad.tolist() == [3.0, 4.0]
    assert nn.utils.clip_grad_norm_([x], 1.0).item() == 5.0
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_allclose(x.tolist(), [-0.6, -0.8], rtol=1e-5)


def test_an_overflow_seen_by_unscale_skips_the_step_after_clipping():
    x = _param((0.0, 0.0))
    optimizer = optim.SGD([x], lr=1.0)
    scaler = amp.GradScaler(init_scale=64.0)
    scaler.scale((x * tg.tensor([math.inf, 4.0])).sum()).backward()
    scaler.unscale_(optimizer)
    x.grad = tg.zeros(2)
    assert scaler.step(optimizer) is None
    scaler.update()
    assert x.tolist() == [0.0, 0.0]
    assert scaler.get_scale() == 32.0


def test_the_scale_grows_after_good_steps_in_a_row():
    x = _param()
    optimizer = optim.SGD([x], lr=0.0)
    scaler = amp.GradScaler(
        init_scale=4.0, growth_factor=3.0, backoff_factor=0.25, growth_interval=2
    )
    scales = []
    for factor in (1, 1, 1, math.inf, 1, 1, 1, 1):
        _round(scaler, optimizer, (factor * x).sum())
        scales.append(scaler.get_scale())
    assert scales == [4.0, 12.0, 12.0, 3.0, 3.0, 9.0, 9.0, 27.0]


def test_the_scale_never_grows_to_infinity():
    x = _param()
    optimizer = optim.SGD([x], lr=0.0)
    scaler = amp.GradScaler(init_scale=2.0**127, growth_interval=1)
    _round(scaler, optimizer, (x * 2.0**-100).sum())
    assert scaler.get_scale() == 2.0**127


def test_two_optimizers_share_a_scale_but_not_their_fate():
    x, y = _param(), _param()
    first, second = optim.SGD([x], lr=1.0), optim.SGD([y], lr=1.0)
    scaler = amp.GradScaler(init_scale=2.0)
    for loss in scaler.scale([x.sum(), (y * math.inf).sum()]):
        loss.backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert x.tolist() == [0.0, -3.0]
    assert y.tolist() == [1.0, -2.0]
    assert scaler.get_scale() == 1.0


def test_scale_keeps_the_form_of_outputs():
    scaler = amp.GradScaler(init_scale=2.0)
    one = tg.ones(1)
    assert isinstance(scaler.scale((one, one)), tuple)
    assert [t.item() for t in scaler.scale(t for t in (one, one))] == [2.0, 2.0]
    assert amp.GradScaler(enabled=False).scale(one) is one
    with pytest.raises(ArgumentError, match="needs a tensor"):
        scaler.scale(3.0)


def test_a_scaler_that_is_not_enabled_does_nothing():
    x = _param((1.0,))
    optimizer = optim.SGD([x], lr=1.0)
    scaler = amp.GradScaler(enabled=False)
    x.grad = tg.ones(1)
    scaler.unscale_(optimizer)
    assert scaler.step(optimizer, closure=lambda: 5) == 5
    scaler.update()
    assert x.tolist() == [0.0]
    assert scaler.state_dict() == {}
    assert not scaler.is_enabled()
    assert scaler.get_scale() == 1.0


def test_a_changing_scale_builds_no_new_plan(device):
    x = _param()
    optimizer = optim.Adam([x], lr=0.1)
    scaler = amp.GradScaler(growth_interval=1)
    plans = tg.get_default_device().plans
    for step in range(6):
        _round(scaler, optimizer, (x * x).sum())
        if step == 2:
            count = len(plans)
    assert len(plans) == count
    assert scaler.get_scale() == 2.0**22


def test_misuse_is_an_error():
    x = _param()
    optimizer = optim.SGD([x], lr=1.0)
    scaler = amp.GradScaler()
    with pytest.raises(GradientError, match="call step"):
        scaler.update()
    with pytest.raises(GradientError, match="no parameter"):
        scaler.step(optimizer)
    x.grad = tg.ones(2)
    scaler.unscale_(optimizer)
    with pytest.raises(GradientError, match="twice"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(GradientError, match="after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(GradientError, match="twice"):
        scaler.step(optimizer)
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0
    with pytest.raises(ArgumentError, match="closures"):
        scaler.step(optimizer, closure=lambda: 0)
    with pytest.raises(ArgumentError, match="positive"):
        scaler.update(tg.tensor(-1.0))


def test_half_precision_gradients_are_not_unscaled_in_place():
    x = _param(dtype=tg.float16)
    x.grad = tg.ones(2, dtype=tg.float16)
    with pytest.raises(ArgumentError, match="float16"):
        amp.GradScaler().unscale_(optim.SGD([x]))


@pytest.mark.parametrize(
    "settings",
    [
        {"init_scale": 0},
        {"init_scale": math.nan},
        {"growth_factor": 1.0},
        {"backoff_factor": 1.0},
        {"growth_interval": 0},
    ],
)
def test_bad_settings(settings):
    with pytest.raises(ArgumentError, match=next(iter(settings)).removeprefix("init_")):
        amp.GradScaler(**settings)


def test_states_carry_over_and_bad_ones_are_refused():
    first = amp.GradScaler(init_scale=8.0, growth_interval=5)
    first._growth_tracker = 3
    second = amp.GradScaler()
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict()
    assert (second.get_growth_factor(), second.get_backoff_factor()) == (2.0, 0.5)
    assert second.get_growth_interval() == 5
    for bad in ({}, None, {"scale": 1.0}, first.state_dict() | {"scale": "large"}):
        with pytest.raises(StateError):
            second.load_state_dict(bad)
    with pytest.raises(StateError, match="_growth_tracker"):
        second.load_state_dict(first.state_dict() | {"_growth_tracker": -1})
    second.set_growth_factor(4.0)
    second.set_backoff_factor(0.25)
    second.set_growth_interval(7)
    assert second.state_dict()["growth_factor"] == 4.0
    with pytest.raises(ArgumentError):
        second.set_growth_interval(0)


def test_a_captured_scale_follows_the_scaler():
    scaler = amp.GradScaler(init_scale=2.0)
    scaled = tg.jit(lambda x: scaler.scale((x * x).sum()))
    for scale in (2.0, 4.0, 8.0, 16.0):
        scaler.update(scale)
        assert scaled(tg.tensor([1.0, 3.0])).item() == 10 * scale
