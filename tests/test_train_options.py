"""What `compile` and `fit` take besides the essentials: accumulation, precision, penalties, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DataError, Model, nn
from tinygrad_cl.data import DataLoader, MinMax, TensorDataset, ZScore
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.optim.penalty import ElasticNet
from tinygrad_cl.train import LambdaCallback
from tinygrad_cl.train.steps import Stepper


@pytest.fixture(autouse=True)
def _on_the_host() -> Iterator[None]:
    """Nets that no test moves elsewhere are on the host: they compile nothing."""
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


Arrays = tuple[np.ndarray, np.ndarray]


def points(count: int = 40) -> Arrays:
    x = np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64)


def small(device: str = "numpy", seed: int = 0) -> nn.Sequential:
    tg.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)


def weights(net: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().astype(np.float64) for name, tensor in net.state_dict().items()}


def assert_close(one: nn.Module, two: nn.Module, **tolerance: float) -> None:
    for name, value in weights(one).items():
        np.testing.assert_allclose(weights(two)[name], value, err_msg=name, **tolerance)


# ----------------------------------------------------------------------------------- accumulation


LOSSES: list[tuple[Any, str]] = [
    ("cross_entropy", "classes"),
    (nn.CrossEntropyLoss(reduction="sum"), "classes"),
    (nn.CrossEntropyLoss(ignore_index=1), "classes"),
    (nn.CrossEntropyLoss(weight=tg.tensor([0.2, 1.7], device="numpy")), "classes"),
    (nn.CrossEntropyLoss(label_smoothing=0.1), "probabilities"),
    ("mse", "values"),
]


@pytest.mark.parametrize(("loss", "kind"), LOSSES, ids=lambda value: str(value)[:40])
def test_accumulated_gradients_are_those_of_the_large_batch(loss: Any, kind: str) -> None:
    """Also for the last, smaller group, and where some targets count for nothing."""
    check_accumulation("numpy", loss, kind)


def test_accumulation_on_devices(opencl_device: str) -> None:
    check_accumulation(opencl_device, "cross_entropy", "classes")


def check_accumulation(device: str, loss: Any, kind: str) -> None:
    x, labels = points(22)
    y = {"classes": labels, "probabilities": np.eye(2)[labels], "values": x[:, :2] * 2}[kind]
    nets = []
    for size, parts in ((12, 1), (4, 3)):
        net = small(device).double()
        model = Model(net).compile("momentum", loss, lr=0.01, clip_norm=0.5, accumulate=parts)
        steps: list[int] = []
        note = LambdaCallback(on_batch_end=lambda step, logs: steps.append(logs["size"]))  # noqa: B023
        history = model.fit((x, y), 3, size, callbacks=note, shuffle=False, verbose=False)
        assert steps == [12, 10] * 3
        nets.append((net, history))
    (one, large), (two, parted) = nets
    assert_close(one, two, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(parted["loss"], large["loss"], rtol=1e-12)
    np.testing.assert_allclose(parted.iterations, large.iterations, rtol=1e-12)


def test_parts_are_computed_one_after_the_other(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No graph waits for the update: the memory is that of one part, not of the large batch."""
    net, waiting = small(device), []
    real = Stepper._part

    def part(self: Stepper, *args: Any) -> Any:
        done = real(self, *args)
        waiting.append([p.grad.node.inputs for p in net.parameters() if p.grad is not None])
        return done

    monkeypatch.setattr(Stepper, "_part", part)
    Model(net).compile(accumulate=3).fit(points(12), 1, 4, verbose=False)
    assert waiting == [[()] * 4] * 3


# -------------------------------------------------------------------------------------------- jit


