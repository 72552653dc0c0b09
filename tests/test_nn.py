"""Modules, layers, losses and initial values: against formulas, PyTorch's prints, old defects."""

from __future__ import annotations

import copy
import math
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.errors import ArgumentError, DTypeError, ModuleError, ShapeError, StateError

F = nn.functional


@pytest.fixture(autouse=True)
def _on_device(device):
    """Every test runs on every device."""
    before = tg.get_default_device()
    tg.set_default_device(device)
    yield
    tg.set_default_device(before)


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
    assert str(net.weight.device) == "numpy"
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


# ---------------------------------------------------------------------------------------- layers


def test_linear():
    layer = nn.Linear(3, 2)
    x = _random(4, 5, 3)
    wanted = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(tg.tensor(x)).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=tg.float64, device="numpy").weight.dtype is tg.float64
    with pytest.raises(ShapeError):
        layer(tg.zeros(4, 2))


def test_linear_gradients_have_the_orientation_of_the_weights():
    layer = nn.Linear(3, 2)
    x, g = _random(4, 3), _random(4, 2, seed=1)
    (layer(tg.tensor(x)) * tg.tensor(g)).sum().backward()
    np.testing.assert_allclose(layer.weight.grad.detach().numpy(), g.T @ x, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.bias.grad.detach().numpy(), g.sum(0), rtol=1e-5, atol=1e-6)


def _conv(x, w, pad_h, pad_w):
    x = np.pad(x, ((0, 0), (0, 0), pad_h, pad_w))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w)


@pytest.mark.parametrize("kernel", [(3, 5), (2, 4), (1, 1)])
def test_conv_same_on_images_and_kernels_that_are_not_square(kernel):
    layer = nn.Conv2d(2, 3, kernel, padding="same")
    x = _random(2, 2, 7, 9)
    pads = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in kernel]
    wanted = (
        _conv(x, layer.weight.detach().numpy(), *pads) + layer.bias.detach().numpy()[:, None, None]
    )
    got = layer(tg.tensor(x)).detach().numpy()
    assert got.shape == (2, 3, 7, 9)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert nn.Conv2d(2, 3, kernel, padding="valid")(tg.tensor(x)).shape == (
        2,
        3,
        8 - kernel[0],
        10 - kernel[1],
    )


