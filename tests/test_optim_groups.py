"""Groups of parameters, penalties, hooks, and states that do not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cl as tg
from tinygrad_cl import nn, optim
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim import penalty

# -------------------------------------------------------------------------------------- penalties


def test_values_and_gradients_of_penalties(device):
    w = tg.tensor([[1.0, -2.0], [0.0, 4.0]], device=device)
    bias = tg.tensor([3.0], device=device)
    assert penalty.L1(0.5).value([w, bias]).item() == 5.0
    assert penalty.L2(0.5).value([w, bias]).item() == 7.5
    assert penalty.ElasticNet(0.5, 0.5).value([w, bias]).item() == 12.5
    assert penalty.ElasticNet(0.5, 0.5, min_dims=2).value([w, bias]).item() == 8.75
    assert penalty.L1(0.5).value([]).item() == 0.0
    assert penalty.L1(0.5).gradient(w).tolist() == [[0.5, -0.5], [0.0, 0.5]]
    assert penalty.L2(0.5).gradient(w).tolist() == [[0.5, -1.0], [0.0, 2.0]]
    assert penalty.L2(0.5, min_dims=2).gradient(bias).tolist() == [0.0]


@pytest.mark.parametrize("kind", [penalty.L1(0.3), penalty.L2(0.3), penalty.ElasticNet(0.2, 0.7)])
def test_the_gradient_is_the_values_derivative(kind, device):
    w = tg.tensor([1.5, -0.5, 2.0], device=device, requires_grad=True)
    kind.value([w]).backward()
    np.testing.assert_allclose(w.grad.tolist(), kind.gradient(w).tolist(), rtol=1e-6)


def test_an_l2_penalty_is_weight_decay_and_decoupled_decay_is_not(device):
    def trained(kind, **settings):
        w = tg.tensor([2.0, -1.0], device=device, requires_grad=True)
        optimizer = kind([w], lr=0.1, **settings)
        for i in range(5):
            optimizer.zero_grad()
            (w * (i + 1.0)).sum().backward()
            optimizer.step()
        return w.tolist()

    for kind in (optim.SGD, optim.Adam, optim.RMSprop):
        decayed = trained(kind, weight_decay=0.3)
        np.testing.assert_allclose(trained(kind, penalty=penalty.L2(0.3)), decayed, rtol=1e-6)
    with_penalty = trained(optim.AdamW, weight_decay=0.0, penalty=penalty.L2(0.3))
    np.testing.assert_allclose(with_penalty, trained(optim.Adam, weight_decay=0.3), rtol=1e-6)
    assert trained(optim.AdamW, weight_decay=0.3) != with_penalty


def test_a_penalty_leaves_out_what_it_is_told_to(device):
    w = tg.ones(2, 2, device=device, requires_grad=True)
    bias = tg.ones(2, device=device, requires_grad=True)
    optimizer = optim.SGD([w, bias], lr=0.5, penalty=penalty.L1(0.5, min_dims=2))
    w.grad, bias.grad = tg.zeros(2, 2, device=device), tg.zeros(2, device=device)
    optimizer.step()
    assert w.tolist() == [[0.75, 0.75], [0.75, 0.75]]
    assert bias.tolist() == [1.0, 1.0]
    assert optimizer.penalty_value().item() == 1.5


def test_elastic_net_finds_the_sparse_solution(device):
    """Coordinates with a small share of the target become exactly useless; the others shrink."""
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    y = x @ np.array([2.0, 0.0, -1.0, 0.0], dtype=np.float32)
    w = tg.zeros(4, device=device, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.02, penalty=penalty.ElasticNet(0.4, 0.1))
    inputs, targets = tg.tensor(x, device=device), tg.tensor(y, device=device)
    for _ in range(250):
        optimizer.zero_grad()
        (((inputs @ w - targets) ** 2).mean() / 2).backward()
        optimizer.step()
    found = w.tolist()
    assert abs(found[1]) < 0.02
    assert abs(found[3]) < 0.02
    assert 1.2 < found[0] < 1.7
    assert -0.8 < found[2] < -0.3


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf, "1"])
def test_bad_penalties(bad):
    with pytest.raises(ArgumentError, match="l1 must be a number"):
        penalty.L1(bad)
    with pytest.raises(ArgumentError, match="penalty must be one of"):
        optim.SGD([tg.zeros(1, requires_grad=True)], penalty=0.1)


def test_penalties_are_saved_as_plain_numbers():
    w = tg.zeros(1, requires_grad=True)
    saved = optim.SGD([w], penalty=penalty.ElasticNet(0.1, 0.2, min_dims=2)).state_dict()
    assert saved["param_groups"][0]["penalty"] == {"l1": 0.1, "l2": 0.2, "min_dims": 2}
    optimizer = optim.SGD([w])
    optimizer.load_state_dict(saved)
    loaded = optimizer.param_groups[0]["penalty"]
    assert (loaded.l1, loaded.l2, loaded.min_dims) == (0.1, 0.2, 2)
    saved["param_groups"][0]["penalty"] = {"l1": -1.0}
    with pytest.raises(StateError, match="group 0: penalty"):
        optimizer.load_state_dict(saved)


# ----------------------------------------------------------------------------------------- groups


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)
        self.second = nn.Linear(4, 3, bias=False)
        self.tied = self.second


def test_param_groups_leave_out_biases_and_norms():
    net = Net()
    groups = optim.param_groups(net, weight_decay=0.5, lr=0.25)
    assert [len(group["params"]) for group in groups] == [2, 3]
    assert groups[0]["params"] == [net.first.weight, net.second.weight]
    assert groups[1]["params"] == [net.first.bias, net.norm.weight, net.norm.bias]
    optimizer = optim.SGD(groups, lr=1.0)
    for p in net.parameters():
        p.grad = tg.zeros_like(p)
    before = net.first.weight.tolist()
    optimizer.step()
    np.testing.assert_allclose(net.first.weight.tolist(), np.array(before) * 0.875, rtol=1e-6)
    assert net.norm.weight.tolist() == [1.0] * 4


def test_param_groups_by_other_words():
    net = Net()
    assert len(optim.param_groups(net, skip=())) == 1
    only_norms = optim.param_groups(net, skip=("Norm",), penalty=penalty.L1(0.1))
    assert [len(group["params"]) for group in only_norms] == [3, 2]
    assert only_norms[1]["penalty"] is None
    assert only_norms[1]["weight_decay"] == 0.0
    assert "weight_decay" not in only_norms[0]


def test_named_parameters_keep_their_names():
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=0.5)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"] == [net.weight, net.bias]
    other = optim.SGD(net.parameters())
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ArgumentError, match="all parameters with names"):
        optim.SGD([("weight", net.weight), net.bias])


def test_rates_may_be_arrays_of_one_element():
    w = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=np.float32(0.5))
    w.grad = tg.ones(1)
    optimizer.step()
    assert w.item() == 0.5
    assert type(optimizer.param_groups[0]["lr"]) is float


@pytest.mark.parametrize(
    ("group", "text"),
    [
        ({"lr": 0.1}, 'the key "params"'),
        ([1], 'the key "params"'),
        ({"params": set()}, "has no order"),
        ({"params": [], "beta": 1, "gamma": 2}, "unknown settings beta, gamma; known: "),
        ({"params": [], "betas": (0.9,)}, "betas must be two numbers"),
        ({"params": [], "betas": (0.9, "x")}, "betas must be two numbers"),
        ({"params": [], "amsgrad": "no"}, "amsgrad must be True or False"),
        ({"params": [], "eps": None}, "eps must be a number"),
        ({"params": [3]}, "must be tensors, got int"),
    ],
)
def test_bad_groups(group, text):
    optimizer = optim.Adam([tg.zeros(1, requires_grad=True)])
    with pytest.raises(ArgumentError, match=text):
        optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: optim.Adadelta(p, rho=1.5), "rho must be in"),
        (lambda p: optim.Adamax(p, betas=(1.0, 0.9)), "betas must be"),
        (lambda p: optim.NAdam(p, momentum_decay=-1.0), "momentum_decay"),
        (lambda p: optim.RAdam(p, eps=-1.0), "eps"),
        (lambda p: optim.ASGD(p, lr=-1.0), "lr"),
        (lambda p: optim.ASGD(p, alpha="x"), "alpha must be a number"),
        (lambda p: optim.Rprop(p, etas=(0.5, 0.9)), "etas must be"),
        (lambda p: optim.Rprop(p, etas=0.5), "etas must be two numbers"),
        (lambda p: optim.Rprop(p, step_sizes=(2.0, 1.0)), "step_sizes must be"),
        (lambda p: optim.Rprop(p, step_sizes=("a", 1.0)), "step_sizes must be two numbers"),
        (lambda p: optim.Lion(p, betas=(0.9, -0.1)), "betas must be"),
    ],
)
def test_settings_out_of_range(make, text):
    with pytest.raises(ArgumentError, match=text):
        make([tg.zeros(1, requires_grad=True)])


# ------------------------------------------------------------------------------------------ hooks


def test_hooks_around_a_step():
    w = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    seen = []
    before = optimizer.register_step_pre_hook(
        lambda o, args, kwargs: seen.append(("pre", w.item()))
    )
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", w.item())))
    w.grad = tg.ones(1)
    optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == [("pre", 1.0), ("post", 0.5), ("post", 0.0)]


def test_a_hook_may_change_the_closure():
    w = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 5,), kwargs))
    assert optimizer.step(lambda: 4) == 5


def test_hooks_around_state_dicts():
    w = tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: state | {"note": 1})
    optimizer.register_load_state_dict_pre_hook(
        lambda o, state: {key: state[key] for key in ("state", "param_groups")}
    )
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    saved = optimizer.state_dict()
    assert saved["note"] == 1
    optimizer.load_state_dict(saved)
    assert seen == ["first", "second", "loaded"]


# ----------------------------------------------------------------------------------- broken states


def _adam(count=2):
    params = [tg.ones(2, requires_grad=True) for _ in range(count)]
    optimizer = optim.Adam(params, lr=0.1)
    for p in params:
        p.grad = tg.ones(2)
    optimizer.step()
    return optimizer


def _plain(optimizer):
    """The state with arrays in place of tensors."""
    saved = optimizer.state_dict()
    for entries in saved["state"].values():
        for key, value in entries.items():
            if isinstance(value, tg.Tensor):
                entries[key] = value.numpy().copy()
    return saved


def test_everything_wrong_is_told_at_once_and_nothing_changes():
    optimizer = _adam()
    before = _plain(optimizer)
    saved = _plain(optimizer)
    saved["state"][0] = {"step": 1.5, "exp_avg": np.zeros(3), "max": np.zeros(2)}
    saved["state"][1] = {"exp_avg": "text", "exp_avg_sq": np.zeros(2)}
    saved["state"][7] = {}
    saved["param_groups"][0] |= {"lr": -1.0}
    with pytest.raises(StateError) as caught:
        optimizer.load_state_dict(saved)
    text = str(caught.value)
    for part in (
        "Adam.load_state_dict: ",
        "group 0: Adam: lr must be a number >= 0, got -1.0",
        "parameter 0: unexpected max",
        "parameter 0: missing exp_avg_sq",
        "parameter 0: step must be a count, got 1.5",
        "parameter 0: exp_avg has shape (3,), its parameter (2,)",
        "parameter 1: missing step",
        "parameter 1: exp_avg must be an array of numbers, got 'text'",
        "a state of parameter 7, which is in no group",
    ):
        assert part in text, part
    after = _plain(optimizer)
    assert after["param_groups"] == before["param_groups"]
    assert after["state"][0]["exp_avg"].tolist() == before["state"][0]["exp_avg"].tolist()


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (None, "must be a dict"),
        ([], "must be a dict"),
        ({}, r'"state" and "param_groups", got \[\]'),
        ({"state": {}, "param_groups": 3}, "must be a list of dicts"),
        ({"state": {}, "param_groups": [{"lr": 1}]}, "must be a list of dicts"),
        ({"state": {}, "param_groups": [{"params": [[0], [1]]}]}, "must be a list of dicts"),
        ({"state": [], "param_groups": [{"params": [0, 1]}]}, '"state" must be a dict'),
        ({"state": {}, "param_groups": [{"params": [0]}]}, r"groups of \[1\]"),
        ({"state": {}, "param_groups": [{"params": [0, 0]}]}, "stands twice"),
        ({"state": {0: 3}, "param_groups": [{"params": [0, 1]}]}, "is no dict but int"),
        ({"state": {(0,): {}}, "param_groups": [{"params": [0, 1]}]}, "in no group"),
        ({"state": {}, "param_groups": [{"params": [0, 1], "betas": 3}]}, "betas must be"),
    ],
)
def test_states_of_the_wrong_form(saved, text):
    with pytest.raises(StateError, match=text):
        _adam().load_state_dict(saved)


def test_a_state_of_another_optimizer_is_refused():
    saved = _adam().state_dict()
    p = [tg.ones(2, requires_grad=True) for _ in range(2)]
    with pytest.raises(StateError, match="unexpected exp_avg, exp_avg_sq; parameter 0: missing"):
        optim.RMSprop(p).load_state_dict(saved)


def test_a_long_list_of_faults_is_cut():
    optimizer = _adam(40)
    saved = optimizer.state_dict()
    for entries in saved["state"].values():
        entries["step"] = -1
    with pytest.raises(StateError, match="and 20 more"):
        optimizer.load_state_dict(saved)


def test_settings_of_schedules_and_of_pytorch_are_taken_or_left():
    optimizer = _adam()
    saved = optimizer.state_dict()
    saved["param_groups"][0] |= {"initial_lr": 0.5, "max_lr": 0.9, "betas": [0.5, 0.25], "new": 1}
    optimizer.load_state_dict(saved)
    group = optimizer.param_groups[0]
    assert (group["initial_lr"], group["max_lr"], group["betas"]) == (0.5, 0.9, (0.5, 0.25))
    assert "new" not in group


def test_lbfgs_states_are_checked():
    x = tg.ones(2, requires_grad=True)
    optimizer = optim.LBFGS([x])
    saved = optimizer.state_dict()
    saved["state"] = {0: {"n_iter": 3, "d": np.zeros(3), "ro": [1.0]}}
    with pytest.raises(StateError, match="missing t, old_dirs, old_stps, H_diag, prev_flat_grad"):
        optimizer.load_state_dict(saved)
    full = {"t": 1.0, "H_diag": 1.0, "prev_loss": "x", "prev_flat_grad": np.zeros(2)}
    saved["state"][0] |= full | {"old_dirs": [], "old_stps": [np.zeros(2)]}
    with pytest.raises(StateError) as caught:
        optimizer.load_state_dict(saved)
    for part in ("prev_loss must be", "d has shape (3,)", "must have the same length"):
        assert part in str(caught.value)
    saved["state"][0] = {"strange": 1}
    with pytest.raises(StateError, match="unexpected strange"):
        optimizer.load_state_dict(saved)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from([np.zeros(2), np.zeros((2, 2)), np.array("x"), np.array([None, 1])]),
    st.lists(st.floats(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
PLACES = st.sampled_from(
    [
        ("state",),
        ("param_groups",),
        ("state", 0),
        ("state", "x"),
        ("state", 0, "step"),
        ("state", 0, "exp_avg"),
        ("state", 1, "exp_avg_sq"),
        ("state", 1, "strange"),
        ("param_groups", 0),
        ("param_groups", 0, "params"),
        ("param_groups", 0, "lr"),
        ("param_groups", 0, "betas"),
        ("param_groups", 0, "penalty"),
        ("param_groups", 0, "amsgrad"),
        ("param_groups", 0, "initial_lr"),
    ]
)


@given(st.lists(st.tuples(PLACES, LEAVES), min_size=1, max_size=3))
def test_no_state_however_broken_gives_another_error(changes):
    optimizer = _adam()
    saved = _plain(optimizer)
    for place, value in changes:
        where = saved
        for key in place[:-1]:
            fits = isinstance(where, list) and isinstance(key, int) and key < len(where)
            if not (fits or (isinstance(where, dict) and key in where)):
                break
            where = where[key]
        else:
            if isinstance(where, dict) or (isinstance(where, list) and place[-1] == 0 and where):
                where[place[-1]] = value
    try:
        optimizer.load_state_dict(saved)
    except StateError:
        return
    optimizer.step()  # what was accepted can be used


def test_without_penalties_their_value_is_zero():
    w = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([{"params": [w]}])
    assert optimizer.penalty_value().item() == 0.0
    other = tg.ones(3, requires_grad=True)
    optimizer.add_param_group({"params": [other], "penalty": penalty.L1(0.5)})
    optimizer.param_groups[0]["penalty"] = penalty.L2(1.0)
    assert optimizer.penalty_value().item() == 2.5
    assert not optimizer.penalty_value().requires_grad
