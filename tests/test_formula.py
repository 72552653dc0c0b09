"""Formulas: what stands in the graph as one node is what would have been written out."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from structures import leaf

import tinygrad_cl as tg
from tinygrad_cl import dtypes, engine, origins
from tinygrad_cl.autograd.composed import composed
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.capture import Capture
from tinygrad_cl.compiler.simplify import living, simplified
from tinygrad_cl.errors import AnomalyError, DeviceError, GradientError, ShapeError
from tinygrad_cl.formula import CALL, Formula, formula_of
from tinygrad_cl.graph import Node, TensorSpec, scalar
from tinygrad_cl.primitives.elementwise import add, exp, log, mul, sub, tanh
from tinygrad_cl.primitives.matmul import matmul
from tinygrad_cl.primitives.movement import permute, reshape
from tinygrad_cl.primitives.reduce import sum as total

F = tg.nn.functional


def _smooth_node(x: Node, w: Node, *, dim: int) -> Node:
    """Uses an input twice, a constant, a reduction and a product."""
    y = tanh(matmul(x, permute(w, dims=(1, 0)))) * 0.5
    return y * exp(y) + total(y, dim=(dim,), keepdim=True) + 0.5


smooth = composed("smooth", _smooth_node, ("dim",))


def tensors(device: str, *shapes: tuple[int, ...]) -> list[tg.Tensor]:
    rng = np.random.default_rng(0)
    return [
        tg.tensor(rng.normal(size=shape), device=device, requires_grad=True, dtype=tg.float64)
        for shape in shapes
    ]


def signatures(roots: list[Node]) -> list[str]:
    """What the compiler is to compute for nodes."""
    structure = simplified(Capture([n for n in roots if n.buffer is None], False).structure())
    alive = living(structure)
    return sorted(str(v.signature) for at, v in enumerate(structure) if at in alive)


def test_a_composed_primitive_is_one_node_with_the_value_of_its_ops(device: str) -> None:
    x, w = tensors(device, (3, 4), (5, 4))
    y = smooth(x.node, w.node, dim=1)
    assert y.inputs == (x.node, w.node)
    assert y.needs_grad
    assert y.shape == (3, 5)
    assert repr(y) == "<smooth 3x5 float64 dim=1>"
    written = _smooth_node(x.node, w.node, dim=1)
    np.testing.assert_array_equal(wrap(y).tolist(), wrap(written).tolist())


@pytest.mark.parametrize("wanted", [(0,), (1,), (0, 1)])
def test_gradients_and_second_derivatives_are_those_of_its_ops(
    device: str, wanted: tuple[int, ...]
) -> None:
    def derivatives(build: Callable[..., Node]) -> list[list[float]]:
        inputs = tensors(device, (3, 4), (5, 4))
        chosen = [inputs[i] for i in wanted]
        y = wrap(build(*[t.node for t in inputs], dim=0))
        first = tg.autograd.grad((y * y).sum(), chosen, create_graph=True)
        second = tg.autograd.grad(sum((g * g * g).sum() for g in first), chosen)
        return [t.tolist() for t in (*first, *second)]

    for a, b in zip(derivatives(smooth), derivatives(_smooth_node), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_the_same_input_twice_gets_both_cotangents(device: str) -> None:
    (x,) = tensors(device, (4, 4))
    wrap(smooth(x.node, x.node, dim=1)).sum().backward()
    first, x.grad = x.grad, None
    wrap(_smooth_node(x.node, x.node, dim=1)).sum().backward()
    np.testing.assert_allclose(first.tolist(), x.grad.tolist(), rtol=1e-12)
    (g,) = tg.autograd.grad(wrap(smooth(x.node, x.node, dim=1)).sum(), x, create_graph=True)
    (second,) = tg.autograd.grad(g.sum(), x)
    assert np.isfinite(second.tolist()).all()


def test_hooks_and_released_graphs_are_as_with_ops(device: str) -> None:
    x, w = tensors(device, (3, 4), (5, 4))
    hidden = F.linear(x, w)
    hidden.register_hook(lambda g: g * 2)
    hidden.retain_grad()
    loss = F.linear(hidden, tg.ones(2, 5, dtype=tg.float64, device=device)).sum()
    loss.backward()
    assert (hidden.grad.numpy() == 4).all()
    np.testing.assert_allclose(x.grad.numpy(), 4 * np.tile(w.detach().numpy().sum(0), (3, 1)))
    with pytest.raises(GradientError, match="retain_graph"):
        loss.backward()


def test_a_training_step_is_the_structure_of_its_ops(device: str) -> None:
    def step() -> list[str]:
        tg.manual_seed(0)
        net = tg.nn.Sequential(
            *(tg.nn.Conv2d(1, 2, 3), tg.nn.BatchNorm2d(2), tg.nn.ReLU(), tg.nn.Flatten()),
            *(tg.nn.Linear(32, 5), tg.nn.GELU(), tg.nn.LayerNorm(5)),
        ).to(device)
        x = tg.randn(4, 1, 6, 6).to(device).realize()
        y = tg.tensor([0, 1, 2, 3], device=device)
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        grads = [p.grad.node for p in net.parameters()]
        means = [b.node for b in net.buffers() if b.node.buffer is None]
        return signatures([loss.node, *grads, *means])

    composed_step = step()
    with origins.recording():
        written_step = step()
    # Equal constants of formulas are one value, so that more values are equal, and none are added.
    assert not Counter(composed_step) - Counter(written_step)
    heavy = ("<conv", "<matmul", "<exp", "<tanh", "<erf")
    assert [t for t in composed_step if t.startswith(heavy)] == [
        t for t in written_step if t.startswith(heavy)
    ]


def test_what_nobody_asks_for_is_not_computed(device: str) -> None:
    spec = TensorSpec((3,), dtypes.float32)
    formula = Formula.write(lambda a, b: (exp(add(a, b)), log(add(a, b)), b), [spec, spec])
    a, b = (tg.tensor([1.0, 2.0, 3.0], device=device).node for _ in range(2))
    first, second, third = formula((a, b))
    assert third is b, "an output that is an input is that input"
    assert first.inputs == second.inputs
    assert first.inputs[0].primitive is CALL
    assert not any("log" in text for text in signatures([first]))
    np.testing.assert_allclose(wrap(second).tolist(), np.log([2.0, 4.0, 6.0]), rtol=1e-6)
    assert first.buffer is None
    np.testing.assert_allclose(wrap(first).tolist(), np.exp([2.0, 4.0, 6.0]), rtol=1e-6)


def test_inputs_that_are_not_read_are_not_held() -> None:
    spec = TensorSpec((3,), dtypes.float32)
    formula = Formula.write(lambda a, b, c: mul(c, 2.0 * a), [spec] * 3)
    a, b, c = leaf(3), leaf(3), leaf(3)
    (made,) = formula((a, b, c))
    assert formula.is_single
    assert made.inputs == (a, c)


def test_equal_results_of_two_calls_are_two_values(device: str) -> None:
    x = tg.tensor([[1.0, 2.0]], device=device)
    first, second = F.softmax(x, 1), F.softmax(x, 1)
    inner = x.exp()
    engine.realize([first.node, second.node, inner.node])
    assert first.node.buffer is not second.node.buffer
    assert first.tolist() == second.tolist()


def test_numbers_may_differ_from_call_to_call(device: str) -> None:
    spec = TensorSpec((), dtypes.float32)
    formula = Formula.write(lambda a, n: sub(a * 3, n), [spec, spec])
    x = tg.tensor(1.0, device=device).node
    made = [formula((x, scalar(n, dtypes.float32)))[0] for n in (1.0, 2.0)]
    assert [wrap(node).item() for node in made] == [2.0, 1.0]


def test_a_formula_is_written_once_and_errors_come_at_the_call() -> None:
    x, w = leaf(3, 4), leaf(5, 4)
    assert formula_of(smooth(x, w, dim=1).signature) is formula_of(smooth(x, w, dim=1).signature)
    for _ in range(2):
        with pytest.raises(ShapeError, match="matmul"):
            smooth(x, leaf(5, 3), dim=1)


def test_values_of_two_devices_do_not_meet_in_a_formula(opencl_device: str) -> None:
    spec = TensorSpec((1,), dtypes.float32)
    formula = Formula.write(lambda a, b: (add(a, b),), [spec, spec])
    a, b = tg.ones(1, device="numpy").realize(), tg.ones(1, device=opencl_device).realize()
    with pytest.raises(DeviceError, match="move the net first"):
        formula((a.node, b.node))


def test_anomalies_are_found_behind_formulas(device: str) -> None:
    spec = TensorSpec((2,), dtypes.float32)
    formula = Formula.write(lambda a, b: (log(a), add(a, b)), [spec, spec])
    a = tg.tensor([-1.0, 1.0], device=device)
    made = [wrap(node) for node in formula((a.node, a.node))]
    with tg.autograd.detect_anomaly(), pytest.raises(AnomalyError, match="part"):
        made[0].tolist()
    twice = composed("twice_log", lambda x: log(x) * 2.0)
    with tg.autograd.detect_anomaly():
        value = wrap(twice(a.node))  # written out while lines are recorded
        with pytest.raises(AnomalyError, match="<log 2 float32>"):
            value.tolist()


def test_views_inside_formulas_cost_nothing(device: str) -> None:
    spec = TensorSpec((2, 3), dtypes.float32)
    formula = Formula.write(lambda a: (reshape(a, shape=(6,)), permute(a, dims=(1, 0))), [spec])
    x = tg.tensor(np.arange(6.0).reshape(2, 3), dtype=tg.float32, device=device)
    flat, turned = (wrap(node) for node in formula((x.node,)))
    assert flat.tolist() == [0, 1, 2, 3, 4, 5]
    assert turned.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_collector_is_paused_while_a_plan_is_made_and_no_longer() -> None:
    def fail() -> None:
        assert not gc.isenabled()
        raise KeyError

    assert gc.isenabled()
    with pytest.raises(KeyError), engine._collector_paused():
        fail()
    assert gc.isenabled()
    gc.disable()
    try:
        with engine._collector_paused():
            pass
        assert not gc.isenabled(), "who has switched it off keeps it off"
    finally:
        gc.enable()
