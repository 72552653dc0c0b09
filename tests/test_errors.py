"""Bad input to ops: each is a clear error at the place where it enters, and nothing is lost.

Errors of single ops are columns of the test table (test_ops.py). Here are those that concern no op
in particular.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
import tinygrad_cl.nn.functional as F
from tinygrad_cl import Tensor, engine, errors, tensor
from tinygrad_cl.errors import (
    DeviceError,
    DTypeError,
    GradientError,
    ShapeError,
    TinygradError,
)
from tinygrad_cl.runtime.device import get_device


def ones(*shape: int, device: str = "numpy", grad: bool = False) -> Tensor:
    return tensor(np.ones(shape, np.float32), device=device, requires_grad=grad)


# --- devices


def test_mixed_devices_are_refused_at_the_call(opencl_device: str) -> None:
    a, b = ones(3), ones(3, device=opencl_device)
    with pytest.raises(DeviceError, match=r"add: inputs are on .* move one of them with \.to"):
        _ = a + b
    with pytest.raises(DeviceError, match="matmul"):
        ones(2, 2) @ ones(2, 2, device=opencl_device)
    with pytest.raises(DeviceError, match="where"):
        tg.where(a > 0, a, b)
    assert (a + b.to("numpy")).tolist() == [2.0, 2.0, 2.0]


def test_loss_with_labels_elsewhere(opencl_device: str) -> None:
    with pytest.raises(DeviceError):
        F.cross_entropy(ones(2, 3, device=opencl_device), tensor([0, 1], device="numpy"))


@pytest.mark.parametrize("name", ["opencl:99", "cuda", "opencl:no such platform", ""])
def test_unknown_device(name: str) -> None:
    with pytest.raises(DeviceError):
        tensor([1.0], device=name)


# --- dtypes


@pytest.mark.parametrize(
    "data", [np.ones(2, np.complex64), np.array(["a"]), np.array([object()]), np.ones(2, np.uint16)]
)
def test_unknown_dtype(data: np.ndarray, device: str) -> None:
    with pytest.raises(DTypeError, match="is not supported"):
        tensor(data, device=device)
    with pytest.raises(DTypeError):
        tg.from_numpy(data, device=device)


def test_ragged_lists(device: str) -> None:
    with pytest.raises(ShapeError):
        tensor([[1.0, 2.0], [3.0]], device=device)


def test_bool_arithmetic_that_has_no_meaning(device: str) -> None:
    x = tensor([True, False], device=device)
    with pytest.raises(DTypeError):
        x - x
    with pytest.raises(DTypeError):
        x.neg()


def test_conditions_and_indices_of_the_wrong_dtype(device: str) -> None:
    x = ones(3, device=device)
    with pytest.raises(DTypeError, match="must be bool"):
        tg.where(x, x, x)
    with pytest.raises(DTypeError, match="integers or bools"):
        x[x]


def test_integers_need_no_gradient(device: str) -> None:
    with pytest.raises(TinygradError):
        tensor([1, 2], device=device, requires_grad=True)


def test_gradients_that_do_not_fit_are_refused_when_they_are_set(opencl_device: str) -> None:
    x = ones(2, 3, grad=True)
    with pytest.raises(ShapeError, match=r"grad: .* shape \(2, 3\) has its shape, got \(3,\)"):
        x.grad = ones(3)
    with pytest.raises(DTypeError, match=r'float32 .* got float64; use \.to\("float32"\)'):
        x.grad = ones(2, 3).double()
    with pytest.raises(DeviceError, match=r"use \.to\(tensor\.device\)"):
        x.grad = ones(2, 3, device=opencl_device)
    with pytest.raises(GradientError, match="needs a Tensor or None, got int"):
        x.grad = 1  # type: ignore[assignment]
    with pytest.raises(GradientError, match="its own gradient"):
        x.grad = x
    assert x.grad is None
    x.grad = ones(2, 3)
    x.sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2
    del x.grad
    assert x.grad is None


MISTAKES: dict[str, tuple[Any, str]] = {
    "another number of features": (
        lambda: tg.nn.Linear(3, 2)(tg.ones(4, 5)),
        r"last dim of the input has 5: nn\.Linear\(5, 2\) would fit",
    ),
    "another number of channels": (
        lambda: tg.nn.Conv2d(3, 4, 3)(tg.ones(2, 1, 8, 8)),
        "takes inputs of 3 channels, and dim 1 of the input has 1",
    ),
    "layers in a list": (
        lambda: tg.nn.Sequential([tg.nn.ReLU()]),  # type: ignore[list-item]
        r"unpack it: Sequential\(\*layers\)",
    ),
    "names of a wrapped net": (
        lambda: tg.nn.Linear(1, 1).load_state_dict(
            {"module.weight": tg.ones(1, 1), "module.bias": tg.ones(1)}
        ),
        r"try \{k\.removeprefix\('module\.'\): v for k, v in state\.items\(\)\}$",
    ),
    "a net for an optimizer": (
        lambda: tg.optim.SGD(tg.nn.Linear(1, 1), lr=0.1),  # type: ignore[arg-type]
        r"got a Linear; give its \.parameters\(\)",
    ),
    "ragged samples": (
        lambda: next(iter(tg.data.DataLoader([tg.ones(1), tg.ones(2)], batch_size=2))),
        r"different shapes, \[\(1,\), \(2,\)\]; make them equal",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_common_mistakes_say_what_to_do(name: str) -> None:
    make, said = MISTAKES[name]
    with pytest.raises(TinygradError, match=said):
        make()


# --- errors that are seen only when a value is computed


def test_index_error_is_raised_once_and_nothing_is_lost(device: str) -> None:
    x = ones(4, device=device)
    kept = x * 2
    bad = tg.index_select(x, 0, tensor([0, 9], device=device))
    with pytest.raises(
        IndexError, match="index_select: index 9 is out of range for a dim of size 4"
    ):
        bad.numpy()
    assert kept.tolist() == [2.0] * 4
    assert tg.index_select(x, 0, tensor([3], device=device)).tolist() == [1.0]


def _finish(optimizer: tg.optim.Optimizer, device: str) -> None:
    optimizer.step()
    get_device(device).synchronize()


def test_index_errors_of_a_training_step(device: str) -> None:
    weight = ones(5, 3, device=device, grad=True)
    optimizer = tg.optim.SGD([weight], lr=0.1)
    labels = tensor([0, 3], device=device)
    rows = tensor([1, 2], device=device)
    loss = F.cross_entropy(F.embedding(rows, weight), labels)
    loss.backward()
    with pytest.raises(IndexError, match="cross_entropy: index 3 is out of range"):
        _finish(optimizer, device)
    get_device(device).synchronize()


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_labels_that_are_no_labels(name: str, device: str) -> None:
    loss = getattr(F, name)
    logits = ones(2, 3, device=device)
    nan = tensor(np.array([0.0, np.nan], np.float32), device=device)
    with pytest.raises(DTypeError, match="must be integers"):
        loss(logits, nan)


def test_nan_in_probabilities_shows_in_the_loss(device: str) -> None:
    logits = tensor(np.zeros((2, 3), np.float32), device=device, requires_grad=True)
    target = np.full((2, 3), 1 / 3, np.float32)
    target[1, 2] = np.nan
    loss = F.cross_entropy(logits, tensor(target, device=device), reduction="none")
    values = loss.detach().numpy()
    assert np.isfinite(values[0])
    assert np.isnan(values[1])


def test_labels_are_not_silently_broadcast(device: str) -> None:
    with pytest.raises(ShapeError, match=r"target\.squeeze\(1\)"):
        F.cross_entropy(
            ones(4, 3, device=device), tensor(np.zeros((4, 1), np.int64), device=device)
        )
    for loss in (F.mse_loss, F.l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits):
        with pytest.raises(ShapeError, match="same shape"):
            loss(ones(4, 1, device=device), ones(4, device=device))


# --- empty data


def test_losses_of_nothing_are_nan_as_in_pytorch(device: str) -> None:
    x = ones(0, 3, device=device)
    assert np.isnan(F.mse_loss(x, x).item())
    assert F.mse_loss(x, x, reduction="sum").item() == 0
    labels = tensor(np.zeros(0, np.int64), device=device)
    assert np.isnan(F.cross_entropy(x, labels).item())


def test_a_step_on_an_empty_batch_changes_nothing(device: str) -> None:
    layer = tg.nn.Linear(3, 2, device=device)
    before = layer.weight.detach().numpy().copy()
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.1)
    layer(ones(0, 3, device=device)).sum().backward()
    optimizer.step()
    assert np.array_equal(layer.weight.detach().numpy(), before)


# --- graphs


def test_a_second_backward_says_what_to_do(device: str) -> None:
    x = ones(3, device=device, grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(GradientError, match="retain_graph"):
        y.backward()


def test_in_place_on_a_leaf(device: str) -> None:
    x = ones(3, device=device, grad=True)
    with pytest.raises(GradientError, match="no_grad"):
        x.add_(1)
    with pytest.raises(GradientError):
        x[0] = 2.0
    with tg.no_grad():
        x.add_(1)
    assert x.detach().tolist() == [2.0] * 3


def test_backward_of_what_has_no_gradient(device: str) -> None:
    with pytest.raises(GradientError, match="does not require grad"):
        ones(3, device=device).sum().backward()
    with pytest.raises(GradientError, match=r"did you mean \.sum\(\)"):
        (ones(3, device=device, grad=True) * 2).backward()
    x, y = ones(3, device=device, grad=True), ones(3, device=device, grad=True)
    with pytest.raises(GradientError, match="was not used"):
        tg.autograd.grad(x.sum(), y)


def test_numpy_of_a_tensor_that_requires_grad(device: str) -> None:
    with pytest.raises(GradientError, match="detach"):
        ones(3, device=device, grad=True).numpy()


def test_truth_of_several_elements(device: str) -> None:
    with pytest.raises(ShapeError, match="one element"):
        bool(ones(2, device=device))
    with pytest.raises(ShapeError, match="one element"):
        ones(2, device=device).item()


# --- the family of exceptions


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ShapeError, ValueError),
        (errors.DTypeError, TypeError),
        (errors.DeviceError, RuntimeError),
        (errors.DeviceMemoryError, MemoryError),
        (errors.GradientError, RuntimeError),
        (errors.BuildError, RuntimeError),
        (errors.ProcessError, RuntimeError),
        (errors.DataError, ValueError),
        (errors.ArgumentError, ValueError),
    ],
)
def test_exceptions_are_also_builtin_ones(error: Any, builtin: type[Exception]) -> None:
    assert issubclass(error, TinygradError)
    assert issubclass(error, builtin)


def test_failed_calls_leave_the_graph_usable(device: str) -> None:
    x = ones(2, 3, device=device, grad=True)
    with pytest.raises(ShapeError):
        x @ x
    y = (x @ x.T).sum()
    y.backward()
    engine.realize([x.grad.node])
    assert x.grad.tolist() == [[4.0] * 3] * 2
