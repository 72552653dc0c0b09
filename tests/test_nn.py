"""Modules and containers: registration, state, modes, hooks, and PyTorch's prints."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import DTypeError, ModuleError, StateError

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def _random(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def _lenet():
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 6, 5, padding=2),
            norm=nn.BatchNorm2d(6),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            out=nn.Linear(6 * 14 * 14, 10),
        )
    )


# --------------------------------------------------------------------------------- registration


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(tg.ones(4))
        self.register_buffer("seen", tg.zeros(1))
        self.register_buffer("scratch", tg.zeros(1), persistent=False)
        self.register_parameter("absent", None)
        self.plain = tg.zeros(2)

    def forward(self, x):
        return self.first(x) * self.scale


def test_names_come_in_order_of_registration_own_ones_first():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == ["scale", "first.weight", "first.bias"]
    assert [n for n, _ in net.named_buffers()] == ["seen", "scratch"]
    assert [n for n, _ in net.named_children()] == ["first"]
    assert [n for n, _ in net.named_modules()] == ["", "first"]
    assert list(net.state_dict()) == ["scale", "seen", "first.weight", "first.bias"]
    assert net.get_submodule("first") is net.first
    assert len(list(net.parameters(recurse=False))) == 1


def test_assigning_before_init_is_an_error():
    class Early(nn.Module):
        def __init__(self, value):
            self.value = value

    for value in (nn.Linear(1, 1), nn.Parameter(tg.zeros(1))):
        with pytest.raises(ModuleError, match=r"before super\(\).__init__\(\)"):
            Early(value)
    assert Early(3).value == 3


def test_a_declared_name_takes_only_its_kind():
    net = Net()
    with pytest.raises(ModuleError, match="cannot assign Tensor to parameter 'scale'"):
        net.scale = tg.zeros(4)
    with pytest.raises(ModuleError, match="cannot assign Linear to parameter 'scale'"):
        net.scale = nn.Linear(1, 1)
    with pytest.raises(ModuleError, match="cannot assign int to module 'first'"):
        net.first = 3
    with pytest.raises(ModuleError, match="cannot assign float to buffer 'seen'"):
        net.seen = 1.0
    net.seen = tg.ones(1)
    assert dict(net.named_buffers())["seen"].item() == 1.0
    net.scale = None
    assert [n for n, _ in net.named_parameters()] == ["first.weight", "first.bias"]
    net.absent = nn.Parameter(tg.ones(2))
    assert "absent" in dict(net.named_parameters())
    net.plain = nn.Parameter(tg.ones(2))
    assert "plain" in dict(net.named_parameters())
    del net.plain
    assert "plain" not in dict(net.named_parameters())
    with pytest.raises(AttributeError):
        net.plain  # noqa: B018


@pytest.mark.parametrize("name", ["", "a.b", 3, "forward", "first"])
def test_bad_names(name):
    with pytest.raises(ModuleError):
        Net().register_parameter(name, nn.Parameter(tg.zeros(1)))


def test_registering_the_wrong_thing():
    net = Net()
    with pytest.raises(ModuleError, match="must be a Parameter"):
        net.register_parameter("p", tg.zeros(1))
    with pytest.raises(ModuleError, match="must be a Tensor"):
        net.register_buffer("b", 1.0)
    with pytest.raises(ModuleError, match="must be a Module"):
        net.register_module("m", tg.zeros(1))
    with pytest.raises(NotImplementedError, match="no forward"):
        nn.Module()(1)


def test_shared_parameters_are_walked_once_and_saved_under_each_name():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(net.parameters())) == 2
    assert len(list(net.modules())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(net.state_dict()) == 4


# ----------------------------------------------------------------------------------------- state


def test_state_dict_round_trip_includes_running_statistics():
    first, second = _lenet(), _lenet()
    x = tg.tensor(_random(5, 1, 28, 28))
    first(x)
    assert second.load_state_dict(first.state_dict()) == ([], [])
    assert second.norm.num_batches_tracked.item() == 1
    np.testing.assert_array_equal(
        second.norm.running_mean.detach().numpy(), first.norm.running_mean.detach().numpy()
    )
    np.testing.assert_array_equal(
        first.eval()(x).detach().numpy(), second.eval()(x).detach().numpy()
    )


def test_state_dict_takes_arrays_and_casts_them():
    net = nn.Linear(2, 3)
    state = {"weight": np.arange(6.0).reshape(3, 2), "bias": tg.zeros(3, dtype=tg.float64)}
    net.load_state_dict(state)
    assert net.weight.dtype is net.bias.dtype is tg.float32
    assert net.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert net.weight.requires_grad
    assert net.weight.is_leaf
    net.load_state_dict({"weight": tg.ones(3, 2, dtype=tg.float64)}, strict=False, assign=True)
    assert net.weight.dtype is tg.float64


def test_loading_does_not_tie_the_two_nets():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.load_state_dict(first.state_dict())
    before = first.weight.detach().numpy().copy()
    with tg.no_grad():
        second.weight.add_(1.0)
    np.testing.assert_array_equal(first.weight.detach().numpy(), before)


def test_loading_reports_everything_at_once_and_changes_nothing():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
    state = net.state_dict()
    del state["0.bias"]
    state["1.weight"] = tg.zeros(3, 1)
    state["1.bias"] = tg.zeros(())
    state["2.bias"] = tg.zeros(1)
    state["0.weight"] = tg.zeros(3, 2)
    with pytest.raises(StateError) as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "missing: 0.bias" in message
    assert "unexpected: 2.bias" in message
    assert "1.weight is (1, 3) here and (3, 1) in the state" in message
    assert "1.bias is (1,) here and () in the state" in message
    with pytest.raises(StateError, match="wrong shape"):
        net.load_state_dict(state, strict=False)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.detach().numpy(), before[name])
    del state["1.weight"], state["1.bias"]
    keys = net.load_state_dict(state, strict=False)
    assert keys == (["0.bias", "1.weight", "1.bias"], ["2.bias"])
    assert net[0].weight.tolist() == [[0, 0], [0, 0], [0, 0]]


def test_in_place_operations_on_a_state_dict_change_the_module():
    """As loops that average weights do it."""
    net, average = nn.Linear(2, 2), nn.Linear(2, 2)
    half = [(a.tolist(), b.tolist()) for a, b in zip(net.weight, average.weight, strict=True)]
    for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        mean.copy_(0.5 * mean + 0.5 * value)
    expected = [[(x + y) / 2 for x, y in zip(a, b, strict=True)] for a, b in half]
    np.testing.assert_allclose(average.weight.detach().numpy(), expected, rtol=1e-6)
    state = copy.deepcopy(net.state_dict())
    state["weight"].zero_()
    assert net.weight.abs().sum().item() > 0
    assert net.weight.requires_grad


def test_state_dict_is_a_snapshot():
    net = nn.Linear(1, 1)
    saved = net.state_dict()
    before = net.weight.item()
    with tg.no_grad():
        net.weight.add_(1.0)
    assert saved["weight"].item() == before
    assert not saved["weight"].requires_grad
    assert net.state_dict(keep_vars=True)["weight"] is net.weight


def test_copies_are_independent():
    net = _lenet()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(
            other.conv.weight.detach().numpy(), net.conv.weight.detach().numpy()
        )
        with tg.no_grad():
            other.conv.weight.mul_(0.0)
        assert abs(net.conv.weight.detach().numpy()).max() > 0
        assert isinstance(other.conv.weight, nn.Parameter)
        assert other.conv.weight.requires_grad


# -------------------------------------------------------------------------- modes, dtypes, walks


def test_train_and_eval_reach_everything():
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.BatchNorm1d(2)))
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert net[1][0].training


def test_to_casts_floats_only_and_keeps_the_parameters():
    net = _lenet()
    weight = net.conv.weight
    (net(tg.ones(2, 1, 28, 28)) ** 2).sum().backward()
    net.double()
    assert net.conv.weight is weight
    assert weight.dtype is tg.float64
    assert weight.grad.dtype is tg.float64
    assert weight.is_leaf
    assert weight.requires_grad
    assert net.norm.num_batches_tracked.dtype is tg.int64
    assert net(tg.ones(2, 1, 28, 28, dtype=tg.float64)).dtype is tg.float64
    assert net.to(tg.float32).norm.running_mean.dtype is tg.float32
    assert nn.Linear(2, 2).half().weight.dtype is tg.float16
    with pytest.raises(DTypeError, match="floating point"):
        net.to(tg.int32)


def test_to_moves_between_devices():
    net = nn.Linear(2, 2)
    before = net.weight.detach().numpy().copy()
    net.to("numpy")
    assert net.weight.device.name == "numpy"
    np.testing.assert_array_equal(net.weight.detach().numpy(), before)


def test_freezing_and_zero_grad():
    net = nn.Linear(2, 1)
    net(tg.ones(1, 2)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.bias.grad.tolist() == [0.0]
    net.zero_grad()
    assert net.bias.grad is None
    net.requires_grad_(False)
    assert not net(tg.ones(1, 2)).requires_grad


def test_apply_goes_children_first():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    order = []
    net.apply(lambda m: order.append(type(m).__name__))
    assert order == ["Linear", "ReLU", "Sequential", "Sequential"]


# ----------------------------------------------------------------------------------------- hooks


def test_forward_hooks_see_and_replace():
    layer = nn.Identity()
    one = layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    two = layer.register_forward_hook(lambda m, args, out: out * 10)
    three = layer.register_forward_hook(lambda m, args, out: out + 3, prepend=True)
    x = tg.tensor([1.0])
    assert layer(x).item() == 50.0
    one.remove()
    three.remove()
    assert layer(x).item() == 10.0
    two.remove()
    two.remove()
    assert layer(x).item() == 1.0


def test_hooks_with_keywords():
    class Scaled(nn.Module):
        def forward(self, x, factor=1.0):
            return x * factor

    layer = Scaled()
    layer.register_forward_pre_hook(lambda m, a, k: (a, {"factor": 5.0}), with_kwargs=True)
    seen = []
    layer.register_forward_hook(lambda m, a, k, out: seen.append(k["factor"]), with_kwargs=True)
    assert layer(tg.ones(1), factor=2.0).item() == 5.0
    assert seen == [5.0]


def test_full_backward_hooks_see_and_replace_gradients():
    layer = nn.Linear(2, 1, bias=False)
    nn.init.constant_(layer.weight, 3.0)
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((module, grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 2,)

    handle = layer.register_full_backward_hook(hook)
    x = tg.ones(1, 2, requires_grad=True)
    (layer(x) * 5).sum().backward()
    assert seen == [(layer, [[15.0, 15.0]], [[5.0]])]
    assert x.grad.tolist() == [[30.0, 30.0]]
    assert layer.weight.grad.tolist() == [[5.0, 5.0]]
    handle.remove()
    x.grad = None
    layer(x).sum().backward()
    assert x.grad.tolist() == [[3.0, 3.0]]


def test_full_backward_hook_on_the_first_layer():
    layer = nn.Linear(2, 1)
    seen = []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    layer(tg.ones(3, 2)).sum().backward()
    assert seen == [((None,), [[1.0], [1.0], [1.0]])]


# ---------------------------------------------------------------------------------------- prints

PRINTS = [
    (
        lambda: nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, (3, 5), stride=2, padding=1, dilation=2, groups=2, bias=False),
            nn.Sequential(nn.Flatten(), nn.Dropout(0.25)),
            nn.Linear(10, 3, bias=False),
        ),
        """Sequential(
  (0): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
  (1): BatchNorm2d(6, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (2): ReLU()
  (3): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (4): Conv2d(6, 8, kernel_size=(3, 5), stride=(2, 2), padding=(1, 1), dilation=(2, 2), \
groups=2, bias=False)
  (5): Sequential(
    (0): Flatten(start_dim=1, end_dim=-1)
    (1): Dropout(p=0.25, inplace=False)
  )
  (6): Linear(in_features=10, out_features=3, bias=False)
)""",
    ),
    (
        lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
        "output_padding=(1, 1), groups=2)",
    ),
    (
        lambda: nn.Conv1d(2, 4, 3, padding="same"),
        "Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=same)",
    ),
    (lambda: nn.AvgPool2d(3, 2, 1), "AvgPool2d(kernel_size=3, stride=2, padding=1)"),
    (lambda: nn.AdaptiveAvgPool2d((1, None)), "AdaptiveAvgPool2d(output_size=(1, None))"),
    (
        lambda: nn.LayerNorm((3, 4)),
        "LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=True)",
    ),
    (lambda: nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
    (lambda: nn.Embedding(5, 3, padding_idx=1), "Embedding(5, 3, padding_idx=1)"),
    (lambda: nn.LeakyReLU(0.2), "LeakyReLU(negative_slope=0.2)"),
    (lambda: nn.ELU(), "ELU(alpha=1.0)"),
    (lambda: nn.GELU(), "GELU(approximate='none')"),
    (lambda: nn.Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
    (lambda: nn.Softmax(dim=1), "Softmax(dim=1)"),
    (lambda: nn.Hardtanh(), "Hardtanh(min_val=-1.0, max_val=1.0)"),
    (lambda: nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
    (
        lambda: nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()]),
        "ModuleList(\n  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "  (2): ReLU()\n)",
    ),
    (lambda: nn.ModuleDict({"a": nn.Tanh()}), "ModuleDict(\n  (a): Tanh()\n)"),
    (lambda: nn.Unflatten(1, (2, 3)), "Unflatten(dim=1, unflattened_size=(2, 3))"),
    (lambda: nn.ReLU(inplace=True), "ReLU(inplace=True)"),
    (lambda: nn.PReLU(), "PReLU(num_parameters=1)"),
    (lambda: nn.Identity(), "Identity()"),
    (lambda: nn.Sequential(), "Sequential()"),
]


@pytest.mark.parametrize(("make", "text"), PRINTS, ids=[text.split("(")[0] for _, text in PRINTS])
def test_repr_is_pytorchs(make, text):
    assert repr(make()) == text


# ------------------------------------------------------------------------------------ containers


def test_sequential_is_a_list_of_layers():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3
    assert isinstance(net[-1], nn.Linear)
    assert isinstance(net[:2], nn.Sequential)
    assert net[:2][0] is net[0]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    assert net(tg.ones(4, 2)).shape == (4, 1)
    net.append(nn.Tanh()).insert(1, nn.Identity())
    assert [type(m).__name__ for m in net] == ["Linear", "Identity", "ReLU", "Linear", "Tanh"]
    del net[1]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert isinstance(net.pop(), nn.Tanh)
    net[1] = nn.Sigmoid()
    assert isinstance(net[1], nn.Sigmoid)
    with pytest.raises(IndexError, match="out of range for 3"):
        net[3]
    with pytest.raises(ModuleError):
        nn.Sequential(3)


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(body=nn.Linear(2, 2), head=nn.Linear(2, 1)))
    assert list(net.state_dict()) == ["body.weight", "body.bias", "head.weight", "head.bias"]
    assert net[0] is net.body
    del net[0]
    assert list(net.state_dict()) == ["head.weight", "head.bias"]


def test_module_list_and_dict():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers += [nn.ReLU()]
    layers.insert(0, nn.Tanh())
    assert [type(m).__name__ for m in layers] == ["Tanh", "Linear", "ReLU"]
    assert list(layers.state_dict()) == ["1.weight", "1.bias"]
    assert len(layers[1:]) == 2
    assert len(layers + nn.ModuleList([nn.ReLU()])) == 4
    named = nn.ModuleDict({"a": nn.Linear(1, 1)})
    named["b"] = nn.ReLU()
    named.update({"c": nn.Tanh()})
    assert list(named.keys()) == ["a", "b", "c"]
    assert "a" in named
    named.pop("a")
    assert len(named) == 2
    assert list(named.parameters()) == []
    with pytest.raises(KeyError):
        named["a"]
    with pytest.raises(ModuleError):
        named["items"] = nn.ReLU()


def test_parameter_list_and_dict():
    params = nn.ParameterList([tg.zeros(2), nn.Parameter(tg.ones(3))])
    params.append(tg.zeros(1))
    assert [p.shape for p in params.parameters()] == [(2,), (3,), (1,)]
    assert all(p.requires_grad for p in params)
    params[0] = tg.ones(2)
    assert params[0].tolist() == [1.0, 1.0]
    assert "(1): Parameter containing: [tinygrad_cl.float32 of size 3]" in repr(params)
    named = nn.ParameterDict({"a": tg.zeros(2)})
    assert list(named.state_dict()) == ["a"]
    with pytest.raises(ModuleError):
        params.append(3.0)


def test_a_saved_state_can_be_put_back_by_data() -> None:
    net = nn.Linear(2, 2)
    saved, before = net.state_dict(), net.weight.tolist()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.5)
    net(tg.ones(1, 2)).sum().backward()
    optimizer.step()
    assert net.weight.tolist() != before
    for name, parameter in net.named_parameters():
        parameter.data = saved[name]
    assert net.weight.tolist() == before
    assert net.weight.requires_grad
