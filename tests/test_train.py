"""Training with `Model`: it learns, counts, stops, saves and goes on as it should."""

from __future__ import annotations

import csv
import io
import math
import signal
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

import tinygrad_cl as tg
from tinygrad_cl import DataError, Model, ShapeError, nn
from tinygrad_cl.data import DataLoader, TensorDataset, datasets
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.train import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
    metrics,
    summary,
)

Arrays = tuple[np.ndarray, np.ndarray]


def small(device: str, seed: int = 0) -> nn.Module:
    tg.manual_seed(seed)
    return nn.Sequential(
        *(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
    ).to(device)


def points(count: int = 40) -> Arrays:
    x = np.random.default_rng(1).normal(size=(count, 3)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(np.int64)


def compiled(device: str, seed: int = 0, **settings: Any) -> Model:
    options: dict[str, Any] = {"optimizer": "adam", "lr": 0.02, "metrics": ["accuracy"]}
    return Model(small(device, seed)).compile(**(options | settings))


def weights(model: Model) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.net.state_dict().values()]


# ------------------------------------------------------------------------------------- it learns


def test_digits_are_learned(device: str) -> None:
    tg.manual_seed(0)
    learn, test = datasets.digits(train=True), datasets.digits(train=False)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(device)
    model = Model(net).compile(optimizer="adam", lr=0.01, metrics=["accuracy", "top_3_accuracy"])
    history = model.fit(learn, epochs=4, batch_size=64, validation_data=test, verbose=False)
    names = ["loss", "accuracy", "top_3_accuracy"]
    assert list(history) == [*names, *(f"val_{name}" for name in names), "lr"]
    assert all(len(values) == 4 for values in history.values())
    assert history["val_accuracy"][-1] > 0.9
    assert history["val_top_3_accuracy"][-1] > 0.97
    found = model.evaluate(test, batch_size=100)
    for name, value in found.items():
        assert value == pytest.approx(history[f"val_{name}"][-1], rel=1e-5)
    scores = model.predict(test)
    assert scores.shape == (len(test), 10)
    assert (scores.argmax(1) == test.labels).mean() == pytest.approx(found["accuracy"])


def test_fit_is_the_loop_that_one_would_write(device: str) -> None:
    x, y = points(10)
    model = Model(small(device)).compile("sgd", lr=0.1, clip_norm=0.5)
    history = model.fit((x, y), epochs=2, batch_size=4, shuffle=False, verbose=False)
    net = small(device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    means = []
    for _ in range(2):
        losses = []
        for at in range(0, 10, 4):
            out = net(tg.from_numpy(x[at : at + 4], device=device))
            loss = nn.functional.cross_entropy(out, tg.from_numpy(y[at : at + 4], device=device))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            losses += [loss.item()] * len(out)
        means.append(np.mean(losses))
    assert history["loss"] == pytest.approx(means, rel=1e-6)
    for ours, theirs in zip(model.net.parameters(), net.parameters(), strict=True):
        np.testing.assert_allclose(ours.data.numpy(), theirs.data.numpy(), rtol=1e-5, atol=1e-6)


def test_every_kind_of_data_gives_the_same(device: str) -> None:
    x, y = points(12)
    pairs = [(x[i], y[i]) for i in range(12)]
    kinds: list[Any] = [
        (x, y),
        (tg.from_numpy(x, device="numpy"), tg.from_numpy(y, device="numpy")),
        (x.astype(np.float64), y),
        TensorDataset(x, y),
        pairs,
        DataLoader(TensorDataset(x, y), 5, device=device),
        DataLoader(TensorDataset(x, y), 5, num_workers=1),
    ]
    found = []
    for data in kinds:
        model = compiled(device)
        found.append(model.fit(data, epochs=2, batch_size=5, shuffle=False, verbose=False))
    assert all(history == found[0] for history in found)


def test_batches_of_any_iterable(device: str) -> None:
    x, y = points(12)
    model = compiled(device)
    batches = [(x[:6], y[:6]), (tg.from_numpy(x[6:]), tg.from_numpy(y[6:]))]

    class Stream:
        def __iter__(self) -> Any:
            return iter(batches)

    history = model.fit(Stream(), epochs=2, validation_data=Stream(), verbose=False)
    assert len(history["val_loss"]) == 2
    with pytest.raises(DataError, match="no batches"):
        model.fit(iter(()), verbose=False)


def test_nets_of_several_inputs_and_outputs(device: str) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, a: tg.Tensor, b: tg.Tensor) -> Any:
            out = self.layer(a + b)
            return out, out * 2

    def loss(outputs: Any, target: tg.Tensor) -> tg.Tensor:
        return nn.functional.mse_loss(outputs[0], target)

    x, _ = points(8)
    model = Model(Two().to(device)).compile("sgd", loss=loss)
    model.fit(((x, x), x[:, :1]), verbose=False)
    one, two = model.predict((x, x), batch_size=3)
    assert one.shape == (8, 1)
    np.testing.assert_array_equal(two, one * 2)


def test_the_loss_is_read_rarely(opencl_device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop waits for the device only when the bar shows something, and at the end."""
    reads = []
    real = tg.engine.numpy
    monkeypatch.setattr(tg.engine, "numpy", lambda node: reads.append(1) or real(node))
    x, y = points(120)
    model = compiled(opencl_device)
    seen = []
    count = LambdaCallback(on_batch_end=lambda step, logs: seen.append(len(reads)))
    model.fit((x, y), batch_size=4, callbacks=count, verbose=False)
    assert len(seen) == 30
    assert seen[-1] == seen[0]
    assert len(reads) > seen[-1]


def test_steps_compile_nothing_new(opencl_device: str) -> None:
    x, y = points(48)
    model = compiled(opencl_device, clip_norm=1.0)
    model.fit((x, y), epochs=2, batch_size=8, validation_data=(x, y), verbose=False)
    built = model.net[0].weight.device.kernels_compiled
    model.fit((x, y), epochs=3, batch_size=8, validation_data=(x, y), verbose=False)
    assert model.net[0].weight.device.kernels_compiled == built


# --------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adm"}, "unknown optimizer 'adm'"),
        ({"loss": "crossentropy"}, "unknown loss"),
        ({"metrics": ["acuracy"]}, "unknown metric"),
        ({"metrics": ["mae", "mae"]}, "'mae' is taken"),
        ({"metrics": {"lr": "mae"}}, "'lr' is taken"),
    ],
)
def test_unknown_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        compiled("numpy", **settings)


def test_a_ready_optimizer_takes_no_options() -> None:
    net = small("numpy")
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    assert Model(net).compile(optimizer).optimizer is optimizer
    with pytest.raises(ArgumentError, match="lr cannot be given with a ready optimizer"):
        Model(net).compile(optimizer, lr=0.1)


def test_weight_decay_leaves_biases_and_norms_out() -> None:
    model = compiled("numpy", optimizer="adamw", weight_decay=0.1)
    for group in model.optimizer.param_groups:
        assert {p.ndim >= 2 for p in group["params"]} == {group["weight_decay"] == 0.1}
    assert sum(len(g["params"]) for g in model.optimizer.param_groups) == 6


def test_binary_accuracy_knows_logits() -> None:
    x, _ = points(6)
    y = (x[:, :1] > 0).astype(np.float32)
    net = nn.Linear(3, 1).to("numpy")
    net.load_state_dict({"weight": np.array([[1, 0, 0]]), "bias": np.zeros(1)})
    for loss in ("bce_with_logits", nn.BCEWithLogitsLoss()):
        model = Model(net).compile("sgd", loss, ["binary_accuracy"])
        assert model.evaluate((x, y))["binary_accuracy"] == 1.0


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ArgumentError, match=r"needs an nn\.Module"):
        Model(lambda x: x)  # type: ignore[arg-type]
    x, y = points(4)
    model = Model(small("numpy"))
    for method in (model.fit, model.evaluate):
        with pytest.raises(ArgumentError, match="call compile"):
            method((x, y))
    assert model.predict(x).shape == (4, 2)
    model.compile()
    for data, message in (
        (3, "data must be a tuple"),
        ((x, y, y), "got 3 members"),
        (TensorDataset(x), "no targets"),
        ((x[:0], y[:0]), "no samples"),
        ((x, y[:3]), "equal length"),
    ):
        with pytest.raises(DataError, match=message):
            model.fit(data, verbose=False)


def test_misshapen_targets_are_no_broadcast() -> None:
    x, y = points(6)
    model = Model(nn.Linear(3, 1).to("numpy")).compile("sgd", "mse", ["mae"])
    with pytest.raises(ShapeError):
        model.fit((x, y.astype(np.float32)), verbose=False)


def test_a_loss_must_be_one_number() -> None:
    model = compiled("numpy", loss=lambda out, y: out.sum(1), metrics=())
    with pytest.raises((ShapeError, tg.GradientError)):
        model.fit(points(4), verbose=False)


# ------------------------------------------------------------------------------- modes and shapes


def test_evaluation_leaves_modes_and_statistics_alone(device: str) -> None:
    model = compiled(device)
    model.net[3].eval()
    before = [module.training for module in model.net.modules()]
    state = weights(model)
    model.evaluate(points())
    model.predict(points()[0])
    assert [module.training for module in model.net.modules()] == before
    assert weights(model) == state


def test_summary_of_layers(capsys: pytest.CaptureFixture[str]) -> None:
    net = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 10))
    )
    table = Model(net).summary((1, 28, 28))
    shapes = [(8, 26, 26), (8, 26, 26), (8, 13, 13), (1352,), (10,)]
    assert [row.output_shape for row in table.rows] == shapes
    assert [row.parameters for row in table.rows] == [80, 0, 0, 0, 13530]
    assert table.parameters == table.trainable == 13610
    assert [row.mult_adds for row in table.rows] == [80 * 676 - 8 * 676, 0, 0, 0, 13520]
    assert capsys.readouterr().out == f"{table}\n"
    net[0].requires_grad_(False)
    quiet = summary(net, verbose=False)
    assert "13,610 parameters, 80 frozen" in str(quiet)
    assert quiet.rows[0].output_shape is None
    assert not capsys.readouterr().out


def test_summary_counts_shared_layers_once_and_knows_the_last_batch() -> None:
    shared = nn.Linear(3, 3)
    model = Model(nn.Sequential(shared, nn.ReLU(), shared).to("numpy"))
    model.predict(points(4)[0])
    table = model.summary()
    assert table.parameters == sum(row.parameters for row in table.rows) == 12
    assert table.rows[0].output_shape == (3,)


# -------------------------------------------------------------------------------------- callbacks


class Script(Callback):
    """Sets the watched value of each epoch."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        logs["score"] = self.values[epoch]


def test_moments_come_in_order() -> None:
    seen: list[Any] = []
    names = [name for name in vars(Callback) if name.startswith("on_")]

    def noting(name: str) -> Callable[..., None]:
        return lambda *args: seen.append((name[3:], *[a for a in args if isinstance(a, int)]))

    callback = LambdaCallback(**{name: noting(name) for name in names})
    compiled("numpy").fit(points(4), 2, batch_size=2, callbacks=callback, verbose=False)
    batches = [(f"batch_{end}", step) for step in (0, 1) for end in ("begin", "end")]
    epochs = [[("epoch_begin", e), *batches, ("epoch_end", e)] for e in (0, 1)]
    assert seen == [("train_begin",), *epochs[0], *epochs[1], ("train_end",)]


def test_unknown_callbacks_are_named() -> None:
    with pytest.raises(ArgumentError, match="no on_epoch"):
        LambdaCallback(on_epoch=print)
    with pytest.raises(ArgumentError, match="is no Callback"):
        compiled("numpy").fit(points(4), callbacks=[print], verbose=False)  # type: ignore[list-item]


def test_early_stopping_gives_the_best_weights_back(device: str) -> None:
    model, kept = compiled(device), []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(weights(model)))
    stop = EarlyStopping("score", patience=2, min_delta=0.1, mode="max")
    script = Script(0.1, 0.5, 0.55, 0.2, 0.9)
    history = model.fit(points(8), 5, callbacks=[script, keep, stop], verbose=False)
    assert len(history["loss"]) == 4
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (0.5, 1, 3)
    assert weights(model) == kept[1] != kept[3]


def test_early_stopping_without_restoring_and_with_nan() -> None:
    model = compiled("numpy")
    stop = EarlyStopping("score", patience=2, restore_best_weights=False)
    values = Script(math.nan, 0.5, math.nan, 0.4, math.nan, 0.6)
    model.fit(points(8), 6, callbacks=[values, stop], verbose=False)
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (0.4, 3, 5)
    with pytest.raises(ArgumentError, match="no 'val_loss', only loss, accuracy, lr"):
        model.fit(points(8), callbacks=EarlyStopping(), verbose=False)


def test_rates_fall_on_a_plateau() -> None:
    model = compiled("numpy", lr=0.4)
    reduce = ReduceLROnPlateau("score", factor=0.5, patience=1, min_lr=0.15)
    values = Script(1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9)
    history = model.fit(points(8), 7, callbacks=[values, reduce], verbose=False)
    assert history["lr"] == [0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.15]


def test_schedules_step_every_epoch() -> None:
    step = tg.optim.lr_scheduler.StepLR
    model = compiled("numpy", lr=0.4, scheduler=lambda o: step(o, step_size=2, gamma=0.5))
    assert model.fit(points(8), 5, verbose=False)["lr"] == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = compiled("numpy")
    model.fit(points(8), 2, callbacks=CSVLogger(path), verbose=False)
    model.fit(points(8), 1, callbacks=CSVLogger(path, append=True), verbose=False)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    assert [float(row["loss"]) for row in rows] == model.history["loss"]
    with pytest.raises(DataError, match="has the columns"):
        model.fit(
            *(points(8), 1),
            validation_data=points(4),
            callbacks=CSVLogger(path, append=True),
            verbose=False,
        )
    with pytest.raises(DataError, match="cannot write"):
        model.fit(points(8), callbacks=CSVLogger(tmp_path / "a" / "b"), verbose=False)


def test_checkpoints_of_the_best_epochs(tmp_path: Path) -> None:
    model = compiled("numpy")
    values = Script(0.5, 0.7, 0.6, 0.8)
    best = ModelCheckpoint(tmp_path / "{epoch}-{score:.1f}.npz", "score", True, "max")
    last = ModelCheckpoint(tmp_path / "last.npz", weights_only=True, every=2)
    model.fit(points(8), 4, callbacks=[values, best, last], verbose=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "1-0.5.npz",
        "2-0.7.npz",
        "4-0.8.npz",
        "last.npz",
    ]
    found = tg.io.load(tmp_path / "last.npz", "numpy")
    assert [found[name].numpy().tobytes() for name in model.net.state_dict()] == weights(model)
    with pytest.raises(ArgumentError, match="a field that cannot be filled"):
        model.fit(points(8), callbacks=ModelCheckpoint(tmp_path / "{x}.npz"), verbose=False)


# ----------------------------------------------------------------------------- saving, going on


def test_a_loaded_model_goes_on_as_if_it_had_never_stopped(device: str, tmp_path: Path) -> None:
    def made(seed: int) -> Model:
        return compiled(
            device, seed, scheduler=lambda o: tg.optim.lr_scheduler.CosineAnnealingLR(o, T_max=6)
        )

    whole, data = made(0), points()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.npz")
    whole.fit(data, 5, batch_size=16, callbacks=checkpoint, verbose=False)
    resumed = made(7).load(tmp_path / "2.npz")
    assert resumed.epoch == 2
    later = resumed.fit(data, 3, batch_size=16, verbose=False)
    assert resumed.history == whole.history
    assert later == {name: values[2:] for name, values in whole.history.items()}
    assert weights(resumed) == weights(whole)


def test_weights_alone_load_into_a_model_that_only_predicts(tmp_path: Path) -> None:
    model = compiled("numpy")
    model.fit(points(), 1, verbose=False)
    model.save(tmp_path / "x.safetensors")
    other = Model(small("numpy", seed=3)).load(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(other.predict(points()[0]), model.predict(points()[0]))
    with pytest.raises(StateError, match="does not fit"):
        Model(nn.Linear(3, 2)).load(tmp_path / "x.safetensors")
    tg.io.save_checkpoint(tmp_path / "y.npz", model=model.net)
    with pytest.raises(DataError, match="no state of the optimizer"):
        compiled("numpy").load(tmp_path / "y.npz")


# --------------------------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_ends_after_the_step(device: str) -> None:
    ended = []

    def press(step: int, logs: Any) -> None:
        if model.epoch == 2 and step == 1:
            signal.raise_signal(signal.SIGINT)

    model = compiled(device)
    note = LambdaCallback(on_batch_end=press, on_train_end=lambda: ended.append(model.epoch))
    history = model.fit(points(), 5, batch_size=8, callbacks=note, verbose=False)
    assert model.interrupted
    assert len(history["loss"]) == model.epoch == 2
    assert ended == [2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(model.fit(points(), 1, verbose=False)["loss"]) == 1
    assert not model.interrupted


def test_a_second_ctrl_c_does_not_wait() -> None:
    reached = []

    def press(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        reached.append(step)

    model = compiled("numpy")
    model.fit(points(), 1, callbacks=LambdaCallback(on_batch_begin=press), verbose=False)
    assert model.interrupted
    assert not reached


def test_a_handler_of_the_program_is_kept() -> None:
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        press = LambdaCallback(on_batch_end=lambda step, logs: signal.raise_signal(signal.SIGINT))
        history = compiled("numpy").fit(points(8), 1, callbacks=press, verbose=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(seen) == len(history["loss"]) == 1


def test_the_bar_shows_losses_metrics_and_speed() -> None:
    text = io.StringIO()
    model = compiled("numpy")
    with redirect_stderr(text):
        model.fit(points(), 2, batch_size=8, validation_data=points(8))
        model.evaluate(points(), verbose=True)
    shown = text.getvalue()
    for word in ("epoch 2/2", "40/40", "img/s", "loss=", "accuracy=", "val_loss=", "lr=0.02"):
        assert word in shown, word
    text.truncate(0)
    with redirect_stderr(text):
        model.fit(points(), 1, verbose=False)
    assert "epoch" not in text.getvalue()


# ---------------------------------------------------------------------------------------- metrics


def test_metrics_against_scikit_learn(device: str) -> None:
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(50, 6)).astype(np.float32)
    labels = chance.integers(0, 6, 50)
    x, y = (chance.normal(size=(50, 2)).astype(np.float32) for _ in range(2))
    a, b, c, d = (tg.from_numpy(v, device=device) for v in (scores, labels, x, y))
    one_hot = tg.from_numpy(np.eye(6, dtype=np.float32)[labels], device=device)
    expected = sk.accuracy_score(labels, scores.argmax(1))
    assert metrics.accuracy(a, b).item() == pytest.approx(expected)
    assert metrics.accuracy(a, one_hot).item() == pytest.approx(expected)
    for k in (1, 2, 5):
        top = sk.top_k_accuracy_score(labels, scores, k=k)
        assert metrics.top_k_accuracy(a, b, k).item() == pytest.approx(top)
    assert metrics.mae(c, d).item() == pytest.approx(sk.mean_absolute_error(y, x), rel=1e-5)
    mape = sk.mean_absolute_percentage_error(y, x)
    assert metrics.mape(c, d).item() == pytest.approx(mape, rel=1e-5)
    assert metrics.r2(c, d).item() == pytest.approx(sk.r2_score(y, x), rel=1e-5)
    binary = sk.accuracy_score((y > 0.5).ravel(), (x > 0.5).ravel())
    assert metrics.binary_accuracy(c, d).item() == pytest.approx(binary)


def test_constant_scores_and_nan_are_no_hits(device: str) -> None:
    labels = tg.tensor([0, 1, 2, 3], device=device)
    flat = tg.zeros(4, 4, device=device)
    for k, expected in ((1, 0.25), (2, 0.5), (4, 1.0)):
        assert metrics.top_k_accuracy(flat, labels, k).item() == expected
    nan = tg.full((4, 4), math.nan, device=device)
    assert metrics.top_k_accuracy(nan, labels, 3).item() == 0
    assert metrics.binary_accuracy(nan, flat).item() == 0


def test_scores_of_images(device: str) -> None:
    scores = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    labels = scores.argmax(1)
    a, b = (tg.from_numpy(v, device=device) for v in (scores, labels))
    assert metrics.accuracy(a, b).item() == metrics.top_k_accuracy(a, b, 1).item() == 1


def test_metrics_refuse_what_does_not_fit() -> None:
    scores, column = tg.zeros(4, 3), tg.zeros(4, 1)
    for metric, target in (
        (metrics.accuracy, tg.zeros(4, 1).long()),
        (metrics.accuracy, tg.zeros(3).long()),
        (metrics.mae, column),
        (metrics.r2, column),
        (metrics.binary_accuracy, column),
    ):
        with pytest.raises(ShapeError):
            metric(scores, target)
    with pytest.raises(tg.DTypeError, match="class indices"):
        metrics.accuracy(scores, tg.zeros(4))
    with pytest.raises(ArgumentError, match="k must be"):
        metrics.top_k_accuracy(scores, tg.zeros(4).long(), 0)


def test_r2_of_constant_targets() -> None:
    constant = tg.ones(4)
    assert metrics.r2(constant, constant).item() == 1
    assert metrics.r2(constant * 2, constant).item() == 0


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.sampled_from([0.0, 1000.0]))
def test_running_values_are_those_of_all_samples(sizes: list[int], offset: float) -> None:
    chance = np.random.default_rng(sum(sizes))
    x, y = (chance.normal(size=(sum(sizes), 2)).astype(np.float32) + offset for _ in range(2))
    mean, r2 = metrics.Running(metrics.mae), metrics.running(metrics.r2)
    assert math.isnan(mean.result())
    assert math.isnan(r2.result())
    at = 0
    for size in sizes:
        a, b = (tg.from_numpy(v[at : at + size], device="numpy") for v in (x, y))
        mean.add(a, b)
        r2.add(a, b)
        at += size
    assert mean.result() == pytest.approx(sk.mean_absolute_error(y, x), rel=1e-4)
    if len(x) > 1:
        expected = sk.r2_score(y.astype(np.float64), x.astype(np.float64))
        assert r2.result() == pytest.approx(expected, rel=1e-3, abs=1e-3)
