"""What the rows of all families share: dtype checks, and the frame around NumPy references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cl.dtypes import ALL, DType
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.graph import TensorSpec

# Sets of dtype kinds, as in NumPy: b bool, u unsigned, i signed, f float.
BOOL, INTEGER, FLOAT, NUMERIC, ANY = "b", "ui", "f", "uif", "buif"


def common_dtype(op: str, kinds: str, inputs: tuple[TensorSpec, ...]) -> DType:
    """Returns the one dtype of the inputs.

    Raises:
        DTypeError: if they differ, or their kind is not among `kinds`.
    """
    dtype = inputs[0].dtype
    if any(spec.dtype is not dtype for spec in inputs):
        found = ", ".join(spec.dtype.name for spec in inputs)
        raise DTypeError(f"{op}: needs inputs of one dtype, got {found}; cast them with .to(...)")
    if dtype.kind not in kinds:
        allowed = ", ".join(d.name for d in ALL if d.kind in kinds)
        raise DTypeError(f"{op}: needs {allowed}, got {dtype.name}; cast it with .to(...)")
    return dtype


def widen(array: Any) -> Any:
    """Returns float16 arrays as float32, all others as they are: no kernel computes in float16."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def reference(function: Callable[..., Any], result: DType | None = None) -> Callable[..., Any]:
    """Returns `function` as a reference: float16 computed in float32, no warnings, the exact dtype.

    The dtype is `result`, or that of the last input.
    """

    def run(*arrays: Any, **attrs: Any) -> Any:
        dtype = arrays[-1].dtype if result is None else result.numpy
        with np.errstate(all="ignore"):
            return np.asarray(function(*map(widen, arrays), **attrs)).astype(dtype, copy=False)

    return run
