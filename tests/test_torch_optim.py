"""Optimizers and rate schedules in lock-step with PyTorch, where it is installed.

The same small net is trained in both libraries in float64, with three groups of parameters whose
rates change, and compared after every step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import amp, optim

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

STEPS = 50


@pytest.fixture(autouse=True)
def _doubles():
    """float64 in PyTorch's own scalar states, and the numpy device here."""
    before, kind = tg.get_default_device(), torch.get_default_dtype()
    tg.set_default_device("numpy")
    torch.set_default_dtype(torch.float64)
    yield
    tg.set_default_device(before)
    torch.set_default_dtype(kind)


# ------------------------------------------------------------------------------- the common task


def values():
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape) * 0.5 for shape in ((4, 6), (6,), (6, 3), (3,))]


DATA = np.random.default_rng(4).normal(size=(5, 8, 7))


def loss_of(params: list[Any], batch: Any) -> Any:
    w1, b1, w2, b2 = params
    x, y = batch[:, :4], batch[:, 4:]
    return (((x @ w1 + b1).tanh() @ w2 + b2 - y) ** 2).mean()


class Ours:
    """The task in this library."""

    module = optim

    def __init__(self) -> None:
        self.params = [tg.tensor(value, requires_grad=True) for value in values()]
        self.batches = [tg.tensor(batch) for batch in DATA]

    def arrays(self) -> list[Any]:
        return [p.detach().numpy() for p in self.params]


class Theirs(Ours):
    """The task in PyTorch."""

    module = torch.optim

    def __init__(self) -> None:
        self.params = [torch.tensor(value, requires_grad=True) for value in values()]
        self.batches = [torch.tensor(batch) for batch in DATA]


def groups(task: Ours, extra: dict[str, Any]) -> list[dict[str, Any]]:
    w1, b1, w2, b2 = task.params
    return [{"params": [w1]}, {"params": [b1, b2], **extra}, {"params": [w2], "lr": 0.02}]


def made(task: Ours, name: str, options: dict[str, Any]) -> Any:
    kind = getattr(task.module, name)
    extra = {"weight_decay": 0.0} if "weight_decay" in options else {}
    return kind(groups(task, extra), **options)


def advance(task: Ours, optimizer: Any, step: int) -> None:
    optimizer.zero_grad()
    loss_of(task.params, task.batches[step % len(DATA)]).backward()
    optimizer.step()
    optimizer.param_groups[0]["lr"] *= 0.97
    optimizer.param_groups[1]["lr"] = 0.03 * (1 + math.sin(step))


def compare(ours: Ours, theirs: Ours, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    for a, b in zip(ours.arrays(), theirs.arrays(), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.4, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.5, 0.6)}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("Adam", {"lr": 0.05, "maximize": True, "amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.4, "amsgrad": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2},
    ),
    ("Adagrad", {"lr": 0.1, "eps": 1e-3, "maximize": True}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.8, "momentum": 0.7, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.02, "centered": True, "eps": 1e-4}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {"lr": 0.5, "maximize": True}),
    ("Adamax", {"lr": 0.02}),
    ("Adamax", {"lr": 0.02, "betas": (0.6, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.02, "maximize": True}),
    ("NAdam", {"lr": 0.02}),
    ("NAdam", {"lr": 0.02, "momentum_decay": 0.1, "weight_decay": 0.1, "betas": (0.8, 0.9)}),
    ("NAdam", {"lr": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.02, "maximize": True}),
    ("RAdam", {"lr": 0.02}),
    ("RAdam", {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-3}),
    ("RAdam", {"lr": 0.02, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.02, "maximize": True}),
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.05, "t0": 0, "maximize": True}),
    ("Rprop", {"lr": 0.01}),
    ("Rprop", {"lr": 0.01, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.05)}),
    ("Rprop", {"lr": 0.01, "maximize": True}),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options in CASES]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_lock_step(name, options):
    tasks = Ours(), Theirs()
    optimizers = [made(task, name, options) for task in tasks]
    for step in range(STEPS):
        for task, optimizer in zip(tasks, optimizers, strict=True):
            advance(task, optimizer, step)
        compare(*tasks)
    assert np.abs(tasks[0].arrays()[0] - values()[0]).max() > 1e-3  # they did move


@pytest.mark.parametrize(
    "name",
    sorted({name for name, _ in CASES}),
)
def test_defaults_are_pytorchs(name):
    ours = getattr(optim, name)([tg.zeros(1, requires_grad=True)]).defaults
    theirs = getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)]).defaults
    assert set(theirs) <= set(ours)
    assert {key: ours[key] for key in theirs} == theirs


# ------------------------------------------------------------------------------------------ LBFGS

