"""Rate schedules against PyTorch's numbers, and clipping of gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn, optim
from tinygrad_cl.errors import ArgumentError, GradientError, StateError

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
    saved, rates = first.state_dict(), optimizer.state_dict()
    second = make(optimizer)
    second.load_state_dict(saved)
    optimizer.load_state_dict(rates)  # the rates are the optimizer's
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
    assert largest.get_last_lr() == [0.3]
    largest.step(0.9)
    assert largest.get_last_lr() == [0.15]


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
    with pytest.raises(GradientError, match=r"norm.* is nan"):
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


# ------------------------------------------------------------- schedules that PyTorch's users know

ROUTES = {
    "step": lambda o: optim.lr_scheduler.StepLR(o, 7, gamma=0.7),
    "multistep": lambda o: optim.lr_scheduler.MultiStepLR(o, [5, 30, 30], gamma=0.5),
    "constant": lambda o: optim.lr_scheduler.ConstantLR(o, 0.25, 12),
    "linear": lambda o: optim.lr_scheduler.LinearLR(o, 0.1, 0.8, 30),
    "exponential": lambda o: optim.lr_scheduler.ExponentialLR(o, 0.97),
    "polynomial": lambda o: optim.lr_scheduler.PolynomialLR(o, 45, 2.5),
    "cosine": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 20, 0.01),
    "restarts": lambda o: optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "cyclic": lambda o: optim.lr_scheduler.CyclicLR(o, 0.1, 0.5, 4, 6, mode="triangular2"),
    "onecycle": lambda o: optim.lr_scheduler.OneCycleLR(o, 1.0, total_steps=60),
}


def _optimizer(kind=optim.SGD, **settings):
    a, b = tg.zeros(1, requires_grad=True), tg.zeros(1, requires_grad=True)
    return kind([{"params": [a], "lr": 0.5}, {"params": [b], "lr": 0.25}], **settings)


@pytest.mark.parametrize("name", ROUTES)
def test_steps_lead_where_the_closed_form_is(name):
    schedule = ROUTES[name](_optimizer(momentum=0.9))
    for _ in range(50):
        schedule.step()
        np.testing.assert_allclose(schedule.get_last_lr(), schedule.closed_form(), atol=1e-12)


def test_restarts_begin_again_ever_later():
    schedule = ROUTES["restarts"](_optimizer())
    tops = []
    for epoch in range(30):
        if schedule.get_last_lr()[0] == 0.5:
            tops.append(epoch)
        schedule.step()
    assert tops == [0, 4, 12, 28]


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_one_cycle_moves_rate_and_momentum_against_each_other(kind):
    optimizer = _optimizer(kind)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=20, pct_start=0.5)
    rates, momenta = [], []
    for _ in range(20):
        group = optimizer.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group["betas"][0] if kind is optim.Adam else group["momentum"])
        schedule.step()
    assert rates[0] == pytest.approx(0.04)
    assert max(rates) == rates[9] == 1.0
    assert rates[-1] == pytest.approx(0.04e-4)
    assert min(momenta) == momenta[9] == pytest.approx(0.85)
    assert momenta[0] == momenta[-1] == pytest.approx(0.95)
    with pytest.raises(ArgumentError, match="beyond the cycle"):
        schedule.step()


def test_a_schedule_that_cycles_momentum_compiles_nothing(device):
    w = tg.zeros(3, requires_grad=True)
    optimizer = optim.SGD([w], momentum=0.9)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=20)
    place = tg.get_default_device()
    for step in range(20):
        w.grad = tg.ones(3)
        optimizer.step()
        schedule.step()
        if step == 1:
            count = len(place.plans), len(place.kernel_programs)
    assert (len(place.plans), len(place.kernel_programs)) == count


def test_warm_up_before_another_schedule():
    scheduler = optim.lr_scheduler
    optimizer = _optimizer()
    steps = scheduler.StepLR(optimizer, 3, 0.5)
    schedule = scheduler.WarmupLR(optimizer, 4, after=steps, start_factor=0.5)
    rates = []
    for _ in range(12):
        rates.append(schedule.get_last_lr()[0] / 0.5)
        schedule.step()
    wanted = [0.5, 0.625, 0.75, 0.875, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]
    np.testing.assert_allclose(rates, wanted)
    alone = scheduler.WarmupLR(_optimizer(), 2)
    for _ in range(5):
        alone.step()
    assert alone.get_last_lr() == [0.5, 0.25]


def test_combined_schedules_can_be_combined_again():
    scheduler = optim.lr_scheduler
    optimizer = _optimizer()
    inner = scheduler.ChainedScheduler(
        [scheduler.ConstantLR(optimizer, 0.5, 2), scheduler.ExponentialLR(optimizer, 0.5)]
    )
    later = scheduler.SequentialLR(
        optimizer, [scheduler.ExponentialLR(optimizer, 0.5), scheduler.StepLR(optimizer, 9)], [2]
    )
    whole = scheduler.SequentialLR(optimizer, [inner, later], [3])
    rates = []
    for _ in range(8):
        rates.append(whole.get_last_lr()[0] / 0.5)
        whole.step()
    assert rates == [0.5, 0.25, 0.25, 1.0, 0.5, 1.0, 1.0, 1.0]
    first = scheduler.ChainedScheduler(
        [scheduler.StepLR(optimizer, 2), scheduler.StepLR(optimizer, 3)]
    )
    whole = scheduler.SequentialLR(optimizer, [scheduler.StepLR(optimizer, 9), first], [2])
    whole.step()
    whole.step()
    assert whole.get_last_lr()[0] == 0.5


def test_states_of_combined_schedules():
    def made():
        scheduler = optim.lr_scheduler
        optimizer = _optimizer()
        parts = [
            scheduler.LinearLR(optimizer, 0.1, total_iters=5),
            scheduler.ExponentialLR(optimizer, 0.5),
        ]
        return optimizer, scheduler.SequentialLR(optimizer, parts, [5])

    one, first = made()
    for _ in range(7):
        first.step()
    two, second = made()
    second.load_state_dict(first.state_dict())
    two.load_state_dict(one.state_dict())
    for _ in range(3):
        first.step()
        second.step()
        assert first.get_last_lr() == second.get_last_lr()
    saved = first.state_dict()
    saved["_schedulers"][1] = {"gamma": "fast"}
    before = second.state_dict()
    with pytest.raises(StateError, match="gamma must be like"):
        second.load_state_dict(saved)
    assert second.state_dict() == before
    with pytest.raises(StateError, match="0 schedules saved, there are 2"):
        second.load_state_dict(first.state_dict() | {"_schedulers": []})


class Halving:
    """A function whose attribute belongs to the state of a schedule."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch: float) -> float:
        self.calls += 1
        return 0.5**epoch


