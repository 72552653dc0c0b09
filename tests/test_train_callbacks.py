"""Callbacks: rates, files, curves, and their states."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import DataError, Model, nn
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    PlotCurves,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
    extras,
    plot_history,
)


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


def compiled(**settings: Any) -> Model:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).to("numpy")
    return Model(net).compile(**({"optimizer": "sgd", "lr": 0.1, "metrics": "accuracy"} | settings))


# ------------------------------------------------------------------------------------------ rates


def test_a_function_sets_the_rate_of_epochs() -> None:
    model = compiled()
    halved = LearningRateScheduler(lambda epoch, lr: lr / 2 if epoch else lr)
    history = model.fit(points(8), 4, callbacks=halved, verbose=False)
    assert history["lr"] == [0.1, 0.05, 0.025, 0.0125]
    with pytest.raises(ArgumentError, match="must return a rate"):
        model.fit(points(8), callbacks=LearningRateScheduler(lambda e, lr: None), verbose=False)


def test_a_function_sets_the_rate_of_steps() -> None:
    model, rates = compiled(), []
    falling = LearningRateScheduler(lambda step, lr: 1 / (1 + step), by="step")
    note = LambdaCallback(
        on_batch_end=lambda step, logs: rates.append(model.optimizer.param_groups[0]["lr"])
    )
    model.fit(points(8), 2, batch_size=4, callbacks=[falling, note], verbose=False)
    assert rates == [1, 1 / 2, 1 / 3, 1 / 4]


def test_any_schedule_is_a_callback() -> None:
    schedules = tg.optim.lr_scheduler
    model = compiled()
    step = schedules.StepLR(model.optimizer, 2, gamma=0.5)
    history = model.fit(points(8), 4, callbacks=LearningRateScheduler(step), verbose=False)
    assert history["lr"] == [0.1, 0.1, 0.05, 0.05]
    plateau = schedules.ReduceLROnPlateau(model.optimizer, factor=0.1, patience=0, min_lr=1e-3)
    watch = LearningRateScheduler(plateau, monitor="score")
    worse = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(score=float(epoch)))
    history = model.fit(points(8), 4, callbacks=[worse, watch], verbose=False)
    np.testing.assert_allclose(history["lr"], [0.025, 0.025, 0.0025, 0.001])
    for wrong in (3, schedules.StepLR):
        with pytest.raises(ArgumentError, match="needs a function"):
            LearningRateScheduler(wrong)
    with pytest.raises(ArgumentError, match='by "epoch" or "step"'):
        LearningRateScheduler(step, by="batch")


def test_schedules_of_compile_step_as_told() -> None:
    made = tg.optim.lr_scheduler.StepLR
    model = compiled(scheduler=lambda o: made(o, 1, gamma=0.5), scheduler_by="step")
    model.fit(points(8), 1, batch_size=2, verbose=False)
    assert model.optimizer.param_groups[0]["lr"] == 0.1 / 2**4
    with pytest.raises(ArgumentError, match='by "epoch" or "step"'):
        compiled(scheduler_by="batch")


# -------------------------------------------------------------------------------------------- NaN


@pytest.mark.parametrize("every", [1, 4, 16])
def test_nan_ends_training(every: int, device: str) -> None:
    x, y = points(40)
    x[13] = math.nan
    net = nn.Linear(3, 2).to(device)
    model, stop = Model(net).compile("sgd"), TerminateOnNaN(every)
    history = model.fit((x, y), 3, batch_size=4, shuffle=False, callbacks=stop, verbose=False)
    assert stop.stopped == (0, 3)
    assert len(history["loss"]) == 1
    assert len(history.iterations) == {1: 4, 4: 4, 16: 10}[every]


def test_stopping_within_an_epoch_ends_after_the_step() -> None:
    model, seen = compiled(), []

    def stop(step: int, logs: Any) -> None:
        seen.append(step)
        model.stop_training = step == 2

    history = model.fit(
        points(40), 5, 4, callbacks=LambdaCallback(on_batch_end=stop), verbose=False
    )
    assert seen == [0, 1, 2]
    assert len(history["loss"]) == model.epoch == 1


# ------------------------------------------------------------------------------------------ files


def test_tensorboard_files_hold_the_history(tmp_path: Path) -> None:
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    model = compiled()
    board = TensorBoard(tmp_path, every=2, histograms=2)
    history = model.fit(
        *(points(40), 2), batch_size=8, validation_data=points(8), callbacks=board, verbose=False
    )
    found: dict[tuple[str, str], list[float]] = {}
    histograms = set()
    for path in sorted(tmp_path.glob("*/events*")):
        for record in records(path.read_bytes()):
            event = event_pb2.Event.FromString(record)
            for value in event.summary.value:
                if value.HasField("histo"):
                    histograms.add((value.tag, event.step))
                else:
                    key = (path.parent.name, value.tag)
                    found.setdefault(key, []).append(value.simple_value)
    assert found.keys() == {
        *(("train", name) for name in ("loss", "accuracy", "lr", "batch_loss")),
        *(("validation", name) for name in ("loss", "accuracy")),
    }
    assert found["train", "loss"] == pytest.approx(history["loss"])
    assert found["validation", "loss"] == pytest.approx(history["val_loss"])
    assert found["train", "batch_loss"] == pytest.approx(history.iterations[1::2])
    assert histograms == {(name, 2) for name, _ in model.net.named_parameters()}


def records(data: bytes) -> list[bytes]:
    """The records of TensorFlow's format: length (8 bytes), its check (4), the data, check (4)."""
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 8], "little")
        found.append(data[at + 12 : at + 12 + length])
        at += 16 + length
    return found


