"""Element types: names, promotion as PyTorch's, weak scalars."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from tinygrad_cl import dtypes, tensor
from tinygrad_cl.dtypes import ALL, DType, dtype, of_scalar, promote, promote_scalar
from tinygrad_cl.errors import DTypeError

BY_NAME = {d.name: d for d in ALL}

# torch.promote_types, row by row, in the order of ALL.
PROMOTED = """
bool     bool     uint8    int32    int64    float16 bfloat16 float32 float64
uint8    uint8    uint8    int32    int64    float16 bfloat16 float32 float64
int32    int32    int32    int32    int64    float16 bfloat16 float32 float64
int64    int64    int64    int64    int64    float16 bfloat16 float32 float64
float16  float16  float16  float16  float16  float16 float32  float32 float64
bfloat16 bfloat16 bfloat16 bfloat16 bfloat16 float32 bfloat16 float32 float64
float32  float32  float32  float32  float32  float32 float32  float32 float64
float64  float64  float64  float64  float64  float64 float64  float64 float64
"""


def test_promotion_is_pytorchs() -> None:
    for line in PROMOTED.strip().splitlines():
        name, *row = line.split()
        for other, expected in zip(ALL, row, strict=True):
            assert promote(BY_NAME[name], other) is BY_NAME[expected]


@pytest.mark.parametrize("a", ALL, ids=str)
def test_promotion_is_a_join(a: DType) -> None:
    assert promote(a, a) is a
    for b in ALL:
        assert promote(a, b) is promote(b, a)
        for c in ALL:
            assert promote(promote(a, b), c) is promote(a, promote(b, c))


# result_type of a tensor and a Python number in PyTorch: the number only raises the category.
@pytest.mark.parametrize(
    ("name", "with_bool", "with_int", "with_float"),
    [
        ("bool", "bool", "int64", "float32"),
        ("uint8", "uint8", "uint8", "float32"),
        ("int32", "int32", "int32", "float32"),
        ("int64", "int64", "int64", "float32"),
        ("float16", "float16", "float16", "float16"),
        ("bfloat16", "bfloat16", "bfloat16", "bfloat16"),
        ("float32", "float32", "float32", "float32"),
        ("float64", "float64", "float64", "float64"),
    ],
)
def test_scalars_are_weak(name: str, with_bool: str, with_int: str, with_float: str) -> None:
    tensor = BY_NAME[name]
    assert promote_scalar(tensor, True) is BY_NAME[with_bool]
    assert promote_scalar(tensor, 2**40) is BY_NAME[with_int]
    assert promote_scalar(tensor, 1e300) is BY_NAME[with_float]


@pytest.mark.parametrize("d", ALL, ids=str)
def test_every_name_leads_to_the_one_instance(d: DType) -> None:
    assert dtype(d) is dtype(d.name) is dtype(d.numpy) is dtype(d.numpy.type) is d
    assert pickle.loads(pickle.dumps(d)) is d
    assert copy.deepcopy(d) is d
    assert d.numpy.itemsize == d.itemsize
    assert d.numpy.kind == d.kind or d is dtypes.bfloat16  # whose dtype is not NumPy's own
    assert repr(d) == f"tinygrad_cl.{d.name}"


def test_python_types_and_short_names() -> None:
    assert [dtype(t) for t in (bool, int, float)] == [
        dtypes.bool_,
        dtypes.int64,
        dtypes.float32,
    ]
    assert [of_scalar(v) for v in (True, 3, 2.5)] == [dtypes.bool_, dtypes.int64, dtypes.float32]
    assert dtype("double") is dtypes.float64
    assert dtype("half") is dtypes.float16
    assert dtype("<i4") is dtypes.int32


def test_kinds_are_disjoint() -> None:
    for d in ALL:
        assert d.is_floating_point + d.is_integer + (d is dtypes.bool_) == 1
        assert d.category == (0 if d is dtypes.bool_ else 1 if d.is_integer else 2)


@pytest.mark.parametrize(
    "bad", [complex, "complex64", "no such dtype", np.dtype("S3"), np.uint16, object, 3.5]
)
def test_other_types_are_refused_with_the_list_of_ours(bad: Any) -> None:
    with pytest.raises(DTypeError, match="is not supported; use one of bool, uint8, int32"):
        dtype(bad)


def test_half_rounds_even_where_it_never_reaches_memory(device: str) -> None:
    x = tensor([1.0001, 3.14159265, 70000.0], device=device)
    y = (x.half() * 1.001).float() + 0
    with np.errstate(over="ignore"):
        halves = np.array([1.0001, 3.14159265, 70000.0]).astype(np.float16).astype(np.float32)
        expected = (halves * np.float32(1.001)).astype(np.float16)  # the number is not rounded
    np.testing.assert_array_equal(y.numpy(), expected.astype(np.float32))
