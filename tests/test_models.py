"""The ready nets: shapes, sizes, names, options, that they learn, and what GPT writes."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import models, nn
from tinygrad_cl.errors import ArgumentError, DataError, DTypeError, ShapeError

# Small forms of all nets.
SMALL: dict[str, dict[str, Any]] = {
    "alexnet": {"num_classes": 4, "input_size": 63, "hidden": 16, "dropout": 0.0},
    "alexnet_reduced": {"num_classes": 4, "input_size": 8},
    "convnet": {"num_classes": 4, "input_size": 10, "channels": (4, 4), "hidden": 8},
    "gpt": {"vocab": 7, "d": 16, "layers": 1, "heads": 2, "context": 8},
    "lenet5": {"num_classes": 4, "input_size": 16},
    "mlp": {"sizes": (6, 16, 4)},
    "resnet18": {"width": 4, "num_classes": 4},
    "vgg": {"num_classes": 4, "channels": (4, 8), "hidden": 8, "input_size": 8, "dropout": 0.0},
}
RATES = {"alexnet": 1e-3}


def batch(net: Any, size: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if isinstance(net, models.GPT):
        tokens = rng.integers(0, net.vocab, (size, net.context + 1))
        return tokens[:, :-1], tokens[:, 1:]
    shape = (3, 8, 8) if isinstance(net, models.ResNet18) else net.input_shape
    return rng.normal(size=(size, *shape)).astype(np.float32), np.arange(size) % 4


def test_every_net_is_in_the_registry() -> None:
    assert models.names() == sorted(SMALL)
    classes = {type(models.get(name, **options)) for name, options in SMALL.items()}
    listed = {getattr(models, name) for name in models.__all__}
    kinds = {kind for kind in listed if inspect.isclass(kind)} - {models.Net}
    assert classes == kinds


@pytest.mark.parametrize("name", SMALL)
def test_it_learns(name: str, default_device: str) -> None:
    net: Any = models.get(name, **SMALL[name])
    loss_of = models.next_token_loss if name == "gpt" else nn.functional.cross_entropy
    x, y = map(tg.tensor, batch(net))
    optimizer = tg.optim.Adam(net.parameters(), lr=RATES.get(name, 0.01))
    losses = []
    for _ in range(8):
        loss = loss_of(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0], losses


@pytest.mark.parametrize("name", SMALL)
def test_state_and_summary(name: str) -> None:
    net: Any = models.get(name, **SMALL[name])
    other: Any = models.get(name, **SMALL[name])
    other.load_state_dict(net.state_dict())
    x = tg.tensor(batch(net, 2)[0])
    np.testing.assert_array_equal(net.eval()(x).detach().numpy(), other.eval()(x).detach().numpy())
    table = tg.summary(net, net.input_shape, net.input_dtype, verbose=False)
    assert table.parameters == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("alexnet", {}, 61_100_840),  # as torchvision's
        ("alexnet", {"input_size": 127, "num_classes": 10}, 28_733_258),
        ("alexnet_reduced", {}, 98_442),
        ("convnet", {}, 27_562),
        ("gpt", {}, 421_632),
        ("gpt", {"tie_weights": True}, 421_632 - 65 * 128),
        ("lenet5", {}, 61_706),
        ("mlp", {}, 159_010),
        ("resnet18", {}, 11_173_962),
        ("vgg", {}, 551_466),
    ],
)
def test_numbers_of_parameters(name: str, options: dict[str, Any], count: int) -> None:
    assert sum(p.numel() for p in models.get(name, **options).parameters()) == count


def test_names_are_those_of_others() -> None:
    alexnet = models.get("alexnet", input_size=63, hidden=4)
    assert {k.rsplit(".", 1)[0] for k in alexnet.state_dict()} == {
        *(f"features.{i}" for i in (0, 3, 6, 8, 10)),
        *(f"classifier.{i}" for i in (1, 4, 6)),
    }
    resnet = models.get("ResNet18", width=1).state_dict()
    assert {"conv1.weight", "layer1.0.bn2.running_var", "layer4.0.downsample.1.bias"} <= set(resnet)
    assert "layer1.0.downsample.0.weight" not in resnet
    gpt = models.get("gpt", **SMALL["gpt"]).state_dict()
    assert {"transformer.wte.weight", "transformer.h.0.attn.c_attn.bias"} <= set(gpt)


def test_layers_can_be_cut_out() -> None:
    net = models.LeNet5()
    features = net[:7]
    assert type(features) is nn.Sequential
    assert features(tg.zeros(1, 1, 28, 28)).shape == (1, 400)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: models.get("lenet"), "did you mean 'lenet5'"),
        (lambda: models.get("qqq"), "known: alexnet, "),
        (lambda: models.get("mlp", classes=3), "MLP has no option 'classes'; it has sizes"),
        (lambda: models.MLP((3,)), "sizes must be 2 or more"),
        (lambda: models.MLP((3, 0)), r"sizes\[1\] must be a whole number above 0, got 0"),
        (lambda: models.MLP("784"), "sizes"),
        (lambda: models.MLP(activation="swish"), "unknown activation 'swish'; known: relu"),
        (lambda: models.LeNet5(input_size=11), "input_size must be at least 12, got 11"),
        (lambda: models.ConvNet(input_size=9), "input_size must be at least 10, got 9"),
        (lambda: models.VGG(input_size=7), "input_size must be at least 8, got 7"),
        (lambda: models.AlexNet(input_size=62), "input_size must be at least 63, got 62"),
        (lambda: models.AlexNetReduced(input_size=7), "at least 8, got 7"),
        (lambda: models.ResNet18(width=True), "width must be a whole number"),
        (lambda: models.GPT(d=10, heads=3), "heads must divide d, got 3 and 10"),
    ],
)
def test_wrong_options(make: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        make()


@pytest.mark.parametrize("kind", ["lenet5", "convnet", "vgg", "alexnet", "alexnet_reduced"])
def test_the_smallest_image(kind: str) -> None:
    least = {"lenet5": 12, "convnet": 10, "vgg": 8, "alexnet": 63, "alexnet_reduced": 8}[kind]
    extra = {"hidden": 8} if kind == "alexnet" else {}
    net: Any = models.get(kind, input_size=least, **extra).eval()
    assert net(tg.zeros(2, *net.input_shape)).shape[0] == 2


# ------------------------------------------------------------------------------------------- GPT


def gpt(device: str, **options: Any) -> models.GPT:
    tg.manual_seed(1)
    net = models.GPT(**({"vocab": 9, "d": 16, "layers": 2, "heads": 2, "context": 8} | options))
    with tg.no_grad():
        for parameter in net.parameters():  # far from uniform outputs
            parameter.copy_(parameter * 8)
    return net.to(device)


def test_no_token_sees_later_ones(device: str) -> None:
    net, rng = gpt(device), np.random.default_rng(0)
    tokens = rng.integers(0, 9, (2, 8))
    changed = tokens.copy()
    changed[:, 5:] = (changed[:, 5:] + 1) % 9
    a, b = (net(tg.tensor(t, device=device)).detach().numpy() for t in (tokens, changed))
    np.testing.assert_allclose(a[:, :5], b[:, :5], atol=1e-5)
    assert np.abs(a[:, 5:] - b[:, 5:]).max() > 1e-2


def test_generate_is_one_token_after_the_other(device: str) -> None:
    """Greedy, past the end of the context, against calls without padding."""
    net = gpt(device)
    made = net.generate(np.array([[1, 2], [3, 4]]), 10, temperature=0).numpy()
    ids = np.array([[1, 2], [3, 4]])
    for _ in range(10):
        logits = net(tg.tensor(ids[:, -8:], device=device)).detach().numpy()[:, -1]
        ids = np.concatenate([ids, logits.argmax(1)[:, None]], 1)
    np.testing.assert_array_equal(made, ids)
    assert net.training


def test_generate_draws(device: str) -> None:
    net = gpt(device)
    tg.manual_seed(3)
    first = net.generate([0], 12).numpy()
    tg.manual_seed(3)
    np.testing.assert_array_equal(net.generate([0], 12).numpy(), first)
    generator = tg.Generator().manual_seed(4)
    assert not np.array_equal(net.generate([0], 12, generator=generator).numpy(), first)
    one = net.generate([0], 12, top_k=1).numpy()
    np.testing.assert_array_equal(one, net.generate([0], 12, temperature=0).numpy())


def test_top_k_draws_from_the_best(device: str) -> None:
    net = gpt(device)
    logits = net(tg.tensor([[5]], device=device)).detach().numpy()[0, -1]
    best = set(np.argsort(logits)[-3:].tolist())
    drawn = net.generate(np.full((64, 1), 5), 1, temperature=5.0, top_k=3).numpy()[:, 1]
    assert set(drawn.tolist()) == best


def test_dropout_is_off_while_generating() -> None:
    net = gpt("numpy", dropout=0.5).train()
    once, again = (net.generate([1], 5, temperature=0).numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_tied_weights_are_one_parameter(device: str) -> None:
    net = gpt(device, tie_weights=True)
    assert net.lm_head.weight is net.transformer["wte"].weight
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    x = tg.tensor([[1, 2, 3]], device=device)
    models.next_token_loss(net(x), x).backward()
    optimizer.step()
    state = net.state_dict()
    head, table = state["lm_head.weight"], state["transformer.wte.weight"]
    np.testing.assert_array_equal(head.detach().numpy(), table.detach().numpy())


def test_wrong_tokens() -> None:
    net = gpt("numpy")
    with pytest.raises(ShapeError, match=r"\(N, 1 to 8\), got \(1, 9\)"):
        net(tg.zeros(1, 9, dtype=tg.int64))
    with pytest.raises(DTypeError, match="integers"):
        net(tg.zeros(1, 4))
    with pytest.raises(DataError, match="tokens run from 0 to 9, and there are 9"):
        net.generate([0, 9], 1)
    with pytest.raises(DataError, match="needs integers"):
        net.generate(np.zeros((1, 0), np.int64), 1)
    for options in ({"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": 0}):
        with pytest.raises(ArgumentError):
            net.generate([0], 1, **options)
