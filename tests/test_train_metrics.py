"""Metrics over batches: exactly what scikit-learn gives for all samples together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

import tinygrad_cl as tg
from tinygrad_cl import ShapeError
from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.train import metrics


@pytest.fixture(autouse=True)
def _on_the_host() -> Iterator[None]:
    """Nets that no test moves elsewhere are on the host: they compile nothing."""
    before = tg.get_default_device()
    tg.set_default_device("numpy")
    yield
    tg.set_default_device(before)


KINDS = {"precision": metrics.Precision, "recall": metrics.Recall, "f1": metrics.F1}
SCORES = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}


def followed(metric: Any, output: np.ndarray, target: np.ndarray, device: str, size: int) -> Any:
    """The value after batches of a size."""
    for at in range(0, len(output), size):
        batch = (tg.from_numpy(v[at : at + size], device=device) for v in (output, target))
        metric.add(*batch)
    return metric.result()


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("name", list(KINDS))
def test_class_scores_over_batches(device: str, name: str, average: str | None) -> None:
    chance = np.random.default_rng(3)
    scores = chance.normal(size=(70, 5)).astype(np.float32)
    scores[:, 4] = -10  # a class that is never chosen
    labels = chance.integers(1, 5, 70)  # and one that never occurs
    found = followed(KINDS[name](average), scores, labels, device, 16)
    every = {"labels": range(5)} if average is None else {}
    expected = SCORES[name](labels, scores.argmax(1), average=average, zero_division=0.0, **every)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert KINDS[name](average).scalar == (average is not None)


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("column", [False, True])
def test_binary_scores_of_one_output(device: str, name: str, column: bool) -> None:
    chance = np.random.default_rng(4)
    scores, labels = chance.random(50).astype(np.float32), chance.integers(0, 2, 50)
    expected = SCORES[name](labels, scores > 0.6)
    shape = (-1, 1) if column else (-1,)
    found = followed(
        KINDS[name](threshold=0.6), scores.reshape(shape), labels.reshape(shape), device, 7
    )
    assert found == expected
    given_floats = labels.reshape(shape).astype(np.float32)
    again = KINDS[name]("binary", threshold=0.6)
    assert followed(again, scores.reshape(shape), given_floats, device, 50) == expected


def test_binary_is_for_two_classes() -> None:
    scores = tg.eye(3)
    metric = metrics.F1("binary")
    metric.add(scores, tg.arange(3))
    with pytest.raises(ArgumentError, match='"binary" is for two classes, there are 3'):
        metric.result()
    assert metrics.f1(scores, tg.arange(3)).item() == 1
    with pytest.raises(ArgumentError, match="average must be"):
        metrics.Recall("mean")


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrix(device: str, normalize: str | None) -> None:
    chance = np.random.default_rng(5)
    scores = chance.normal(size=(61, 4)).astype(np.float32)
    labels = chance.integers(0, 3, 61)
    found = followed(metrics.ConfusionMatrix(normalize), scores, labels, device, 10)
    expected = sk.confusion_matrix(labels, scores.argmax(1), labels=range(4), normalize=normalize)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert (found.dtype == np.int64) == (normalize is None)


def test_class_indices_as_outputs() -> None:
    chosen, right = tg.tensor([0, 2, 2, 1]), tg.tensor([0, 2, 1, 1])
    expected = sk.f1_score([0, 2, 1, 1], [0, 2, 2, 1], average="macro")
    assert metrics.f1(chosen, right, "macro", num_classes=3).item() == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="need num_classes"):
        metrics.f1(chosen, right)
    with pytest.raises(ShapeError, match="num_classes is 4"):
        metrics.f1(tg.eye(3), tg.arange(3), num_classes=4)


def test_targets_that_are_no_class_are_refused(device: str) -> None:
    metric = metrics.Precision()
    metric.add(tg.zeros(2, 3, device=device), tg.tensor([0, 3], device=device))
    with pytest.raises(IndexError):
        metric.result()


def test_columns_of_targets_are_refused_with_advice() -> None:
    for metric in (metrics.accuracy, metrics.f1, metrics.confusion_matrix):
        with pytest.raises(ShapeError, match=r"use target\.squeeze\(1\)"):
            metric(tg.zeros(4, 3), tg.zeros(4, 1).long())


def test_nothing_seen() -> None:
    assert math.isnan(metrics.F1().result())
    assert math.isnan(metrics.R2().result())
    assert metrics.ConfusionMatrix().result().shape == (0, 0)


@pytest.mark.parametrize("name", sorted(metrics.NAMES))
def test_state_goes_on_and_fresh_forgets(name: str) -> None:
    """Half of the batches, saved, loaded, the other half: the value of all, to the bit."""
    chance = np.random.default_rng(6)
    score_like = name not in ("mae", "mse", "mape", "r2")
    if "binary" in name:
        outputs = chance.random(40).astype(np.float32)
        targets = chance.integers(0, 2, 40)
    else:
        outputs = chance.normal(size=(40, 6)).astype(np.float32)
        shape = (40,) if score_like else (40, 6)
        targets = chance.integers(0, 6, shape)
        targets = targets if score_like else (targets + 0.5).astype(np.float32)
    whole, first, second = (metrics.running(name) for _ in range(3))
    expected = followed(whole, outputs, targets, "numpy", 10)
    followed(first, outputs[:20], targets[:20], "numpy", 10)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(
        followed(second, outputs[20:], targets[20:], "numpy", 10), expected
    )
    fresh = whole.fresh()
    np.testing.assert_array_equal(followed(fresh, outputs, targets, "numpy", 10), expected)
    np.testing.assert_array_equal(whole.result(), expected)
    with pytest.raises(StateError, match="needs"):
        second.load_state_dict({"sum": 1})


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.sampled_from([0.0, 300.0, 1e4]),
    st.sampled_from([1.0, 1e-3]),
)
def test_r2_joins_batches_exactly(sizes: list[int], mean: float, spread: float) -> None:
    chance = np.random.default_rng(sum(sizes))
    y = (chance.normal(size=(sum(sizes), 2)) + mean).astype(np.float32)
    x = (y + spread * chance.normal(size=y.shape)).astype(np.float32)
    metric, at = metrics.R2(), 0
    for size in sizes:
        a, b = (tg.from_numpy(v[at : at + size], device="numpy") for v in (x, y))
        metric.add(a, b)
        at += size
    if len(y) > 1:
        expected = sk.r2_score(y.astype(np.float64), x.astype(np.float64))
        assert metric.result() == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_mse_and_names() -> None:
    chance = np.random.default_rng(7)
    x, y = (chance.normal(size=(20, 3)).astype(np.float32) for _ in range(2))
    found = metrics.mse(tg.from_numpy(x), tg.from_numpy(y)).item()
    assert found == pytest.approx(sk.mean_squared_error(y, x), rel=1e-5)
    with pytest.raises(ArgumentError, match="unknown metric 'acuracy'"):
        metrics.running("acuracy")
    with pytest.raises(ArgumentError, match="unknown metric 3"):
        metrics.running(3)  # type: ignore[arg-type]
    assert isinstance(metrics.running(metrics.f1), metrics.F1)
    assert isinstance(metrics.running(metrics.r2), metrics.R2)
    assert metrics.running("precision", logits=True).threshold == 0  # type: ignore[attr-defined]
    assert metrics.running("precision").threshold == 0.5  # type: ignore[attr-defined]


def test_counts_wait_for_no_device(opencl_device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = tg.engine.numpy
    monkeypatch.setattr(tg.engine, "numpy", lambda node: reads.append(1) or real(node))
    metric = metrics.F1()
    for _ in range(metric.LIMIT - 1):
        metric.add(tg.eye(3, device=opencl_device), tg.arange(3, device=opencl_device))
    assert not reads
    assert metric.result() == 1
    assert reads