def test_captured_steps_learn_the_same(device: str) -> None:
    found = []
    x, y = points(44)
    cosine = tg.optim.lr_scheduler.CosineAnnealingLR
    for captured in (False, True):
        net = small(device)
        model = Model(net).compile(
            *("adamw", "cross_entropy", ["accuracy", "f1"]),
            clip_norm=1.0,
            jit=captured,
            scheduler=lambda optimizer: cosine(optimizer, T_max=5),
        )
        model.fit((x, y), 3, 8, validation_split=0.2, verbose=False)
        model.fit((x, y), 2, 8, verbose=False)
        states = [value.tolist() for value in net.state_dict().values()]
        found.append((dict(model.history), model.history.iterations, states))
    assert found[0] == found[1]
    for settings in ({"accumulate": 2}, {"precision": "mixed"}, {"optimizer": "lbfgs"}):
        with pytest.raises(ArgumentError, match="jit is for steps of one batch"):
            Model(small()).compile(**settings, jit=True)  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------- precision


def test_mixed_precision_learns_like_float32(device: str) -> None:
    x, y = points(96)
    found = {}
    for precision in (None, "mixed", "float16", "mixed_bfloat16", "bfloat16"):
        tg.manual_seed(0)
        layers = [nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.LayerNorm(16)]
        net = nn.Sequential(*layers, nn.Linear(16, 2)).to(device)
        model = Model(net).compile("adam", lr=0.02, precision=precision)
        if model.scaler is not None:
            model.scaler.update(1024.0)  # so that no step is skipped
        history = model.fit((x, y), 6, 16, verbose=False)
        found[precision] = history["loss"]
        assert history["loss"][-1] < 0.5
        kept = {"float16": tg.float16, "bfloat16": tg.bfloat16}.get(str(precision), tg.float32)
        assert {p.dtype for p in net.parameters()} == {kept}
        assert (model.scaler is not None) == (precision in ("mixed", "float16"))
        assert not any(module._hooks and any(module._hooks.values()) for module in net.modules())
    for precision in list(found)[1:]:
        np.testing.assert_allclose(found[precision], found[None], rtol=0.1, atol=0.02)
        assert found[precision] != found[None]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("mixed", tg.float16), ("mixed_bfloat16", tg.bfloat16)]
)
def test_layers_get_halves_and_norms_float32(device: str, precision: str, dtype: tg.DType) -> None:
    seen: dict[str, Any] = {}

    class Watched(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            y = self.inner(x)
            seen[type(self.inner).__name__] = (x.dtype, self.inner.weight.dtype, y.dtype)
            return y

    net = nn.Sequential(
        Watched(nn.Linear(3, 4)), Watched(nn.LayerNorm(4)), Watched(nn.Linear(4, 2))
    )
    shared = net[0].inner.weight
    model = Model(net.to(device)).compile(precision=precision)
    model.fit(points(8), verbose=False)
    assert seen["Linear"][1:] == (dtype, dtype)
    assert seen["LayerNorm"] == (dtype, tg.float32, tg.float32)
    assert net[0].inner.weight is shared
    assert shared.dtype is tg.float32
    assert shared.grad is None or shared.grad.dtype is tg.float32


def test_small_gradients_survive_by_scaling(device: str) -> None:
    """Gradients below float16's smallest number move the weights."""
    x = np.full((8, 1), 1e-4, np.float32)
    y = np.full((8, 1), 1e-4, np.float32)
    moved = []
    for precision in (None, "mixed"):
        net = nn.Linear(1, 1, bias=False).to(device)
        nn.init.zeros_(net.weight)
        model = Model(net).compile("sgd", "mse", lr=1e4, precision=precision)
        model.fit((x, y), 1, 8, verbose=False)
        moved.append(net.weight.item())
    assert moved[0] == pytest.approx(2e-4, rel=1e-3)
    assert moved[1] == pytest.approx(2e-4, rel=1e-2)


def test_overflowed_steps_are_skipped_and_the_scale_falls() -> None:
    net = nn.Linear(1, 1)
    model = Model(net).compile("sgd", "mse", lr=1e-9, precision="mixed", clip_norm=1.0)
    before = net.weight.item()
    x = np.full((4, 1), 3e3, np.float32)
    model.fit((x, x), 1, 4, verbose=False)
    assert model.scaler is not None
    assert model.scaler.get_scale() == 2.0**15
    assert net.weight.item() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "half"}, "precision must be one of"),
        ({"precision": "float16", "clip_norm": 1.0}, 'take precision="mixed"'),
        ({"precision": "mixed", "optimizer": "lbfgs"}, "LBFGS"),
        ({"accumulate": 2, "optimizer": "lbfgs"}, "LBFGS"),
        ({"weight_decay": 0.1, "optimizer": "lbfgs"}, "LBFGS"),
        ({"accumulate": 0}, "accumulate must be"),
        ({"penalty": "l3"}, "unknown penalty 'l3'"),
        ({"normalizer": "zzz"}, "unknown normalizer 'zzz'"),
        ({"normalizer": 3}, "unknown normalizer 3"),
        ({"optimizer": lambda params: 3}, "made a int"),
        ({"metrics": [3]}, "unknown metric 3"),
    ],
)
def test_settings_that_do_not_go(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Model(small()).compile(**settings)


def test_float64_is_a_precision() -> None:
    net = small()
    model = Model(net).compile(precision="float64")
    model.fit(points(8), verbose=False)
    assert net[0].weight.dtype is tg.float64
    assert model.predict(points(4)[0]).dtype == np.float64


# ------------------------------------------------------------------ optimizers, losses, penalties


@pytest.mark.parametrize(
    "name",
    [
        *("sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw", "adadelta", "adamax", "nadam"),
        *("radam", "lion", "rprop", "asgd", "lbfgs"),
    ],
)
def test_every_optimizer_by_name(name: str) -> None:
    x, y = points(32)
    model = Model(small()).compile(name, lr=0.5 if name in ("adadelta", "lbfgs") else 0.01)
    history = model.fit((x, y), 12, 32, verbose=False)
    assert history["loss"][-1] < history["loss"][0]
    assert type(model.optimizer).__name__.lower() == name


def test_losses_by_name_class_and_object() -> None:
    x, y = points(8)
    found = []
    for loss in ("cross_entropy", nn.CrossEntropyLoss, nn.CrossEntropyLoss()):
        model = Model(small()).compile(loss=loss, metrics=nn.functional.cross_entropy)
        result = model.evaluate((x, y))
        assert result["loss"] == pytest.approx(result["cross_entropy"])
        found.append(result)
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("penalty", [ElasticNet(0.01, 0.02), "elastic_net"])
def test_penalties_are_for_weights(penalty: Any) -> None:
    model = Model(small()).compile("sgd", lr=0.1, penalty=penalty)
    for group in model.optimizer.param_groups:
        assert (group["penalty"] is not None) == all(p.ndim > 1 for p in group["params"])
    net = small()
    plain = Model(net).compile("sgd", lr=0.1)
    x, y = points(8)
    before = weights(net)
    for one in (plain, model):
        one.fit((x, y), 1, 8, verbose=False)
    strength = model.optimizer.param_groups[0]["penalty"]
    pull = strength.l1 * np.sign(before["0.weight"]) + strength.l2 * before["0.weight"]
    difference = weights(net)["0.weight"] - weights(model.net)["0.weight"]
    np.testing.assert_allclose(difference, 0.1 * pull, atol=1e-7)
    np.testing.assert_allclose(weights(net)["0.bias"], weights(model.net)["0.bias"], atol=1e-8)


def test_frozen_parameters_stay() -> None:
    net = small()
    net[0].requires_grad_(False)
    before = weights(net)
    Model(net).compile("adamw", lr=0.1, weight_decay=0.1).fit(points(8), verbose=False)
    np.testing.assert_array_equal(weights(net)["0.weight"], before["0.weight"])
    assert not np.array_equal(weights(net)["2.weight"], before["2.weight"])


# ------------------------------------------------------------------------------------ normalizers


def test_inputs_pass_through_the_normalizer(device: str, tmp_path: Path) -> None:
    x, y = points(40)
    far = x * 50 + 1000
    plain = Model(small(device), ZScore().fit(x)).compile("sgd", lr=0.1)
    model = Model(small(device), "zscore").compile("sgd", lr=0.1)
    tg.manual_seed(1)
    expected = plain.fit((x, y), 2, 8, verbose=False)
    tg.manual_seed(1)
    found = model.fit((far, y), 2, 8, verbose=False)
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-3)
    assert isinstance(model.normalizer, ZScore)
    np.testing.assert_allclose(model.normalizer.mean, far.mean(0, dtype=np.float64), rtol=1e-6)
    model.save(tmp_path / "x.npz")
    other = Model(small(device, seed=5)).load(tmp_path / "x.npz")
    np.testing.assert_array_equal(other.predict(far), model.predict(far))
    model.fit((far * 2, y), 1, 8, verbose=False)  # a fitted one is left as it is
    np.testing.assert_allclose(model.normalizer.mean, far.mean(0, dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("make", [TensorDataset, lambda x, y: DataLoader(TensorDataset(x, y), 7)])
def test_a_normalizer_is_fitted_to_any_data(make: Callable[..., Any]) -> None:
    x, y = points(40)
    tg.manual_seed(0)
    model = Model(small(), MinMax(-1, 1)).compile()
    before = default_generator.get_state()
    model.fit(make(x, y), 0, verbose=False)
    assert default_generator.get_state() == before
    assert model.normalizer is not None
    np.testing.assert_array_equal(model.normalizer.fitted["most"], x.max(0))
    with pytest.raises(DataError, match="the data are an iterable of batches"):
        Model(small(), "minmax").compile().fit(iter([(x, y)]), verbose=False)


def test_images_of_bytes_are_normalized_on_the_device(device: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (24, 1, 4, 4), np.uint8)
    y = (x[:, 0, 0, 0] > 128).astype(np.int64)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).to(device)
    model = Model(net, MinMax(per="global")).compile()
    assert np.isfinite(model.fit((x, y), 2, 8, verbose=False)["loss"]).all()
    assert model.seen == ((1, 4, 4), tg.uint8)


# --------------------------------------------------------------------------------- validation_split


def test_validation_split_takes_the_last_samples() -> None:
    x, y = points(20)
    found = []
    for data, options in (
        ((x[:15], y[:15]), {"validation_data": (x[15:], y[15:])}),
        ((x, y), {"validation_split": 0.25}),
        (TensorDataset(x, y), {"validation_split": 0.25}),
    ):
        model = Model(small()).compile()
        tg.manual_seed(1)
        found.append(model.fit(data, 2, 4, verbose=False, **options))  # type: ignore[arg-type]
    assert found[0] == found[1] == found[2]
    assert "val_loss" in found[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_split": 1.0}, "above 0 and below 1"),
        ({"validation_split": 0.01}, "leaves nothing of 20"),
        ({"validation_split": 0.5, "validation_data": points(4)}, "not both"),
        ({"epochs": 1.5}, "epochs must be an int"),
        ({"epochs": points(4)[1]}, r"give data as a pair: fit\(\(x, y\)\)"),
        ({"batch_size": 0}, "batch_size must be an int of at least 1"),
    ],
)
def test_arguments_of_fit(options: dict[str, Any], message: str) -> None:
    model = Model(small()).compile()
    with pytest.raises(ArgumentError, match=message):
        model.fit(points(20), **({"verbose": False} | options))


def test_loaders_are_not_cut() -> None:
    model = Model(small()).compile()
    loader = DataLoader(TensorDataset(*points(20)), 4)
    with pytest.raises(ArgumentError, match="split what is behind the DataLoader"):
        model.fit(loader, validation_split=0.5, verbose=False)
