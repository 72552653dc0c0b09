"""Optimizers against PyTorch's numbers and NumPy; schedules; states; clipping."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine, graph, nn, optim
from tinygrad_cl.errors import ArgumentError, DeviceError, GradientError, StateError
from tinygrad_cl.optim.update import update_group

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device

# What PyTorch 2.13 computes in float64 in 20 steps of the problem in `_train`.
TORCH = {
    "sgd": [0.273022486813, -1.501500522813, 1.752162219039, -1.449844578639, -1.660282683665],
    "sgd_momentum": [
        0.177861322614,
        -1.973549631737,
        0.580767808627,
        -1.507297114217,
        -1.759629227367,
    ],
    "sgd_dampening": [
        0.241825655453,
        -2.077558222985,
        0.70661092512,
        -1.147790962821,
        -1.375169160708,
    ],
    "sgd_nesterov": [
        0.267534740359,
        -2.051477205551,
        0.634884020584,
        -1.704704425607,
        -1.705586824843,
    ],
    "sgd_maximize": [
        0.588932133831,
        -0.765165104675,
        1.928229610557,
        0.44737238559,
        -0.691185824624,
    ],
    "adagrad": [0.103731507907, -1.486708860267, 1.644127860838, -0.498313398601, -1.442402768695],
    "adagrad_all": [
        0.098321898219,
        -1.456034251051,
        1.655518235777,
        -0.399634235585,
        -1.356674318934,
    ],
    "rmsprop": [0.264101278828, -1.732527426442, 1.275933727699, -1.210750670837, -1.668627858046],
    "rmsprop_all": [
        0.2602790096,
        -1.771960991956,
        1.170470089126,
        -1.360213889044,
        -1.63416484758,
    ],
    "adam": [0.037610163635, -1.445415631358, 1.645487164066, -0.741068466112, -1.657168968039],
    "adam_all": [
        0.039318880573,
        -1.586530592884,
        1.433760583061,
        -0.730787510223,
        -1.603421562629,
    ],
    "adam_maximize": [
        1.359416158617,
        -0.220344449202,
        1.572413067114,
        1.261326687154,
        -1.090528490878,
    ],
    "adamw": [0.032224609406, -1.449687451929, 1.633719804352, -0.738606420382, -1.648129482607],
    "adamw_all": [
        0.007433501024,
        -1.512789849849,
        1.547315921881,
        -0.6895104328,
        -1.461046305657,
    ],
}
MAKERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: optim.Momentum(p, lr=0.1),
    "sgd_dampening": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.05),
    "sgd_nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
    "sgd_maximize": lambda p: optim.SGD(p, lr=0.01, maximize=True, weight_decay=0.05),
    "adagrad": lambda p: optim.AdaGrad(p, lr=0.1),
    "adagrad_all": lambda p: optim.Adagrad(
        p, lr=0.1, lr_decay=0.02, weight_decay=0.05, initial_accumulator_value=0.1, eps=1e-6
    ),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.02),
    "rmsprop_all": lambda p: optim.RMSprop(
        p, lr=0.02, alpha=0.9, eps=1e-6, weight_decay=0.05, momentum=0.5, centered=True
    ),
    "adam": lambda p: optim.Adam(p, lr=0.05),
    "adam_all": lambda p: optim.Adam(
        p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.05, amsgrad=True
    ),
    "adam_maximize": lambda p: optim.Adam(p, lr=0.05, maximize=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.05),
    "adamw_all": lambda p: optim.AdamW(
        p, lr=0.05, betas=(0.8, 0.95), weight_decay=0.2, amsgrad=True
    ),
}


def _problem(dtype=tg.float64):
    a = tg.tensor([0.5, -1.0, 2.0], dtype=dtype, requires_grad=True)
    b = tg.tensor([[0.25], [-0.75]], dtype=dtype, requires_grad=True)
    return a, b


def _loss(a, b, i):
    m = tg.tensor([[1.0, -0.5, 0.25], [0.5, 2.0, -1.0]], dtype=a.dtype)
    return ((m @ a).sin() * b[:, 0]).sum() + 0.1 * (a**2).sum() + 0.05 * (i % 3) * (b**4).sum()


def _train(make, steps=range(20), dtype=tg.float64, params=None):
    a, b = params or _problem(dtype)
    optimizer = make([a, b])
    for i in steps:
        optimizer.zero_grad()
        _loss(a, b, i).backward()
        optimizer.step()
    return a, b, optimizer


def _values(a, b):
    return a.tolist() + b.flatten().tolist()


@pytest.mark.parametrize("name", MAKERS)
def test_twenty_steps_equal_pytorch(name):
    a, b, _ = _train(MAKERS[name])
    np.testing.assert_allclose(_values(a, b), TORCH[name], rtol=0, atol=2e-10)


@pytest.mark.parametrize("name", MAKERS)
def test_float32_follows_float64(name):
    a, b, _ = _train(MAKERS[name], dtype=tg.float32)
    assert a.dtype is tg.float32
    np.testing.assert_allclose(_values(a, b), TORCH[name], atol=5e-5)


def test_adam_against_its_formula_in_numpy():
    rng = np.random.default_rng(0)
    p = rng.normal(size=(4, 3))
    gradients = rng.normal(size=(20, 4, 3))
    m, v, wanted = np.zeros_like(p), np.zeros_like(p), p.copy()
    for t, g in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        wanted -= 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    param = tg.tensor(p, requires_grad=True)
    optimizer = optim.Adam([param], lr=0.01)
    for g in gradients:
        param.grad = tg.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(param.detach().numpy(), wanted, rtol=1e-12)


def test_weight_decay_pulls_every_parameter_of_its_group_only():
    a = tg.ones(2, requires_grad=True)
    bias = tg.ones(2, requires_grad=True)
    groups = [{"params": [a]}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = optim.SGD(groups, lr=0.5, weight_decay=0.5)
    a.grad, bias.grad = tg.zeros(2), tg.zeros(2)
    optimizer.step()
    assert a.tolist() == [0.75, 0.75]
    assert bias.tolist() == [1.0, 1.0]


def test_groups_have_their_own_rates():
    a, b = tg.zeros(1, requires_grad=True), tg.zeros(1, requires_grad=True)
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 2.0}], lr=1.0)
    (a + b).sum().backward()
    optimizer.step()
    assert (a.item(), b.item()) == (-1.0, -2.0)
    c = tg.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": [c], "lr": 4.0})
    c.sum().backward()
    optimizer.zero_grad()
    (c * 1).sum().backward()
    optimizer.step()
    assert (a.item(), c.item()) == (-1.0, -4.0)


def test_parameters_without_gradient_stay_and_do_not_age():
    a, b = tg.ones(1, requires_grad=True), tg.ones(1, requires_grad=True)
    optimizer = optim.Adam([a, b], lr=0.125)
    for _ in range(3):
        optimizer.zero_grad()
        (2 * a).sum().backward()
        optimizer.step()
    assert b.item() == 1.0
    assert b not in optimizer.state
    optimizer.zero_grad()
    (2 * a + 2 * b).sum().backward()
    optimizer.step()  # the first step of b has its own bias correction
    assert (optimizer.state[a]["step"], optimizer.state[b]["step"]) == (4, 1)
    np.testing.assert_allclose([a.item(), b.item()], [0.5, 0.875], atol=1e-6)


def test_a_step_leaves_the_callers_gradient_alone():
    a = tg.ones(3, requires_grad=True)
    given = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    a.grad = tg.from_numpy(given)
    for make in (optim.SGD, optim.AdamW, optim.RMSprop):
        optimizer = make([a], lr=0.5, weight_decay=0.5)
        optimizer.step()
    assert given.tolist() == [1.0, 2.0, 3.0]
    assert a.grad.tolist() == [1.0, 2.0, 3.0]


def test_parameters_stay_leaves_with_their_hooks():
    a = tg.ones(2, requires_grad=True)
    seen = []
    a.register_hook(lambda g: seen.append(g.tolist()))
    optimizer = optim.SGD([a], lr=0.5, momentum=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        (3 * a).sum().backward()
        optimizer.step()
    assert a.is_leaf
    assert a.requires_grad
    assert seen == [[3.0, 3.0], [3.0, 3.0]]


def test_step_realizes_everything_in_one_plan(monkeypatch):
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    x, y = tg.ones(6, 4), tg.tensor([0, 1, 2, 0, 1, 2])
    calls = []
    realize = engine.realize

    def count(nodes):
        calls.append([node for node in nodes if node.buffer is None])
        realize(nodes)

    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        x.tolist()
        y.tolist()
        monkeypatch.setattr(engine, "realize", count)
        calls.clear()
        optimizer.step()
        assert len(calls) == 1
        monkeypatch.setattr(engine, "realize", realize)
        assert loss.node.buffer is not None
        tensors = [*net.parameters(), *net.buffers(), *(p.grad for p in net.parameters())]
        tensors += [s for state in optimizer.state.values() for s in state.values()][1:]
        for tensor in tensors:
            if isinstance(tensor, tg.Tensor):
                assert tensor.node.buffer is not None


def test_changing_rates_and_steady_steps_build_nothing_new(device):
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.AdamW(net.parameters(), lr=0.01)
    plans = tg.get_default_device().plans
    x, y = tg.tensor(np.ones((6, 4), dtype=np.float32)), tg.tensor([0, 1, 2, 0, 1, 2])
    counts = []
    for step in range(30):
        optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        if step in (2, 29):
            nodes = sum(type(o) is graph.Node for o in gc.get_objects())
            counts.append((len(plans), nodes))
    assert counts[0] == counts[1]


def test_a_net_that_moves_away_from_its_states_is_an_error(device):
    if device == "numpy":
        pytest.skip("needs a second device")
    net = nn.Linear(2, 2)
    optimizer = optim.Adam(net.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        net(tg.ones(1, 2)).sum().backward()
        optimizer.step()
    net.to("numpy")
    with pytest.raises(DeviceError, match="move the net first"):
        optimizer.step()


def test_steps_share_their_numbers_among_parameters():
    a, b = tg.ones(2, requires_grad=True), tg.ones(3, requires_grad=True)
    optimizer = optim.Adam([a, b])
    a.grad, b.grad = tg.ones(2), tg.ones(3)
    optimizer.step()
    fresh = []
    with tg.no_grad():
        update_group(optimizer, optimizer.param_groups[0], fresh)
    scalars, nodes, stack = set(), set(), list(fresh)
    while stack:
        node = stack.pop()
        if id(node) in nodes or node.buffer is not None:
            continue
        nodes.add(id(node))
        if node.scalar is not None:
            scalars.add(id(node))
        stack.extend(node.inputs)
    assert len(scalars) == 5
    assert len(nodes) - len(scalars) == 8  # a call and its three results a parameter
    engine.realize(fresh)


def test_half_precision_parameters_keep_float32_states():
    a = tg.ones(2, dtype=tg.float16, requires_grad=True)
    optimizer = optim.Adam([a], lr=0.125)
    (a * tg.tensor([2.0, 0.0], dtype=tg.float16)).sum().backward()
    optimizer.step()
    assert a.dtype is tg.float16
    assert optimizer.state[a]["exp_avg"].dtype is tg.float32
    assert a.tolist() == [0.875, 1.0]


def test_zero_grad():
    a = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([a], lr=0.5)
    a.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert a.grad is None
    optimizer.step()
    assert a.tolist() == [1.0, 1.0]


def test_closure_is_called_with_gradients_and_its_loss_returned():
    a = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([a], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 1.0
    assert a.item() == 0.5


@pytest.mark.parametrize("name", ["sgd_momentum", "adagrad", "rmsprop_all", "adam_all", "adamw"])
def test_state_dict_carries_a_run_over(name):
    make = MAKERS[name]
    a, b, first = _train(make, range(7))
    saved = first.state_dict()
    copies = [tg.tensor(p.detach().numpy(), requires_grad=True) for p in (a, b)]
    second = make(copies)
    second.load_state_dict(saved)
    for i in range(7, 20):
        second.zero_grad()
        _loss(*copies, i).backward()
        second.step()
    np.testing.assert_allclose(_values(*copies), TORCH[name], atol=2e-10)


def test_state_dict_is_a_snapshot_in_pytorchs_form():
    a = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([a], lr=0.5, momentum=0.5)
    a.grad = tg.ones(2)
    optimizer.step()
    saved = optimizer.state_dict()
    optimizer.step()
    assert saved["param_groups"][0]["params"] == [0]
    assert saved["state"][0]["momentum_buffer"].tolist() == [1.0, 1.0]
    assert optimizer.state[a]["momentum_buffer"].tolist() == [1.5, 1.5]


def test_load_state_dict_takes_arrays_without_a_step_count():
    a = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([a], lr=0.5, momentum=0.5, dampening=0.5)
    saved = optimizer.state_dict()
    saved["state"] = {0: {"momentum_buffer": np.array([2.0, 4.0])}}
    saved["param_groups"][0] |= {"lr": 1.0, "foreach": None}
    optimizer.load_state_dict(saved)
    a.grad = tg.ones(2)
    optimizer.step()
    assert a.tolist() == [-0.5, -1.5]


def test_load_state_dict_refuses_what_does_not_fit():
    a, b = tg.ones(2, requires_grad=True), tg.ones(3, requires_grad=True)
    saved = optim.Adam([a]).state_dict()
    with pytest.raises(StateError, match=r"groups of \[1\]"):
        optim.Adam([a, b]).load_state_dict(saved)
    a.grad = tg.ones(2)
    optimizer = optim.Adam([a])
    optimizer.step()
    with pytest.raises(StateError, match="exp_avg has shape"):
        optim.Adam([b]).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: optim.SGD([], lr=0.1), "no parameters"),
        (lambda p: optim.SGD(p, lr=0.1), "list of parameters"),
        (lambda p: optim.SGD([p, p], lr=0.1), "twice"),
        (lambda p: optim.SGD([p * 2], lr=0.1), "computed from others"),
        (lambda p: optim.SGD([1.0], lr=0.1), "must be tensors"),
        (lambda p: optim.SGD([p], lr=-0.1), "lr must be a number >= 0"),
        (lambda p: optim.SGD([p], lr=math.nan), "lr must be a number >= 0"),
        (lambda p: optim.SGD([p], lr="0.1"), "lr must be a number >= 0"),
        (lambda p: optim.SGD([p], nesterov=True), "nesterov needs momentum"),
        (lambda p: optim.Adam([p], betas=(1.0, 0.9)), "betas"),
        (lambda p: optim.Adam([p], betas=(0.9,)), "betas"),
        (lambda p: optim.RMSprop([p], momentum=-1), "momentum"),
        (lambda p: optim.Adagrad([p], lr_decay=-1), "lr_decay"),
        (lambda p: optim.SGD([{"params": [p], "rate": 1.0}], lr=0.1), "unknown settings rate"),
    ],
)
def test_bad_settings(make, text):
    with pytest.raises(ArgumentError, match=text):
        make(tg.ones(2, requires_grad=True))


def test_a_bad_gradient_changes_nothing():
    a, b = tg.ones(2, requires_grad=True), tg.ones(3, requires_grad=True)
    optimizer = optim.SGD([a, b], lr=0.5)
    a.grad, b.grad = tg.ones(2), tg.ones(3)
    b.data = tg.ones(4)
    with pytest.raises(GradientError, match="gradient is 3 float32, its parameter 4 float32"):
        optimizer.step()
    assert a.tolist() == [1.0, 1.0]


def test_repr_lists_the_settings():
    text = repr(optim.SGD([tg.ones(1, requires_grad=True)], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n")
    assert "\n    dampening: 0.0\n" in text
    assert "\n    lr: 0.5\n" in text
