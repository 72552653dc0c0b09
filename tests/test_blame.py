"""A failed gradient check names the op that is to blame, and the line that called it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import Tensor, autograd, dtypes
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import GradcheckError, Verdict, gradcheck, gradgradcheck


def leaf(*values: float, dtype: str = "float64") -> Tensor:
    return tg.tensor(np.array(values, dtype), device="numpy", requires_grad=True)


class Power(autograd.Function):
    """Forgets the factor of the exponent."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, exponent: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.exponent = exponent
        return x**exponent

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return g * x ** (ctx.exponent - 1), None


class Square(autograd.Function):
    """Right once, and wrong twice: its gradient is cut off from the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * 2 * x.detach()


def model(x: Tensor) -> Tensor:
    inner = x.exp() + 1
    wrong = Power.apply(inner, 3)
    return (wrong.log() * x).sum()


def place(function: Any, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    at = next(i for i, line in enumerate(lines) if text in line)
    return f"{__file__}:{first + at}, in {function.__name__}: {lines[at].strip()}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_users_function_among_others(dtype: str) -> None:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(model, leaf(0.5, -1.0, dtype=dtype))
    report = caught.value.report
    assert report.verdict is Verdict.WRONG
    line = place(model, "Power.apply")
    assert (
        report.blame == f"<Power.apply 2 float64>, the gradient of which is wrong, made at {line}"
    )
    assert f"  op: {report.blame}" in str(caught.value)


def test_the_second_order() -> None:
    def twice(x: Tensor) -> Tensor:
        return Square.apply(x.sin()).sum()

    report = gradcheck(twice, leaf(0.5, 2.0), order=2, raise_exception=False)
    assert report.findings[0].order == 2
    assert report.blame.startswith("<Square.apply 2 float64>")
    assert place(twice, "Square.apply") in report.blame
    again = gradgradcheck(twice, leaf(0.5, 2.0), raise_exception=False)
    assert again.blame == report.blame


def test_a_corner() -> None:
    def hinge(x: Tensor) -> Tensor:
        shifted = x - 1
        return shifted.relu() * x

    report = gradcheck(hinge, leaf(1.0, 3.0), raise_exception=False)
    assert report.verdict is Verdict.KINK
    assert report.blame.startswith("<relu 2 float64>, the gradient of which is kink")
    assert place(hinge, "relu") in report.blame


def test_values_taken_out_of_the_graph() -> None:
    report = gradcheck(lambda x: x * x.detach(), leaf(1.0, 2.0), raise_exception=False)
    assert "every op's own gradient agrees: look for detach()" in report.blame
    report = gradcheck(lambda x: x.detach() * 2, leaf(1.0), raise_exception=False)
    assert report.blame == "no output depends on the inputs: look for detach() and no_grad"


def test_nobody_is_to_blame_for_what_is_right_or_random() -> None:
    assert gradcheck(lambda x: x.exp(), leaf(1.0)).blame == ""
    report = gradcheck(lambda x: x * tg.rand(1, device="numpy"), leaf(1.0), raise_exception=False)
    assert report.verdict is Verdict.NONDETERMINISTIC
    assert report.blame == ""


def test_a_function_that_needs_its_own_device(opencl_device: str) -> None:
    if not get_device(opencl_device).supports(dtypes.float64):
        pytest.skip(f"{opencl_device} has no float64")
    other = tg.tensor(np.float64([2.0, 3.0]), device=opencl_device)
    x = tg.tensor(np.float64([0.5, 1.0]), device=opencl_device, requires_grad=True)
    report = gradcheck(lambda x: Power.apply(x * other, 2), x, raise_exception=False)
    assert report.blame.startswith("<Power.apply 2 float64>")
