"""Mistakes that other libraries let pass: each is an error, a warning, or harmless here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DataError, DTypeError, Model, ShapeError, nn
from tinygrad_cl.data import DataLoader, TensorDataset, ZScore


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


# ----------------------------------------------------------------------------- swapped arguments


@pytest.mark.parametrize("normalizer", [None, "zscore"])
def test_swapped_arguments_are_noticed(normalizer: str | None) -> None:
    x, y = points()
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model = Model(net, normalizer).compile(metrics="accuracy")
    model.fit((x, y), 1, verbose=False)
    state = {name: value.tolist() for name, value in net.state_dict().items()}
    with pytest.raises(DataError, match="are x and y swapped"):
        model.evaluate((y, x))
    with pytest.raises(DataError, match=r"inputs \(int64 \(32,\)\).*targets \(float32 \(32, 3\)\)"):
        model.fit((y, x), verbose=False)
    assert {name: value.tolist() for name, value in net.state_dict().items()} == state
    assert net.training


def test_y_in_the_place_of_the_batch_size() -> None:
    x, y = points()
    model = Model(nn.Linear(3, 2)).compile()
    with pytest.raises(tg.TinygradError, match=r"give data as a pair: evaluate\(\(x, y\)\)"):
        model.evaluate(x, y)
    with pytest.raises(DataError, match="must be a pair"):
        model.evaluate(x)


def test_other_errors_are_not_taken_for_swapped_arguments() -> None:
    x, y = points()
    model = Model(nn.Linear(4, 2)).compile()
    with pytest.raises(ShapeError) as caught:
        model.evaluate((x, y))
    assert "swapped" not in str(caught.value)


# ---------------------------------------------------------------------- what a loss does by itself


@pytest.mark.parametrize(
    ("last", "loss", "words"),
    [
        (nn.Softmax(1), "cross_entropy", "applies softmax itself"),
        (nn.Softmax(1), nn.CrossEntropyLoss(), "applies softmax itself"),
        (nn.Sigmoid(), "cross_entropy", "applies softmax itself"),
        (nn.Sigmoid(), "bce_with_logits", "applies sigmoid itself"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(1), nn.Identity()), "nll", "LogSoftmax"),
    ],
)
def test_doubled_layers_are_warned_of(last: nn.Module, loss: Any, words: str) -> None:
    net = nn.Sequential(nn.Linear(3, 2), last)
    with pytest.warns(UserWarning, match=words) as seen:
        Model(net).compile(loss=loss)
    assert Path(seen[0].filename).name == Path(__file__).name
    if loss == "cross_entropy":  # once is enough
        with pytest.warns(UserWarning, match=words) as seen:
            Model(net).compile(loss=loss).fit(points(), 2, verbose=False)
        assert len(seen) == 1


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (nn.LogSoftmax(1), "nll"),
        (nn.LogSoftmax(1), "cross_entropy"),
        (nn.ReLU(), "cross_entropy"),
        (nn.Softmax(1), "mse"),
    ],
)
def test_what_is_right_is_not_warned_of(last: nn.Module, loss: str) -> None:
    x, y = points()
    net = nn.Sequential(nn.Linear(3, 2), last)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Model(net).compile(loss=loss)
        model.fit((x, np.eye(2, dtype=np.float32)[y] if loss == "mse" else y), verbose=False)


def test_softmax_within_forward_is_seen_in_the_outputs(device: str) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            return nn.functional.softmax(self.layer(x), 1)

    model = Model(Net().to(device)).compile()
    with pytest.warns(UserWarning, match="sums to 1") as seen:
        model.fit(points(), 3, verbose=False)
    assert len(seen) == 1


def test_binary_cross_entropy_after_sigmoid_has_the_right_gradient(device: str) -> None:
    """The derivative of the sigmoid counts once: the gradient is that of the loss on logits."""
    x, labels = points(16)
    y = labels[:, None].astype(np.float32)
    nets = []
    for layers, loss in (([nn.Sigmoid()], "bce"), ([], "bce_with_logits")):
        tg.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 1), *layers).to(device)
        Model(net).compile("sgd", loss, lr=0.5).fit((x, y), 3, 16, verbose=False)
        nets.append(net[0].weight.detach().numpy())
    np.testing.assert_allclose(*nets, rtol=1e-4)


# --------------------------------------------------------------------------------------- targets


def test_columns_of_class_targets_are_refused_with_advice() -> None:
    x, y = points()
    model = Model(nn.Linear(3, 2)).compile()
    for method in (model.fit, model.evaluate):
        with pytest.raises(ShapeError, match=r"use target\.squeeze\(1\)"):
            method((x, y[:, None]), verbose=False)


def test_rows_and_columns_of_values_do_not_broadcast() -> None:
    x, _ = points()
    for shape, outputs in (((40,), 1), ((40, 1), 3)):
        model = Model(nn.Linear(3, outputs)).compile(loss="mse", metrics=["mae", "r2"])
        with pytest.raises(ShapeError):
            model.evaluate((x, np.zeros(shape, np.float32)))


def test_float_class_targets_are_refused() -> None:
    x, y = points()
    with pytest.raises((DTypeError, ShapeError)):
        Model(nn.Linear(3, 2)).compile().evaluate((x, y.astype(np.float32)))


# ---------------------------------------------------------------------------------------- inputs


def test_pixels_keep_their_values(device: str) -> None:
    """Images of floats between 0 and 1 are not cast to integers on their way."""
    x = np.linspace(0, 1, 32, dtype=np.float64).reshape(8, 1, 2, 2)
    model = Model(nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False)).to(device))
    model.net[1].load_state_dict({"weight": np.eye(4)})
    for data in (x, DataLoader(TensorDataset(x), 3), TensorDataset(x.astype(np.float32))):
        np.testing.assert_allclose(model.predict(data), x.reshape(8, 4), rtol=1e-6)


def test_images_of_bytes_are_computed_as_floats(device: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (6, 1, 4, 4), np.uint8)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)).to(device)
    found = Model(net).predict(x)
    np.testing.assert_allclose(found, Model(net).predict(x.astype(np.float32)), rtol=1e-5)
    assert found.dtype == np.float32


def test_constant_pixels_do_not_blow_up(device: str) -> None:
    x, y = points()
    x[:, 1] = 7.0
    model = Model(nn.Linear(3, 2).to(device), ZScore()).compile()
    model.fit((x, y), 2, verbose=False)
    x[:, 1] = 7.001  # a pixel that was constant while training
    assert np.abs(model.predict(x)).max() < 100


# -------------------------------------------------------------------------------------- batch norm


def test_running_statistics_are_saved(device: str, tmp_path: Path) -> None:
    def made() -> Model:
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(device)
        return Model(net).compile()

    model, other = made(), made()
    model.fit(points(), 3, 8, verbose=False)
    model.save(tmp_path / "x.npz")
    other.load(tmp_path / "x.npz")
    x, y = points()
    assert other.net[1].running_mean.abs().max().item() > 0
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    assert other.evaluate((x, y)) == model.evaluate((x, y))


def test_an_odd_last_batch_and_a_batch_of_one() -> None:
    x, y = points(17)
    images = np.random.default_rng(0).normal(size=(17, 2, 3, 5)).astype(np.float32)
    dense = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    conv = nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(24, 2))
    history = Model(conv).compile().fit((images, y), 2, 8, verbose=False)  # 8, 8, 1: pixels average
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(Model(dense).compile().fit((x, y), 2, 6, verbose=False)["loss"]).all()
    with pytest.raises(ShapeError, match="more than one value per channel"):
        Model(dense).compile().fit((x, y), 1, 8, verbose=False)  # one value has no variance
    Model(dense).compile().evaluate((x, y), batch_size=8)


# ---------------------------------------------------------------------------------------- clipping


def test_clipping_is_of_all_gradients_together(device: str) -> None:
    """The step's length is the common norm: 1, not 1 per tensor."""
    x, y = points()
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).to(device)
    before = {name: value.numpy() for name, value in net.state_dict().items()}
    model = Model(net).compile("sgd", lr=1.0, clip_norm=1e-3)
    model.fit((x, y), 1, len(x), verbose=False)
    moved = [value.numpy() - before[name] for name, value in net.state_dict().items()]
    length = np.sqrt(sum(np.square(step).sum(dtype=np.float64) for step in moved))
    assert length == pytest.approx(1e-3, rel=1e-3)
    assert sum(np.abs(step).max() > 0 for step in moved) == 4


def test_the_arrays_of_the_caller_are_left_alone() -> None:
    x, y = points()
    kept = x.copy(), y.copy()
    model = Model(nn.Linear(3, 2), "zscore").compile(metrics=["f1", "accuracy"])
    model.fit((x, y), 2, validation_split=0.2, verbose=False)
    model.evaluate((x, y))
    model.predict(x)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])
