"""Operands that lie across the order of the result, turned in tiles: against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg

ORDERS = [
    ((33, 70), (1, 0)),
    ((16, 16), (1, 0)),
    ((70, 300), (1, 0)),
    ((5, 7, 9), (2, 1, 0)),
    ((4, 16, 3, 50), (0, 2, 3, 1)),
    ((4, 30, 31, 17), (3, 1, 0, 2)),
    ((100, 3), (1, 0)),
    ((3, 100), (1, 0)),
    ((1024, 37), (1, 0)),  # lines of the result's rows share a set of the cache
]
DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "bool")


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_turned(dtype: str, device: str) -> None:
    rng = np.random.default_rng(0)
    for shape, order in ORDERS:
        values = (rng.standard_normal(shape) * 50).astype(dtype)
        turned = tg.tensor(values, device=device).permute(*order) + 0
        expected = values.transpose(order) + (0 if dtype != "bool" else False)
        np.testing.assert_array_equal(turned.numpy(), expected, err_msg=f"{shape} {order}")


@pytest.mark.parametrize(("shape", "order"), ORDERS)
def test_crossed_and_straight_operands_meet(
    shape: tuple[int, ...], order: tuple[int, ...], device: str
) -> None:
    rng = np.random.default_rng(1)
    a, b, c, d = (rng.standard_normal(shape).astype(np.float32) for _ in range(4))
    straight = rng.standard_normal(a.transpose(order).shape).astype(np.float32)
    x, y, z, w = (tg.tensor(v, device=device).permute(*order) for v in (a, b, c, d))
    s = tg.tensor(straight, device=device)
    result = x * s + y.relu() - z * s[..., :1] + w
    turned = [v.transpose(order) for v in (a, b, c, d)]
    expected = turned[0] * straight + np.maximum(turned[1], 0) - turned[2] * straight[..., :1]
    np.testing.assert_allclose(result.numpy(), expected + turned[3], rtol=1e-5, atol=1e-5)


def test_rows_of_every_length_reach_their_place(device: str) -> None:
    rng = np.random.default_rng(2)
    for shape in ((3, 5, 7, 9), (2, 1, 40, 17), (6, 33)):
        x, bias = rng.standard_normal(shape), rng.standard_normal((*shape[:-1], 1))
        x, bias = x.astype(np.float32), bias.astype(np.float32)
        moved = np.swapaxes(x, 0, -2)
        result = tg.tensor(x, device=device).transpose(0, -2) * 2
        np.testing.assert_array_equal(result.numpy(), moved * 2)
        np.testing.assert_array_equal(
            (tg.tensor(x, device=device) + tg.tensor(bias, device=device)).numpy(), x + bias
        )


@pytest.mark.parametrize("shape", [(4100, 1030), (5_000_001,)])
def test_results_too_large_for_a_cache_are_whole(shape: tuple[int, ...], device: str) -> None:
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    given = tg.tensor(x, device=device)
    np.testing.assert_array_equal((given * 2).numpy(), x * 2)
    np.testing.assert_array_equal((given[..., 3:] * 2).numpy(), x[..., 3:] * 2)
    np.testing.assert_array_equal((given > 0).numpy(), x > 0)
    if len(shape) == 2:
        np.testing.assert_array_equal((given.transpose(0, 1) * 2).numpy(), x.T * 2)
