"""The shadow mode: right kernels pass, planted wrong ones are caught with their line."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import Tensor, dtypes, engine, nn, optim, origins
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.compiler.structure import FREE, WANTED, Structure, Value
from tinygrad_cl.compiler.watching import watching
from tinygrad_cl.errors import DivergenceError
from tinygrad_cl.graph import PRIMITIVES, Primitive, apply, register
from tinygrad_cl.lowering import Expr
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import bounds, shadow

RNG = np.random.default_rng(0)


def floats(*shape: int, device: str, dtype: str = "float32", grad: bool = False) -> Tensor:
    return tg.tensor(RNG.standard_normal(shape).astype(dtype), device=device, requires_grad=grad)


# --- planted faults


@pytest.fixture
def planted(request: pytest.FixtureRequest) -> Iterator[Primitive]:
    """A primitive that doubles, with the kernel text of the parameter."""
    row = Primitive(
        "planted_double",
        lambda a: a,
        lambda a: a * a.dtype.type(2),
        Expr(request.param),
        (lambda g, y, a: g * 2,),
    )
    yield register(row)
    del PRIMITIVES["planted_double"]


def double(x: Tensor) -> Tensor:
    return wrap(apply(PRIMITIVES["planted_double"], (x.node,)))


@pytest.mark.parametrize("planted", ["{0} * 2.001f"], indirect=True)
def test_a_wrong_kernel_is_caught(opencl_device: str, planted: Primitive) -> None:
    def model(x: Tensor) -> Tensor:
        larger = double(x)
        return larger + 1

    x = tg.tensor(np.float32([[0.0, 1.0, -3.0]]), device=opencl_device)
    with shadow(), pytest.raises(DivergenceError) as caught:
        model(x).tolist()
    error = caught.value
    assert set(error.ops) >= {"planted_double", "add"}
    assert error.shape == (1, 3)
    assert error.absolute == pytest.approx(0.003, rel=1e-3)
    assert error.ulps == pytest.approx(0.003 / np.spacing(np.float32(5)), rel=1e-2)
    _, first = inspect.getsourcelines(model)
    assert error.line == f"{__file__}:{first + 2}, in model: return larger + 1"
    assert 'in double: return wrap(apply(PRIMITIVES["planted_double"]' in str(error)
    assert "at (0, 2)" in str(error)
    assert "2 of 3 elements differ by more than rounding" in str(error)
    assert "1x3 float32" in str(error)


@pytest.mark.parametrize("planted", ["{0} * 2.001f"], indirect=True)
def test_the_first_wrong_kernel_stops(opencl_device: str, planted: Primitive) -> None:
    x = floats(4, 4, device=opencl_device)
    with shadow() as seen, pytest.raises(DivergenceError, match="planted_double"):
        ((double(x) @ x) @ x).tolist()
    assert "matmul" not in seen.ops


@pytest.mark.parametrize("planted", ["{0} * 2.0f"], indirect=True)
def test_the_right_kernel_passes(opencl_device: str, planted: Primitive) -> None:
    with shadow() as seen:
        double(floats(4, device=opencl_device)).tolist()
    assert seen.ops["planted_double"] == 1
    assert seen.ulps == 0


@pytest.mark.parametrize("planted", ["({0} > 1.0f) ? {0} * 2.0f : 0.0f"], indirect=True)
def test_nan_in_one_place_only(opencl_device: str, planted: Primitive) -> None:
    x = tg.tensor(np.float32([np.nan]), device=opencl_device)
    with shadow(), pytest.raises(DivergenceError, match=r"0\.0, reference nan") as caught:
        double(x).item()
    assert caught.value.absolute == np.inf


@pytest.mark.parametrize("planted", ["{0} * 2.001f"], indirect=True)
def test_gradients_name_their_forward_op(opencl_device: str, planted: Primitive) -> None:
    def loss(x: Tensor) -> Tensor:
        squares = x * x
        return squares.sum()

    x = floats(3, device=opencl_device, grad=True)
    with shadow():
        loss(x).backward()
        assert x.grad is not None
        with pytest.raises(DivergenceError) as caught:
            double(x.grad).tolist()
    assert "with values made at" in str(caught.value)
    assert "in loss: squares = x * x" in str(caught.value)


@pytest.mark.parametrize("planted", ["{0} * 2.001f"], indirect=True)
def test_what_was_stopped_runs_again(opencl_device: str, planted: Primitive) -> None:
    """No buffer of an interrupted plan has been overwritten."""
    weight = tg.tensor(np.float32([1.0, 2.0]), device=opencl_device)
    for _ in range(2):
        with tg.no_grad():
            weight -= 0.5
        weight.realize()
    with tg.no_grad():
        weight -= 0.25
    wrong = double(weight)
    with shadow(), pytest.raises(DivergenceError):
        engine.realize([weight.node, wrong.node])
    assert weight.tolist() == [-0.25, 0.75]


# --- what passes


def test_a_training_step_of_every_kind_of_kernel(opencl_device: str) -> None:
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 16, 8),
        nn.LayerNorm(8),
        nn.Dropout(0.2),
        nn.Linear(8, 3),
    ).to(device=opencl_device)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x, y = floats(4, 1, 8, 8, device=opencl_device), tg.tensor([0, 1, 2, 0], device=opencl_device)
    losses = []
    with shadow() as seen:
        for _ in range(2):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[1] < losses[0]
    assert seen.kernels > 20
    assert 0 < seen.share < 1
    kinds = {"conv2d", "conv2d_weight_grad", "max_pool2d", "max_pool2d_grad", "matmul", "sum"}
    assert kinds <= seen.ops.keys()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_cancellation_and_thresholds_are_rounding(opencl_device: str, dtype: str) -> None:
    if not get_device(opencl_device).supports(dtypes.dtype(dtype)):
        pytest.skip(f"{opencl_device} has no {dtype}")
    x = floats(5000, device=opencl_device, dtype=dtype)
    with shadow() as seen:
        ((x.exp().log() - x) * 1e3).tolist()
        (x.exp().log() > x).tolist()
        tg.floor(x.exp().log() + 3 - x).tolist()
        (x.exp().log() - x).argmax().item()
        tg.where(x.sin() > x.cos(), x * x * x, 1 / x).sum().item()
    assert seen.ops["log"] == 4
    assert seen.share <= 1  # 1: a threshold was met on the one side and not on the other


@pytest.mark.parametrize("shape", [(300000,), (70000, 3), (3, 70000)])
def test_long_sums_of_equal_terms_are_rounding(opencl_device: str, shape: tuple[int, ...]) -> None:
    x = tg.full(shape, 0.1, device=opencl_device).realize()
    with shadow() as seen:
        x.sum(0).tolist()
        x.sum(-1).tolist()
        if x.ndim == 2 and shape[0] == 3:
            (x @ x.T).tolist()
    assert seen.share < 1


def test_integers_must_be_equal(opencl_device: str) -> None:
    x = tg.arange(100, device=opencl_device)
    with shadow() as seen:
        ((x * 3) // 7 + (x % 5 == 2)).sum().item()
        tg.gather(x, 0, x.flip(0)).tolist()
    assert seen.ulps == 0
    assert seen.values >= 2


def test_edges(opencl_device: str) -> None:
    device = opencl_device
    odd = tg.tensor(np.float32([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-42, 3e38]), device=device)
    with shadow() as seen:
        (odd * 2 + 1).tolist()
        (odd.exp() / odd).tolist()
        odd.sum().item()
        odd.max().item()
        tg.zeros(0, 3, device=device).sum(0).tolist()
        tg.tensor(2.0, device=device).sqrt().item()
        tg.cat([odd, odd.flip(0)]).tolist()
    assert seen.kernels >= 6, "it looked at every kernel that ran"


def test_a_bad_index_is_still_an_index_error(opencl_device: str) -> None:
    x = floats(3, device=opencl_device)
    index = tg.tensor([0, 5], device=opencl_device)
    with shadow(), pytest.raises(IndexError, match="index 5 is out of range"):
        tg.gather(x, 0, index).tolist()


def test_host_devices_have_nothing_to_compare() -> None:
    with shadow() as seen:
        (tg.ones(2, device="numpy") + 1).tolist()
    assert seen.kernels == 0


# --- bounds, without a device


def structure_of(*rows: tuple[str, tuple[int, ...], dict[str, Any]], like: Tensor) -> Structure:
    """A structure whose value 0 is data like a tensor, and each row applies a primitive."""
    nodes = [like.node]
    for name, inputs, attrs in rows:
        nodes.append(PRIMITIVES[name](*[nodes[i] for i in inputs], **attrs))
    values = [Value(engine.graph.data_signature(like.node.signature.spec), (), FREE)]
    for node, (_, inputs, _attrs) in zip(nodes[1:], rows, strict=True):
        values.append(Value(node.signature, inputs, WANTED))
    return tuple(values)


def test_errors_are_propagated() -> None:
    x = tg.tensor(np.float32([1.0, 100.0]), device="numpy")
    plan = structure_of(("exp", (0,), {}), ("log", (1,), {}), ("sub", (2, 0), {}), like=x)
    given = {0: np.float32([1.0, 80.0])}
    found = bounds.evaluate(plan, [1, 2, 3], given)
    eps = np.finfo(np.float32).eps
    assert np.all(found[1].error > 16 * np.spacing(found[1].value))
    assert found[3].error[0] > found[2].error[0]  # that of log, and one of its own
    assert np.all(found[3].error >= 20 * eps)
    assert np.all(found[3].error < 100 * eps * given[0])
    assert bounds.members(plan, [3], given) == [1, 2, 3]
    assert bounds.members(plan, [3], {0, 2}) == [3]


def test_a_threshold_within_the_error_may_fall_on_either_side() -> None:
    x = tg.tensor(np.float32([0.5, 1.0]), device="numpy")
    plan = structure_of(("exp", (0,), {}), ("log", (1,), {}), ("gt", (2, 0), {}), like=x)
    found = bounds.evaluate(plan, [3], {0: np.float32([0.5, 1.0])})
    assert found[3].error.tolist() == [1, 1]
    exact = structure_of(("gt", (0, 0), {}), like=x)
    assert bounds.evaluate(exact, [1], {0: np.float32([0.5, 1.0])})[1].error.tolist() == [0, 0]


def test_positions_are_free_only_between_rivals() -> None:
    x = tg.tensor(np.float32([[1.0, 1.0, 0.0], [3.0, 1.0, 2.0]]), device="numpy")
    plan = structure_of(
        ("exp", (0,), {}), ("argmax", (1,), {"dim": (1,), "keepdim": False}), like=x
    )
    found = bounds.evaluate(plan, [2], {0: engine.numpy(x.node)})
    assert found[2].error.tolist() == [np.inf, 0]


def test_templates_are_bounded_by_their_magnitudes() -> None:
    x = tg.tensor(np.float32([[1.0, -1.0], [1e4, 1e4]]), device="numpy")
    plan = structure_of(("matmul", (0, 0), {}), like=x)
    found = bounds.evaluate(plan, [1], {0: engine.numpy(x.node)})
    assert found[1].value[0, 0] == pytest.approx(-9999)
    assert 8 * np.spacing(np.float32(1e4)) <= found[1].error[0, 0] < 1e-1


# --- the switches


def test_off_it_leaves_nothing_behind() -> None:
    before = engine.inspection.modes
    with shadow():
        assert engine.inspection.modes == 1
        assert watching.step is not None
    if before:
        pytest.skip("the whole run is shadowed")
    assert watching.step is None
    assert engine.inspection.modes == 0
    assert not origins.active()


def test_blocks_count_for_themselves(opencl_device: str) -> None:
    with shadow() as outer:
        tg.ones(2, device=opencl_device).exp().tolist()
        with shadow() as inner:
            tg.ones(2, device=opencl_device).log().tolist()
    assert set(inner.ops) >= {"log"}
    assert "exp" not in inner.ops
    assert set(outer.ops) >= {"log", "exp"}
    assert outer.kernels == 2 * inner.kernels == 2


def test_the_decorator(opencl_device: str) -> None:
    @shadow()
    def compute() -> bool:
        tg.ones(2, device=opencl_device).exp().tolist()
        return watching.step is not None

    assert compute()


@pytest.mark.parametrize(("value", "shown"), [("1", "True"), ("0", "False"), ("", "False")])
def test_the_setting(value: str, shown: str) -> None:
    code = (
        "import tinygrad_cl as tg; from tinygrad_cl.compiler.watching import watching; "
        "print(watching.step is not None, tg.ones(2).exp().sum().item() > 5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TINYGRAD_CL_SHADOW": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [shown, "True"]
