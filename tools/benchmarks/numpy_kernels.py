"""The ops of `kernels` that NumPy has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernels import Case
from benchmarks.numpy_steps import Unsupported
from benchmarks.timing import Step

Run = Callable[[], Any]
_RNG = np.random.default_rng(0)


def _randn(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape, np.float32)


def _matmul(form: str, m: int, k: int, n: int, batch: int) -> Run:
    lead = (batch,) if batch > 1 else ()
    a = _randn(*lead, *((k, m) if form[0] == "T" else (m, k)))
    b = _randn(*lead, *((n, k) if form[1] == "T" else (k, n)))
    left = a.swapaxes(-1, -2) if form[0] == "T" else a
    right = b.swapaxes(-1, -2) if form[1] == "T" else b
    return lambda: left @ right


def _chain(which: str, shape: tuple[int, ...]) -> Run:
    x, y, z, bias = _randn(*shape), _randn(*shape), _randn(*shape), _randn(shape[1])
    forms: dict[str, Run] = {
        "add": lambda: x + y,
        "bias_relu": lambda: np.maximum(x + bias, 0),
        "multiply_add": lambda: x * y + z,
        "exp": lambda: np.exp(x * np.float32(0.5)),
        "tanh": lambda: np.tanh(x),
        "chain": lambda: np.maximum(x * y + bias, 0) * np.float32(0.5) - x,
    }
    if which not in forms:
        raise Unsupported(f"NumPy has no {which}")
    return forms[which]


def _sum(shape: tuple[int, ...], dim: int | None) -> Run:
    x = _randn(*shape)
    return lambda: x.sum(dim)


def _row(which: str, shape: tuple[int, ...], train: bool) -> Run:
    if which != "softmax" or train:
        raise Unsupported(f"NumPy has no {which}")
    x = _randn(*shape)

    def softmax() -> Any:
        y = np.exp(x - x.max(1, keepdims=True))
        y /= y.sum(1, keepdims=True)
        return y

    return softmax


def _transpose(shape: tuple[int, ...], order: tuple[int, ...]) -> Run:
    x = _randn(*shape).transpose(order)
    return lambda: np.ascontiguousarray(x)


_OPS: dict[str, Callable[..., Run]] = {
    "matmul": _matmul,
    "chain": _chain,
    "sum": _sum,
    "row": _row,
    "transpose": _transpose,
}


def kernel(case: Case, variant: str) -> Step:
    """A kernel of NumPy.

    Raises:
        Unsupported: if it has none in one or a few calls.
    """
    if case.op not in _OPS:
        raise Unsupported(f"NumPy has no {case.op}")
    return Step(_OPS[case.op](**case.options), lambda: None)
