"""Derivatives of a function of one real number, measured from its values.

Pure arithmetic on Python floats: no tensors here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Function = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured derivative.

    Attributes:
        value: the derivative at 0, extrapolated to a step of zero.
        uncertainty: how far the best two extrapolations differ, or the rounding error if that is
            larger.
        left, right: the one-sided derivatives at the smallest step.
        kink: True if the one-sided derivatives stay apart, however small the step.
    """

    value: float
    uncertainty: float
    left: float
    right: float
    kink: bool

    @property
    def finite(self) -> bool:
        """True if the function had values at the steps that were tried."""
        return math.isfinite(self.value)


def derivative(
    f: Function, at_zero: float, step: float, precision: float, wanted: float, levels: int = 6
) -> Estimate:
    """Returns the derivative of `f` at 0 by central differences, extrapolated by Ridders' method.

    The step is halved up to `levels` times; each row of the table removes one more power of the
    step from the error (C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), 1982).

    Args:
        f: the function.
        at_zero: `f(0)`.
        step: the first, largest step.
        precision: the relative rounding error of the values of `f`.
        wanted: the search ends early when the uncertainty is below this and the sides agree.
        levels: the largest number of steps, of two evaluations each.

    Example:
        >>> import math
        >>> found = derivative(math.exp, 1.0, step=1e-2, precision=2e-16, wanted=1e-9)
        >>> abs(found.value - 1) < 1e-9, found.kink
        (True, False)
        >>> derivative(abs, 0.0, step=1e-2, precision=2e-16, wanted=0.0).kink
        True
    """
    table: list[float] = []
    jumps: list[float] = []
    best, error = math.nan, math.inf
    left = right = math.nan
    scale = abs(at_zero)
    for level in range(levels):
        h = step / 2**level
        above, below = f(h), f(-h)
        scale = max(scale, abs(above), abs(below))
        right, left = (above - at_zero) / h, (at_zero - below) / h
        jumps.append(abs(right - left))
        row = _extrapolate(table, (above - below) / (2 * h))
        rounding = precision * scale / h
        for j in range(1, len(row)):
            spread = max(abs(row[j] - row[j - 1]), abs(row[j] - table[j - 1]), rounding)
            if spread <= error:
                best, error = row[j], spread
        if level == 0 and math.isfinite(row[0]):
            best = row[0]
        table = row
        if error <= wanted and level >= 1 and not _stays_apart(jumps, 4 * rounding, best):
            break
    kink = _stays_apart(jumps, 4 * precision * scale * 2 ** (len(jumps) - 1) / step, best)
    return Estimate(best, error, left, right, kink)


def _extrapolate(previous: list[float], difference: float) -> list[float]:
    row = [difference]
    for j, older in enumerate(previous, start=1):
        power = 4.0**j
        row.append((power * row[j - 1] - older) / (power - 1))
    return row


def _stays_apart(jumps: list[float], rounding: float, slope: float) -> bool:
    """Tells whether the jumps between the sides stay while the step shrinks: `f` is not smooth."""
    if len(jumps) < 2 or not all(math.isfinite(j) for j in jumps[-2:]):
        return False
    visible = jumps[-1] > 10 * rounding + 1e-6 * abs(slope)
    return visible and jumps[-1] > 0.75 * jumps[-2]
