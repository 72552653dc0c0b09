"""NumPy references of special functions, by the formulas of ops/special.cl.   Rows: special.py.

All compute in float64, whatever they are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


def wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function` with its arrays in float64."""
    return lambda *arrays: function(*(np.asarray(a, np.float64) for a in arrays))


_math_erf = np.vectorize(math.erf, otypes=[np.float64])
_math_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _one_lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


lgamma = np.vectorize(_one_lgamma, otypes=[np.float64])
erfc = _math_erfc


def _sinpi(x: Array) -> Array:
    whole = np.rint(x)
    even = 1 - 2 * np.mod(whole, 2)
    return np.asarray(even * np.sin(np.pi * (x - whole)))


def _cospi(x: Array) -> Array:
    return _sinpi(x + 0.5)


@wide
def sinc(x: Array) -> Array:
    """The sine of pi x, over pi x."""
    return np.where(x == 0, 1, _sinpi(x) / (np.pi * x))


def _times_log(log: Callable[[Array], Array]) -> Callable[..., Any]:
    return wide(lambda x, y: np.where((x == 0) & ~np.isnan(y), 0, x * log(y)))


xlogy = _times_log(np.log)
xlog1py = _times_log(np.log1p)


@wide
def entr(x: Array) -> Array:
    """The entropy -x log x, 0 at 0, -inf below."""
    return np.where(x > 0, -x * np.log(x), np.where(x < 0, -np.inf, x))


@wide
def erfinv(y: Array) -> Array:
    """The inverse of erf: Winitzki's approximation, then Halley's method."""
    v = np.abs(y)
    bent = np.log1p(-v * v)
    half, t = 2 / (np.pi * 0.147) + bent / 2, -bent / 0.147
    z = np.sqrt(t / (np.sqrt(half * half + t) + half))
    for _ in range(2):
        off = np.where(v > 0.5, (1 - v) - _math_erfc(z), _math_erf(z) - v)
        u = math.sqrt(math.pi) / 2 * off * np.exp(z * z)
        z = z - u / (1 + u * z)
    return np.copysign(np.where(v < 1, z, np.where(v == 1, np.inf, np.nan)), y)


@wide
def binary_cross_entropy(x: Array, t: Array) -> Array:
    """The cross-entropy of a probability with a target; logarithms stop at -100."""
    hit, miss = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    return np.asarray((t - 1) * miss - t * hit)


@wide
def erfcx(x: Array) -> Array:
    """The scaled complement exp(x x) erfc(x)."""
    z = np.abs(x)
    f = z
    for k in range(20, 0, -1):
        f = z + 0.5 * k / f
    near = np.exp(z * z) * _math_erfc(z)
    right = np.where(z < 4, near, 1 / (math.sqrt(math.pi) * f))
    return np.where(x < 0, 2 * np.exp(x * x) - right, right)


@wide
def log_ndtr(x: Array) -> Array:
    """The logarithm of the normal distribution function."""
    t = x * math.sqrt(0.5)
    left = np.log(0.5 * erfcx(-t)) - t * t
    return np.asarray(np.where(x < -1, left, np.log1p(-0.5 * _math_erfc(t))))


_DIGAMMA = (-691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)


@wide
def digamma(x: Array) -> Array:
    """The derivative of lgamma: recurrence, asymptotic series, reflection."""
    y = np.where(x < 0, 1 - x, x)
    total = np.zeros_like(y)
    for _ in range(10):
        total = total + 1 / y
        y = y + 1
    r = 1 / (y * y)
    series = np.zeros_like(y)
    for factor in _DIGAMMA:
        series = series * r + factor
    right = np.log(y) - 0.5 / y - r * series - total
    left = np.where(x == np.floor(x), np.nan, right - np.pi * _cospi(x) / _sinpi(x))
    return np.where(x == 0, -np.copysign(np.inf, x), np.where(x < 0, left, right))


@wide
def zeta(s: Array, q: Array) -> Array:
    """Hurwitz's zeta function for s > 1 and q > 0, by Euler and Maclaurin."""
    total, a = np.zeros_like(s * q), q
    for _ in range(10):
        total = total + np.power(a, -s)
        a = a + 1
    last, r = np.power(a, -s), 1 / (a * a)
    series = -1 / 1209600 * (s + 5) * (s + 6) * r + 1 / 30240
    series = series * (s + 3) * (s + 4) * r - 1 / 720
    series = series * (s + 1) * (s + 2) * r + 1 / 12
    rest = last * (a / (s - 1) + 0.5 + s * series / a)
    return np.where(np.isinf(a), 0, total + rest)


def _bessel(z: Array, n: int) -> Array:
    t = z * z / 4
    term = z / 2 if n else np.ones_like(z)
    near = term
    for k in range(1, 36):
        term = term * t / (k * (k + n))
        near = near + term
    step = far = np.ones_like(z)
    for k in range(1, 20):
        step = step * ((2 * k - 1) ** 2 - 4 * n) / (8 * k * z)
        far = far + step
    return np.asarray(np.where(z > 20, far / np.sqrt(2 * np.pi * z), near * np.exp(-z)))


@wide
def i0e(x: Array) -> Array:
    """The modified Bessel function of order 0, times exp(-|x|)."""
    return _bessel(np.abs(x), 0)


@wide
def i1e(x: Array) -> Array:
    """The modified Bessel function of order 1, times exp(-|x|)."""
    return np.copysign(_bessel(np.abs(x), 1), x)
