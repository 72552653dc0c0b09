"""Matrices for which there is no answer, what the host is asked for, and third derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import tensor
from tinygrad_cl.testing import gradcheck


@pytest.mark.host_fallback("factorizations")
@pytest.mark.parametrize("batch", [(), (3,)])
def test_singular_matrices_are_errors_that_name_the_matrix(
    device: str, batch: tuple[int, ...]
) -> None:
    good = np.broadcast_to(np.eye(2, dtype=np.float32), (*batch, 2, 2)).copy()
    good[(-1,) * len(batch)] = 1.0
    x = tensor(good, device=device)
    where = r"\(matrix 2 of the batch\)" if batch else "identity$"
    with pytest.raises(tg.LinAlgError, match="linalg.inv: the matrix is singular.*" + where):
        tg.linalg.inv(x).numpy()
    with pytest.raises(tg.LinAlgError, match="linalg.solve: the matrix is singular.*" + where):
        tg.linalg.solve(x, tg.ones(2, 1, device=device)).numpy()
    good[(-1,) * len(batch)] = [[1, 2], [2, 1]]
    with pytest.raises(tg.LinAlgError, match="linalg.cholesky.*not positive definite.*" + where):
        tg.linalg.cholesky(tensor(good, device=device)).numpy()
    assert (x + 1).amax().item() == 2  # the device goes on


@pytest.mark.host_fallback("factorizations")
def test_errors_are_runtime_errors_as_in_pytorch(device: str) -> None:
    with pytest.raises(RuntimeError):
        tg.linalg.inv(tg.zeros(2, 2, device=device)).numpy()


@pytest.mark.host_fallback("factorizations")
def test_the_fallback_is_counted_with_its_reason(opencl_device: str) -> None:
    before = sum(tg.fallbacks().values())
    tg.linalg.inv(tg.eye(3, device=opencl_device) * 2).numpy()
    assert sum(tg.fallbacks().values()) == before + 1
    assert any("LAPACK" in str(key) for key in tg.fallbacks())


def test_determinants_of_what_is_not_finite_are_nan() -> None:
    x = tensor(np.array([[np.nan, 1], [1, 1]]), device="numpy", requires_grad=True)
    y = tg.linalg.det(x)
    assert np.isnan(y.item())
    y.backward()
    assert x.grad is not None
    assert np.isnan(x.grad.numpy()).all()


def test_the_third_derivative_of_a_determinant() -> None:
    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal((3, 3)), device="numpy", requires_grad=True)

    def gradient(x: tg.Tensor) -> tg.Tensor:
        y = tg.linalg.det(x) ** 2
        return tg.autograd.grad([y], [x], create_graph=True)[0]

    assert gradcheck(gradient, [x], order=2).checks


def test_diagonals_cost_no_copy_and_windows_neither(opencl_device: str) -> None:
    x = tg.arange(24, device=opencl_device).reshape(4, 6).float()
    assert tg.diagonal(x, 1).sum().item() == 1 + 8 + 15 + 22
    assert x.unfold(1, 3, 1).amax(-1).numpy().tolist()[0] == [2, 3, 4, 5]
