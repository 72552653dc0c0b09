"""Random numbers: the same bits on every device, distributions, streams that can be repeated."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import tensor
from tinygrad_cl.errors import ShapeError, TinygradError
from tinygrad_cl.runtime.device import get_device

COUNT = 40_000


def drawn(function: Any, *args: Any, **options: Any) -> np.ndarray:
    tg.manual_seed(3)
    return np.array(function(*args, **options).numpy())


def moments(x: np.ndarray, mean: float, std: float) -> None:
    """Mean and deviation within five standard errors."""
    n = x.size
    assert abs(x.mean() - mean) < 5 * std / np.sqrt(n)
    assert abs(x.std() - std) < 5 * std / np.sqrt(n)


def test_same_bits_as_numpy(opencl_device: str) -> None:
    for function in (tg.rand, lambda *s, device: tg.randint(0, 10**9, s, device=device)):
        there = drawn(function, 3, 1001, device=opencl_device)
        here = drawn(function, 3, 1001, device="numpy")
        assert there.tobytes() == here.tobytes()
    there, here = (drawn(tg.randn, 3, 1001, device=d) for d in (opencl_device, "numpy"))
    assert np.abs(there - here).max() < 2e-6 * 6


@pytest.mark.parametrize("position", [0, 1, 6, 2**33 - 3, 2**63 - 9, -7])
def test_numbers_anywhere_in_a_stream(opencl_device: str, position: int) -> None:
    """Kernels draw blocks of numbers and keep what is left; rows begin in the middle of blocks."""

    def numbers(device: str) -> list[bytes]:
        made = []
        for view in (lambda x: x, lambda x: x.T, lambda x: x[:, 3:], lambda x: x[:, ::2]):
            generator = tg.Generator()
            generator.set_state((5, position))
            x = view(tg.rand(37, 65, generator=generator, device=device))
            y = tg.rand(*x.shape, generator=generator, device=device)
            made.append((x + 2 * y).numpy().tobytes())
        return made

    assert numbers(opencl_device) == numbers("numpy")


def test_only_the_default_generator_starts_by_chance() -> None:
    program = "import tinygrad_cl as tg; print(tg.initial_seed(), tg.Generator().initial_seed())"
    first, second = (
        subprocess.check_output([sys.executable, "-c", program], text=True).split()
        for _ in range(2)
    )
    assert first[0] != second[0]
    assert first[1] == second[1] == "0"


def test_uniform(device: str) -> None:
    x = drawn(tg.rand, COUNT, device=device)
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() < 1
    moments(x, 0.5, np.sqrt(1 / 12))
    counts, _ = np.histogram(x, 20, (0, 1))
    assert (
        (counts - COUNT / 20) ** 2 / (COUNT / 20)
    ).sum() < 50  # chi-squared, 19 degrees of freedom


def test_normal(device: str) -> None:
    x = drawn(tg.randn, COUNT, device=device)
    moments(x, 0, 1)
    assert abs((x**3).mean()) < 5 * np.sqrt(15 / COUNT)
    assert abs((x**4).mean() - 3) < 5 * np.sqrt(96 / COUNT)
    moments(drawn(tg.normal, 5.0, 2.0, (COUNT,), device=device), 5, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform_never_reaches_one(dtype: str, device: str) -> None:
    if not get_device(device).supports(tg.dtypes.dtype(dtype)):
        pytest.skip(f"{device} has no {dtype}")
    x = drawn(tg.rand, COUNT, dtype=dtype, device=device)
    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1


def test_integers(device: str) -> None:
    x = drawn(tg.randint, -3, 4, (COUNT,), device=device)
    assert x.dtype == np.int64
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == list(range(-3, 4))
    assert ((counts - COUNT / 7) ** 2 / (COUNT / 7)).sum() < 30
    wide = drawn(tg.randint, 0, 2**40, (COUNT,), device=device)
    assert 0 <= wide.min() < 2**35
    assert 2**40 - 2**35 < wide.max() < 2**40
    with pytest.raises(ShapeError, match="range"):
        tg.randint(3, 3, (2,), device=device)


def test_permutations(device: str) -> None:
    x = drawn(tg.randperm, 100, device=device)
    assert sorted(x.tolist()) == list(range(100))
    assert x.tolist() != list(range(100))
    assert drawn(tg.randperm, 0, device=device).shape == (0,)


def test_streams(device: str) -> None:
    tg.manual_seed(1)
    first, second = tg.rand(10, device=device), tg.rand(10, device=device)
    tg.manual_seed(1)
    both = tg.rand(20, device=device)
    assert both.tolist() == first.tolist() + second.tolist()
    own = tg.Generator(1)
    assert tg.rand(10, generator=own, device=device).tolist() == first.tolist()
    state = own.get_state()
    again = tg.rand(3, generator=own, device=device).tolist()
    assert tg.rand(3, generator=own.set_state(state), device=device).tolist() == again
    assert tg.rand(10, generator=tg.Generator(2), device=device).tolist() != first.tolist()


def test_values_do_not_depend_on_when_they_are_computed(device: str) -> None:
    tg.manual_seed(5)
    a, b = tg.rand(4, device=device), tg.rand(4, device=device)
    late = b.tolist(), a.tolist()
    tg.manual_seed(5)
    assert (tg.rand(4, device=device).tolist(), tg.rand(4, device=device).tolist()) == late[::-1]


def test_like(device: str) -> None:
    x = tensor(np.zeros((3, 5), np.float32), device=device)
    for function in (tg.rand_like, tg.randn_like):
        y = function(x)
        assert (y.shape, y.dtype, y.device) == (x.shape, x.dtype, x.device)
        assert len(set(y.numpy().ravel().tolist())) == 15


def test_bernoulli(device: str) -> None:
    p = tensor(np.full(COUNT, 0.3, np.float32), device=device)
    x = drawn(tg.bernoulli, p)
    assert set(np.unique(x)) == {0.0, 1.0}
    moments(x, 0.3, np.sqrt(0.21))


def test_in_place(device: str) -> None:
    x = tg.zeros(COUNT, device=device)
    tg.manual_seed(0)
    moments(x.uniform_(-1, 3).numpy(), 1, 4 / np.sqrt(12))
    moments(x.normal_(2, 0.5).numpy(), 2, 0.5)


def test_dropout(device: str) -> None:
    tg.manual_seed(0)
    x = tensor(np.ones(COUNT, np.float32), device=device, requires_grad=True)
    y = F.dropout(x, 0.25)
    y.sum().backward()
    values = y.detach().numpy()
    assert np.allclose(np.unique(values), [0, 4 / 3])
    assert x.grad is not None
    assert np.array_equal(x.grad.numpy(), values)
    moments((values == 0).astype(np.float64), 0.25, np.sqrt(0.25 * 0.75))
    assert np.array_equal(F.dropout(x, 0.25, training=False).detach().numpy(), np.ones(COUNT))
    assert not F.dropout(x, 1.0).detach().numpy().any()
    with pytest.raises(TinygradError, match="between 0 and 1"):
        F.dropout(x, 1.5)


def test_dropout2d_drops_channels(device: str) -> None:
    tg.manual_seed(0)
    y = F.dropout2d(tensor(np.ones((8, 50, 3, 4), np.float32), device=device), 0.4).numpy()
    channels = y.reshape(400, 12)
    assert (channels == channels[:, :1]).all()
    assert 100 < (channels[:, 0] == 0).sum() < 220
