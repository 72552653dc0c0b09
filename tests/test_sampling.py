"""Draws by weight: how often each index comes, and that the same seed gives the same draws."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg

WEIGHTS = np.array([0.0, 1.0, 3.0, 0.0, 6.0], np.float32)
COUNT = 20_000


def test_draws_with_replacement_follow_the_weights(device: str) -> None:
    drawn = tg.multinomial(tg.tensor(WEIGHTS, device=device), COUNT, True).numpy()
    shares = np.bincount(drawn, minlength=5) / COUNT
    assert drawn.dtype == np.int64
    assert (shares[WEIGHTS == 0] == 0).all()
    np.testing.assert_allclose(shares, WEIGHTS / WEIGHTS.sum(), atol=0.02)


def test_first_draws_without_replacement_follow_the_weights(device: str) -> None:
    rows = np.broadcast_to(WEIGHTS, (COUNT, 5))
    drawn = tg.multinomial(tg.tensor(rows, device=device), 3).numpy()
    assert (np.sort(drawn, axis=1) == [1, 2, 4]).all()
    shares = np.bincount(drawn[:, 0], minlength=5) / COUNT
    np.testing.assert_allclose(shares, WEIGHTS / WEIGHTS.sum(), atol=0.02)
    # After index 4, index 2 is three times as likely as index 1.
    seconds = drawn[drawn[:, 0] == 4, 1]
    np.testing.assert_allclose((seconds == 2).mean(), 0.75, atol=0.02)


@pytest.mark.parametrize("replacement", [False, True])
def test_the_same_seed_gives_the_same_draws(device: str, replacement: bool) -> None:
    rows = tg.tensor(np.tile(WEIGHTS + 1, (7, 1)), device=device)
    made = [
        tg.multinomial(rows, 3, replacement, generator=tg.Generator().manual_seed(5)).tolist()
        for _ in range(2)
    ]
    assert made[0] == made[1]
    host = tg.tensor(np.tile(WEIGHTS + 1, (7, 1)), device="numpy")
    there = tg.multinomial(host, 3, replacement, generator=tg.Generator().manual_seed(5))
    assert there.tolist() == made[0]
