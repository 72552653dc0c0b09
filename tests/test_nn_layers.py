"""Layers and losses against formulas in NumPy, by gradcheck, and against old defects."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import gradcheck

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def _random(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


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
    line = x.reshape(1, 2, 12)
    assert nn.MaxPool1d(5, 3)(line)[0, 0].tolist() == [4, 7, 10]
    assert nn.AvgPool1d(2, padding=1, count_include_pad=False)(line)[0, 0, :2].tolist() == [0, 1.5]
    assert repr(nn.AvgPool1d(2)) == "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"


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
    (lambda: nn.Softsign(), lambda x: x / (1 + np.abs(x))),
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


# -------------------------------------------------------------------------------------- gradients

LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), (2, 5, 4)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 2, 7)),
    "conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), groups=2), (2, 4, 6, 5)),
    "conv same": (lambda: nn.Conv2d(2, 3, (2, 3), padding="same", bias=False), (2, 2, 4, 5)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2), (2, 4, 3, 4)),
    "max pool": (lambda: nn.MaxPool2d((2, 3), padding=1, ceil_mode=True), (2, 2, 5, 6)),
    "avg pool": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 2, 5, 6)),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 2, 5, 6)),
    "batch norm 1d": (lambda: nn.BatchNorm1d(3), (5, 3)),
    "batch norm 2d": (lambda: nn.BatchNorm2d(3), (3, 3, 2, 4)),
    "batch norm eval": (lambda: nn.BatchNorm2d(3).eval(), (3, 3, 2, 4)),
    "layer norm": (lambda: nn.LayerNorm((2, 4)), (3, 2, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (3, 4, 3)),
    "dropout": (lambda: nn.Dropout(0.5), (4, 5)),
    "prelu": (lambda: nn.PReLU(3), (2, 3, 4)),
    "activations": (
        lambda: nn.Sequential(
            nn.SiLU(), nn.GELU(), nn.Mish(), nn.ELU(), nn.SELU(), nn.Softplus(), nn.Tanh()
        ),
        (4, 5),
    ),
    "softmax": (lambda: nn.Sequential(nn.Softmax(1), nn.LogSoftmax(0)), (4, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_pass_gradcheck_to_second_order(name, device):
    needs_float64(device)
    make, shape = LAYERS[name]
    layer = make().double()

    def function(x, *parameters):
        tg.manual_seed(1)  # the same mask at every evaluation
        return layer(x)

    x = tg.tensor(_random(*shape, dtype=np.float64), requires_grad=True)
    assert {t.device.name for t in (x, *layer.parameters())} == {device}
    report = gradcheck(function, (x, *layer.parameters()), order=2, name=name)
    assert report.checks == 4


def needs_float64(device):
    if not get_device(device).supports(tg.float64):
        pytest.skip(f"{device} has no float64")


def test_embedding_and_losses_pass_gradcheck(device):
    needs_float64(device)
    layer = nn.Embedding(5, 3).double()
    index = tg.tensor([[0, 3], [3, 1]])
    gradcheck(lambda weight: layer(index).sin(), (layer.weight,), order=2)
    x = tg.tensor(_random(4, 3, dtype=np.float64), requires_grad=True)
    y = tg.tensor(_random(4, 3, seed=1, dtype=np.float64))
    classes = tg.tensor([0, 2, 1, -100])
    for loss, target in (
        (nn.CrossEntropyLoss(label_smoothing=0.1), classes),
        (nn.CrossEntropyLoss(), y.softmax(1)),
        (nn.MSELoss(), y),
        (nn.HuberLoss(), y),
        (nn.BCEWithLogitsLoss(), y.sigmoid()),
    ):
        gradcheck(lambda x, loss=loss, target=target: loss(x, target), (x,), order=2)
