"""Every row of the test table: first and second derivatives, and gradients at corners.

On each device derivatives are measured in float64 by gradcheck; gradients in float32 are compared
with those of "numpy". Nothing here names an op.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, Case
from cases.core import Sample, gradient_function, gradient_leaves

from tinygrad_cl import Tensor, autograd, dtypes, engine, tensor
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import assert_close, gradcheck

with_gradient = pytest.mark.parametrize("case", [c for c in CASES if c.gradient], ids=repr)


def differentiable(case: Case, dtype: str) -> list[Sample]:
    """The samples of a row for which gradients are checked."""
    return [sample for sample in case.draws(dtype) if sample.grad]


def needs_float64(device: str) -> None:
    if not get_device(device).supports(dtypes.float64):
        pytest.skip(f"{device} has no float64")


@with_gradient
def test_first_and_second_order(case: Case, device: str) -> None:
    needs_float64(device)
    samples = differentiable(case, "float64")
    assert samples, "a row with a gradient needs a sample for it"
    report = gradcheck(
        gradient_function(case, samples),
        gradient_leaves(samples, device),
        order=2,
        **case.check,
    )
    assert report.checks == 4


def gradients(case: Case, dtype: str, device: str) -> list[Tensor]:
    """Outputs, first and second derivatives at all samples of a row, for fixed cotangents."""
    samples = differentiable(case, dtype)
    function, leaves = gradient_function(case, samples), gradient_leaves(samples, device)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    outputs = [y for y in function(*leaves) if y.requires_grad]
    first = weighted(outputs, wanted, device, seed=1)
    given = [g for g in first if g.requires_grad]
    second = weighted(given, wanted, device, seed=2) if given else []
    found = [*outputs, *first, *second]
    engine.realize([tensor.node for tensor in found])
    return found


def weighted(outputs: list[Tensor], wanted: list[Tensor], device: str, seed: int) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    cotangents = [
        tensor(rng.standard_normal(y.shape).astype(y.dtype.numpy), device=device) for y in outputs
    ]
    found = autograd.grad(outputs, wanted, cotangents, create_graph=True, allow_unused=True)
    return [g for g in found if g is not None]


@with_gradient
def test_device_matches_numpy(case: Case, opencl_device: str) -> None:
    if "float32" not in case.dtypes:
        pytest.skip("the row has no float32")
    there, here = gradients(case, "float32", opencl_device), gradients(case, "float32", "numpy")
    assert len(there) == len(here)
    rtol, atol = case.tolerance("float32")
    for i, (actual, expected) in enumerate(zip(there, here, strict=True)):
        # Derivatives are as large as 20, and made of several roundings.
        assert_close(
            actual,
            expected,
            rtol=10 * rtol + 1e-5,
            atol=20 * atol + 1e-5,
            equal_nan=True,
            name=f"[{i}]",
        )


@with_gradient
def test_deterministic(case: Case, device: str) -> None:
    dtype = "float32" if "float32" in case.dtypes else "float64"
    first, second = gradients(case, dtype, device), gradients(case, dtype, device)
    assert [a.detach().numpy().tobytes() for a in first] == [
        b.detach().numpy().tobytes() for b in second
    ]


@pytest.mark.parametrize("case", [case for case in CASES if case.ties], ids=repr)
def test_corners(case: Case, device: str) -> None:
    needs_float64(device)
    for row in case.ties:
        leaves = gradient_leaves([row.sample], device)
        output = gradient_function(case, [row.sample])(*leaves)[0]
        output.sum().backward()
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        for leaf, expected in zip(wanted, row.gradients, strict=True):
            assert leaf.grad is not None
            assert_close(leaf.grad, np.asarray(expected, np.float64), rtol=1e-12, atol=0)


@with_gradient
def test_gradients_have_the_dtype_of_their_inputs(case: Case) -> None:
    for dtype in case.dtypes:
        if not dtype.startswith("float"):
            continue
        samples = differentiable(case, dtype)[:2]
        leaves = gradient_leaves(samples, "numpy")
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        outputs = [y for y in gradient_function(case, samples)(*leaves) if y.requires_grad]
        if not outputs:
            continue
        found = autograd.grad(outputs, wanted, [y.detach() for y in outputs], allow_unused=True)
        for leaf, gradient in zip(wanted, found, strict=True):
            if gradient is not None:
                assert gradient.dtype is leaf.dtype
                assert gradient.shape == leaf.shape
