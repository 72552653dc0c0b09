"""bfloat16 beside PyTorch's: conversions and arithmetic bit for bit, files, weights, training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.dtypes import ALL, dtype, promote

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

Array = np.ndarray[Any, Any]


def bits(value: Any) -> Array:
    """The bits of a bfloat16 tensor of either library; one number for every NaN."""
    if isinstance(value, tg.Tensor):
        found = value.numpy(force=True).view(np.uint16)
    else:
        found = value.detach().contiguous().view(torch.int16).numpy().view(np.uint16)
    return np.where((found & 0x7FFF) > 0x7F80, 0x7FC0, found)


def pair(shape: Any, device: str, seed: int = 0) -> tuple[tg.Tensor, Any]:
    """Equal tensors of random normal numbers in bfloat16."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return tg.tensor(values, device=device).bfloat16(), torch.from_numpy(values).bfloat16()


def any_floats(count: int) -> Array:
    """Floats of all bit patterns alike: tiny, huge, infinite and NaN."""
    words = np.random.default_rng(1).integers(0, 2**32, count, dtype=np.uint32)
    ties = (words & np.uint32(0xFFFF0000)) | np.uint32(0x8000)
    edges = np.array([0, 0x80000000, 0x7F800000, 0xFF800000, 0x7F7F8000, 1], np.uint32)
    return np.concatenate([words, ties, edges]).view(np.float32)


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "int64", "int32", "uint8"])
def test_numbers_become_bfloat16_as_theirs(name: str, device: str) -> None:
    values = any_floats(20000)
    if name != "float32":
        with np.errstate(all="ignore"):
            values = np.random.default_rng(2).normal(0, 100, 20000).astype(name)
    expected = torch.from_numpy(values.copy()).bfloat16()
    assert np.array_equal(bits(tg.tensor(values, device=device).bfloat16()), bits(expected))


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "int64", "uint8", "bool"])
def test_bfloat16_becomes_other_dtypes_as_theirs(name: str, device: str) -> None:
    values = np.random.default_rng(3).uniform(0, 200, 3000).astype(np.float32)
    values = any_floats(3000) if name in ("float32", "float64", "float16") else values
    found = tg.tensor(values, device=device).bfloat16().to(dtype(name)).numpy()
    theirs = torch.from_numpy(values.copy()).bfloat16().to(getattr(torch, name)).numpy()
    np.testing.assert_array_equal(found, theirs)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "minimum"])
def test_arithmetic_has_their_bits(name: str, device: str) -> None:
    (a, ta), (b, tb) = pair((3, 4001), device), pair((3, 4001), device, 1)
    assert np.array_equal(bits(getattr(tg, name)(a, b)), bits(getattr(torch, name)(ta, tb)))
    if name in ("mul", "div"):  # PyTorch rounds the number of a sum on CPUs, and not on GPUs
        assert np.array_equal(bits(getattr(tg, name)(a, 0.3)), bits(getattr(torch, name)(ta, 0.3)))


def test_order_has_their_bits(device: str) -> None:
    a, ta = pair((7, 301), device)
    assert np.array_equal(bits(a.sort(1)[0]), bits(ta.sort(1)[0]))
    assert np.array_equal(bits(a.max(0)[0]), bits(ta.max(0)[0]))
    assert np.array_equal(bits(tg.nan_to_num(a / 0)), bits(torch.nan_to_num(ta / 0)))


def close(ours: tg.Tensor, theirs: Any, rtol: float) -> None:
    assert str(theirs.dtype) == f"torch.{ours.dtype.name}"
    found, meant = ours.float().numpy(force=True), theirs.detach().float().numpy()
    np.testing.assert_allclose(found, meant, rtol=rtol, atol=rtol * np.abs(meant).max())


