"""Cross-entropy with classes: one kernel for the losses and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional.base import wrap
from tinygrad_cl.nn import functional as F
from tinygrad_cl.primitives import cross_entropy as ce

SHAPES = [(1, 1), (5, 3), (40, 10), (17, 16), (33, 65), (9, 1000)]
OPS = {"op": "cross_entropy", "ignore": -100}


def logits(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(shape[0])
    labels = rng.integers(0, shape[1], shape[0])
    labels[1::4] = -100
    return (5 * rng.standard_normal(shape)).astype(np.float32), labels


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_alone_and_with_its_gradient_a_loss_has_the_same_bits(
    device: str, shape: tuple[int, int]
) -> None:
    values, labels = logits(shape)
    x = tg.tensor(values, device=device, requires_grad=True)
    target = tg.tensor(labels, device=device)
    with tg.no_grad():
        alone = F.cross_entropy(x, target, reduction="none").numpy()
    losses = F.cross_entropy(x, target, reduction="none")
    (shares,) = tg.autograd.grad(losses.sum(), [x])
    assert np.array_equal(losses.detach().numpy(), alone)
    wide = values.astype(np.float64)
    p = np.exp(wide - wide.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    known = labels >= 0
    hits = np.arange(shape[1]) == labels[:, None]
    np.testing.assert_allclose(shares.numpy(), (p - hits) * known[:, None], atol=1e-6)
    wanted = -np.log(np.where(known, p[np.arange(shape[0]), labels * known], 1))
    np.testing.assert_allclose(alone, wanted, rtol=2e-5, atol=2e-6)


def test_ignored_rows_give_zero_whatever_they_hold(device: str) -> None:
    values = np.array([[1.0, 2.0], [np.nan, np.inf]], np.float32)
    x = tg.tensor(values, device=device, requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor([1, -100], device=device))
    loss.backward()
    assert np.isclose(loss.item(), np.log1p(np.exp(-1.0)))
    assert x.grad is not None
    assert x.grad.numpy()[1].tolist() == [0.0, 0.0]


def test_labels_that_count_are_counted(device: str) -> None:
    labels = np.array([3, -100, 0, -100, 7] * 301)
    counted = ce.class_count(tg.tensor(labels, device=device).node, ignore=-100, dtype=tg.float32)
    assert wrap(counted).item() == 3 * 301


def test_what_the_primitives_refuse() -> None:
    x, label = tg.zeros(4, 3).node, tg.zeros(4, dtype=tg.int64).node
    with pytest.raises(DTypeError, match=r"labels int64.*use \.float\(\) and \.long\(\)"):
        ce.class_loss(x, tg.zeros(4).node, **OPS)
    with pytest.raises(ShapeError, match=r"labels \(N,\), got \(4, 3\) and \(5,\)"):
        ce.class_share(x, tg.zeros(5, dtype=tg.int64).node, **OPS)
    with pytest.raises(DTypeError, match="class_count: labels must be int64"):
        ce.class_count(x, ignore=-100, dtype=tg.float32)
    assert ce.class_share(x, label, **OPS).shape == (4, 3)
