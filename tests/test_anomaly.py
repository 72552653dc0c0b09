"""Origins of nodes, and the anomaly mode: the first NaN or infinity names its op and line."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import Tensor, autograd, engine, graph, nn, optim, origins
from tinygrad_cl.autograd import detect_anomaly, set_detect_anomaly
from tinygrad_cl.errors import AnomalyError

HERE = __file__


def line_of(function: Callable[..., Any], text: str) -> str:
    """`file:number, in function: text` of the line of a function that holds `text`."""
    lines, first = inspect.getsourcelines(function)
    at = next(i for i, line in enumerate(lines) if text in line)
    return f"{HERE}:{first + at}, in {function.__name__}: {lines[at].strip()}"


def leaf(values: Any, device: str) -> Tensor:
    return tg.tensor(np.float32(values), device=device, requires_grad=True)


# --- origins


def softened(x: Tensor) -> Tensor:
    shifted = x - 1
    return tg.softmax(shifted, dim=0)


def test_nothing_is_recorded_unless_it_is_asked_for() -> None:
    init = graph.Node.__init__
    assert origins.of(softened(tg.ones(2)).node) is None
    with origins.recording():
        assert origins.active()
        with origins.recording():
            pass
        assert origins.of(softened(tg.ones(2)).node) is not None
        assert graph.Node.__init__ is not init
    assert not origins.active()
    assert graph.Node.__init__ is init


def test_the_innermost_line_outside_the_library_is_recorded() -> None:
    with origins.recording():
        y = softened(tg.ones(2))
    origin = origins.of(y.node)
    assert origin is not None
    assert str(origin) == line_of(softened, "tg.softmax")
    assert (origin.op, origin.direction, origin.source) == ("softmax", "forward", origin)
    made = {str(origins.of(node)) for node in graph.toposort([y.node], lambda n: n.inputs)}
    assert line_of(softened, "shifted = ") in made
    assert all(HERE in line for line in made)


def test_gradients_name_the_line_of_their_forward_op() -> None:
    def backward() -> Tensor:
        x = tg.ones(2, requires_grad=True)
        with origins.recording():
            loss = softened(x).log().sum()
            loss.backward()
        assert x.grad is not None
        return x.grad

    nodes = graph.toposort([backward().node], lambda n: n.inputs)
    found = [origin for origin in map(origins.of, nodes) if origin and origin.forward]
    assert all(str(origin).startswith(line_of(backward, "loss.backward()")) for origin in found)
    sources = {str(origin.source) for origin in found}
    assert line_of(softened, "tg.softmax") in sources
    assert line_of(backward, "loss = ") in sources
    assert any("<log 2 float32>" in origin.forward.name for origin in found if origin.forward)


def test_lines_in_library_callbacks_are_the_users() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    with origins.recording():
        y = nn.Sequential(Net())(tg.ones(1))
    assert str(origins.of(y.node)).endswith("in forward: return x * 2")


# --- the first NaN or infinity


def test_forward(device: str) -> None:
    def loss(x: Tensor) -> Tensor:
        logs = x.log()
        return (logs * 2).sum()

    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        loss(leaf([0.5, -1.0, 2.0], device)).item()
    error = caught.value
    assert (error.op, error.shape, error.direction) == ("<log 3 float32>", (3,), "forward")
    assert error.line == line_of(loss, "x.log()")
    assert "forward: <log 3 float32> made NaN at 1 of 3 elements, first at (1,)" in str(error)


def test_infinity_in_a_function_of_several_ops(device: str) -> None:
    def ratio(x: Tensor) -> Tensor:
        return tg.div(x, x - x)

    with detect_anomaly(), pytest.raises(AnomalyError, match="made infinity at 2 of 2") as caught:
        ratio(leaf([[1.0, -1.0]], device)).tolist()
    assert caught.value.op == "<div 1x2 float32>"
    assert caught.value.shape == (1, 2)


def test_backward_names_the_forward_op(device: str) -> None:
    def root(x: Tensor) -> Tensor:
        return x.sqrt()

    x = leaf([0.0, 1.0], device)
    with detect_anomaly():
        root(x).sum().backward()
        assert x.grad is not None
        with pytest.raises(AnomalyError) as caught:
            x.grad.tolist()
    error = caught.value
    assert error.direction == "backward"
    assert error.line == line_of(root, "x.sqrt()")
    assert "backward: the gradient rule of <sqrt 2 float32> made" in str(error)
    assert ".backward()" in str(error).splitlines()[-1]


class Vanishing(autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 1

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g / 0.0


def test_backward_of_a_users_function(device: str) -> None:
    x = leaf([1.0], device)
    with detect_anomaly():
        Vanishing.apply(x).sum().backward()
        assert x.grad is not None
        with pytest.raises(
            AnomalyError, match=r"rule of <Vanishing.apply 1 float32> made"
        ) as caught:
            x.grad.item()
    assert "in backward: return g / 0.0" in str(caught.value)
    assert "Vanishing.apply(x)" in caught.value.line


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.sqrt(), "backward: the gradient rule of <sqrt 2 float32> made"),
        (lambda x: x.sqrt() / x, "forward: <div 2 float32>"),
    ],
    ids=["sqrt", "div"],
)
def test_a_masked_value_is_fine_and_its_gradient_is_not(
    device: str, function: Callable[[Tensor], Tensor], message: str
) -> None:
    x = leaf([0.0, 1.0], device)
    with detect_anomaly():
        loss = tg.where(x > 0, function(x), 0.0).sum()
        assert loss.item() == 1
        loss.backward()
        assert x.grad is not None
        with pytest.raises(AnomalyError, match=message):
            x.grad.tolist()


def test_a_whole_training_step(device: str) -> None:
    layer = nn.Linear(2, 2).to(device=device)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    x = tg.ones(1, 2, device=layer.weight.device)

    def step() -> float:
        optimizer.zero_grad()
        loss = (layer(x) * 1e30).square().sum()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    before = layer.weight.tolist()
    with detect_anomaly(), pytest.raises(AnomalyError, match="infinity") as caught:
        step()
    assert caught.value.direction == "forward"
    assert caught.value.line == line_of(step, "square")
    assert before  # read before the step, so it was not changed by what was stopped


def test_given_infinities_are_let_through_and_given_nans_are_not(device: str) -> None:
    mask = tg.tensor([0.0, -math.inf], device=device)
    with detect_anomaly():
        assert tg.softmax(mask, dim=0).tolist() == [1, 0]
        assert tg.where(mask < 0, -math.inf, mask).tolist() == [0, -math.inf]
        given = tg.tensor([1.0, math.nan], device=device)
        with pytest.raises(
            AnomalyError, match="the data of a tensor, 2 float32, hold NaN"
        ) as caught:
            (given * 2).tolist()
        assert "read by <mul 2 float32> at" in str(caught.value)
        with pytest.raises(AnomalyError, match=r"<sub 2 float32> \(in softmax\) made NaN"):
            tg.softmax(-mask, dim=0).tolist()


def test_what_came_before_the_mode_has_no_line(device: str) -> None:
    y = tg.tensor([-1.0], device=device).log()
    with detect_anomaly(), pytest.raises(AnomalyError, match="unknown line, before") as caught:
        y.item()
    assert caught.value.line == ""
    assert math.isnan(y.item()), "outside, the same value can be had"


def test_values_of_an_earlier_plan_are_followed(device: str) -> None:
    x = leaf([-1.0, 4.0], device)
    with detect_anomaly():
        y = tg.where(x > 0, x.log(), 1.0)
        assert y.sum().item() > 2  # the logarithm is kept for the backward pass
        loss = (y * 0 + x.log() * 2).sum()
        with pytest.raises(AnomalyError) as caught:
            loss.item()
    assert caught.value.op == "<log 2 float32>"


def test_integers_and_empty_values_are_fine(device: str) -> None:
    with detect_anomaly():
        assert tg.arange(3, device=device).sum().item() == 3
        assert tg.zeros(0, device=device).log().tolist() == []


# --- the switches


def test_switches_nest_and_cost_nothing_afterwards() -> None:
    assert not autograd.is_anomaly_enabled()
    with detect_anomaly():
        with set_detect_anomaly(False):
            assert not autograd.is_anomaly_enabled()
            assert engine.inspection.results is None
            assert not origins.active()
        assert autograd.is_anomaly_check_nan_enabled()
        with detect_anomaly(check_nan=False):
            assert autograd.is_anomaly_enabled()
            assert not autograd.is_anomaly_check_nan_enabled()
            assert math.isnan(tg.tensor(-1.0).log().item())
        assert engine.inspection.modes == 1
    assert engine.inspection.modes == 0
    assert engine.inspection.results is None
    assert not origins.active()


def test_the_switch_from_now_on() -> None:
    set_detect_anomaly(True)
    try:
        with pytest.raises(AnomalyError):
            tg.tensor(-1.0).log().item()
    finally:
        set_detect_anomaly(False)
    assert math.isnan(tg.tensor(-1.0).log().item())


def test_decorators() -> None:
    @detect_anomaly()
    def checked() -> float:
        return float(tg.tensor(-1.0).log().item())

    @set_detect_anomaly(True)
    def also_checked() -> float:
        return float(tg.tensor(-1.0).log().item())

    assert not autograd.is_anomaly_enabled()
    for function in (checked, also_checked, checked):
        with pytest.raises(AnomalyError):
            function()
    assert not autograd.is_anomaly_enabled()


def test_an_anomaly_leaves_everything_as_it_was(device: str) -> None:
    x = leaf([4.0], device)
    with tg.no_grad():
        x -= 5
    y = x.sqrt()
    with detect_anomaly(), pytest.raises(AnomalyError):
        y.item()
    assert x.item() == -1
    assert math.isnan(y.item())


def test_threads_record_their_own_backward_walks() -> None:
    found: dict[int, str] = {}

    def work(number: int) -> None:
        x = tg.ones(1, device="numpy", requires_grad=True)
        y = x.exp() if number else x.sin()
        y.sum().backward()
        assert x.grad is not None
        origin = origins.of(x.grad.node)
        assert origin is not None
        assert origin.forward is not None
        found[number] = origin.forward.name

    with origins.recording():
        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {0: "<sin 1 float32>", 1: "<exp 1 float32>"}
