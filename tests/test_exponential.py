"""The exponential of registers: its accuracy, and what is too large, too small or not finite."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl.runtime.base import Device

ULPS = 2.5


@pytest.mark.parametrize(("least", "most"), [(-87.3, 88.7), (-16.0, 16.0), (-1.0, 1.0)])
def test_it_is_as_near_as_said(device: Device, least: float, most: float) -> None:
    x = np.random.default_rng(0).uniform(least, most, 100_003).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    found = tg.tensor(x, device=device).exp().numpy()
    assert (np.abs(found - exact) / np.spacing(exact.astype(np.float32))).max() < ULPS


def test_denormal_results_lose_no_more_than_the_last_bit(device: Device) -> None:
    x = np.linspace(-104, -87.4, 4001, dtype=np.float32)
    found = tg.tensor(x, device=device).exp().numpy()
    assert np.abs(found - np.exp(x.astype(np.float64))).max() <= 2e-45


def test_what_no_float_holds(device: Device) -> None:
    low = [-104.5, -150.0, -1e3, -1e10, -1e30, -3.4e38, -np.inf]
    high = [88.73, 89.0, 128.0, 1e3, 1e10, 1e30, 3.4e38, np.inf]
    x = np.array([*low, 0.0, -0.0, 1e-40, *high], np.float32)
    found = tg.tensor(x, device=device).exp().numpy()
    assert found.tolist() == [0.0] * len(low) + [1.0] * 3 + [np.inf] * len(high)


def test_every_nan_stays_one(device: Device) -> None:
    bits = np.array([0x7FC00000, 0xFFC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001], np.uint32)
    assert tg.tensor(np.tile(bits.view(np.float32), 7), device=device).exp().isnan().all().item()
