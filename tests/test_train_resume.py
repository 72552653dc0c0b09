"""Ctrl-C and going on: in the middle of an epoch, with the same bits."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DataError, Model, nn
from tinygrad_cl.data import DataLoader, TensorDataset
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.train import LambdaCallback, ModelCheckpoint


@pytest.fixture(autouse=True)
def _on_the_host() -> Iterator[None]:
    """Nets that no test moves elsewhere are on the host: they compile nothing."""
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


SCRIPT = Path(__file__).with_name("interruptible_training.py")
Arrays = tuple[np.ndarray, np.ndarray]


def points(count: int = 40) -> Arrays:
    x = np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64)


def compiled(device: str = "numpy", **settings: Any) -> Model:
    tg.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))
    options = {"optimizer": "adam", "lr": 0.02, "metrics": ["accuracy", "confusion_matrix"]}
    return Model(net.to(device)).compile(**(options | settings))


def weights(model: Model) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.net.state_dict().values()]


def press_at(model: Model, epoch: int, step: int) -> LambdaCallback:
    """Ctrl-C after a training step."""

    def press(now: int, logs: Any) -> None:
        if (model.epoch, now) == (epoch, step):
            signal.raise_signal(signal.SIGINT)

    return LambdaCallback(on_batch_end=press)


class Stream:
    """Batches that are no `DataLoader`."""

    def __iter__(self) -> Iterator[Any]:
        x, y = points()
        return ((x[at : at + 8], y[at : at + 8]) for at in range(0, 40, 8))


def kinds_of_data() -> dict[str, Any]:
    x, y = points()
    dataset = TensorDataset(x, y)
    return {
        "arrays": (x, y),
        "loader": DataLoader(dataset, 8, shuffle=True, seed=5),
        "threads": DataLoader(dataset, 8, shuffle=True, num_workers=2),
        "stream": Stream(),
    }


# ------------------------------------------------------------------------------ a real SIGINT


def test_a_real_ctrl_c_and_going_on(device: str, tmp_path: Path) -> None:
    """The process gets SIGINT at up to three places; in the end it has learned the same."""
    words = [sys.executable, str(SCRIPT), device]
    whole = subprocess.run(
        [*words, str(tmp_path / "whole.npz"), "3", "0"], capture_output=True, text=True, timeout=120
    )
    assert whole.returncode == 0, whole.stderr
    ended = whole.stdout.splitlines()[-1]
    assert ended.startswith("done 3 True ")
    path, seen = tmp_path / "parts.npz", []
    places = ("step 0 4", "step 1 0", "step 2 10")  # in the middle, after the first, near the end
    for last in places if device == "numpy" else places[1:2]:
        told, word = interrupted([*words, str(path), "3", "0.02"], last)
        seen += told
        assert word.startswith(f"interrupted {last.split()[1]} True ")
    done = subprocess.run(
        [*words, str(path), "3", "0"], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == ended, done.stderr
    seen += done.stdout.splitlines()[:-1]
    assert seen == whole.stdout.splitlines()[:-1]  # no step was lost, or done twice


def interrupted(command: list[str], last: str) -> tuple[list[str], str]:
    """Sends SIGINT to a run that has just done a step; returns its steps and its last line."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line.strip())
            if told[-1] == last:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    return told[:-1], told[-1]


# --------------------------------------------------------------------- anywhere within an epoch


