"""The gradient checker itself: every verdict is reached, and wrong gradients are caught."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import Tensor, dtypes, graph, tensor
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.errors import ArgumentError, GradientError
from tinygrad_cl.lowering import Expr
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import (
    GradcheckError,
    Verdict,
    assert_close,
    gradcheck,
    gradgradcheck,
    ulps,
)
from tinygrad_cl.testing.numeric import derivative


@pytest.fixture(autouse=True)
def _needs_float64(request: pytest.FixtureRequest) -> None:
    device = getattr(request.node, "callspec", None) and request.node.callspec.params.get("device")
    if device and not get_device(device).supports(dtypes.float64):
        pytest.skip(f"{device} has no float64")


def leaf(values: Any, device: str = "numpy", dtype: str = "float64") -> Tensor:
    return tensor(np.array(values, dtype), device=device, requires_grad=True)


class WrongCube(tg.autograd.Function):
    """A gradient that is wrong in one element only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        wrong = np.full(x.shape, 3.0)
        wrong.reshape(-1)[4] = 3.3
        return g * x * x * tensor(wrong, device=x.device)


class RightCube(tg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


@pytest.fixture
def planted(device: str) -> Iterator[graph.Primitive]:
    """A primitive like `mul`, of which the second gradient rule uses the wrong input."""
    row = graph.Primitive(
        "planted_mul",
        lambda a, b: a,
        lambda a, b: a * b,
        Expr("{0} * {1}"),
        (lambda g, y, a, b: g * b, lambda g, y, a, b: g * b),
    )
    yield graph.register(row)
    del graph.PRIMITIVES["planted_mul"]


# --- right and wrong


def test_a_users_function_in_one_call(device: str) -> None:
    x, w = leaf(np.random.randn(3, 4), device), leaf(np.random.randn(4, 2), device)
    report = gradcheck(lambda x, w: (x @ w).tanh(), (x, w), order=2)
    assert report.verdict is Verdict.OK
    assert report.checks == 4
    assert "a lambda on" in str(report)
    assert x.grad is None
    assert_close(x.detach(), x.detach())


def test_wrong_function_is_caught(device: str) -> None:
    x = leaf(np.random.randn(2, 4) + 2, device)
    report = gradcheck(WrongCube.apply, (x,), raise_exception=False)
    assert report.verdict is Verdict.WRONG
    element = report.findings[0].element
    assert element is not None
    assert element.index == (1, 0)
    assert abs(element.analytic / element.numeric - 1.1) < 1e-6
    with pytest.raises(GradcheckError, match=r"wrong: input 0, float64 \(2, 4\)") as caught:
        gradcheck(WrongCube.apply, (x,))
    assert "worst element (1, 0)" in str(caught.value)
    assert caught.value.report.verdict is Verdict.WRONG


def test_right_function_passes_twice(device: str) -> None:
    assert gradcheck(RightCube.apply, leaf([0.5, -1.5], device), order=2)


def test_wrong_element_of_a_large_input_is_found() -> None:
    x = leaf(np.random.randn(40, 25) + 2)
    report = gradcheck(WrongCube.apply, (x,), raise_exception=False)
    assert report.findings[0].element is not None
    assert report.findings[0].element.index == (0, 4)


def test_wrong_primitive_is_caught(device: str, planted: graph.Primitive) -> None:
    a, b = leaf([1.0, 2.0, 3.0], device), leaf([-1.0, 0.5, 2.0], device)
    report = gradcheck(lambda a, b: wrap(planted(a.node, b.node)), (a, b), raise_exception=False)
    assert report.verdict is Verdict.WRONG
    assert {finding.input for finding in report.findings} == {1}


def test_wrong_second_derivative_is_caught() -> None:
    class Square(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * 2 * x.detach()

    x = leaf([1.0, -2.0])
    assert gradcheck(Square.apply, x)
    report = gradgradcheck(Square.apply, x, raise_exception=False)
    assert report.verdict is Verdict.WRONG
    assert report.findings[0].order == 2
    assert not gradcheck(Square.apply, x, order=2, raise_exception=False)


def test_missing_gradient_is_caught() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    report = gradcheck(lambda x, w: x * w + w.detach() ** 2, (x, w), raise_exception=False)
    assert report.verdict is Verdict.WRONG
    report = gradcheck(lambda x, w: x * 2 + w.detach() ** 2, (x, w), raise_exception=False)
    assert report.verdict is Verdict.WRONG
    assert "no gradient came back" in report.findings[0].note
    report = gradcheck(lambda x: x.detach() * 2, x, raise_exception=False)
    assert report.verdict is Verdict.WRONG


def test_unused_input_is_right() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert gradcheck(lambda x, w: x * 2, (x, w), order=2)


def test_gradient_that_is_not_finite_is_wrong() -> None:
    report = gradcheck(lambda x: x.abs().sqrt() ** 2, leaf([0.0]), raise_exception=False)
    assert report.verdict is Verdict.WRONG
    assert "not finite" in report.findings[0].note


# --- the other verdicts


def test_kink() -> None:
    report = gradcheck(lambda x: x.relu(), leaf([1.0, 0.0, -1.0]), raise_exception=False)
    assert report.verdict is Verdict.KINK
    assert report.findings[0].element is not None
    assert report.findings[0].element.index == (1,)
    assert "move the inputs off the corner" in str(report)


def test_wrong_gradient_at_a_kink_is_wrong() -> None:
    class Relu(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.relu()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 2

    report = gradcheck(Relu.apply, leaf([0.0]), raise_exception=False)
    assert report.verdict is Verdict.WRONG


def test_kink_nearby_does_not_disturb() -> None:
    assert gradcheck(lambda x: x.relu(), leaf([1e-4, -2e-4, 5e-5]))
    assert gradcheck(lambda x: x.log(), leaf([1e-3, 5e-4, 1.0]), order=2)


def test_imprecise() -> None:
    class Rough(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 3.14159265358979

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 3.1416

    report = gradcheck(Rough.apply, leaf([1.0, 2.0]), raise_exception=False)
    assert report.verdict is Verdict.IMPRECISE
    assert gradcheck(Rough.apply, leaf([1.0, 2.0]), rtol=1e-4)


def test_imprecise_through_a_narrow_dtype() -> None:
    report = gradcheck(
        lambda x: (x.float() * 1.5).double(), leaf([1.1, 2.2]), raise_exception=False
    )
    assert report.verdict is Verdict.IMPRECISE


def test_function_without_values_is_imprecise() -> None:
    report = gradcheck(lambda x: x.log(), leaf([-1.0]), raise_exception=False)
    assert report.verdict is Verdict.IMPRECISE
    assert "no finite value" in report.findings[0].note


def test_nondeterministic_values() -> None:
    report = gradcheck(
        lambda x: x * tg.rand(3, device="numpy"), leaf([1.0, 2, 3]), raise_exception=False
    )
    assert report.verdict is Verdict.NONDETERMINISTIC
    assert "output 0 differs" in str(report)


def test_nondeterministic_gradient() -> None:
    calls = iter(range(100))

    class Drifting(tg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * (1 + next(calls) * 1e-12)

    report = gradcheck(Drifting.apply, leaf([1.0]), raise_exception=False)
    assert report.verdict is Verdict.NONDETERMINISTIC
    assert report.findings[0].input == 0


# --- what may be given


def test_several_outputs_and_other_arguments() -> None:
    x, labels = leaf(np.random.randn(4, 3)), tensor(np.array([0, 2, 1, 1]), device="numpy")
    constant = tensor(np.random.randn(3), device="numpy")

    def function(x: Tensor, labels: Tensor, constant: Tensor, scale: float) -> Any:
        picked = x.gather(1, labels.unsqueeze(1))
        return picked * scale, x.max(1), (x * constant).sum(), x.argmax(1), None

    report = gradcheck(
        lambda *a: [*function(*a)[0:1], *function(*a)[2:]], (x, labels, constant, 2.0)
    )
    assert report
    assert list(report.inputs) == [0]


def test_parameters_reached_in_another_way(device: str) -> None:
    layer = tg.nn.Linear(3, 2, device=device).to(dtype=tg.float64)
    x = leaf(np.random.randn(5, 3), device)
    before = [parameter.detach().numpy().copy() for parameter in layer.parameters()]
    report = gradcheck(lambda x, *parameters: layer(x).tanh(), (x, *layer.parameters()), order=2)
    assert list(report.inputs.values())[3] == "cotangent 0, float64 (5, 2)"
    for parameter, value in zip(layer.parameters(), before, strict=True):
        assert_close(parameter.detach(), value, rtol=0, atol=0)
        assert parameter.requires_grad
        assert parameter.is_leaf


def test_values_that_are_no_leaves() -> None:
    x = leaf([1.0, 2.0])
    middle = x * 2
    assert gradcheck(lambda m: m * m, middle)
    (middle * middle).sum().backward()
    assert_close(x.grad, np.array([8.0, 16.0]))


def test_float32_is_measured_in_float64(device: str) -> None:
    x, w = (
        leaf(np.random.randn(4, 3), device, "float32"),
        leaf(np.random.randn(3), device, "float32"),
    )
    report = gradcheck(lambda x, w: (x * w).exp().sum(1), (x, w), order=2)
    assert "measured on numpy (float64)" in str(report)
    assert x.dtype is tg.float32
    assert not gradcheck(lambda x: x * 1.0 + x.detach() * 0.01, x, raise_exception=False)


def test_float32_that_cannot_leave_its_device_or_dtype() -> None:
    x = leaf(np.random.randn(4, 3), dtype="float32")

    def only_float32(x: Tensor) -> Tensor:
        if x.dtype is not tg.float32:
            raise GradientError("float32 only")
        return x.tanh()

    report = gradcheck(only_float32, x)
    assert str(report).startswith("gradcheck of only_float32 on numpy (float32): ok")

    def wrong(x: Tensor) -> Tensor:
        return only_float32(x) + x.detach()

    assert not gradcheck(wrong, x, raise_exception=False)


def test_float16() -> None:
    x = leaf(np.random.randn(5), dtype="float16")
    assert gradcheck(lambda x: x.tanh(), x)
    assert not gradcheck(lambda x: x * x.detach(), x, raise_exception=False)


def test_empty_and_zero_dimensional_inputs(device: str) -> None:
    assert gradcheck(
        lambda x, s: x * s, (leaf(np.zeros((0, 3)), device), leaf(2.0, device)), order=2
    )


def test_nothing_to_check_is_an_error() -> None:
    x = tensor(np.ones(3), device="numpy")
    with pytest.raises(ArgumentError, match="nothing to check"):
        gradcheck(lambda x: x, x)
    with pytest.raises(ArgumentError, match="nothing to check"):
        gradcheck(lambda x: x, (tensor(np.ones(3, np.int64), device="numpy"), 2.0))


def test_other_bad_arguments() -> None:
    x = leaf([1.0])
    with pytest.raises(ArgumentError, match="order must be 1 or 2"):
        gradcheck(lambda x: x, x, order=3)
    with pytest.raises(ArgumentError, match="directions"):
        gradcheck(lambda x: x, x, directions=0)
    with pytest.raises(GradientError, match="must return a tensor"):
        gradcheck(lambda x: 3.0, x)  # type: ignore[arg-type, return-value]


def test_inputs_are_restored_after_an_error() -> None:
    x = leaf([1.0, 2.0])
    node = x.node

    def fails(x: Tensor) -> Tensor:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        gradcheck(fails, x)
    assert x.node is node


# --- derivatives of plain functions


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (np.exp, 1.0),
        (lambda t: np.sin(3 * t) + 100, 3.0),
        (lambda t: t**5, 0.0),
        (lambda t: 1e6 * t, 1e6),
    ],
)
def test_derivative_is_accurate(function: Any, slope: float) -> None:
    found = derivative(function, float(function(0.0)), 1e-3, 2.3e-16, 1e-12)
    assert not found.kink
    assert abs(found.value - slope) <= 1e-9 * max(1.0, abs(slope))
    assert abs(found.value - slope) <= 100 * found.uncertainty + 1e-15


# --- assert_close


def test_message_names_the_worst_element() -> None:
    actual = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = actual.copy()
    expected[1, 2] += 1e-3
    expected[2, 3] = np.nextafter(np.float32(11), np.float32(12))
    with pytest.raises(AssertionError) as caught:
        assert_close(tensor(actual, device="numpy"), expected, rtol=0, atol=0, name="y")
    text = str(caught.value)
    assert text.startswith("y: values differ at 2 of 12 elements (float32, rtol 0, atol 0)")
    assert "worst at (1, 2): actual 6.0, expected 6.000999927520752" in text
    assert f"{ulps(6.0, float(expected[1, 2]), np.float32)} ULPs" in text


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), "shapes differ: actual (2, 3), expected (3, 2)"),
        (np.ones(2), np.ones(2, np.float32), "dtypes differ: actual float64, expected float32"),
        (np.array([np.nan]), np.array([np.nan]), "actual nan, expected nan"),
        (np.array([np.inf]), np.array([-np.inf]), "actual inf, expected -inf"),
        (np.array([1, 2]), np.array([1, 3]), "worst at (1,): actual 2, expected 3"),
        (np.array([True]), np.array([False]), "actual True, expected False"),
        ([np.ones(1)], [np.ones(1), np.ones(1)], "lengths differ: 1 and 2"),
        ({"a": np.ones(1)}, {"b": np.ones(1)}, "keys differ"),
        ({"a": [np.ones(1)]}, {"a": [np.zeros(1)]}, "['a'][0]: values differ"),
        (np.array(2**62 + 1), np.array(2**62), "values differ"),
    ],
)
def test_differences_are_found(actual: Any, expected: Any, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_close(actual, expected)
    assert message in str(caught.value)


def test_what_is_close_passes() -> None:
    assert_close(np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.0]), equal_nan=True)
    assert_close(np.float32(1), np.float64(1 + 1e-9), check_dtype=False)
    assert_close(tensor([1.0], device="numpy"), [1.0])
    assert_close(np.zeros((0, 3)), np.zeros((0, 3)))
    assert_close((tensor([1], device="numpy"), 2), (np.array([1]), 2))
    assert ulps(-1.0, 1.0, np.float16) == 2 * ulps(0.0, 1.0, np.float16)
