"""Measured gradients against known ones, and two small layers: on every device."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import nn
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.testing import numeric_derivative, numeric_gradient

pytestmark = pytest.mark.usefixtures("default_device")


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 2e-3)])
def test_derivatives_of_elementwise_functions(dtype: type, tolerance: float) -> None:
    x = np.linspace(-2, 2, 7).astype(dtype)
    found = numeric_derivative(tg.sin, x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.cos(x), atol=tolerance)
    np.testing.assert_allclose(numeric_derivative(lambda x: x * x, x, 0.1), 2 * x, atol=tolerance)


def test_gradients_of_inputs_and_parameters() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, dtype=tg.float64), nn.Tanh())
    x = tg.tensor(rng.normal(size=(2, 3)), requires_grad=True)
    weight = net[0].weight
    before = weight.tolist()
    net(x).square().sum().backward()
    for tensor in (x, weight):
        found = numeric_gradient(lambda: net(x).square(), tensor)
        assert tensor.grad is not None
        np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-6, atol=1e-8)
    assert weight.tolist() == before
    assert weight.requires_grad


def test_the_old_values_come_back_after_an_error() -> None:
    x, calls = tg.ones(2), []

    def fail() -> tg.Tensor:
        calls.append(x.tolist())
        raise KeyError("mine")

    with pytest.raises(KeyError):
        numeric_gradient(fail, x)
    assert calls[0] != [1.0, 1.0]
    assert x.tolist() == [1.0, 1.0]


def test_what_cannot_be_measured() -> None:
    with pytest.raises(DTypeError, match="needs a float dtype, got int64"):
        numeric_gradient(lambda: tg.ones(1), tg.zeros(1, dtype=tg.int64))
    with pytest.raises(ShapeError, match="not elementwise"):
        numeric_derivative(lambda x: x.sum(), np.ones(2))


def test_a_binary_step_has_no_gradient() -> None:
    x = tg.tensor([-1.0, -0.0, 0.5, 3.0])
    assert nn.BinaryStep()(x).tolist() == [0, 1, 1, 1]
    assert nn.BinaryStep(0.5)(x.double()).dtype == tg.float64
    assert repr(nn.BinaryStep(2)) == "BinaryStep(threshold=2)"
    assert not nn.BinaryStep()(tg.ones(2, requires_grad=True)).requires_grad
    np.testing.assert_array_equal(numeric_derivative(nn.BinaryStep(), np.array([-1.0, 1.0])), 0)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_global_pools(dims: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)[: dims + 2]).astype(np.float32)
    over = tuple(range(2, dims + 2))
    for kind, wanted in (("Avg", x.mean(over)), ("Max", x.max(over))):
        make = getattr(nn, f"Global{kind}Pool{dims}d")
        np.testing.assert_allclose(make()(tg.tensor(x)).numpy(), wanted, rtol=1e-5, atol=1e-6)
        assert make(keepdim=True)(tg.tensor(x)).shape == (2, 3, *[1] * dims)
        assert make()(tg.tensor(x[0])).shape == (3,)
        for shape in ((3,) * dims, (2, 3, *[1] * (dims - 1), 0), (1,) * (dims + 3)):
            with pytest.raises(ShapeError, match=f"Global{kind}Pool{dims}d: needs"):
                make()(tg.zeros(*shape))
