"""Every optimizer against its formula in NumPy, on every device; and what all of them keep."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import optim
from tinygrad_cl.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device

STEPS = 25
RNG = np.random.default_rng(1)
START = RNG.normal(size=(5, 3))
GRADIENTS = RNG.normal(size=(STEPS, 5, 3))


def rate(t):
    return 0.05 / (1 + 0.1 * t)


def sgd(p, g, t, s, lr):
    s["v"] = g if t == 1 else 0.8 * s["v"] + 0.7 * g
    return p - lr * s["v"]


def adagrad(p, g, t, s, lr):
    s["s"] = s.get("s", 0.1) + g * g
    return p - lr / (1 + (t - 1) * 0.02) * g / (np.sqrt(s["s"]) + 1e-6)


def rmsprop(p, g, t, s, lr):
    s["v"] = 0.9 * s.get("v", 0.0) + 0.1 * g * g
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["u"] = 0.5 * s.get("u", 0.0) + g / (np.sqrt(s["v"] - s["m"] ** 2) + 1e-3)
    return p - lr * s["u"]


def means(g, s, beta1, beta2):
    s["m"] = beta1 * s.get("m", 0.0) + (1 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1 - beta2) * g * g


def adam(p, g, t, s, lr):
    means(g, s, 0.8, 0.95)
    return p - lr * (s["m"] / (1 - 0.8**t)) / (np.sqrt(s["v"] / (1 - 0.95**t)) + 1e-6)


def amsgrad(p, g, t, s, lr):
    means(g, s, 0.9, 0.5)
    s["max"] = np.maximum(s.get("max", 0.0), s["v"])
    return p - lr * (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["max"] / (1 - 0.5**t)) + 1e-8)


def adamw(p, g, t, s, lr):
    means(g, s, 0.9, 0.999)
    p = p - lr * 0.2 * p
    return p - lr * (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def adamax(p, g, t, s, lr):
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["u"] = np.maximum(0.99 * s.get("u", 0.0), np.abs(g) + 1e-8)
    return p - lr / (1 - 0.9**t) * s["m"] / s["u"]


def nadam(p, g, t, s, lr):
    means(g, s, 0.9, 0.99)
    mu, after = (0.9 * (1 - 0.5 * 0.96 ** (i * 0.01)) for i in (t, t + 1))
    s["M"] = s.get("M", 1.0) * mu
    d = np.sqrt(s["v"] / (1 - 0.99**t)) + 1e-8
    step = (1 - mu) / (1 - s["M"]) * g + after / (1 - s["M"] * after) * s["m"]
    return p - lr * step / d


def radam(p, g, t, s, lr):
    means(g, s, 0.9, 0.99)
    m = s["m"] / (1 - 0.9**t)
    most = 2 / (1 - 0.99) - 1
    rho = most - 2 * t * 0.99**t / (1 - 0.99**t)
    if rho <= 5:
        return p - lr * m
    r = math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return p - lr * m * r * math.sqrt(1 - 0.99**t) / (np.sqrt(s["v"]) + 1e-6)


def adadelta(p, g, t, s, lr):
    s["v"] = 0.8 * s.get("v", 0.0) + 0.2 * g * g
    d = np.sqrt(s.get("u", 0.0) + 1e-3) / np.sqrt(s["v"] + 1e-3) * g
    s["u"] = 0.8 * s.get("u", 0.0) + 0.2 * d * d
    return p - lr * d


def asgd(p, g, t, s, lr):
    eta, mu = s.get("eta", lr), s.get("mu", 1.0)
    p = (1 - 0.1 * eta) * p - eta * g
    s["ax"] = s.get("ax", 0.0) + mu * (p - s.get("ax", 0.0))
    s["eta"], s["mu"] = lr / (1 + 0.1 * lr * t) ** 0.5, 1 / max(1, t - 10)
    return p


def lion(p, g, t, s, lr):
    m = s.get("m", np.zeros_like(p))
    s["m"] = 0.95 * m + 0.05 * g
    return p - lr * 0.3 * p - lr * np.sign(0.8 * m + 0.2 * g)


def rprop(p, g, t, s, lr):
    product = g * s.get("prev", 0.0)
    size = s.get("size", lr) * np.where(product > 0, 1.3, np.where(product < 0, 0.4, 1.0))
    s["size"] = np.clip(size, 0.01, 0.08)
    s["prev"] = np.where(product < 0, 0.0, g)
    return p - s["size"] * np.sign(s["prev"])


# name: recurrence, optimizer, settings
CASES = {
    "sgd": (sgd, optim.SGD, {"momentum": 0.8, "dampening": 0.3}),
    "adagrad": (
        adagrad,
        optim.Adagrad,
        {"lr_decay": 0.02, "eps": 1e-6, "initial_accumulator_value": 0.1},
    ),
    "rmsprop": (
        rmsprop,
        optim.RMSprop,
        {"alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-3},
    ),
    "adam": (adam, optim.Adam, {"betas": (0.8, 0.95), "eps": 1e-6}),
    "amsgrad": (amsgrad, optim.Adam, {"betas": (0.9, 0.5), "amsgrad": True}),
    "adamw": (adamw, optim.AdamW, {"weight_decay": 0.2}),
    "adamax": (adamax, optim.Adamax, {"betas": (0.9, 0.99)}),
    "nadam": (nadam, optim.NAdam, {"betas": (0.9, 0.99), "momentum_decay": 0.01}),
    "radam": (radam, optim.RAdam, {"betas": (0.9, 0.99), "eps": 1e-6}),
    "adadelta": (adadelta, optim.Adadelta, {"rho": 0.8, "eps": 1e-3}),
    "asgd": (asgd, optim.ASGD, {"lambd": 0.1, "alpha": 0.5, "t0": 10}),
    "lion": (lion, optim.Lion, {"betas": (0.8, 0.95), "weight_decay": 0.3}),
    "rprop": (rprop, optim.Rprop, {"etas": (0.4, 1.3), "step_sizes": (0.01, 0.08)}),
}
DECAYING = ["sgd", "adagrad", "rmsprop", "adam", "adamax", "nadam", "radam", "adadelta", "asgd"]


def wanted(recurrence, gradient=lambda p, g: g):
    p, state = START.copy(), {}
    for t, g in enumerate(GRADIENTS, 1):
        p = recurrence(p, gradient(p, g), t, state, rate(t))
    return p


def trained(kind, settings, dtype=tg.float32, steps=STEPS, gradients=GRADIENTS):
    p = tg.tensor(START, dtype=dtype, requires_grad=True)
    optimizer = kind([p], lr=rate(1), **settings)
    for t, g in enumerate(gradients[:steps], 1):
        optimizer.param_groups[0]["lr"] = rate(t)
        p.grad = tg.tensor(g, dtype=dtype)
        optimizer.step()
    return p, optimizer


def close(p, values, dtype=tg.float32):
    tolerance = 1e-10 if dtype is tg.float64 else 3e-5
    np.testing.assert_allclose(p.detach().numpy(), values, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [tg.float64, tg.float32], ids=lambda d: d.name)
@pytest.mark.parametrize("name", CASES)
def test_steps_follow_the_formula(name, dtype):
    recurrence, kind, settings = CASES[name]
    p, _ = trained(kind, settings, dtype)
    close(p, wanted(recurrence), dtype)


@pytest.mark.parametrize("name", CASES)
def test_maximize_climbs(name):
    recurrence, kind, settings = CASES[name]
    p, _ = trained(kind, settings | {"maximize": True})
    close(p, wanted(recurrence, lambda p, g: -g))


@pytest.mark.parametrize("name", DECAYING)
def test_weight_decay_is_added_to_the_gradient(name):
    recurrence, kind, settings = CASES[name]
    p, _ = trained(kind, settings | {"weight_decay": 0.3})
    close(p, wanted(recurrence, lambda p, g: g + 0.3 * p))


@pytest.mark.parametrize("name", CASES)
def test_penalties_are_added_to_the_gradient(name):
    recurrence, kind, settings = CASES[name]
    penalty = optim.penalty.ElasticNet(0.2, 0.3)
    # Signs decide of whole steps in Lion and Rprop: float64, lest rounding turns one.
    p, _ = trained(kind, settings | {"penalty": penalty}, tg.float64)
    close(p, wanted(recurrence, lambda p, g: g + 0.2 * np.sign(p) + 0.3 * p), tg.float64)


@pytest.mark.parametrize("name", CASES)
def test_states_carry_over(name):
    _, kind, settings = CASES[name]
    whole, _ = trained(kind, settings)
    half, first = trained(kind, settings, steps=10)
    saved = first.state_dict()
    p = tg.tensor(half.detach().numpy(), requires_grad=True)
    second = kind([p], lr=7.0, **settings)
    second.load_state_dict(saved)
    assert second.param_groups[0]["lr"] == rate(10)
    for t, g in enumerate(GRADIENTS[10:], 11):
        second.param_groups[0]["lr"] = rate(t)
        p.grad = tg.tensor(g, dtype=tg.float32)
        second.step()
    assert p.tolist() == whole.tolist()


@pytest.mark.parametrize("name", CASES)
def test_the_callers_gradient_is_not_changed(name):
    _, kind, settings = CASES[name]
    given = GRADIENTS[0].astype(np.float32)
    kept = given.copy()
    p = tg.tensor(START, dtype=tg.float32, requires_grad=True)
    p.grad = tg.from_numpy(given)
    penalty = optim.penalty.L2(0.5)
    optimizer = kind([p], lr=0.1, **settings, maximize=True, penalty=penalty)
    for _ in range(2):
        optimizer.step()
    assert np.array_equal(given, kept)
    assert np.array_equal(p.grad.numpy(), kept)


@pytest.mark.parametrize("name", CASES)
def test_changing_numbers_compile_nothing(name, device):
    """Rates, decays, shares, scales and penalties are arguments; only zero or not matters."""
    _, kind, settings = CASES[name]
    p = tg.tensor(START, dtype=tg.float32, requires_grad=True)
    q = tg.tensor(START[0], dtype=tg.float32, requires_grad=True)
    penalty = optim.penalty.L1(0.1)
    optimizer = kind([p, q], lr=0.1, **settings, penalty=penalty)
    place = tg.get_default_device()
    counts = []
    for t, g in enumerate(GRADIENTS, 1):
        group = optimizer.param_groups[0]
        group["lr"] = rate(t)
        group["penalty"] = optim.penalty.L1(0.1 / t)
        group["betas"] = (0.9 - 0.01 * t, 0.99)
        for key in ("momentum", "alpha", "eps", "rho", "lambd", "weight_decay"):
            if group.get(key):
                group[key] *= 0.99
        p.grad, q.grad = tg.tensor(g, dtype=tg.float32), tg.tensor(g[0], dtype=tg.float32)
        optimizer.step()
        counts.append((len(place.plans), len(place.kernel_programs), place.kernels_compiled))
    assert counts[1] == counts[-1]


def test_all_parameters_of_a_step_share_a_launch(opencl_device):
    before = tg.get_default_device()
    tg.set_default_device(opencl_device)
    try:
        params = [tg.ones(4, 5, requires_grad=True) for _ in range(6)]
        optimizer = optim.NAdam(params, penalty=optim.penalty.L1(0.1))
        for _ in range(3):
            for p in params:
                p.grad = tg.ones(4, 5)
                p.grad.tolist()
            launched = tg.get_default_device().kernels_launched
            optimizer.step()
        assert tg.get_default_device().kernels_launched - launched == 1
    finally:
        tg.set_default_device(before)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("rprop", "asgd")])
def test_half_precision_parameters_are_updated_in_float32(name):
    _, kind, settings = CASES[name]
    p, optimizer = trained(kind, settings, tg.float16, steps=3)
    assert p.dtype is tg.float16
    held = [s for s in optimizer.state[p].values() if isinstance(s, tg.Tensor)]
    assert held
    assert all(s.dtype is tg.float32 for s in held)
    reference, _ = trained(kind, settings, tg.float32, steps=3)
    np.testing.assert_allclose(p.tolist(), reference.tolist(), atol=5e-3)


@pytest.mark.parametrize("name", CASES)
def test_pytorchs_ways_to_run_an_update_are_accepted(name):
    _, kind, settings = CASES[name]
    p = tg.ones(2, requires_grad=True)
    optimizer = kind([p], **settings, foreach=True, fused=False, capturable=False)
    assert optimizer.param_groups[0]["foreach"] is True
    with pytest.raises(ArgumentError, match="differentiable=True is not supported"):
        kind([p], **settings, differentiable=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'forech'"):
        kind([p], **settings, forech=True)


# ------------------------------------------------------------------------------------------ LBFGS


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_solves_a_quadratic_problem(search):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    matrix = root @ root.T / 6 + np.eye(6)
    target = rng.normal(size=6)
    a, b = tg.tensor(matrix), tg.tensor(target)
    x = tg.zeros(4, dtype=tg.float64, requires_grad=True)
    y = tg.zeros(2, 1, dtype=tg.float64, requires_grad=True)
    rate = 1.0 if search else 0.5
    optimizer = optim.LBFGS([x, y], lr=rate, max_iter=60, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        z = tg.cat([x, y.flatten()])
        loss = 0.5 * (z @ (a @ z)) - b @ z
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.item() == 0.0
    found = np.concatenate([x.tolist(), y.flatten().tolist()])
    np.testing.assert_allclose(found, np.linalg.solve(matrix, target), atol=1e-4)
    assert x.is_leaf
    assert x.requires_grad


def test_lbfgs_goes_down_rosenbrocks_valley():
    x = tg.tensor([-1.2, 1.0, -0.5], dtype=tg.float64, requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe", history_size=5)

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.tolist(), [1.0, 1.0, 1.0], atol=1e-6)
    assert len(optimizer.state[x]["ro"]) == 5


def test_a_growing_memory_compiles_nothing(device):
    x = tg.tensor([-1.2, 1.0, -0.5], requires_grad=True)
    optimizer = optim.LBFGS([x], lr=0.001, max_iter=1)
    place = tg.get_default_device()

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    counts = []
    for _ in range(20):  # the small kernels of a plan are glued at its eighth run
        optimizer.step(closure)
        counts.append(len(place.kernel_programs))
    assert len(optimizer.state[x]["ro"]) == 19
    assert counts[12] == counts[-1]


def test_lbfgs_with_a_penalty_finds_the_penalized_minimum():
    x = tg.tensor([3.0, -2.0], dtype=tg.float64, requires_grad=True)
    optimizer = optim.LBFGS(
        [x], max_iter=50, line_search_fn="strong_wolfe", penalty=optim.penalty.L2(1.0)
    )

    def closure():
        optimizer.zero_grad()
        loss = 0.5 * ((x - tg.tensor([1.0, 2.0], dtype=tg.float64)) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.tolist(), [0.5, 1.0], atol=1e-6)


def test_lbfgs_misused():
    x, y = tg.ones(1, requires_grad=True), tg.ones(1, requires_grad=True)
    with pytest.raises(ArgumentError, match="closure"):
        optim.LBFGS([x]).step()
    with pytest.raises(ArgumentError, match="one group"):
        optim.LBFGS([{"params": [x]}, {"params": [y]}])
    with pytest.raises(ArgumentError, match="strong_wolfe"):
        optim.LBFGS([x], line_search_fn="weak")
    with pytest.raises(ArgumentError, match="maximize"):
        optim.LBFGS([{"params": [x], "maximize": True}])
    with pytest.raises(ArgumentError, match="history_size"):
        optim.LBFGS([x], history_size=0)
