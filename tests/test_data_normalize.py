"""Normalizers: statistics, constants, undoing, states, arrays and Tensors on every device."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tinygrad_cl as tg
from tinygrad_cl.data import DataLoader, TensorDataset
from tinygrad_cl.data.normalize import DecimalScaling, MinMax, Normalizer, ZScore
from tinygrad_cl.errors import DataError, ShapeError, StateError

KINDS = [ZScore, MinMax, DecimalScaling]
PER = ["feature", "channel", "global"]


def images(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.random((40, 3, 5, 4)) * [[[2]], [[30]], [[400]]] - 1).astype(np.float32)


@pytest.mark.parametrize("per", PER)
def test_zscore_against_numpy(per: Any) -> None:
    x = images()
    dims = {"feature": (0,), "channel": (0, 2, 3), "global": (0, 1, 2, 3)}[per]
    z = ZScore(per).fit_transform(x)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(dims, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(dims, dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("kind", KINDS)
def test_undo(kind: type[Normalizer], per: Any) -> None:
    x = images()
    scaler = kind(per=per).fit(x)
    np.testing.assert_allclose(scaler.undo(scaler.transform(x)), x, rtol=2e-6, atol=1e-4)
    wide = x.astype(np.float64)
    assert scaler.transform(wide).dtype == np.float64
    np.testing.assert_allclose(scaler.undo(scaler.transform(wide)), wide, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_channels_last(kind: type[Normalizer]) -> None:
    x = images()
    first = kind(per="channel").fit_transform(x)
    last = kind(per="channel", channel_dim=-1).fit_transform(x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), first)


def test_constants_do_not_blow_up() -> None:
    x = np.full((1000, 2), 0.1)
    x[:, 1] = np.arange(1000)
    scaler = ZScore().fit(x)
    for part in (x[:300], x[300:], x):  # in pieces too, where rounding leaves a tiny variance
        scaler.partial_fit(part)
    assert (scaler.transform(x)[:, 0] == 0).all()
    assert scaler.transform(np.array([[1.1, 0.0]]))[0, 0] == pytest.approx(1.0)
    assert scaler.std[0] == 1
    assert (MinMax(2, 5).fit(x).transform(x)[:, 0] == 2).all()
    assert (DecimalScaling().fit_transform(np.zeros((3, 1))) == 0).all()
    rare = np.zeros((10_000, 1))
    rare[0] = 1e-3
    assert ZScore(min_std=1e-3).fit(rare).transform(np.ones((1, 1)))[0, 0] == pytest.approx(1, 1e-6)


def test_a_large_mean_costs_no_digits(device: str) -> None:
    x = (1e6 + np.linspace(-1, 1, 1001)[:, None]).astype(np.float32)
    exact = (x.astype(np.float64) - x.mean(dtype=np.float64)) / x.std(dtype=np.float64)
    scaler = ZScore().fit(x)
    np.testing.assert_allclose(scaler.transform(x), exact, atol=1e-5)
    z = scaler.transform(tg.tensor(x, device=device))
    np.testing.assert_allclose(z.numpy(), exact, atol=1e-5)


def test_minmax_range_and_decimal_powers() -> None:
    x = np.array([[-3.0], [1.0], [5.0]])
    assert MinMax(-1, 1).fit_transform(x)[:, 0].tolist() == [-1, 0, 1]
    for largest, divisor in [(0.5, 1), (0.999, 1), (1, 10), (9.99, 10), (1000, 1e4), (999.9, 1e3)]:
        scaled = DecimalScaling().fit_transform(np.array([[-largest]]))
        assert scaled[0, 0] == -largest / divisor
    with pytest.raises(DataError, match="low must be below high"):
        MinMax(1, 1)


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_give_what_the_whole_gives(kind: type[Normalizer], per: Any) -> None:
    x = images()
    whole, pieces = kind(per=per).fit(x), kind(per=per)
    for part in np.split(x, [1, 7, 8, 30]):
        pieces.partial_fit(part)
    loader = DataLoader(TensorDataset(x, np.arange(40)), batch_size=7, device="numpy")
    for other in (pieces, kind(per=per).fit(loader)):
        assert other.count == whole.count
        for name, values in whole.fitted.items():
            np.testing.assert_allclose(other.fitted[name], values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_and_gradients(kind: type[Normalizer], device: str) -> None:
    x = images()
    scaler = kind(per="channel").fit(tg.tensor(x, device=device))
    given = tg.tensor(x, device=device, requires_grad=True)
    z = scaler(given)
    np.testing.assert_allclose(z.detach().numpy(), scaler.transform(x), rtol=1e-6, atol=1e-6)
    assert str(z.device) == device
    z.sum().backward()
    scale = scaler._constants()[1]
    np.testing.assert_allclose(given.grad.numpy(), np.broadcast_to(1 / scale, x.shape), rtol=1e-6)
    np.testing.assert_allclose(scaler.undo(z).detach().numpy(), x, rtol=1e-5, atol=1e-4)
    whole = tg.tensor(np.arange(6, dtype=np.uint8).reshape(2, 3), device=device)
    assert kind(per="global").fit(whole).transform(whole).dtype is tg.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float16])
def test_other_dtypes(dtype: Any) -> None:
    x = np.array([[0, 1], [1, 1], [1, 0]]).astype(dtype)
    z = ZScore().fit_transform(x)
    assert z.dtype == (np.float16 if dtype == np.float16 else np.float32)
    np.testing.assert_allclose(z.astype(float).std(0), 1, rtol=1e-3)


@pytest.mark.parametrize("kind", [lambda: ZScore(min_std=0.5), lambda: MinMax(-2, 3, "channel")])
def test_state_survives_files_and_processes(kind: Any, tmp_path: Path) -> None:
    x = images()
    scaler = kind().fit(x)
    tg.io.save(scaler.state_dict(), tmp_path / "scaler.npz")
    state = tg.io.load(tmp_path / "scaler.npz", device="numpy")
    again = Normalizer.from_state_dict(state)
    assert type(again) is type(scaler)
    assert again.per == scaler.per
    assert again.settings == scaler.settings
    scaler.transform(tg.tensor(x))
    for other in (again, pickle.loads(pickle.dumps(scaler))):
        np.testing.assert_array_equal(other.transform(x), scaler.transform(x))
        other.partial_fit(x + 1)  # goes on where it stopped
        assert other.count == 2 * scaler.count
    unfitted = kind()
    unfitted.load_state_dict(kind().state_dict())
    assert not unfitted.fitted


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "MinMax"},
        {"kind": "Nothing"},
        {"kind": 3},
        {"per": "row"},
        {"count": -1},
        {"count": "3"},
        {"channel_dim": None},
        {"mean": None},
        {"mean": np.zeros(3)},
        {"variance": np.full(2, np.nan)},
        {"min_std": np.inf},
        {"min_std": "0"},
    ],
)
def test_malformed_states(change: dict[str, Any]) -> None:
    state = ZScore().fit(np.arange(6.0).reshape(3, 2)).state_dict()
    kept = ZScore().fit(np.ones((3, 2)))
    with pytest.raises(StateError):
        kept.load_state_dict(state | change)
    assert kept.mean.tolist() == [1, 1]
    if change.get("kind") != "MinMax":
        with pytest.raises(StateError):
            Normalizer.from_state_dict(state | change)


def test_errors() -> None:
    scaler = ZScore()
    with pytest.raises(StateError, match=r"ZScore\.transform: not fitted; call fit"):
        scaler.transform(np.ones(3))
    scaler.fit(np.ones((3, 2)))
    with pytest.raises(ShapeError, match=r"needs data of shape \(N, 2\), got shape \(4, 3\)"):
        scaler.transform(np.ones((4, 3)))
    with pytest.raises(ShapeError, match="batch of shape"):
        scaler.partial_fit(np.ones((4, 3)))
    with pytest.raises(ShapeError, match="3 channels in dim 1"):
        ZScore("channel").fit(images()).transform(images()[:, :2])
    with pytest.raises(ShapeError, match="is no dim behind the first"):
        ZScore("channel").fit(np.ones(3))
    for bad in (np.array([[np.nan]]), np.array([[np.inf]])):
        with pytest.raises(DataError, match="NaN or infinity"):
            MinMax().fit(bad)
    with pytest.raises(DataError, match="too large"):
        ZScore().fit(np.array([[1e200], [-1e200]]))
    with pytest.raises(DataError, match="at least one sample"):
        MinMax().fit(np.zeros((0, 3)))
    with pytest.raises(DataError, match="needs numbers"):
        MinMax().fit(np.array(["a"]))
    with pytest.raises(DataError, match="per must be"):
        ZScore("row")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="needs an array, a Tensor or batches"):
        ZScore().fit(3)


finite = st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False)
shapes = arrays.array_shapes(min_dims=1, max_dims=3, max_side=4)


@given(arrays.arrays(np.float32, shapes, elements=finite), st.sampled_from(KINDS))
def test_any_data_stay_finite(x: np.ndarray, kind: type[Normalizer]) -> None:
    scaler = kind().fit(x)
    z = scaler.transform(x)
    assert np.isfinite(z).all()
    spread = np.abs(x).max(0) + 1e-30
    assert (np.abs(scaler.undo(z) - x) <= 1e-5 * spread).all()
    if kind is DecimalScaling:
        assert (np.abs(z) <= 1).all()
    if kind is MinMax:
        assert (z >= -1e-6).all()
        assert (z <= 1 + 1e-6).all()
