"""Comparing tensors and arrays, with messages that name the worst element."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_cl import dtypes, engine
from tinygrad_cl.tensor import Tensor

# PyTorch's defaults (torch.testing.assert_close): relative and absolute, by dtype.
_TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    name: str = "",
) -> None:
    """Asserts `|actual - expected| <= atol + rtol * |expected|` everywhere, and equal shapes.

    Integers and bools must be equal unless tolerances are given.

    Args:
        actual: a tensor, array or number; or a sequence or mapping of them, compared pairwise.
        expected: likewise.
        rtol: relative tolerance (default: PyTorch's, for the narrower of the two dtypes).
        atol: absolute tolerance, likewise.
        equal_nan: whether NaN equals NaN.
        check_dtype: whether the dtypes must be equal; Python numbers have none.
        name: what the message calls the pair.

    Raises:
        AssertionError: naming the worst element, its index, both values and the distance in ULPs.

    Example:
        >>> assert_close([1.0, 2.0], [1.0, 2.0 + 1e-9])
        >>> assert_close(np.float32([1, 2]), np.float32([1, 3]))
        Traceback (most recent call last):
            ...
        AssertionError: values differ at 1 of 2 elements (float32, rtol 1.3e-06, atol 1e-05)
          worst at (1,): actual 2.0, expected 3.0
          differs by 1 (relative 0.333, 4194304 ULPs)
    """
    label = f"{name}: " if name else ""
    if _is_container(expected) or _is_container(actual):
        _assert_pairs(actual, expected, rtol, atol, equal_nan, check_dtype, name)
        return
    a, b = _as_array(actual), _as_array(expected)
    if check_dtype and a.dtype != b.dtype and _has_dtype(actual) and _has_dtype(expected):
        raise AssertionError(f"{label}dtypes differ: actual {a.dtype}, expected {b.dtype}")
    if a.shape != b.shape:
        raise AssertionError(f"{label}shapes differ: actual {a.shape}, expected {b.shape}")
    default_rtol, default_atol = _default_tolerances(a.dtype, b.dtype)
    rtol = default_rtol if rtol is None else rtol
    atol = default_atol if atol is None else atol
    excess = _excess(a, b, rtol, atol, equal_nan)
    if excess.size and excess.max() > 0:
        raise AssertionError(label + _message(a, b, excess, rtol, atol))


def ulps(a: float, b: float, dtype: Any) -> int:
    """Returns how many representable numbers of a float dtype lie between two finite values.

    Example:
        >>> ulps(1.0, 1.0 + 2**-23, np.float32), ulps(-0.0, 0.0, np.float64)
        (1, 0)
    """
    return abs(_order(a, np.dtype(dtype)) - _order(b, np.dtype(dtype)))


def _order(value: float, dtype: np.dtype[Any]) -> int:
    """The position of a float among all floats of its dtype, counted from zero."""
    bits = int(np.asarray(value, dtype).view(f"i{dtype.itemsize}"))
    return bits if bits >= 0 else -(bits & ((1 << (8 * dtype.itemsize - 1)) - 1))


def _is_container(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and any(
        isinstance(v, Tensor | np.ndarray | list | tuple | Mapping) for v in value
    )


def _assert_pairs(
    actual: Any,
    expected: Any,
    rtol: float | None,
    atol: float | None,
    equal_nan: bool,
    check_dtype: bool,
    name: str,
) -> None:
    """Compares two containers element by element."""
    if isinstance(expected, Mapping) != isinstance(actual, Mapping):
        raise AssertionError(f"{name}: one of the two is a mapping and the other is not")
    if isinstance(expected, Mapping):
        if set(actual) != set(expected):
            raise AssertionError(f"{name}: keys differ: {sorted(actual)} and {sorted(expected)}")
        keys: list[Any] = list(expected)
    else:
        if len(actual) != len(expected):
            raise AssertionError(f"{name}: lengths differ: {len(actual)} and {len(expected)}")
        keys = list(range(len(expected)))
    for key in keys:
        assert_close(
            actual[key],
            expected[key],
            rtol=rtol,
            atol=atol,
            equal_nan=equal_nan,
            check_dtype=check_dtype,
            name=f"{name}[{key!r}]",
        )


def _has_dtype(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray | np.generic)


def _as_array(value: Any) -> np.ndarray:
    return engine.numpy(value.node) if isinstance(value, Tensor) else np.asarray(value)


def _default_tolerances(a: np.dtype[Any], b: np.dtype[Any]) -> tuple[float, float]:
    floats = [dtypes.dtype(d) for d in (a, b) if _is_float(d)]
    if not floats:
        return 0.0, 0.0
    return _TOLERANCES[min(floats, key=lambda d: d.rank)]


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "f" or dtype.name == "bfloat16"


def _excess(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, equal_nan: bool) -> np.ndarray:
    """How far apart elements are where that is too far, else 0; inf where one is not finite."""
    if a.dtype.kind in "iub" and b.dtype.kind in "iub":
        difference = np.abs(a.astype(object) - b.astype(object)).astype(np.float64)
        return np.where(difference > atol + rtol * np.abs(b.astype(np.float64)), difference, 0.0)
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):
        difference = np.abs(x - y)
        excess = np.where(difference <= atol + rtol * np.abs(y), 0.0, difference)
    excess = np.where(np.isfinite(x) & np.isfinite(y), excess, np.inf)
    same = x == y
    if equal_nan:
        same = same | (np.isnan(x) & np.isnan(y))
    return np.where(same, 0.0, excess)


def _message(a: np.ndarray, b: np.ndarray, excess: np.ndarray, rtol: float, atol: float) -> str:
    count = int(np.count_nonzero(excess))
    place = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), a.shape))
    x, y = a[place], b[place]
    lines = [
        f"values differ at {count} of {a.size} elements ({a.dtype}, rtol {rtol:g}, atol {atol:g})",
        f"  worst at {place}: actual {x}, expected {y}",
    ]
    left, right = float(x), float(y)
    if math.isfinite(left) and math.isfinite(right):
        gap = abs(left - right)
        relative = gap / abs(right) if right else math.inf
        words = [f"relative {relative:.3g}"]
        if _is_float(a.dtype):
            words.append(f"{ulps(left, right, a.dtype)} ULPs")
        lines.append(f"  differs by {gap:.6g} ({', '.join(words)})")
    return "\n".join(lines)


__all__ = ["assert_close", "ulps"]
