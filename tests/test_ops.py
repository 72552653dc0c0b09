"""Every row of the test table: values, dtypes, shapes, errors, and equal bits when run again.

Rows are in tests/cases; nothing here names an op.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, FAMILIES, Case
from cases.core import Sample
from structures import names

import tinygrad_cl as tg
from tinygrad_cl import Tensor, engine, graph
from tinygrad_cl.functional import older_names
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.testing import assert_close

each_case = pytest.mark.parametrize("case", CASES, ids=repr)


def dtypes_on(case: Case, device: str) -> list[str]:
    """The dtypes of a row that a device has."""
    found = get_device(device)
    return [name for name in case.dtypes if found.supports(tg.dtypes.dtype(name))]


def computed(case: Case, device: str) -> list[tuple[str, Sample, list[Tensor]]]:
    """All answers of a row, computed in one plan."""
    answers = [
        (dtype, sample, case.run(sample, device))
        for dtype in dtypes_on(case, device)
        for sample in case.draws(dtype)
    ]
    engine.realize([tensor.node for _, _, outputs in answers for tensor in outputs])
    return answers


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


@each_case
def test_values(case: Case, device: str) -> None:
    for dtype, sample, outputs in computed(case, device):
        expected = listed(case.expected(sample))
        assert len(outputs) == len(expected)
        for i, (actual, meant) in enumerate(zip(outputs, expected, strict=True)):
            name = f"{case.name}{sample!r} [{i}]"
            result = case.result_dtype(dtype)
            wanted = np.asarray(meant)
            with np.errstate(all="ignore"):
                if i == 0 or wanted.dtype.kind == "f":
                    wanted = wanted.astype(result)
            rtol, atol = case.tolerance(wanted.dtype.name)
            assert_close(actual, wanted, rtol=rtol, atol=atol, equal_nan=True, name=name)


@each_case
def test_dtype_and_shape(case: Case) -> None:
    for dtype in case.dtypes:
        for sample in case.draws(dtype):
            first = case.run(sample, "numpy")[0]
            meant = np.asarray(listed(case.expected(sample))[0])
            assert first.dtype.name == case.result_dtype(dtype), sample
            assert first.shape == meant.shape, sample
            value = first.numpy()
            assert value.dtype == first.dtype.numpy, sample
            assert value.shape == first.shape, sample


@each_case
def test_device_matches_numpy(case: Case, opencl_device: str) -> None:
    there, here = computed(case, opencl_device), computed(case, "numpy")
    by_sample = {(dtype, i): answer for i, (dtype, _, answer) in enumerate(here)}
    assert len(there) == len(by_sample)
    for (dtype, sample, outputs), (_, _, references) in zip(there, here, strict=True):
        for actual, expected in zip(outputs, references, strict=True):
            rtol, atol = case.tolerance(expected.dtype.name)
            # Compositions are rounded to float16 at every step on "numpy", and once in a kernel.
            slack = 4 if expected.dtype.name == "float16" else 1
            name = f"{dtype} {sample!r}"
            assert_close(
                actual, expected, rtol=slack * rtol, atol=slack * atol, equal_nan=True, name=name
            )


@each_case
def test_deterministic(case: Case, device: str) -> None:
    first, second = computed(case, device), computed(case, device)
    for (_, sample, one), (_, _, two) in zip(first, second, strict=True):
        for a, b in zip(one, two, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes(), sample


@pytest.mark.parametrize("case", [case for case in CASES if case.errors], ids=repr)
def test_errors(case: Case, device: str) -> None:
    for row in case.errors:
        with pytest.raises(row.error) as caught:  # noqa: PT012 - some are seen only when computed
            outputs = case.run(row.sample, device)
            if row.error is not IndexError:
                pytest.fail(f"no {row.error.__name__} at the call of {case.name}{row.sample!r}")
            engine.realize([tensor.node for tensor in outputs])
            get_device(device).synchronize()
        assert row.message in str(caught.value), row.sample
        get_device(device).synchronize()  # the error was raised once, and is over


# --- the table is complete


def primitives_of(case: Case) -> set[str]:
    """The primitives that a row reaches, forward and backward."""
    found: set[str] = set()
    for dtype in case.dtypes[:1]:
        for sample in case.draws(dtype):
            nodes = [tensor.node for tensor in case.run(sample, "numpy")]
            found |= {n.primitive.name for n in graph.toposort(nodes, lambda node: node.inputs)}
            found |= set(names(*nodes))
    return found


def test_every_primitive_has_a_case() -> None:
    reached = set().union(*(primitives_of(case) for case in CASES))
    # Leaves, and what only backward passes make: test_recompute.py, test_attention.py,
    # test_cross_entropy.py.
    leaves = {"data", "scalar", "again", "attention_grad", "class_share"}
    assert set(graph.PRIMITIVES) - leaves - reached == set()


# Functions with tests of their own, and why they are no rows of the table.
ELSEWHERE = {
    "explain": "test_readme.py: shows plans",
    "checkpoint": "test_recompute.py",
    "randint": "test_random.py",
    "randperm": "test_random.py",
    "rand_like": "test_random.py",
    "randn_like": "test_random.py",
    "normal": "test_random.py",
    "bernoulli": "test_random.py",
    "uniform_": "test_random.py",
    "normal_": "test_random.py",
    "dropout": "test_random.py",
    "dropout2d": "test_random.py",
    "dropout1d": "test_random_layers.py",
    "dropout3d": "test_random_layers.py",
    "alpha_dropout": "test_random_layers.py",
    "feature_alpha_dropout": "test_random_layers.py",
    "gumbel_softmax": "test_random_layers.py",
    **dict.fromkeys(
        ("relu_", "elu_", "selu_", "celu_", "rrelu_", "hardtanh_", "leaky_relu_", "threshold_"),
        "test_nn_functional.py",
    ),
    "multi_head_attention_forward": "test_nn_attention.py",
    "manual_seed": "test_random.py",
    "initial_seed": "test_random.py",
    **dict.fromkeys(("det", "inverse", "matrix_power"), "cases/linalg.py, as linalg.det and so on"),
    **dict.fromkeys(
        (
            *(
                f"{name}Tensor"
                for name in ("Bool", "Byte", "Double", "Float", "Half", "Int", "Long")
            ),
            *("device", "is_complex", "is_floating_point", "is_nonzero", "is_tensor", "numel"),
            *("scalar_tensor", "use_deterministic_algorithms"),
        ),
        "test_tensor.py: makes tensors, or asks what they are",
    ),
    "equal": "returns a bool: test_tensor.py",
    "allclose": "returns a bool: test_tensor.py",
}


def test_every_public_function_has_a_case() -> None:
    covered = {name for case in CASES for name in (*case.covers, case.name)}
    covered |= set(older_names.__all__)  # test_nn_functional.py: they only call others
    missing = []
    for module in (tg, tg.nn.functional):
        for name in module.__all__:
            function = getattr(module, name)
            home = getattr(function, "__module__", "")
            ours = callable(function) and home.startswith("tinygrad_cl.functional")
            known = name in covered or getattr(function, "__name__", name) in covered
            if ours and not isinstance(function, type) and not known:
                missing.append(name)
    assert sorted(set(missing) - set(ELSEWHERE)) == []


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(FAMILIES) == len({family.__name__ for family in FAMILIES})