@pytest.mark.parametrize("kind", ["arrays", "loader", "threads", "stream"])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (1, 4)])
def test_going_on_within_an_epoch(kind: str, place: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    whole = compiled()
    expected = whole.fit(kinds_of_data()[kind], 3, 8, verbose=False)
    first = compiled()
    callbacks = [press_at(first, *place), ModelCheckpoint(path)]
    history = first.fit(kinds_of_data()[kind], 3, 8, callbacks=callbacks, verbose=False)
    assert first.interrupted
    assert history.epochs == first.epoch == place[0]
    second = compiled()
    tg.manual_seed(99)
    second.fit(kinds_of_data()[kind], 3, 8, resume=path, verbose=False)
    np.testing.assert_array_equal(
        second.history.pop("confusion_matrix"), expected.pop("confusion_matrix")
    )
    assert second.history == expected
    assert second.history.iterations == expected.iterations
    assert weights(second) == weights(whole)


def test_ctrl_c_during_validation(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    whole, first, second = compiled(), compiled(), compiled()

    class Pressing(Stream):
        def __iter__(self) -> Iterator[Any]:
            for i, batch in enumerate(super().__iter__()):
                if i == 2 and first.run is not None and first.epoch == 1:
                    signal.raise_signal(signal.SIGINT)
                yield batch

    options: dict[str, Any] = {"batch_size": 8, "verbose": False, "validation_data": Pressing()}
    compiled()
    whole.fit(points(), 3, **options)
    compiled()
    first.fit(points(), 3, callbacks=ModelCheckpoint(path), **options)
    assert first.interrupted
    assert first.epoch == 1
    second.fit(points(), 3, resume=path, **options)
    assert second.history["val_loss"] == whole.history["val_loss"]
    assert second.history.iterations == whole.history.iterations
    assert weights(second) == weights(whole)


def test_saving_every_few_steps(tmp_path: Path) -> None:
    """What a crash leaves is the last save within the epoch."""
    path = tmp_path / "x.npz"
    whole = compiled()
    whole.fit(points(), 2, batch_size=8, verbose=False)

    def crash(step: int, logs: Any) -> None:
        if first.epoch == 1 and step == 4:
            raise RuntimeError("crash")

    first = compiled()
    callbacks = [ModelCheckpoint(path, every_steps=2), LambdaCallback(on_batch_end=crash)]
    with pytest.raises(RuntimeError, match="crash"):
        first.fit(points(), 2, batch_size=8, callbacks=callbacks, verbose=False)
    second, steps = compiled(), []
    note = LambdaCallback(on_batch_begin=steps.append)
    second.fit(points(), 2, batch_size=8, resume=path, callbacks=note, verbose=False)
    assert steps == [4]
    assert weights(second) == weights(whole)
    assert second.history.iterations == whole.history.iterations


def test_going_on_with_accumulated_gradients_and_a_scaler(device: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"

    def made() -> Model:
        return compiled(device, accumulate=2, precision="mixed", normalizer="zscore")

    whole, data = made(), points(44)
    whole.fit(data, 2, batch_size=4, verbose=False)
    first = made()
    callbacks = [press_at(first, 1, 3), ModelCheckpoint(path)]
    first.fit(data, 2, batch_size=4, callbacks=callbacks, verbose=False)
    second = made()
    second.fit(data, 2, batch_size=4, resume=path, verbose=False)
    assert second.history["loss"] == whole.history["loss"]
    assert weights(second) == weights(whole)
    assert second.scaler is not None
    assert second.scaler.state_dict() == whole.scaler.state_dict()  # type: ignore[union-attr]
    assert str(second.normalizer.state_dict()) == str(whole.normalizer.state_dict())  # type: ignore[union-attr]


# ----------------------------------------------------------------------------- where it is saved


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("x.npz", {}, ["x.npz"]),
        ("{epoch}-{loss:.9f}.safetensors", {}, ["interrupted.safetensors"]),
        ("x.npz", {"save_best_only": True, "monitor": "loss"}, ["interrupted.npz"]),
        ("x.npz", {"on_ctrl_c": False}, []),
    ],
)
def test_where_ctrl_c_saves(
    name: str, options: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    model = compiled()
    keep = ModelCheckpoint(tmp_path / name, **options)
    model.fit(points(), 2, callbacks=[press_at(model, 0, 0), keep], verbose=False)
    assert [path.name for path in tmp_path.iterdir()] == expected


def test_a_second_ctrl_c_saves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def press(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    model = compiled()
    callbacks = [LambdaCallback(on_batch_begin=press), ModelCheckpoint(tmp_path / "x.npz")]
    with caplog.at_level(logging.WARNING, "tinygrad_cl.train"):
        model.fit(points(), 1, callbacks=callbacks, verbose=False)
    assert model.interrupted
    assert "nothing is saved" in caplog.text
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------- epochs and other data


def test_resume_counts_epochs_in_all(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    model = compiled()
    keep = ModelCheckpoint(path)
    history = model.fit(points(), 2, resume=path, callbacks=keep, verbose=False)
    assert len(history["loss"]) == 2  # there was no file yet
    again = compiled()
    assert len(again.fit(points(), 3, resume=path, verbose=False)["loss"]) == 1
    assert len(again.fit(points(), 3, resume=path, verbose=False)["loss"]) == 1
    assert again.epoch == 3


def test_initial_epoch() -> None:
    model, epochs = compiled(), []
    note = LambdaCallback(on_epoch_begin=epochs.append)
    model.fit(points(), 6, initial_epoch=4, callbacks=note, verbose=False)
    assert epochs == [4, 5]
    model.fit(points(), 1, callbacks=note, verbose=False)
    assert epochs == [4, 5, 6]
    with pytest.raises(ArgumentError, match="initial_epoch must be"):
        model.fit(points(), initial_epoch=-1, verbose=False)


def test_other_data_and_metrics_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    model = compiled()
    callbacks = [press_at(model, 0, 1), ModelCheckpoint(path)]
    model.fit(points(), 1, batch_size=8, callbacks=callbacks, verbose=False)
    with pytest.raises(StateError, match="batches of 8"):
        compiled().fit(points(), 1, batch_size=4, resume=path, verbose=False)
    with pytest.raises(StateError, match="data of another kind"):
        compiled().fit(Stream(), 1, resume=path, verbose=False)
    with pytest.raises(StateError, match="with the metrics accuracy, confusion_matrix"):
        compiled(metrics="mae").fit(points(), 1, batch_size=8, resume=path, verbose=False)
    tg.io.save_checkpoint(path, model=model.net, optimizer=model.optimizer)
    with pytest.raises(DataError, match="saved by Model"):
        compiled().load(path)


def test_a_saved_model_without_a_run_is_resumed_too(tmp_path: Path) -> None:
    model = compiled()
    model.fit(points(), 2, verbose=False)
    model.save(tmp_path / "x.npz")
    other = compiled()
    other.fit(points(), 3, resume=tmp_path / "x.npz", verbose=False)
    assert other.history["loss"][:2] == model.history["loss"]
    assert other.epoch == 3