SEARCHES = [
    {"lr": 0.3},
    {"lr": 1.0, "line_search_fn": "strong_wolfe"},
    {"lr": 0.5, "line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 7},
    {"lr": 0.1, "max_iter": 5, "max_eval": 3},
    {"lr": 1.0, "line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2},
    {"lr": 4.0, "line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 30},
]


def searched(task: Ours, optimizer: Any) -> float:
    def closure():
        optimizer.zero_grad()
        loss = loss_of(task.params, task.batches[0]) + 0.01 * sum((p**2).sum() for p in task.params)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_lbfgs_in_lock_step(options):
    tasks = Ours(), Theirs()
    optimizers = [task.module.LBFGS(task.params, **options) for task in tasks]
    for _ in range(5):
        losses = [searched(*pair) for pair in zip(tasks, optimizers, strict=True)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
        compare(*tasks, rtol=1e-5)
        states = [o.state_dict()["state"][0] for o in optimizers]
        assert [s["func_evals"] for s in states] == [states[1]["func_evals"]] * 2
        assert [s["n_iter"] for s in states] == [states[1]["n_iter"]] * 2


# ----------------------------------------------------------------------------------- state dicts


def as_arrays(value: Any) -> Any:
    """PyTorch's state with NumPy arrays in place of tensors."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: as_arrays(item) for key, item in value.items()}
    return [as_arrays(item) for item in value] if isinstance(value, list) else value


def as_tensors(value: Any) -> Any:
    """Our state with PyTorch's tensors in place of ours."""
    if isinstance(value, tg.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    return [as_tensors(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("convert", [as_arrays, lambda state: state], ids=["arrays", "tensors"])
@pytest.mark.parametrize(("name", "options"), CASES[1::2], ids=IDS[1::2])
def test_pytorchs_state_goes_on_here(name, options, convert):
    theirs, ours = Theirs(), Ours()
    first = made(theirs, name, options)
    for step in range(7):
        advance(theirs, first, step)
    ours.params = [tg.tensor(array, requires_grad=True) for array in theirs.arrays()]
    second = made(ours, name, options | {"lr": 123.0})
    second.load_state_dict(convert(first.state_dict()))
    for step in range(7, 20):
        advance(theirs, first, step)
        advance(ours, second, step)
        compare(ours, theirs)


@pytest.mark.parametrize(("name", "options"), CASES[1::2], ids=IDS[1::2])
def test_our_state_goes_on_in_pytorch(name, options):
    theirs, ours = Theirs(), Ours()
    first = made(ours, name, options)
    for step in range(7):
        advance(ours, first, step)
    theirs.params = [torch.tensor(array, requires_grad=True) for array in ours.arrays()]
    second = made(theirs, name, options)
    second.load_state_dict(as_tensors(first.state_dict()))
    for step in range(7, 20):
        advance(theirs, second, step)
        advance(ours, first, step)
        compare(ours, theirs)


@pytest.mark.parametrize("options", SEARCHES[:2], ids=str)
def test_lbfgs_states_go_both_ways(options):
    ours, theirs = Ours(), Theirs()
    first = [task.module.LBFGS(task.params, **options) for task in (ours, theirs)]
    for task, optimizer in zip((ours, theirs), first, strict=True):
        searched(task, optimizer)
    other, another = Ours(), Theirs()
    other.params = [tg.tensor(array, requires_grad=True) for array in theirs.arrays()]
    another.params = [torch.tensor(array, requires_grad=True) for array in ours.arrays()]
    here = optim.LBFGS(other.params, **options)
    here.load_state_dict(as_arrays(first[1].state_dict()))
    there = torch.optim.LBFGS(another.params, **options)
    there.load_state_dict(as_tensors(first[0].state_dict()))
    for task, optimizer in [(ours, first[0]), (theirs, first[1]), (other, here), (another, there)]:
        searched(task, optimizer)
    compare(other, theirs, rtol=1e-5)
    compare(ours, another, rtol=1e-5)


# ------------------------------------------------------------------------------------- schedules


class Falling:
    """A callable whose attributes schedules save."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, epoch: float) -> float:
        return self.share**epoch


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.95**e, Falling(0.9)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 + 0.01 * (e % 5)),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.7),
    "multistep": lambda s, o: s.MultiStepLR(o, [5, 30, 30, 60], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=12),
    "linear": lambda s, o: s.LinearLR(o, 0.1, 0.8, total_iters=30),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.97),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=60, power=2.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=20, eta_min=0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=0.001),
    "restarts_longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, [0.5, 0.2], step_size_up=9),
    "cyclic_half": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, 11, mode="triangular2"),
    "cyclic_exp": lambda s, o: s.CyclicLR(o, 0.01, 0.5, 6, mode="exp_range", gamma=0.98),
    "cyclic_own": lambda s, o: s.CyclicLR(
        o, 0.01, 0.5, 6, scale_fn=Falling(0.99), scale_mode="iterations", base_momentum=[0.7, 0.6]
    ),
    "onecycle": lambda s, o: s.OneCycleLR(o, [1.0, 0.5], total_steps=101),
    "onecycle_three": lambda s, o: s.OneCycleLR(
        o, 1.0, epochs=10, steps_per_epoch=11, three_phase=True, anneal_strategy="linear"
    ),
    "onecycle_rate_alone": lambda s, o: s.OneCycleLR(
        o, 1.0, total_steps=120, pct_start=0.5, cycle_momentum=False, div_factor=10.0
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 40)], [10]
    ),
    "sequential_three": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9), s.StepLR(o, 4, 0.5)], [20, 50]
    ),
    "sequential_restarts": lambda s, o: s.SequentialLR(
        o, [s.ExponentialLR(o, 0.9), s.CosineAnnealingWarmRestarts(o, 6)], [15]
    ),
    "chained": lambda s, o: s.ChainedScheduler(
        [s.ConstantLR(o, 0.1, total_iters=20), s.ExponentialLR(o, 0.95), s.StepLR(o, 9, 0.8)]
    ),
    "chained_waves": lambda s, o: s.ChainedScheduler(
        [s.LinearLR(o, 0.2, total_iters=9), s.CosineAnnealingLR(o, 150)]
    ),
}
KINDS = {
    "SGD": lambda task: task.module.SGD(pair(task), lr=0.5, momentum=0.9),
    "Adam": lambda task: task.module.Adam(pair(task), lr=0.5),
}


def pair(task: Ours) -> list[dict[str, Any]]:
    return [{"params": task.params[:2]}, {"params": task.params[2:], "lr": 0.3}]


def look(optimizer: Any) -> list[float]:
    """Rates and momenta of the groups."""
    found = []
    for group in optimizer.param_groups:
        found += [group["lr"], group["momentum"] if "momentum" in group else group["betas"][0]]
    return found


def both(name: str, kind: str) -> tuple[list[Any], list[Any]]:
    tasks = Ours(), Theirs()
    optimizers = [KINDS[kind](task) for task in tasks]
    make = SCHEDULES[name]
    schedules = [
        make(module, optimizer)
        for module, optimizer in zip(
            (optim.lr_scheduler, torch.optim.lr_scheduler), optimizers, strict=True
        )
    ]
    return optimizers, schedules


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of steps in the wrong order
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_in_lock_step(name, kind):
    optimizers, schedules = both(name, kind)
    seen = set()
    for _ in range(100):
        rates = [look(optimizer) for optimizer in optimizers]
        np.testing.assert_allclose(*rates, rtol=1e-9, atol=1e-14)
        ours, theirs = (schedule.get_last_lr() for schedule in schedules)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-14)
        seen.add(round(rates[0][0], 6))
        for schedule in schedules:
            schedule.step()
    assert len(seen) > 1


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SCHEDULES)
def test_pytorchs_schedules_go_on_here(name):
    _, (_, theirs) = both(name, "SGD")
    for _ in range(13):
        theirs.step()
    optimizers, schedules = both(name, "SGD")
    for optimizer, schedule, convert in zip(
        optimizers, schedules, (as_arrays, lambda s: s), strict=True
    ):
        schedule.load_state_dict(theirs.state_dict())
        optimizer.load_state_dict(convert(theirs.optimizer.state_dict()))
    for _ in range(40):
        for schedule in schedules:
            schedule.step()
        np.testing.assert_allclose(*map(look, optimizers), rtol=1e-9, atol=1e-14)


RESUMED = {
    "step": lambda s, o, e: s.StepLR(o, 7, gamma=0.7, last_epoch=e),
    "multistep": lambda s, o, e: s.MultiStepLR(o, [5, 30, 60], gamma=0.5, last_epoch=e),
    "exponential": lambda s, o, e: s.ExponentialLR(o, 0.97, last_epoch=e),
    "constant": lambda s, o, e: s.ConstantLR(o, 0.5, 20, last_epoch=e),
    "linear": lambda s, o, e: s.LinearLR(o, 0.1, 0.8, total_iters=30, last_epoch=e),
    "cosine": lambda s, o, e: s.CosineAnnealingLR(o, T_max=20, eta_min=0.01, last_epoch=e),
    "polynomial": lambda s, o, e: s.PolynomialLR(o, 60, 2.5, last_epoch=e),
    "lambda": lambda s, o, e: s.LambdaLR(o, lambda i: 0.95**i, last_epoch=e),
    "multiplicative": lambda s, o, e: s.MultiplicativeLR(o, lambda i: 0.95, last_epoch=e),
    "cyclic": lambda s, o, e: s.CyclicLR(o, 0.01, 0.5, step_size_up=9, last_epoch=e),
    "onecycle": lambda s, o, e: s.OneCycleLR(o, 1.0, total_steps=101, last_epoch=e),
    "restarts": lambda s, o, e: s.CosineAnnealingWarmRestarts(o, T_0=7, last_epoch=e),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", RESUMED)
def test_resuming_after_an_epoch(name):
    """Schedules made anew with `last_epoch` on an optimizer that has been trained."""
    ends = []
    for task, module in ((Ours(), optim.lr_scheduler), (Theirs(), torch.optim.lr_scheduler)):
        optimizer = KINDS["SGD"](task)
        schedule = RESUMED[name](module, optimizer, -1)
        for _ in range(12):
            schedule.step()
        again = RESUMED[name](module, optimizer, 11)
        rates = [look(optimizer)]
        for _ in range(30):
            again.step()
            rates.append(look(optimizer))
        ends.append(rates)
    np.testing.assert_allclose(*ends, rtol=1e-9, atol=1e-14)


TIED = ("sequential", "chained", "onecycle", "cyclic")  # PyTorch's do not go to an epoch


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [name for name in SCHEDULES if not name.startswith(TIED)])
def test_going_to_an_epoch(name):
    optimizers, schedules = both(name, "SGD")
    for epoch in (5, 3, 30, 31, 0):
        for schedule in schedules:
            schedule.step(epoch)
        np.testing.assert_allclose(*map(look, optimizers), rtol=1e-9, atol=1e-14)


def test_restarts_take_fractions_of_epochs():
    optimizers, schedules = both("restarts_longer", "SGD")
    for i in range(200):
        for schedule in schedules:
            schedule.step(i / 7)
        np.testing.assert_allclose(*map(look, optimizers), rtol=1e-9, atol=1e-14)


PLATEAUS = [
    {},
    {"mode": "max"},
    {"patience": 2, "factor": 0.5},
    {"patience": 1, "cooldown": 3, "threshold": 0.1},
    {"patience": 1, "threshold_mode": "abs", "threshold": 0.05},
    {"mode": "max", "threshold_mode": "abs", "patience": 0, "min_lr": [0.1, 0.01]},
    {"mode": "max", "patience": 1, "threshold": 0.2, "eps": 0.05, "factor": 0.9},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
@pytest.mark.parametrize("sign", [1, -1])
def test_plateaus_in_lock_step(options, sign):
    optimizers = [KINDS["SGD"](task) for task in (Ours(), Theirs())]
    modules = optim.lr_scheduler, torch.optim.lr_scheduler
    schedules = [
        module.ReduceLROnPlateau(optimizer, **options)
        for module, optimizer in zip(modules, optimizers, strict=True)
    ]
    rng = np.random.default_rng(0)
    for epoch in range(100):
        metric = float(sign * (1 / (1 + epoch) + 0.2 * rng.normal()))
        metric = math.nan if epoch == 50 else metric
        for schedule in schedules:
            schedule.step(metric)
        np.testing.assert_allclose(*map(look, optimizers), rtol=1e-12)
        ours, theirs = (schedule.state_dict() for schedule in schedules)
        assert {key: ours[key] for key in theirs if key in ours} == {
            key: value for key, value in theirs.items() if key in ours
        }
    again = optim.lr_scheduler.ReduceLROnPlateau(optimizers[0], **options)
    again.load_state_dict(theirs)
    assert again.state_dict() == ours


# ----------------------------------------------------------------------------------------- scaler


def test_scalers_in_lock_step():
    options = {
        "init_scale": 512.0,
        "growth_factor": 1.7,
        "backoff_factor": 0.3,
        "growth_interval": 3,
    }
    tasks = Ours(), Theirs()
    scalers = [amp.GradScaler(**options), torch.amp.GradScaler("cpu", **options)]
    optimizers = [task.module.Adam(task.params, lr=0.05) for task in tasks]
    for step in range(40):
        for task, scaler, optimizer in zip(tasks, scalers, optimizers, strict=True):
            optimizer.zero_grad()
            factor = math.inf if step % 11 == 5 else 1.0
            loss = loss_of(task.params, task.batches[step % 5]) * factor
            scaler.scale(loss).backward()
            if step % 2:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        compare(*tasks, rtol=1e-6, atol=1e-7)  # PyTorch divides by a float32 scale
        states = [scaler.state_dict() for scaler in scalers]
        assert states[0] == pytest.approx(states[1], rel=1e-6)
    again = amp.GradScaler()
    again.load_state_dict(scalers[1].state_dict())
    assert again.get_scale() == scalers[1].get_scale()
