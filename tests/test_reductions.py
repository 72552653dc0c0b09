"""Reductions: sums of floats that are right, and every way in which the work is divided."""

from __future__ import annotations

import numpy as np
import pytest
from structures import names

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F

MILLION = 1_000_000


@pytest.mark.parametrize("count", [1000, 65_537, MILLION, MILLION + 3])
def test_sum_of_equal_terms(opencl_device: str, count: int) -> None:
    """Each term rounds the same way: what one running sum loses grows with the count."""
    x = tg.full((count,), 0.1, device=opencl_device)
    exact = float(np.float32(0.1)) * count
    assert abs(x.sum().item() / exact - 1) < 3e-7
    assert abs(x.mean().item() / float(np.float32(0.1)) - 1) < 3e-7


def test_sums_down_columns(opencl_device: str) -> None:
    x = tg.full((200_000, 3), 0.1, device=opencl_device)
    exact = float(np.float32(0.1)) * 200_000
    np.testing.assert_allclose(x.sum(0).numpy(), exact, rtol=3e-7)


def test_variance_far_from_zero(opencl_device: str) -> None:
    x = np.random.default_rng(0).standard_normal(MILLION).astype("float32") + 100
    found = tg.tensor(x, device=opencl_device).var().item()
    assert abs(found / x.astype("float64").var(ddof=1) - 1) < 1e-6


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinities_stay(opencl_device: str, value: float) -> None:
    x = np.ones((3, 5000), "float32")
    x[1, 7] = value
    wide = tg.tensor(x, device=opencl_device)
    assert np.array_equal(wide.sum(1).numpy(), [5000, value, 5000], equal_nan=True)
    assert np.array_equal(wide.T.sum(0).numpy(), [5000, value, 5000], equal_nan=True)
    assert tg.full((70_000,), 3e38, device=opencl_device).sum().item() == np.inf


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("columns", [7, 32, 65, 1000])
def test_extremes_of_rows(opencl_device: str, value: float, columns: int) -> None:
    """A NaN wins wherever it stands, and only in its own row."""
    x = np.random.default_rng(columns).standard_normal((35, columns)).astype("float32")
    for r in range(0, 35, 3):
        x[r, r * 29 % columns] = value
    x[34] = value
    given = tg.tensor(x, device=opencl_device)
    for fold, meaning in ((tg.amax, np.max), (tg.amin, np.min)):
        np.testing.assert_array_equal(fold(given, 1).numpy(), meaning(x, axis=1))


@pytest.mark.parametrize("columns", [7, 65, 1000])
def test_a_row_alone_has_the_same_bits(opencl_device: str, columns: int) -> None:
    """The lanes of many rows are folded at once, in the order in which those of one are."""
    x = np.random.default_rng(0).standard_normal((21, columns)).astype("float32")
    whole = tg.tensor(x, device=opencl_device).sum(1).numpy()
    alone = [tg.tensor(x[r : r + 1], device=opencl_device).sum(1).item() for r in range(21)]
    assert whole.tolist() == alone


# Rows of many, some and few registers, whole and not; few results of long folds, and many.
SHAPES = [(40, 16 * 70 + 5), (40, 16 * 5), (40, 37), (3000, 100), (2, 90_001), (7, 5, 6, 9), (5, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_every_fold(opencl_device: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(-5, 6, shape)
    folds = [tg.sum, tg.amax, tg.amin]
    for dims in [(0,), (1,), (len(shape) - 1,), tuple(range(0, len(shape), 2)), None]:
        for fold, meaning in zip(folds, (np.sum, np.max, np.min), strict=True):
            for dtype in ("float32", "int32"):
                given = tg.tensor(x.astype(dtype), device=opencl_device)
                found = fold(given) if dims is None else fold(given, dims)
                np.testing.assert_array_equal(found.numpy(), meaning(x, axis=dims))


def test_the_gradient_of_batch_norm_takes_two_sums(device: str) -> None:
    """All rules of one op share them, and the statistics are not taken again."""
    x, w, b, g = (tg.randn(*shape, device=device) for shape in [(4, 3, 5), (3,), (3,), (4, 3, 5)])
    leaves = [t.requires_grad_() for t in (x, w, b)]
    y = F.batch_norm(x, None, None, w, b, training=True)
    grads = tg.autograd.grad(y, leaves, g, retain_graph=True)

    def sums(*tensors: tg.Tensor) -> int:
        return names(*(t.node for t in tensors)).count("sum")

    assert sums(y) == 2
    assert sums(y, *grads) == 4
