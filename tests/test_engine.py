"""Realizing: one plan per step, found again; nothing computed twice, nothing that grows."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import autograd, engine, errors, graph, nn
from tinygrad_cl.compiler.plan import Launch, Plan
from tinygrad_cl.nn import functional as F
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.runtime.opencl import Kernel


def small_net(device: str) -> nn.Module:
    tg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 5)
    )
    return net.to(device)


def batch(device: str, size: int = 6) -> tuple[tg.Tensor, tg.Tensor]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((size, 1, 8, 8)).astype(np.float32)
    y = rng.integers(0, 5, size)
    return tg.tensor(x, device=device), tg.tensor(y, device=device)


def training(device: str, size: int = 6) -> tuple[nn.Module, tg.optim.Optimizer, Callable[[], Any]]:
    net = small_net(device)
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = batch(device, size)

    def step() -> tg.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return net, optimizer, step


def plans(device: str) -> list[Plan]:
    return [executable.plan for executable in get_device(device).plans.values()]


def launches(plan: Plan) -> list[str]:
    kernels = [step.kernel for step in plan.steps if isinstance(step, Launch)]
    return [part.label for kernel in kernels for part in (kernel.phases or (kernel,))]


@pytest.fixture
def fresh_plans(opencl_device: str) -> str:
    get_device(opencl_device).plans.clear()
    return opencl_device


def test_a_training_step_is_one_plan(fresh_plans: str) -> None:
    _, _, step = training(fresh_plans)
    get_device(fresh_plans).plans.clear()
    step()
    (plan,) = plans(fresh_plans)
    names = launches(plan)
    assert sum(name.endswith("_all") for name in names) == 1, "one launch for all parameters"
    segments = [s.kernel.segments for s in plan.steps if isinstance(s, Launch)]
    assert max(segments) == 4


def test_reading_the_loss_before_backward_computes_nothing_twice(fresh_plans: str) -> None:
    net, optimizer, step = training(fresh_plans)
    step()
    whole = plans(fresh_plans)[-1]
    get_device(fresh_plans).plans.clear()
    x, y = batch(fresh_plans)
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    assert np.isfinite(loss.item())
    loss.backward()
    optimizer.step()
    forward, rest = plans(fresh_plans)
    heavy = ("conv", "matmul", "max_pool2d")
    count = [sum(n.startswith(heavy) for n in launches(plan)) for plan in (whole, forward, rest)]
    assert count[0] == count[1] + count[2]
    assert not any(name.startswith("conv_add") for name in launches(rest))


def test_reading_the_loss_changes_no_gradient(device: str) -> None:
    grads = []
    for read in (False, True):
        net = small_net(device)
        x, y = batch(device)
        loss = F.cross_entropy(net(x), y)
        if read:
            loss.item()
        loss.backward()
        grads.append([p.grad.numpy().copy() for p in net.parameters() if p.grad is not None])
    assert len(grads[0]) == 4
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_changing_rate_compiles_nothing(fresh_plans: str) -> None:
    _, optimizer, step = training(fresh_plans)
    step()
    step()
    device = get_device(fresh_plans)
    before = device.kernels_compiled, len(device.plans)  # type: ignore[attr-defined]
    for k in range(10):
        optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
        step()
    assert (device.kernels_compiled, len(device.plans)) == before  # type: ignore[attr-defined]


def test_two_batch_sizes_are_two_plans_that_share_kernels(fresh_plans: str) -> None:
    net, optimizer, _ = training(fresh_plans)
    device = get_device(fresh_plans)

    def step(size: int) -> None:
        x, y = batch(fresh_plans, size)
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    for _ in range(3):
        step(6)
        step(4)
    count = len(device.plans)
    for _ in range(5):
        step(6)
        step(4)
    assert len(device.plans) == count


def test_nothing_grows_over_many_steps(opencl_device: str) -> None:
    _, optimizer, step = training(opencl_device)
    device = get_device(opencl_device)
    for _ in range(20):
        loss = step()
    loss.item()
    gc.collect()
    before = device.memory_stats(), len(device.plans), device.kernels_compiled  # type: ignore[attr-defined]
    for k in range(300):
        optimizer.param_groups[0]["lr"] = 0.1 / (k + 1)
        loss = step()
    loss.item()
    gc.collect()
    after = device.memory_stats(), len(device.plans), device.kernels_compiled  # type: ignore[attr-defined]
    assert after[1:] == before[1:]
    assert after[0].live <= before[0].live
    assert after[0].held - before[0].held < 1 << 16  # blocks of numbers of steps in the queue


@pytest.mark.parametrize("order", ["<", ">"])
def test_arrays_of_either_byte_order(device: str, order: str) -> None:
    array = np.array([0.5, -3.0, 70000.0], dtype=f"{order}f4")
    tensor = tg.tensor(array, device=device)
    assert (tensor * 2).tolist() == [1, -6, 140000]
    assert tensor[1].item() == -3
    assert tg.tensor(array.astype(f"{order}i8"), device=device).sum().item() == 69997


OPS: dict[str, Callable[[Any, Any], Any]] = {
    "one op": lambda x, y: x + y,
    "one op over one leaf": lambda x, y: x * x,
    "ops": lambda x, y: (x * y + x).relu(),
    "a number": lambda x, y: x * 3.5,
    "a sum": lambda x, y: x.sum(),
    "a view": lambda x, y: x.T,
}


@pytest.mark.parametrize("name", OPS)
def test_ops_that_come_again_and_again(fresh_plans: str, name: str) -> None:
    """Over other leaves, over those that are held, and over those that nobody holds."""
    rng = np.random.default_rng(0)
    function: Callable[[Any, Any], Any] = OPS[name]
    held: list[Any] = []
    for k in range(12):
        a, b = (rng.standard_normal((3 + k % 2, 5)).astype(np.float32) for _ in range(2))
        x, y = (tg.tensor(array, device=fresh_plans) for array in (a, b))
        got = function(x, y).realize()
        held.append((got, x, np.array(got.numpy()), a))
        if k % 3 == 2:
            again = function(*(tg.tensor(array, device=fresh_plans) for array in (a, b)))
            held.append((again.realize(), x, held[-1][2], a))
        want = np.array(function(*(tg.tensor(array, device="numpy") for array in (a, b))))
        np.testing.assert_allclose(held[-1][2], want, rtol=1e-5, atol=1e-5)
    for got, x, seen, a in held:
        assert np.array_equal(got.numpy(), seen)
        assert np.array_equal(x.numpy(), a)


def test_ops_that_come_again_are_seen_by_modes_and_captured(fresh_plans: str) -> None:
    x = tg.tensor([1.0, 0.0], device=fresh_plans)
    for y in [(x + k).realize() for k in (1, 1, 1, 0)]:
        result = x / y
        if y[1].item():
            assert result.realize().tolist() == [0.5, 0]
    with autograd.detect_anomaly(), pytest.raises(errors.AnomalyError):
        (x / y).realize().tolist()
    captured = tg.jit(lambda a: (a / (y + 1).realize()).realize())
    for k in range(6):
        assert captured(tg.full((2,), float(k), device=fresh_plans)).tolist() == [k / 2, k]
    y += 1
    assert captured(tg.full((2,), 6.0, device=fresh_plans)).tolist() == [2, 3]
    assert captured.plans


def test_updates_overwrite_what_nobody_holds(fresh_plans: str) -> None:
    _, _, step = training(fresh_plans)
    step()
    step()
    plan = plans(fresh_plans)[-1]
    kinds = [plan.storage[plan.home(at)].kind for at in plan.attached]
    assert kinds.count("donated") == 8, "four parameters and four momenta"


def test_what_is_held_is_never_overwritten(device: str) -> None:
    net, _, step = training(device)
    step()
    step()
    weight = next(iter(net.parameters()))
    view, detached = weight.detach().numpy(), weight.detach()
    pending = weight.detach() * 2
    values = view.copy()
    step()
    step()
    np.testing.assert_array_equal(view, values)
    np.testing.assert_array_equal(detached.numpy(), values)
    np.testing.assert_array_equal(pending.numpy(), values * 2)
    assert not np.array_equal(weight.detach().numpy(), values)


def test_living_tensors_are_computed_with_the_step(fresh_plans: str) -> None:
    net, optimizer, _ = training(fresh_plans)
    x, y = batch(fresh_plans)
    optimizer.zero_grad()
    logits = net(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    optimizer.step()
    count = len(get_device(fresh_plans).plans)
    assert logits.detach().numpy().shape == (6, 5)
    assert np.isfinite(loss.item())
    assert len(get_device(fresh_plans).plans) == count


def test_devices_agree_over_training(opencl_device: str) -> None:
    losses = []
    for name in ("numpy", opencl_device):
        _, _, step = training(name)
        losses.append([step().item() for _ in range(20)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4, atol=1e-6)


def test_two_runs_are_bit_equal(opencl_device: str) -> None:
    results = []
    for _ in range(2):
        net, _, step = training(opencl_device)
        for _ in range(5):
            step()
        results.append([p.detach().numpy().tobytes() for p in net.parameters()])
    assert results[0] == results[1]


def test_a_long_chain_is_realized(device: str) -> None:
    x = tg.zeros(4, device=device)
    for _ in range(3000):
        x = x + 1
    np.testing.assert_array_equal(x.numpy(), np.full(4, 3000, np.float32))


def test_a_wide_sum_of_many_tensors_is_realized(device: str) -> None:
    parts = [tg.full((3,), float(k), device=device) * 2 for k in range(200)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total.tolist() == [2.0 * sum(range(200))] * 3


def test_numbers_that_do_not_fit_become_infinite(device: str) -> None:
    x = tg.ones(3, device=device) * 1e300
    assert x.tolist() == [float("inf")] * 3


def test_tensors_of_two_devices_do_not_mix(opencl_device: str) -> None:
    with pytest.raises(tg.errors.DeviceError, match="move one of them"):
        tg.ones(3, device="numpy") + tg.ones(3, device=opencl_device)


def test_an_index_out_of_range_is_reported_by_its_op(opencl_device: str) -> None:
    table = tg.ones(5, 3, device=opencl_device)
    bad = F.embedding(tg.tensor([1, 7], device=opencl_device), table)
    with pytest.raises(IndexError, match=r"embedding.*7.*5"):
        bad.numpy()
    assert (table + 1).sum().item() == 30, "the device works on"


def test_ever_new_shapes_keep_a_bounded_number_of_plans(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_PLANS", 8)
    for size in range(1, 20):
        assert (tg.ones(size, device=device) * 2).sum().item() == 2 * size
    assert len(get_device(device).plans) <= 8


def test_a_gradient_that_waits_keeps_what_it_reads(device: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((8, 16)).astype(np.float32) for _ in range(3)]
    x, w = (tg.tensor(a, device=device, requires_grad=True) for a in arrays[:2])
    y = x * w
    y.realize()
    dx, dw = tg.autograd.grad(y, [x, w], tg.tensor(arrays[2], device=device))
    del y  # now both gradients, and nobody else, hold what they are computed from
    np.testing.assert_array_equal(dx.numpy(), arrays[2] * arrays[1])
    np.testing.assert_array_equal(dw.numpy(), arrays[2] * arrays[0])


def test_a_single_op_overwrites_what_nobody_holds(opencl_device: str) -> None:
    x = tg.tensor(np.arange(6, dtype=np.float32), device=opencl_device)
    y = (x + 1).realize()
    buffer = id(y.node.buffer)
    y = y * y
    y.realize()
    assert id(y.node.buffer) == buffer
    held = y.node
    y = y * 2
    y.realize()
    assert y.node.buffer is not held.buffer
    np.testing.assert_array_equal(y.numpy(), 2 * (np.arange(6) + 1.0) ** 2)


def test_a_number_changes_between_runs_of_one_plan(device: str) -> None:
    x = tg.tensor([1.0, -0.0, 2.0], device=device)
    (x * 0.0).realize()
    count = len(get_device(device).plans)
    for factor in (0.0, -0.0, 1.0, True, float("nan"), 2):
        with np.errstate(all="ignore"):
            expected = np.array([1.0, -0.0, 2.0], np.float32) * np.float32(factor)
        found = (x * float(factor)).numpy()
        assert found.tobytes() == expected.tobytes() or np.isnan(factor)
    assert len(get_device(device).plans) == count


def test_the_arguments_of_a_steady_step_stay(
    opencl_device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, step = training(opencl_device)
    for _ in range(4):
        step()
    count: list[int] = []
    before = Kernel.set
    monkeypatch.setattr(Kernel, "set", lambda *args: (count.append(1), before(*args))[1])
    for _ in range(3):
        step()
    assert not count


def test_freed_memory_is_given_back_and_plans_run_again(opencl_device: str) -> None:
    net, _, step = training(opencl_device)
    _, _, other = training(opencl_device)
    for _ in range(3):
        loss = step()
        expected = other().item()
    assert loss.item() == expected
    step()
    get_device(opencl_device).pool.trim()
    after = [step().item() for _ in range(2)]
    other()
    assert after == [other().item() for _ in range(2)]
    assert all(np.isfinite(p.detach().numpy()).all() for p in net.parameters())


def test_changing_numbers_intern_nothing(device: str) -> None:
    x = tg.tensor(np.ones((4, 5), np.float32), device=device)

    def compute(k: int) -> list[tg.Tensor]:
        numbers = [x * (k / 7), x.abs() ** (k / 7 + 3), x.clamp(-k / 3, k / 5), F.elu(x, k / 9)]
        return [*numbers, F.dropout(x, k / 50, True), tg.full((3,), k / 9, device=device)]

    for k in range(1, 30):
        for tensor in compute(k):
            tensor.realize()
        if k == 3:
            count = len(graph._SIGNATURES)
    assert len(graph._SIGNATURES) == count


def test_signatures_are_bounded(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MAX_SIGNATURES", len(graph._SIGNATURES) + 8)
    x = tg.tensor(np.arange(64, dtype=np.float32), device=device)
    for size in range(1, 40):
        part = x[:size]
        np.testing.assert_array_equal((part + part).tolist(), 2 * np.arange(size))
        assert len(graph._SIGNATURES) <= graph.MAX_SIGNATURES


def test_tensors_outlive_the_signatures_that_made_them(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = tg.ones(3, device=device, requires_grad=True)
    optimizer = tg.optim.Adam([w], lr=0.5)
    for factor in (1.0, 2.0):
        optimizer.zero_grad()
        (w * tg.full((3,), factor, device=device)).sum().backward()
        monkeypatch.setattr(graph, "_SIGNATURES", {})  # as if others had driven them out
        optimizer.step()
    np.testing.assert_allclose(w.tolist(), [0.017409] * 3, rtol=1e-4)  # 1 - 0.5 - 0.4826


def test_grad_mode_and_autocast_are_of_one_thread(device: str) -> None:
    x = tg.tensor([[1.0, 2.0]], device=device, requires_grad=True)
    found: list[tg.Tensor] = []
    with tg.no_grad(), tg.autocast("cpu", dtype=tg.bfloat16):
        thread = threading.Thread(target=lambda: found.append(x @ x.T))
        thread.start()
        thread.join()
        assert not (x @ x.T).requires_grad
    assert found[0].requires_grad
    assert found[0].dtype is tg.float32
    assert found[0].item() == 5


def test_threads_realize_and_differentiate_at_once(device: str) -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(40):
                a, b = (rng.standard_normal((rng.integers(1, 9), 8), np.float32) for _ in "ab")
                b = np.resize(b, a.shape)
                x, y = tg.tensor(a, device=device, requires_grad=True), tg.tensor(b, device=device)
                (x * y).relu().sum().backward()
                assert x.grad is not None
                np.testing.assert_array_equal(x.grad.numpy(), b * (a * b > 0))
                total = (x.detach() + y).realize() * 2
                np.testing.assert_array_equal(total.numpy(), (a + b) * 2)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