def test_conv1d_and_transposed():
    layer = nn.Conv1d(2, 3, 3, padding=1, stride=2)
    x = _random(4, 2, 9)
    w = layer.weight.detach().numpy()
    wanted = _conv(x[:, :, None], w[:, :, None], (0, 0), (1, 1))[:, :, 0, ::2]
    wanted = wanted + layer.bias.detach().numpy()[:, None]
    np.testing.assert_allclose(layer(tg.tensor(x)).detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
    forward = nn.Conv2d(3, 2, (2, 3), stride=2, padding=1, bias=False)
    back = nn.ConvTranspose2d(2, 3, (2, 3), stride=2, padding=1, output_padding=(0, 1), bias=False)
    back.load_state_dict(forward.state_dict())
    image = tg.zeros(1, 3, 6, 8, requires_grad=True)
    y = forward(image)
    g = tg.tensor(_random(*y.shape))
    (y * g).sum().backward()
    assert back(g).shape[2:] == (6, 8)
    np.testing.assert_allclose(
        back(g).detach().numpy(), image.grad.detach().numpy(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        lambda: nn.Conv2d(2, 4, 0),
        lambda: nn.Conv2d(2, 4, (1, 2, 3)),
        lambda: nn.Conv2d(2, 4, 3, stride=0),
        lambda: nn.Conv2d(2, 4, 3, padding=-1),
        lambda: nn.Conv2d(2, 4, 3, padding="full"),
        lambda: nn.Conv2d(2, 4, 3, stride=2, padding="same"),
        lambda: nn.Conv2d(2, 4, 3, padding_mode="mirror"),
        lambda: nn.ConvTranspose2d(2, 4, 3, padding="same"),
        lambda: nn.Dropout(1.5),
        lambda: nn.GroupNorm(3, 4),
        lambda: nn.Embedding(4, 2, padding_idx=4),
        lambda: nn.GELU("fast"),
        lambda: nn.Hardtanh(1.0, 1.0),
        lambda: nn.CrossEntropyLoss(reduction="avg"),
        lambda: nn.CrossEntropyLoss(label_smoothing=2.0),
        lambda: nn.HuberLoss(delta=0.0),
        lambda: nn.SmoothL1Loss(beta=-1.0),
    ],
)
def test_bad_layers(make):
    with pytest.raises(ArgumentError):
        make()


def test_pools():
    x = tg.arange(24.0).reshape(1, 1, 4, 6)
    assert nn.MaxPool2d((2, 3))(x).tolist() == [[[[8, 11], [20, 23]]]]
    values, places = nn.MaxPool2d(2, return_indices=True)(x)
    assert places.tolist() == [[[[7, 9, 11], [19, 21, 23]]]]
    assert values.shape == places.shape
    assert nn.AvgPool2d((2, 3))(x).tolist() == [[[[4, 7], [16, 19]]]]
    assert nn.AdaptiveAvgPool2d((2, 2))(x).tolist() == [[[[4, 7], [16, 19]]]]
    assert nn.AdaptiveAvgPool2d(1)(x).tolist() == [[[[11.5]]]]


def test_max_pool_gives_a_tie_the_gradient_once():
    x = tg.ones(1, 1, 2, 2, requires_grad=True)
    nn.MaxPool2d(2)(x).sum().backward()
    assert x.grad.tolist() == [[[[1, 0], [0, 0]]]]


def test_embedding():
    layer = nn.Embedding(5, 2, padding_idx=-1)
    assert layer.padding_idx == 4
    assert layer.weight[4].tolist() == [0.0, 0.0]
    assert layer.weight.is_leaf
    layer(tg.tensor([1, 1, 4])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [0, 0], [0, 0]]
    table = tg.arange(6.0).reshape(3, 2)
    frozen = nn.Embedding.from_pretrained(table)
    assert frozen(tg.tensor([2, 0])).tolist() == [[4, 5], [0, 1]]
    assert not frozen.weight.requires_grad
    with pytest.raises(IndexError, match="embedding"):
        layer(tg.tensor([5])).tolist()


def test_dropout_keeps_the_mean_and_stops_in_eval():
    layer = nn.Dropout(0.25)
    x = tg.ones(20000)
    y = layer(x).detach().numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.02
    assert (layer(x).detach().numpy() != y).any()
    np.testing.assert_array_equal(layer.eval()(x).detach().numpy(), x.detach().numpy())
    assert nn.Dropout(1.0)(x).detach().numpy().max() == 0
    channels = nn.Dropout2d(0.5)(tg.ones(8, 8, 3, 3)).detach().numpy()
    assert set(np.unique(channels.reshape(64, 9).std(axis=1))) == {0}
    assert set(np.unique(channels)) == {0, 2}


def test_dropout_gradient_uses_the_same_mask():
    x = tg.ones(100, requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.detach().numpy(), y.detach().numpy())


ACTIVATIONS = [
    (lambda: nn.ReLU(), lambda x: np.maximum(x, 0)),
    (lambda: nn.ReLU6(), lambda x: np.clip(x, 0, 6)),
    (lambda: nn.LeakyReLU(0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    (lambda: nn.PReLU(), lambda x: np.where(x > 0, x, 0.25 * x)),
    (lambda: nn.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0)))),
    (
        lambda: nn.SELU(),
        lambda x: (
            1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
        ),
    ),
    (lambda: nn.GELU(), lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))),
    (
        lambda: nn.GELU("tanh"),
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
    (lambda: nn.SiLU(), lambda x: x * _sigmoid(x)),
    (lambda: nn.Mish(), lambda x: x * np.tanh(np.logaddexp(0, x))),
    (lambda: nn.Sigmoid(), lambda x: _sigmoid(x)),
    (lambda: nn.LogSigmoid(), lambda x: -np.logaddexp(0, -x)),
    (lambda: nn.Tanh(), np.tanh),
    (lambda: nn.Hardtanh(-2, 3), lambda x: np.clip(x, -2, 3)),
    (lambda: nn.Softplus(), lambda x: np.logaddexp(0, x)),
    (lambda: nn.Softmax(dim=0), lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum()),
    (lambda: nn.LogSoftmax(dim=0), lambda x: x - x.max() - np.log(np.exp(x - x.max()).sum())),
]