@pytest.mark.parametrize(
    "make",
    [
        lambda o, f: optim.lr_scheduler.LambdaLR(o, [f, lambda e: 1.0]),
        lambda o, f: optim.lr_scheduler.MultiplicativeLR(o, [f, lambda e: 1.0]),
        lambda o, f: optim.lr_scheduler.CyclicLR(o, 0.1, 1.0, 3, scale_fn=f, cycle_momentum=False),
    ],
)
def test_callable_objects_are_saved_by_their_attributes(make):
    first = make(_optimizer(), Halving())
    for _ in range(3):
        first.step()
    function = Halving()
    second = make(_optimizer(), function)
    second.load_state_dict(first.state_dict())
    assert function.calls >= 3
    assert second.last_epoch == 3
    with pytest.raises(StateError, match="needs a dict"):
        second.load_state_dict(3)


@pytest.mark.parametrize("name", SCHEDULES)
def test_states_of_other_schedules_are_refused(name):
    make, _ = SCHEDULES[name]
    schedule = make(_optimizer())
    saved = schedule.state_dict()
    with pytest.raises(StateError, match="unexpected speed"):
        schedule.load_state_dict(saved | {"speed": 3})
    with pytest.raises(StateError, match="missing last_epoch"):
        schedule.load_state_dict({k: v for k, v in saved.items() if k != "last_epoch"})
    with pytest.raises(StateError, match="last_epoch must be like"):
        schedule.load_state_dict(saved | {"last_epoch": "late"})


