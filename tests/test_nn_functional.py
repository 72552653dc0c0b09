"""Further layers and their arguments, and defects that were seen elsewhere: on every device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import nn
from tinygrad_cl.errors import ArgumentError, GradientError, ModuleError, ShapeError
from tinygrad_cl.functional import older_names

pytestmark = pytest.mark.usefixtures("default_device")  # every test runs on every device


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def values(tensor: Any) -> np.ndarray:
    return tensor.detach().numpy()


# --------------------------------------------------------------------------------------- in place

IN_PLACE: dict[str, tuple[Any, ...]] = {
    "relu": (),
    "relu6": (),
    "elu": (0.5,),
    "selu": (),
    "celu": (0.5,),
    "silu": (),
    "mish": (),
    "leaky_relu": (0.2,),
    "hardtanh": (-0.5, 0.5),
    "hardsigmoid": (),
    "hardswish": (),
    "rrelu": (0.1, 0.3, False),
    "threshold": (0.1, 2.0),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_activations_in_place(name: str) -> None:
    arguments, function = IN_PLACE[name], getattr(F, name)
    wanted = values(function(tg.tensor(draw(3, 4)), *arguments))
    x = tg.tensor(draw(3, 4))
    assert function(x, *arguments, True) is x
    np.testing.assert_array_equal(x.numpy(), wanted)
    if hasattr(F, f"{name}_"):
        y = tg.tensor(draw(3, 4))
        assert getattr(F, f"{name}_")(y, *arguments) is y
        np.testing.assert_array_equal(y.numpy(), wanted)
    with pytest.raises(GradientError, match="in place"):
        function(tg.ones(2, requires_grad=True), *arguments, inplace=True)


def test_dropout_in_place() -> None:
    for function, shape in (
        (F.dropout, (50,)),
        (F.dropout1d, (2, 20, 3)),
        (F.dropout2d, (2, 20, 2, 2)),
        (F.dropout3d, (2, 20, 2, 2, 1)),
    ):
        x = tg.ones(*shape)
        assert function(x, 0.5, True, True) is x
        assert set(np.unique(x.numpy())) == {0.0, 2.0}


# ---------------------------------------------------------------------------------------- padding


@pytest.mark.parametrize("d", [1, 2, 3])
def test_padding_layers(d: int) -> None:
    widths = [(1, 2), (0, 1), (2, 0)][:d]  # from the last dim on
    flat = tuple(w for pair in widths for w in pair)
    x = draw(2, 3, *(4, 3, 5)[:d])
    around = [(0, 0), (0, 0), *reversed(widths)]
    for kind, mode in (("Reflection", "reflect"), ("Replication", "edge"), ("Circular", "wrap")):
        layer = getattr(nn, f"{kind}Pad{d}d")(flat)
        np.testing.assert_array_equal(layer(tg.tensor(x)).numpy(), np.pad(x, around, mode))
        one = layer(tg.tensor(x[0])).numpy()
        np.testing.assert_array_equal(one, np.pad(x[0], around[1:], mode))
        assert repr(layer) == f"{kind}Pad{d}d({flat})"
        with pytest.raises(ShapeError, match="dims, or"):
            layer(tg.zeros(*(4,) * d))
    zeros = getattr(nn, f"ZeroPad{d}d")(1)(tg.tensor(x)).numpy()
    np.testing.assert_array_equal(zeros, np.pad(x, [(0, 0), (0, 0), *[(1, 1)] * d]))
    filled = getattr(nn, f"ConstantPad{d}d")(flat, 2.5)
    wanted = np.pad(x, around, constant_values=2.5)
    np.testing.assert_array_equal(filled(tg.tensor(x)).numpy(), wanted)
    with pytest.raises(ArgumentError, match="padding must be"):
        getattr(nn, f"ZeroPad{d}d")((1, 2, 3))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_of_convolutions(mode: str) -> None:
    layer = nn.Conv2d(2, 3, (3, 2), padding="same", padding_mode=mode)
    plain = nn.Conv2d(2, 3, (3, 2))
    plain.load_state_dict(layer.state_dict())
    x = draw(2, 2, 4, 5)
    how = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 1)], how)
    got, wanted = values(layer(tg.tensor(x))), values(plain(tg.tensor(padded)))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert repr(layer).endswith(f"padding=same, padding_mode={mode})")
    for make in (
        lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
        lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode=mode),
    ):
        with pytest.raises(ArgumentError, match="padding_mode must be"):
            make()


# ------------------------------------------------------------------------------------------ pools


def test_unpooling_undoes_pooling() -> None:
    x = tg.tensor(draw(2, 3, 7, 6))
    y, places = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(y, places, output_size=x.shape).numpy()
    assert back.shape == x.shape
    kept = back != 0
    np.testing.assert_array_equal(back[kept], x.numpy()[kept])
    assert kept.sum() == y.numel()
    with pytest.raises(ArgumentError, match="output_size must differ"):
        nn.MaxUnpool2d(2)(y, places, output_size=(9, 9))


def test_a_power_average_of_infinite_power_is_the_maximum() -> None:
    x = tg.tensor(draw(2, 3, 4, 4))
    wanted = nn.MaxPool2d(2)(x).numpy()
    np.testing.assert_array_equal(nn.LPPool2d(math.inf, 2)(x).numpy(), wanted)


def test_fractional_pools_draw_their_windows() -> None:
    x = tg.tensor(draw(2, 3, 9, 8))
    layer = nn.FractionalMaxPool2d(2, output_size=(5, 4), return_indices=True)
    y, places = layer(x)
    flat = x.numpy().reshape(2, 3, -1)
    taken = np.take_along_axis(flat, places.numpy().reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(taken.reshape(y.shape), y.numpy())
    with pytest.raises(ArgumentError, match="one of them"):
        nn.FractionalMaxPool2d(2)
    assert nn.FractionalMaxPool3d(2, 3)(tg.zeros(1, 2, 6, 6, 6)).shape == (1, 2, 3, 3, 3)


def test_max_pool_on_images_and_windows_that_are_not_square() -> None:
    x = tg.tensor(draw(2, 3, 6, 8), requires_grad=True)
    y = nn.MaxPool2d((3, 2))(x)
    blocks = values(x).reshape(2, 3, 2, 3, 4, 2)
    np.testing.assert_array_equal(values(y), blocks.max((3, 5)))
    y.sum().backward()
    assert x.grad is not None
    wanted = blocks == blocks.max((3, 5), keepdims=True)
    np.testing.assert_array_equal(x.grad.numpy(), wanted.reshape(2, 3, 6, 8))


# ------------------------------------------------------------------------------------- embeddings


def test_embedding_with_a_largest_norm() -> None:
    table = draw(5, 3) * 3
    layer = nn.Embedding.from_pretrained(tg.tensor(table), max_norm=1.0)
    index = np.array([[0, 3], [3, 3]])
    y = layer(tg.tensor(index)).numpy()
    assert np.linalg.norm(y, axis=-1).max() <= 1 + 1e-5
    np.testing.assert_array_equal(layer.weight.numpy()[[1, 2, 4]], table[[1, 2, 4]])
    wanted = table[3] / np.linalg.norm(table[3])
    np.testing.assert_allclose(layer.weight.numpy()[3], wanted, rtol=1e-5)
    assert repr(layer) == "Embedding(5, 3, max_norm=1.0)"


def test_gradients_by_frequency() -> None:
    layer = nn.Embedding(4, 2, scale_grad_by_freq=True)
    layer(tg.tensor([0, 1, 1, 1])).sum().backward()
    np.testing.assert_allclose(values(layer.weight.grad), [[1, 1], [1, 1], [0, 0], [0, 0]], 1e-6)


def test_bags() -> None:
    table = draw(6, 2)
    layer = nn.EmbeddingBag.from_pretrained(tg.tensor(table), mode="sum", padding_idx=0)
    y = layer(tg.tensor([1, 0, 2, 5]), tg.tensor([0, 0, 3])).numpy()
    np.testing.assert_allclose(y, [[0, 0], table[1] + table[2], table[5]], rtol=1e-6)
    assert repr(layer) == "EmbeddingBag(6, 2, padding_idx=0, mode='sum')"
    with pytest.raises(ArgumentError, match="mode must be"):
        nn.EmbeddingBag(3, 2, mode="prod")
    with pytest.raises(ShapeError, match="the table must be"):
        nn.Embedding(3, 2, _weight=tg.zeros(2, 2))


# ----------------------------------------------------------------------------------------- losses


def test_log_cosh_at_a_thousand_and_at_a_thousandth() -> None:
    x = tg.tensor([1000.0, -1000.0, 1e-3, 0.0], requires_grad=True)
    loss = nn.LogCoshLoss(reduction="none")(x, tg.zeros(4))
    wanted = [1000 - math.log(2), 1000 - math.log(2), 5e-7, 0.0]
    np.testing.assert_allclose(values(loss), wanted, rtol=1e-5)
    loss.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [1.0, -1.0, 1e-3, 0.0], rtol=1e-5)


def test_cross_entropy_takes_softmax_once() -> None:
    logits = tg.tensor(draw(4, 3), requires_grad=True)
    target = np.array([0, 2, 1, 1])
    nn.CrossEntropyLoss(reduction="sum")(logits, tg.tensor(target)).backward()
    e = np.exp(values(logits))
    assert logits.grad is not None
    wanted = e / e.sum(1, keepdims=True) - np.eye(3)[target]
    np.testing.assert_allclose(logits.grad.numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_adaptive_softmax_is_a_distribution() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 6], div_value=2.0)
    x, target = tg.tensor(draw(4, 8)), np.array([0, 4, 11, 6])
    log_prob = values(layer.log_prob(x))
    np.testing.assert_allclose(np.exp(log_prob).sum(1), np.ones(4), rtol=1e-5)
    output, loss = layer(x, tg.tensor(target))
    np.testing.assert_allclose(values(output), log_prob[np.arange(4), target], rtol=1e-5)
    assert loss.item() == pytest.approx(-values(output).mean(), rel=1e-5)
    np.testing.assert_array_equal(layer.predict(x).numpy(), log_prob.argmax(1))
    assert layer(x[0], tg.tensor(4)).output.shape == ()
    with pytest.raises(ArgumentError, match="classes from 0 to 11"):
        layer(x, tg.tensor([0, 1, 2, 12]))
    with pytest.raises(ArgumentError, match="cutoffs must rise"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 12, [6, 3])


# ------------------------------------------------------------------------------------------ norms


def test_batch_norm_with_an_odd_last_batch_and_a_batch_of_one() -> None:
    layer = nn.BatchNorm2d(2, momentum=0.5)
    mean, var = np.zeros(2), np.ones(2)
    for i, n in enumerate((4, 3, 1)):
        x = draw(n, 2, 2, 3, seed=i) * 2 + 1
        got = values(layer(tg.tensor(x)))
        m, v = x.mean((0, 2, 3)), x.var((0, 2, 3))
        wanted = (x - m[:, None, None]) / np.sqrt(v + 1e-5)[:, None, None]
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
        count = n * 6
        mean, var = 0.5 * mean + 0.5 * m, 0.5 * var + 0.5 * v * count / (count - 1)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-4)
    one = layer.eval()(tg.tensor(draw(1, 2, 1, 1)))
    assert np.isfinite(values(one)).all()


def test_batch_norm_over_all_batches_in_double() -> None:
    layer = nn.BatchNorm1d(2, momentum=None).double()
    batches = [draw(5, 2, seed=i).astype(np.float64) for i in range(3)]
    for x in batches:
        layer(tg.tensor(x))
    assert layer.running_mean is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean(batches, (0, 1)), rtol=1e-12)


# ---------------------------------------------------------------------------------- first values


AUTO: dict[str, tuple[Any, float]] = {
    "ReLU": (nn.ReLU, math.sqrt(2 / 400)),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.5), math.sqrt(2 / 1.25 / 400)),
    "PReLU": (lambda: nn.PReLU(init=0.5), math.sqrt(2 / 1.25 / 400)),
    "RReLU": (lambda: nn.RReLU(0.4, 0.6), math.sqrt(2 / 1.25 / 400)),
    "GELU": (nn.GELU, math.sqrt(2 / 400)),
    "SELU": (nn.SELU, math.sqrt(1 / 400)),
    "Tanh": (nn.Tanh, 5 / 3 * math.sqrt(2 / 700)),
    "Sigmoid": (nn.Sigmoid, math.sqrt(2 / 700)),
    "nothing": (nn.Identity, math.sqrt(2 / 700)),
}


@pytest.mark.parametrize("name", AUTO)
def test_first_values_suit_the_activation(name: str) -> None:
    tg.manual_seed(0)
    make, std = AUTO[name]
    between = (nn.BatchNorm1d(300), nn.Dropout(0.1), nn.Unflatten(1, (300, 1)), nn.Flatten())
    net = nn.Sequential(nn.Linear(400, 300), *between, nn.Sequential(make()), init="auto")
    assert values(net[0].weight).std() == pytest.approx(std, rel=0.02)
    assert not values(net[0].bias).any()


def test_first_values_of_convolutions_and_of_nested_nets() -> None:
    tg.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(8, 32, 5), nn.MaxPool2d(2), nn.ReLU())
    net = nn.Sequential(block, nn.Flatten(), nn.Linear(32, 64), nn.Tanh(), init="auto")
    assert values(block[0].weight).std() == pytest.approx(math.sqrt(2 / 200), rel=0.03)
    wanted = 5 / 3 * math.sqrt(2 / 96)
    assert values(net[2].weight).std() == pytest.approx(wanted, rel=0.06)
    own = nn.Linear(3, 3)
    before = values(own.weight).copy()
    nn.Sequential(own)
    np.testing.assert_array_equal(values(own.weight), before)
    with pytest.raises(ArgumentError, match='init must be "auto"'):
        nn.Sequential(own, init="xavier")


def test_orthogonal_sparse_and_dirac_first_values() -> None:
    for shape in ((6, 4), (4, 6), (3, 2, 5)):
        w = values(nn.init.orthogonal_(tg.empty(*shape), 2.0)).reshape(shape[0], -1)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)
    sparse = values(nn.init.sparse_(tg.empty(100, 20), 0.25, 0.5))
    assert ((sparse == 0).sum(0) == 25).all()
    assert sparse[sparse != 0].std() == pytest.approx(0.5, rel=0.1)
    layer = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    nn.init.dirac_(layer.weight, groups=2)
    x = draw(1, 4, 5, 5)
    np.testing.assert_allclose(values(layer(tg.tensor(x))), x, rtol=1e-6)
    generator = tg.Generator().manual_seed(3)
    a = nn.init.orthogonal_(tg.empty(3, 3), generator=generator)
    b = nn.init.orthogonal_(tg.empty(3, 3), generator=generator.manual_seed(3))
    np.testing.assert_array_equal(values(a), values(b))
    for call, error in (
        (lambda: nn.init.orthogonal_(tg.empty(3)), ShapeError),
        (lambda: nn.init.sparse_(tg.empty(3), 0.5), ShapeError),
        (lambda: nn.init.sparse_(tg.empty(3, 3), 1.5), ArgumentError),
        (lambda: nn.init.dirac_(tg.empty(3, 3)), ShapeError),
        (lambda: nn.init.dirac_(tg.empty(3, 3, 3), 2), ArgumentError),
    ):
        with pytest.raises(error):
            call()


def test_parts_of_a_net_by_path() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    assert net.get_parameter("0.0.weight") is net[0][0].weight
    assert net.get_buffer("0.1.running_mean") is net[0][1].running_mean
    net.set_submodule("0.1", nn.Identity())
    assert isinstance(net[0][1], nn.Identity)
    for call in (
        lambda: net.get_parameter("0.0.nothing"),
        lambda: net.get_buffer("0.0.weight"),
        lambda: net.set_submodule("0.7", nn.Identity(), strict=True),
    ):
        with pytest.raises(ModuleError):
            call()


@pytest.mark.parametrize("name", [name for name in older_names.__all__ if "with_indices" in name])
def test_pools_with_indices_are_the_pools(name: str) -> None:
    pool = getattr(F, name.removesuffix("_with_indices"))
    dims = int(name.split("pool")[1][0])
    x = tg.randn(1, 2, *(6,) * dims)
    options = {"output_size": 3}
    if name.startswith("fractional"):
        options |= {"kernel_size": 2, "_random_samples": tg.full((1, 2, dims), 0.4)}
    elif name.startswith("max"):
        options = {"kernel_size": 2}
    found, expected = (
        f(x, **o)
        for f, o in ((getattr(F, name), options), (pool, options | {"return_indices": True}))
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_upsampling_is_interpolation() -> None:
    x = tg.randn(1, 2, 3, 3)
    for found, mode, corners in (
        (F.upsample(x, scale_factor=2), "nearest", None),
        (F.upsample_nearest(x, scale_factor=2), "nearest", None),
        (F.upsample_bilinear(x, scale_factor=2), "bilinear", True),
    ):
        expected = F.interpolate(x, scale_factor=2, mode=mode, align_corners=corners)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