def _sigmoid(x):
    return np.where(x > 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


@pytest.mark.parametrize(("make", "wanted"), ACTIVATIONS, ids=range(len(ACTIVATIONS)))
def test_activations_even_at_a_thousand(make, wanted):
    layer = make()
    x = np.array([-1000.0, -20, -2, -0.5, 0, 0.5, 1, 8, 1000])
    got = layer(tg.tensor(x.astype(np.float32)))
    np.testing.assert_allclose(got.detach().numpy(), wanted(x), rtol=2e-5, atol=2e-6)
    y = tg.tensor(x.astype(np.float32), requires_grad=True)
    layer(y).sum().backward()
    assert np.isfinite(y.grad.detach().numpy()).all()


# ----------------------------------------------------------------------------------------- norms


def test_batch_norm_training_and_running_statistics():
    layer = nn.BatchNorm2d(3, momentum=0.25)
    with tg.no_grad():
        layer.weight.copy_(tg.tensor([1.0, 2.0, 3.0]))
        layer.bias.copy_(tg.tensor([0.0, -1.0, 1.0]))
    mean, var = np.zeros(3), np.ones(3)
    for i, batch in enumerate((4, 4, 3)):  # the last one is odd
        x = _random(batch, 3, 5, 2, seed=i) * 2 + 1
        got = layer(tg.tensor(x)).detach().numpy()
        m, v = x.mean((0, 2, 3)), x.var((0, 2, 3))
        wanted = (x - m[:, None, None]) / np.sqrt(v + 1e-5)[:, None, None]
        wanted = wanted * np.array([1, 2, 3])[:, None, None] + np.array([0, -1, 1])[:, None, None]
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
        mean = 0.75 * mean + 0.25 * m
        var = 0.75 * var + 0.25 * v * batch * 10 / (batch * 10 - 1)
    np.testing.assert_allclose(layer.running_mean.detach().numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.detach().numpy(), var, rtol=1e-5)
    assert layer.num_batches_tracked.item() == 3
    x = _random(1, 3, 2, 2)
    got = layer.eval()(tg.tensor(x)).detach().numpy()
    wanted = (x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    wanted = wanted * np.array([1, 2, 3])[:, None, None] + np.array([0, -1, 1])[:, None, None]
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert layer.num_batches_tracked.item() == 3


def test_batch_norm_without_momentum_averages_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = [_random(5, 2, seed=i) for i in range(4)]
    for x in batches:
        layer(tg.tensor(x))
    wanted = np.mean([x.mean(0) for x in batches], axis=0)
    np.testing.assert_allclose(layer.running_mean.detach().numpy(), wanted, rtol=1e-4, atol=1e-6)
    wanted = np.mean([x.var(0, ddof=1) for x in batches], axis=0)
    np.testing.assert_allclose(layer.running_var.detach().numpy(), wanted, rtol=1e-5)


def test_batch_norm_of_one_value_per_channel():
    layer = nn.BatchNorm1d(2)
    with pytest.raises(ShapeError, match="more than one value per channel"):
        layer(tg.zeros(1, 2))
    assert layer.num_batches_tracked.item() == 0
    assert layer(tg.zeros(1, 2, 3)).shape == (1, 2, 3)
    assert layer.eval()(tg.zeros(1, 2)).shape == (1, 2)
    with pytest.raises(ShapeError, match="2 channels"):
        layer(tg.zeros(4, 3))
    with pytest.raises(ShapeError, match="4 dims"):
        nn.BatchNorm2d(2)(tg.zeros(4, 2))


def test_batch_norm_without_statistics_or_affine():
    layer = nn.BatchNorm1d(2, affine=False, track_running_stats=False)
    assert list(layer.state_dict()) == []
    x = _random(6, 2)
    wanted = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    np.testing.assert_allclose(
        layer.eval()(tg.tensor(x)).detach().numpy(), wanted, rtol=1e-4, atol=1e-5
    )


def test_batch_norm_gradient_uses_the_biased_variance():
    x, g = _random(6, 2, dtype=np.float64), _random(6, 2, seed=1, dtype=np.float64)
    layer = nn.BatchNorm1d(2).double()
    t = tg.tensor(x, requires_grad=True)
    (layer(t) * tg.tensor(g)).sum().backward()
    s = np.sqrt(x.var(0) + 1e-5)
    h = (x - x.mean(0)) / s
    wanted = (g - g.mean(0) - h * (g * h).mean(0)) / s
    np.testing.assert_allclose(t.grad.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)


def test_running_statistics_are_lazy_and_realized_with_the_next_plan():
    layer = nn.BatchNorm1d(2)
    y = layer(tg.tensor(_random(5, 2)))
    buffers = (layer.running_mean, layer.running_var, layer.num_batches_tracked)
    assert all(b.node.buffer is None for b in buffers)
    engine.realize([y.sum().node])
    assert all(b.node.buffer is not None for b in buffers)
    assert all(b.node.inputs == () for b in buffers)


def test_layer_and_group_norm():
    x = _random(2, 4, 3, 5)
    layer = nn.LayerNorm((3, 5))
    wanted = x - x.mean((2, 3), keepdims=True)
    wanted /= np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(tg.tensor(x)).detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert [p.shape for p in layer.parameters()] == [(3, 5), (3, 5)]
    assert nn.LayerNorm(5, bias=False).bias is None
    groups = nn.GroupNorm(2, 4)
    parts = x.reshape(2, 2, -1)
    wanted = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + 1e-5)
    got = groups(tg.tensor(x)).detach().numpy()
    np.testing.assert_allclose(got, wanted.reshape(x.shape), rtol=1e-4, atol=1e-5)
    with pytest.raises(ShapeError):
        layer(tg.zeros(2, 3))


# ---------------------------------------------------------------------------------------- losses


def _log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def test_cross_entropy():
    x, y = _random(5, 4), np.array([0, 3, 1, 1, 2])
    logp = _log_softmax(x)
    each = -logp[np.arange(5), y]
    logits, target = tg.tensor(x), tg.tensor(y)

    def loss(**settings):
        return nn.CrossEntropyLoss(**settings)(logits, target).detach().numpy()

    np.testing.assert_allclose(loss(), each.mean(), rtol=1e-5)
    np.testing.assert_allclose(loss(reduction="sum"), each.sum(), rtol=1e-5)
    np.testing.assert_allclose(loss(reduction="none"), each, rtol=1e-5)
    w = np.array([1.0, 2.0, 0.5, 3.0], dtype=np.float32)
    weighted = (each * w[y]).sum() / w[y].sum()
    np.testing.assert_allclose(loss(weight=tg.tensor(w)), weighted, rtol=1e-5)
    ignored = each[[0, 1, 4]].mean()
    np.testing.assert_allclose(loss(ignore_index=1), ignored, rtol=1e-5)
    smooth = 0.8 * each.mean() - 0.2 * logp.mean()
    np.testing.assert_allclose(loss(label_smoothing=0.2), smooth, rtol=1e-5)
    soft = np.eye(4, dtype=np.float32)[y]
    np.testing.assert_allclose(
        nn.CrossEntropyLoss()(logits, tg.tensor(soft)).item(), each.mean(), rtol=1e-5
    )
    np.testing.assert_allclose(
        nn.NLLLoss()(nn.LogSoftmax(1)(logits), target).item(), each.mean(), rtol=1e-5
    )


def test_cross_entropy_refuses_targets_that_would_broadcast():
    with pytest.raises(ShapeError):
        nn.CrossEntropyLoss()(tg.zeros(5, 4), tg.zeros(5, 1, dtype=tg.int64))
    with pytest.raises((ShapeError, DTypeError)):
        nn.CrossEntropyLoss()(tg.zeros(5, 4), tg.zeros(5))
    with pytest.raises(IndexError, match="cross_entropy"):
        nn.CrossEntropyLoss()(tg.zeros(2, 4), tg.tensor([0, 4])).item()
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()):
        with pytest.raises(ShapeError, match="same shape"):
            loss(tg.zeros(5, 1), tg.zeros(5))