def test_plateau_states():
    first = optim.lr_scheduler.ReduceLROnPlateau(_optimizer(), patience=1)
    for loss in (1.0, 2.0):
        first.step(loss)
    second = optim.lr_scheduler.ReduceLROnPlateau(_optimizer())
    second.load_state_dict(first.state_dict())
    assert (second.best, second.num_bad_epochs, second.patience) == (1.0, 1, 1)
    second.step(2.0)
    assert second.get_last_lr() == [0.05, 0.025]
    with pytest.raises(StateError, match="mode is"):
        second.load_state_dict(first.state_dict() | {"mode": "low"})
    floors = optim.lr_scheduler.ReduceLROnPlateau(_optimizer(), patience=0, min_lr=[0.1, 0.2])
    floors.step(1.0)
    floors.step(1.0)
    assert floors.get_last_lr() == [0.1, 0.2]


def test_groups_added_later():
    def more(optimizer):
        optimizer.add_param_group({"params": [tg.zeros(1, requires_grad=True)]})

    optimizer = _optimizer(lr=8.0)
    chained = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    more(optimizer)
    chained.step()
    assert chained.get_last_lr() == [0.25, 0.125, 4.0]
    optimizer = _optimizer()
    schedule = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0)
    more(optimizer)
    with pytest.raises(ArgumentError, match="knows 2 groups, the optimizer has 3"):
        schedule.step()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda s, o: s.StepLR(None, 1), "needs an optimizer, got NoneType"),
        (lambda s, o: s.StepLR(o, 1, last_epoch=4), "group 0 has no initial_lr"),
        (lambda s, o: s.LambdaLR(o, [1, 2]), "must be a function"),
        (lambda s, o: s.ConstantLR(o, 1.5), "factor must be in"),
        (lambda s, o: s.PolynomialLR(o, 0), "total_iters must be"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 0), "T_0 must be"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 1.5), "T_mult must be"),
        (lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1), "at least 0"),
        (lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="square"), "mode is"),
        (lambda s, o: s.CyclicLR(o, 0.1, [1.0]), "max_lr has 1 values for 2 groups"),
        (lambda s, o: s.CyclicLR(_optimizer(optim.Adagrad), 0.1, 1.0), "no momentum to cycle"),
        (lambda s, o: s.OneCycleLR(o, 1.0), "needs total_steps"),
        (lambda s, o: s.OneCycleLR(o, 1.0, 0), "needs total_steps"),
        (lambda s, o: s.OneCycleLR(o, 1.0, 5, pct_start=2.0), "pct_start"),
        (lambda s, o: s.OneCycleLR(o, 1.0, 5, anneal_strategy="exp"), "anneal_strategy"),
        (lambda s, o: s.SequentialLR(o, [], []), "at least one"),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]), "one milestone fewer"),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)] * 3, [3, 2]), "must rise"),
        (lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], []).step(3), "cannot go"),
        (lambda s, o: s.ChainedScheduler([s.StepLR(o, 1)], _optimizer()), "one optimizer"),
        (lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]), "cannot be combined"),
        (lambda s, o: s.WarmupLR(o, 0), "total_iters"),
        (lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr has 1 values"),
        (lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode"),
    ],
)
def test_schedules_misused(make, text):
    with pytest.raises(ArgumentError, match=text):
        make(optim.lr_scheduler, _optimizer())
