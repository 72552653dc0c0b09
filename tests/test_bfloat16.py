"""bfloat16 through the test table: every row that takes float16, in the other 16-bit float.

Samples are those of float32, with values that bfloat16 holds; tolerances are float16's, times the
ratio of the two dtypes' precisions. What is not of the table follows below.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import CASES, Case
from cases.core import Const, Sample, View, as_array, as_tensor

import tinygrad_cl as tg
from tinygrad_cl import engine, nn
from tinygrad_cl.dtypes import finfo, widened
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.testing import assert_close, gradcheck
from tinygrad_cl.testing.report import Verdict

Bits = Any
COARSER = finfo("bfloat16").eps / finfo("float16").eps

# Rows that say nothing here, and why.
OTHERS = {
    "nan_to_num": "the largest number is the dtype's: test_torch_bfloat16.py",
    "cast_to_float16": "names its dtype",
}
# Cancellation: a row's absolute tolerance where float16's does not scale.
ABSOLUTE = {"lerp": 1e-2}
ROWS = [case for case in CASES if "float16" in case.dtypes and case.name not in OTHERS]


def narrow(value: Any) -> Any:
    """An array argument, or the array of a view, in bfloat16 if it is of floats."""
    if isinstance(value, View | Const):
        return replace(value, array=narrow(value.array))
    with np.errstate(all="ignore"):
        return value.astype(tg.bfloat16.numpy) if value.dtype.kind == "f" else value


def rounded(value: Any) -> Any:
    """An array argument with values that bfloat16 holds."""
    if isinstance(value, View | Const):
        return replace(value, array=rounded(value.array))
    return widened(narrow(value))


def samples_of(case: Case) -> list[Sample]:
    """The samples without a `dtype` of their own."""
    drawn = [sample for sample in case.draws("float32") if "float32" not in repr(sample.kwargs)]
    return [sample.call(Sample, rounded) for sample in drawn]


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


@pytest.mark.parametrize("case", ROWS, ids=repr)
def test_rows_of_float16(case: Case, device: str) -> None:
    extra = {"device": device} if case.wants_device else {}
    samples = samples_of(case)
    answers = [
        listed(
            sample.call(
                lambda *a, **k: case.function(*a, **k, **extra),
                lambda value: as_tensor(narrow(value), device),
            )
        )
        for sample in samples
    ]
    engine.realize([tensor.node for outputs in answers for tensor in outputs])
    rtol, atol = (COARSER * bound for bound in case.tolerance("float16"))
    meant = case.result_dtype("float16").replace("float16", "bfloat16")
    for sample, outputs in zip(samples, answers, strict=True):
        with np.errstate(all="ignore"):
            expected = listed(sample.call(case.oracle, as_array))
        assert outputs[0].dtype.name == meant, sample
        for actual, right in zip(outputs, expected, strict=True):
            assert_close(
                widened(actual.numpy(force=True)).astype(np.float64),
                np.asarray(right),
                rtol=rtol,
                atol=ABSOLUTE.get(case.name, atol),
                equal_nan=True,
                check_dtype=False,
                name=f"{case.name}{sample!r}",
            )


# --- what is not of the table


def bits_of(tensor: tg.Tensor) -> Bits:
    return tensor.numpy(force=True).view(np.uint16)


def test_rounding_is_to_nearest_even_and_keeps_nan(device: str) -> None:
    given = [0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0x7F800001, 0xFFC00001, 0x00018000]
    meant = [0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x7FC0, 0xFFC0, 0x0002]
    x = tg.tensor(np.array(given, np.uint32).view(np.float32), device=device).bfloat16()
    # The bits of a NaN are any that are one.
    found, nan = bits_of(x), np.isnan(widened(x.numpy()))
    assert nan.tolist() == [False] * 4 + [True] * 2 + [False]
    assert found[~nan].tolist() == np.array(meant)[~nan].tolist()


def test_a_value_that_never_reaches_memory_is_rounded(device: str) -> None:
    x = tg.tensor([1.0001, 3.14159265, -70000.0], device=device)
    y = (x.bfloat16() * 1.01).float() + 0
    kind = tg.bfloat16.numpy.type
    expected = [float(kind(float(kind(v)) * 1.01)) for v in x.tolist()]  # 1.01 is not rounded
    assert y.tolist() == expected


def test_sums_are_made_in_float32(device: str) -> None:
    ones = tg.ones(5000, dtype=tg.bfloat16, device=device)
    assert ones.sum().item() == 4992  # 5000 has more digits; steps of 1 would end at 256
    assert (ones.reshape(1, -1) @ ones.reshape(-1, 1)).item() == 4992
    assert ones.cumsum(0)[-1].item() == 4992


def test_the_dtype_of_tensors_and_numbers(device: str) -> None:
    x = tg.tensor([1.5, -2.0], dtype=tg.bfloat16, device=device)
    assert (x * 3 + 0.5).dtype is tg.bfloat16
    assert (x + tg.tensor([1, 2], device=device)).dtype is tg.bfloat16
    assert (x + x.half()).dtype is tg.float32
    assert (x + x.float()).dtype is tg.float32
    assert x.tolist() == [1.5, -2.0]
    assert isinstance(x[0].item(), float)
    assert repr(tg.tensor([0.1, 0.25], dtype=tg.bfloat16)) == (
        "tensor([0.1001, 0.2500], dtype=tinygrad_cl.bfloat16)"
    )
    assert repr(tg.bfloat16) == "tinygrad_cl.bfloat16"
    assert tg.equal(x, pickle.loads(pickle.dumps(x)).to(device))
    assert tg.equal(tg.from_numpy(x.numpy(), device=device), x)
    assert tg.tensor(x.numpy(), dtype=tg.int64).tolist() == [1, -2]
    assert 0 <= tg.rand(4096, dtype=tg.bfloat16, device=device).max().item() < 1


@pytest.mark.host_fallback("the shape of the result depends on the values")
def test_unique_values_keep_the_dtype(device: str) -> None:
    found = tg.unique(tg.tensor([2.0, -1.5, 2.0], device=device).bfloat16())
    assert found.dtype is tg.bfloat16
    assert found.tolist() == [-1.5, 2.0]


def test_gradients_are_of_the_same_dtype(device: str) -> None:
    x = tg.tensor([0.5, 2.0], dtype=tg.bfloat16, device=device, requires_grad=True)
    (x.exp() * x.float().sum()).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype is tg.bfloat16
    report = gradcheck(lambda x: x.tanh() * x, [x], raise_exception=False)
    assert report.verdict in (Verdict.OK, Verdict.IMPRECISE)


def test_a_net_in_bfloat16_learns(device: str) -> None:
    tg.manual_seed(0)
    layers = (nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 2)).to(device).bfloat16()
    assert {p.dtype for p in net.parameters()} == {tg.bfloat16}
    optimizer = tg.optim.Adam(net.parameters(), lr=0.01)
    x = tg.randn(32, 1, 4, 4, dtype=tg.bfloat16, device=device)
    y = (x.float().sum((1, 2, 3)) > 0).long()
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x).float(), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert {p.grad.dtype for p in net.parameters() if p.grad is not None} == {tg.bfloat16}
    held = optimizer.state[next(net.parameters())]["exp_avg"]
    assert held.dtype is tg.float32  # an update of bfloat16 alone would often round to nothing
    other = nn.Linear(32, 2)
    other.load_state_dict({"weight": net[5].weight, "bias": net[5].bias})
    assert tg.equal(other.weight, net[5].weight.float().to(other.weight.device))


def test_jit_gives_the_bits_of_define_by_run(opencl_device: str) -> None:
    def step(x: tg.Tensor) -> tg.Tensor:
        return ((x @ x).relu() * 1.7).softmax(1)

    x = tg.randn(32, 32, device=opencl_device).bfloat16()
    captured = tg.jit(step)
    for _ in range(3):
        assert np.array_equal(bits_of(captured(x)), bits_of(step(x)))


def test_finfo_and_iinfo() -> None:
    for name in ("float16", "float32", "float64"):
        ours, meant = finfo(name), np.finfo(name)
        found = (ours.bits, ours.eps, ours.max, ours.min, ours.tiny)
        wanted = (meant.bits, meant.eps, meant.max, meant.min, meant.tiny)
        assert found == tuple(map(float, wanted)), name
    for name in ("uint8", "int32", "int64"):
        assert (tg.iinfo(name).min, tg.iinfo(name).max) == (np.iinfo(name).min, np.iinfo(name).max)
    assert repr(tg.finfo(tg.bfloat16)) == (
        "finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.0078125, "
        "smallest_normal=1.17549e-38, tiny=1.17549e-38, dtype=bfloat16)"
    )
    with pytest.raises(DTypeError, match="finfo: needs one of float16, bfloat16"):
        tg.finfo(tg.int32)
    with pytest.raises(DTypeError, match="iinfo: needs one of uint8"):
        tg.iinfo("float32")


def test_without_the_package_there_is_a_clear_error(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import tinygrad_cl as tg\n"
        "print(tg.bfloat16, tg.finfo(tg.bfloat16).bits)\n"
        "try:\n    tg.ones(2, dtype=tg.bfloat16, device='numpy').numpy()\n"
        "except tg.DTypeError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == [
        "tinygrad_cl.bfloat16 16",
        "bfloat16 needs the package ml_dtypes, as NumPy has no such dtype: "
        "pip install 'tinygrad-cl[bfloat16]'",
    ]


# --- autocast


def test_autocast_chooses_dtypes(device: str) -> None:
    functional = nn.functional
    x, w, b = (tg.randn(*shape, device=device) for shape in ((4, 8), (3, 8), (3,)))
    for kind in (tg.bfloat16, tg.float16):
        with tg.autocast("opencl", dtype=kind):
            y = functional.linear(x, w, b)
            found = [y, x @ w.T, y + b, functional.softmax(y, 1), y.sum(), y.relu()]
            assert functional.linear(x.double(), w.double()).dtype is tg.float64
            with tg.autocast("opencl", enabled=False):
                assert functional.linear(x, w).dtype is tg.float32
            assert functional.linear(x, w).dtype is kind
        wide = tg.float32
        assert [tensor.dtype for tensor in found] == [kind, kind, wide, wide, wide, kind]
        assert tg.equal(y, functional.linear(x.to(kind), w.to(kind), b.to(kind)))
    assert functional.linear(x, w).dtype is tg.float32
    assert tg.amp.autocast("cpu").dtype is tg.bfloat16
    assert tg.amp.autocast("cuda").dtype is tg.float16
    with pytest.raises(DTypeError, match="autocast: needs float16 or bfloat16, got float32"):
        tg.autocast("opencl", dtype=tg.float32)


def test_gradients_of_autocast_have_the_dtype_of_the_weights(device: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    net.to(device)
    x, y = tg.randn(5, 1, 4, 4, device=device), tg.zeros(5, dtype=tg.int64, device=device)
    found = []
    for enabled in (True, False):
        net.zero_grad()

        @tg.autocast("opencl", dtype=tg.bfloat16, enabled=enabled)
        def loss() -> tg.Tensor:
            hidden = tg.checkpoint(net[0], x)
            return nn.functional.cross_entropy(net[3](net[2](net[1](hidden))), y)

        loss().backward()
        found.append([p.grad.numpy() for p in net.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) == 6
    for narrow_, wide in zip(*found, strict=True):
        assert narrow_.dtype == np.float32
        np.testing.assert_allclose(narrow_, wide, atol=0.05 * np.abs(wide).max() + 5e-3)
    assert not np.array_equal(found[0][5], found[1][5])


def test_a_captured_function_knows_autocast(opencl_device: str) -> None:
    x = tg.randn(8, 8, device=opencl_device)
    square = tg.jit(lambda x: x @ x)
    for _ in range(3):
        assert square(x).dtype is tg.float32
        with tg.autocast("opencl", dtype=tg.bfloat16):
            assert square(x).dtype is tg.bfloat16