def test_elementwise_losses():
    x, y = _random(6), _random(6, seed=1)
    d = np.abs(x - y)
    p, q = _sigmoid(x), _sigmoid(y)
    rows = [
        (nn.MSELoss(), x, y, d**2),
        (nn.L1Loss(), x, y, d),
        (nn.HuberLoss(delta=0.5), x, y, np.where(d < 0.5, d * d / 2, 0.5 * (d - 0.25))),
        (nn.SmoothL1Loss(beta=0.5), x, y, np.where(d < 0.5, d * d, d - 0.25)),
        (nn.SmoothL1Loss(beta=0.0), x, y, d),
        (nn.BCELoss(), p, q, -(q * np.log(p) + (1 - q) * np.log(1 - p))),
        (nn.BCEWithLogitsLoss(), x, q, -(q * np.log(p) + (1 - q) * np.log(1 - p))),
        (nn.KLDivLoss(), np.log(p), q, q * (np.log(q) - np.log(p))),
    ]
    for loss, a, b, wanted in rows:
        a, b = tg.tensor(a.astype(np.float32)), tg.tensor(b.astype(np.float32))
        np.testing.assert_allclose(loss(a, b).item(), wanted.mean(), rtol=1e-4, err_msg=repr(loss))
        loss.reduction = "none"
        np.testing.assert_allclose(loss(a, b).detach().numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_bce_extremes_and_its_gradient():
    loss = nn.BCEWithLogitsLoss()
    x = tg.tensor([1000.0, -1000.0, 0.0], requires_grad=True)
    y = tg.tensor([0.0, 1.0, 1.0])
    value = loss(x, y)
    assert value.item() == pytest.approx((2000 + math.log(2)) / 3)
    value.backward()
    np.testing.assert_allclose(x.grad.detach().numpy(), [1 / 3, -1 / 3, -1 / 6], rtol=1e-6)
    # Through Sigmoid, the sigmoid's derivative is applied once.
    z = tg.tensor([0.5, -2.0], requires_grad=True)
    nn.BCELoss(reduction="sum")(nn.Sigmoid()(z), tg.tensor([1.0, 0.0])).backward()
    wanted = _sigmoid(np.array([0.5, -2.0])) - np.array([1.0, 0.0])
    np.testing.assert_allclose(z.grad.detach().numpy(), wanted, rtol=1e-5)
    assert nn.BCELoss()(tg.tensor([0.0]), tg.tensor([1.0])).item() == 100.0
    positive = nn.BCEWithLogitsLoss(pos_weight=tg.tensor([3.0]))
    assert positive(tg.tensor([0.0]), tg.tensor([1.0])).item() == pytest.approx(3 * math.log(2))


# -------------------------------------------------------------------------------- initial values


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
