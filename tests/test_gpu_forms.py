"""The forms of the kernels for GPUs, run on whatever OpenCL device there is: the whole table.

The device says that it is a GPU and copies its memory, so the compiler picks one lane per
work-item, work-groups that share local memory, and transfers instead of views.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from odd_devices import as_gpu, registered, without_shuffles
from odd_devices import gpu as gpu

import tinygrad_cl as tg
from tinygrad_cl import engine
from tinygrad_cl.nn import functional as F
from tinygrad_cl.testing import assert_close


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_values_on_gpu_forms(case: Case, gpu: str) -> None:
    dtype = case.dtypes[0]
    samples = case.draws(dtype)
    there = [case.run(sample, gpu) for sample in samples]
    engine.realize([tensor.node for outputs in there for tensor in outputs])
    for sample, outputs in zip(samples, there, strict=True):
        for actual, expected in zip(outputs, case.run(sample, "numpy"), strict=True):
            rtol, atol = case.tolerance(expected.dtype.name)
            name = f"{case.name}{sample!r}"
            assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=True, name=name)


def test_gradients_on_gpu_forms_are_those_of_numpy(gpu: str) -> None:
    from test_engine import batch, small_net

    results = []
    for name in ("numpy", gpu):
        net = small_net(name)
        x, y = batch(name)
        F.cross_entropy(net(x), y).backward()
        results.append([p.grad.numpy() for p in net.parameters() if p.grad is not None])
    assert len(results[0]) == len(results[1]) == 4
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_transposed_operands_on_gpu_forms(gpu: str) -> None:
    rng = np.random.default_rng(0)
    for shape, order in (((33, 70), (1, 0)), ((4, 30, 31, 17), (3, 1, 0, 2)), ((300, 65), (1, 0))):
        a, b = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        other = rng.standard_normal(a.transpose(order).shape).astype(np.float32)
        x, y = (tg.tensor(v, device=gpu).permute(*order) for v in (a, b))
        result = x * tg.tensor(other, device=gpu) + y
        expected = a.transpose(order) * other + b.transpose(order)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-5)


# ---- sizes beyond one work-group, one launch, one slice

Function = Callable[[tg.Tensor], tg.Tensor]


def agree(
    gpu: str, functions: list[tuple[Function, tuple[int, ...]]], dtype: str = "float32"
) -> None:
    """Compares functions of one array with NumPy, all in one plan."""
    rng = np.random.default_rng(0)
    arrays = [(2 * rng.standard_normal(shape)).astype(dtype) for _, shape in functions]
    results = []
    for name in (gpu, "numpy"):
        given = [tg.tensor(array, device=name) for array in arrays]
        made = [function(x) for (function, _), x in zip(functions, given, strict=True)]
        engine.realize([tensor.node for tensor in made])
        results.append([tensor.numpy() for tensor in made])
    for number, (actual, expected) in enumerate(zip(*results, strict=True)):
        shape = functions[number][1]
        name = f"number {number} of {shape}"
        exact = expected.dtype.kind != "f"
        scale = 0.0 if exact else float(np.abs(expected).max())
        rtol = 0.0 if exact else 2e-3 if dtype == "float16" else 1e-5
        np.testing.assert_allclose(actual, expected, rtol, rtol * scale, err_msg=name)


LONG: list[tuple[Function, tuple[int, ...]]] = [
    (lambda x: x.sum(), (100_003,)),
    (lambda x: x.sum(1), (3, 70_001)),
    (lambda x: x.sum(0), (70_001, 3)),
    (lambda x: x.sum(0), (300, 1001)),
    (lambda x: x.sum((0, 2)), (130, 5, 129)),
    (lambda x: x.amax(1), (5, 1031)),
    (lambda x: x.argmax(1), (5, 20_011)),
    (lambda x: x.argmin(0), (2003, 7)),
    (lambda x: (x > 6.5).any(1), (3, 4001)),
    (lambda x: (x < 7.5).all(0), (4001, 3)),
    (lambda x: x.softmax(1), (9, 777)),
    (lambda x: x.var(0), (501, 33)),
    (lambda x: x.exp() + 1, (200_001,)),
    (lambda x: x[:, 1:] * 2, (517, 131)),
    (lambda x: tg.cat([x, x[:7]], 0), (300, 17)),
    (lambda x: x.T.contiguous(), (129, 517)),
]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_long_reductions_and_streams(gpu: str, dtype: str) -> None:
    agree(gpu, LONG, dtype)


def test_long_lines_are_sorted_scanned_and_searched(gpu: str) -> None:
    agree(
        gpu,
        [
            (lambda x: x.sort(1)[0], (3, 5003)),
            (lambda x: x.argsort(0), (1201, 5)),
            (lambda x: x.topk(17)[0], (3, 4001)),
            (lambda x: x.topk(300, dim=0)[1], (900, 2)),
            (lambda x: x.cumsum(1), (3, 70_001)),
            (lambda x: x.cumsum(0), (2003, 9)),
            (lambda x: (x / 4).cumprod(0), (701, 9)),
            (lambda x: x.cummax(1)[1], (2, 5003)),
            (lambda x: x.logcumsumexp(1), (2, 70_001)),
            (lambda x: tg.searchsorted(x[0].sort()[0], x[1]), (2, 3001)),
        ],
    )


def test_many_indices_are_read_and_added(gpu: str) -> None:
    rng = np.random.default_rng(0)
    places = rng.integers(0, 50, 4001)
    labels = rng.integers(0, 200, (300,))

    def at(array: Any) -> Callable[[tg.Tensor], tg.Tensor]:
        return lambda x: tg.tensor(array, device=x.device)

    agree(
        gpu,
        [
            (lambda x: x[at(places)(x)], (50, 7)),
            (lambda x: tg.zeros(50, 3, device=x.device).index_add(0, at(places)(x), x), (4001, 3)),
            (lambda x: tg.zeros(2, 50, device=x.device).index_add(1, at(places)(x), x), (2, 4001)),
            (lambda x: F.cross_entropy(x, at(labels)(x)), (300, 200)),
            (lambda x: F.embedding(at(places)(x), x), (50, 130)),
        ],
    )


# ---- what GPUs do not get


def test_slices_and_runs_are_for_cpus(gpu: str) -> None:
    kernels = [kernel for plan in trained(gpu, "lenet5")[2] for kernel in plan.kernels]
    files = {kernel.file for kernel in kernels}
    assert "dense_gpu" in files
    assert not files & {"slices", "add_slice"}
    assert not [kernel.name for kernel in kernels if kernel.phases]


# ---- whole training steps


def net_of(kind: str) -> tuple[tg.nn.Module, Callable[[Any, Any], Any], Any, Any]:
    """A net on the default device, its loss, and a batch of arrays."""
    rng = np.random.default_rng(1)
    if kind == "gpt":
        tokens = rng.integers(0, 11, (2, 13))
        net = tg.models.GPT(vocab=11, d=24, layers=2, heads=3, context=12, dropout=0.1)
        x, y = tokens[:, :-1], tokens[:, 1:]
        return net, lambda x, y: F.cross_entropy(net(x).reshape(-1, 11), y.reshape(-1)), x, y
    if kind == "lstm":
        x, y = rng.standard_normal((3, 7, 5)).astype("f4"), rng.integers(0, 4, 3)
        net = tg.nn.LSTM(5, 9, num_layers=2, batch_first=True)
        head = tg.nn.Linear(9, 4)
        both = tg.nn.ModuleList([net, head])
        return both, lambda x, y: F.cross_entropy(head(net(x)[0][:, -1]), y), x, y
    if kind == "vgg":
        made: tg.nn.Module = tg.models.get("vgg", channels=(8, 12), hidden=17, input_size=8)
        x = rng.standard_normal((5, 3, 8, 8)).astype("f4")
    else:
        made, x = tg.models.LeNet5(), rng.standard_normal((5, 1, 28, 28)).astype("f4")
    return made, lambda x, y: F.cross_entropy(made(x), y), x, rng.integers(0, 10, len(x))


def trained(
    name: str, kind: str, captured: bool = False
) -> tuple[list[float], list[Any], list[Any]]:
    """Four steps of SGD: the losses, the parameters, and the plans that the device got."""
    before = tg.get_default_device()
    tg.set_default_device(name)
    try:
        tg.manual_seed(3)
        net, loss_of, x, y = net_of(kind)
        optimizer = tg.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

        def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss

        device = tg.runtime.device.get_device(name)
        known = set(device.plans)
        run = tg.jit(step) if captured else step
        losses = [run(tg.tensor(x), tg.tensor(y)).item() for _ in range(4)]
        values = [p.detach().numpy() for p in net.parameters()]
        made = [device.plans[key] for key in set(device.plans) - known]
        return losses, values, [each.plan for each in made if hasattr(each, "plan")]
    finally:
        tg.set_default_device(before)


@pytest.mark.parametrize("kind", ["lenet5", "vgg", "gpt", "lstm"])
def test_training_on_gpu_forms_is_that_of_numpy(gpu: str, kind: str) -> None:
    losses, values, _ = trained(gpu, kind)
    expected_losses, expected, _ = trained("numpy", kind)
    np.testing.assert_allclose(losses, expected_losses, rtol=2e-5)
    assert losses[-1] < losses[0]
    for actual, meant in zip(values, expected, strict=True):
        np.testing.assert_allclose(actual, meant, rtol=1e-4, atol=1e-5)


def test_captured_steps_on_gpu_forms_are_equal_to_the_bit(gpu: str) -> None:
    losses, values, _ = trained(gpu, "vgg")
    again, others, _ = trained(gpu, "vgg", captured=True)
    assert losses == again
    assert all(a.tobytes() == b.tobytes() for a, b in zip(values, others, strict=True))


# ---- sub-groups


def test_shuffles_fold_in_the_same_order_as_local_memory(opencl_device: str) -> None:
    device = as_gpu(opencl_device)
    if not device.traits.shuffles:
        pytest.skip("this device has no cl_khr_subgroup_shuffle_relative")
    plain = without_shuffles(opencl_device)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((3, n)).astype(np.float32) for n in (5, 128, 511, 512, 4099)]
    arrays[3][1, 77] = np.nan
    results = []
    for one in (device, plain):
        with registered(one) as name:
            given = [tg.tensor(array, device=name) for array in arrays]
            made = [y for x in given for y in (x.sum(1), x.prod(1), x.amax(1), x.amin(1))]
            engine.realize([tensor.node for tensor in made])
            results.append([tensor.numpy() for tensor in made])
            texts = [kernel.text for found in one.plans.values() for kernel in found.plan.kernels]
            assert any("#define SHUFFLES" in text for text in texts) == one.traits.shuffles
    for shuffled, folded in zip(*results, strict=True):
        np.testing.assert_array_equal(shuffled, folded)