def test_products_and_layers(device: str) -> None:
    (a, ta), (b, tb) = pair((33, 65), device), pair((65, 48), device, 1)
    close(a @ b, ta @ tb, 0.004)
    (x, tx), (w, tw) = pair((2, 16, 9, 9), device), pair((24, 16, 3, 3), device, 1)
    close(nn.functional.conv2d(x, w, padding=1), torch.conv2d(tx, tw, padding=1), 0.008)
    close(x.softmax(1), tx.softmax(1), 0.008)
    close(x.mean((0, 2)), tx.mean((0, 2)), 0.008)
    close(nn.functional.gelu(x), torch.nn.functional.gelu(tx), 0.008)
    layers = nn.functional.layer_norm(x, (9,)), torch.nn.functional.layer_norm(tx, (9,))
    close(*layers, 0.016)


def test_promotion_is_theirs() -> None:
    for a in ALL:
        for b in ALL:
            theirs = torch.promote_types(getattr(torch, a.name), getattr(torch, b.name))
            assert str(theirs) == f"torch.{promote(a, b).name}"


def test_finfo_is_theirs() -> None:
    for name in ("float16", "bfloat16", "float32", "float64"):
        ours, theirs = tg.finfo(name), torch.finfo(getattr(torch, name))
        for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution"):
            assert getattr(ours, field) == pytest.approx(getattr(theirs, field), rel=1e-12), field
    for name in ("uint8", "int32", "int64"):
        limits = torch.iinfo(getattr(torch, name))
        assert (tg.iinfo(name).min, tg.iinfo(name).max) == (limits.min, limits.max)


def nets(device: str) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3))
    ours = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 3)).to(device)
    return ours, theirs.bfloat16()


def test_weights_go_over(device: str) -> None:
    ours, theirs = nets(device)
    ours.load_state_dict(theirs.state_dict())  # into float32 parameters: nothing is lost
    state = {name: value.bfloat16() for name, value in ours.state_dict().items()}
    ours.bfloat16().load_state_dict(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert np.array_equal(bits(state[name]), bits(value))
        assert np.array_equal(bits(ours.state_dict()[name]), bits(value))
    assert tg.tensor(theirs[0].weight.detach()).dtype is tg.bfloat16


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_files_go_over_and_back(ending: str, tmp_path: Path) -> None:
    _, theirs = nets("numpy")
    state, path = theirs.state_dict(), tmp_path / f"x.{ending}"
    numpy = pytest.importorskip("safetensors.torch") if ending == "safetensors" else None
    if numpy is None:
        torch.save(state, path)
    else:
        numpy.save_file(state, str(path))
    found = tg.io.load(path, "numpy")
    tg.io.save(found, path)
    back = torch.load(path) if numpy is None else numpy.load_file(str(path))
    for name, value in state.items():
        assert found[name].dtype is tg.bfloat16
        assert np.array_equal(bits(found[name]), bits(value))
        assert back[name].dtype is torch.bfloat16
        assert torch.equal(back[name], value)


def test_training_follows_theirs(device: str) -> None:
    ours, theirs = nets(device)
    ours.bfloat16().load_state_dict(theirs.state_dict())
    x, tx = pair((16, 8), device)
    steps = tg.optim.SGD(ours.parameters(), lr=0.25), torch.optim.SGD(theirs.parameters(), lr=0.25)
    for _ in range(5):
        losses = (ours(x).float() ** 2).mean(), (theirs(tx).float() ** 2).mean()
        for loss, step in zip(losses, steps, strict=True):
            step.zero_grad()
            loss.backward()
            step.step()
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=0.03)
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(mine, its, 0.02)


def test_autocast_follows_theirs(device: str) -> None:
    ours, theirs = nets(device)
    theirs.float()
    ours.load_state_dict(theirs.state_dict())
    values = np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32)
    x, tx = tg.tensor(values, device=device), torch.from_numpy(values)
    with tg.autocast("cpu", dtype=tg.bfloat16), torch.autocast("cpu", dtype=torch.bfloat16):
        y, ty = ours(x), theirs(tx)
        close(y, ty, 0.016)
        losses = nn.functional.mse_loss(y, x[:, :3]), torch.nn.functional.mse_loss(ty, tx[:, :3])
        close(*losses, 0.016)
    for loss in losses:
        loss.backward()
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(mine.grad, its.grad, 0.03)
