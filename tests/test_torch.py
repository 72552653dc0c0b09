"""The table against PyTorch, where it is installed: values, dtypes, shapes and first gradients.

Every row whose function has the name of one of PyTorch's is called with the same arguments in both
libraries. `pip install -e ".[compare]"` brings the version that the table was compared with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from cases.core import Const, Sample

import tinygrad_cl as tg
from tinygrad_cl.testing import assert_close

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')

PLACES = (torch.nn.functional, torch, torch.linalg, torch.special, torch.Tensor)

# Rows that are not compared, and why.
DIFFERENT = {
    "any": "PyTorch folds nothing for dim=[]",
    "all": "PyTorch folds nothing for dim=[]",
    "hardsigmoid": "PyTorch's float64 gradient uses a float32 constant",
    "embedding": "nn.functional's order of arguments is compared by its own test",
    "unfold_dim": "the method, not nn.functional's function of the same name",
    "sum_to_size": "a method whose dtype PyTorch widens for integers",
    "linalg.det": "PyTorch's gradient of a singular matrix is zero, ours the exact cofactors",
    "binary_cross_entropy_with_logits": "PyTorch is NaN at -inf, where ours is the limit",
    "repeat_interleave_indices": "positions are int64 here, as all indices are",
    "ctc_loss": "PyTorch's gradient is that of logits behind log_softmax, ours that of the formula",
    "argsort": "PyTorch's order among equals is not stable",
    "scatter": "of places named twice: our gradient goes to the last writer alone",
    "index_copy": "of places named twice: our gradient goes to the last writer alone",
    "index_put": "of places named twice: our gradient goes to the last writer alone",
}


def theirs(case: Case) -> Any:
    """PyTorch's function of the name, or None."""
    name = getattr(case.function, "__name__", case.name)
    where = str(getattr(case.function, "__module__", ""))
    if not where.startswith("tinygrad_cl"):
        return None
    if where.endswith("linalg"):
        return getattr(torch.linalg, name, None)
    return next((getattr(place, name) for place in PLACES if hasattr(place, name)), None)


def as_torch(value: Any, grad: bool) -> Any:
    array = value if isinstance(value, np.ndarray) else value.array
    made = torch.from_numpy(np.array(array))
    wants = grad and made.dtype.is_floating_point and not isinstance(value, Const)
    return made.requires_grad_() if wants else made


def as_ours(value: Any, grad: bool) -> Any:
    array = value if isinstance(value, np.ndarray) else value.array
    made = tg.tensor(np.array(array), device="numpy")
    wants = grad and made.dtype.is_floating_point and not isinstance(value, Const)
    return made.requires_grad_() if wants else made


def outputs(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def called(
    function: Any, sample: Sample, make: Any, translate: bool
) -> tuple[list[Any], list[Any]]:
    """The outputs, and the leaves that went in."""
    leaves: list[Any] = []

    def leaf(value: Any) -> Any:
        leaves.append(make(value, sample.grad))
        return leaves[-1]

    args = sample
    if translate:
        args = Sample(
            *map(_dtype, sample.args),
            grad=sample.grad,
            **{k: _dtype(v) for k, v in sample.kwargs.items()},
        )
    return outputs(args.call(function, leaf)), leaves


def _dtype(value: Any) -> Any:
    return getattr(torch, value.name) if isinstance(value, tg.DType) else value


ROWS = [case for case in CASES if theirs(case) is not None and case.name not in DIFFERENT]


@pytest.mark.filterwarnings("ignore")  # PyTorch's
@pytest.mark.parametrize("case", ROWS, ids=repr)
def test_values_and_gradients_are_pytorchs(case: Case) -> None:
    compared = 0
    for dtype in case.dtypes:
        if dtype != "float16":  # PyTorch rounds between the steps of a composition, we do not
            compared += sum(compare(case, sample) for sample in case.draws(dtype))
    if not compared:
        pytest.skip("PyTorch takes none of the row's arguments")


def compare(case: Case, sample: Sample) -> bool:
    """Compares one call; False if PyTorch refuses it (dtypes and arguments that only we take)."""
    try:
        other, their_leaves = called(theirs(case), sample, as_torch, True)
        other = [torch.as_tensor(b) for b in other]
    except (TypeError, RuntimeError, ValueError, IndexError):
        return False
    ours, our_leaves = called(case.function, sample, as_ours, False)
    assert len(ours) == len(other), sample
    for a, b in zip(ours, other, strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch."), sample
        assert a.shape == tuple(b.shape), sample
        rtol, atol = case.tolerance(a.dtype.name)
        close(a, b, 4 * rtol, 4 * atol, f"{case.name}{sample!r}")
    if case.gradient and sample.grad:
        compare_gradients(case, sample, (ours, our_leaves), (other, their_leaves))
    return True


def compare_gradients(case: Case, sample: Sample, mine: Any, its: Any) -> None:
    pairs = [
        (a, b) for a, b in zip(mine[0], its[0], strict=True) if a.requires_grad and b.requires_grad
    ]
    if not pairs:
        return
    sum((a.double() * 0.5).sum() for a, _ in pairs).backward()
    try:
        sum((b.double() * 0.5).sum() for _, b in pairs).backward()
    except RuntimeError:
        return  # PyTorch has no gradient there
    for a, b in zip(mine[1], its[1], strict=True):
        if a.requires_grad and a.grad is not None and b.grad is not None:
            wide = 1e-4 if a.dtype.name == "float32" else 1e-9
            close(a.grad, b.grad, wide, wide, f"gradient of {case.name}{sample!r}")


def close(a: Any, b: Any, rtol: float, atol: float, name: str) -> None:
    assert_close(a, b.detach().numpy(force=True), rtol=rtol, atol=atol, equal_nan=True, name=name)


def test_most_of_the_table_is_compared() -> None:
    assert len(ROWS) > 350
