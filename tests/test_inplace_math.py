"""In-place forms of elementwise functions: the tensor takes the function's value, and keeps it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl.errors import DTypeError, GradientError
from tinygrad_cl.functional import inplace_math

NAMES = sorted(name[:-1] for name in vars(inplace_math) if name.endswith("_") and name[0] != "_")
VALUES = [0.25, 0.5, 0.75]
OPERANDS = {"lerp": (1.0, 0.5), "addcmul": (0.5, 3.0), "addcdiv": (0.5, 3.0)}


def arguments(name: str, device: str) -> list[tg.Tensor]:
    """The tensor that changes, and as many operands as the function needs."""
    integers = name.startswith("bitwise")
    values = [1, 2, 3] if integers else [1.5, 2.0, 2.5] if name == "acosh" else VALUES
    dtype = tg.float64 if name == "float_power" else None
    parameters = inspect.signature(getattr(tg, name)).parameters.values()
    needed = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    operands = OPERANDS.get(name, (2 if integers else 0.5,) * (needed - 1))
    first = tg.tensor(values, dtype=dtype, device=device)
    return [first, *(tg.full((3,), v, dtype=first.dtype, device=device) for v in operands)]


@pytest.mark.parametrize("name", NAMES)
def test_is_the_function(name: str, device: str) -> None:
    x, *rest = arguments(name, device)
    expected = getattr(tg, name)(x, *rest).to(x.dtype)
    view = x + 0
    changed = getattr(x, f"{name}_")(*rest)
    assert changed is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    np.testing.assert_array_equal(view.numpy(), arguments(name, device)[0].numpy())


@pytest.mark.parametrize("name", NAMES)
def test_is_documented(name: str) -> None:
    method = getattr(tg.Tensor, f"{name}_")
    assert method.__name__ == f"{name}_"
    assert f"`{name}` in place" in inspect.getdoc(method)


def test_gradients_pass_and_leaves_are_kept(device: str) -> None:
    x = tg.tensor(VALUES, device=device, requires_grad=True)
    (x * 2).atan_().sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 2 / (1 + 4 * np.square(VALUES)), rtol=1e-6)
    with pytest.raises(GradientError, match="asin_"):
        x.asin_()
    with pytest.raises(DTypeError, match="exp2_"):
        tg.tensor([1, 2], device=device).exp2_()


def test_shift_operators(device: str) -> None:
    x = tg.tensor([1, 2, -3], device=device)
    assert (x << 2).tolist() == [4, 8, -12]
    assert (x >> 1).tolist() == [0, 1, -2]
    assert (1 << tg.tensor([0, 3], device=device)).tolist() == [1, 8]
    assert (100 >> tg.tensor([0, 3], device=device)).tolist() == [100, 12]
    with pytest.raises(DTypeError, match="<<"):
        tg.tensor([1.0], device=device) << 1