def test_curves(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    model = compiled(metrics=["accuracy", "confusion_matrix"])
    model.fit(points(8), 3, callbacks=PlotCurves(path, every=2), verbose=False)
    assert path.read_bytes().startswith(b"\x89PNG")
    model.fit(points(8), 2, validation_data=points(8), verbose=False)
    figure = model.history.plot(tmp_path / "curves.svg")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss", "accuracy", "lr"]
    training, validation = figure.axes[0].lines
    assert list(training.get_xdata()) == [1, 2, 3, 4, 5]
    assert list(validation.get_xdata()) == [4, 5]
    assert b"<svg" in (tmp_path / "curves.svg").read_bytes()
    with pytest.raises(DataError, match=r"must end in one of"):
        plot_history(model.history, tmp_path / "curves.txt")
    with pytest.raises(DataError, match="no values"):
        plot_history({})


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    for make, extra in (
        (lambda: TensorBoard(tmp_path), "tensorboard"),
        (lambda: PlotCurves(tmp_path / "x.png"), "plot"),
        (lambda: History().frame(), "frame"),
    ):
        with pytest.raises(DataError, match=rf"tinygrad-cl\[{extra}\]"):
            make()


# ---------------------------------------------------------------------------------------- history


def test_history_as_a_frame_with_times_and_iterations() -> None:
    model = compiled()
    model.fit(points(40), 2, batch_size=16, verbose=False)
    history = model.fit(points(40), 1, batch_size=16, validation_data=points(8), verbose=False)
    frame = model.history.frame()
    assert list(frame.columns) == ["loss", "accuracy", "lr", "val_loss", "val_accuracy"]
    assert frame["loss"].tolist() == model.history["loss"]
    assert frame["val_loss"].isna().tolist() == [True, True, False]
    assert frame.index.tolist() == [1, 2, 3]
    assert len(model.history.iterations) == 9
    assert model.history.iterations[6:] == history.iterations
    mean = np.average(history.iterations, weights=[16, 16, 8])
    assert history["loss"][0] == pytest.approx(mean)
    assert 0 < history.seconds < model.history.seconds == sum(model.history.epoch_seconds)


def test_time_and_iterations_are_saved(tmp_path: Path) -> None:
    model = compiled(metrics="confusion_matrix")
    model.fit(points(8), 2, batch_size=3, verbose=False)
    model.save(tmp_path / "x.npz")
    other = compiled().load(tmp_path / "x.npz").history
    assert other.iterations == model.history.iterations
    assert other.epoch_seconds == model.history.epoch_seconds
    np.testing.assert_array_equal(other["confusion_matrix"], model.history["confusion_matrix"])


# ----------------------------------------------------------------------------------------- states


class Recorder(Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        self.losses.append(logs["loss"])

    def state_dict(self) -> dict[str, Any]:
        return {"losses": self.losses}

    def load_state_dict(self, state: Any) -> None:
        self.losses = state["losses"]


def every_callback(folder: Path, model: Model) -> list[Callback]:
    return [
        ModelCheckpoint(folder / "last.npz"),  # first: it is called last all the same
        EarlyStopping("loss", patience=50),
        ReduceLROnPlateau("loss", patience=0, min_delta=0.5, factor=0.9),
        LearningRateScheduler(lambda step, lr: lr * 0.99, by="step"),
        LearningRateScheduler(tg.optim.lr_scheduler.ExponentialLR(model.optimizer, 0.9)),
        CSVLogger(folder / "log.csv"),
        TensorBoard(folder / "board", every=1),
        TerminateOnNaN(),
        PlotCurves(folder / "curves.svg", every=3),
        Recorder(),
    ]


def test_resumed_callbacks_go_on(tmp_path: Path) -> None:
    """Two epochs, then two more from the checkpoint, as four at once: every state is the same."""
    runs = []
    for name, parts in (("whole", [4]), ("parts", [2, 4])):
        folder = tmp_path / name
        folder.mkdir()
        for epochs in parts:
            tg.manual_seed(0)
            model = compiled()
            callbacks = every_callback(folder, model)
            resume = folder / "last.npz"
            model.fit(points(24), epochs, 8, callbacks=callbacks, resume=resume, verbose=False)
        runs.append((model, callbacks, (folder / "log.csv").read_text()))
    (whole, ours, text), (parts_model, theirs, other) = runs
    assert parts_model.history == whole.history
    assert parts_model.history.iterations == whole.history.iterations
    assert text == other
    for one, two in zip(ours, theirs, strict=True):
        assert str(one.state_dict()) == str(two.state_dict())
    assert len(ours[-1].losses) == 4  # type: ignore[attr-defined]


def test_csv_lines_of_repeated_epochs_are_removed(tmp_path: Path) -> None:
    path, checkpoint = tmp_path / "log.csv", tmp_path / "x.npz"
    model = compiled()
    stop = [CSVLogger(path), ModelCheckpoint(checkpoint, every=2)]
    model.fit(points(8), 3, callbacks=stop, verbose=False)
    model.fit(
        *(points(8), 4),
        callbacks=[CSVLogger(path), ModelCheckpoint(checkpoint)],
        resume=checkpoint,
        verbose=False,
    )
    with path.open(newline="") as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [0, 1, 2, 3]


def test_a_stopped_run_stays_stopped(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    rising = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(score=float(epoch)))
    for _ in range(2):
        model = compiled()
        stop = EarlyStopping("score", patience=2, mode="min")
        callbacks = [rising, stop, ModelCheckpoint(path)]
        model.fit(points(8), 9, callbacks=callbacks, resume=path, verbose=False)
        assert (model.epoch, stop.best_epoch, stop.stopped_epoch) == (3, 0, 2)


def test_new_callbacks_start_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.npz"
    model = compiled()
    model.fit(points(8), 1, callbacks=ModelCheckpoint(path), verbose=False)
    with caplog.at_level(logging.INFO, "tinygrad_cl.train"):
        model.fit(points(8), 2, callbacks=Recorder(), resume=path, verbose=False)
    assert "no state of Recorder" in caplog.text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TerminateOnNaN(0), "every must be an int of at least 1"),
        (lambda: EarlyStopping(patience=0), "patience must be"),
        (lambda: EarlyStopping(mode="best"), "mode must be"),
        (lambda: ModelCheckpoint("x.npz", every_steps=-1), "every_steps must be"),
        (lambda: ModelCheckpoint("{epoch}.npz", every_steps=1), "without fields"),
        (lambda: ModelCheckpoint("{epoch.npz"), "malformed field"),
        (lambda: PlotCurves("x.png", every=0), "every must be"),
        (lambda: ReduceLROnPlateau(factor=1), "factor must be below 1"),
    ],
)
def test_settings_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
